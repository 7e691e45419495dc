import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.data.formats import planar_tiff

PLACE = {"epsg": 32618, "origin": (688_005.0, 4_561_935.0), "pixel": 30.0, "nodata": -32768}


def noise(shape):
    return np.random.default_rng(0).integers(-32768, 32767, shape, np.int16, endpoint=True)


@pytest.mark.parametrize("shape", [(224, 16, 16), (2, 1, 1), (3, 5, 40), (7, 64, 3)])
def test_what_is_written_is_read_back_here_by_tifffile_and_by_gdal(tmp_path, shape):
    rasterio = pytest.importorskip("rasterio")
    path, array = tmp_path / "x.tif", noise(shape)
    planar_tiff.write(path, array, **PLACE)
    found = planar_tiff.read(path, shape[0], np.int16, 64, nodata=(-32768,))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(tifffile.imread(path).reshape(shape), array)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), array)
        assert file.crs.to_epsg() == 32618
        assert tuple(file.transform)[:6] == (30, 0, 688_005, 0, -30, 4_561_935)
        assert file.nodata == -32768
        assert file.profile["interleave"] == "band"
        assert file.profile["compress"] == "deflate"


def test_images_that_gdal_writes_in_strips_and_tiles_are_read(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    array = noise((5, 48, 32))
    for options in ({"blockysize": 3}, {"tiled": True, "blockxsize": 16, "blockysize": 16}):
        path = tmp_path / "x.tif"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            dtype="int16",
            count=5,
            height=48,
            width=32,
            interleave="band",
            compress="deflate",
            **options,
        ) as file:
            file.write(array)
        np.testing.assert_array_equal(planar_tiff.read(path, 5, np.int16, 48), array)


def test_a_missing_file_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        planar_tiff.read(tmp_path / "none.tif", 2, np.int16, 8)
    with pytest.raises(BenchError, match="is damaged or foreign"):
        planar_tiff.read(tmp_path, 2, np.int16, 8)


def test_a_large_image_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.tif"
    planar_tiff.write(path, np.zeros((3, 4000, 4000), np.int16), **PLACE)
    assert path.stat().st_size < 200_000
    with pytest.raises(BenchError, match=r"at most 64x64 pixels of int16, found 3x4000x4000"):
        planar_tiff.read(path, 3, np.int16, 64)


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 700), value=st.integers(0, 255))
def test_a_changed_byte_gives_pixels_or_one_clear_error(tmp_path_factory, position, value):
    folder = tmp_path_factory.getbasetemp() / "changed-planar"
    folder.mkdir(exist_ok=True)
    path = folder / "x.tif"
    planar_tiff.write(path, noise((4, 8, 8)), **PLACE)
    content = bytearray(path.read_bytes())
    content[position] = value
    path.write_bytes(content)
    try:
        found = planar_tiff.read(path, 4, np.int16, 16, nodata=(-32768,))
    except BenchError as error:
        assert "x.tif is damaged or foreign" in str(error)
        assert "\n" not in str(error)
    else:
        assert found.dtype == np.int16
        assert found.shape[0] == 4
        assert max(found.shape) <= 16
