"""Logistic regression, all strengths of the penalty and all labels side by side."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch

from bench.base.errors import BenchError, RequestError
from bench.models.heads.axes import ROWS, principal_axes
from bench.models.heads.base import Array, Form, LinearHead, block, checked
from bench.models.heads.lbfgs import minimise

STRENGTHS = tuple(10.0**power for power in range(-4, 4))
"""C, one over the penalty, as in scikit-learn."""

TOLERANCE = 1e-6
"""Of the Euclidean norm of the gradient of the mean loss."""

_STEPS = 2000
_ELEMENTS = 1 << 22
_STUCK = 1e-3
_HALF = 0.5


class Optima(NamedTuple):
    """One affine function x -> weights @ x + bias for each C, and how near it is to the optimum.

    Attributes:
        weights: [C, outputs, F] float64.
        biases: [C, outputs] float64.
        objectives: [C, outputs] for labels, [C, 1] for classes: mean loss + |v|^2 / (2 C sum(w)).
        gradients: of the same shape, the Euclidean norms of their gradients.
        steps: how many the slowest took.
    """

    weights: torch.Tensor
    biases: torch.Tensor
    objectives: torch.Tensor
    gradients: torch.Tensor
    steps: int


def logistic(
    x: Array,
    y: Array,
    weight: Array | None = None,
    *,
    task: Literal["labels", "class"] = "labels",
    strengths: Sequence[float] = STRENGTHS,
    tolerance: float = TOLERANCE,
) -> Optima:
    """L2-regularised logistic regression on standardised features, for several C at once.

    The weights v and intercepts a for C minimise sum(w loss(a + z v)) + |v|^2 / (2 C) over samples
    of weight w, whose features z have mean 0 and standard deviation 1 under the same weights. The
    loss is the cross entropy of each label by itself for ``labels``, and that of the softmax for
    ``class``; intercepts aren't penalised. They are the solutions of scikit-learn's
    ``LogisticRegression(C)``, by label or multinomial, on such features, and are returned in terms
    of x. The softmax leaves open a constant in the intercepts a of classes: their mean is 0.

    All are solved together by L-BFGS in the principal axes of the features, where the Hessian is
    nearly diagonal: each evaluation is two matrix products that all C and labels share.

    A label that no sample or every sample has has no finite intercept: its weights are 0, its
    intercept is the log odds with half a sample added on each side, (k + 1/2) / (n - k + 1/2)
    (J. B. S. Haldane, Annals of Human Genetics 20, 1956) for n the sum of the weights. A class that
    no sample has has weights 0 and the intercept that gives it, where features are at their mean,
    half a sample against the sum of the weights.

    Args:
        x: [N, F] features, float32 or another floating type; may be memory-mapped.
        y: [N, outputs] from 0 to 1; for ``class`` with a sum of 1 in each row.
        weight: [N], not negative; None: all 1.
        task: the form of the targets.
        strengths: C, positive, in any order.
        tolerance: of the Euclidean norm of the gradient of the objective divided by sum(w).

    Raises:
        BenchError: the arrays don't fit together, or hold NaN or infinity; or the gradient can't be
            brought near the tolerance.
    """
    return _solve(*checked(x, y, weight, task), task, strengths, tolerance)


class Logistic(LinearHead):
    """Logistic regression of labels or classes on the features; see `logistic`.

    Raises:
        RequestError: the task has values.
    """

    def __init__(self, features: int, outputs: int, task: Form, samples: int = 0) -> None:
        if task == "value":
            raise RequestError(
                "logistic regression is of labels or classes, not of values", "use the method ridge"
            )
        super().__init__(features, outputs, task, samples)

    def fit(self, x: Array, y: Array, weight: Array | None = None) -> None:
        """Solve for every one of `STRENGTHS`, and take the first."""
        found = _solve(*self.checked(x, y, weight), self.task, STRENGTHS, TOLERANCE)
        self._found([f"C {strength:g}" for strength in STRENGTHS], found.weights, found.biases)


class _Problem:
    """Objectives in coordinates where their Hessians are nearly diagonal; P with K outputs each.

    Of labels an objective is a pair of C and label, with one output; of classes it is a C, with all
    classes that occur. A point is K rows of R weights and an intercept, flat. Features are in their
    principal axes. Classes are in the axes of diag(p) - p p', which is the Hessian of the softmax
    at the shares p of the classes: the direction in which all logits grow alike is one of them.
    """

    def __init__(
        self,
        x: Array,
        y: torch.Tensor,
        weight: torch.Tensor,
        task: Form,
        strengths: Sequence[float],
    ) -> None:
        self.x, self.y, self.task = x, y, task
        self.share = weight / weight.sum()
        self.axes = principal_axes(x, y, weight)
        self.dual = len(x) < x.shape[1]
        if self.dual:
            self.rows = (block(x, 0, len(x)) - self.axes.mean) @ self.axes.transform
        self.width = len(self.axes.variances)
        penalties = 1 / (torch.tensor(strengths, dtype=torch.float64) * weight.sum())
        level = self.axes.level
        if task == "labels":
            self.outputs, self.turn = 1, torch.ones(1, 1, dtype=torch.float64)
            self.labels = torch.arange(len(level)).repeat(len(strengths))
            self.penalties = penalties.repeat_interleave(len(level))
            self.bent, odds = (level * (1 - level))[self.labels, None], level.logit()
            start = odds[self.labels, None]
        else:
            self.outputs, self.penalties = len(level), penalties
            self.labels = torch.zeros(len(strengths), dtype=torch.int64)
            bent, self.turn = torch.linalg.eigh(level.diag() - level[:, None] * level)
            self.bent = bent.clamp(min=0).expand(len(strengths), -1)
            odds = level.log() - level.log().mean()
            start = (odds @ self.turn).expand(len(strengths), -1)
        weights = torch.zeros(*start.shape, self.width, dtype=torch.float64)
        self.start = torch.cat([weights, start[..., None]], dim=2).flatten(1)

    def curvature(self) -> torch.Tensor:
        """The diagonal of the Hessians at `start`.

        It isn't told how flat the direction is in which all logits grow alike: nothing is to be
        gained there, and what rounding leaves of its gradient would be blown up.
        """
        bent = torch.where(self.bent < torch.finfo(torch.float64).eps, 1, self.bent)
        weights = bent[..., None] * self.axes.variances + self.penalties[:, None, None]
        return torch.cat([weights, bent[..., None]], dim=2).flatten(1)

    def evaluate(
        self, points: torch.Tensor, which: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Objectives [A] and gradients [A, K (R + 1)] of some of them."""
        points = points.reshape(len(which), self.outputs, self.width + 1)
        flat = (self.turn @ points).reshape(-1, self.width + 1)
        weights, biases = flat[:, :-1].T, flat[:, -1]
        if not self.dual:
            weights = self.axes.transform @ weights
        gradient, slopes = torch.zeros_like(weights), torch.zeros_like(biases)
        losses = torch.zeros(len(which), dtype=torch.float64)
        for rows, part in self._blocks(len(biases)):
            logits = torch.addmm(biases, part, weights)
            loss, residual = self._loss(logits, self.y[rows], self.labels[which])
            residual *= self.share[rows, None]
            losses += self.share[rows] @ loss
            slopes += residual.sum(dim=0)
            gradient.addmm_(part.T, residual)
        if not self.dual:
            gradient = self.axes.transform.T @ gradient
        own, penalties = points[..., :-1], self.penalties[which]
        losses += penalties / 2 * (own**2).sum(dim=(1, 2))
        gradients = torch.cat([gradient, slopes[None]]).T.reshape(points.shape)
        gradients = self.turn.T @ gradients
        gradients[..., :-1] += penalties[:, None, None] * own
        return losses, gradients.flatten(1)

    def functions(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [P, K, F] and biases [P, K] on the features themselves."""
        points = self.turn @ points.reshape(len(points), self.outputs, self.width + 1)
        weights = points[..., :-1] @ self.axes.transform.T
        return weights, points[..., -1] - weights @ self.axes.mean

    def _blocks(self, columns: int) -> Iterator[tuple[slice, torch.Tensor]]:
        """Rows of features off their mean, or of coordinates in the dual form."""
        step = min(max(_ELEMENTS // max(columns, 1), 64), ROWS)
        for start in range(0, len(self.y), step):
            rows = slice(start, start + step)
            if self.dual:
                yield rows, self.rows[rows]
            else:
                yield rows, block(self.x, start, start + step).sub_(self.axes.mean)

    def _loss(
        self, logits: torch.Tensor, y: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses [n, A] and residuals [n, A K] of some rows."""
        if self.task == "labels":
            targets = y[:, labels]
            loss = torch.nn.functional.softplus(logits).addcmul_(targets, logits, value=-1)
            return loss, logits.sigmoid_().sub_(targets)
        logits = logits.reshape(len(y), len(labels), self.outputs)
        level = logits.logsumexp(dim=2)
        loss = level - (y[:, None] * logits).sum(dim=2)
        return loss, (logits - level[..., None]).exp_().sub_(y[:, None]).flatten(1)


def _solve(
    x: Array,
    y: torch.Tensor,
    weight: torch.Tensor,
    task: Form,
    strengths: Sequence[float],
    tolerance: float,
) -> Optima:
    total, counts = weight.sum(), weight @ y
    if task == "labels":
        missing = weight @ (1 - y)
        occurs = (counts > 0) & (missing > 0)
        biases = ((counts + _HALF) / (missing + _HALF)).log().repeat(len(strengths), 1)
    else:
        # Shares of a sample add up to 1 but for rounding; the softmax' gradient asks for exactly 1.
        y = y / y.sum(dim=1, keepdim=True)
        occurs = counts > 0
        biases = torch.zeros(len(strengths), y.shape[1], dtype=torch.float64)
        biases[:, ~occurs] = (_HALF / total).log()
    weights = torch.zeros(*biases.shape, x.shape[1], dtype=torch.float64)
    objectives = torch.zeros(len(strengths), y.shape[1] if task == "labels" else 1).double()
    gradients, steps = torch.zeros_like(objectives), 0
    if occurs.sum() > (task == "class"):
        problem = _Problem(x, y[:, occurs], weight, task, strengths)
        found, steps = minimise(
            problem.evaluate, problem.start, problem.curvature(), tolerance, _STEPS
        )
        norms = found.gradients.norm(dim=1)
        if norms.max() > max(tolerance, _STUCK):
            raise BenchError(
                f"logistic regression ended at a gradient of {norms.max():.1g} after {steps} steps",
                "do the features hold values of very different size?",
            )
        own, offsets = problem.functions(found.points)
        own = own.reshape(len(strengths), -1, x.shape[1])
        offsets = offsets.reshape(len(strengths), -1)
        if task == "class":
            level = (offsets + own @ problem.axes.mean).logsumexp(dim=1, keepdim=True)
            biases[:, ~occurs] += level
        weights[:, occurs], biases[:, occurs] = own, offsets
        solved = occurs if task == "labels" else slice(None)
        objectives[:, solved] = found.values.reshape(len(strengths), -1)
        gradients[:, solved] = norms.reshape(len(strengths), -1)
    return Optima(weights, biases, objectives, gradients, steps)
