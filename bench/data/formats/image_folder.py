"""Folders of pictures: what lies below them, by the name of the file, and classes by folder."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import listing
from bench.data.formats import pictures
from bench.data.listing import key


class Folders:
    """The pictures below some folders, each found by the name of its file.

    Args:
        folders: those that exist are searched, with all below them; see `bench.data.listing.walk`.

    Raises:
        BenchError: two files have the same name.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.paths: dict[str, Path] = {}
        for folder in folders:
            for path in listing.walk(folder, pictures.ENDINGS):
                other = self.paths.setdefault(path.name, path)
                if other != path and not other.samefile(path):
                    raise BenchError(
                        f"expected one picture named {path.name}, found {other} and {path}",
                        "move one of them away",
                    )

    def names(self) -> Iterable[str]:
        """The names of all files."""
        return self.paths.keys()

    def claim(self, names: Collection[str]) -> None:
        """Let pictures go by these names that differ from them only as systems write them.

        Args:
            names: of the samples, as the annotations have them; see `bench.data.listing.key`.

        Raises:
            BenchError: several files may be meant by a name.
        """
        absent = [name for name in names if name not in self.paths]
        wanted = Counter(map(key, absent))
        free: dict[str, list[str]] = {}
        for file in self.paths if absent else []:
            if file not in names:
                free.setdefault(key(file), []).append(file)
        for name in absent:
            files = free.get(key(name), [])
            # Two samples whose names differ in nothing but this can't share a file.
            if len(files) > 1:
                raise BenchError(
                    f"expected one picture named {name}, found {self.paths[files[0]]} and "
                    f"{self.paths[files[1]]}",
                    "keep one of them",
                )
            if files and wanted[key(name)] == 1:
                self.paths[name] = self.paths.pop(files[0])

    def decode(self, name: str) -> NDArray[np.uint8]:
        """The picture of this name, uint8 [H, W, 3].

        Raises:
            KeyError: there is none.
            BenchError: the file is damaged.
        """
        return pictures.read(self.paths[name])


def labels(paths: Mapping[str, Path], classes: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """The class of each picture: its folder, or what precedes the number in its name.

    The names count only where all pictures lie in one folder that is of no class. Class names are
    compared without case, spaces and punctuation, so that ``railwayStation``, ``railway_station``
    and ``railway station`` are one.

    Returns:
        Index into ``classes`` by name, and the names of the pictures of no class.
    """
    index = {_plain(name): number for number, name in enumerate(classes)}
    stated = {name: _plain(path.parent.name) for name, path in paths.items()}
    if len({path.parent for path in paths.values()}) == 1 and not index.keys() & stated.values():
        stated = {name: _plain(re.sub(r"\d+$", "", path.stem)) for name, path in paths.items()}
    found = {name: index[label] for name, label in stated.items() if label in index}
    return found, [name for name in paths if name not in found]


def prompt(name: str) -> str:
    """The name of a class folder as it is written in a sentence.

    ``AnnualCrop``, ``annual_crop`` and ``annual-crop`` become ``annual crop``; names that run
    together in lower case (``parkinglot``) can't be parted by rule.
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\s_/-]+", parted.strip())).lower()


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())
