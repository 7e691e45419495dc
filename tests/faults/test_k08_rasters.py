"""Sets of rasters as people have them: what systems leave behind, folders too many, other names.

And as releases really are: images of a pixel more or less, dates as texts, archives of a year.
"""

import json
import shutil

import numpy as np
import pytest

from bench import data
from bench.base.errors import BenchError
from bench.data.formats import geotiff, planar_tiff
from bench.data.pastis import metadata as pastis_metadata
from bench.data.reben import simulate as patches

B02 = ["B02"]


def quiet(done, total):
    pass


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Four patches of the sample with radar and maps."""
    folder = tmp_path_factory.mktemp("tree") / "reben"
    patches.write(folder, planned=patches.plan()[:4])
    return folder


@pytest.fixture
def copy(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "reben")
    return tmp_path / "reben"


def opened(root, name="reben"):
    return data.reader(name).open_dataset(root)


def everything(root):
    """All pixels of all patches, by patch and band."""
    dataset = opened(root)
    bands = list(data.declaration("reben")["bands"])
    ids = dataset.present(bands)
    assert len(ids) == 4
    return {
        (sample, band): values.tobytes()
        for sample in ids
        for band, values in dataset.read(sample, bands).items()
    } | {(sample, "map"): dataset.reference_map(sample).tobytes() for sample in ids}


def left_behind(root):
    """What shares, notebooks, archives and desktops leave, in every folder."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for name in ("@eaDir", ".ipynb_checkpoints", "__MACOSX", "#recycle", "lost+found"):
            (folder / name).mkdir()
            (folder / name / "x").write_bytes(b"x")
        for name in (".DS_Store", "._x.tif", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"x")


def flat(root):
    for name in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        for scene in list((root / name).iterdir()):
            for patch in list(scene.iterdir()):
                patch.rename(root / name / patch.name)
            scene.rmdir()


def nested(root):
    for name in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        (root / name).rename(root / "aside")
        (root / name).mkdir()
        (root / "aside").rename(root / name / name)


def in_a_folder(root):
    names = list(root.iterdir())
    (root / "reben").mkdir()
    for path in names:
        path.rename(root / "reben" / path.name)


def linked(root):
    for name in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        (root / name).rename(root.parent / name)
        (root / name).mkdir()
        for scene in (root.parent / name).iterdir():
            (root / name / scene.name).symlink_to(scene)


def with_suffix(ending):
    def rename(root):
        for path in list(root.rglob("*.tif")):
            path.rename(path.with_suffix(ending))

    return rename


FORMS = {
    "left behind": left_behind,
    "flat": flat,
    "nested": nested,
    "in a folder": in_a_folder,
    "links": linked,
    ".tiff": with_suffix(".tiff"),
    ".TIF": with_suffix(".TIF"),
}


@pytest.mark.parametrize("form", FORMS)
def test_patches_are_found_as_they_lie_and_prepared(tree, copy, form):
    expected = everything(tree)
    FORMS[form](copy)
    assert everything(copy) == expected
    made = data.reader("reben").prepare(copy, 1, quiet)
    assert opened(copy).layout == "lmdb"
    assert everything(copy) == expected
    data.reader("reben").prepare(copy, 1, quiet)
    for name in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        shutil.rmtree(made.parent / name)
    assert everything(copy) == expected


@pytest.mark.parametrize("name", ["Encoded-BigEarthNet", "reben.lmdb"])
def test_a_store_is_found_under_the_name_of_its_converters_documentation(copy, name):
    expected = everything(copy)
    data.reader("reben").prepare(copy, 1, quiet).rename(copy / name)
    for folder in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        shutil.rmtree(copy / folder)
    (copy / "metadata.parquet").rename(copy / name / "metadata.parquet")
    if name.startswith("Encoded"):
        assert everything(copy) == expected


@pytest.mark.parametrize("folder", ["BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"])
def test_a_folder_without_patches_is_refused_and_told(copy, folder):
    for scene in list((copy / folder).iterdir()):
        shutil.rmtree(scene)
    (copy / folder / "some" / "where" / "deep").mkdir(parents=True)
    with pytest.raises(BenchError, match=f"expected folders of patches in .*{folder}, found none"):
        data.reader("reben").prepare(copy, 1, quiet)
    part = {"S2": "Sentinel-2", "S1": "Sentinel-1"}.get(folder[-2:], "reference maps")
    found = {check.name: check for check in data.reader("reben").verify(copy, 10, quiet)}
    assert not found[part].passed
    assert folder in found[part].found


def test_a_first_version_without_patches_is_told(copy):
    shutil.rmtree(copy / "BigEarthNet-S2")
    (copy / "BigEarthNet-v1.0" / "empty").mkdir(parents=True)
    found = {check.name: check for check in data.reader("reben").verify(copy, 10, quiet)}
    assert not found["Sentinel-2"].passed


@pytest.mark.parametrize(
    ("name", "archive", "expected"),
    [
        ("reben", "BigEarthNet-S2.tar.zst", "BigEarthNet-S2/"),
        ("pastis", "PASTIS-R.zip", "metadata.geojson"),
        ("hyspecnet", "hyspecnet-11k-01.tar.gz", "patches/"),
        ("ssl4eo-s12", "s2a.tar.gz", "s2a/"),
        ("eoekoland", "data.zip", "train.csv"),
        ("magicbathynet-agia-napa", "MagicBathyNet.zip", "agia_napa/img"),
    ],
)
def test_an_archive_that_lies_there_is_named(tmp_path, name, archive, expected):
    (tmp_path / archive).write_bytes(b"x")
    with pytest.raises(BenchError, match="expected") as caught:
        opened(tmp_path, name)
    assert expected in str(caught.value)
    assert f"found {archive}" in str(caught.value)
    assert "unpack it" in caught.value.hint


def test_a_cube_store_is_found_under_the_name_of_its_converters_documentation(tmp_path):
    root = tmp_path / "made"
    folder = root / "patches" / "tile" / "tile-Y0"
    folder.mkdir(parents=True)
    cube = np.arange(224 * 8 * 8).reshape(224, 8, 8).astype(np.int16) % 9_000
    place = {"epsg": 32618, "origin": (0, 0), "pixel": 30, "nodata": -32768}
    planar_tiff.write(folder / "tile-Y0-SPECTRAL_IMAGE.TIF", cube, **place)
    (root / "splits").mkdir()
    sample = "tile/tile-Y0"
    expected = opened(root, "hyspecnet").cube(sample)
    left_behind(root)
    data.reader("hyspecnet").prepare(root, 1, quiet).rename(root / "Encoded-HySpecNet")
    shutil.rmtree(root / "patches")
    found = opened(tmp_path, "hyspecnet")
    assert found.layout == "lmdb"
    np.testing.assert_array_equal(found.cube(sample), expected)


# SSL4EO-S12


IMAGES = ("20200604T054639_20200604T054831_T43RCP", "20200813T054639_20200813T054952_T43RCP")


def ssl4eo(root, shape):
    for image in IMAGES:
        folder = root / "s2a" / "0000001" / image
        folder.mkdir(parents=True)
        for band, size in (("B2", shape), ("B5", tuple(side // 2 for side in shape))):
            pixels = np.add.outer(np.arange(size[0]), np.arange(size[1])).astype(np.uint16)
            geotiff.write(folder / f"{band}.tif", pixels, epsg=32643, origin=(0, 0), pixel=10)
    return opened(root, "ssl4eo-s12")


@pytest.mark.parametrize("shape", [(263, 264), (265, 263), (264, 265), (262, 266)])
def test_images_of_a_pixel_more_or_less_are_read(tmp_path, shape):
    dataset = ssl4eo(tmp_path, shape)
    for _, image in dataset.images("0000001", ["B2", "B5"]):
        assert image["B2"].shape == (264, 264)
        assert image["B5"].shape == (132, 132)
        plain = np.add.outer(np.arange(264), np.arange(264))
        assert np.abs(image["B2"].astype(int) - plain).max() <= 4


def test_images_of_another_size_are_not(tmp_path):
    with pytest.raises(BenchError, match="expected 264x264 pixels of uint16, found 240x264"):
        ssl4eo(tmp_path, (240, 264)).images("0000001", ["B2"])


def test_locations_are_found_among_what_is_left_behind(tmp_path):
    ssl4eo(tmp_path / "a" / "b", (264, 264))
    left_behind(tmp_path)
    dataset = opened(tmp_path, "ssl4eo-s12")
    assert dataset.ids("all") == ["0000001"]
    dataset.images("0000001", ["B2"])


# PASTIS


STAMPS = {"0": 20180917, "1": 20181201, "2": 20181231, "10": 20190101}


@pytest.mark.parametrize(
    "told",
    [
        STAMPS,
        json.dumps(STAMPS),
        str(STAMPS),
        {key: str(value) for key, value in STAMPS.items()},
        {key: f"{str(v)[:4]}-{str(v)[4:6]}-{str(v)[6:]}" for key, v in STAMPS.items()},
        {key: float(value) for key, value in STAMPS.items()},
        dict(reversed(STAMPS.items())),
    ],
    ids=["numbers", "json", "printed", "texts", "hyphens", "floats", "reversed"],
)
def test_dates_are_read_however_they_are_saved(tmp_path, told):
    found = pastis_metadata.days(tmp_path, "10000", "S2", told)
    assert found.tolist() == [[16, 259], [91, 334], [121, 364], [122, 0]]


def test_two_images_on_one_day_stay_in_their_order(tmp_path):
    told = {"0": 20180917, "1": 20180917, "2": 20181201}
    found = pastis_metadata.days(tmp_path, "10000", "S2", told)
    assert found[:, 0].tolist() == [16, 16, 91]
    with pytest.raises(BenchError, match="rising"):
        pastis_metadata.days(tmp_path, "10000", "S2", {"0": 20181201, "1": 20180917})


@pytest.mark.parametrize("told", ["soon", "[" * 100_000, '{"0": "soon", "1": "later"}', "[1, 2]"])
def test_dates_that_are_none_get_the_right_remedy(tmp_path, told):
    with pytest.raises(BenchError) as caught:
        pastis_metadata.days(tmp_path, "10000", "S2", told)
    assert "Sentinel-1" not in caught.value.hint


# EOekoLand


@pytest.mark.parametrize("days", [365, 366])
def test_of_a_whole_year_every_tenth_day_is_taken(tmp_path, days):
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.csv").write_text(f"image_file\n{name}.npz\n")
    (tmp_path / "Planet").mkdir()
    stack = np.full((days, 4, 80, 80), 300, np.int16)
    stack[:] += np.arange(days, dtype=np.int16)[:, None, None, None]
    label = np.zeros((80, 80), np.uint8)
    np.savez(tmp_path / "Planet" / "test.npz", image_stack=stack, label=label, year=2020)
    (found,) = opened(tmp_path, "eoekoland").series("test", ["PF_B", "PF_NIR"])
    assert found.pixels.shape == (37, 2, 80, 80)
    assert found.pixels[:, 0, 0, 0].tolist() == list(range(300, 661, 10))
    assert found.days[:, 0].tolist() == list(range(0, 361, 10))
