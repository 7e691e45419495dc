"""Crops of a farming year: when each covers its field, what it is made of, how radar sees it.

Days count from 1 September of the year of sowing. Invented for plausibility, and so that no sensor
tells them all: crops that radar sees alike have calendars that differ by weeks, and those with
calendars that images under clouds hardly tell apart have another structure. Over the whole year
most crops are alike.
"""

from dataclasses import dataclass

import numpy as np

from bench.data.simulate.noise import Floats


@dataclass(frozen=True)
class Crop:
    """A crop.

    Attributes:
        covers: times of green cover, each as (day on which half has grown, day on which half has
            gone, cover at its height).
        made_of: materials of the green cover and their shares.
        rough: dB that the grown crop adds to backscatter early and late in its season.
        grown: weight among fields.
    """

    covers: tuple[tuple[float, float, float], ...]
    made_of: dict[str, float]
    rough: tuple[float, float]
    grown: float


CROPS: dict[str, Crop] = {
    "Meadow": Crop(((-90, 600, 0.62), (205, 395, 0.25)), {"grass": 1}, (0, 0), 1),
    "Soft winter wheat": Crop(((75, 320, 0.3), (219, 317, 0.62)), {"crop": 1}, (1, -4), 1.2),
    "Winter barley": Crop(((50, 295, 0.3), (194, 292, 0.62)), {"crop": 1}, (1, -4), 1),
    "Winter rapeseed": Crop(((22, 303, 0.62), (195, 299, 0.3)), {"crop": 1}, (3, 1), 1),
    "Corn": Crop(((284, 389, 0.93),), {"crop": 1}, (-2, 3), 1.2),
    "Sunflower": Crop(((257, 362, 0.93),), {"crop": 1}, (-2, 3), 1),
    "Beet": Crop(((268, 418, 0.93),), {"crop": 1}, (4, -3), 0.9),
    "Potatoes": Crop(((262, 412, 0.93),), {"crop": 1}, (-3, 4), 0.9),
    "Grapevine": Crop(((226, 424, 0.6),), {"broadleaf": 1}, (-3, -3), 0.9),
    "Orchard": Crop(((223, 421, 0.6),), {"broadleaf": 1}, (4, 4), 0.9),
}
"""The crops of the sample track, by their names in PASTIS."""

_PACE = 7.0
_STUBBLE = 45.0


def cover(crop: Crop, day: float, shift: Floats) -> tuple[Floats, Floats, Floats]:
    """Green cover and stubble, shares in [0, 1], and how far the season is from early to late.

    Args:
        crop: what grows.
        day: since 1 September.
        shift: days that each field is late.
    """
    late = day - shift
    green = np.zeros_like(late)
    for rise, fall, height in crop.covers:
        green += height * (_half(late - rise) - _half(late - fall))
    green = np.clip(green, 0, 1)
    begun, harvest = crop.covers[-1][0], crop.covers[0][1]
    stubble = 0.6 * (_half(late - harvest) - _half(late - harvest - _STUBBLE)) * (1 - green)
    return green, stubble, _half(late - (begun + harvest) / 2)


def _half(days: Floats) -> Floats:
    """A logistic step of the day, 0 before and 1 after."""
    step: Floats = 1 / (1 + np.exp(-np.clip(days / _PACE, -50, 50)))
    return step
