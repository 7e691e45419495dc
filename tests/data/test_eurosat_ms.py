"""EuroSAT in 13 bands: the layout, what is simulated in it, and what is refused."""

import shutil

import numpy as np
import pytest
import tifffile

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.formats import planar_tiff
from bench.data.pictures import simulate as picture_sets
from bench.results import verification
from bench.spec import task as tasks

NAME = "eurosat-ms"
BANDS = list(data.declaration(NAME)["bands"])


def opened(root):
    return data.reader(NAME).open_dataset(root)


def verified(root):
    return {check.name: check for check in data.reader(NAME).verify(root, 50, lambda *_: None)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("ms") / NAME
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_sets, "PER_CLASS", 1)
        data.reader(NAME).write_sample(root)
    return root


def test_a_sample_comes_back(sample):
    dataset = opened(sample)
    assert {s: len(dataset.ids(s)) for s in ("all", "train", "validation", "test")} == {
        "all": 50,
        "train": 30,
        "validation": 10,
        "test": 10,
    }
    assert dataset.present(["B02"]) == dataset.ids("all")
    found = dataset.read("River_2.tif", ["B8A", "B01"])
    assert list(found) == ["B8A", "B01"]
    whole = tifffile.imread(sample / "River" / "River_2.tif")
    assert (whole.shape, whole.dtype) == ((64, 64, 13), np.uint16)
    np.testing.assert_array_equal(found["B8A"], whole[..., 12])
    np.testing.assert_array_equal(found["B01"], whole[..., 0])
    assert dataset.label("River_2.tif") == 8
    checks = verified(sample)
    assert checks["lists"].passed
    assert checks["pixels"].passed


def test_the_same_seed_gives_the_same_patch():
    from bench.data.eurosat_ms.simulate import simulate

    first, again = (simulate("highway", 3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, simulate("highway", 4))


def test_lists_of_jpegs_are_lists_of_these_patches(sample):
    names = (sample / "eurosat-test.txt").read_text().split("\n")
    assert all(name.endswith(".jpg") for name in names)
    assert sorted(name.replace(".jpg", ".tif") for name in names) == opened(sample).ids("test")
    task = tasks.load("eurosat")
    with pytest.raises(BenchError, match=r"10 samples .* expected the official 5400"):
        verification.check(task, opened(sample), sample, "test")


@pytest.mark.parametrize(
    ("array", "interleaved", "message"),
    [
        (np.ones((12, 64, 64), np.uint16), True, "expected 13 bands"),
        (np.ones((13, 64, 64), np.int16), True, "of uint16"),
        (np.ones((13, 64, 64), np.uint16), False, "expected 13 bands"),
        (np.full((13, 64, 64), 50_000, np.uint16), True, "from 0 to 40000, found 50000"),
    ],
)
def test_other_files_are_refused_by_name(sample, tmp_path, array, interleaved, message):
    root = tmp_path / NAME
    shutil.copytree(sample / "River", root / "River")
    path = root / "River" / "River_1.tif"
    place = {"epsg": 32633, "origin": (5e5, 5e6), "pixel": 10.0, "nodata": None}
    planar_tiff.write(path, array, **place, interleaved=interleaved)
    with pytest.raises(BenchError, match=message) as caught:
        opened(root).read("River_1.tif", ["B02"])
    assert "River_1.tif" in str(caught.value)
    assert not verified(root)["pixels"].passed


def test_a_truncated_file_and_an_unknown_band_are_refused(sample, tmp_path):
    root = tmp_path / NAME
    shutil.copytree(sample / "River", root / "River")
    path = root / "River" / "River_1.tif"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BenchError, match=r"River_1\.tif"):
        opened(root).read("River_1.tif", ["B02"])
    with pytest.raises(RequestError, match="unknown band 'B13'"):
        opened(root).read("River_2.tif", ["B13"])
    with pytest.raises(BenchError, match=r"no file 'River_99\.tif'"):
        opened(root).read("River_99.tif", ["B02"])


def test_real_patches(real_data):
    dataset = opened(real_data / "eurosat_ms")
    assert [dataset.classes[dataset.label(one)] for one in dataset.ids("all")] == [
        "annual crop",
        "pasture",
        "sea lake",
    ]
    found = dataset.read("SeaLake_3000.tif", BANDS)
    assert {(band.shape, band.dtype.name) for band in found.values()} == {((64, 64), "uint16")}
    # Water is darker with wavelength; water vapour absorbs B10.
    means = [float(found[band].mean()) for band in ("B02", "B03", "B04", "B08", "B12", "B10")]
    assert means == sorted(means, reverse=True)
    assert verified(real_data / "eurosat_ms")["pixels"].passed
