"""Folders of pictures: what lies below them, by the name of the file, and classes by folder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import listing
from bench.data.formats import pictures
from bench.errors import BenchError


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

    def decode(self, name: str) -> NDArray[np.uint8]:
        """The picture of this name, uint8 [H, W, 3].

        Raises:
            KeyError: there is none.
            BenchError: the file is damaged.
        """
        return pictures.read(self.paths[name])


def labels(paths: Mapping[str, Path], classes: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """The class of each picture, by its folder or else by what precedes the number in its name.

    Class names are compared without case, spaces and punctuation, so that ``railwayStation``,
    ``railway_station`` and ``railway station`` are one.

    Returns:
        Index into ``classes`` by name, and the names of the pictures of no class.
    """
    index = {_plain(name): number for number, name in enumerate(classes)}
    found: dict[str, int] = {}
    strays: list[str] = []
    for name, path in paths.items():
        for candidate in (path.parent.name, re.sub(r"\d+$", "", path.stem)):
            if _plain(candidate) in index:
                found[name] = index[_plain(candidate)]
                break
        else:
            strays.append(name)
    return found, strays


def prompt(name: str) -> str:
    """The name of a class folder as it is written in a sentence.

    ``AnnualCrop``, ``annual_crop`` and ``annual-crop`` become ``annual crop``; names that run
    together in lower case (``parkinglot``) can't be parted by rule.
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\s_/-]+", parted.strip())).lower()


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())
