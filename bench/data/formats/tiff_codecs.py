"""Compression in TIFFs: what decoding raises, and strips that always deflate to the same bytes.

tifffile deflates with libdeflate where imagecodecs is installed, and with zlib elsewhere, which
gives other bytes. Simulated data is known by the hash of its files: its strips are deflated here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from deflate import zlib_compress
from numpy.typing import NDArray

from bench.base import extras
from bench.base.errors import BenchError

_LEVEL = 6

_NEEDS_CODECS = "requires the 'imagecodecs' package"
"""What tifffile says of LZW, JPEG and other compressions that Python itself doesn't bring."""


@contextmanager
def decoding(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever decoding a TIFF raises into a BenchError that names the file.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: what was raised inside; the file is damaged or no TIFF; or it is compressed in a
            way that needs imagecodecs, which isn't installed.
    """
    try:
        yield
    except (FileNotFoundError, BenchError):
        raise
    # tifffile raises errors of many types, of its own and of the codecs, on damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        if _NEEDS_CODECS in reason:
            raise BenchError(
                f"{os.fspath(path)} is compressed in a way that needs imagecodecs, which isn't "
                "installed",
                extras.install("compression"),
            ) from error
        raise damaged(path, f"expected a TIFF, found none that can be read ({reason})") from error


def damaged(path: str | os.PathLike[str], finding: str) -> BenchError:
    """The error for a file that isn't what was published; ``finding`` says in what."""
    return BenchError(
        f"{os.fspath(path)} is damaged or foreign: {finding}", "unpack or download it again"
    )


def deflated(band: NDArray[Any], rows: int, *, differenced: bool = False) -> Iterator[bytes]:
    """The strips of a band, each deflated by libdeflate, as ``tifffile.imwrite`` takes them.

    Args:
        band: [height, width] in the byte order of the file.
        rows: of a strip.
        differenced: each value less the one before it in its row, modulo the range of its type:
            TIFF's horizontal predictor; of integers.
    """
    for top in range(0, len(band), rows):
        strip = band[top : top + rows]
        if differenced:
            strip = np.diff(strip, axis=1, prepend=strip.dtype.type(0))
        yield bytes(zlib_compress(strip.tobytes(), _LEVEL))
