"""Samples for tests of heads."""

import numpy as np


def samples(count, width, outputs=3, seed=0):
    """Features of several sizes off 0, multi-hot labels that follow from them, and weights."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, width)) * random.uniform(0.1, 10, width) + 3
    x = x.astype(np.float32)
    score = (x - 3) @ random.standard_normal((width, outputs)) / width
    noise = random.logistic(size=score.shape) * score.std()
    return x, (score + noise > 0).astype(np.float32), random.uniform(0.1, 2, count)


def standardised(x, weight=None):
    """Features in float64 of mean 0 and standard deviation 1, those means and those deviations."""
    x = x.astype(np.float64)
    mean = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))
    scale[scale == 0] = 1
    return (x - mean) / scale, mean, scale


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]
