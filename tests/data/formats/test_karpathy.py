"""Karpathy's JSON: what is read, what is left out, what is refused; and real files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.base.errors import BenchError
from bench.data.formats import karpathy


def image(name: Any = "a.jpg", split: Any = "train", *raw: Any, **more: Any) -> dict[str, Any]:
    sentences = [{"raw": text, "tokens": str(text).split()} for text in (raw or ("a lake .",))]
    return {"filename": name, "split": split, "sentences": sentences, **more}


def written(folder: Path, *images: Any) -> Path:
    (folder / "dataset.json").write_text(json.dumps({"images": images, "dataset": "x"}))
    return folder / "dataset.json"


def test_what_is_read(tmp_path: Path) -> None:
    found = karpathy.read(
        written(
            tmp_path,
            image("x/b.jpg", "val", "  two \t boats\n. ", "two boats ."),
            image("a.jpg", "test", changeflag=1),
            image("c.jpg", "train", changeflag=0),
        )
    )
    first, second, third = found.records
    assert first == karpathy.Record("b.jpg", "validation", ("two   boats .", "two boats ."))
    assert second.changed is True
    assert third.changed is False
    assert (second.split, third.split) == ("test", "train")
    assert not found.faults


def test_tokens_stand_in_for_a_sentence(tmp_path: Path) -> None:
    one = image()
    one["sentences"] = [{"tokens": ["a", "lake"]}]
    assert karpathy.read(written(tmp_path, one)).records[0].captions == ("a lake",)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        (None, "is no text"),
        (5, "is no text"),
        ("word " * 5_000, "25,000 characters"),
        ("\ud800", "UTF-8"),
    ],
)
def test_unusable_captions_are_left_out_and_named(tmp_path: Path, raw: Any, said: str) -> None:
    found = karpathy.read(written(tmp_path, image("a.jpg", "train", "a lake .", raw, "a sea .")))
    assert found.records[0].captions == ("a lake .", "a sea .")
    (fault,) = found.faults
    assert "caption 2 of a.jpg" in fault
    assert said in fault


def test_a_picture_without_captions_is_named(tmp_path: Path) -> None:
    found = karpathy.read(written(tmp_path, image() | {"sentences": []}))
    assert found.faults == ("a.jpg has no captions",)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (7, "image 1: expected an object"),
        (image(name=None), "name of a file"),
        (image(name=""), "name of a file"),
        (image(name="../.."), "name of a file"),
        (image(name=".hidden.jpg"), "name of a file"),
        (image(name="a\n.jpg"), "name of a file"),
        (image(name="a" * 300), "name of a file"),
        (image(name="\ud800.jpg"), "name of a file"),
        (image("b.jpg", "dev"), "as split, found 'dev'"),
        (image("b.jpg", ["train"]), "as split"),
        (image("b.jpg") | {"sentences": "none"}, "list of sentences"),
        (image("b.jpg") | {"sentences": ["text"]}, "list of sentences"),
        (image("b.jpg", changeflag="yes"), "changeflag 0 or 1"),
        (image("a.jpg"), "several of 1: a.jpg"),
        (image("other/a.jpg", "test"), "several of 1: a.jpg"),
    ],
)
def test_records_of_another_form_are_refused(tmp_path: Path, bad: Any, said: str) -> None:
    with pytest.raises(BenchError, match=said) as caught:
        karpathy.read(written(tmp_path, image(), bad))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("content", ["[]", "{}", '{"images": {}}', "3", '"images"'])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(BenchError, match="images"):
        karpathy.read(tmp_path / "dataset.json")


def test_names_lose_their_folders(tmp_path: Path) -> None:
    found = karpathy.read(written(tmp_path, image("../../etc/passwd"), image("C:\\x\\b.jpg")))
    assert [record.name for record in found.records] == ["passwd", "b.jpg"]


def test_real_ucm_captions(real_data: Path) -> None:
    found = karpathy.read(real_data / "captions" / "ucm" / "dataset_ucm_modified.json")
    assert Counter(record.split for record in found.records) == {
        "train": 1_680,
        "validation": 210,
        "test": 210,
    }
    assert {len(record.captions) for record in found.records} == {5}
    test = [c for record in found.records if record.split == "test" for c in record.captions]
    assert (len(test), len(set(test))) == (1_050, 377)
    assert not found.faults
