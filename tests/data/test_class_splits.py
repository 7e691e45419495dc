"""Splits of sets of class pictures: published lists, published orders, our own rules."""

import hashlib
import itertools
import shutil
from collections import Counter
from pathlib import Path

import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.pictures import division
from bench.data.pictures import simulate as picture_sets
from bench.evaluate import data_contents
from bench.results import verification
from bench.spec import task as tasks

UCM = data.declaration("ucm")
# MD5 of the published lists, as TorchGeo states them.
LISTS_OF_UCM = {
    "validation": "11ecabfc52782e5ea6a9c7c0d263aca0",
    "test": "046aff88472d8fc07c4678d03749e28d",
}


def ucm_labels():
    names = [one.replace(" ", "") for one in UCM["classes"]]
    return {f"{name}{n:02d}.tif": c for c, name in enumerate(names) for n in range(100)}


@pytest.mark.parametrize("split", division.SPLITS)
def test_the_splits_of_ucm_are_the_published_lists(split):
    labels = ucm_labels()
    found = division.divided(UCM["division"], labels, Path(), split, None)
    assert (len(found), data.ids_sha256(found)) == tuple(
        UCM["published"][split][key] for key in ("size", "ids_sha256")
    )
    if split in LISTS_OF_UCM:
        # In the order in which TensorFlow Datasets read them, which their MD5 is of.
        ordered = sorted(found, key=lambda name: hashlib.md5(b"train" + name.encode()).hexdigest())
        assert hashlib.md5("\n".join(ordered).encode()).hexdigest() == LISTS_OF_UCM[split]


@pytest.mark.parametrize("name", ["aid", "rsscn7"])
def test_strata_hold_every_class_alike_and_share_nothing(name):
    rule = data.declaration(name)["division"]
    labels = {f"{'abc'[n % 3]}{n:03d}.jpg": n % 3 for n in range(300)}
    parts = {s: division.divided(rule, labels, Path(), s, None) for s in division.SPLITS}
    assert sorted(itertools.chain(*parts.values())) == sorted(labels)
    for split, share in zip(division.SPLITS, (40, 10, 50), strict=True):
        assert Counter(labels[one] for one in parts[split]) == dict.fromkeys(range(3), share)
    turned = dict(reversed(labels.items()))
    assert division.divided(rule, turned, Path(), "test", None) == parts["test"]


@pytest.fixture(scope="module")
def eurosat(tmp_path_factory):
    root = tmp_path_factory.mktemp("eurosat") / "eurosat"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_sets, "PER_CLASS", 1)
        data.reader("eurosat").write_sample(root)
    return root


def opened(root, name="eurosat"):
    return data.reader(name).open_dataset(root)


def test_lists_divide_pictures(eurosat):
    dataset = opened(eurosat)
    parts = {split: dataset.ids(split) for split in division.SPLITS}
    assert {split: len(ids) for split, ids in parts.items()} == {
        "train": 42,
        "validation": 14,
        "test": 14,
    }
    assert sorted(itertools.chain(*parts.values())) == dataset.ids("all")
    checks = {check.name: check for check in data.reader("eurosat").verify(eurosat, 3, print)}
    assert checks["lists"].passed
    with pytest.raises(RequestError, match=r"unknown split 'tests' .did you mean test"):
        dataset.ids("tests")


def test_without_lists_it_is_said_which_to_fetch_from_where(eurosat, tmp_path):
    root = tmp_path / "eurosat"
    shutil.copytree(eurosat, root)
    (root / "eurosat-test.txt").unlink()
    dataset = opened(root)
    assert len(dataset.ids("all")) == 70
    with pytest.raises(BenchError, match="published list, which is not there") as caught:
        dataset.ids("test")
    assert "https://hf.co/datasets/torchgeo/eurosat/resolve/main/eurosat-test.txt" in (
        caught.value.hint
    )
    assert dataset.ids("train")
    with pytest.raises(BenchError, match=r"42 samples .* expected the official 16200"):
        verification.check(tasks.load("eurosat-rgb"), dataset, root, "train")


def test_a_list_of_the_published_length_must_be_the_published_one(eurosat, tmp_path, monkeypatch):
    root = tmp_path / "eurosat"
    shutil.copytree(eurosat, root)
    dataset = opened(root)
    path = root / "eurosat-test.txt"
    names = path.read_text().split("\n")
    published = hashlib.md5("\n".join(names).encode()).hexdigest()
    rule = data.declaration("eurosat")["division"]
    lists = rule["lists"] | {"test": {"file": path.name, "md5": published}}
    monkeypatch.setattr(dataset, "_division", rule | {"lists": lists})
    sizes = {"test": {"size": len(names)}}
    monkeypatch.setattr("bench.data.pictures.classed.published", lambda name: sizes)
    expected = sorted(names)
    # Line ends of another system, and one more at the end, change nothing.
    for text in ("\n".join(names), "\r\n".join([*names, ""])):
        path.write_bytes(text.encode())
        assert dataset.ids("test") == expected
    path.write_text("\n".join([*names[1:], names[0]]))
    with pytest.raises(BenchError, match=f"published list with MD5 {published}, found"):
        dataset.ids("test")
    path.write_text("\n".join([*names[1:], names[1]]))
    with pytest.raises(BenchError, match="names some of its 14 pictures twice"):
        dataset.ids("test")


def test_lists_are_part_of_the_fingerprint(eurosat, tmp_path):
    root = tmp_path / "eurosat"
    shutil.copytree(eurosat, root)
    before = opened(root).fingerprint()
    first, *others = (root / "eurosat-test.txt").read_text().split("\n")
    (root / "eurosat-test.txt").write_text("\n".join(others))
    assert opened(root).fingerprint() != before
    for split in ("train", "val", "test"):
        (root / f"eurosat-{split}.txt").unlink()
    assert opened(root).fingerprint() not in (before, "")
    assert first


def test_a_list_that_names_what_is_not_there_fails_verification(eurosat, tmp_path):
    root = tmp_path / "eurosat"
    shutil.copytree(eurosat, root)
    with (root / "eurosat-test.txt").open("a") as stream:
        stream.write("\nForest_9999.jpg")
    checks = {check.name: check for check in data.reader("eurosat").verify(root, 3, print)}
    assert not checks["lists"].passed
    assert "Forest_9999.jpg" in checks["lists"].found


def test_the_simulated_rsscn7_has_the_folders_of_the_release(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_sets, "PER_CLASS", 2)
    data.reader("rsscn7").write_sample(tmp_path / "rsscn7")
    assert (tmp_path / "rsscn7" / "dRiverLake" / "d012.jpg").is_file()
    dataset = opened(tmp_path / "rsscn7", "rsscn7")
    assert {s: len(dataset.ids(s)) for s in division.SPLITS} == {
        "train": 28,
        "validation": 14,
        "test": 42,
    }
    assert dataset.label("g001.jpg") == 6


def test_real_rsscn7(real_data):
    root = real_data / "rsscn7_200px"
    if not root.is_dir():
        pytest.skip(f"no real samples at {root} (set BENCH_REAL_DATA)")
    dataset, task = opened(root, "rsscn7"), tasks.load("rsscn7")
    for split in division.SPLITS:
        assert verification.check(task, dataset, root, split) == "fingerprint"
    counts = Counter(dataset.attributes(dataset.ids("test"))["class"])
    assert counts == dict.fromkeys(data.declaration("rsscn7")["classes"], 200)
    assert dataset.read("a001.jpg", ["R"])["R"].shape == (200, 200)
    assert all(check.passed for check in data.reader("rsscn7").verify(root, 5, print))


def test_the_contents_of_official_data_are_read_for_its_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_sets, "PER_CLASS", 1)
    data.reader("rsscn7").write_sample(tmp_path / "rsscn7")
    dataset, task = opened(tmp_path / "rsscn7", "rsscn7"), tasks.load("rsscn7")
    found = data_contents.of(dataset, task, ["R", "G"], ["test"])
    assert set(found) == {"R", "G"}
