"""The Matthews correlation coefficient of confusion matrices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def matthews(matrices: NDArray[np.integer[Any]] | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The coefficient of more than two classes (J. Gorodkin 2004), as in scikit-learn.

    Args:
        matrices: [..., C, C] counts of pixels; rows are targets, columns predictions.

    Returns:
        [...] between -1 and 1; NaN where there is no pixel, 0 where all targets or all predictions
        are of one class.
    """
    counts = np.asarray(matrices, np.float64)
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    total, right = true.sum(axis=-1), np.trace(counts, axis1=-2, axis2=-1)
    covariance = right * total - (true * predicted).sum(axis=-1)
    spread = (total**2 - (true**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = np.where(spread > 0, covariance / np.sqrt(spread), 0.0)
    return np.where(total > 0, found, np.nan)
