"""The k nearest neighbours by cosine, for all k from one search."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.metrics.embeddings import Vectors, unit_vectors
from bench.metrics.nearest import top_k_of_units
from bench.models.heads.base import Array, Form, Head

NEIGHBOURS = (1, 3, 5, 10, 20, 50)

_AT_ONCE = 1 << 14
_HALF = 0.5
_TIE = 1e-5
"""What the nearest neighbour adds to the logit of its class, the next half of that, and so on."""
_DECIDING = 8


def directions(x: Array) -> Vectors:
    """Features [N, F] as unit vectors float32 [N, F]; a row of zeros stays one.

    Components are rounded to multiples of 2^-24, so that the cosine of two of them is a sum without
    rounding, and equal rows have equal cosines: see `bench.metrics.embeddings`.

    Raises:
        BenchError: a feature is NaN or infinite, or rows have more than 65,536 of them.
    """
    found = np.zeros(tuple(x.shape), np.float32)
    for start in range(0, len(x), _AT_ONCE):
        some = x[start : start + _AT_ONCE]
        rows = some.detach().cpu().numpy() if isinstance(some, torch.Tensor) else np.asarray(some)
        rows = rows.astype(np.float32, copy=False)
        # NaN isn't 0: such a row is refused.
        held = (rows != 0).any(axis=1)
        if held.any():
            units = unit_vectors(rows if held.all() else rows[held], "feature")
            found[start : start + _AT_ONCE][held] = units
    return found


def neighbours(queries: Vectors, samples: Vectors, k: int) -> NDArray[np.int64]:
    """The k samples of the highest cosine with each query, the nearest first.

    Of samples with the same cosine the first comes first, and so it is the first ones that count as
    neighbours where the k-th cosine is that of several. Products are in blocks of bounded memory:
    no more than 64 MiB are held beside the arguments and the result.

    Args:
        queries: [Q, F] of `directions`.
        samples: [N, F] of `directions`.
        k: at least 1; all N where there are fewer.

    Returns:
        [Q, k] indices of samples.

    Raises:
        RequestError: k isn't positive.
    """
    return top_k_of_units(queries, samples, k)[0]


def means(
    nearest: NDArray[np.int64], y: torch.Tensor, ks: Sequence[int], weight: torch.Tensor
) -> torch.Tensor:
    """The mean target of the k nearest neighbours, float64 [len(ks), Q, outputs].

    Args:
        nearest: [Q, K] of `neighbours`.
        y: [N, outputs] targets.
        ks: numbers of neighbours, none over K.
        weight: [N] positive; the mean is a weighted one. Who is a neighbour doesn't depend on it.
    """
    chosen = torch.from_numpy(nearest)
    found = torch.empty(len(ks), len(nearest), y.shape[1], dtype=torch.float64)
    order = sorted(range(len(ks)), key=ks.__getitem__)
    sums, mass = torch.zeros_like(found[0]), torch.zeros(len(nearest), 1, dtype=torch.float64)
    done = 0
    for index in order:
        for place in range(done, ks[index]):
            own = weight[chosen[:, place], None].double()
            sums.addcmul_(own, y[chosen[:, place]].double())
            mass += own
        done = max(done, ks[index])
        found[index] = sums / mass
    return found


def smoothed_logits(mean: torch.Tensor, k: int, task: Form) -> torch.Tensor:
    """Logits of the mean target of k neighbours, finite where all or none have a label.

    Half a neighbour of each outcome is added (J. B. S. Haldane, Annals of Human Genetics 20, 1956):
    log (k p + 1/2) / (k (1 - p) + 1/2) for ``labels``, the logit of (k p + 1/2) / (k + 1); and
    log (k p + 1/2) / (k + C/2) for ``class`` with C classes, the logarithms of probabilities. The
    order of samples by them is that by p. Of ``value`` the mean is the value.

    Args:
        mean: [..., outputs].
        k: of which it is the mean.
        task: the form of the targets.
    """
    if task == "value":
        return mean
    if task == "labels":
        return ((k * mean + _HALF) / (k * (1 - mean) + _HALF)).log()
    return ((k * mean + _HALF) / (k + _HALF * mean.shape[-1])).log()


def preference(nearest: NDArray[np.int64], y: torch.Tensor, k: int) -> torch.Tensor:
    """What decides between classes with as many neighbours, float64 [Q, outputs]: the nearer ones.

    1e-5 for the class of the nearest neighbour, half of that for the next one and so on: less than
    any difference between two numbers of neighbours makes in a logit.

    Args:
        nearest: [Q, K] of `neighbours`.
        y: [N, outputs] targets.
        k: neighbours that count, none over K.
    """
    chosen = torch.from_numpy(nearest)
    found = torch.zeros(len(nearest), y.shape[1], dtype=torch.float64)
    for place in range(min(k, _DECIDING)):
        found += _TIE / 2**place * y[chosen[:, place]].double()
    return found


class Neighbours(Head):
    """The mean target of the k nearest training samples by cosine; see `neighbours`.

    Of classes with as many neighbours that of the nearer ones comes first; see `preference`.

    Choices are those of `NEIGHBOURS` that are no more than there are samples. The state holds unit
    vectors, targets and weights of the samples and k; samples of weight 0 are left out. What it is
    loaded into must be constructed for as many ``samples``.

    Args:
        features: F, of a sample.
        outputs: labels, classes, or values of a sample.
        task: the form of the targets.
        samples: how many training samples the state holds.
    """

    x: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor
    k: torch.Tensor

    def __init__(self, features: int, outputs: int, task: Form, samples: int = 0) -> None:
        super().__init__(features, outputs, task, samples)
        self.register_buffer("x", torch.zeros(samples, features))
        self.register_buffer("y", torch.zeros(samples, outputs))
        self.register_buffer("weight", torch.ones(samples))
        self.register_buffer("k", torch.tensor(1))
        self._choices: list[int] = []

    def fit(self, x: Array, y: Array, weight: Array | None = None) -> None:
        """Store the samples, and take the smallest k."""
        x, targets, weights = self.checked(x, y, weight)
        used = weights > 0
        units = torch.from_numpy(directions(x))
        device = self.x.device
        if not used.all():
            units, targets, weights = units[used], targets[used], weights[used]
        self.x = units.to(device)
        self.y, self.weight = targets.float().to(device), weights.float().to(device)
        self._choices = [k for k in NEIGHBOURS if k <= len(units)]
        self.choose(0)

    @property
    def choices_named(self) -> list[str]:
        """The numbers of neighbours."""
        return [f"k {k}" for k in self._choices]

    def choose(self, index: int) -> None:
        """Take one of the numbers of neighbours."""
        self.k = torch.tensor(self._choices[index], device=self.x.device)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits by `smoothed_logits`, or values."""
        return self._by(features, [int(self.k)])[0]

    def every(self, features: torch.Tensor) -> torch.Tensor:
        """One search for all numbers of neighbours."""
        return self._by(features, self._choices)

    def _by(self, features: torch.Tensor, ks: Sequence[int]) -> torch.Tensor:
        if not len(self.x):
            raise BenchError("expected training samples to compare with, found none", "fit first")
        rows = features.detach().flatten(0, -2)
        nearest = neighbours(directions(rows), self.x.cpu().numpy(), max(ks))
        found = means(nearest, self.y.cpu(), ks, self.weight.cpu())
        outputs = [smoothed_logits(mean, k, self.task) for mean, k in zip(found, ks, strict=True)]
        if self.task == "class":
            y = self.y.cpu()
            outputs = [one + preference(nearest, y, k) for one, k in zip(outputs, ks, strict=True)]
        shape = len(ks), *features.shape[:-1], self.outputs
        return torch.stack(outputs).float().reshape(shape).to(features.device)
