"""Targets in bits per value: their names, their bytes, and the search for a stream that meets one.

Bits per value, or bits per pixel per channel (bpppc), are ``8 * bytes / (C * H * W)`` with the
bytes of the complete stream.
"""

import math
from collections.abc import Callable

from bench.base.errors import RequestError

_ENCODES = 10
_CLOSE = 0.98
"""A stream with this share of the budget is close enough."""


def parse(rates: str) -> dict[str, float]:
    """Targets in bits per value by name, from numbers parted by spaces.

    Raises:
        ValueError: there is none, one occurs twice or isn't a positive number.
    """
    found = {}
    for name in rates.split():
        try:
            found[name] = float(name)
        except ValueError as error:
            raise ValueError(f"rates are numbers, not {name!r}") from error
        if not 0 < found[name] < math.inf:
            raise ValueError(f"rates are positive numbers, not {name!r}")
    if not found or len(found) < len(rates.split()):
        raise ValueError(f"expected different rates, found {rates!r}")
    return found


def budget(rates: dict[str, float], point: str, shape: tuple[int, int, int]) -> int:
    """The most bytes that a stream of this rate point may have.

    Raises:
        RequestError: there is no such point.
    """
    if point not in rates:
        raise RequestError(f"no rate point {point!r}", f"there are {' '.join(rates)}")
    return math.floor(rates[point] * math.prod(shape) / 8)


def largest_within(
    encode: Callable[[float], bytes], low: float, high: float, most_bytes: int
) -> bytes:
    """The largest stream within a budget that a few encodes find.

    Tries the highest quality, halves the interval until a stream is within, then interpolates the
    logarithms of sizes: at most 10 encodes, and one more where none was within.

    Args:
        encode: from a quality to a stream; its size should grow with quality.
        low: the lowest quality, whose stream is the answer where even that exceeds the budget.
        high: the highest quality.
        most_bytes: the budget.
    """
    best = encode(high)
    if len(best) <= most_bytes:
        return best
    aim = math.log(most_bytes * (1 + _CLOSE) / 2) if most_bytes else -math.inf
    under, over, last = -math.inf, math.log(len(best)), ""
    for _ in range(_ENCODES - 1):
        share = 0.5 if under == -math.inf else (aim - under) / (over - under)
        quality = low + min(max(share, 0.03), 0.97) * (high - low)
        stream = encode(quality)
        # The Illinois rule: an end that stays twice counts as nearer, or a bend would hold it.
        if len(stream) > most_bytes:
            high, over = quality, math.log(len(stream))
            under = (under + aim) / 2 if last == "high" else under
            last = "high"
            continue
        if under == -math.inf or len(stream) > len(best):
            best = stream
        over = (over + aim) / 2 if last == "low" else over
        low, under, last = quality, math.log(len(stream)), "low"
        if len(stream) >= _CLOSE * most_bytes:
            break
    return encode(low) if under == -math.inf else best
