"""What values the bands of a dataset can have, as it declares, and a look at those that are read.

A declaration has a table ``[values.NAME]`` for a sensor, or for a band, which goes before:

    range     the lowest and the highest value that an image may hold; others, NaN and infinity are
              refused
    nodata    values that its files may say stand for no data, and that are fed as they are
    darkest   what the darkest pixel of a few images lies below; where it doesn't, an offset was
              added to the values

and a text ``missing`` that says what becomes of pixels without data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import declaration

FEWEST = 4
"""Images of which the darkest pixel tells anything."""

_FRACTIONS_AT_MOST = 2.0
_HUNDREDTHS_FROM = -100.0

_highest, _lowest = np.maximum.reduce, np.minimum.reduce


@dataclass(frozen=True)
class Values:
    """What is declared of a band's values.

    Attributes:
        low, high: the range, both ends included.
        unit: that the values are in.
        nodata: values for no data that are fed as they are.
        darkest: see above; None where nothing is known.
    """

    low: float
    high: float
    unit: str
    nodata: tuple[float, ...] = ()
    darkest: float | None = None


@cache
def values(name: str) -> Mapping[str, Values]:
    """What a dataset declares of the values of its bands; a band without a range isn't in it."""
    declared = declaration(name)
    tables, found = declared.get("values", {}), {}
    for band, facts in declared["bands"].items():
        table = tables.get(band) or tables.get(facts["sensor"])
        if table:
            low, high = table["range"]
            nodata = tuple(float(value) for value in table.get("nodata", ()))
            found[band] = Values(low, high, facts["unit"], nodata, table.get("darkest"))
    return found


def require(
    known: Mapping[str, Values], pixels: Mapping[str, NDArray[Any]], where: Callable[[str], str]
) -> None:
    """Refuse images with values that the dataset doesn't have.

    Args:
        known: see `values`.
        pixels: by band.
        where: the file or patch of a band, for the error.

    Raises:
        BenchError: a value is out of range, NaN or infinite, or all of them are of another unit.
    """
    for band, image in pixels.items():
        of, kind = known[band], image.dtype.kind
        # Millions of small images go through here, and argmax takes half as long as max.
        if kind == "u" and of.low <= 0 and image.item(image.argmax()) <= of.high:
            continue
        high = _highest(image, axis=None)
        # Written so that NaN is refused too.
        if not high <= of.high:
            raise _outside(of, band, image, where)
        low = _lowest(image, axis=None)
        if not low >= of.low:
            raise _outside(of, band, image, where)
        if other := _other_unit(of.unit, kind, float(low), float(high)):
            raise BenchError(
                f"{where(band)}: expected {of.unit} in band {band}, found {other}",
                "bring the values to the unit in which they were published",
            )


def _other_unit(unit: str, kind: str, low: float, high: float) -> str:
    """What values are where they can't be in their unit; empty where they can."""
    if unit == "dB x 100" and low > _HUNDREDTHS_FROM:
        return f"values from {low:g} to {high:g}, as of decibels or of power"
    if unit == "dB" and low >= 0:
        return f"values from {low:g} to {high:g}, as of power that isn't in decibels"
    if kind == "f" and not unit.startswith("dB") and 0 < high <= _FRACTIONS_AT_MOST:
        return f"values up to {high:g}, as of fractions"
    return ""


def _outside(of: Values, band: str, image: NDArray[Any], where: Callable[[str], str]) -> BenchError:
    wrong = ~((image >= of.low) & (image <= of.high))
    return BenchError(
        f"{where(band)}: expected values of band {band} from {of.low:g} to {of.high:g}, found "
        f"{image[wrong][0]:g} in {np.count_nonzero(wrong)} of {image.size} pixels",
        "a value for no data, or another unit? unpack the file again, or leave the sample out",
    )


class Darkest:
    """The darkest pixels of some images, which tell whether an offset was added to their values.

    Since processing baseline 04.00 (January 2022) the digital numbers of Sentinel-2 are 1000 higher
    in every band; who normalises them as before feeds a model something else.

    Args:
        known: see `values`.
    """

    def __init__(self, known: Mapping[str, Values]) -> None:
        self._known = {band: of for band, of in known.items() if of.darkest is not None}
        self._lowest: dict[str, float] = {}
        self._images = 0

    def add(self, pixels: Mapping[str, NDArray[Any]], images: int = 1) -> None:
        """Look at the bands of one sample, which has so many images."""
        seen = [band for band in pixels if band in self._known]
        self._images += images if seen else 0
        for band in seen:
            low = float(_lowest(pixels[band], axis=None))
            self._lowest[band] = min(low, self._lowest.get(band, low))

    def faults(self) -> list[str]:
        """What is wrong where no band of those seen has pixels as dark as is declared."""
        if not self._lowest or self._images < FEWEST:
            return []
        low, band = min((low, band) for band, low in self._lowest.items())
        limit = self._known[band].darkest or 0.0
        if low < limit:
            return []
        return [
            f"expected pixels below {limit:g} among {self._images} images, found none below "
            f"{low:g} in any band, as where 1000 is added to all (processing baseline 04.00 and "
            "later): subtract it, or get the published files"
        ]
