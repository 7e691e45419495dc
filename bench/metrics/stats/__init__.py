"""Uncertainty, comparison and ranking: pure functions on arrays."""

from bench.metrics.stats.across import (
    CriticalDifference,
    borda,
    critical_difference,
    mean_normalised,
    mean_ranks,
    task_ranks,
    win_rates,
)
from bench.metrics.stats.intervals import (
    bca_interval,
    percentile_interval,
    standard_error,
    two_sided_p,
)
from bench.metrics.stats.paired import McNemar, holm, mcnemar, pseudo_values, sign_flip_p
from bench.metrics.stats.ranking import (
    ALPHA,
    holm_pairs,
    pairwise_p,
    rank_intervals,
    tiers,
    unpaired_p,
)
from bench.metrics.stats.resample import (
    average_runs,
    jackknife_counts,
    resample_counts,
    weighted_sums,
)

__all__ = [
    "ALPHA",
    "CriticalDifference",
    "McNemar",
    "average_runs",
    "bca_interval",
    "borda",
    "critical_difference",
    "holm",
    "holm_pairs",
    "jackknife_counts",
    "mcnemar",
    "mean_normalised",
    "mean_ranks",
    "pairwise_p",
    "percentile_interval",
    "pseudo_values",
    "rank_intervals",
    "resample_counts",
    "sign_flip_p",
    "standard_error",
    "task_ranks",
    "tiers",
    "two_sided_p",
    "unpaired_p",
    "weighted_sums",
    "win_rates",
]
