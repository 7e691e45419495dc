"""What an area of MagicBathyNet declares: its lists of patches and its ranges of pixel values."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import text
from bench.base.errors import BenchError, unknown
from bench.data import declaration

MODALITIES = ("aerial", "spot6", "s2")
"""Finest first."""

LISTS = {"": "bathymetry", "-seabed": "pixel_class"}
"""How the name of a split ends, and which of the published lists it is of."""

SPLITS = tuple(f"{part}{end}" for end in LISTS for part in ("train", "validation", "test"))

RULING = "s2"
"""The modality whose lists rule for all, so that inputs are compared on the same patches."""

SIDE = 180.0
"""Metres of a patch on the ground."""

_LARGEST = 1 << 20
_BLOCK = re.compile(r"(train|test) samples?\s*:\s*\[([^\]]*)\]")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_VALIDATION = 5


@dataclass(frozen=True)
class Area:
    """The published facts of an area, from its declaration.

    Attributes:
        folder, suffix: how its folder and its norm files are named.
        lowest, highest: what a stored elevation may be, in metres.
        colours: of the classes, in their order.
        undefined: the colour of pixels without a class.
        sides: pixels of a published image by modality.
        bands: by modality, in the order of the files.
        depth_scale: what the published normalisation divides depths by, in metres.
    """

    folder: str
    suffix: str
    lowest: float
    highest: float
    colours: Mapping[str, tuple[int, int, int]]
    undefined: tuple[int, int, int]
    sides: Mapping[str, int]
    bands: Mapping[str, Sequence[str]]
    depth_scale: float

    def modalities(self, bands: Sequence[str]) -> list[str]:
        """The modalities that bands come from, finest first.

        Raises:
            RequestError: a band is unknown.
        """
        known = {band for named in self.bands.values() for band in named}
        for band in bands:
            if band not in known:
                raise unknown("band", band, known)
        return [name for name in MODALITIES if set(bands) & set(self.bands[name])]


@cache
def area(name: str) -> Area:
    """The facts of the area that a dataset is."""
    declared: Mapping[str, Any] = declaration(name)
    facts = declared["area"]
    modalities = facts["modalities"]
    return Area(
        facts["folder"],
        facts["suffix"],
        facts["lowest"],
        facts["highest"],
        {label: tuple(declared["colours"][label]) for label in declared["classes"]},
        tuple(facts["undefined"]),
        {modality: modalities[modality]["side"] for modality in MODALITIES},
        {modality: modalities[modality]["bands"] for modality in MODALITIES},
        facts["depth_scale"],
    )


def list_file(folder: Path, modality: str, what: str) -> Path:
    """The published list of a modality for ``bathymetry`` or ``pixel_class``."""
    return folder / f"{modality}_split_{what}.txt"


def read_lists(path: Path) -> dict[str, list[str]]:
    """The patch ids of ``train`` and ``test`` in a published list, sorted.

    The lists are what the authors' script prints: Python lists of file names below the headings
    ``train sample:`` and ``test sample:``.

    Raises:
        BenchError: the file is missing, or isn't two lists without a patch in common.
    """
    blocks = dict(_BLOCK.findall(_text(path)))
    found = {name: re.findall(r"\d+", block) for name, block in blocks.items()}
    if not all(found.get(name) for name in ("train", "test")):
        raise BenchError(
            f"expected the lists 'train sample:' and 'test sample:' in {path}, found "
            f"{' and '.join(sorted(found)) or 'none'} with patches",
            "unpack it from the archive again",
        )
    twice = sorted(set(found["train"]) & set(found["test"]), key=int)
    repeated = any(len(set(ids)) < len(ids) for ids in found.values())
    if twice or repeated:
        what = f"patch {twice[0]} in train and in test" if twice else "a patch twice in a list"
        raise BenchError(
            f"expected every patch once in {path}, found {what}", "unpack it from the archive again"
        )
    return {name: sorted(ids) for name, ids in found.items()}


def splits(folder: Path, end: str) -> dict[str, list[str]]:
    """The splits of a task: the published lists, with validation carved from train.

    No validation split is published. It is the fifth of the published training list (rounded)
    whose ids have the lowest SHA-256, so it depends on the list alone; train and validation
    together are the published train.

    Args:
        folder: of the area.
        end: a key of `LISTS`.
    """
    lists = read_lists(list_file(folder, RULING, LISTS[end]))
    by_chance = sorted(lists["train"], key=lambda id_: hashlib.sha256(id_.encode()).digest())
    carved = round(len(by_chance) / _VALIDATION)
    return {
        f"train{end}": sorted(by_chance[carved:]),
        f"validation{end}": sorted(by_chance[:carved]),
        f"test{end}": lists["test"],
    }


def norm_file(folder: Path, modality: str, suffix: str) -> Path | None:
    """The norm file of a modality, under any of the names it has in the release."""
    for name in (f"norm_param_{modality}_{suffix}", f"norm_param_{modality}"):
        for ending in (".npy", ".txt"):
            if (path := folder / f"{name}{ending}").is_file():
                return path
    return None


def read_norm(path: Path, bands: Sequence[str]) -> NDArray[np.float64]:
    """[2, bands]: the minimum and the maximum of each band, in the order of the files.

    An image becomes (x - minimum) / (maximum - minimum), clipped to [0, 1].

    Raises:
        BenchError: the file isn't numbers, or doesn't match the bands.
    """
    if path.suffix == ".npy":
        try:
            if path.stat().st_size > _LARGEST:
                raise ValueError(f"{path.stat().st_size} bytes")
            values: NDArray[np.float64] = np.load(path, allow_pickle=False).astype(np.float64)
        except (ValueError, OSError, EOFError) as error:
            raise _no_norm(path, bands, " ".join(str(error).split())[:100]) from error
    else:
        values = np.array(_NUMBER.findall(_text(path)), np.float64)
        values = values.reshape(2, -1) if values.size % 2 == 0 else values
    if values.shape != (2, len(bands)):
        raise _no_norm(path, bands, f"{' x '.join(map(str, values.shape))} values")
    if not np.isfinite(values).all() or (values[0] >= values[1]).any():
        raise _no_norm(path, bands, f"{values.tolist()}")
    return values


def _no_norm(path: Path, bands: Sequence[str], found: str) -> BenchError:
    return BenchError(
        f"expected a minimum and a higher maximum for each of the {len(bands)} bands "
        f"{', '.join(bands)} in {path}, found {found}",
        "unpack it from the archive again",
    )


def _text(path: Path) -> str:
    return text.read(path, _LARGEST, hint="unpack it from the archive again")
