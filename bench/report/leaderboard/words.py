"""Texts of the page, each once, and columns of values."""

import math
from collections.abc import Sequence
from typing import Any

from bench.report.leaderboard.text import NAME, shown

HASH = 12
"""Digits of a hash that are shown; `run.json` has them all."""


class Words:
    """Every distinct text once; columns hold positions in this list."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._positions: dict[str, int] = {}

    def __call__(self, text: object, limit: int = NAME) -> int:
        """The position of a text, cut and made plain."""
        return self.keep(shown("" if text is None else text, limit))

    def keep(self, text: str) -> int:
        """The position of a text that is plain already."""
        if text not in self._positions:
            self._positions[text] = len(self.texts)
            self.texts.append(text)
        return self._positions[text]


def significant(value: float | None, digits: int = 4) -> float | None:
    """A number with so many significant digits; None where it is none or isn't finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def constant(values: Sequence[Any]) -> Any:
    """A column; one value instead of a list where all are equal."""
    first = values[0] if values else None
    return first if values and all(value == first for value in values) else list(values)
