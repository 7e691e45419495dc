import multiprocessing
import os
import pickle
import shutil
import signal
import time

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.formats import geotiff, planar_tiff
from bench.data.formats.tensor_lmdb import TensorStore, TensorWriter, encode
from bench.data.hyspecnet import hyspecnet
from bench.data.hyspecnet.patches import KEPT, LARGEST, ROWS, digital, normalised, sample_of

DECLARED = data.declaration("hyspecnet")
DROPPED = [*range(127, 142), *range(161, 168)]
TILES = ["ENMAP01-____L2A-DT0000000001_X", "ENMAP01-____L2A-DT0000000002_X"]
IDS = [f"{tile}/{tile}-Y{y:04d}0007_X00000007" for tile in TILES for y in (0, 8, 16)]
SIDE = 8
PLACE = {"epsg": 32618, "origin": (688_005.0, 4_561_935.0), "pixel": 30.0}


def quiet(done, total):
    pass


def pixels_of(sample):
    """224 bands that tell themselves: the value of a pixel depends on band, place and sample."""
    rng = np.random.default_rng(IDS.index(sample))
    values = rng.integers(-600, 12_000, (224, SIDE, SIDE)).astype(np.int16)
    values[:, 0, 0] = np.arange(1, 225)
    values[np.array(DROPPED) - 1] = -32768
    return values


def path_of(root, sample, ending):
    patch = sample.rpartition("/")[2]
    return root / "patches" / sample / f"{patch}-{ending}"


def image_of(root, sample):
    return path_of(root, sample, "SPECTRAL_IMAGE.TIF")


def published_array(sample):
    """The preprocessing as the publication words it, in another order of operations."""
    kept = [band for band in range(224) if not (126 <= band <= 140 or 160 <= band <= 166)]
    return (np.clip(pixels_of(sample)[kept].astype(np.float64), 0, 10_000) / 10_000).astype("f4")


def write_layers(root, sample, classes, cloud, cirrus):
    for name, codes in (("CLASSES", classes), ("CLOUD", cloud), ("CIRRUS", cirrus)):
        array = np.broadcast_to(np.array(codes, np.uint8), (SIDE, SIDE))
        geotiff.write(path_of(root, sample, f"QL_QUALITY_{name}.TIF"), array, **PLACE)


def write_splits(root, splits, spelled="{0}/{1}-DATA.npy"):
    for difficulty, files in splits.items():
        folder = root / "splits" / difficulty
        folder.mkdir(parents=True, exist_ok=True)
        for name, samples in files.items():
            lines = [spelled.format(sample, sample.rpartition("/")[2]) for sample in samples]
            (folder / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))


SPLIT = {
    "easy": {"train": [*IDS[3:], IDS[0]], "val": IDS[1:2], "test": IDS[2:3]},
    "hard": {"train": IDS[3:], "val": [], "test": IDS[:3]},
}


def write_tree(root):
    for sample in IDS:
        image_of(root, sample).parent.mkdir(parents=True)
        planar_tiff.write(image_of(root, sample), pixels_of(sample), **PLACE, nodata=-32768)
        write_layers(root, sample, 1 + IDS.index(sample) % 2, 0, 0)
    write_splits(root, SPLIT)


def write_reduced(root, sample):
    np.save(path_of(root, sample, "DATA.npy"), published_array(sample))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree") / "hyspecnet"
    write_tree(root)
    return root


@pytest.fixture
def own(tree, tmp_path):
    return shutil.copytree(tree, tmp_path / "hyspecnet")


@pytest.fixture
def copied(own):
    """No spectral image is left, only the reduced copies."""
    for sample in IDS:
        write_reduced(own, sample)
        image_of(own, sample).unlink()
    return own


@pytest.fixture(scope="module")
def stored(tree, tmp_path_factory):
    """Nothing is left but the fast store."""
    root = shutil.copytree(tree, tmp_path_factory.mktemp("stored") / "hyspecnet")
    hyspecnet.prepare(root, 1, quiet)
    shutil.rmtree(root / "patches")
    return root


@pytest.fixture
def archived(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "root" / "hyspecnet-11k")
    return tmp_path / "root"


# The declaration


def test_the_declaration_names_202_bands_by_their_number():
    assert list(DECLARED["bands"]) == DECLARED["inputs"]["enmap202"]["bands"] == list(KEPT)
    assert len(KEPT) == 202
    assert DECLARED["dropped"]["bands"] == DROPPED
    assert sorted([*map(int, KEPT), *DROPPED]) == list(range(1, 225))
    assert [int(name) for name in KEPT] == sorted(int(name) for name in KEPT)
    assert {tuple(band.items()) for band in DECLARED["bands"].values()} == {
        (("sensor", "enmap-l2a"), ("gsd", 30), ("unit", "reflectance x 10000"))
    }
    assert all(len(item["md5"]) == 32 for item in DECLARED["files"])
    assert sum(DECLARED["shares"].values()) == pytest.approx(1)


def test_every_digital_number_survives_the_preprocessing():
    numbers = np.arange(-9_998, 32_768).astype(np.int16)
    cube = np.broadcast_to(numbers, (202, 1, numbers.size))
    values = normalised("x", cube)
    assert values.dtype == np.float32
    clipped = np.clip(numbers, 0, 10_000)
    np.testing.assert_array_equal(values[7, 0], (clipped / 10_000).astype(np.float32))
    np.testing.assert_array_equal(digital(values)[201, 0], clipped)


# The layouts


@pytest.mark.parametrize("layout", ["tree", "copied", "stored", "archived"])
def test_the_layouts_agree_bit_for_bit(request, layout):
    dataset = hyspecnet.open_dataset(request.getfixturevalue(layout))
    assert dataset.layout == ("lmdb" if layout == "stored" else "folders")
    assert dataset.present(list(KEPT)) == sorted(IDS)
    for sample in IDS:
        cube = dataset.cube(sample)
        assert cube.dtype == np.float32
        np.testing.assert_array_equal(cube, published_array(sample))
        found = dataset.read(sample, ["1", "126", "142", "224"])
        assert list(found) == ["1", "126", "142", "224"]
        for name, values in found.items():
            wanted = pixels_of(sample)[int(name) - 1]
            assert values.dtype == np.int16
            if layout == "copied":
                wanted = wanted.clip(0, 10_000)
            np.testing.assert_array_equal(values, wanted)


def test_all_three_together_agree_and_the_images_are_read_last(own):
    for sample in IDS:
        write_reduced(own, sample)
    hyspecnet.prepare(own, 1, quiet)
    assert all(check.passed for check in hyspecnet.verify(own, 9, quiet) if check.name == "copies")
    for sample in IDS:
        image_of(own, sample).write_bytes(b"II*\0 not read")
    dataset = hyspecnet.open_dataset(own)
    np.testing.assert_array_equal(dataset.cube(IDS[0]), published_array(IDS[0]))
    shutil.rmtree(own / "HySpecNet_LMDB")
    dataset = hyspecnet.open_dataset(own)
    np.testing.assert_array_equal(dataset.cube(IDS[0]), published_array(IDS[0]))
    path_of(own, IDS[0], "DATA.npy").unlink()
    with pytest.raises(BenchError, match="is damaged or foreign"):
        dataset.cube(IDS[0])


def test_bands_are_not_off_by_one(tree):
    """Each band says its number: 126 is followed by 142, 160 by 168."""
    dataset = hyspecnet.open_dataset(tree)
    numbers = np.rint(dataset.cube(IDS[0])[:, 0, 0] * 10_000).astype(int)
    assert numbers.tolist() == [int(name) for name in KEPT]
    assert numbers[[125, 126, 144, 145]].tolist() == [126, 142, 160, 168]
    assert (ROWS + 1).tolist() == numbers.tolist()
    for name, values in dataset.read(IDS[0], KEPT).items():
        assert values[0, 0] == int(name)
    for name in ("127", "141", "161", "167", "0", "225", "B1"):
        with pytest.raises(RequestError, match="unknown band"):
            dataset.read(IDS[0], [name])
        with pytest.raises(RequestError, match="unknown band"):
            dataset.present([name])


def test_a_store_of_rico_hdl_is_read(own):
    """It has a tensor for each of the 224 bands, and neither regions nor checksum."""
    with TensorWriter(own / "HySpecNet_LMDB") as writer:
        for sample in IDS[:2]:
            bands = {f"B{n + 1}": band for n, band in enumerate(pixels_of(sample))}
            writer.put({sample.rpartition("/")[2]: encode(bands)})
    dataset = hyspecnet.open_dataset(own)
    np.testing.assert_array_equal(dataset.cube(IDS[1]), published_array(IDS[1]))
    assert dataset.regions(IDS[1]).max() == 1
    np.testing.assert_array_equal(dataset.cube(IDS[5]), published_array(IDS[5]))
    assert dataset.present([]) == sorted(IDS)


def test_an_opened_dataset_can_be_pickled(stored):
    dataset = hyspecnet.open_dataset(stored)
    dataset.cube(IDS[0])
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again.cube(IDS[0]), dataset.cube(IDS[0]))


# Splits


def test_splits_are_the_official_files_however_they_are_spelled(own):
    dataset = hyspecnet.open_dataset(own)
    first = dataset.fingerprint()
    assert dataset.ids("train") == sorted(SPLIT["easy"]["train"])
    assert dataset.ids("validation") == IDS[1:2]
    assert dataset.ids("test-hard") == IDS[:3]
    assert dataset.ids("validation-hard") == []
    for spelled in ("{0}", "{0}/{1}-SPECTRAL_IMAGE.TIF", '"{0}/{1}-DATA.npy"\r', " {0} "):
        write_splits(own, SPLIT, spelled)
        assert dataset.ids("train") == sorted(SPLIT["easy"]["train"])
        assert dataset.fingerprint() == first
    write_splits(own, {"hard": {"val": IDS[3:4]}})
    assert dataset.fingerprint() != first
    with pytest.raises(RequestError, match="unknown split 'val'"):
        dataset.ids("val")


TILE, PATCH = IDS[0].split("/")


@pytest.mark.parametrize(
    "entry",
    [
        "../../etc/passwd",
        f"../{PATCH}",
        f"{TILE}/..",
        "/etc/passwd",
        f"/{IDS[0]}",
        f"{TILE}/../{IDS[0]}",
        f"./{IDS[0]}",
        f"{IDS[0]}/",
        f"{IDS[0]}/../{PATCH}",
        f"{IDS[0]}/other-DATA.npy",
        f"{IDS[0]}/{PATCH}-DATA.npy/..",
        f"{IDS[0]}/{PATCH}-QL_PIXELMASK.TIF",
        f"{TILE}\\{PATCH}",
        f"{IDS[1].split('/')[0]}x/{PATCH}",
        PATCH,
        f"{TILE}/{TILE}-Y1-X2",
        f"{TILE}/{TILE}-{'Y' * 300}",
        f"{IDS[0]}\0",
        f"{IDS[0]}\n",
        "ENMAP01-é/ENMAP01-é-Y1_X1",
        "path",
    ],
)
def test_a_hostile_entry_is_refused(own, entry):
    with pytest.raises(BenchError, match=r"expected <tile>/<patch>/<patch>-DATA\.npy, found"):
        sample_of(entry)
    dataset = hyspecnet.open_dataset(own)
    for asked in (dataset.cube, dataset.regions, lambda sample: dataset.read(sample, ["1"])):
        with pytest.raises(BenchError, match="expected <tile>/<patch>"):
            asked(entry)
    if entry.strip() == entry and "\0" not in entry:
        (own / "splits/easy/test.csv").write_text(f"{IDS[0]}\n{entry}\n", encoding="utf-8")
        with pytest.raises(BenchError, match="expected <tile>/<patch>"):
            dataset.ids("test")


@given(st.text(alphabet=st.sampled_from("aY1_./\\-~ "), max_size=30))
def test_no_entry_leads_out_of_the_dataset(entry):
    try:
        sample = sample_of(entry)
    except BenchError:
        return
    tile, patch = sample.split("/")
    assert patch.startswith(f"{tile}-")
    assert not tile.startswith(".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"\xff\xfe\0", "UTF-16, found byte 0x00 at 2"),
        (f"{IDS[0]}\n{IDS[0]}/{PATCH}-DATA.npy\n".encode(), "twice"),
        (b"x" * 200_000, "field larger than field limit"),
        (b"\n" * (1 << 24) + b"\n", "at most 16,777,216 bytes, found more"),
    ],
)
def test_a_split_that_cannot_be_read_is_named(own, content, message):
    path = own / "splits/easy/test.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BenchError, match=message) as error:
        hyspecnet.open_dataset(own).ids("test")
    assert "test.csv" in str(error.value)


# Regions


def test_regions_follow_the_quality_layers(own):
    classes, cloud, cirrus = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(3))
    classes[:] = np.arange(SIDE) % 4  # none, land, water, background
    cloud[1] = 1
    cirrus[2], cirrus[3], cirrus[4] = 1, 2, 3
    write_layers(own, IDS[0], classes, cloud, cirrus)
    clear = np.tile(np.array([255, 0, 1, 255], np.uint8), 2)
    wanted = np.stack([clear, [2] * 8, clear, clear, [2] * 8, clear, clear, clear])
    found = hyspecnet.open_dataset(own).regions(IDS[0])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, wanted)
    hyspecnet.prepare(own, 1, quiet)
    shutil.rmtree(own / "patches")
    np.testing.assert_array_equal(hyspecnet.open_dataset(own).regions(IDS[0]), wanted)


def test_without_a_quality_layer_there_are_no_regions(own):
    path_of(own, IDS[0], "QL_QUALITY_CIRRUS.TIF").unlink()
    dataset = hyspecnet.open_dataset(own)
    np.testing.assert_array_equal(dataset.regions(IDS[0]), np.full((SIDE, SIDE), 255))
    with pytest.raises(BenchError, match="is not under"):
        dataset.regions(IDS[0].replace("Y0000", "Y9999"))
    assert dataset.attributes(IDS[:3]) == {
        "tile": [TILES[0]] * 3,
        "surface": ["none", "water", "land"],
    }


@pytest.mark.parametrize(
    ("codes", "message"),
    [((4, 0, 0), "codes from 0 to 3, found 4"), ((1, 2, 0), "0 to 1, found 2"), ((1, 0, 9), "9")],
)
def test_a_code_without_meaning_is_refused(own, codes, message):
    write_layers(own, IDS[0], *codes)
    with pytest.raises(BenchError, match=message):
        hyspecnet.open_dataset(own).regions(IDS[0])


def test_a_layer_of_another_size_is_refused(own):
    geotiff.write(path_of(own, IDS[0], "QL_QUALITY_CLOUD.TIF"), np.zeros((4, 8), "u1"), **PLACE)
    with pytest.raises(BenchError, match="expected 8x8 pixels of uint8, found 4x8"):
        hyspecnet.open_dataset(own).regions(IDS[0])


@pytest.mark.parametrize(
    ("classes", "surface"), [([1, 2] * 4, "land"), ([0, 0, 0, 0, 0, 2, 2, 1], "water")]
)
def test_the_surface_is_that_of_most_pixels_that_show_one(own, classes, surface):
    write_layers(own, IDS[0], classes, 0, 0)
    assert hyspecnet.open_dataset(own).attributes(IDS[:1])["surface"] == [surface]


# Damage


@pytest.mark.parametrize("share", [0, 0.001, 0.02, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_image_is_named(own, share):
    path = image_of(own, IDS[0])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BenchError, match=r"SPECTRAL_IMAGE\.TIF is damaged or foreign") as error:
        hyspecnet.open_dataset(own).cube(IDS[0])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((202, 8, 8), np.int16), "found 202x8x8 of int16"),
        (np.zeros((225, 8, 8), np.int16), "found 225x8x8 of int16"),
        (np.zeros((224, 8, 8), np.uint16), "found 224x8x8 of uint16"),
        (np.zeros((224, 1, LARGEST + 1), np.int16), "found 224x1x1025 of int16"),
    ],
)
def test_an_image_of_another_form_is_refused(own, array, message):
    planar_tiff.write(image_of(own, IDS[0]), array, **PLACE, nodata=-32768)
    with pytest.raises(BenchError, match=f"expected 224 bands of at most 1024x1024.*{message}"):
        hyspecnet.open_dataset(own).cube(IDS[0])


def test_an_image_of_one_band_or_in_pixel_order_is_refused(own):
    path = image_of(own, IDS[0])
    for array in (np.zeros((8, 8), np.int16), np.zeros((8, 8, 224), np.int16)):
        tifffile.imwrite(path, array, planarconfig=None, photometric="minisblack")
        with pytest.raises(BenchError, match="is damaged or foreign: expected 224 bands"):
            hyspecnet.open_dataset(own).cube(IDS[0])


def test_a_file_that_is_too_large_is_not_opened(own):
    with image_of(own, IDS[0]).open("ab") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(BenchError, match=r"expected at most \d+ bytes, found 1073741824"):
        hyspecnet.open_dataset(own).cube(IDS[0])


@pytest.mark.parametrize("prepared", [False, True])
def test_nodata_in_a_kept_band_is_refused(own, prepared):
    pixels = pixels_of(IDS[0])
    pixels[41, 2, 3:6] = pixels[7, 0, 0] = -32768
    planar_tiff.write(image_of(own, IDS[0]), pixels, **PLACE, nodata=-32768)
    if prepared:
        hyspecnet.prepare(own, 1, quiet)
    dataset = hyspecnet.open_dataset(own)
    for asked in (dataset.cube, lambda sample: dataset.read(sample, ["1"])):
        with pytest.raises(BenchError) as error:
            asked(IDS[0])
        assert f"{IDS[0]}: expected data in all 202 kept bands, found 3 pixels" in str(error.value)
        assert "EnMAP band 42 and such pixels in 2 bands" in str(error.value)
    assert dataset.cube(IDS[1]).shape == (202, SIDE, SIDE)
    failed = {check.name for check in hyspecnet.verify(own, 9, quiet) if not check.passed}
    assert failed == {"patches", "easy split", "hard split", "pixels"}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((224, 8, 8), np.float32), "found 224x8x8 of float32"),
        (np.zeros((202, 8, 8), np.float64), "found 202x8x8 of float64"),
        (np.zeros((202, 8), np.float32), "found 202x8 of float32"),
        (np.zeros((202, 1, 1025), np.float32), "found 202x1x1025"),
        (np.zeros((202, 0, 8), np.float32), "found 202x0x8"),
        (np.zeros((202, 8, 8), object), "objects"),
        (np.full((202, 8, 8), np.float32(1.5)), "values from 1.5 to 1.5"),
        (np.full((202, 8, 8), np.float32(-1)), "values from -1.0"),
        (np.full((202, 8, 8), np.float32(np.nan)), "values from nan"),
    ],
)
def test_a_reduced_copy_of_another_form_is_refused(own, array, message):
    np.save(path_of(own, IDS[0], "DATA.npy"), array, allow_pickle=array.dtype == object)
    with pytest.raises(BenchError, match=message) as error:
        hyspecnet.open_dataset(own).cube(IDS[0])
    assert "DATA.npy: expected 202 bands" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\3\4", pickle.dumps({"a": 1})])
def test_a_reduced_copy_that_is_no_array_is_refused(own, content):
    path_of(own, IDS[0], "DATA.npy").write_bytes(content)
    with pytest.raises(BenchError, match="found none that can be read"):
        hyspecnet.open_dataset(own).cube(IDS[0])


def test_a_truncated_reduced_copy_is_refused(own):
    write_reduced(own, IDS[0])
    path = path_of(own, IDS[0], "DATA.npy")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BenchError, match="found none that can be read"):
        hyspecnet.open_dataset(own).cube(IDS[0])


def test_a_flipped_bit_in_the_store_is_noticed(stored, tmp_path):
    root = tmp_path / "hyspecnet"
    shutil.copytree(stored, root)
    path = root / "HySpecNet_LMDB" / "data.mdb"
    content = bytearray(path.read_bytes())
    band = np.ascontiguousarray(pixels_of(IDS[0])[99]).tobytes()
    place = content.find(band)
    assert place > 0
    content[place + 5] ^= 1
    path.write_bytes(content)
    dataset = hyspecnet.open_dataset(root)
    with pytest.raises(BenchError, match="checksum is not that of its pixels"):
        dataset.cube(IDS[0])
    assert dataset.cube(IDS[1]).shape == (202, SIDE, SIDE)


@pytest.mark.parametrize("fault", ["missing", "type", "size"])
def test_a_blob_without_all_bands_is_refused(own, fault):
    bands = {f"B{n + 1}": band for n, band in enumerate(pixels_of(IDS[0]))}
    if fault == "missing":
        del bands["B142"]
    else:
        bands["B142"] = bands["B142"].astype("i4") if fault == "type" else bands["B142"][:4]
    with TensorWriter(own / "HySpecNet_LMDB") as writer:
        writer.put({PATCH: encode(bands)})
    with pytest.raises(BenchError, match="expected 202 bands of one size in int16"):
        hyspecnet.open_dataset(own).cube(IDS[0])


def test_what_is_not_there_is_named(tree, tmp_path):
    dataset = hyspecnet.open_dataset(tree)
    absent = IDS[0].replace("Y0000", "Y9999")
    for asked in (dataset.cube, lambda sample: dataset.read(sample, ["1"])):
        with pytest.raises(BenchError, match="is not under"):
            asked(absent)
    with pytest.raises(BenchError, match="expected patches/ or HySpecNet_LMDB/"):
        hyspecnet.open_dataset(tmp_path)


# Preparing


def test_several_processes_prepare_the_same_store(own, stored):
    seen = []
    made = hyspecnet.prepare(own, 2, lambda done, total: seen.append((done, total)))
    assert made == own / "HySpecNet_LMDB"
    assert (seen[0], seen[-1]) == ((0, 6), (6, 6))
    assert not list(own.glob("*.partial"))
    a, b = (TensorStore(root / "HySpecNet_LMDB") for root in (own, stored))
    assert list(a.names()) == list(b.names())
    for name in a.names():
        one, other = a.read(name), b.read(name)
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[key], other[key]) for key in one)


def prepare_slowly(root, committed):
    def pause(done, total):
        committed.value = done
        time.sleep(60 if done else 0)

    hyspecnet.prepare(root, 1, pause)


def test_a_killed_preparation_is_resumed(own):
    context = multiprocessing.get_context("fork")
    committed = context.Value("i", 0)
    child = context.Process(target=prepare_slowly, args=(own, committed))
    child.start()
    while not committed.value:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert not (own / "HySpecNet_LMDB").exists()
    assert hyspecnet.open_dataset(own).layout == "folders"
    seen = []
    hyspecnet.prepare(own, 1, lambda done, total: seen.append((done, total)))
    assert seen == [(4, 6), (6, 6)]
    dataset = hyspecnet.open_dataset(own)
    assert dataset.layout == "lmdb"
    for sample in IDS:
        np.testing.assert_array_equal(dataset.cube(sample), published_array(sample))


def test_a_finished_store_is_not_written_to_again(own):
    aside = own / "aside"
    shutil.move(own / "patches" / IDS[0], aside)
    hyspecnet.prepare(own, 1, quiet)
    assert hyspecnet.prepare(own, 1, quiet) == own / "HySpecNet_LMDB"
    shutil.move(aside, own / "patches" / IDS[0])
    with pytest.raises(BenchError, match="is finished but lacks 1 patches"):
        hyspecnet.prepare(own, 1, quiet)
    dataset = hyspecnet.open_dataset(own)
    np.testing.assert_array_equal(dataset.cube(IDS[0]), published_array(IDS[0]))


def test_nothing_is_made_of_nothing_or_of_a_damaged_image(own):
    image_of(own, IDS[2]).write_bytes(b"II*\0")
    with pytest.raises(BenchError, match="is damaged or foreign"):
        hyspecnet.prepare(own, 1, quiet)
    assert not (own / "HySpecNet_LMDB").exists()
    shutil.rmtree(own / "patches")
    with pytest.raises(BenchError, match=r"has no <tile>/<patch>/<patch>-SPECTRAL_IMAGE\.TIF"):
        hyspecnet.prepare(own, 1, quiet)


# Verifying


@pytest.fixture
def as_sample(own, monkeypatch):
    """The folder passes for that of the sample track, where the published numbers don't apply."""
    monkeypatch.setattr("bench.data.hyspecnet.verify.sample_root", lambda name: own)
    return own


def findings(root, pixels=99):
    return {c.name: (c.passed, c.found) for c in hyspecnet.verify(root, pixels, quiet)}


def test_a_whole_dataset_is_whole(as_sample):
    seen = []
    checks = list(hyspecnet.verify(as_sample, 4, lambda *numbers: seen.append(numbers)))
    assert [check.name for check in checks] == [
        *("patches", "easy split", "hard split", "pixels", "nodata", "copies")
    ]
    assert all(check.passed for check in checks)
    assert checks[1].found == "train 4, validation 1, test 1"
    assert seen == [(n, 4) for n in range(1, 5)]


def test_the_published_numbers_are_asked_of_official_data(tree):
    found = findings(tree)
    assert found["patches"] == (False, "6 of 11483, of 2 of 250 tiles (folders)")
    assert "6 patches of 11483 are listed" in found["easy split"][1]
    assert "train has 66.7%, not 70%, of the patches" in found["easy split"][1]


def test_splits_that_overlap_are_found(as_sample):
    write_splits(as_sample, {"easy": {"test": IDS[:3]}, "hard": {"val": IDS[5:], "train": IDS[3:]}})
    found = findings(as_sample, 0)
    assert found["easy split"] == (False, "2 patches are in two splits")
    assert found["hard split"] == (False, "1 patches are in two splits; 1 tiles are in two splits")
    shutil.rmtree(as_sample / "patches" / IDS[4])
    shutil.rmtree(as_sample / "splits" / "hard")
    found = findings(as_sample, 0)
    assert "1 of 8 listed patches are not on disk" in found["easy split"][1]
    assert "expected the list of a split" in found["hard split"][1]


def test_other_bands_without_data_are_found(as_sample):
    pixels = pixels_of(IDS[0])
    pixels[140] = 5
    planar_tiff.write(image_of(as_sample, IDS[0]), pixels, **PLACE, nodata=-32768)
    passed, found = findings(as_sample)["nodata"]
    assert not passed
    assert f"{IDS[0]} has no data in the EnMAP bands [127, 128" in found


def test_a_copy_that_dropped_the_wrong_bands_is_found(as_sample):
    """The numbers from 0 taken for numbers from 1: still 202 bands, two of them others."""
    wrong = [n for n in range(1, 225) if not (126 <= n <= 140 or 160 <= n <= 166)]
    values = np.clip(pixels_of(IDS[3])[np.array(wrong) - 1], 0, 10_000) / np.float32(10_000)
    assert values.shape == (202, SIDE, SIDE)
    np.save(path_of(as_sample, IDS[3], "DATA.npy"), values.astype(np.float32))
    passed, found = findings(as_sample)["copies"]
    assert not passed
    assert f"{IDS[3]} in its folders copy is not what its SPECTRAL_IMAGE.TIF holds" in found


def test_a_store_that_differs_from_its_image_is_found(as_sample):
    hyspecnet.prepare(as_sample, 1, quiet)
    assert findings(as_sample)["copies"] == (True, "as in the 6 images read")
    pixels = pixels_of(IDS[5])
    pixels[0, 0, 0] += 1
    planar_tiff.write(image_of(as_sample, IDS[5]), pixels, **PLACE, nodata=-32768)
    assert not findings(as_sample)["copies"][0]


def test_an_empty_folder_is_told(tmp_path):
    (check,) = hyspecnet.verify(tmp_path, 9, quiet)
    assert (check.name, check.passed) == ("patches", False)


# The real thing


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """The real patch in a tree as it is published."""
    (image,) = real_data.glob("hyspecnet11k/patches/*/*-SPECTRAL_IMAGE.TIF")
    patch = image.parent
    tile = patch.name.rpartition("-")[0]
    root = tmp_path_factory.mktemp("real")
    (root / "patches" / tile).mkdir(parents=True)
    (root / "patches" / tile / patch.name).symlink_to(patch, target_is_directory=True)
    return root, f"{tile}/{patch.name}"


# Per place of the patch: the maximum, and the PSNR of 51, 26, 13 and 7 principal components.
REAL = {
    "X03110438": (0.072, (67.72, 63.94, 61.49, 59.81)),
    "X04390566": (0.077, (67.26, 63.20, 60.69, 58.99)),
}


def test_the_real_patch_lacks_exactly_the_dropped_bands(real):
    root, sample = real
    pixels = tifffile.imread(image_of(root, sample))
    empty = pixels == -32768
    assert (np.flatnonzero(empty.all(axis=(1, 2))) + 1).tolist() == DROPPED
    assert empty.mean() == pytest.approx(22 / 224)
    found = {check.name: check.passed for check in hyspecnet.verify(root, 1, quiet)}
    assert found["pixels"]
    assert found["nodata"]


def test_the_real_patch_has_its_known_statistics(real):
    root, sample = real
    dataset = hyspecnet.open_dataset(root)
    assert dataset.present(list(KEPT)) == [sample]
    cube = dataset.cube(sample)
    assert cube.shape == (202, 128, 128)
    assert cube.mean(dtype=np.float64) == pytest.approx(0.0063, abs=5e-5)
    assert (cube == 0).mean() == pytest.approx(0.42, abs=0.005)
    highest, components = REAL[sample[-9:]]
    assert cube.max() == pytest.approx(highest, abs=5e-4)
    pixels = cube.reshape(202, -1).astype(np.float64)
    centred = pixels - pixels.mean(axis=1, keepdims=True)
    # What k components leave out is the sum of the other eigenvalues.
    rest = np.cumsum(np.linalg.eigvalsh(centred @ centred.T)) / pixels.size
    for count, psnr in zip((51, 26, 13, 7), components, strict=True):
        assert -10 * np.log10(rest[201 - count]) == pytest.approx(psnr, abs=0.005)


def test_the_real_patch_is_water(real):
    root, sample = real
    dataset = hyspecnet.open_dataset(root)
    assert (dataset.regions(sample) == 1).all()
    assert dataset.attributes([sample])["surface"] == ["water"]


def test_the_real_patch_survives_preparation(real, tmp_path):
    root, sample = real
    published = tifffile.imread(image_of(root, sample))
    (tmp_path / "patches").symlink_to(root / "patches", target_is_directory=True)
    cube = hyspecnet.open_dataset(tmp_path).cube(sample)
    hyspecnet.prepare(tmp_path, 1, quiet)
    dataset = hyspecnet.open_dataset(tmp_path)
    assert dataset.layout == "lmdb"
    np.testing.assert_array_equal(dataset.cube(sample), cube)
    for name, values in dataset.read(sample, KEPT).items():
        np.testing.assert_array_equal(values, published[int(name) - 1])
