"""Datasets of captioned pictures and of captioned pairs of pictures: one reader for all of them."""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_json
from bench.data import Check, Progress, declaration, listing
from bench.data.formats import caption_lists, karpathy
from bench.data.formats.image_folder import Folders, prompt
from bench.data.formats.karpathy import Annotations, Record, gather
from bench.data.pictures.pictured import (
    Pictured,
    Pictures,
    Reader,
    count_check,
    pixel_checks,
    prepare,
    write_sample_of,
)

SPLITS = ("train", "validation", "test")

Attributes = Callable[[Record], dict[str, str]]
"""What a record can be grouped by; the same keys for every record."""

_log = logging.getLogger(__name__)


class Captioned(Pictured):
    """An opened dataset of captioned pictures, or of pairs of them.

    Args:
        name: of the dataset.
        layout: the on-disk layout, in a word or two.
        annotations: what is declared. Where nothing is said to be for validation, the share that
            the dataset's declaration names is cut from the training split, by name.
        dates: the pictures; see `Pictured`.
        attributes: what samples can be grouped by.

    Raises:
        BenchError: the annotations are empty, or several pictures may be meant by a name.
    """

    def __init__(
        self,
        name: str,
        layout: str,
        annotations: Annotations,
        dates: Mapping[str, Pictures],
        attributes: Attributes,
    ) -> None:
        super().__init__(name, layout, dates)
        self.faults = annotations.faults
        self.published = dict(Counter(record.split for record in annotations.records))
        self.records = {
            record.name: record for record in _with_validation(name, annotations.records)
        }
        if not self.records:
            raise BenchError(
                f"expected captions in the lists of {name}, found no record",
                "`bench data list` says where to get them",
            )
        for one in dates.values():
            one.claim(self.records.keys())
        self._attributes = attributes
        if self.faults:
            _log.warning("%s: %d faults, the first: %s", name, len(self.faults), self.faults[0])

    def fingerprint(self) -> str:
        """The SHA-256 of names, splits and captions, in whatever form they came."""
        return sha256_json(
            sorted([one.name, one.split, list(one.captions)] for one in self.records.values())
        )

    def ids(self, split: str) -> list[str]:
        """The samples of ``train``, ``validation`` or ``test`` that have captions, sorted.

        Raises:
            RequestError: there is no such split.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        return sorted(
            name
            for name, record in self.records.items()
            if record.split == split and record.captions
        )

    def captions(self, sample: str) -> list[str]:
        """What is written about a sample, in the order of the annotations.

        Raises:
            BenchError: the sample is unknown.
        """
        return list(self._record(sample).captions)

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """What samples can be grouped by: class, whether anything changed, ...

        Raises:
            BenchError: a sample is unknown.
        """
        rows = [self._attributes(self._record(sample)) for sample in samples]
        return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}

    def _record(self, sample: str) -> Record:
        if sample not in self.records:
            raise BenchError(
                f"{self.name} has no sample {sample[:100]!r}", "`ids` lists those of a split"
            )
        return self.records[sample]


def _with_validation(name: str, records: Sequence[Record]) -> Iterator[Record]:
    share = declaration(name).get("validation_share", 0.0)
    if any(record.split == "validation" for record in records):
        share = 0.0
    for record in records:
        drawn = int.from_bytes(hashlib.sha256(record.name.encode()).digest()[:4], "big") / 2**32
        cut = record.split == "train" and drawn < share
        yield replace(record, split="validation") if cut else record


def reader(
    name: str,
    attributes: Attributes,
    form: Callable[[Path], Annotations] = karpathy.read,
) -> Reader:
    """The reader of a dataset whose declaration says where on disk its parts are.

    ``[on_disk]`` holds ``annotations``, the names that the file goes by, and ``pictures``, or
    ``before`` and ``after``, the folders that exist in one or the other packaging.

    Args:
        name: of the dataset.
        attributes: what samples can be grouped by.
        form: reads the file of annotations.
    """

    def open_dataset(root: Path) -> Captioned:
        """Open the dataset under ``root``."""
        base, layout, annotations = find_annotations(name, root, form)
        return Captioned(name, layout, annotations, find_pictures(name, base, root), attributes)

    return finish(name, open_dataset)


def finish(name: str, open_dataset: Callable[[Path], Captioned]) -> Reader:
    """The four functions of a reader, from the one that opens the dataset."""

    def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
        """Compare what is under ``root`` with the declaration, decoding ``pixels`` samples."""
        try:
            dataset = open_dataset(root)
        except BenchError as error:
            yield Check("annotations", passed=False, found=str(error))
            return
        yield from checks(dataset, root, pixels, progress)

    return open_dataset, write_sample_of(name), prepare, verify


def checks(dataset: Captioned, root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare an opened dataset with its declaration."""
    yield Check.of("annotations", dataset.faults, f"{len(dataset.records)} names, each once")
    yield count_check(dataset.name, root, dataset.published)
    counts = Counter(len(record.captions) for record in dataset.records.values())
    wanted = declaration(dataset.name)["captions_per_sample"]
    found = ", ".join(f"{number} samples of {many}" for many, number in sorted(counts.items()))
    yield Check("captions", passed=set(counts) == {wanted}, found=found)
    yield from pixel_checks(dataset, list(dataset.records), pixels, progress)


def find_annotations(
    name: str, root: Path, form: Callable[[Path], Annotations]
) -> tuple[Path, str, Annotations]:
    """Folder, layout and annotations under ``root``: the published file, else a list a split.

    Raises:
        BenchError: there are none, several copies of them, or they are damaged.
    """
    known: list[str] = declaration(name)["on_disk"]["annotations"]

    def published(folder: Path) -> tuple[str, Path] | None:
        each = ((one, listing.find(folder, one)) for one in known)
        return next(((one, path) for one, path in each if path and path.is_file()), None)

    if (base := listing.base(root, lambda folder: published(folder) is not None)) is not None:
        candidate, path = published(base) or ("", base)
        return base, candidate, form(path)
    if (base := listing.base(root, lambda folder: bool(caption_lists.find(folder)))) is None:
        raise listing.absent(
            f"one of {', '.join(known)}, or lists of captions",
            root,
            f"`bench data list` shows the layout of {name}",
        )
    lists = caption_lists.find(base)
    parts = {split: caption_lists.read(at, split) for split, at in lists.items()}
    return base, "lists", joined(parts)


def joined(parts: Mapping[str, Annotations]) -> Annotations:
    """The annotations of several files as one.

    Raises:
        BenchError: a name is in two of them.
    """
    together = gather((record, []) for part in parts.values() for record in part.records)
    return replace(together, faults=tuple(f for part in parts.values() for f in part.faults))


def find_pictures(name: str, base: Path, root: Path) -> dict[str, Pictures]:
    """The folders of pictures beside the annotations in ``base``, else in ``root``.

    Where no folder of a declared name is there, a set of single pictures is all of ``root``.

    Raises:
        BenchError: two pictures have the same name.
    """
    on_disk: Mapping[str, Any] = declaration(name)["on_disk"]

    def declared(key: str) -> list[Path]:
        for place in dict.fromkeys((base, root)):
            found = [listing.below(place, folder) for folder in on_disk[key]]
            if there := [folder for folder in found if folder is not None and folder.is_dir()]:
                return there
        return []

    if "pictures" in on_disk:
        return {"": Folders(declared("pictures") or [root])}
    return {date: Folders(declared(key)) for date, key in (("1", "before"), ("2", "after"))}


def named_class(record: Record) -> dict[str, str]:
    """The class that the annotations state, else what precedes the number in the file's name."""
    in_name = re.fullmatch(r"(.*[^\d_-])[_-]*\d+", PurePath(record.name).stem)
    stated = record.label or (in_name[1] if in_name else "")
    return {"class": prompt(stated) or "unknown"}


def changed(record: Record) -> dict[str, str]:
    """Whether a pair shows a change, by its flag."""
    stated = {None: "unknown", True: "yes", False: "no"}
    return {"changed": stated[record.changed]}
