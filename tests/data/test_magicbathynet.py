"""MagicBathyNet: the released layout, the splits, what is refused."""

import hashlib
import shutil

import numpy as np
import pytest
import rasterio
import tifffile

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.magicbathynet.area import MODALITIES, read_lists, read_norm
from bench.data.magicbathynet.dataset import VOID
from bench.data.magicbathynet.rasters import read, write
from bench.spec import task as tasks
from bench.spec.contract import Band, InputContract, InputPipeline

NAPA, PUCK = "magicbathynet-agia-napa", "magicbathynet-puck-lagoon"
# As in the authors' notebooks.
LISTS = """
409 418 350 399 361 430 380 359 371 377 379 360 368 419 389 420 401 408 352 388 362 421 412 351 349
390 400 378
411 387 410 398 370 369 397"""
TRAIN, TEST = LISTS.split()[:28], LISTS.split()[28:]
SIDES = {"aerial": 720, "spot6": 30, "s2": 18}
PIXELS = {"aerial": 0.25, "spot6": 6.0, "s2": 10.0}
BANDS = {
    "aerial": ["A-R", "A-G", "A-B"],
    "spot6": ["SPOT-R", "SPOT-G", "SPOT-B"],
    "s2": ["S2-B02", "S2-B03", "S2-B04"],
}
COLOURS = {
    NAPA: [(0, 128, 0), (0, 0, 255), (255, 0, 0), (255, 128, 0), (0, 0, 0)],
    PUCK: [(255, 128, 0), (0, 128, 0), (0, 0, 0)],
}
ON_DISK = ["409", "418", "411"]
"""The patches that are written; the lists name more."""


def arrays(sample, modality, name=NAPA):
    """An image, its elevations and its labels, each by chance but always the same."""
    seed = int.from_bytes(hashlib.sha256(f"{sample} {modality}".encode()).digest()[:8], "little")
    rng = np.random.default_rng(seed)
    side = 36 if modality == "aerial" else SIDES[modality]
    high, kind = (256, np.uint8) if modality == "aerial" else (2500, np.uint16)
    image = rng.integers(1, high, (side, side, 3)).astype(kind)
    elevation = -rng.uniform(0.5, 10, (side, side)).astype(np.float32)
    elevation[0, :3] = 0
    image[1, 0, :2], image[1, 1, 0] = 0, 0
    labels = rng.integers(0, len(COLOURS[name]), (side, side))
    return image, elevation, np.array(COLOURS[name], np.uint8)[labels]


def put(folder, what, modality, sample, pixels, **changed):
    side = pixels.shape[0]
    place = {"epsg": 32636, "origin": (550_003.5, 3_870_001.25), "pixel": 180 / side} | changed
    path = folder / what / modality / f"{what}_{sample}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, pixels, **place)


def lists(train, test, prefix="img"):
    def named(ids):
        return str([f"{prefix}_{id_}.tif" for id_ in ids])

    return (
        f"annotated sample:\n{named(train + test)}\nnumber of annotated samples:\n"
        f"{len(train + test)}\ntrain sample:\n{named(train)}\ntest sample:\n{named(test)}\n"
    )


def make(root, name=NAPA):
    area, suffix = ("agia_napa", "an") if name == NAPA else ("puck_lagoon", "pl")
    folder = root / area
    for modality in MODALITIES:
        for sample in ON_DISK:
            for what, pixels in zip(
                ("img", "depth", "gts"), arrays(sample, modality, name), strict=True
            ):
                put(folder, what, modality, sample, pixels)
        for task in ("bathymetry", "pixel_class"):
            text = lists(TRAIN, TEST, "depth" if task == "bathymetry" else "gts")
            (folder / f"{modality}_split_{task}.txt").write_text(text)
        norm = np.array([[0, 0, 0], [201.5, 187.25, 150.125]])
        np.save(folder / f"norm_param_{modality}_{suffix}.npy", norm)
    return root


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return make(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def own(tree, tmp_path):
    """A copy of the tree to spoil."""
    return shutil.copytree(tree, tmp_path / "own")


def opened(root, name=NAPA):
    return data.reader(name).open_dataset(root)


def checked(root, name=NAPA, pixels=100):
    found = data.reader(name).verify(root, pixels, lambda done, total: None)
    return {check.name: check for check in found}


@pytest.mark.parametrize("name", [NAPA, PUCK])
def test_declarations_are_complete(name):
    declared = data.declaration(name)
    assert set(declared["colours"]) == set(declared["classes"])
    assert len({tuple(c) for c in declared["colours"].values()}) == len(declared["classes"])
    statistics = declared["statistics"][declared["preprocessing"]["statistics"]]
    for modality, facts in declared["area"]["modalities"].items():
        assert facts["bands"] == BANDS[modality] == declared["inputs"][modality]["bands"]
        assert facts["side"] == SIDES[modality]
        for band in facts["bands"]:
            assert declared["bands"][band]["gsd"] == PIXELS[modality]
            low, span = statistics[band]
            assert low == 0
            assert span > 0
    assert declared["area"]["depth_scale"] == {NAPA: 30.443, PUCK: 11.0}[name]


def test_published_lists_and_the_carved_validation(tree):
    dataset = opened(tree)
    parts = {split: dataset.ids(split) for split in ("train", "validation", "test")}
    assert {split: len(ids) for split, ids in parts.items()} == {
        "train": 22,
        "validation": 6,
        "test": 7,
    }
    assert sorted(parts["train"] + parts["validation"]) == sorted(TRAIN)
    assert parts["test"] == sorted(TEST)
    assert not set(parts["train"]) & set(parts["validation"])
    for split, ids in parts.items():
        assert dataset.ids(f"{split}-seabed") == ids
    declared = data.declaration(NAPA)["splits"]
    assert {split: len(dataset.ids(split)) for split in declared} == declared


def test_validation_depends_on_the_list_alone(tree, own):
    path = own / "agia_napa/s2_split_bathymetry.txt"
    path.write_text(lists(TRAIN[::-1], TEST[::-1], "img"))
    for split in ("train", "validation", "test"):
        assert opened(own).ids(split) == opened(tree).ids(split)
    assert opened(own).fingerprint() != opened(tree).fingerprint()


def test_fingerprint_is_of_the_lists(tree, own):
    assert opened(own).fingerprint() == opened(tree).fingerprint()
    (own / "agia_napa/aerial_split_bathymetry.txt").unlink()
    assert opened(own).fingerprint() == opened(tree).fingerprint()


def test_a_split_that_does_not_exist(tree):
    with pytest.raises(RequestError, match="unknown split 'val'"):
        opened(tree).ids("val")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "found none"),
        ("train sample:\n['img_1.tif']\n", "found train"),
        (lists(["1", "2"], []), "test and train"),
        (lists(["1", "2"], ["2"]), "patch 2 in train and in test"),
        (lists(["1", "1"], ["2"]), "twice in a list"),
    ],
)
def test_lists_that_are_none(tmp_path, text, finding):
    path = tmp_path / "list.txt"
    path.write_text(text)
    with pytest.raises(BenchError, match=finding):
        read_lists(path)


def test_a_missing_list(own):
    (own / "agia_napa/s2_split_bathymetry.txt").unlink()
    with pytest.raises(BenchError, match=r"s2_split_bathymetry\.txt"):
        opened(own).ids("train")


@pytest.mark.parametrize("modality", MODALITIES)
def test_bands_are_those_of_the_files(tree, modality):
    image, _, _ = arrays("418", modality)
    bands = BANDS[modality]
    found = opened(tree).read("418", bands[::-1])
    assert list(found) == bands[::-1]
    for index, band in enumerate(bands):
        np.testing.assert_array_equal(found[band], image[:, :, index])
        assert found[band].dtype == image.dtype


def test_bands_of_several_sensors(tree):
    found = opened(tree).read("409", ["S2-B03", "A-R", "SPOT-B"])
    assert {band: pixels.shape for band, pixels in found.items()} == {
        "S2-B03": (18, 18),
        "A-R": (36, 36),
        "SPOT-B": (30, 30),
    }


def test_bands_pass_the_door(tree):
    declared = data.declaration(NAPA)
    bands = {name: Band(**band) for name, band in declared["bands"].items()}
    contract = InputContract(
        bands=tuple(BANDS["s2"]),
        units={"sentinel-2": "digital number"},
        size=18,
        resampling="bilinear",
        mean=(0.0,) * 3,
        std=(2529.0,) * 3,
    )
    out = np.empty((3, 18, 18), np.float32)
    InputPipeline(contract, bands).apply(opened(tree).read("409", BANDS["s2"]), out)
    image, _, _ = arrays("409", "s2")
    np.testing.assert_allclose(out, image.transpose(2, 0, 1) / 2529.0, rtol=1e-6)


def test_unknown_bands(tree):
    for ask in (opened(tree).present, lambda bands: opened(tree).read("409", bands)):
        with pytest.raises(RequestError, match="unknown band 'B02'"):
            ask(["A-R", "B02"])


def test_present_is_what_has_all_sensors(own):
    dataset = opened(own)
    assert dataset.present(["A-R", "S2-B02"]) == sorted(ON_DISK)
    (own / "agia_napa/img/aerial/img_418.tif").unlink()
    assert dataset.present(["S2-B02"]) == sorted(ON_DISK)
    assert dataset.present(["A-R", "S2-B02"]) == ["409", "411"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_depth_is_positive_below_the_surface(tree, modality):
    _, elevation, _ = arrays("409", modality)
    found = opened(tree).depth("409", BANDS[modality])
    assert found.dtype == np.float32
    unknown = elevation == 0
    unknown[1, 0] = True  # two of its three bands are 0; one of its neighbour's is not enough
    np.testing.assert_array_equal(np.isnan(found), unknown)
    np.testing.assert_array_equal(found[~unknown], -elevation[~unknown])


def test_targets_take_the_finest_grid_of_the_bands(tree):
    dataset = opened(tree)
    for bands, side in (
        ([], 36),
        (["A-G"], 36),
        (["S2-B02", "SPOT-R"], 30),
        (["S2-B02"], 18),
        (["S2-B02", "A-R"], 36),
    ):
        assert dataset.depth("409", bands).shape == (side, side)
        assert dataset.reference_map("409", bands).shape == (side, side)


@pytest.mark.parametrize("name", [NAPA, PUCK])
def test_classes_are_those_of_the_colours(tmp_path, name):
    dataset = opened(make(tmp_path, name), name)
    for modality in MODALITIES:
        _, _, colours = arrays("409", modality, name)
        found = dataset.reference_map("409", BANDS[modality])
        assert found.dtype == np.uint8
        assert set(np.unique(found)) == {*range(len(COLOURS[name]) - 1), VOID}
        for index, colour in enumerate(COLOURS[name]):
            expected = index if index < len(COLOURS[name]) - 1 else VOID
            assert (found[(colours == colour).all(axis=2)] == expected).all()


def test_an_unknown_colour_is_named(own):
    _, _, colours = arrays("409", "s2")
    colours[2, 3] = (12, 34, 56)
    put(own / "agia_napa", "gts", "s2", "409", colours)
    with pytest.raises(BenchError, match=r"patch 409 \(s2\).*\(12, 34, 56\) in 1 pixels"):
        opened(own).reference_map("409", ["S2-B02"])
    assert not checked(own)["labels"].passed


def test_colours_of_the_other_area_are_unknown(own):
    _, _, colours = arrays("409", "s2")
    (own / "agia_napa").rename(own / "puck_lagoon")
    assert (colours == (255, 0, 0)).all(axis=2).any()
    with pytest.raises(BenchError, match=r"expected the colours .*found \((0, 0, 255|255, 0, 0)\)"):
        opened(own, PUCK).reference_map("409", ["S2-B02"])


def test_depths_without_any_data(own):
    put(own / "agia_napa", "depth", "s2", "409", np.zeros((18, 18), np.float32))
    with pytest.raises(BenchError, match=r"patch 409 \(s2\).*no data in all 324 pixels"):
        opened(own).depth("409", ["S2-B02"])


@pytest.mark.parametrize("shift", [1.0, 0.01])
def test_positive_depths_are_refused(own, shift):
    _, elevation, _ = arrays("409", "s2")
    put(own / "agia_napa", "depth", "s2", "409", np.abs(shift * elevation))
    with pytest.raises(BenchError, match=r"patch 409 \(s2\): expected elevations, negative"):
        opened(own).depth("409", ["S2-B02"])


def test_land_is_negative_depth_where_there_is_land(own):
    _, elevation, _ = arrays("409", "s2")
    elevation[5, 5] = 4.5
    put(own / "agia_napa", "depth", "s2", "409", elevation)
    with pytest.raises(BenchError, match=r"at most 1.0 m, found up to 4.50 m"):
        opened(own).depth("409", ["S2-B02"])
    (own / "agia_napa").rename(own / "puck_lagoon")
    assert opened(own, PUCK).depth("409", ["S2-B02"])[5, 5] == -4.5
    elevation[5, 5] = 12.5
    put(own / "puck_lagoon", "depth", "s2", "409", elevation)
    with pytest.raises(BenchError, match=r"at most 12.0 m"):
        opened(own, PUCK).depth("409", ["S2-B02"])


@pytest.mark.parametrize(
    ("shape", "changed", "finding"),
    [
        ((17, 17), {}, r"expected 18 x 18 px as the image, found 17 x 17"),
        ((18, 18, 3), {}, r"expected 18 x 18 px as the image, found 18 x 18 x 3"),
        ((18, 18), {"epsg": 25834}, "expected EPSG:32636 as the image, found EPSG:25834"),
        ((18, 18), {"origin": (550_103.5, 3_870_001.25)}, "found one 100 m away"),
        ((18, 18), {"pixel": 9.0}, "with pixels of 10 m, found one 0 m away with pixels of 9 m"),
    ],
)
def test_depths_of_another_place(own, shape, changed, finding):
    values = -np.ones(shape, np.float32)
    put(own / "agia_napa", "depth", "s2", "409", values, **changed)
    with pytest.raises(BenchError, match=rf"depth of patch 409 \(s2\): .*{finding}"):
        opened(own).depth("409", ["S2-B02"])


def test_files_without_a_place_need_the_published_size(own):
    folder = own / "agia_napa"
    image, elevation, _ = arrays("409", "s2")
    tifffile.imwrite(folder / "img/s2/img_409.tif", image)
    tifffile.imwrite(folder / "depth/s2/depth_409.tif", elevation)
    assert opened(own).depth("409", ["S2-B02"]).shape == (18, 18)
    tifffile.imwrite(folder / "img/s2/img_409.tif", image[:17, :17])
    with pytest.raises(BenchError, match="expected 18 px a side, found 17"):
        opened(own).read("409", ["S2-B02"])


@pytest.mark.parametrize(
    ("pixels", "changed", "finding"),
    [
        (np.ones((18, 18), np.uint16), {}, "a square of 3 bands"),
        (np.ones((18, 17, 3), np.uint16), {}, "a square of 3 bands"),
        (np.ones((18, 18, 3), np.uint16), {"pixel": 20.0}, "side of 180 m, found 18 px of 20 m"),
    ],
)
def test_images_that_are_none(own, pixels, changed, finding):
    put(own / "agia_napa", "img", "s2", "409", pixels, **changed)
    with pytest.raises(BenchError, match=rf"image of patch 409 \(s2\): expected .*{finding}"):
        opened(own).read("409", ["S2-B02"])


def test_what_is_missing_or_damaged(own):
    dataset = opened(own)
    with pytest.raises(BenchError, match=r"patch 350 has no img/s2/img_350.tif"):
        dataset.read("350", ["S2-B02"])
    with pytest.raises(BenchError, match="expected the number of a patch"):
        dataset.read("../../secret", ["S2-B02"])
    path = own / "agia_napa/img/s2/img_409.tif"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(BenchError, match=r"img_409.tif is damaged or foreign"):
        dataset.read("409", ["S2-B02"])
    path.write_bytes(b"no TIFF")
    with pytest.raises(BenchError, match=r"img_409.tif is damaged or foreign"):
        dataset.read("409", ["S2-B02"])
    tifffile.imwrite(path, np.zeros((4096, 4097), np.uint16), compression="zlib")
    with pytest.raises(BenchError, match="expected an image of modest size"):
        dataset.read("409", ["S2-B02"])


def test_bands_stored_one_after_the_other_are_read_alike(own):
    image, _, _ = arrays("409", "s2")
    with rasterio.open(
        own / "agia_napa/img/s2/img_409.tif",
        "w",
        driver="GTiff",
        width=18,
        height=18,
        count=3,
        dtype=image.dtype,
        crs="EPSG:32636",
        transform=rasterio.Affine(10, 0, 550_003.5, 0, -10, 3_870_001.25),
        interleave="band",
    ) as file:
        file.write(image.transpose(2, 0, 1))
    found = read(own / "agia_napa/img/s2/img_409.tif")
    np.testing.assert_array_equal(found.pixels, image)
    assert (found.epsg, found.origin, found.pixel) == (32636, (550_003.5, 3_870_001.25), 10)
    assert opened(own).depth("409", ["S2-B02"]).shape == (18, 18)


@pytest.mark.parametrize("around", ["", "MagicBathyNet", "magicbathynet"])
def test_the_folder_may_be_the_archives(tree, tmp_path, around):
    shutil.copytree(tree / "agia_napa", tmp_path / around / "agia_napa")
    assert opened(tmp_path).present(["S2-B02"]) == sorted(ON_DISK)
    assert opened(tmp_path / around / "agia_napa").layout == "geotiff"


def test_no_area_at_all(tmp_path):
    with pytest.raises(BenchError, match="expected puck_lagoon/img"):
        opened(tmp_path, PUCK)
    assert not checked(tmp_path, PUCK)["splits"].passed


def test_constants_of_the_norm_files(own):
    task = tasks.load("magicbathy-bathymetry-agia-napa")
    contract, dataset = task.input("s2-norm"), opened(own)
    assert contract.unread
    assert task.division(contract) == "open"
    with pytest.raises(BenchError, match="the dataset's own files"):
        InputPipeline(contract, task.bands)
    moments, source = dataset.moments(contract.bands[:2])
    assert moments == {"S2-B02": (0, 201.5), "S2-B03": (0, 187.25)}
    assert source == "magicbathynet-agia-napa/norm_param_s2_an"
    read = contract.with_constants(*dataset.moments(contract.bands))
    assert not read.unread
    image = dataset.read(TRAIN[0], contract.bands)
    pipeline = InputPipeline(read, task.bands)
    out = np.empty(pipeline.shape(image), np.float32)
    pipeline.apply(image, out)
    for band, channel, most in zip(contract.bands, out, (201.5, 187.25, 150.125), strict=True):
        assert channel[0, 0] == pytest.approx(image[band][0, 0] / most, rel=1e-6)
    (own / "agia_napa/norm_param_s2_an.npy").unlink()
    with pytest.raises(BenchError, match="expected norm_param_s2_an"):
        dataset.moments(contract.bands)


def test_norm_files(own):
    folder = own / "agia_napa"
    expected = np.array([[0, 0, 0], [201.5, 187.25, 150.125]])
    np.testing.assert_array_equal(opened(own).limits("s2"), expected)
    for name in ("norm_param_s2_an.txt", "norm_param_s2.txt"):
        for path in folder.glob("norm_param_s2*"):
            path.unlink()
        (folder / name).write_text("[[0. 0. 0.]\n [201.5, 187.25 1.50125e+02]]\n")
        np.testing.assert_array_equal(opened(own).limits("s2"), expected)
    (folder / name).unlink()
    with pytest.raises(BenchError, match="expected norm_param_s2_an"):
        opened(own).limits("s2")


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        (np.ones((2, 4)), "found 2 x 4 values"),
        (np.ones(3), "found 3 values"),
        (np.ones((2, 3)), "a higher maximum"),
        (np.array([[0, 0, 0], [1, 2, np.nan]]), "a higher maximum"),
    ],
)
def test_norm_files_that_do_not_match_the_bands(tmp_path, values, finding):
    np.save(tmp_path / "norm.npy", values)
    np.savetxt(tmp_path / "norm.txt", values)
    for ending in ("npy", "txt"):
        if np.isnan(values).any() and ending == "txt":
            continue
        with pytest.raises(BenchError, match=finding) as caught:
            read_norm(tmp_path / f"norm.{ending}", BANDS["s2"])
        assert "S2-B02, S2-B03, S2-B04" in str(caught.value)


def test_pickles_are_never_opened(tmp_path):
    np.save(tmp_path / "norm.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(BenchError, match=r"in .*norm\.npy, found"):
        read_norm(tmp_path / "norm.npy", BANDS["s2"])


def test_attributes_say_how_deep(own):
    for sample, depth in (("409", 4.9), ("418", 5.1), ("411", 15.0)):
        values = np.full((18, 18), -depth, np.float32)
        put(own / "agia_napa", "depth", "s2", sample, values)
    found = opened(own).attributes(["411", "409", "350", "418"])
    assert found == {"mean_depth": ["over 15 m", "0-5 m", "unknown", "5-10 m"]}


def test_verify_finds_no_fault_in_the_parts_that_are_there(tree):
    found = checked(tree)
    failed = {name for name, check in found.items() if not check.passed}
    # Three patches of 35 are on disk, and aerial images have pixels of 5 m.
    files = {f"files of {modality}" for modality in MODALITIES}
    assert failed == {*files, "images"}
    assert found["splits"].found.startswith("train 22 of 22, validation 6 of 6, test 7 of 7")
    assert "3 faults, the first: aerial image" in found["images"].found
    assert found["depths"].found == "9 read"
    assert found["labels"].found == "9 read"
    assert found["norm file of s2"].found == (
        "S2-B02 = [0, 201.5]; S2-B03 = [0, 187.25]; S2-B04 = [0, 150.125]; inputs that end in "
        "-norm, -x1 or -x16 follow it, the others declare constants"
    )


def test_verify_finds_lists_that_cross(own):
    path = own / "agia_napa/aerial_split_bathymetry.txt"
    path.write_text(lists([*TRAIN, "411"], TEST[1:]))
    found = checked(own, pixels=0)
    assert not found["lists of bathymetry"].passed
    assert "1 patches are train in one modality and test in another, as 411" in (
        found["lists of bathymetry"].found
    )
    assert found["lists of pixel_class"].passed


def test_verify_finds_other_counts_and_bad_rasters(own):
    folder = own / "agia_napa"
    (folder / "s2_split_bathymetry.txt").write_text(lists(TRAIN[:20], TEST))
    put(folder, "depth", "spot6", "409", np.zeros((30, 30), np.float32))
    np.save(folder / "norm_param_s2_an.npy", np.ones((2, 3)))
    found = checked(own)
    assert not found["splits"].passed
    assert not found["norm file of s2"].passed
    assert "no data" in found["depths"].found


def test_nothing_to_prepare(tree):
    assert data.reader(NAPA).prepare(tree, 1, lambda done, total: None) == tree
