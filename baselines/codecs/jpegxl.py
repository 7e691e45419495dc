"""JPEG XL codestreams of single 16-bit bands, by libjxl through imagecodecs."""

import numpy as np
from numpy.typing import NDArray

from bench.base import extras
from bench.base.errors import BenchError

from .stream import join, split

imagecodecs = extras.load("imagecodecs", "compression", "JPEG XL")

_START = b"\xff\x0a"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def encode(bands: NDArray[np.uint16], distance: float | None, effort: int) -> bytes:
    """A codestream for each of the bands [C, H, W], joined.

    Args:
        bands: any number.
        distance: libjxl's Butteraugli target, 0.01 to 25; None for lossless.
        effort: libjxl's, 1 to 10.
    """
    return join(
        [
            _bare(
                imagecodecs.jpegxl_encode(
                    band,
                    distance=distance,
                    lossless=distance is None,
                    effort=effort,
                    photometric="gray",
                    usecontainer=False,
                )
            )
            for band in bands
        ]
    )


def decode(payload: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The bands [C, H, W].

    Raises:
        BenchError: a codestream is damaged or of another size.
    """
    bands = np.empty(shape, np.uint16)
    for index, codestream in enumerate(split(payload, len(bands))):
        # What is declared is checked before the decoder allocates it.
        if _declared(codestream) != shape[1:]:
            raise _refusal(f"bands of {shape[1]} x {shape[2]}", f"{_declared(codestream)}")
        try:
            band = imagecodecs.jpegxl_decode(codestream)
        except (RuntimeError, ValueError, TypeError) as error:
            raise _refusal("a codestream", f"what libjxl refuses: {str(error)[:100]}") from error
        if band.dtype != np.uint16 or band.size != bands[index].size:
            raise _refusal("bands of 16 bits", f"{band.dtype} {band.shape}")
        bands[index] = band.reshape(shape[1:])
    return bands


def _bare(encoded: bytes | bytearray) -> bytes:
    """The codestream by itself: libjxl puts one of 16 lossless bits into boxes all the same."""
    rest = bytes(encoded)
    while not rest.startswith(_START):
        size = int.from_bytes(rest[:4], "big")
        rest = rest[8:] if rest[4:8] == b"jxlc" else rest[size:]
    return rest


def _declared(codestream: bytes) -> tuple[int, int]:
    """Height and width in the header (ISO/IEC 18181-1, SizeHeader), bits from the lowest."""
    if not codestream.startswith(_START):
        raise _refusal("a codestream", repr(codestream[:2]))
    bits = int.from_bytes(codestream[2:14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & (1 << count) - 1
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return height, side()
    above, below = _RATIOS[ratio - 1]
    return height, height * above // below


def _refusal(expected: str, found: str) -> BenchError:
    return BenchError(
        f"expected {expected} in a JPEG XL payload, found {found}", "compress the image again"
    )
