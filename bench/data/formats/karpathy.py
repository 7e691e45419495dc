"""Captions in the JSON of A. Karpathy and L. Fei-Fei (CVPR 2015), as most datasets publish them.

``{"images": [{"filename", "split", "imgid", "sentids", "sentences": [{"raw", "tokens", "imgid",
"sentid"}, ...]}, ...]}``; ``changeflag`` (0 or 1) in the sets of image pairs.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from bench.base.errors import BenchError
from bench.data.formats import json_text

SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""What the files call a split, and what it is called here."""

CHARACTERS = 10_000
"""The most characters of a caption; longer ones are left out and named."""

_NAME = 255
_SHOWN = 80


@dataclass(frozen=True)
class Record:
    """A picture, or a pair of them, and what is written about it.

    Attributes:
        name: of the file without its folders; names the sample.
        split: train, validation or test.
        captions: in the order of the file, without white space around them.
        label: the class that the file states, or nothing.
        changed: whether a pair shows a change, where the file states it.
    """

    name: str
    split: str
    captions: tuple[str, ...]
    label: str = ""
    changed: bool | None = None


@dataclass(frozen=True)
class Annotations:
    """What a dataset's files declare.

    Attributes:
        records: in the order of the files; no name occurs twice.
        faults: what was left out or is not as it should be, a line each.
    """

    records: tuple[Record, ...]
    faults: tuple[str, ...] = ()


def read(path: Path, split: str | None = None) -> Annotations:
    """The annotations in a file.

    Args:
        path: of the JSON file.
        split: of all records of a file that doesn't name splits.

    Raises:
        BenchError: the file is damaged, a record is not as described above, or two records are of
            the same file.
    """
    content = json_text.load(path)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise BenchError(
            f'{path}: expected {{"images": [...]}}, found {_kind(content)}', "get the file again"
        )
    return gather((_record(image, f"{path}: image {n}", split) for n, image in enumerate(images)))


def _record(image: Any, where: str, split: str | None) -> tuple[Record, list[str]]:
    if not isinstance(image, dict):
        raise BenchError(f"{where}: expected an object, found {_kind(image)}", "")
    name = file_name(image.get("filename"), where)
    sentences = image.get("sentences")
    if not isinstance(sentences, list) or not all(isinstance(one, dict) for one in sentences):
        raise BenchError(f"{where} ({name}): expected a list of sentences, found another", "")
    captions, faults = clean([_sentence(one) for one in sentences], name)
    changed = image.get("changeflag")
    if changed not in (None, 0, 1):
        raise BenchError(f"{where} ({name}): expected changeflag 0 or 1, found {changed!r}"[:300])
    return (
        Record(
            name,
            split or split_name(image.get("split"), f"{where} ({name})"),
            captions,
            changed=None if changed is None else bool(changed),
        ),
        faults,
    )


def _sentence(sentence: dict[str, Any]) -> Any:
    if "raw" in sentence:
        return sentence["raw"]
    tokens = sentence.get("tokens")
    strings = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    return " ".join(tokens) if strings and tokens else None


def gather(parts: Iterable[tuple[Record, Sequence[str]]]) -> Annotations:
    """Records with their faults, as annotations.

    Raises:
        BenchError: two records are of the same file.
    """
    records: list[Record] = []
    faults: list[str] = []
    for record, found in parts:
        records.append(record)
        faults += found
    twice = [name for name, count in Counter(r.name for r in records).items() if count > 1]
    if twice:
        named = ", ".join(sorted(twice)[:3])
        raise BenchError(
            f"expected one record a picture, found several of {len(twice)}: {named}",
            "remove all but one of each from the annotations",
        )
    return Annotations(tuple(records), tuple(faults))


def clean(captions: Sequence[Any], name: str) -> tuple[tuple[str, ...], list[str]]:
    """The usable captions of a picture, and a line for each that is not.

    A caption is usable when it is text that UTF-8 can hold, neither empty nor longer than
    `CHARACTERS`; published files have empty ones. It stays as it is written, but that tabs and
    ends of lines become spaces.
    """
    kept: list[str] = []
    faults: list[str] = []
    for number, caption in enumerate(captions, start=1):
        fault = _fault(caption)
        if fault:
            faults.append(f"caption {number} of {name} {fault}: left out")
        else:
            kept.append(re.sub(r"\s", " ", caption).strip())
    if not captions:
        faults.append(f"{name} has no captions")
    return tuple(kept), faults


def _fault(caption: Any) -> str:
    if not isinstance(caption, str):
        return "is no text"
    if len(caption) > CHARACTERS:
        return f"has {len(caption):,} characters, more than {CHARACTERS:,}"
    if not caption.strip():
        return "is empty"
    return "" if _encodes(caption) else "can't be written as UTF-8"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_name(value: Any, where: str) -> str:
    """The name of a file without its folders, by which the folders of pictures are searched.

    Raises:
        BenchError: it is not a name.
    """
    # Both kinds of slashes part folders: lists are written on all systems.
    name = PureWindowsPath(value.strip()).name if isinstance(value, str) else ""
    usable = name.isprintable() and len(name) <= _NAME and _encodes(name)
    if not name or not usable or name.startswith("."):
        raise BenchError(f"{where}: expected the name of a file, found {value!r}"[:300])
    return name


def split_name(value: Any, where: str) -> str:
    """What a split is called here.

    Raises:
        BenchError: it is none of `SPLITS`.
    """
    if not isinstance(value, str) or value not in SPLITS:
        raise BenchError(
            f"{where}: expected one of {', '.join(SPLITS)} as split, found {value!r}"[:300]
        )
    return SPLITS[value]


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"[:_SHOWN]
