"""The reader of GAIA (A. Zavras et al., IEEE GRSM 2026): lists of links, shards of what came.

The lists say which samples there are and what is written about them; the shards that img2dataset
made hold the pictures that could still be downloaded, each with the ``id`` of its record. A table
may have written an id as a number meanwhile: ids are matched by their value.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.base.files import sha256_json
from bench.data import listing
from bench.data.formats import json_text, pictures, shards
from bench.data.formats.karpathy import Annotations, Record, clean, file_name, gather
from bench.data.pictures.captioned import Captioned, finish, joined

_NAME = "gaia"
_FILES = {"train": "train_data.json", "validation": "val_data.json", "test": "test_data.json"}
_DESCRIPTION = 4 * 2**20  # bytes of a member that describes a picture
_STATED = ("resolution", "modalities")
_OTHERS = (".webp", ".gif", ".avif", ".bmp", ".jp2")
"""Of pictures in forms that aren't read."""


class Gaia(Captioned):
    """An opened GAIA."""

    def fingerprint(self) -> str:
        """The SHA-256 of names, splits and captions, and of which pictures were obtained."""
        return sha256_json([super().fingerprint(), self.present(["R"])])


class Obtained:
    """The pictures in the shards below a folder, or beside their descriptions, by id.

    Attributes:
        faults: of the shards, a line each.
        shards: how many there are.
    """

    def __init__(self, root: Path) -> None:
        self.faults: list[str] = []
        self._members: dict[str, shards.Member] = {}
        found = list(listing.walk(root, (*shards.ENDINGS, *pictures.ENDINGS, *_OTHERS, ".json")))
        packed = [path for path in found if path.name.lower().endswith(shards.ENDINGS)]
        self.shards = len(packed)
        for shard in sorted(packed):
            for key, members in shards.samples(shard, self.faults):
                self._add(f"{shard.name}: {key[:100]}", members)
        for where, members in shards.unpacked(found):
            self._add(where, members)

    def _add(self, where: str, members: shards.Sample) -> None:
        endings = [ending for ending in members if f".{ending}" in pictures.ENDINGS]
        description = members.get("json")
        if not endings or description is None or description.size > _DESCRIPTION:
            # Without a picture the download failed, which is no fault; with one it is.
            other = next((ending for ending in members if f".{ending}" in _OTHERS), None)
            if endings:
                self.faults.append(f"{where}: a picture without description")
            elif other is not None:
                self.faults.append(f"{where}: a picture in {other}, expected JPEG, PNG or TIFF")
            return
        try:
            text = description.read().decode(errors="replace")
            name = _id(json_text.parse(text, where, nan=True), where)
        except BenchError as error:
            self.faults.append(str(error))
            return
        if name is None:
            self.faults.append(f"{where}: a picture without id")
            return
        if name in self._members:
            self.faults.append(f"{where}: {name} was obtained before: the first is used")
        self._members.setdefault(name, members[endings[0]])

    def claim(self, names: Collection[str]) -> None:
        """Let pictures go by these ids where theirs are the same numbers, as 150 is 000150."""
        wanted: dict[str, list[str]] = {}
        for name in names:
            if name not in self._members:
                wanted.setdefault(_value(name), []).append(name)
        for given in [given for given in self._members if given not in names]:
            meant = wanted.get(_value(given), [])
            if len(meant) == 1 and meant[0] not in self._members:
                self._members[meant[0]] = self._members.pop(given)

    def names(self) -> Iterable[str]:
        """The ids of the records whose pictures were obtained."""
        return self._members.keys()

    def decode(self, name: str) -> NDArray[np.uint8]:
        """The picture of a record, uint8 [H, W, 3].

        Raises:
            KeyError: it was not obtained.
            BenchError: it is damaged.
        """
        member = self._members[name]
        return pictures.decode(member.read(), f"{member.shard}: {name}")


def _id(row: Any, where: str) -> str | None:
    """The id of a record; None where it has none, as rows that a table filled up."""
    if not isinstance(row, dict):
        raise BenchError(f"{where}: expected an object, found {type(row).__name__}")
    value = row.get("id")
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return file_name(str(value), where)


def _value(name: str) -> str:
    """What stands for an id whichever way a table wrote it: ``000150``, ``150`` or ``150.0``."""
    number = re.fullmatch(r"0*(\d+?)(?:\.0*)?", name, re.ASCII)
    return number[1] if number else name


def _open(root: Path) -> Gaia:
    """Open the lists in ``root`` and the pictures below it."""

    def lists_in(folder: Path) -> dict[str, Path]:
        found = {split: listing.find(folder, file) for split, file in _FILES.items()}
        return {split: path for split, path in found.items() if path is not None}

    base = listing.base(root, lambda folder: bool(lists_in(folder)))
    if base is None:
        where = f"`bench data list` says where to get {_NAME}"
        raise listing.absent(f"{', '.join(_FILES.values())}", root, where, own=shards.ENDINGS)
    stated: dict[str, dict[str, str]] = {}
    each = lists_in(base)
    lists = joined({split: _list(path, split, stated) for split, path in each.items()})
    obtained = Obtained(root)
    pictured = len(list(obtained.names()))
    annotations = Annotations(lists.records, (*lists.faults, *obtained.faults))
    dataset = Gaia(_NAME, "shards", annotations, {"": obtained}, lambda one: stated[one.name])
    found = len(dataset.records.keys() & obtained.names())
    dataset.layout = f"shards, {found} of {len(dataset.records)} obtained"
    if not found:
        raise _nothing(root, obtained, pictured, next(iter(dataset.records)))
    return dataset


def _nothing(root: Path, obtained: Obtained, pictured: int, listed: str) -> BenchError:
    """Why no picture of the lists is there."""
    if pictured:
        return BenchError(
            f"expected pictures with ids of the lists, such as {listed!r}, found {pictured:,} "
            f"under {root} with others, such as {next(iter(obtained.names()))!r}",
            "make the shards of these very lists, with --save_additional_columns '[\"id\", ...]'",
        )
    packed = [path for path in listing.archives(root) if not path.name.lower().endswith(".tar")]
    if obtained.faults and not packed:
        return BenchError(
            f"expected shards with pictures under {root}, found {len(obtained.faults):,} faults, "
            f"the first: {obtained.faults[0]}",
            "where that isn't the remedy, make the shards again as `bench data list` says",
        )
    return listing.absent(
        "shards (.tar) with pictures" if not obtained.shards else "pictures in the shards",
        root,
        "`bench data list` says how to make them",
        own=".tar",
    )


def _list(path: Path, split: str, stated: dict[str, dict[str, str]]) -> Annotations:
    rows = json_text.load(path, nan=True)
    if not isinstance(rows, list):
        raise BenchError(f"{path}: expected a list, found {type(rows).__name__}")
    parts = []
    nameless = []
    for number, row in enumerate(rows):
        name = _id(row, f"{path}: record {number}")
        if name is None:
            nameless.append(f"{path}: record {number} has no id: left out")
            continue
        texts = row.get("captions")
        captions, faults = clean(texts if isinstance(texts, list) else [], name)
        parts.append((Record(name, split, captions), faults))
        stated[name] = {key: _words(row.get(key)) for key in _STATED}
    found = gather(parts)
    return replace(found, faults=(*nameless, *found.faults))


def _words(value: Any) -> str:
    """One value to group by; several are joined."""
    several = value if isinstance(value, list) else [value]
    words = sorted(one.strip().lower()[:60] for one in several if isinstance(one, str))
    return ", ".join(word for word in words if word)[:200] or "unknown"


open_dataset, write_sample, prepare, verify = finish(_NAME, _open)
