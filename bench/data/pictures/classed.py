"""Datasets of pictures in a folder for each class: one reader for all of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_json
from bench.data import Check, Progress, declaration, listing
from bench.data.formats.image_folder import Folders, labels
from bench.data.pictures.pictured import (
    Pictured,
    Reader,
    count_check,
    pixel_checks,
    prepare,
    write_sample_of,
)


class Classed(Pictured):
    """An opened dataset of pictures in class folders; its one split is ``all``.

    Args:
        name: of the dataset.
        root: all pictures below it are searched, however deep the archives put them.

    Raises:
        BenchError: there are no pictures of the declared classes, or two have the same name.
    """

    def __init__(self, name: str, root: Path) -> None:
        folders = Folders([root])
        self.classes: list[str] = declaration(name)["classes"]
        self._labels, self.strays = labels(folders.paths, self.classes)
        if not self._labels and self.strays:
            stray = folders.paths[self.strays[0]]
            raise BenchError(
                f"expected pictures in class folders below {root}, found {len(self.strays):,} in "
                f"other folders, the first {stray}",
                f"`bench data list` shows the layout of {name}",
            )
        if not self._labels:
            raise listing.absent(
                "pictures in class folders", root, f"`bench data list` shows the layout of {name}"
            )
        super().__init__(name, "class folders", {"": folders})

    def fingerprint(self) -> str:
        """The SHA-256 of the names and classes of all pictures; the folders declare them."""
        named = {name: self.classes[label] for name, label in self._labels.items()}
        return sha256_json(named)

    def ids(self, split: str) -> list[str]:
        """The samples of the split ``all``: the names of the files, sorted.

        Raises:
            RequestError: there is no such split.
        """
        if split != "all":
            raise unknown("split", split, ["all"])
        return sorted(self._labels)

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
        samples = dataset.ids("all")
        counts = Counter(dataset.label(sample) for sample in samples)
        faults = [f"{stray} is of no declared class" for stray in dataset.strays]
        found = f"{len(counts)} of {len(dataset.classes)}, {min(counts.values())} to "
        yield Check.of("classes", faults, f"{found}{max(counts.values())} pictures each")
        yield count_check(name, root, {"all": len(samples)})
        yield from pixel_checks(dataset, samples, pixels, progress)

    return open_dataset, write_sample_of(name), prepare, verify
