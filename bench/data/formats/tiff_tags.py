"""What a TIFF says of its own values and place: read here for every reader, honoured or refused."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

SUBFILE, PHOTOMETRIC, ORIENTATION, SAMPLES, EXTRA_SAMPLES = 254, 262, 274, 277, 338
PIXEL_SCALE, TIE_POINT, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735
METADATA, NODATA = 42112, 42113

CODES = (
    *(PHOTOMETRIC, ORIENTATION, SAMPLES, EXTRA_SAMPLES),
    *(PIXEL_SCALE, TIE_POINT, TRANSFORMATION, GEO_KEYS, METADATA, NODATA),
)
"""The tags that `said` looks at."""

_MODEL_TYPE, _PROJECTED, _UNIT = 1024, 3072, 3076
_IN_METRES, _METRE, _ANOTHER = 1, 9001, 32767
_REDUCED, _MASK = 1, 4
_WHITE_IS_ZERO = 0
_TAKEN_AS_STORED = {1: "black is zero", 2: "RGB", 3: "palette", 6: "YCbCr"}
_UPRIGHT = 1
_ALPHA = {1, 2}
_LONGEST = 1 << 16
_NEAR = 0.01  # of a pixel's size, what rounding may do to it
_AGAIN = "unpack or download it again"


@dataclass(frozen=True)
class Said:
    """What a file says.

    Attributes:
        nodata: the values that stand for no data: none, one for all bands, or one for each.
        epsg: the code of the projected coordinate system; None where the file names none.
        origin: easting and northing of the outer corner of the upper left pixel, in the unit of
            the system; None where the file says none.
        pixel: the size of a pixel, in the unit of the system; None as before.
        metres: whether that unit is the metre.
    """

    nodata: tuple[float, ...] = ()
    epsg: int | None = None
    origin: tuple[float, float] | None = None
    pixel: float | None = None
    metres: bool = False


def said(where: str, tags: Mapping[int, Any]) -> Said:
    """What the tags of an image say, after those are refused that no reader here follows.

    Refused are: an orientation other than rows from above and columns from the left, values of
    which white is zero, samples of transparency, a scale or an offset of the values, a place that
    is rotated or whose rows go northwards.

    Args:
        where: the file, for the errors.
        tags: values by code; of `CODES`, those that are there.

    Raises:
        BenchError: one of these is there, or a tag can't be read.
    """
    try:
        _plain(where, tags)
        nodata = _nodata(tags)
        items = _items(tags[METADATA]) if METADATA in tags else []
        _unscaled(where, items)
        for name, _, text in items:
            if name == "NODATA_VALUES":
                nodata = tuple(float(word) for word in text.split())
                if len(nodata) not in (1, int(tags.get(SAMPLES, 1))):
                    raise ValueError(f"{len(nodata)} values for no data")
        return _place(where, tags, nodata)
    except (ValueError, TypeError, IndexError, OverflowError, ElementTree.ParseError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BenchError(
            f"{where} is damaged or foreign: expected tags of values and place that can be read, "
            f"found others ({reason})",
            _AGAIN,
        ) from error


def said_by(where: str, file: Any) -> Said:
    """As `said`, of the first image of an opened ``tifffile.TiffFile``.

    Smaller copies of the image may follow it; masks and other images are refused.
    """
    for page in file.pages[1:_MASK]:
        kind = int(page.tags[SUBFILE].value) if SUBFILE in page.tags else 0
        if kind & _MASK:
            raise _refused(where, "no mask", "one", "write its no-data value into the pixels")
        if not kind & _REDUCED:
            raise _refused(where, "one image", "several", _AGAIN)
    page = file.pages[0]
    return said(where, {code: page.tags[code].value for code in CODES if code in page.tags})


def require_data(
    where: str,
    pixels: NDArray[Any],
    nodata: Sequence[float],
    known: Collection[float] = (),
    axis: int = -1,
) -> None:
    """Refuse pixels that the file itself says are no data.

    Args:
        where: the file, for the error.
        pixels: of the file.
        nodata: see `Said`.
        known: the values of these that who reads the file treats itself.
        axis: of the bands, where there are several.

    Raises:
        BenchError: there are such pixels.
    """
    if set(nodata) <= set(known):
        return
    wrong = missing(pixels, [math.inf if value in known else value for value in nodata], axis)
    if wrong.any():
        raise BenchError(
            f"{where}: expected data in every pixel, found {wrong.sum()} of {pixels.size} values "
            f"of {pixels[wrong][0]:g}, which its own tag says are no data",
            "leave the sample out, or unpack it again",
        )


def missing(pixels: NDArray[Any], nodata: Sequence[float], axis: int = -1) -> NDArray[np.bool_]:
    """Which pixels have a value that stands for no data; arguments as of `require_data`."""
    if not nodata:
        return np.zeros(pixels.shape, bool)
    values = np.array(nodata, np.float64)
    if len(nodata) > 1:
        values = values.reshape(
            [-1 if one == axis % pixels.ndim else 1 for one in range(pixels.ndim)]
        )
    if pixels.dtype.kind != "f":
        equal: NDArray[np.bool_] = pixels == values
        return equal
    # The tag is the text of a number that the file rounds to its own type.
    with np.errstate(over="ignore"):
        rounded = values.astype(pixels.dtype)
    found: NDArray[np.bool_] = (pixels == rounded) | (np.isnan(pixels) & np.isnan(rounded))
    return found


def require_size(where: str, said: Said, pixel: float) -> None:
    """Refuse pixels of another size on the ground, where the file says one in metres.

    Args:
        where: the file, for the error.
        said: of it.
        pixel: the size that is expected, in metres.

    Raises:
        BenchError: the size is another.
    """
    if said.metres and said.pixel is not None and abs(said.pixel - pixel) > _NEAR * pixel:
        raise _refused(where, f"pixels of {pixel:g} m", f"{said.pixel:g} m", _AGAIN)


def _refused(where: str, wanted: str, found: str, hint: str) -> BenchError:
    return BenchError(f"{where} is damaged or foreign: expected {wanted}, found {found}", hint)


def _plain(where: str, tags: Mapping[int, Any]) -> None:
    photometric, orientation = (int(tags.get(c, 1)) for c in (PHOTOMETRIC, ORIENTATION))
    if photometric not in _TAKEN_AS_STORED:
        inverted = photometric == _WHITE_IS_ZERO
        found = "white (PhotometricInterpretation 0)" if inverted else f"code {photometric}"
        raise _refused(
            where, "0 to stand for black", found, "write it anew as GDAL does (MINISBLACK)"
        )
    if orientation != _UPRIGHT:
        raise _refused(
            where,
            "rows from above and columns from the left",
            f"orientation {orientation}",
            "write it anew upright: `gdal_translate` does",
        )
    extra = tags.get(EXTRA_SAMPLES, ())
    if _ALPHA & {int(one) for one in (extra if isinstance(extra, tuple | list) else [extra])}:
        raise _refused(where, "bands alone", "one of transparency", "write it anew without alpha")


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text) > _LONGEST:
        raise ValueError(f"a text of {len(text)} letters")
    return text.strip("\0 \n")


def _nodata(tags: Mapping[int, Any]) -> tuple[float, ...]:
    text = _text(tags.get(NODATA, ""))
    return (float(text.replace(",", ".")),) if text else ()


def _items(value: Any) -> list[tuple[str, str, str]]:
    """Name, role and text of the items of GDAL's metadata."""
    text = _text(value)
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError("metadata with declarations")
    if not text:
        return []
    # Nothing is declared in it, so there is nothing that could be expanded.
    root = ElementTree.fromstring(text)  # noqa: S314
    return [
        (item.get("name", "").upper(), item.get("role", "").lower(), item.text or "")
        for item in root.iter("Item")
    ]


def _unscaled(where: str, items: list[tuple[str, str, str]]) -> None:
    for name, role, text in items:
        # netCDF names its attributes otherwise, after the name of the variable.
        called = role or name.lower().rpartition("#")[2]
        for what, names, neutral in (
            ("scale", ("scale", "scale_factor"), 1.0),
            ("offset", ("offset", "add_offset"), 0.0),
        ):
            if called in names and float(text) != neutral:
                raise _refused(
                    where,
                    "values as they are published",
                    f"{what} {float(text):g}, with which they would be others",
                    f"write it anew with {what} {neutral:g} and the published numbers",
                )


def _place(where: str, tags: Mapping[int, Any], nodata: tuple[float, ...]) -> Said:
    entries = tuple(int(key) for key in tags.get(GEO_KEYS, ()))
    keys = {
        key: value
        for key, held, value in zip(entries[4::4], entries[5::4], entries[7::4], strict=False)
        if not held
    }
    epsg = keys.get(_PROJECTED)
    unit = keys.get(_UNIT, _METRE)
    # Without a unit the metre is that of every projected system of the datasets read here.
    metres = keys.get(_MODEL_TYPE) == _IN_METRES and unit in (_METRE, _ANOTHER)
    if TRANSFORMATION in tags:
        across, skewed, _, east, turned, down, _, north = map(float, tags[TRANSFORMATION][:8])
        step = (across, -down)
        if skewed or turned:
            raise _refused(where, "rows along the axes", "a rotated image", "warp it to the axes")
        origin = (east, north)
    elif PIXEL_SCALE in tags and TIE_POINT in tags:
        across, high, *_ = map(float, tags[PIXEL_SCALE])
        column, row, _, east, north, *_ = map(float, tags[TIE_POINT])
        step, origin = (across, high), (east - column * across, north + row * high)
    else:
        return Said(nodata, epsg, None, None, metres)
    if not (math.isfinite(step[0]) and step[0] > 0 and math.isfinite(step[1]) and step[1] > 0):
        raise _refused(
            where,
            "columns that go east and rows that go south",
            f"steps of {step[0]:g} and {-step[1]:g}",
            "write it anew with north up: `gdalwarp` does",
        )
    return Said(nodata, epsg, origin, step[0], metres)
