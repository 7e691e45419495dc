"""Metrics of labels of whole images: several for each, or one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError
from bench.metrics import calibration
from bench.metrics.decisions import RATES, counted_metrics, sampled_metrics
from bench.metrics.macro import macro
from bench.metrics.multilabel import NAMES, multilabel_metrics
from bench.metrics.torchmetrics.base import ExactMetric, Floats, floats, indices, rows, same_shape
from bench.metrics.weighted_f1 import f1_of_counts
from bench.metrics.zeroshot import class_ranks

_ACCURACIES = ("accuracy_micro", "accuracy_macro", "accuracy_classes")
_F1 = ("f1_weighted", "f1_macro", "f1_micro", "f1_classes", "f1_worst")


class MultilabelScores(ExactMetric):
    """Average precision, AUROC and threshold metrics of images with several labels each.

    The values of tasks of the kind multilabel: `bench.metrics.multilabel` has the formulas. Equal
    to torchmetrics' exact ``Multilabel*`` metrics where every class occurs. A class without
    positives has no value here and is left out of macro averages, where torchmetrics counts it as
    0; and scores are ranked as they are, where torchmetrics puts logits through a sigmoid in
    float32, which ties large ones.

    Memory: threshold metrics keep three counts for each class, those of the average ``samples``
    three numbers for each sample besides. Average precision and AUROC keep every score and label, 5
    bytes of each.

    Args:
        num_labels: C, the number of classes.
        names: one or several of `bench.metrics.multilabel.NAMES`, such as ``ap_macro``,
            ``auroc_classes``, ``f1_micro`` and ``precision_samples``, and of
            `bench.metrics.calibration.LABELS`, such as ``ece_micro``, whose scores are logits.
        threshold: a label is predicted where its score is above it, in the scale of the scores: 0
            for logits, 0.5 for probabilities.
        dtype: in which scores are kept; torch.float64 is needed for scores in double precision.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import MultilabelScores
        >>> metric = MultilabelScores(num_labels=3, names=["ap_macro", "f1_micro"])
        >>> logits = torch.tensor([[1.5, -0.5, -2.0], [-1.0, 2.0, 0.5]])
        >>> labels = torch.tensor([[1, 0, 0], [0, 1, 0]])
        >>> metric.update(logits, labels)
        >>> {name: round(value.item(), 4) for name, value in metric.compute().items()}
        {'ap_macro': 1.0, 'f1_micro': 0.8}
    """

    counts: Tensor

    def __init__(
        self,
        num_labels: int,
        names: str | Sequence[str] = "ap_macro",
        *,
        threshold: float = 0.0,
        dtype: torch.dtype = torch.float32,
        **kwargs: Any,
    ) -> None:
        known = (*NAMES, *calibration.LABELS)
        super().__init__(names, known, (num_labels, threshold), **kwargs)
        self.num_labels, self.threshold = num_labels, threshold
        self._calibrating = [name for name in self.names if name in calibration.LABELS]
        others = [name for name in self.names if name not in calibration.LABELS]
        self._ranking = [name for name in others if name.partition("_")[0] not in RATES]
        self._counting = len(self._ranking) < len(others)
        self._sampling = any(name.endswith("_samples") for name in others)
        self._scores_dtype = dtype
        if self._ranking or self._calibrating:
            self._list("scores", dtype)
            self._list("labels", torch.uint8)
        if self._counting:
            self._sum("counts", (3, num_labels))
        if self._sampling:
            self._list("decisions", torch.int64)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in a batch.

        Args:
            preds: [N, C] scores of any floating-point type, higher is likelier.
            target: [N, C] of 0 and 1, of any type.

        Raises:
            BenchError: a shape, a type or a value isn't as above, or a score is NaN.
        """
        same_shape(preds, target, "[N, C]")
        if preds.ndim != 2 or preds.shape[1] != self.num_labels:
            raise BenchError(
                f"expected scores [N, {self.num_labels}], found {list(preds.shape)}",
                "num_labels is the number of classes",
            )
        scores = floats(preds, "scores")
        if scores.dtype == torch.float64 and self._scores_dtype != torch.float64:
            raise BenchError(
                f"expected scores of at most 32 bits, found {scores.dtype}",
                "pass dtype=torch.float64 to keep them as they are, or convert them by .float()",
            )
        labels = zeros_and_ones(target)
        self._add("samples", len(scores))
        if self._ranking or self._calibrating:
            self._append("scores", scores)
            self._append("labels", labels)
        if self._counting:
            predicted = scores > self.threshold
            parts = torch.stack([predicted & labels, predicted, labels])
            self._add("counts", parts.sum(dim=1))
            if self._sampling:
                self._append("decisions", parts.sum(dim=2).T)

    def _values(self) -> Mapping[str, Floats]:
        found: dict[str, Floats] = {}
        if self._ranking or self._calibrating:
            scores, labels = (
                rows(self._kept(name), self.num_labels) for name in ("scores", "labels")
            )
            if self._ranking:
                found |= multilabel_metrics(labels, scores, self._ranking)
            if self._calibrating:
                known = calibration.of_labels(labels, scores, self.threshold)
                once = np.ones((1, len(labels)), np.uint16)
                own = calibration.label_metrics(known, once, self._calibrating)
                found |= {name: values[0] for name, values in own.items()}
        if self._counting:
            found |= counted_metrics(self.counts.cpu().numpy(), int(self.samples))
        if self._sampling:
            found |= sampled_metrics(rows(self._kept("decisions"), 3), self.num_labels)
        return found


class FederatedScores(ExactMetric):
    """F1 of images with several labels that belong to clients, weighted, by class, and the worst.

    The values of tasks of the kind federated: F1 of all images, and ``f1_worst``, the lowest
    weighted F1 of a client. ``f1_weighted`` is torchmetrics' ``MultilabelF1Score`` with
    ``average="weighted"``; ``f1_macro`` is its macro average where every class occurs, and leaves
    out classes that don't. A label is predicted from the threshold on, in torchmetrics above it.
    For average precision take `MultilabelScores`.

    Memory: three counts for each client and class.

    Args:
        num_labels: C, the number of classes.
        names: one or several of ``f1_weighted``, ``f1_macro``, ``f1_micro``, ``f1_classes`` and
            ``f1_worst``.
        num_clients: the number of clients.
        threshold: a label is predicted where its score is at least this, in the scale of the
            scores: 0 for logits, 0.5 for probabilities.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import FederatedScores
        >>> metric = FederatedScores(num_labels=2, names="f1_worst", num_clients=2)
        >>> logits = torch.tensor([[1.0, -1.0], [2.0, 1.0], [-1.0, 1.0]])
        >>> labels = torch.tensor([[1, 0], [1, 0], [0, 1]])
        >>> metric.update(logits, labels, client=torch.tensor([0, 1, 1]))
        >>> round(metric.compute().item(), 4)
        0.8333
    """

    counts: Tensor

    def __init__(
        self,
        num_labels: int,
        names: str | Sequence[str] = "f1_weighted",
        *,
        num_clients: int = 1,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(names, _F1, (threshold,), **kwargs)
        self.num_labels, self.num_clients, self.threshold = num_labels, num_clients, threshold
        self._sum("counts", (num_clients, 3, num_labels))

    def update(self, preds: Tensor, target: Tensor, client: Tensor | None = None) -> None:
        """Take in a batch.

        Args:
            preds: [N, C] scores of any floating-point type, higher is likelier.
            target: [N, C] of 0 and 1, of any type.
            client: [N] integers in [0, num_clients), whose image it is; needed but with one client.

        Raises:
            BenchError: a shape, a type or a value isn't as above, or a score is NaN.
        """
        same_shape(preds, target, "[N, C]")
        if preds.ndim != 2 or preds.shape[1] != self.num_labels:
            raise BenchError(f"expected scores [N, {self.num_labels}], found {list(preds.shape)}")
        predicted = floats(preds, "scores") >= self.threshold
        labels = zeros_and_ones(target)
        if client is None and self.num_clients == 1:
            client = torch.zeros(len(preds), dtype=torch.int64, device=preds.device)
        if client is None or client.shape != preds.shape[:1]:
            found = None if client is None else list(client.shape)
            raise BenchError(f"expected the client of each of {len(preds)} images, found {found}")
        places = indices(client, self.num_clients, "clients").to(preds.device)
        self._add("samples", len(preds))
        parts = torch.stack([predicted & labels, predicted, labels], dim=1).long()
        empty = torch.zeros_like(self.counts, device=parts.device)
        self._add("counts", empty.index_add(0, places, parts))

    def _values(self) -> Mapping[str, Floats]:
        by_client = self.counts.cpu().numpy().astype(np.float64)
        whole = f1_of_counts(*by_client.sum(axis=0)[:, None])
        of_clients = f1_of_counts(*by_client.swapaxes(0, 1))["weighted"]
        found = {f"f1_{average}": values[0] for average, values in whole.items()}
        return found | {"f1_worst": np.fmin.reduce(of_clients)}


class AccuracyScores(ExactMetric):
    """Accuracy of images that show one class each.

    The values of tasks of the kind zeroshot: an image is right where its class scores above every
    other. ``accuracy_micro`` and ``accuracy_classes`` are torchmetrics' ``MulticlassAccuracy`` with
    the average ``micro`` and ``none`` where no scores tie; there, the first of the best classes
    wins, so that equal scores for all are right for class 0. ``accuracy_macro`` is the mean over
    the classes that occur; there, a class that is predicted and doesn't occur counts as 0.

    Memory: two counts for each class.

    Args:
        num_classes: C.
        names: one or several of ``accuracy_micro``, ``accuracy_macro`` and ``accuracy_classes``.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import AccuracyScores
        >>> metric = AccuracyScores(num_classes=3)
        >>> scores = torch.tensor([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9]])
        >>> metric.update(scores, torch.tensor([1, 0, 2]))
        >>> round(metric.compute().item(), 4)
        0.6667
    """

    right: Tensor
    shown: Tensor

    def __init__(
        self, num_classes: int, names: str | Sequence[str] = "accuracy_micro", **kwargs: Any
    ) -> None:
        super().__init__(names, _ACCURACIES, **kwargs)
        self.num_classes = num_classes
        self._sum("right", (num_classes,))
        self._sum("shown", (num_classes,))

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in a batch.

        Args:
            preds: [N, C] scores of any floating-point type, such as logits or cosines.
            target: [N] integers in [0, C).

        Raises:
            BenchError: a shape, a type or a value isn't as above, or a score is NaN.
        """
        if preds.ndim != 2 or preds.shape[1:] != (self.num_classes,) or target.ndim != 1:
            raise BenchError(
                f"expected scores [N, {self.num_classes}] and labels [N], found "
                f"{list(preds.shape)} and {list(target.shape)}"
            )
        scores = floats(preds, "scores").cpu().numpy()
        labels = indices(target, self.num_classes, "labels").cpu().numpy()
        if not len(scores) and not len(labels):
            return
        right = labels[class_ranks(scores, labels) == 1]
        self._add("samples", len(labels))
        for state, found in (("shown", labels), ("right", right)):
            self._add(state, np.bincount(found, minlength=self.num_classes))

    def _values(self) -> Mapping[str, Floats]:
        right, shown = (state.cpu().numpy() for state in (self.right, self.shown))
        by_class = np.divide(right, shown, out=np.full(len(shown), np.nan), where=shown > 0)
        return {
            "accuracy_micro": right.sum() / shown.sum(),
            "accuracy_macro": macro(by_class),
            "accuracy_classes": by_class,
        }


def zeros_and_ones(target: Tensor) -> Tensor:
    """Labels as bool.

    Raises:
        BenchError: one is neither 0 nor 1.
    """
    target = target.detach()
    labels = target == 1
    wrong = ~labels & (target != 0)
    if bool(wrong.any()):
        raise BenchError(
            f"expected labels 0 or 1, found {target[wrong][0].item():g}",
            "soft labels say nothing about what is there: pass those before mixing or smoothing",
        )
    return labels
