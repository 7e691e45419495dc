"""Uniform quantisation around zero, to the symbols that `baselines.codecs.entropy` codes.

Symbol ``levels // 2`` is zero; what the levels don't reach is clipped to the outermost.
"""

import numpy as np
from numpy.typing import NDArray

Step = float | NDArray[np.float64]


def quantise(values: NDArray[np.floating], step: Step, levels: int) -> NDArray[np.int32]:
    """The symbols, from 0 to ``levels`` - 1, of values of any shape.

    Args:
        values: finite numbers.
        step: the distance of two levels, broadcast against ``values``.
        levels: how many there are.
    """
    middle = levels // 2
    nearest = np.clip(np.rint(values / step), -middle, levels - 1 - middle)
    symbols: NDArray[np.int32] = (nearest + middle).astype(np.int32)
    return symbols


def dequantise(symbols: NDArray[np.integer], step: Step, levels: int) -> NDArray[np.float64]:
    """The middle of every symbol's interval."""
    steps = symbols.astype(np.float64) - levels // 2
    return steps * step
