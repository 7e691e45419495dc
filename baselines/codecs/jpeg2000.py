"""JPEG 2000 codestreams of many 16-bit components, by OpenJPEG through imagecodecs.

All components are in one codestream of one tile and one quality layer, so that the encoder's rate
control has one slope for all of them. The component transform is off: it would mix the first three.
"""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from bench.base import extras
from bench.base.errors import BenchError

imagecodecs = extras.load("imagecodecs", "compression", "JPEG 2000")

_SIZES = struct.Struct(">4sHHIIIIIIIIH")


def encode(components: NDArray[np.uint16], psnr: float | None) -> bytes:
    """A codestream of components [k, H, W].

    Args:
        components: at least one.
        psnr: what the mean squared error over all components is to reach with the irreversible
            9/7 wavelet, in dB below a peak of 65,535, or infinity for all that its quantisation
            leaves; None for lossless with the 5/3 wavelet.
    """
    level = 0 if psnr == math.inf else psnr
    return bytes(
        imagecodecs.jpeg2k_encode(
            components,
            level=level,
            codecformat="J2K",
            planar=True,
            reversible=psnr is None,
            mct=False,
        )
    )


def decode(codestream: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The components [k, H, W] of a codestream.

    Raises:
        BenchError: it is damaged or of components of another size.
    """
    # What is declared is checked before the decoder allocates it.
    if len(codestream) < _SIZES.size:
        raise _refusal("a codestream", f"{len(codestream)} bytes")
    start, _, _, width, height, x, y, tile_width, tile_height, tile_x, tile_y, k = _SIZES.unpack(
        codestream[: _SIZES.size]
    )
    declared = (k, height, width)
    if start != b"\xff\x4f\xff\x51" or (x, y, tile_x, tile_y) != (0, 0, 0, 0):
        raise _refusal("a codestream of one tile", "another")
    # The encoder takes a column of single pixels for an image by itself.
    if np.prod(declared, dtype=object) != np.prod(shape, dtype=object):
        raise _refusal(f"components of shape {shape}", f"{declared}")
    if (tile_width, tile_height) != (width, height):
        raise _refusal("a codestream of one tile", "several")
    try:
        components = imagecodecs.jpeg2k_decode(codestream, planar=True)
    except (RuntimeError, ValueError, TypeError) as error:
        raise _refusal("a codestream", f"what OpenJPEG refuses: {str(error)[:100]}") from error
    if components.dtype != np.uint16 or components.size != np.prod(shape):
        raise _refusal("components of 16 bits", f"{components.dtype} {components.shape}")
    found: NDArray[np.uint16] = components.reshape(shape)
    return found


def _refusal(expected: str, found: str) -> BenchError:
    return BenchError(
        f"expected {expected} in a JPEG 2000 payload, found {found}", "compress the image again"
    )
