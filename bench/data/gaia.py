"""The reader of GAIA (A. Zavras et al., IEEE GRSM 2026): lists of links, shards of what came.

The lists say which samples there are and what is written about them; the shards that img2dataset
made hold the pictures that could still be downloaded, each with the ``id`` of its record.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.captioned import Captioned, finish, joined
from bench.data.formats import json_text, pictures, shards
from bench.data.formats.karpathy import Annotations, Record, clean, file_name, gather
from bench.errors import BenchError
from bench.files import sha256_json

_NAME = "gaia"
_FILES = {"train": "train_data.json", "validation": "val_data.json", "test": "test_data.json"}
_DESCRIPTION = 4 * 2**20  # bytes of a member that describes a picture
_STATED = ("resolution", "modalities")


class Gaia(Captioned):
    """An opened GAIA."""

    def fingerprint(self) -> str:
        """The SHA-256 of names, splits and captions, and of which pictures were obtained."""
        return sha256_json([super().fingerprint(), self.present(["R"])])


class Obtained:
    """The pictures in the shards below a folder, by the id of their record.

    Attributes:
        faults: of the shards, a line each.
    """

    def __init__(self, root: Path) -> None:
        self.faults: list[str] = []
        self._members: dict[str, shards.Member] = {}
        for shard in sorted(root.rglob("*.tar")):
            for key, members in shards.samples(shard, self.faults):
                self._add(f"{shard.name}: {key[:100]}", members)

    def _add(self, where: str, members: shards.Sample) -> None:
        endings = [ending for ending in members if f".{ending}" in pictures.ENDINGS]
        description = members.get("json")
        if not endings or description is None or description.size > _DESCRIPTION:
            # Without a picture the download failed, which is no fault; with one it is.
            self.faults += [f"{where}: a picture without description"] if endings else []
            return
        try:
            stated = json_text.parse(description.read().decode(errors="replace"), where)
            name = _id(stated, where)
        except BenchError as error:
            self.faults.append(str(error))
            return
        if name in self._members:
            self.faults.append(f"{where}: {name} was obtained before: the first is used")
        self._members.setdefault(name, members[endings[0]])

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


def _id(row: Any, where: str) -> str:
    if not isinstance(row, dict):
        raise BenchError(f"{where}: expected an object, found {type(row).__name__}")
    return file_name(str(row["id"]) if "id" in row else None, where)


def _open(root: Path) -> Gaia:
    """Open the lists in ``root`` and the shards below it."""
    files = {split: root / file for split, file in _FILES.items() if (root / file).is_file()}
    if not files:
        raise BenchError(
            f"expected {', '.join(_FILES.values())} in {root}, found none of them",
            f"`bench data list` says where to get {_NAME}",
        )
    stated: dict[str, dict[str, str]] = {}
    lists = joined({split: _list(path, split, stated) for split, path in files.items()})
    obtained = Obtained(root)
    declared = {record.name for record in lists.records}
    layout = f"shards, {len(declared.intersection(obtained.names()))} of {len(declared)} obtained"
    annotations = Annotations(lists.records, (*lists.faults, *obtained.faults))
    return Gaia(_NAME, layout, annotations, {"": obtained}, lambda one: stated[one.name])


def _list(path: Path, split: str, stated: dict[str, dict[str, str]]) -> Annotations:
    rows = json_text.load(path)
    if not isinstance(rows, list):
        raise BenchError(f"{path}: expected a list, found {type(rows).__name__}")
    parts = []
    for number, row in enumerate(rows):
        name = _id(row, f"{path}: record {number}")
        texts = row.get("captions")
        captions, faults = clean(texts if isinstance(texts, list) else [], name)
        parts.append((Record(name, split, captions), faults))
        stated[name] = {key: _words(row.get(key)) for key in _STATED}
    return gather(parts)


def _words(value: Any) -> str:
    """One value to group by; several are joined."""
    several = value if isinstance(value, list) else [value]
    words = sorted(one.strip().lower()[:60] for one in several if isinstance(one, str))
    return ", ".join(word for word in words if word)[:200] or "unknown"


open_dataset, write_sample, prepare, verify = finish(_NAME, _open)
