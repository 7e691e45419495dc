"""What the name of a BigEarthNet v2.0 patch says, and what the codes of its reference map mean."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import declaration

SPLITS = ("train", "validation", "test")
UNLABELLED = 255
_UNKNOWN = 254

_PATCH = (
    r"S2[AB]_MSIL2A_\d{4}(0[1-9]|1[0-2])\d{2}T\d{6}_N\d{4}_R\d{3}_T(\d{2}[A-Z]{3})"
    r"_([0-8]\d|90)_([0-8]\d|90)"
)
_SEASONS = ("winter", "winter", *("spring",) * 3, *("summer",) * 3, *("autumn",) * 3, "winter")

_TILE_METRES = 109_800
_PATCH_METRES = 1_200
_TRAIN_WITHIN = _TILE_METRES * (2 - 2**0.5) / 4
_VALIDATION_WITHIN = _TILE_METRES / 4


def geographic_split(patch_ids: Sequence[str]) -> NDArray[np.str_]:
    """The split of patches by where they lie in their Sentinel-2 tile.

    A tile (109.8 km) is divided into concentric squares. With d the distance of a patch's centre
    to the nearest border of the tile and s the side of the tile, d < s (2 - sqrt 2) / 4 is train
    (half of the area), d < s / 4 is validation (a quarter), and the rest is test.

    Source: the official pipeline of the dataset; reproduces every row of the published metadata.

    Args:
        patch_ids: N patch ids, which end in column and row.

    Returns:
        [N] of ``train``, ``validation`` and ``test``.

    Raises:
        BenchError: a name is not that of a patch.
    """
    names = pa.array(patch_ids, pa.string())
    valid = pc.match_substring_regex(names, f"^{_PATCH}$")
    if not pc.all(valid, skip_nulls=False, min_count=0).as_py():
        wrong = next(name for name, fits in zip(names, valid, strict=True) if not fits.as_py())
        raise _not_a_patch(wrong.as_py())
    distances = []
    for start, stop in ((-5, -3), (-2, None)):
        index = pc.cast(pc.utf8_slice_codeunits(names, start, stop), pa.int64()).to_numpy()
        centre = _PATCH_METRES * index + _PATCH_METRES // 2
        distances.append(np.minimum(centre, _TILE_METRES - centre))
    distance = np.minimum(*distances)
    ring = np.digitize(distance, [_TRAIN_WITHIN, _VALIDATION_WITHIN])
    splits: NDArray[np.str_] = np.array(SPLITS)[ring]
    return splits


def season_and_tile(patch_id: str) -> tuple[str, str]:
    """The meteorological season of a patch's acquisition and its MGRS tile, such as ``33UUP``.

    Raises:
        BenchError: the name is not that of a patch.
    """
    match = _compiled().fullmatch(patch_id)
    if match is None:
        raise _not_a_patch(patch_id)
    return _SEASONS[int(match[1]) - 1], match[2]


@cache
def _compiled() -> re.Pattern[str]:
    return re.compile(_PATCH, re.ASCII)


def _not_a_patch(name: object) -> BenchError:
    return BenchError(
        f"expected a BigEarthNet v2.0 patch id, found {str(name)[:100]!r}",
        "an id looks like S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_75_43",
    )


@cache
def declared() -> Mapping[str, Any]:
    """The declaration of the dataset, read once."""
    return declaration("reben")


@cache
def _class_of_code() -> NDArray[np.uint8]:
    table = np.full(1 << 16, _UNKNOWN, np.uint8)
    classes = declared()["classes"]
    for name, codes in declared()["clc"].items():
        table[codes] = UNLABELLED if name == "UNLABELED" else classes.index(name)
    return table


def classes_of(codes: NDArray[np.uint16], where: str = "a reference map") -> NDArray[np.uint8]:
    """Class indices of a reference map.

    Args:
        codes: uint16, CORINE Land Cover 2018 codes of level 3; any shape.
        where: whose they are, for the error.

    Returns:
        uint8 of the same shape: the index in the declaration's classes, 255 for unlabelled.

    Raises:
        BenchError: a code is not of the nomenclature.
    """
    classes: NDArray[np.uint8] = _class_of_code()[codes]
    if (unknown := classes == _UNKNOWN).any():
        raise BenchError(
            f"code {codes[unknown][0]} of {where} is none of CORINE Land Cover 2018",
            "download and unpack Reference_Maps again",
        )
    return classes
