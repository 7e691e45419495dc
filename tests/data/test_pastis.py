import json
import os
import pickle
import shutil

import numpy as np
import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.formats import npy
from bench.data.pastis import pastis
from bench.data.pastis.dataset import VOID, WINDOW, file
from bench.data.pastis.metadata import METADATA, norm_file, norms
from bench.data.pastis.prepare import convert
from bench.data.pastis.store import INDEX, STORE

DECLARED = data.declaration("pastis")
S2, S1A = DECLARED["series"]["S2"], DECLARED["series"]["S1A"]
SIDE = 56
FOLD_OF = {"10000": 1, "10001": 2, "10002": 3, "10003": 4, "10004": 5, "10005": 5}
DATES = {"S2": 4, "S1A": 3, "S1D": 5}


def quiet(done, total):
    pass


def pixels_of(patch, series):
    rng = np.random.default_rng([int(patch), len(series), ord(series[-1])])
    shape = (DATES[series], len(DECLARED["series"][series]), SIDE, SIDE)
    if series == "S2":
        return rng.integers(-200, 12_000, shape).astype(np.int16)
    return rng.normal(-12, 4, shape).astype(np.float32)


def labels_of(patch):
    return np.random.default_rng(int(patch)).integers(0, 20, (SIDE, SIDE)).astype(np.uint8)


def features():
    stamps = [20180917, 20181201, 20181231, 20190101, 20190630]
    return [
        {
            "type": "Feature",
            "geometry": None,
            "properties": {
                "ID_PATCH": int(patch),
                "Fold": fold,
                "TILE": "t31tfm" if fold < 3 else "t32ulu",
                **{
                    f"dates-{series}": {str(i): stamps[i] for i in range(count)}
                    for series, count in DATES.items()
                },
            },
        }
        for patch, fold in FOLD_OF.items()
    ]


def declare(root, listed):
    (root / METADATA).write_text(json.dumps({"type": "FeatureCollection", "features": listed}))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "pastis"
    for series in ("TARGET", *DATES):
        file(folder, series, "0").parent.mkdir(parents=True)
    for patch in FOLD_OF:
        target = np.zeros((3, SIDE, SIDE), np.uint8)
        target[0] = labels_of(patch)
        np.save(file(folder, "TARGET", patch), target)
        for series in DATES:
            np.save(file(folder, series, patch), pixels_of(patch, series))
    declare(folder, features())
    for series, bands in DECLARED["series"].items():
        moments = [DECLARED["statistics"]["fold1"][band] for band in bands]
        mean, std = np.array(moments).T.tolist()
        entry = {"mean": mean, "std": std}
        norm_file(folder, series).write_text(json.dumps({f"Fold_{n}": entry for n in range(1, 6)}))
    return folder


def changed(root, patch="10000", **properties):
    listed = features()
    next(f for f in listed if str(f["properties"]["ID_PATCH"]) == patch)["properties"].update(
        properties
    )
    declare(root, listed)
    return pastis.open_dataset(root)


def test_series_are_what_the_files_hold(root):
    dataset = pastis.open_dataset(root)
    found = {series.name: series for series in dataset.series("10001", [*S1A, *S2])}
    assert list(found) == ["S1A", "S2"]
    assert np.array_equal(found["S2"].pixels, pixels_of("10001", "S2"))
    assert np.array_equal(found["S1A"].pixels, pixels_of("10001", "S1A"))
    # 17 September is 16 days after the first day and day 259 of the year, counted from 0.
    assert found["S2"].days.tolist() == [[16, 259], [91, 334], [121, 364], [122, 0]]


def test_bands_come_in_the_order_that_is_asked_for(root):
    (series,) = pastis.open_dataset(root).series("10001", ["B08", "B02"])
    assert series.bands == ["B08", "B02"]
    assert np.array_equal(series.pixels, pixels_of("10001", "S2")[:, [S2.index("B08"), 0]])
    read = pastis.open_dataset(root).read("10001", ["B03"])
    assert np.array_equal(read["B03"], pixels_of("10001", "S2")[:, 1].reshape(-1, SIDE))


def test_folds_are_parted_as_published(root):
    dataset = pastis.open_dataset(root)
    for number in range(1, 6):
        parts = [dataset.ids(f"{part}-{number}") for part in ("train", "validation", "test")]
        folds = [{FOLD_OF[patch] for patch in part} for part in parts]
        turned = [(fold + number - 2) % 5 + 1 for fold in range(1, 6)]
        assert folds == [set(turned[:3]), {turned[3]}, {turned[4]}]
    assert dataset.ids("test-1") == ["10004", "10005"]
    with pytest.raises(RequestError, match="unknown split 'test'"):
        dataset.ids("test")


def test_windows_are_those_of_pastis24(root):
    dataset = pastis.open_dataset(root)
    windows = dataset.ids("test-1-24")
    assert windows == [f"{patch}_{index:02}" for patch in ("10004", "10005") for index in range(4)]
    for index, (top, left) in enumerate([(0, 0), (0, 24), (24, 0), (24, 24)]):
        place = (slice(top, top + WINDOW), slice(left, left + WINDOW))
        (series,) = dataset.series(f"10004_{index:02}", S2)
        assert np.array_equal(series.pixels, pixels_of("10004", "S2")[:, :, *place])
        classes = dataset.reference_map(f"10004_{index:02}")
        labels = labels_of("10004")[place]
        assert np.array_equal(classes, np.where(labels == 19, VOID, labels))
    assert set(windows) <= set(dataset.present(S2))


@pytest.mark.parametrize("sample", ["../10000", "10000_7", "10000_", "99999", "10000_007"])
def test_samples_that_are_none_are_refused(root, sample):
    with pytest.raises(BenchError, match="no sample"):
        pastis.open_dataset(root).series(sample, S2)


def test_void_is_no_class_and_labels_beyond_it_are_refused(root):
    dataset = pastis.open_dataset(root)
    classes = dataset.reference_map("10000")
    assert np.array_equal(classes == VOID, labels_of("10000") == 19)
    assert classes[classes != VOID].max() < len(DECLARED["classes"])
    np.save(file(root, "TARGET", "10000"), np.full((3, SIDE, SIDE), 20, np.uint8))
    with pytest.raises(BenchError, match="labels from 0 to 19, found 20 to 20"):
        dataset.reference_map("10000")
    np.save(file(root, "TARGET", "10000"), np.full((3, SIDE, SIDE), -1, np.int64))
    with pytest.raises(BenchError, match="found -1 to -1"):
        dataset.reference_map("10000")


def test_only_patches_with_every_modality_are_present(root):
    file(root, "S1A", "10002").unlink()
    dataset = pastis.open_dataset(root)
    assert "10002" in dataset.present(S2)
    assert "10002" not in dataset.present([*S2, *S1A])
    with pytest.raises(BenchError, match="patch 10002 has no S1A"):
        dataset.series("10002", S1A)
    with pytest.raises(RequestError, match="unknown band 'B01'"):
        dataset.present(["B01"])


def test_longest_is_over_all_patches(root):
    dataset = changed(root, "10003", **{"dates-S2": {str(i): 20190101 + i for i in range(7)}})
    assert dataset.longest([*S2, *S1A]) == {"S2": 7, "S1A": 3}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"0": 20180917}, "two or more dates of S2, found 1"),
        ({"0": 20181201, "1": 20180917}, "rising dates of S2, found 2018-09-17 after 2018-12-01"),
        ({"0": 20180917, "1": 20181301}, "as YYYYMMDD by their position, found month"),
        ({"0": 20180917, "x": 20181201}, "as YYYYMMDD by their position, found invalid"),
        ({"0": 20180917, "1": None}, "as YYYYMMDD by their position"),
        ({str(i): 20180917 for i in range(401)}, "at most 400 dates of S2, found 401"),
        (None, "at most 400 dates of S2, found None"),
        ({"0": 20180917, "1": 20181201}, "an image of S2 for each of its 2 dates, found 4"),
    ],
)
def test_dates_that_are_none_are_refused_in_one_line(root, told, message):
    dataset = changed(root, **{"dates-S2": told})
    with pytest.raises(BenchError, match=message) as caught:
        dataset.series("10000", S2)
    assert "\n" not in str(caught.value)
    assert "10000" in str(caught.value)


def test_positions_count_not_their_order_in_the_file(root):
    stamps = {"2": 20181231, "0": 20180917, "3": 20190101, "1": 20181201}
    (series,) = changed(root, **{"dates-S2": stamps}).series("10000", S2)
    assert series.days[:, 0].tolist() == [16, 91, 121, 122]


def test_folds_that_overlap_are_refused(root):
    listed = features()
    listed.append(json.loads(json.dumps(listed[0])))
    listed[-1]["properties"]["Fold"] = 4
    declare(root, listed)
    with pytest.raises(BenchError, match="found 10000 in fold 1 and again in fold 4"):
        pastis.open_dataset(root).ids("train-1")


@pytest.mark.parametrize("fold", [0, 6, "1", None, True, 1.5])
def test_folds_that_are_none_are_refused(root, fold):
    with pytest.raises(BenchError, match="a Fold of 1 to 5 of every patch"):
        changed(root, Fold=fold).ids("train-1")


@pytest.mark.parametrize("content", ["[]", "{}", "[" * 5000, "no", '{"features": [1]}'])
def test_metadata_that_are_none_are_refused(root, content):
    (root / METADATA).write_text(content)
    with pytest.raises(BenchError):
        pastis.open_dataset(root).ids("train-1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["Fold_2"]["mean"].pop(), "for Fold_2, found none"),
        (lambda raw: [part.pop() for part in raw["Fold_3"].values()], "Fold_3, found 2 x 9"),
        (lambda raw: raw["Fold_1"]["std"].__setitem__(0, 0.0), "a positive std"),
        (lambda raw: raw.pop("Fold_5"), "for Fold_5"),
    ],
)
def test_statistics_that_do_not_match_the_bands_are_refused(root, change, message):
    path = norm_file(root, "S2")
    assert norms(path, "S2")[1].shape == (2, 10)
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(BenchError, match=message):
        norms(path, "S2")
    failed = {c.name: c for c in pastis.verify(root, 1, quiet) if not c.passed}
    assert message.split()[-1] in failed["NORM_S2_patch.json"].found


class Bomb:
    def __reduce__(self):
        return (os.abort, ())


def header(shape, descr="<i2", order=False):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    padded = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
        header((4, 10, 1 << 40, 1 << 40)),
        header((-4, 10, 8, 8)),
        header((4, 10, 8, 8)) + bytes(100),
        header((0, 10, 8, 8)),
        header((4, 11, 8, 8)) + bytes(2 * 4 * 11 * 64),
        header((4, 10, 8, 2000)) + bytes(2 * 4 * 10 * 8 * 2000),
        header((4, 10, 8)) + bytes(2 * 4 * 10 * 8),
        header((4, 10, 8, 8), "<f8") + bytes(8 * 4 * 10 * 64),
        header((4, 10, 8, 8), ">i2") + bytes(2 * 4 * 10 * 64),
        header((4, 10, 8, 8), order=True) + bytes(2 * 4 * 10 * 64),
        header((1,), "|O") + pickle.dumps(Bomb()),
        pickle.dumps(Bomb()),
        header("__import__('os').abort()"),
    ],
)
def test_hostile_arrays_are_refused(root, content):
    path = file(root, "S2", "10000")
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"S2_10000\.npy: expected an array"):
        npy.mapped(path, ["<i2"], (400, 10, 1024, 1024))
    with pytest.raises(BenchError, match="unpack it from the archive again"):
        pastis.open_dataset(root).series("10000", S2)


def contents(dataset, patch):
    arrays = {s.name: np.array(s.pixels) for s in dataset.series(patch, [*S2, *S1A])}
    return arrays | {"TARGET": dataset.reference_map(patch)}


def test_the_store_holds_what_the_files_hold(root):
    before = pastis.open_dataset(root)
    assert before.layout == "npy"
    assert convert(root, 2, quiet) == root / STORE
    after = pastis.open_dataset(root)
    assert after.layout == "store"
    for patch in FOLD_OF:
        expected, found = contents(before, patch), contents(after, patch)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert after.present([*S2, *S1A]) == before.present([*S2, *S1A])
    assert after.fingerprint() == before.fingerprint()
    shutil.rmtree(root / "DATA_S2")
    assert np.array_equal(contents(after, "10004")["S2"], pixels_of("10004", "S2"))
    again = pickle.loads(pickle.dumps(after))
    assert np.array_equal(contents(again, "10004")["S1A"], pixels_of("10004", "S1A"))


def test_a_killed_run_goes_on_where_it_stopped(root, monkeypatch):
    from bench.data.pastis import prepare as pastis_prepare

    monkeypatch.setattr(pastis_prepare, "_AT_ONCE", 4)
    counts = []

    def stop(done, total):
        counts.append(done)
        if done > 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(root, 1, stop)
    partial = root / f"{STORE}.partial"
    assert partial.is_dir()
    assert pastis.open_dataset(root).layout == "npy"
    # A note that was being written when the process was killed doesn't count.
    with (partial / "journal").open("a") as journal:
        journal.write("S2 1000")
    counts.clear()
    convert(root, 1, lambda done, total: counts.append(done))
    assert counts[0] == 12
    assert counts[-1] == 24
    found = contents(pastis.open_dataset(root), "10000")
    assert np.array_equal(found["S2"], pixels_of("10000", "S2"))


def test_arrays_that_changed_since_start_over(root):
    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(root, 1, stop)
    listed = features()
    listed[0]["properties"]["dates-S2"].pop("3")
    declare(root, listed)
    np.save(file(root, "S2", "10000"), pixels_of("10000", "S2")[:3])
    convert(root, 1, quiet)
    found = contents(pastis.open_dataset(root), "10001")
    assert np.array_equal(found["S2"], pixels_of("10001", "S2"))


def test_a_finished_store_is_not_written_to(root):
    convert(root, 1, quiet)
    stamp = (root / STORE / "S2.bin").stat().st_mtime_ns
    convert(root, 1, quiet)
    assert (root / STORE / "S2.bin").stat().st_mtime_ns == stamp
    shutil.copy(file(root, "S2", "10000"), file(root, "S2", "10006"))
    listed = features()
    listed.append(json.loads(json.dumps(listed[0])))
    listed[-1]["properties"]["ID_PATCH"] = 10006
    declare(root, listed)
    with pytest.raises(BenchError, match="lacks S2 of 1 patches"):
        convert(root, 1, quiet)


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index["S2"].__setitem__("10000", ["<i2", [4, 10, 56, 56], 1 << 40]),
        lambda index: index["S2"].__setitem__("10000", ["|O", [1], 0]),
        lambda index: index["S2"].__setitem__("10000", ["<i2", [-4, 10, 56, 56], 0]),
        lambda index: index.__setitem__("../S2", {"10000": ["<i2", [1], 0]}),
        lambda index: index.__setitem__("S2", [1]),
    ],
)
def test_a_damaged_index_is_refused(root, change):
    convert(root, 1, quiet)
    path = root / STORE / INDEX
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    with pytest.raises(BenchError, match=r"index\.json is damaged"):
        pastis.open_dataset(root).present(S2)


def test_the_archives_own_folder_is_found(root, tmp_path):
    shutil.move(root, tmp_path / "outer" / "PASTIS-R")
    dataset = pastis.open_dataset(tmp_path / "outer")
    assert len(dataset.ids("train-1")) == 3
    assert pastis.open_dataset(tmp_path).root == dataset.root
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match=r"expected metadata\.geojson"):
        pastis.open_dataset(tmp_path / "empty")


def test_verify(root):
    found = {check.name: check for check in pastis.verify(root, 10, quiet)}
    assert not found.pop("patches").passed  # 6 of 2433
    assert all(check.passed for check in found.values())
    convert(root, 1, quiet)
    store = {check.name: check for check in pastis.verify(root, 10, quiet)}["store"]
    assert store.passed
    with (root / STORE / "S2.bin").open("r+b") as stream:
        stream.write(b"\x01\x02\x03")
    pixels = pixels_of("10001", "S1A")
    found = {check.name: check for check in pastis.verify(root, 10, quiet)}
    assert "S2 of 10000" in found["store"].found
    shutil.rmtree(root / STORE)
    pixels[1, 1, 3, 3] = np.nan
    np.save(file(root, "S1A", "10001"), pixels)
    found = {check.name: check for check in pastis.verify(root, 10, quiet)}
    assert "S1A_10001.npy" in found["arrays"].found
    assert "found nan" in found["arrays"].found


def test_classes_and_colours_are_those_of_the_publication(real_data):
    names = json.loads((real_data / "pastis_meta" / "label_names.json").read_text())
    listed = [" ".join(names[str(index)].split()) for index in range(20)]
    assert listed[:19] == DECLARED["classes"]
    assert listed[DECLARED["void"]] == "Void label"
    lines = (real_data / "pastis_meta" / "colormap.txt").read_text().splitlines()
    colours = [
        [round(255 * float(part)) for part in line.strip(" (),").split(",")]
        for line in lines
        if line.strip()
    ]
    assert colours[:19] == [DECLARED["colours"][name] for name in DECLARED["classes"]]
