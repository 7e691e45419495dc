"""What all heads have in common, and what they ask of their samples."""

from abc import ABC, abstractmethod
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError

Form = Literal["labels", "class", "value"]
"""Of the targets: independent labels, one class of several, or real values."""

Array = torch.Tensor | NDArray[Any]
"""Of any floating type; an ndarray may be memory-mapped."""

_SUM = 1e-3
"""How far the shares of the classes of a sample may add up to something else than 1."""


class Head(nn.Module, ABC):
    """Features float32 [..., F] -> float32 [..., outputs].

    The outputs are logits of ``labels`` (sigmoid) or ``class`` (softmax), or the values of
    ``value``. After `fit` the first choice is taken; the state holds the solution that was taken
    last and none of the others. A head that is loaded from its state has no choices.

    Args:
        features: F, of a sample.
        outputs: labels, classes, or values of a sample.
        task: the form of the targets.
        samples: how many training samples the state holds that is to be loaded; only of heads that
            store them.
    """

    def __init__(self, features: int, outputs: int, task: Form, samples: int = 0) -> None:  # noqa: ARG002
        super().__init__()
        self.features, self.outputs, self.task = features, outputs, task

    @abstractmethod
    def fit(self, x: Array, y: Array, weight: Array | None = None) -> None:
        """Find all solutions on the training samples, and take the first.

        Args:
            x: [N, F] features, float32; float64 and float16 are taken as well.
            y: [N, outputs] targets: from 0 to 1 for ``labels``; from 0 to 1 with a sum of 1 in each
                row for ``class`` (one-hot, or the shares of the classes); finite for ``value``.
            weight: [N] of the samples, not negative; None: all 1.

        Raises:
            BenchError: the arrays are not as above, or there is no sample of positive weight.
        """

    @property
    @abstractmethod
    def choices_named(self) -> list[str]:
        """What tells the solutions apart, in words: "penalty 0.01"; empty before `fit`."""

    @property
    def choices(self) -> int:
        """How many solutions there are to choose from."""
        return len(self.choices_named)

    @abstractmethod
    def choose(self, index: int) -> None:
        """Take one of the solutions."""

    @abstractmethod
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The outputs by the solution that was taken, float32 [..., outputs]."""

    @abstractmethod
    def every(self, features: torch.Tensor) -> torch.Tensor:
        """The outputs by each of the solutions, float32 [choices, ..., outputs].

        It costs little more than the outputs by one of them.
        """

    def checked(
        self, x: Array, y: Array, weight: Array | None
    ) -> tuple[Array, torch.Tensor, torch.Tensor]:
        """The samples of `fit`, targets and weights as float64 tensors on the CPU.

        Raises:
            BenchError: as for `fit`; features are not looked at, they may be large.
        """
        found = checked(x, y, weight, self.task)
        if (x.shape[1], y.shape[1]) != (self.features, self.outputs):
            raise BenchError(
                f"expected {self.features} features and {self.outputs} targets for each sample, "
                f"found {x.shape[1]} and {y.shape[1]}"
            )
        return found


class LinearHead(Head):
    """A head whose outputs are an affine function of the features."""

    def __init__(self, features: int, outputs: int, task: Form, samples: int = 0) -> None:
        super().__init__(features, outputs, task, samples)
        self.linear = nn.Linear(features, outputs)
        self._solutions: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._names: list[str] = []

    @property
    def choices_named(self) -> list[str]:
        """The hyper-parameter of each solution."""
        return list(self._names)

    @torch.no_grad()
    def choose(self, index: int) -> None:
        """Take one of the solutions."""
        weight, bias = self._solutions[index]
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The affine function; heads whose outputs are logits by another route extend it."""
        found: torch.Tensor = self.linear(features)
        return found

    def every(self, features: torch.Tensor) -> torch.Tensor:
        """One matrix product with all solutions side by side."""
        weight = torch.cat([weight for weight, _ in self._solutions]).to(features)
        bias = torch.cat([bias for _, bias in self._solutions]).to(features)
        found = nn.functional.linear(features, weight, bias)
        return found.reshape(*found.shape[:-1], self.choices, self.outputs).movedim(-2, 0)

    def _found(self, names: list[str], weights: torch.Tensor, biases: torch.Tensor) -> None:
        """Keep solutions [choices, outputs, F] and [choices, outputs], and take the first."""
        self._names = names
        self._solutions = list(zip(weights, biases, strict=True))
        self.choose(0)


def checked(
    x: Array, y: Array, weight: Array | None, task: Form
) -> tuple[Array, torch.Tensor, torch.Tensor]:
    """Features as they are, targets [N, outputs] and weights [N] in float64 on the CPU.

    Raises:
        BenchError: the arrays are not what `Head.fit` asks for.
    """
    targets = torch.as_tensor(np.array(y)) if isinstance(y, np.ndarray) else y
    targets = targets.detach().cpu().double()
    if x.ndim != 2 or targets.ndim != 2 or len(x) != len(targets) or not len(x):
        raise BenchError(
            "expected features [N, F] and targets [N, outputs] of the same samples, at least one, "
            f"found {list(x.shape)} and {list(targets.shape)}"
        )
    if weight is None:
        weights = torch.ones(len(x), dtype=torch.float64)
    else:
        own = torch.as_tensor(np.array(weight)) if isinstance(weight, np.ndarray) else weight
        weights = own.detach().cpu().double()
    if weights.shape != (len(x),):
        raise BenchError(f"expected {len(x)} weights, found {list(weights.shape)}")
    if not (torch.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise BenchError("expected finite weights of 0 or more, one of them positive")
    if not torch.isfinite(targets).all():
        raise BenchError(
            "expected finite targets, found NaN or infinity", "leave out samples without a target"
        )
    if task != "value" and not ((targets >= 0) & (targets <= 1)).all():
        raise BenchError(
            f"expected targets from 0 to 1 for {task}, found {targets.min():g} to {targets.max():g}"
        )
    if task == "class" and ((targets.sum(dim=1) - 1).abs() > _SUM).any():
        raise BenchError("expected shares of classes that add up to 1 for each sample")
    return x, targets, weights


def block(x: Array, start: int, stop: int) -> torch.Tensor:
    """Some rows of features in float64, on the CPU."""
    some = x[start:stop]
    if isinstance(some, np.ndarray):
        return torch.from_numpy(some.astype(np.float64))
    return some.detach().cpu().double()


def uniform_tangent(expected: torch.Tensor, task: Form) -> torch.Tensor:
    """Logits from what a regression expects of targets, which may lie below 0 or above 1.

    The tangents of the logits at even odds. Of ``labels``: 4 (p - 1/2), see `tangent_logits`; of C
    classes: C p - 1, of which the softmax is p up to terms of second order in p - 1/C. Of ``value``
    what is expected is the value.
    """
    if task == "labels":
        return tangent_logits(expected)
    return expected if task == "value" else expected.shape[-1] * expected - 1


def tangent_logits(expected: torch.Tensor) -> torch.Tensor:
    """Logits from what a regression expects of labels: 4 (p - 1/2), the tangent of logit p at 1/2.

    What is expected of a label may lie below 0 or above 1, where no logit is defined.
    """
    return 4 * (expected - 0.5)
