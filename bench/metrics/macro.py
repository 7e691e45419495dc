"""The macro average: over the classes that occur.

A class occurs where it has a positive among the samples that are scored: all of them, those of a
slice, or those of a resample. One that doesn't has no recall, no average precision, no
IoU and nothing that could be found; it has no value, and isn't counted as zero.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def where(defined: NDArray[np.bool_], values: Floats) -> Floats:
    """Values, and NaN where they aren't defined."""
    found: Floats = np.where(defined, values, np.nan)
    return found


def macro(values: NDArray[np.floating[Any]]) -> Floats:
    """[...] the mean of classes [..., C] without NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    mean: Floats = np.divide(
        values.sum(axis=-1, where=known),
        count,
        out=np.full(np.shape(count), np.nan),
        where=count > 0,
    )
    return mean
