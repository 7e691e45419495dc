"""Compressed TIFFs where imagecodecs isn't installed, which only some compressions need."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench.base.errors import BenchError
from bench.data.formats import geotiff, planar_tiff
from bench.data.formats.tiff_codecs import deflated

PIXELS = (np.arange(2 * 60 * 60, dtype="<i2") % 97).reshape(2, 60, 60)

READ = """
import sys
from pathlib import Path
sys.modules["imagecodecs"] = None
from bench.base.errors import BenchError
from bench.data.formats import geotiff, planar_tiff
from bench.data.magicbathynet import rasters

for name, read in (
    ("one", geotiff.read),
    ("one", lambda path: rasters.read(path).pixels),
    ("several", lambda path: planar_tiff.read(path, 2, "<i2", 60)),
):
    for way in ("deflate", "lzw"):
        try:
            print(way, read(Path(sys.argv[1]) / f"{name}.{way}.tif").sum())
        except BenchError as error:
            print(way, error)
"""


def test_deflated_files_are_read_without_imagecodecs_others_name_the_extra(tmp_path: Path) -> None:
    for way in ("deflate", "lzw"):
        several = {"planarconfig": "separate", "photometric": "minisblack", "compression": way}
        tifffile.imwrite(tmp_path / f"several.{way}.tif", PIXELS, **several)
        tifffile.imwrite(tmp_path / f"one.{way}.tif", PIXELS[0], compression=way)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=True
    )
    deflated, packed = done.stdout.splitlines()[::2], done.stdout.splitlines()[1::2]
    assert deflated == [f"deflate {total}" for total in (*[PIXELS[0].sum()] * 2, PIXELS.sum())]
    for line, name in zip(packed, ("one", "one", "several"), strict=True):
        assert f"{name}.lzw.tif is compressed in a way that needs imagecodecs" in line
        assert line.endswith("(pip install 'rs-bench[compression]')")


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (60, 60), (300, 121)])
@pytest.mark.parametrize("dtype", ["<u2", "<i2", "u1", "<i4"])
def test_strips_are_the_bytes_that_imagecodecs_makes(
    tmp_path: Path, shape: tuple[int, int], dtype: str
) -> None:
    """The hash of simulated data is the same with and without imagecodecs."""
    band = np.random.default_rng(1).integers(0, 90, shape).astype(dtype)
    for differenced in (False, True):
        options = {"compression": "zlib", "rowsperstrip": 16, "predictor": 1 + differenced}
        tifffile.imwrite(tmp_path / "theirs.tif", band, **options)
        strips = deflated(band, 16, differenced=differenced)
        tifffile.imwrite(tmp_path / "ours.tif", strips, shape=shape, dtype=band.dtype, **options)
        assert (tmp_path / "ours.tif").read_bytes() == (tmp_path / "theirs.tif").read_bytes()
        assert np.array_equal(tifffile.imread(tmp_path / "ours.tif"), band)


def test_what_is_no_tiff_is_refused_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0 of nothing")
    for read in (geotiff.read, lambda path: planar_tiff.read(path, 2, "<i2", 60)):
        with pytest.raises(BenchError, match="expected a TIFF, found none that can be read"):
            read(path)
