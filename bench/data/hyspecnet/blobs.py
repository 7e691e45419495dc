"""A patch of HySpecNet-11k as a blob of the fast store."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data.formats.tensor_lmdb import encode
from bench.data.hyspecnet.patches import KEPT

LMDB = "HySpecNet_LMDB"
"""The folder of the fast store."""

LMDBS = (LMDB, "Encoded-HySpecNet")
"""The names of a fast store: what is made here, and as in the documentation of rico-hdl."""

_REGIONS, _CHECKSUM = "regions", "crc32"


def encoded(kept: NDArray[np.int16], shown: NDArray[np.uint8]) -> bytes:
    """The blob of a patch: a tensor per kept band, as rico-hdl names them, regions and checksum.

    Args:
        kept: [202, H, W].
        shown: [H, W], see `HySpecNet.regions`.
    """
    tensors: dict[str, NDArray[Any]] = {f"B{name}": kept[row] for row, name in enumerate(KEPT)}
    tensors[_REGIONS] = shown
    tensors[_CHECKSUM] = np.array([_checksum(kept, shown)], np.uint32)
    return encode(tensors)


def decoded(
    tensors: Mapping[str, NDArray[Any]], where: str
) -> tuple[NDArray[np.int16], NDArray[np.uint8] | None]:
    """What `encoded` was given; regions and checksum are missing in blobs of rico-hdl's.

    Raises:
        BenchError: a band is missing, of another type or size, or the checksum is another.
    """
    bands = [tensors.get(f"B{name}") for name in KEPT]
    shapes = {None if band is None else (band.shape, band.dtype.str) for band in bands}
    first = bands[0]
    if len(shapes) > 1 or first is None or first.ndim != 2 or first.dtype != np.int16:
        raise BenchError(
            f"{where}: expected {len(KEPT)} bands of one size in int16, found {len(tensors)} "
            "tensors that are not that",
            "prepare it again",
        )
    kept = np.stack([band for band in bands if band is not None])
    shown = tensors.get(_REGIONS)
    if _CHECKSUM in tensors and tensors[_CHECKSUM].tolist() != [_checksum(kept, shown)]:
        raise BenchError(
            f"{where} is damaged: its checksum is not that of its pixels",
            f"remove {LMDB}/ and prepare it again",
        )
    return kept, shown


def _checksum(kept: NDArray[np.int16], shown: NDArray[np.uint8] | None) -> int:
    pixels = zlib.crc32(np.ascontiguousarray(kept).data)
    return pixels if shown is None else zlib.crc32(np.ascontiguousarray(shown).data, pixels)
