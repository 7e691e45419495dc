"""Climates, and how green vegetation is in them on a day of the year."""

from dataclasses import dataclass

import numpy as np

# Days of the year on which half of the leaves are out and half of them are gone, and how many days
# a tenth-to-nine-tenths change takes, divided by 4.4; then the lowest and highest green share.
# Central Europe, invented for plausibility.
_SEASONS: dict[str, tuple[float, float, float, float, float]] = {
    "deciduous": (118, 295, 9, 0.05, 1.0),
    "evergreen": (100, 300, 30, 0.85, 1.0),
    "grass": (88, 305, 16, 0.45, 1.0),
    "winter crop": (85, 186, 11, 0.25, 1.0),
    "summer crop": (163, 262, 9, 0.0, 1.0),
    "heath": (130, 285, 20, 0.4, 0.8),
    "marsh": (130, 280, 12, 0.2, 1.0),
}


@dataclass(frozen=True)
class Climate:
    """A region's seasons and soils.

    Attributes:
        late: days that spring comes later than in central Europe.
        dry: 0 for a temperate climate, 1 for a Mediterranean one.
        bright: share of bright (sandy, calcareous) soils.
    """

    late: float = 0.0
    dry: float = 0.0
    bright: float = 0.4


def green(kind: str, day: float, *, late: float = 0.0, dry: float = 0.0) -> float:
    """The green share of a kind of vegetation, in [0, 1].

    A double logistic curve of the day (X. Zhang et al., Remote Sensing of Environment 84, 2003:
    vegetation phenology from MODIS). In a dry climate grass, marsh and winter crops shift to the
    wet half of the year: they wither in summer and are green in winter.

    Args:
        kind: of vegetation: deciduous, evergreen, grass, winter crop, summer crop, heath, marsh.
        day: of the year, 1 to 366.
        late: days that spring comes later (and autumn earlier by half) than in central Europe.
        dry: 0 for a temperate climate, 1 for a Mediterranean one.

    Raises:
        KeyError: there is no such kind of vegetation.
    """
    rise, fall, pace, low, high = _SEASONS[kind]
    temperate = low + (high - low) * (
        _logistic((day - rise - late) / pace) - _logistic((day - fall + late / 2) / pace)
    )
    if not dry or kind not in ("grass", "marsh", "winter crop"):
        return float(np.clip(temperate, 0, 1))
    wet = 1 - _logistic((day - 150) / 10) + _logistic((day - 310) / 12)
    return float(np.clip((1 - dry) * temperate + dry * (0.08 + 0.92 * wet), 0, 1))


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(x, -50, 50))))
