"""The captioned and the classed datasets: every sample is written and read back; real files."""

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.base.files import tree_sha256
from bench.data.pictures import captioned, pictured
from bench.data.pictures import simulate as picture_sets

SINGLE = ["gaia", "nwpu-captions", "rsicd", "rsitmd", "sydney-captions", "ucm-captions"]
PAIRS = ["dubai-cc", "levir-cc"]
CLASSED = {"aid": 30, "eurosat": 10, "resisc45": 45, "ucm": 21, "whu-rs19": 19}


SPLITS = {"train": 24, "val": 8, "test": 16}
TRACK = dict(picture_sets.SPLITS)

Roots = Callable[[str], Path]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roots]:
    """The folder of a dataset's simulated sample, smaller than those of the track, made once."""
    folder = tmp_path_factory.mktemp("samples")

    def root(name: str) -> Path:
        if not (folder / name).is_dir():
            data.reader(name).write_sample(folder / name)
        return folder / name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture_sets, "SPLITS", SPLITS)
        patch.setattr(picture_sets, "PER_CLASS", 2)
        yield root


def opened(name: str, root: Path) -> Any:
    return data.reader(name).open_dataset(root)


def verified(name: str, root: Path) -> dict[str, data.Check]:
    return {check.name: check for check in data.reader(name).verify(root, 20, lambda *_: None)}


@pytest.mark.parametrize("name", [*SINGLE, *PAIRS, *CLASSED])
def test_declarations_are_complete(name: str) -> None:
    declared = data.declaration(name)
    for key in ("title", "about", "licence", "citation", "url", "size", "layout", "sample_version"):
        assert declared[key]
    date = ["1", "2"] if name in PAIRS else [""]
    bands = [channel + one for one in date for channel in "RGB"]
    assert list(declared["bands"]) == bands
    assert {band["unit"] for band in declared["bands"].values()} == {"8 bit"}
    assert {"clip": bands, "pair": bands}[next(iter(declared["inputs"]))] == bands
    assert next(iter(declared["inputs"].values()))["bands"] == bands
    for band in bands:
        mean, std = declared["statistics"]["clip"][band]
        assert (mean, std) == {
            "R": (0.48145466, 0.26862954),
            "G": (0.4578275, 0.26130258),
            "B": (0.40821073, 0.27577711),
        }[band[0]]


@pytest.mark.parametrize(("name", "count"), CLASSED.items())
def test_classes_are_named_once_and_as_in_sentences(name: str, count: int) -> None:
    classes = data.declaration(name)["classes"]
    assert len(set(classes)) == len(classes) == count
    assert classes == sorted(classes)
    assert all(one == one.lower() and "_" not in one for one in classes)


@pytest.mark.parametrize("name", [*SINGLE, *PAIRS])
def test_a_captioned_sample_comes_back(name: str, roots: Roots) -> None:
    dataset = opened(name, roots(name))
    sizes = {split: len(dataset.ids(split)) for split in captioned.SPLITS}
    assert sizes["test"] == 16
    assert sizes["train"] + sizes["validation"] == 32
    assert name == "rsitmd" or sizes["validation"] == 8
    everything = [sample for split in captioned.SPLITS for sample in dataset.ids(split)]
    assert len(set(everything)) == 48
    assert all(len(dataset.captions(sample)) == 5 for sample in everything)
    present = dataset.present(dataset.bands)
    assert set(present) <= set(everything)
    assert (len(present) == 48) == (name != "gaia")
    side = 50 if name == "dubai-cc" else 64
    pixels = dataset.read(present[0], dataset.bands)
    assert list(pixels) == dataset.bands
    assert {(band.shape, band.dtype.name) for band in pixels.values()} == {((side, side), "uint8")}
    some = dataset.read(present[0], dataset.bands[-1:])
    assert np.array_equal(some[dataset.bands[-1]], pixels[dataset.bands[-1]])
    attributes = dataset.attributes(everything)
    assert all(len(values) == 48 and "unknown" not in values for values in attributes.values())


def test_a_sample_has_its_size_and_many_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_sets, "SPLITS", {"train": 120, "val": 30, "test": 60})
    data.reader("rsicd").write_sample(tmp_path / "rsicd")
    dataset = opened("rsicd", tmp_path / "rsicd")
    found = {split: len(dataset.ids(split)) for split in captioned.SPLITS}
    assert found == {"train": 120, "validation": 30, "test": 60}
    classes = Counter(dataset.attributes(dataset.ids("test"))["class"])
    assert len(classes) >= 10
    texts = [text for sample in dataset.records for text in dataset.captions(sample)]
    assert 200 < len(set(texts)) < len(texts)


@pytest.mark.parametrize("name", PAIRS)
def test_half_of_the_pairs_change_and_say_so(name: str, roots: Roots) -> None:
    dataset = opened(name, roots(name))
    samples = dataset.ids("train")
    changed = dataset.attributes(samples)["changed"]
    assert Counter(changed) == {"yes": 12, "no": 12}
    for sample, flag in zip(samples, changed, strict=True):
        assert any("no change" in text for text in dataset.captions(sample)) == (flag == "no")
        pixels = dataset.read(sample, dataset.bands)
        assert not np.array_equal(pixels["R1"], pixels["R2"])


@pytest.mark.parametrize("name", CLASSED)
def test_a_sample_of_classes_comes_back(name: str, roots: Roots) -> None:
    dataset = opened(name, roots(name))
    samples = dataset.ids("all")
    assert dataset.present(["R", "G", "B"]) == samples
    counts = Counter(dataset.label(sample) for sample in samples)
    assert set(counts.values()) == {2 * picture_sets.TIMES.get(name, 1)}
    assert len(counts) >= 10
    classes = data.declaration(name)["classes"]
    assert dataset.attributes(samples[:1])["class"] == [classes[dataset.label(samples[0])]]
    assert dataset.read(samples[-1], ["B"])["B"].shape == (64, 64)
    with pytest.raises(RequestError, match="fold1"):
        dataset.ids("fold1")
    if name == "whu-rs19":
        with pytest.raises(RequestError, match="test"):
            dataset.ids("test")
    with pytest.raises(BenchError, match="nobody"):
        dataset.label("nobody")


@pytest.mark.parametrize("name", ["rsicd", "gaia", "levir-cc", "eurosat"])
def test_samples_are_deterministic(name: str, roots: Roots, tmp_path: Path) -> None:
    data.reader(name).write_sample(tmp_path / "again")
    assert tree_sha256(tmp_path / "again") == tree_sha256(roots(name))


@pytest.mark.parametrize("name", [*SINGLE, *PAIRS, *CLASSED])
def test_a_sample_verifies_but_for_the_published_counts(name: str, roots: Roots) -> None:
    checks = verified(name, roots(name))
    failed = [check.name for check in checks.values() if not check.passed]
    # GAIA publishes no counts.
    assert failed == ([] if name == "gaia" else ["splits"])
    assert data.reader(name).prepare(roots(name), 1, lambda *_: None) == roots(name)


def test_the_sample_track_may_have_counts_of_its_own(
    roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictured, "sample_root", roots)
    assert verified("rsicd", roots("rsicd"))["splits"].passed


def test_missing_and_damaged_pictures_are_named(roots: Roots, tmp_path: Path) -> None:
    shutil.copytree(roots("rsicd"), tmp_path / "rsicd")
    dataset = opened("rsicd", tmp_path / "rsicd")
    gone, broken, *_ = dataset.ids("test")
    (tmp_path / "rsicd" / "RSICD_images" / gone).unlink()
    (tmp_path / "rsicd" / "RSICD_images" / broken).write_bytes(b"<html>")
    dataset = opened("rsicd", tmp_path / "rsicd")
    assert gone in dataset.ids("test")
    assert gone not in dataset.present(["R"])
    with pytest.raises(BenchError, match=f"no picture '{gone}'"):
        dataset.read(gone, ["R"])
    with pytest.raises(BenchError, match=broken):
        dataset.read(broken, ["R"])
    with pytest.raises(BenchError, match="no sample 'x"):
        dataset.captions("x" * 500)
    with pytest.raises(RequestError, match="unknown band 'NIR'"):
        dataset.read(broken, ["NIR"])
    with pytest.raises(RequestError, match="unknown split 'all'"):
        dataset.ids("all")
    checks = {
        check.name: check
        for check in data.reader("rsicd").verify(tmp_path / "rsicd", 1000, lambda *_: None)
    }
    assert "47 of 48 samples on disk, 1 missing" in checks["pictures"].found
    assert not checks["pictures"].passed
    assert checks["pixels"].found.startswith("1 faults")


def test_unusable_captions_are_counted_and_their_pictures_left_out(
    roots: Roots, tmp_path: Path
) -> None:
    root = tmp_path / "rsicd"
    shutil.copytree(roots("rsicd"), root)
    content = json.loads((root / "dataset_rsicd.json").read_text())
    first, second = content["images"][-2:]
    first["sentences"][0]["raw"] = " "
    second["sentences"] = []
    (root / "dataset_rsicd.json").write_text(json.dumps(content))
    dataset = opened("rsicd", root)
    assert len(dataset.captions(first["filename"])) == 4
    assert second["filename"] not in dataset.ids("test")
    assert len(dataset.ids("test")) == 15
    checks = verified("rsicd", root)
    assert checks["annotations"].found.startswith("2 faults, the first: caption 1 of")
    assert checks["captions"].found == "1 samples of 0, 1 samples of 4, 46 samples of 5"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for name in (*SINGLE, *PAIRS):
        with pytest.raises(BenchError, match=r"\.json|captions/"):
            opened(name, tmp_path)
        (check,) = data.reader(name).verify(tmp_path, 1, lambda *_: None)
        assert not check.passed
    for name in CLASSED:
        with pytest.raises(BenchError, match="class folders"):
            opened(name, tmp_path)


def test_the_fingerprint_follows_words_and_splits_but_not_the_form(
    roots: Roots, tmp_path: Path
) -> None:
    dataset = opened("rsicd", roots("rsicd"))
    lists = tmp_path / "lists"
    lists.mkdir()
    for split in captioned.SPLITS:
        rows = [{"image": f"{split}/{one}", "caption": dataset.captions(one)} for one in
                dataset.ids(split)]  # fmt: skip
        (lists / f"rsicd_{split}.json").write_text(json.dumps(rows))
    assert opened("rsicd", lists).fingerprint() == dataset.fingerprint()
    assert opened("rsicd", lists).layout == "lists"
    rows[0]["caption"][0] += " indeed"
    (lists / "rsicd_test.json").write_text(json.dumps(rows))
    assert opened("rsicd", lists).fingerprint() != dataset.fingerprint()


def test_a_name_in_two_lists_is_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        rows = [{"image": f"{split}/a.tif", "caption": ["x"]}]
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    with pytest.raises(BenchError, match=r"several of 1: a\.tif"):
        opened("rsitmd", tmp_path)


def test_validation_is_cut_from_training_where_none_is_published(roots: Roots) -> None:
    dataset = opened("rsitmd", roots("rsitmd"))
    assert dataset.published == {"train": 32, "test": 16}
    assert 1 <= len(dataset.ids("validation")) <= 14
    # The rule names pictures, not positions: it holds for any subset.
    assert "airport_1.tif" in dataset.ids("train") + dataset.ids("validation")


def test_gaia_counts_what_was_obtained(roots: Roots, tmp_path: Path) -> None:
    root = tmp_path / "gaia"
    shutil.copytree(roots("gaia"), root)
    whole = opened("gaia", root)
    assert whole.layout == "shards, 44 of 48 obtained"
    shard = root / "test" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:60_000])
    cut = opened("gaia", root)
    obtained = set(cut.present(["R"])) & set(cut.ids("test"))
    assert 0 < len(obtained) < 14
    assert len(cut.ids("test")) == 16
    assert cut.fingerprint() != whole.fingerprint()
    assert any("00000.tar is cut short or damaged" in fault for fault in cut.faults)
    checks = verified("gaia", root)
    assert not checks["annotations"].passed
    assert checks["pictures"].passed
    with pytest.raises(BenchError, match="no picture"):
        cut.read(max(set(cut.ids("test")) - obtained), ["R"])


def test_real_rsicd(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "captions" / "rsicd"
    for name in ("amfmn_test_caps.txt", "amfmn_test_filename.txt"):
        (tmp_path / name.removeprefix("amfmn_")).symlink_to(source / name)
    (tmp_path / "RSICD_images").symlink_to(source)
    dataset = opened("rsicd", tmp_path)
    assert len(dataset.ids("test")) == data.declaration("rsicd")["splits"]["test"] == 1_093
    assert dataset.attributes(["airport_348.jpg"]) == {"class": ["airport"]}
    assert dataset.attributes(["00038.jpg"] if "00038.jpg" in dataset.records else []) in (
        {},
        {"class": ["unknown"]},
    )
    assert dataset.present(["R"])[:2] == ["00001.jpg", "00002.jpg"]
    assert dataset.read("00001.jpg", ["G"])["G"].shape == (224, 224)


def test_real_rsitmd(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "captions" / "rsitmd" / "harma_rsitmd_test.json"
    (tmp_path / source.name).symlink_to(source)
    dataset = opened("rsitmd", tmp_path)
    assert len(dataset.ids("test")) == data.declaration("rsitmd")["splits"]["test"] == 452
    assert dataset.attributes(["parking_229.tif"]) == {"class": ["parking"]}


def test_real_ucm_captions(real_data: Path) -> None:
    root = real_data / "captions" / "ucm"
    dataset = opened("ucm-captions", root)
    found = {split: len(dataset.ids(split)) for split in captioned.SPLITS}
    assert found == data.declaration("ucm-captions")["splits"]
    assert dataset.layout == "dataset_ucm_modified.json"
    assert dataset.present(["R"]) == [f"{number}.tif" for number in range(1, 10)]
    assert dataset.attributes(["1.tif", "150.tif", "2100.tif"]) == {
        "class": ["agricultural", "airplane", "tennis court"]
    }
    checks = verified("ucm-captions", root)
    assert checks["splits"].passed
    assert checks["captions"].passed
    assert checks["pixels"].passed
    assert "9 of 2100 samples on disk" in checks["pictures"].found


def test_the_words_of_real_ucm_captions_agree_with_the_numbered_classes(real_data: Path) -> None:
    dataset = opened("ucm-captions", real_data / "captions" / "ucm")
    for word, label in (
        ("airplane", "airplane"),
        ("chaparral", "chaparral"),
        ("tennis", "tennis court"),
    ):
        samples = [s for s in dataset.records if word in " ".join(dataset.captions(s)).lower()]
        counts = Counter(dataset.attributes(samples)["class"])
        assert counts.most_common(1)[0][0] == label


def test_real_levir_cc(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "levir_cc"
    (tmp_path / "levir_train.jsonl").symlink_to(source / "levir_cc_captions.jsonl")
    for date in ("A", "B"):
        folder = tmp_path / "images" / "train" / date
        folder.mkdir(parents=True)
        (folder / "train_000016.png").symlink_to(source / f"{date}_train_000016.png")
    dataset = opened("levir-cc", tmp_path)
    declared = data.declaration("levir-cc")["splits"]
    assert {split: len(dataset.ids(split)) for split in declared} == declared
    assert Counter(dataset.attributes(dataset.ids("test"))["changed"]) == {"yes": 964, "no": 965}
    assert dataset.present(dataset.bands) == ["train_000016.png"]
    pixels = dataset.read("train_000016.png", ["R1", "B2"])
    assert {band.shape for band in pixels.values()} == {(256, 256)}


def test_real_whu_rs19(real_data: Path) -> None:
    dataset = opened("whu-rs19", real_data / "whu_rs19")
    samples = dataset.ids("all")
    assert [dataset.label(sample) for sample in samples] == list(range(19))
    published = (real_data / "whu_rs19" / "class_changes.txt").read_text().split("\n")
    assert data.declaration("whu-rs19")["classes"] == [line for line in published if line.strip()]
    assert dataset.read("railwaystation_01.jpg", ["R"])["R"].shape == (600, 600)


def test_real_eurosat_classes(real_data: Path) -> None:
    dataset = opened("eurosat", real_data / "eurosat_ms")
    found = dataset.attributes(dataset.ids("all"))["class"]
    assert found == ["annual crop", "pasture", "sea lake"]


def test_as_many_numbered_pictures_as_the_track_has_are_all_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(name: str, seed: int, of: Any) -> Iterator[Any]:
        kinds = itertools.cycle(of)
        for split, count in picture_sets.SPLITS.items():
            for number in range(count):
                yield picture_sets._Described(next(kinds), split, number, None, ["a"])  # type: ignore[arg-type]

    monkeypatch.setattr(picture_sets, "SPLITS", TRACK)
    monkeypatch.setattr(picture_sets, "_described", described)
    monkeypatch.setattr(picture_sets, "_save", lambda path, picture: None)
    picture_sets._write_karpathy("ucm-captions", tmp_path, 0)
    images = json.loads((tmp_path / "dataset.json").read_text())["images"]
    names = [image["filename"] for image in images]
    assert len(set(names)) == len(names)
    splits = Counter(image["split"] for image in images)
    assert (splits["val"], splits["test"]) == (60, 300)
    classes = data.declaration("ucm")["classes"]
    assert all(int(name.removesuffix(".tif")) <= 100 * len(classes) for name in names)
    # Of a class no picture has a number of the next one.
    per_class = Counter((int(name.removesuffix(".tif")) - 1) // 100 for name in names)
    assert max(per_class.values()) <= 100
