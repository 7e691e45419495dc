"""How often each sample counts: any such counts must give the metric of the repeated samples."""

import numpy as np


def resampled(samples, resamples, seed=0):
    """Counts [R, N] of R draws of N samples with replacement: repeated and missing ones."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, samples, (resamples, samples))
    return np.stack([np.bincount(row, minlength=samples) for row in drawn]).astype(np.uint16)
