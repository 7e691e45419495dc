"""From deviations of signatures, summed over pixels, to their means, ratios and the verdict.

For each distance D of `DISTANCES`, pooled over pixels, dates and locations:

- ``s_noaug_D`` of the original, ``spread_D`` the standard deviation of that;
- ``s_aug_D`` of the augmented, mean over magnitudes; ``ratio_D`` of the two;
- ``consistent_D`` the share of magnitudes at which the ratio is at most 1 + tolerance.

At each magnitude (``points``) ``s_aug``, ``ratio`` and ``consistent`` by L1, and ``ratio_D`` by
every other distance. What the distances are is said in `bench.metrics.consistency`.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bench.metrics.stats import weighted_sums

Floats = NDArray[np.float64]

DISTANCES = ("l1", "l2", "angle", "nearest", "z")

ORIGINAL = 0
"""The place of the original signatures before those of the magnitudes."""

_L1 = DISTANCES.index("l1")


def consistency_metrics(
    sums: Floats,
    squares: Floats,
    pixels: Floats,
    counts: Iterable[NDArray[np.uint16]],
    tolerance: float,
) -> dict[str, Floats]:
    """The metrics of resampled locations, [B], and [B, M] of ``points``.

    Args:
        sums: [N, 1 + M, D] of each location, over its pixels and dates, of the deviations of the
            original and of each of M magnitudes.
        squares: [N, D] of the squares of those of the original.
        pixels: [N, D] how many deviations are in the sums; 0 where undefined.
        counts: blocks [b, N], how often each resample holds each location; B is the sum of the b.
        tolerance: how much more augmented signatures may deviate than original ones, as a share.

    Returns:
        float64 by name; NaN where undefined.
    """
    stacked = np.concatenate(
        [values.reshape(len(values), -1) for values in (sums, squares, pixels)], axis=1
    )
    drawn = np.concatenate([weighted_sums(block, stacked) for block in counts])
    split = np.cumsum([math.prod(sums.shape[1:]), len(DISTANCES)])
    sums_of, squares_of, pixels_of = np.split(drawn, split, axis=1)
    return _of_sums(sums_of.reshape(-1, *sums.shape[1:]), squares_of, pixels_of, tolerance)


def _of_sums(sums: Floats, squares: Floats, pixels: Floats, tolerance: float) -> dict[str, Floats]:
    """From sums [B, 1 + M, D], squares and numbers of pixels [B, D]."""
    limit = 1 + tolerance
    found: dict[str, Floats] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / pixels[:, None]
        noaug, aug = means[:, ORIGINAL], means[:, ORIGINAL + 1 :]
        spread = np.sqrt(np.maximum(squares / pixels - noaug**2, 0))
        ratio = aug / noaug[:, None]
        consistent = np.where(
            np.isnan(aug), np.nan, (aug <= limit * noaug[:, None]).astype(np.float64)
        )
        mean_ratio = aug.mean(axis=1) / noaug
    ratio[np.isinf(ratio)] = np.nan
    mean_ratio[np.isinf(mean_ratio)] = np.nan
    for index, name in enumerate(DISTANCES):
        found |= {
            f"ratio_{name}": mean_ratio[:, index],
            f"s_noaug_{name}": noaug[:, index],
            f"spread_{name}": spread[:, index],
            f"s_aug_{name}": aug[..., index].mean(axis=1),
            f"consistent_{name}": consistent[..., index].mean(axis=1),
        }
    found |= {
        "s_aug_points": aug[..., _L1],
        "ratio_points": ratio[..., _L1],
        "consistent_points": consistent[..., _L1],
    }
    for index, name in enumerate(DISTANCES):
        if index != _L1:
            found[f"ratio_{name}_points"] = ratio[..., index]
    return found
