"""Picture files (JPEG, PNG, TIFF) from strangers to uint8 RGB.

The rules are those of Pillow's ``convert("RGB")``, which published results were computed with:

* grey is repeated into the three channels, palettes are looked up, CMYK and YCbCr are converted;
* alpha is left out, nothing is blended: the colours are those that are stored;
* of 16-bit values the upper byte is kept (v // 256);
* pictures are used as stored: an orientation in the EXIF header turns nothing.

32-bit and float pixels have no agreed scale to 8 bits and are refused.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from bench.base.errors import BenchError

ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""Of the names of picture files, in lower case."""

PIXELS = 64 * 2**20
"""The most pixels a picture may have by its header, which is read before any pixel is."""

BYTES = 256 * 2**20
"""The most bytes a picture file may have."""

_FORMATS = ("JPEG", "PNG", "TIFF")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED = ("I", "F")


def read(path: Path) -> NDArray[np.uint8]:
    """The picture in a file, uint8 [H, W, 3]; see `decode`.

    Raises:
        BenchError: the file is missing, too large, damaged or not a picture.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(BYTES + 1)
    except OSError as error:
        raise BenchError(
            f"could not read {path}: {error.strerror or error}", "see `bench data verify`"
        ) from error
    return decode(content, str(path))


def decode(content: bytes, name: str, pixels: int = PIXELS) -> NDArray[np.uint8]:
    """The picture in the content of a file.

    Args:
        content: of a JPEG, PNG or TIFF file; of several pages the first is taken.
        name: of the file, for errors.
        pixels: how many are decoded at most.

    Returns:
        uint8 [H, W, 3], red, green and blue, read-only.

    Raises:
        BenchError: the picture is too large, cut short, damaged, of another format, or of a kind
            of pixels that has no scale to 8 bits.
    """
    if len(content) > BYTES:
        raise _fault(name, f"at most {BYTES:,} bytes", "more")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            width, height = picture.size
            if not 0 < width * height <= pixels:
                raise _fault(name, f"1 to {pixels:,} pixels", f"{width:,} x {height:,}")
            return _rgb(picture, name)
    except BenchError:
        raise
    except Image.DecompressionBombError as error:
        raise _fault(name, f"1 to {pixels:,} pixels", str(error)) from error
    except UnidentifiedImageError as error:
        raise _fault(name, "a JPEG, PNG or TIFF picture", "something else") from error
    except Exception as error:  # damage trips Pillow's plugins into any of them
        found = " ".join(str(error).split())[:200] or type(error).__name__
        raise _fault(name, "a whole picture", found) from error


def _rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    # Older versions of Pillow open the 16-bit grey of a PNG as 32-bit integers.
    grey = picture.mode in _SIXTEEN_BITS or (picture.mode == "I" and picture.format == "PNG")
    if grey:
        upper = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
        repeated = np.repeat(upper[..., None], 3, axis=2)
        repeated.flags.writeable = False
        return repeated
    if picture.mode in _UNSCALED:
        raise _fault(name, "pixels of 8 or 16 bits", f"mode {picture.mode}: 32 bits, no scale")
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _fault(name: str, expected: str, found: str) -> BenchError:
    return BenchError(
        f"{name[-200:]}: expected {expected}, found {found}",
        "get the file again; `bench data verify` reads a sample of them",
    )
