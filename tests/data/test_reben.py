import hashlib
import multiprocessing
import os
import pickle
import shutil
import signal
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.formats import geotiff
from bench.data.reben import reben
from bench.data.reben.dataset import FLAGGED
from bench.data.reben.metadata import Metadata
from bench.data.reben.patches import SPLITS, classes_of, geographic_split, season_and_tile
from bench.spec.contract import Band, InputContract, InputPipeline

DECLARED = data.declaration("reben")
CLASSES = DECLARED["classes"]
BANDS = list(DECLARED["bands"])
RADAR = ["VV", "VH"]
OPTICAL = [band for band in BANDS if band not in RADAR]
TILE = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
SCENE = "S1A_IW_GRDH_1SDV_20170613T165043"
PLACES = [(0, 0), (3, 40), (17, 45), (20, 45), (44, 50), (45, 45), (60, 30), (90, 90)]


def quiet(done, total):
    pass


def names(x, y):
    patch = f"{TILE}_{x:02}_{y:02}"
    return patch, f"{SCENE}_33UUP_{x}_{y}", f"S2A_MSIL2A_20170613T101031_{x}_{y}"


IDS = [names(x, y)[0] for x, y in PLACES]


def pixels_of(patch):
    seed = int.from_bytes(hashlib.sha256(patch.encode()).digest()[:8], "little")
    generator = np.random.default_rng(seed)
    arrays = {}
    for band, facts in DECLARED["bands"].items():
        side = 1200 // facts["gsd"]
        if band in RADAR:
            arrays[band] = generator.normal(-12, 5, (side, side)).astype(np.float32)
        else:
            arrays[band] = generator.integers(0, 12_000, (side, side), np.uint16)
    codes = generator.choice([211, 231, 311, 313, 122], 5, replace=False)
    arrays["map"] = np.repeat(codes.astype(np.uint16), 24)[:, None].repeat(120, axis=1)
    arrays["map"][arrays["map"] == 122] = np.where(generator.random() < 0.5, 122, 512)
    return arrays


def labels_of(codes):
    found = {name for name, of in DECLARED["clc"].items() if np.isin(codes, of).any()}
    return sorted(found - {"UNLABELED"})


def write_tiff(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixel = 1200 / len(array)
    geotiff.write(path, array, epsg=32633, origin=(300_000, 5_400_000), pixel=pixel, **options)


def write_metadata(root, **columns):
    of = [names(x, y) for x, y in PLACES]
    table = {
        "patch_id": [patch for patch, _, _ in of],
        "labels": [labels_of(pixels_of(patch)["map"]) for patch, _, _ in of],
        "split": list(geographic_split([patch for patch, _, _ in of])),
        "country": ["Austria", "Serbia"] * (len(of) // 2),
        "s1_name": [radar for _, radar, _ in of],
        "s2v1_name": [first for _, _, first in of],
        **columns,
    }
    root.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), root / "metadata.parquet")


def write_tree(root):
    write_metadata(root)
    for x, y in PLACES:
        patch, radar, _ = names(x, y)
        arrays = pixels_of(patch)
        for band in OPTICAL:
            write_tiff(
                root / "BigEarthNet-S2" / TILE / patch / f"{patch}_{band}.tif",
                arrays[band],
                nodata=0,
            )
        for band in RADAR:
            write_tiff(
                root / "BigEarthNet-S1" / SCENE / radar / f"{radar}_{band}.tif", arrays[band]
            )
        write_tiff(
            root / "Reference_Maps" / TILE / patch / f"{patch}_reference_map.tif",
            arrays["map"],
            nodata=0,
            compress=True,
        )
    return root


def write_v1(root):
    write_metadata(root)
    for x, y in PLACES:
        patch, radar, first = names(x, y)
        arrays = pixels_of(patch)
        for band in OPTICAL:
            write_tiff(root / "BigEarthNet-v1.0" / first / f"{first}_{band}.tif", arrays[band])
        for band in RADAR:
            write_tiff(root / "BigEarthNet-S1-v1.0" / radar / f"{radar}_{band}.tif", arrays[band])
    return root


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def converted(tree, tmp_path_factory):
    """The same patches as an LMDB and nothing else."""
    root = tmp_path_factory.mktemp("converted") / "root"
    shutil.copytree(tree, root)
    reben.prepare(root, 1, quiet)
    for folder in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        shutil.rmtree(root / folder)
    return root


@pytest.fixture(scope="session")
def first_version(tmp_path_factory):
    return write_v1(tmp_path_factory.mktemp("v1"))


@pytest.fixture
def own(tree, tmp_path):
    """A copy of the tree to spoil."""
    root = tmp_path / "own"
    shutil.copytree(tree, root)
    return root


@pytest.fixture(params=["tree", "converted", "first_version"])
def root(request):
    return request.getfixturevalue(request.param)


def same(found, expected, bands):
    assert set(found) == set(bands)
    for band in bands:
        assert found[band].dtype == expected[band].dtype
        np.testing.assert_array_equal(found[band], expected[band])


# Reading


def test_every_layout_gives_the_same_numbers(root):
    dataset = reben.open_dataset(root)
    for patch in IDS:
        expected = pixels_of(patch)
        same(dataset.read(patch, BANDS), expected, BANDS)
        same(dataset.read(patch, ["B05", "VH"]), expected, ["B05", "VH"])


def test_the_layout_is_named(tree, converted, first_version):
    roots = {"geotiff": tree, "lmdb": converted, "geotiff v1.0": first_version}
    assert {name: reben.open_dataset(at).layout for name, at in roots.items()} == {
        name: name for name in roots
    }


def test_the_lmdb_is_preferred_and_the_folders_help_out(tree, converted, tmp_path):
    shutil.copytree(tree, tmp_path, dirs_exist_ok=True)
    shutil.copytree(converted / "BigEarthNet_LMDB", tmp_path / "BigEarthNet_LMDB")
    shutil.rmtree(tmp_path / "BigEarthNet-S2" / TILE / IDS[0])
    dataset = reben.open_dataset(tmp_path)
    assert dataset.layout == "lmdb"
    same(dataset.read(IDS[0], ["B02"]), pixels_of(IDS[0]), ["B02"])


@pytest.mark.parametrize("name", ["reben.lmdb", "."])
def test_an_lmdb_is_found_under_other_names(converted, tmp_path, name):
    (tmp_path / name).mkdir(exist_ok=True)
    shutil.copy(converted / "BigEarthNet_LMDB" / "data.mdb", tmp_path / name / "data.mdb")
    shutil.copy(converted / "metadata.parquet", tmp_path)
    dataset = reben.open_dataset(tmp_path)
    assert dataset.layout == "lmdb"
    same(dataset.read(IDS[1], BANDS), pixels_of(IDS[1]), BANDS)


def test_an_unfinished_lmdb_is_not_opened(own):
    shutil.copytree(own, own / "BigEarthNet_LMDB.partial")
    (own / "BigEarthNet_LMDB.partial" / "data.mdb").write_bytes(b"half")
    assert reben.open_dataset(own).layout == "geotiff"


def test_one_sensor_does_not_need_the_other(own):
    shutil.rmtree(own / "BigEarthNet-S1")
    dataset = reben.open_dataset(own)
    same(dataset.read(IDS[2], ["B01", "B12"]), pixels_of(IDS[2]), ["B01", "B12"])
    with pytest.raises(BenchError, match="has no Sentinel-1 under"):
        dataset.read(IDS[2], ["B01", "VV"])


def test_sentinel_1_alone(own):
    shutil.rmtree(own / "BigEarthNet-S2")
    dataset = reben.open_dataset(own)
    assert dataset.present(["VV"]) == IDS
    same(dataset.read(IDS[2], RADAR), pixels_of(IDS[2]), RADAR)
    with pytest.raises(BenchError, match="has no Sentinel-2 under"):
        dataset.read(IDS[2], ["B02"])


def test_pixels_of_the_first_version_never_stand_in_for_those_of_the_second(own, first_version):
    shutil.copytree(first_version, own, dirs_exist_ok=True)
    shutil.rmtree(own / "BigEarthNet-S2" / TILE / IDS[0])
    dataset = reben.open_dataset(own)
    assert dataset.layout == "geotiff"
    with pytest.raises(BenchError, match=f"{IDS[0]} has no Sentinel-2"):
        dataset.read(IDS[0], ["B02"])


def test_a_missing_band_is_named(own):
    (own / "BigEarthNet-S2" / TILE / IDS[0] / f"{IDS[0]}_B05.tif").unlink()
    dataset = reben.open_dataset(own)
    with pytest.raises(BenchError, match=f"{IDS[0]}_B05.tif is missing") as caught:
        dataset.read(IDS[0], ["B02", "B05"])
    assert "unpack BigEarthNet-S2" in caught.value.hint
    same(dataset.read(IDS[0], ["B02"]), pixels_of(IDS[0]), ["B02"])


def test_a_patch_of_another_size_or_type_is_refused(own):
    folder = own / "BigEarthNet-S2" / TILE / IDS[0]
    write_tiff(folder / f"{IDS[0]}_B02.tif", np.zeros((60, 60), np.uint16))
    write_tiff(folder / f"{IDS[0]}_B03.tif", np.zeros((120, 120), np.float32))
    dataset = reben.open_dataset(own)
    with pytest.raises(BenchError, match=r"B02\.tif .*expected 120x120 .*found 60x60"):
        dataset.read(IDS[0], ["B02"])
    with pytest.raises(BenchError, match=r"B03\.tif .*of uint16, found .*of float32"):
        dataset.read(IDS[0], ["B03"])


def test_a_blob_of_another_size_is_refused(converted, tmp_path):
    from bench.data.formats.tensor_lmdb import TensorWriter, encode

    shutil.copy(converted / "metadata.parquet", tmp_path)
    with TensorWriter(tmp_path / "BigEarthNet_LMDB") as writer:
        writer.put({IDS[0]: encode({"B02": np.zeros((60, 60), np.uint16)})})
    with pytest.raises(BenchError, match=f"B02 of {IDS[0]} in .*expected 120x120 .*found 60x60"):
        reben.open_dataset(tmp_path).read(IDS[0], ["B02"])


@pytest.mark.parametrize("name", ["nobody", "../../etc", "", "a/b_00_00", f"{TILE}_12_34"])
def test_an_unknown_patch_is_refused(root, name):
    with pytest.raises(BenchError, match=r"has no Sentinel-2|is not in"):
        reben.open_dataset(root).read(name, ["B02"])
    with pytest.raises(BenchError, match="is not in"):
        reben.open_dataset(root).read(name, ["VV"])


def test_an_unknown_band_gets_suggestions(tree):
    with pytest.raises(RequestError, match=r"unknown band 'B10'.*did you mean"):
        reben.open_dataset(tree).read(IDS[0], ["B10"])


def test_an_opened_dataset_can_be_sent_to_a_worker(root):
    dataset = reben.open_dataset(root)
    dataset.read(IDS[0], BANDS)
    dataset.ids("train")
    sent = pickle.dumps(dataset)
    assert len(sent) < 4000
    same(pickle.loads(sent).read(IDS[0], BANDS), pixels_of(IDS[0]), BANDS)


def test_nothing_to_read_is_said_at_once(tree, tmp_path):
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BenchError, match="no BigEarthNet pixels under"):
            reben.open_dataset(root)
    (tmp_path / "BigEarthNet-S2").mkdir()
    with pytest.raises(BenchError, match=r"metadata\.parquet is not in"):
        reben.open_dataset(tmp_path)


# Metadata


def test_splits_are_those_of_the_metadata(root):
    dataset = reben.open_dataset(root)
    splits = {split: dataset.ids(split) for split in ("train", "validation", "test")}
    assert (
        sorted(patch for ids in splits.values() for patch in ids) == IDS == dataset.present(["B02"])
    )
    for split, ids in splits.items():
        assert ids == sorted(ids)
        assert set(geographic_split(ids)) == {split}
    with pytest.raises(RequestError, match="unknown split 'valid'"):
        dataset.ids("valid")


def test_present_follows_the_disk(own):
    shutil.rmtree(own / "BigEarthNet-S2" / TILE / IDS[3])
    dataset = reben.open_dataset(own)
    assert dataset.present(["B02"]) == [patch for patch in IDS if patch != IDS[3]]
    assert IDS[3] in dataset.ids(geographic_split([IDS[3]])[0])


def test_labels_are_multi_hot_in_the_order_asked(tree):
    dataset = reben.open_dataset(tree)
    asked = [IDS[4], IDS[0], IDS[4]]
    hot = dataset.multilabels(asked)
    assert hot.shape == (3, 19)
    assert hot.dtype == np.uint8
    for row, patch in zip(hot, asked, strict=True):
        assert [CLASSES[i] for i in np.flatnonzero(row)] == labels_of(pixels_of(patch)["map"])
    assert dataset.multilabels([]).shape == (0, 19)
    with pytest.raises(BenchError, match="'nobody' is not in"):
        dataset.multilabels(["nobody"])


def test_attributes(tree):
    found = reben.open_dataset(tree).attributes([IDS[1], IDS[0]])
    assert found == {
        "country": ["Serbia", "Austria"],
        "season": ["summer", "summer"],
        "tile": ["33UUP", "33UUP"],
    }


def test_unsorted_metadata_is_sorted(own):
    table = pq.read_table(own / "metadata.parquet")
    before = reben.open_dataset(own)
    expected = before.multilabels(IDS), before.attributes(IDS), before.ids("train")
    pq.write_table(table.take(pa.array([5, 2, 7, 0, 1, 6, 4, 3])), own / "metadata.parquet")
    after = reben.open_dataset(own)
    np.testing.assert_array_equal(after.multilabels(IDS), expected[0])
    assert (after.attributes(IDS), after.ids("train")) == expected[1:]
    same(after.read(IDS[6], RADAR), pixels_of(IDS[6]), RADAR)


def test_ids_of_several_lengths_are_found(tmp_path):
    table = {"patch_id": ["b", "ccc", "aa"], "split": ["test", "train", "train"]}
    texts = {name: ["x", "y", "z"] for name in ("country", "s1_name", "s2v1_name")}
    labels = {"labels": [["Pastures"], [], ["Urban fabric", "Pastures"]]}
    pq.write_table(pa.table({**table, **texts, **labels}), tmp_path / "metadata.parquet")
    metadata = Metadata(tmp_path / "metadata.parquet")
    assert metadata.ids() == ["aa", "b", "ccc"]
    assert metadata.split("train") == ["aa", "ccc"]
    assert [metadata.text("country", i) for i in ("ccc", "aa", "b")] == ["y", "z", "x"]
    assert metadata.multilabels(["ccc", "aa"]).sum(axis=1).tolist() == [0, 2]
    with pytest.raises(BenchError, match="'zz' is not in"):
        metadata.text("country", "zz")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"labels": [["Lava"]] * 8}, "'Lava' is not one of the 19 classes"),
        ({"labels": [None] * 8}, "column labels has 8 empty values"),
        ({"patch_id": [IDS[0]] * 8}, f"{IDS[0]} is there twice"),
        ({"split": [None] * 8}, "column split has 8 empty values"),
        ({"split": [{"a": 1}] * 8}, "is not the metadata of BigEarthNet"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(own, columns, message):
    write_metadata(own, **columns)
    with pytest.raises(BenchError, match=message):
        dataset = reben.open_dataset(own)
        dataset.ids("train")
        dataset.multilabels(IDS)


def test_foreign_metadata_is_refused(own):
    path = own / "metadata.parquet"
    path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(BenchError, match=r"metadata\.parquet is not the metadata"):
        reben.open_dataset(own)
    pq.write_table(pa.table({"patch_id": IDS}), path)
    with pytest.raises(BenchError, match="it lacks split, country, s1_name, s2v1_name, labels"):
        reben.open_dataset(own)


# The geographic split


def test_the_split_by_the_distance_to_the_border():
    places = {(0, 45): "train", (12, 45): "train", (13, 45): "validation", (22, 45): "validation"}
    places |= {(23, 45): "test", (45, 45): "test", (67, 67): "test", (68, 45): "test"}
    places |= {
        (69, 45): "validation",
        (77, 45): "validation",
        (78, 45): "train",
        (90, 90): "train",
        (45, 3): "train",
    }
    ids = [names(x, y)[0] for x, y in places]
    assert list(geographic_split(ids)) == list(places.values())
    assert geographic_split([]).shape == (0,)


@given(st.integers(0, 90), st.integers(0, 90))
def test_the_split_is_symmetric_and_nested(x, y):
    order = ["train", "validation", "test"]
    inner = (x + (x < 45) - (x > 45), y + (y < 45) - (y > 45))
    here, transposed, inside = geographic_split([names(*at)[0] for at in ((x, y), (y, x), inner)])
    assert here == transposed
    assert order.index(inside) >= order.index(here)


def test_the_shares_of_the_split_are_a_half_and_two_quarters():
    everywhere = geographic_split([names(x, y)[0] for x in range(91) for y in range(91)])
    shares = {name: (everywhere == name).mean() for name in ("train", "validation", "test")}
    assert shares == pytest.approx({"train": 0.5, "validation": 0.25, "test": 0.25}, abs=0.02)


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_other_names_have_no_split_and_no_season(name):
    for ask in (lambda: geographic_split([IDS[0], name]), lambda: season_and_tile(name)):
        with pytest.raises(BenchError, match=r"expected a BigEarthNet v2\.0 patch id") as caught:
            ask()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [f"{TILE}_91_00", f"{TILE}_00_99", f"{TILE}_1_2", IDS[0] + "\n"])
def test_places_outside_the_tile_have_no_split(name):
    with pytest.raises(BenchError, match="patch id"):
        geographic_split([name])


@pytest.mark.parametrize(
    ("month", "season"),
    [
        *[(12, "winter"), (1, "winter"), (2, "winter"), (3, "spring"), (5, "spring")],
        *[(6, "summer"), (8, "summer"), (9, "autumn"), (11, "autumn")],
    ],
)
def test_seasons_are_meteorological(month, season):
    name = f"S2B_MSIL2A_2018{month:02}15T094161_N9999_R036_T35VPK_57_38"
    assert season_and_tile(name) == (season, "35VPK")


# Reference maps


def test_reference_maps_agree_in_every_layout(tree, converted):
    for patch in IDS:
        codes = pixels_of(patch)["map"]
        expected = np.full(codes.shape, 255, np.uint8)
        for index, name in enumerate(CLASSES):
            expected[np.isin(codes, DECLARED["clc"][name])] = index
        for root in (tree, converted):
            found = reben.open_dataset(root).reference_map(patch)
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(found, expected)


def test_a_reference_map_that_is_missing_or_meaningless(own, first_version):
    with pytest.raises(BenchError, match="has no reference map under"):
        reben.open_dataset(first_version).reference_map(IDS[0])
    path = own / "Reference_Maps" / TILE / IDS[0] / f"{IDS[0]}_reference_map.tif"
    write_tiff(path, np.full((120, 120), 777, np.uint16), compress=True)
    with pytest.raises(BenchError, match=r"code 777 of the reference map of .* is none of CORINE"):
        reben.open_dataset(own).reference_map(IDS[0])


def test_codes_have_one_class_each_and_every_class_has_codes():
    codes = [code for of in DECLARED["clc"].values() for code in of]
    assert len(codes) == len(set(codes)) == 46
    assert set(DECLARED["clc"]) == {*CLASSES, "UNLABELED"}
    assert set(range(19)) == set(classes_of(np.array(codes, np.uint16)).tolist()) - {255}


# Preparing


def test_prepare_reports_and_is_idempotent(own):
    seen = []
    target = reben.prepare(own, 1, lambda done, total: seen.append((done, total)))
    assert target == own / "BigEarthNet_LMDB"
    assert seen[0] == (0, 24)
    assert seen[-1] == (24, 24)
    assert not (own / "BigEarthNet_LMDB.partial").exists()
    before = (target / "data.mdb").read_bytes()
    assert reben.prepare(own, 1, quiet) == target
    assert (target / "data.mdb").read_bytes() == before


def test_prepare_with_workers_gives_the_same(own, converted):
    reben.prepare(own, 2, quiet)
    for folder in ("BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        shutil.rmtree(own / folder)
    one, other = reben.open_dataset(converted), reben.open_dataset(own)
    for patch in IDS:
        same(other.read(patch, BANDS), one.read(patch, BANDS), BANDS)
        np.testing.assert_array_equal(other.reference_map(patch), one.reference_map(patch))


def test_prepare_without_some_parts_says_so(own, caplog):
    shutil.rmtree(own / "BigEarthNet-S1")
    shutil.rmtree(own / "Reference_Maps")
    reben.prepare(own, 1, quiet)
    assert [record.args[1] for record in caplog.records] == ["BigEarthNet-S1", "Reference_Maps"]
    same(reben.open_dataset(own).read(IDS[0], OPTICAL), pixels_of(IDS[0]), OPTICAL)


def test_prepare_needs_the_second_version(first_version):
    with pytest.raises(BenchError, match="has no BigEarthNet-S2/"):
        reben.prepare(first_version, 1, quiet)


def test_prepare_names_a_damaged_file_and_goes_on_when_it_is_mended(own, monkeypatch):
    monkeypatch.setattr("bench.data.reben.prepare._BATCH", 2)
    path = own / "BigEarthNet-S2" / TILE / IDS[5] / f"{IDS[5]}_B08.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(BenchError, match=f"{path.name} is damaged"):
        reben.prepare(own, 1, quiet)
    assert reben.open_dataset(own).layout == "geotiff"
    path.write_bytes(whole)
    seen = []
    reben.prepare(own, 1, lambda done, total: seen.append((done, total)))
    assert seen[0] == (4, 24)
    assert seen[-1] == (24, 24)


def test_a_damaged_file_is_named_through_a_worker(own):
    path = own / "BigEarthNet-S2" / TILE / IDS[5] / f"{IDS[5]}_B08.tif"
    path.write_bytes(b"II")
    with pytest.raises(BenchError, match=f"{path.name} is damaged") as caught:
        reben.prepare(own, 2, quiet)
    assert caught.value.hint


def _prepare_slowly(root, committed):
    def pause(done, total):
        committed.value = done
        time.sleep(0.2)

    import bench.data.reben.prepare

    bench.data.reben.prepare._BATCH = 2
    reben.prepare(root, 1, pause)


def test_a_killed_preparation_is_resumed(own):
    context = multiprocessing.get_context("fork")
    committed = context.Value("i", 0)
    child = context.Process(target=_prepare_slowly, args=(own, committed))
    child.start()
    while committed.value < 6:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert not (own / "BigEarthNet_LMDB").exists()
    assert reben.open_dataset(own).layout == "geotiff"
    seen = []
    reben.prepare(own, 1, lambda done, total: seen.append((done, total)))
    assert 6 <= seen[0][0] < 24
    assert seen[-1] == (24, 24)
    dataset = reben.open_dataset(own)
    assert dataset.layout == "lmdb"
    for patch in IDS:
        same(dataset.read(patch, BANDS), pixels_of(patch), BANDS)


def test_a_finished_store_is_not_written_to_again(own):
    aside = own / "aside"
    shutil.move(own / "BigEarthNet-S2" / TILE / IDS[0], aside)
    reben.prepare(own, 1, quiet)
    shutil.move(aside, own / "BigEarthNet-S2" / TILE / IDS[0])
    with pytest.raises(BenchError, match="is finished but lacks 1 patches of BigEarthNet-S2"):
        reben.prepare(own, 1, quiet)
    same(reben.open_dataset(own).read(IDS[0], OPTICAL), pixels_of(IDS[0]), OPTICAL)


# Verifying


def checks(root, pixels=4):
    return {check.name: check for check in reben.verify(root, pixels, quiet)}


def test_a_sound_sample_track_passes(tree, converted, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    sample = data.sample_root("reben")
    sample.parent.mkdir()
    for source in (tree, converted):
        sample.unlink(missing_ok=True)
        sample.symlink_to(source)
        seen = []
        found = list(reben.verify(sample, 4, lambda *counts, seen=seen: seen.append(counts)))
        assert all(check.passed for check in found), found
        assert [check.name for check in found] == [
            "metadata",
            "geographic split",
            "Sentinel-2",
            "Sentinel-1",
            "reference maps",
            "pixels",
            "labels",
        ]
        assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_other_counts_than_the_published_fail_elsewhere(tree):
    check = checks(tree)["splits"]
    assert not check.passed
    assert "of 237871" in check.found


def test_a_split_that_breaks_the_rule_fails(own):
    write_metadata(own, split=["train"] * 8)
    check = checks(own)["geographic split"]
    assert not check.passed
    assert "of 8 patches where the rule puts them" in check.found


def test_absent_patches_fail_and_absent_parts_do_not(own):
    shutil.rmtree(own / "BigEarthNet-S2" / TILE / IDS[0])
    shutil.rmtree(own / "BigEarthNet-S1")
    found = checks(own)
    assert not found["Sentinel-2"].passed
    assert found["Sentinel-2"].found == "7 of 8 patches (geotiff)"
    assert found["Sentinel-1"].passed
    assert found["Sentinel-1"].found == "not on disk"
    assert found["pixels"].passed


def test_damaged_pixels_and_values_that_are_not_finite_fail(own):
    (own / "BigEarthNet-S2" / TILE / IDS[0] / f"{IDS[0]}_B05.tif").unlink()
    radar = names(*PLACES[1])[1]
    values = np.full((120, 120), np.nan, np.float32)
    write_tiff(own / "BigEarthNet-S1" / SCENE / radar / f"{radar}_VV.tif", values)
    check = checks(own, 8)["pixels"]
    assert not check.passed
    assert check.found.startswith("2 faults, the first: ")
    assert f"{IDS[0]}_B05.tif is missing" in check.found


def test_labels_that_are_not_those_of_the_map_fail(own):
    write_metadata(own, labels=[["Pastures"]] * 8)
    check = checks(own, 8)["labels"]
    assert not check.passed
    assert "are not the classes of its reference map" in check.found


def test_a_map_without_enough_labels_fails(own):
    codes = np.full((120, 120), 999, np.uint16)
    codes[:80] = 231
    write_metadata(own, labels=[["Pastures"]] * 8)
    for patch in IDS:
        path = own / "Reference_Maps" / TILE / patch / f"{patch}_reference_map.tif"
        write_tiff(path, codes, compress=True)
    check = checks(own, 8)["labels"]
    assert not check.passed
    assert check.found.startswith("8 faults")
    assert "33% of the reference map" in check.found


def test_missing_metadata_or_pixels_are_findings(tmp_path):
    (found,) = reben.verify(tmp_path, 4, quiet)
    assert not found.passed
    assert "metadata.parquet is not in" in found.found
    write_metadata(tmp_path)
    assert "no BigEarthNet pixels" in checks(tmp_path)["pixels"].found


# At the door of a model


def test_layouts_are_one_at_the_door(tree, converted):
    bands = DECLARED["inputs"]["s1s2-full"]["bands"]
    statistics = [DECLARED["statistics"]["120_nearest"][band] for band in bands]
    contract = InputContract(
        bands=bands,
        units={band["sensor"]: band["unit"] for band in DECLARED["bands"].values()},
        size=120,
        resampling="nearest",
        mean=[mean for mean, _ in statistics],
        std=[std for _, std in statistics],
    )
    pipeline = InputPipeline(
        contract, {name: Band(**facts) for name, facts in DECLARED["bands"].items()}
    )
    for patch in IDS:
        expected = []
        for band, (mean, std) in zip(bands, statistics, strict=True):
            values = pixels_of(patch)[band].astype(np.float32)
            factor = 120 // len(values)
            values = values.repeat(factor, axis=0).repeat(factor, axis=1)
            expected.append((values - np.float32(mean)) / np.float32(std))
        for root in (tree, converted):
            out = np.empty((len(bands), 120, 120), np.float32)
            pipeline.apply(reben.open_dataset(root).read(patch, bands), out)
            np.testing.assert_array_equal(out, np.stack(expected))
            strided = np.empty((120, 120, len(bands)), np.float32).transpose(2, 0, 1)
            pipeline.apply(reben.open_dataset(root).read(patch, bands), strided)
            np.testing.assert_array_equal(strided, out)


# The published data


@pytest.fixture(scope="session")
def published(real_data):
    return Metadata(real_data / "reben" / "metadata.parquet")


@pytest.fixture(scope="session")
def real_root(real_data, tmp_path_factory):
    """One real patch and its metadata, as folders and as the official LMDB."""
    root = tmp_path_factory.mktemp("real")
    for name in ("metadata.parquet", "BigEarthNet-S2", "BigEarthNet-S1", "Reference_Maps"):
        (root / name).symlink_to(real_data / "reben" / name)
    return root


def test_published_counts(published):
    counts = {split: len(published.split(split)) for split in ("train", "validation", "test")}
    assert counts == DECLARED["splits"]
    assert sum(counts.values()) == len(published) == 480_038


def test_published_splits_follow_the_geographic_rule_in_every_row(real_data, published):
    snow = "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
    other = Metadata(real_data / "reben" / snow)
    assert len(published) + len(other) == 549_488
    for metadata in (published, other):
        expected = metadata.column("split").to_numpy(zero_copy_only=False).astype(str)
        assert (geographic_split(metadata.ids()) == expected).all()


def test_published_labels_per_class_and_patch(published):
    hot = published.multilabels(published.split("test"))
    totals = dict(zip(CLASSES, hot.sum(axis=0, dtype=int).tolist(), strict=True))
    assert totals["Coastal wetlands"] == 117
    assert totals["Beaches, dunes, sands"] == 152
    assert totals["Arable land"] == 50_052
    per_patch = published.multilabels(published.ids()).sum(axis=1)
    assert np.bincount(per_patch).tolist()[1:] == [
        *(86_375, 94_649, 135_885, 102_036, 45_329, 12_963, 2_478, 302, 15, 1, 5)
    ]


def test_both_official_layouts_of_the_real_patch_agree(real_data, real_root):
    patch = f"{TILE}_75_43"
    folders, official = reben.open_dataset(real_root), reben.open_dataset(real_data / "reben")
    assert (folders.layout, official.layout) == ("geotiff", "lmdb")
    same(folders.read(patch, OPTICAL), official.read(patch, OPTICAL), OPTICAL)
    assert official.present(["B02"]) == folders.present(["B02"]) == [patch]
    radar = f"{TILE}_70_48"
    same(folders.read(radar, RADAR), official.read(radar, RADAR), RADAR)


def test_preparing_the_real_patches_gives_the_official_blobs(real_data, real_root):
    from bench.data.formats.tensor_lmdb import TensorStore, encode

    reben.prepare(real_root, 1, quiet)
    ours = TensorStore(real_root / "BigEarthNet_LMDB")
    official = TensorStore(real_data / "reben" / "BigEarthNet_LMDB")
    assert set(official.names()) < set(ours.names())
    content = (real_root / "BigEarthNet_LMDB" / "data.mdb").read_bytes()
    for name in official.names():
        assert content.count(encode(official.read(name))) == 1
    shutil.rmtree(real_root / "BigEarthNet_LMDB")


def test_the_real_reference_map_has_the_published_labels(real_data, published):
    patch = f"{TILE}_26_57"
    dataset = reben.open_dataset(real_data / "reben")
    classes, counts = np.unique(dataset.reference_map(patch), return_counts=True)
    found = {CLASSES[index]: int(count) for index, count in zip(classes, counts, strict=True)}
    assert sorted(found.values()) == [1_154, 2_040, 4_131, 7_075]
    assert [CLASSES[i] for i in np.flatnonzero(published.multilabels([patch])[0])] == sorted(found)


def test_the_declared_codes_are_those_of_the_official_table(real_data):
    import json

    rows = json.loads((real_data / "reben" / "clc_metadata.json").read_text())["clc_data"]
    official = {int(row["code"]): row["name_19"] for row in rows}
    declared = {code: name for name, codes in DECLARED["clc"].items() for code in codes}
    assert declared == {0: "UNLABELED", **official}


def test_real_patches_of_the_first_version_are_found_by_the_metadata(real_data, tmp_path):
    import tifffile

    for name in ("BigEarthNet-S1-Example", "BigEarthNet-S2-Example"):
        (tmp_path / name).symlink_to(real_data / "bigearthnet_v1" / name)
    (tmp_path / "metadata.parquet").symlink_to(real_data / "reben" / "metadata.parquet")
    assert len(reben.open_dataset(tmp_path).present(["B02"])) == 5
    # The sixth is one of the patches with cloud, shadow or snow.
    (tmp_path / FLAGGED).symlink_to(real_data / "reben" / FLAGGED)
    dataset = reben.open_dataset(tmp_path)
    assert dataset.layout == "geotiff v1.0"
    present = dataset.present(["B02", "VV"])
    assert len(present) == 6
    recommended = {patch for split in SPLITS for patch in dataset.ids(split)}
    assert len(recommended & set(present)) == 5
    assert list(geographic_split(present)).count("train") == 3
    for patch in present:
        arrays = dataset.read(patch, BANDS)
        first, radar = (dataset.metadata.text(name, patch) for name in ("s2v1_name", "s1_name"))
        for band in BANDS:
            folder, name = ("S1", radar) if band in RADAR else ("S2", first)
            path = tmp_path / f"BigEarthNet-{folder}-Example" / name / f"{name}_{band}.tif"
            np.testing.assert_array_equal(arrays[band], tifffile.imread(path))
