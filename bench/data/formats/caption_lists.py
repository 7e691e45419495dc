"""Captions in the other forms that circulate: one list for each split, and NWPU-Captions' JSON.

=====================  ===========================================================================
``*_<split>.json``     ``[{"image", "caption": [...]}]`` (HarMA, PIR); in their training lists one
                       record for each caption, which is a text then; ``label_name`` in some
``*_<split>.jsonl``    ``{"filename", "captions": [...]}``, a line each (CLIP-rsicd); ``split`` and
                       ``changeflag`` in some
``<split>_caps.txt``   a caption a line, and the file's name in the same line of
                       ``<split>_filename.txt`` (AMFMN)
=====================  ===========================================================================
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.base import text
from bench.base.errors import BenchError
from bench.data import listing
from bench.data.formats import json_text
from bench.data.formats.karpathy import (
    SPLITS,
    Annotations,
    Record,
    clean,
    file_name,
    gather,
    split_name,
)

_NAMES = "|".join(SPLITS)
_LIST = re.compile(rf"(?:.*_)?(?P<split>{_NAMES})(?:\.jsonl?|_caps\.txt)", re.IGNORECASE)


def find(folder: Path) -> dict[str, Path]:
    """The list of each split in a folder, by our name of the split.

    Raises:
        BenchError: there are two of a split.
    """
    found: dict[str, Path] = {}
    for path in listing.files(folder):
        match = _LIST.fullmatch(path.name)
        if match is None:
            continue
        split = SPLITS[match["split"].lower()]
        if split in found:
            raise BenchError(
                f"{folder}: expected one list of the {split} split, found {found[split].name} "
                f"and {path.name}",
                "keep one of them there",
            )
        found[split] = path
    return found


def read(path: Path, split: str) -> Annotations:
    """The annotations in a list.

    Args:
        path: of the list; its ending says which form it is.
        split: of all records that don't name their own.

    Raises:
        BenchError: the file is damaged or not of the form.
    """
    form = path.suffix.lower()
    if form == ".txt":
        rows = _aligned(path)
    elif form == ".jsonl":
        rows = _lines(path)
    else:
        rows = _objects(path, json_text.load(path, nan=True))
    captions: dict[str, list[Any]] = {}
    stated: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        where = f"{path}: record {number}"
        name = file_name(row.get("image", row.get("filename")), where)
        texts = row.get("caption", row.get("captions"))
        captions.setdefault(name, []).extend(texts if isinstance(texts, list) else [texts])
        stated.setdefault(name, row)
    return gather(
        _record(name, texts, stated[name], split, f"{path}: {name}")
        for name, texts in captions.items()
    )


def _record(
    name: str, texts: list[Any], row: dict[str, Any], split: str, where: str
) -> tuple[Record, list[str]]:
    captions, faults = clean(texts, name)
    flag, label = row.get("changeflag"), row.get("label_name", "")
    own = split_name(row["split"], where) if "split" in row else split
    record = Record(
        name,
        own,
        captions,
        label=label if isinstance(label, str) else "",
        changed=bool(flag) if flag in (0, 1) else None,
    )
    return record, faults


def _objects(path: Path, rows: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(rows, list):
        raise BenchError(f"{path}: expected a list, found {type(rows).__name__}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise BenchError(
                f"{path}: record {number}: expected an object, found {type(row).__name__}"
            )
        yield row


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    lines = enumerate(text.lines(text.read(path)), 1)
    return _objects(
        path,
        [json_text.parse(line, f"{path}: line {n}", nan=True) for n, line in lines if line.strip()],
    )


def _aligned(path: Path) -> Iterator[dict[str, Any]]:
    wanted = path.name[: -len("_caps.txt")] + "_filename.txt"
    names = listing.find(path.parent, wanted) or path.with_name(wanted)
    left, right = (text.read(one).rstrip("\n").split("\n") for one in (path, names))
    if len(left) != len(right):
        raise BenchError(
            f"expected as many lines in {path.name} as in {names.name}, "
            f"found {len(left):,} and {len(right):,}"
        )
    return iter([{"caption": [a], "filename": b} for a, b in zip(left, right, strict=True)])


def read_nwpu(path: Path) -> Annotations:
    """NWPU-Captions: ``{class: [{"filename", "split", "raw", "raw_1", ..., "raw_4"}, ...]}``.

    Raises:
        BenchError: the file is damaged or not of this form.
    """
    classes = json_text.load(path)
    if not isinstance(classes, dict):
        raise BenchError(f"{path}: expected an object, found {type(classes).__name__}")
    return gather(
        _of_class(row, label, f"{path}: {label}")
        for label, rows in classes.items()
        for row in _objects(path, rows)
    )


def _of_class(row: dict[str, Any], label: str, where: str) -> tuple[Record, list[str]]:
    name = file_name(row.get("filename"), where)
    keys = ["raw", *sorted(key for key in row if re.fullmatch(r"raw_\d", key))]
    captions, faults = clean([row.get(key) for key in keys], name)
    split = split_name(row.get("split"), f"{where} ({name})")
    return Record(name, split, captions, label=label), faults
