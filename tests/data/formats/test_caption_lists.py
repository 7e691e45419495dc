"""Lists of captions in the forms that circulate; the published counts of RSICD and RSITMD."""

import json
from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.data.formats import caption_lists
from bench.data.formats.karpathy import Annotations, Record


def of_others(found: Annotations) -> int:
    """The number of captions whose text also belongs to another picture."""
    owners: dict[str, set[str]] = {}
    for record in found.records:
        for text in record.captions:
            owners.setdefault(text, set()).add(record.name)
    texts = [text for record in found.records for text in record.captions]
    return sum(len(owners[text]) > 1 for text in texts)


@pytest.mark.parametrize(
    ("file", "pictures", "distinct", "shared"),
    [
        ("rsicd/harma_rsicd_test.json", 1_093, 3_331, 641),
        ("rsicd/amfmn_test_caps.txt", 1_093, 3_331, 641),
        ("rsicd/cliprsicd_textaug_test.jsonl", 1_093, None, None),
        ("rsicd/cliprsicd_textaug_valid.jsonl", 1_094, None, None),
        ("rsicd/harma_rsicd_val.json", 1_966, None, None),
        ("rsitmd/harma_rsitmd_test.json", 452, 2_119, 6),
        ("rsitmd/amfmn_test_caps.txt", 452, 2_119, 6),
    ],
)
def test_real_lists(
    real_data: Path, file: str, pictures: int, distinct: int | None, shared: int | None
) -> None:
    found = caption_lists.read(real_data / "captions" / file, "test")
    assert len(found.records) == pictures
    assert {len(record.captions) for record in found.records} == {5}
    assert not found.faults
    if distinct is not None:
        texts = {text for record in found.records for text in record.captions}
        assert len(texts) == distinct
        assert of_others(found) == shared


@pytest.mark.parametrize("dataset", ["rsicd", "rsitmd"])
def test_two_real_forms_agree(real_data: Path, dataset: str) -> None:
    folder = real_data / "captions" / dataset
    one = caption_lists.read(folder / f"harma_{dataset}_test.json", "test")
    other = caption_lists.read(folder / "amfmn_test_caps.txt", "test")
    captions = [{r.name: sorted(r.captions) for r in found.records} for found in (one, other)]
    assert captions[0] == captions[1]


def test_real_levir_cc(real_data: Path) -> None:
    found = caption_lists.read(real_data / "levir_cc" / "levir_cc_captions.jsonl", "train")
    counts = {
        split: [
            sum(record.changed is flag for record in found.records if record.split == split)
            for flag in (True, False)
        ]
        for split in ("train", "validation", "test")
    }
    assert counts == {"train": [3_407, 3_408], "validation": [667, 666], "test": [964, 965]}
    assert {record.captions for record in found.records if not record.changed} == {
        (
            "there is no difference",
            "the two scenes seem identical",
            "the scene is the same as before",
            "no change has occurred",
            "almost nothing has changed",
        )
    }
    assert len({text for record in found.records for text in record.captions}) == 19_266


def test_one_record_a_caption_is_gathered(tmp_path: Path) -> None:
    rows = [
        {"image": "train/b.tif", "caption": "one", "image_id": 0, "label_name": "beach"},
        {"image": "train/b.tif", "caption": "two", "image_id": 0, "label_name": "beach"},
        {"image": "train/a.tif", "caption": "three", "image_id": 1, "label_name": "lake"},
    ]
    (tmp_path / "x_train.json").write_text(json.dumps(rows))
    assert caption_lists.read(tmp_path / "x_train.json", "train").records == (
        Record("b.tif", "train", ("one", "two"), label="beach"),
        Record("a.tif", "train", ("three",), label="lake"),
    )


def test_lists_are_found_by_split(tmp_path: Path) -> None:
    for name in ("x_train.json", "x_valid.jsonl", "test_caps.txt", "test_filename.txt", "notes.md"):
        (tmp_path / name).touch()
    found = {split: path.name for split, path in caption_lists.find(tmp_path).items()}
    assert found == {
        "train": "x_train.json",
        "validation": "x_valid.jsonl",
        "test": "test_caps.txt",
    }
    (tmp_path / "y_val.json").touch()
    with pytest.raises(BenchError, match="one list of the validation split"):
        caption_lists.find(tmp_path)


def test_lines_that_do_not_match_are_refused(tmp_path: Path) -> None:
    (tmp_path / "test_caps.txt").write_text("one\ntwo\n")
    (tmp_path / "test_filename.txt").write_text("a.jpg\n")
    with pytest.raises(BenchError, match="found 2 and 1"):
        caption_lists.read(tmp_path / "test_caps.txt", "test")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x_test.json", '{"a": 1}', "expected a list"),
        ("x_test.json", "[3]", "expected an object"),
        ("x_test.json", '[{"caption": ["x"]}]', "name of a file"),
        ("x_test.jsonl", '{"filename": "a.jpg", "captions": ["x"]}\n{', "line 2"),
        ("x_test.jsonl", '{"filename": "a.jpg", "captions": ["x"], "split": "dev"}', "as split"),
    ],
)
def test_other_lists_are_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BenchError, match=said):
        caption_lists.read(tmp_path / name, "test")


def test_captions_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "x_test.json").write_text('[{"image": "a.jpg", "caption": ["x", null, {}]}]')
    found = caption_lists.read(tmp_path / "x_test.json", "test")
    assert found.records[0].captions == ("x",)
    assert len(found.faults) == 2


def test_nwpu(tmp_path: Path) -> None:
    row = {"filename": "lake_001.jpg", "split": "val", "imgid": 0, "sentid": 0}
    texts = {"raw_1": "two", "raw": "one", "raw_4": "five", "raw_3": "four", "raw_2": "three"}
    (tmp_path / "dataset_nwpu.json").write_text(json.dumps({"lake": [row | texts]}))
    assert caption_lists.read_nwpu(tmp_path / "dataset_nwpu.json").records == (
        Record("lake_001.jpg", "validation", ("one", "two", "three", "four", "five"), "lake"),
    )
    (tmp_path / "dataset_nwpu.json").write_text('{"lake": {"a": 1}}')
    with pytest.raises(BenchError, match="expected a list"):
        caption_lists.read_nwpu(tmp_path / "dataset_nwpu.json")
