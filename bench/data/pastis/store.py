"""The fast store of PASTIS: one flat file for each series, and an index of what lies where."""

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data.formats import json_text

STORE = "PASTIS_STORE"
INDEX = "index.json"
ALIGNMENT = 64

_TYPES = {"<i2", "<f2", "<f4", "|u1"}
_LARGEST = 1 << 27
_AGAIN = f"remove {STORE} and prepare it again"

Place = tuple[str, tuple[int, ...], int]
"""Type, shape and first byte of an array."""


class Store:
    """A prepared store. Cheap to make and to pickle; opened on first use.

    Args:
        folder: that holds the index and the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    @cached_property
    def index(self) -> Mapping[str, Mapping[str, Place]]:
        """Series to patch to place.

        Raises:
            BenchError: the index is damaged, or a file isn't as long as it says.
        """
        try:
            return parsed(self.folder)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise BenchError(f"{self.folder / INDEX} is damaged: {error!r:.200}", _AGAIN) from error

    @cached_property
    def _maps(self) -> dict[str, NDArray[np.uint8]]:
        return {
            name: np.memmap(self.folder / f"{name}.bin", np.uint8, mode="r") for name in self.index
        }

    def held(self, series: str) -> set[str]:
        """The patches that a series is there of."""
        return set(self.index.get(series, ()))

    def read(self, series: str, patch: str) -> NDArray[Any]:
        """An array, as a read-only view of the mapped file.

        Raises:
            KeyError: it isn't there.
            BenchError: the store is damaged.
        """
        kind, shape, begin = self.index[series][patch]
        return np.ndarray(shape, kind, self._maps[series], begin)


def length(place: Place) -> int:
    """Bytes of an array."""
    return np.dtype(place[0]).itemsize * math.prod(place[1])


def parsed(folder: Path) -> dict[str, dict[str, Place]]:
    """The index of a store.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, OSError: it isn't one, or a file is short.
    """
    found: dict[str, dict[str, Place]] = {}
    for series, places in json_text.load(folder / INDEX, _LARGEST).items():
        found[series] = {}
        size = (folder / f"{series}.bin").stat().st_size if series.isalnum() else 0
        for patch, (kind, shape, begin) in places.items():
            numbers = [*shape, begin]
            if kind not in _TYPES or not all(type(n) is int and n >= 0 for n in numbers):
                raise ValueError(f"{series} of {patch} is no array")
            place = (kind, tuple(shape), begin)
            if begin + length(place) > size:
                raise ValueError(f"{series}.bin ends before {patch}")
            found[series][patch] = place
    return found
