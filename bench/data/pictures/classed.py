"""Datasets of pictures in a folder for each class: one reader for all of them.

All pictures are the split ``all``. Where the declaration says how they are divided
(`bench.data.pictures.division`), there are training, validation and test split besides.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_json
from bench.data import Check, Progress, declaration, listing, published
from bench.data.formats.image_folder import Folders, labels
from bench.data.pictures import division
from bench.data.pictures.pictured import (
    Pictured,
    Reader,
    count_check,
    pixel_checks,
    prepare,
    write_sample_of,
)


class ClassFolders:
    """Samples that are files in class folders: their classes and splits.

    Args:
        name: of the dataset.
        root: all files below it are searched, however deep the archives put them.

    Attributes:
        classes: as declared.
        folders: where the files are.
        strays: names of files of no declared class.

    Raises:
        BenchError: there are no files of the declared classes, or two have the same name.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.folders = Folders([root])
        declared = declaration(name)
        self.classes: list[str] = declared["classes"]
        self._division = declared.get("division", {})
        paths = self.folders.paths
        self._labels, self.strays = labels(paths, declared.get("folders", self.classes))
        if not self._labels and self.strays:
            stray = paths[self.strays[0]]
            raise BenchError(
                f"expected pictures in class folders below {root}, found {len(self.strays):,} in "
                f"other folders, the first {stray}",
                f"`bench data list` shows the layout of {name}",
            )
        if not self._labels:
            raise listing.absent(
                "pictures in class folders", root, f"`bench data list` shows the layout of {name}"
            )

    def fingerprint(self) -> str:
        """The SHA-256 of the names and classes of all pictures; the folders declare them.

        Where published lists of splits lie beside the data, of what they say, too.
        """
        named: dict[str, Any] = {name: self.classes[label] for name, label in self._labels.items()}
        listed = division.lists(self._division, self.root)
        if listed:
            named = {"classes": named, **{split: self.ids(split) for split in sorted(listed)}}
        return sha256_json(named)

    def ids(self, split: str) -> list[str]:
        """The samples of a split: the names of the files, sorted.

        Raises:
            RequestError: there is no such split.
            BenchError: as `bench.data.pictures.division.divided`.
        """
        if split == "all":
            return sorted(self._labels)
        if not self._division or split not in division.SPLITS:
            raise unknown("split", split, ["all", *(division.SPLITS if self._division else ())])
        size = published(self.name).get(split, {}).get("size")
        return division.divided(self._division, self._labels, self.root, split, size)

    def label(self, sample: str) -> int:
        """The class of a sample, an index into the declared classes.

        Raises:
            BenchError: the sample is unknown.
        """
        if sample not in self._labels:
            raise BenchError(f"{self.name} has no sample {sample[:100]!r}", "`ids` lists them")
        return self._labels[sample]

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """The class of each sample.

        Raises:
            BenchError: a sample is unknown.
        """
        return {"class": [self.classes[self.label(sample)] for sample in samples]}

    def checks(self) -> Iterator[Check]:
        """Are the classes complete, and are there as many files as published?"""
        samples = self.ids("all")
        counts = Counter(self.label(sample) for sample in samples)
        faults = [f"{stray} is of no declared class" for stray in self.strays]
        found = f"{len(counts)} of {len(self.classes)}, {min(counts.values())} to "
        yield Check.of("classes", faults, f"{found}{max(counts.values())} pictures each")
        yield count_check(self.name, self.root, {"all": len(samples)})
        if listed := division.lists(self._division, self.root):
            yield _list_check(self, sorted(listed))


class Classed(ClassFolders, Pictured):
    """An opened dataset of 8-bit pictures in class folders; see `ClassFolders`."""

    def __init__(self, name: str, root: Path) -> None:
        ClassFolders.__init__(self, name, root)
        Pictured.__init__(self, name, "class folders", {"": self.folders})


def _list_check(dataset: ClassFolders, splits: Sequence[str]) -> Check:
    """Whether the published lists name pictures that are there, and each in one split only."""
    try:
        listed = {split: dataset.ids(split) for split in splits}
    except BenchError as error:
        return Check("lists", passed=False, found=str(error))
    names = [name for samples in listed.values() for name in samples]
    there = set(dataset.ids("all"))
    faults = [f"{name} is on no disk" for name in names if name not in there]
    faults += [f"{name} is in two splits" for name, n in Counter(names).items() if n > 1]
    found = ", ".join(f"{split} {len(samples)}" for split, samples in listed.items())
    return Check.of("lists", faults, found)


def reader(name: str) -> Reader:
    """The reader of a dataset of class folders."""

    def open_dataset(root: Path) -> Classed:
        """Open the class folders below ``root``."""
        return Classed(name, root)

    def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
        """Compare what is under ``root`` with the declaration, decoding ``pixels`` samples."""
        try:
            dataset = open_dataset(root)
        except BenchError as error:
            yield Check("classes", passed=False, found=str(error))
            return
        yield from dataset.checks()
        yield from pixel_checks(dataset, dataset.ids("all"), pixels, progress)

    return open_dataset, write_sample_of(name), prepare, verify
