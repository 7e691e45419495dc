"""Metrics of maps: the class or the depth of every pixel."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.base.errors import BenchError, RequestError
from bench.metrics import calibration, confusion, depth
from bench.metrics.torchmetrics.base import ExactMetric, Floats, floats, indices, rows, same_shape

_OF_MATRICES: dict[str, Callable[[confusion.Matrices], Floats]] = {
    "iou_macro": confusion.mean_iou,
    "accuracy_micro": confusion.overall_accuracy,
    "recall_macro": confusion.mean_class_accuracy,
    "kappa_micro": confusion.kappa,
    "f1_macro": confusion.mean_f1,
    "iou_classes": confusion.class_iou,
    "f1_classes": confusion.class_f1,
}
_OF_CROPS = {"accuracy_crops": "accuracy_micro", "recall_crops": "recall_macro"} | {
    "iou_crops": "iou_macro"
}
_OF_ERRORS = (depth.rmse, depth.mae, depth.bias, depth.std, depth.r2)
_DEPTHS = (
    *(f"{error.__name__}_{part}" for error in _OF_ERRORS for part in ("pixels", "depths")),
    "max_error_pixels",
)


class SegmentationScores(ExactMetric):
    """IoU, F1, recall, accuracy and kappa over the pixels of all images.

    The values of tasks of the kinds segmentation and crops: `bench.metrics.confusion` has the
    formulas. Equal to torchmetrics' ``MulticlassJaccardIndex``, ``MulticlassF1Score`` and
    ``MulticlassCohenKappa`` over all pixels where every class occurs in the targets;
    ``accuracy_micro`` to ``MulticlassAccuracy`` with the average ``micro``, and ``recall_macro`` to
    that with ``macro``. A class that doesn't occur in the targets has no value here and is left out
    of means; torchmetrics counts it as 0 where it was predicted. ``MeanIoU`` of
    torchmetrics averages over images and is another quantity.

    Memory: one count for each pair of classes; of calibration 77 numbers of float64 for each image.

    Args:
        num_classes: C, up to 256.
        names: one or several of ``iou_macro``, ``iou_classes``, ``f1_macro``, ``f1_classes``,
            ``recall_macro``, ``accuracy_micro``, ``kappa_micro``; those of
            `bench.metrics.calibration.CLASSES`, such as ``ece_micro``, which take logits; and, with
            a background, ``accuracy_crops``, ``recall_crops``, ``iou_crops``: without the pixels
            whose target is background.
        ignore_index: the target of pixels that don't count, such as 255.
        background: the class that metrics of ``crops`` leave out.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        RequestError: as for `ExactMetric`; a metric of ``crops`` is asked for without background.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import SegmentationScores
        >>> metric = SegmentationScores(num_classes=3, names="iou_classes", ignore_index=255)
        >>> predicted = torch.tensor([[[0, 0, 1], [1, 2, 2]]])
        >>> true = torch.tensor([[[0, 1, 1], [1, 2, 255]]])
        >>> metric.update(predicted, true)
        >>> [round(value, 4) for value in metric.compute().tolist()]
        [0.5, 0.6667, 1.0]
    """

    matrix: Tensor

    def __init__(
        self,
        num_classes: int,
        names: str | Sequence[str] = "iou_macro",
        *,
        ignore_index: int | None = None,
        background: int | None = None,
        **kwargs: Any,
    ) -> None:
        settings = (num_classes, ignore_index is not None, ignore_index or 0)
        offered = (*_OF_MATRICES, *_OF_CROPS, *calibration.CLASSES)
        super().__init__(names, offered, settings, **kwargs)
        of_crops = [name for name in self.names if name in _OF_CROPS]
        known = background is not None and 0 <= background < num_classes
        if of_crops and not known:
            raise RequestError(
                f"{of_crops[0]} leaves out a class in [0, {num_classes}), found {background}",
                "pass background=, the index of that class",
            )
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.background = background
        self._calibrating = [name for name in self.names if name in calibration.CLASSES]
        self._sum("matrix", (num_classes, num_classes))
        if self._calibrating:
            self._list("sums", torch.float64)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in a batch.

        Args:
            preds: [N, C, H, W] logits of any floating-point type, or [N, H, W] integers in [0, C),
                on the grid of the target.
            target: [N, H, W] integers in [0, C), or ``ignore_index``.

        Raises:
            BenchError: a shape, a type or a value isn't as above, or a logit is NaN.
        """
        if preds.is_floating_point():
            if preds.ndim != 4 or preds.shape[1] != self.num_classes:
                raise BenchError(
                    f"expected logits [N, {self.num_classes}, H, W], found {list(preds.shape)}"
                )
            logits = floats(preds, "logits")
            preds = logits.argmax(dim=1)
        elif self._calibrating:
            raise BenchError(
                f"{self._calibrating[0]} needs logits [N, {self.num_classes}, H, W], found "
                f"{preds.dtype} {list(preds.shape)}",
                "pass what the network computes before its softmax",
            )
        same_shape(preds, target, "[N, H, W]")
        if target.ndim != 3:
            raise BenchError(f"expected targets [N, H, W], found {list(target.shape)}")
        count, classes, targets = len(target), preds, target
        if self.ignore_index is not None:
            counts = target != self.ignore_index
            preds, target = preds[counts], target[counts]
        guess, true = (
            indices(values, self.num_classes, what).to(torch.uint8).cpu().numpy().reshape(1, 1, -1)
            for values, what in ((preds, "predictions"), (target, "targets"))
        )
        self._add("samples", count)
        self._add("matrix", confusion.confusion_matrices(true, guess, self.num_classes)[0])
        if self._calibrating:
            sums = calibration.logit_sums(logits, classes, targets, self.ignore_index)
            self._append("sums", sums)

    def _values(self) -> Mapping[str, Floats]:
        matrix = self.matrix.cpu().numpy()
        found = {name: metric(matrix) for name, metric in _OF_MATRICES.items()}
        if self.background is not None:
            crops = matrix.copy()
            crops[self.background] = 0
            found |= {name: _OF_MATRICES[same](crops) for name, same in _OF_CROPS.items()}
        if self._calibrating:
            sums = rows(self._kept("sums"), calibration.CLASS_SUMS)
            found |= calibration.class_metrics(sums.sum(axis=0))
        return found


class DepthScores(ExactMetric):
    """RMSE, MAE, bias, standard deviation, R2 and largest error of depths, over all pixels.

    The values of tasks of the kind depth: `bench.metrics.depth` has the formulas. ``rmse_pixels``,
    ``mae_pixels`` and ``r2_pixels`` are torchmetrics' ``MeanSquaredError(squared=False)``,
    ``MeanAbsoluteError`` and ``R2Score`` of the pixels of known depth, which sum in float32.
    ``..._depths`` are the same by range of true depth.

    Memory: 37 numbers of float64 for each image with the usual ranges, so that values don't depend
    on how images are batched.

    Args:
        names: one or several of ``rmse``, ``mae``, ``bias``, ``std`` and ``r2`` with ``_pixels`` or
            ``_depths``, and ``max_error_pixels``.
        edges: where ranges of true depth begin, in metres; the last has no end.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import DepthScores
        >>> metric = DepthScores(["rmse_pixels", "bias_pixels"])
        >>> true = torch.tensor([[[1.0, 4.0], [9.0, float("nan")]]])
        >>> metric.update(torch.tensor([[[2.0, 4.0], [8.0, 3.0]]]), true)
        >>> {name: round(value.item(), 4) for name, value in metric.compute().items()}
        {'rmse_pixels': 0.8165, 'bias_pixels': 0.0}
    """

    def __init__(
        self,
        names: str | Sequence[str] = "rmse_pixels",
        *,
        edges: Sequence[float] = depth.EDGES,
        **kwargs: Any,
    ) -> None:
        super().__init__(names, _DEPTHS, edges, **kwargs)
        self.edges = tuple(edges)
        self._list("sums", torch.float64)
        self._list("largest", torch.float64)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in a batch.

        Args:
            preds: [N, H, W] or [N, 1, H, W] metres, positive below the surface, of any
                floating-point type.
            target: the true ones of the same shape, NaN where unknown.

        Raises:
            BenchError: a shape or a type isn't as above, or a value that counts isn't finite.
        """
        same_shape(preds, target, "[N, H, W]")
        if preds.ndim not in (3, 4) or (preds.ndim == 4 and preds.shape[1] != 1):
            raise BenchError(f"expected depths [N, H, W], found {list(preds.shape)}")
        true = target.detach()
        true = (true if true.dtype == torch.float64 else true.float()).cpu()
        known = ~true.isnan()
        # What a model says of unknown depth doesn't count, and may be anything.
        guess = floats(preds.detach().masked_fill(~known.to(preds.device), 0), "depths").cpu()
        sums, largest = depth.moments(guess.numpy(), true.numpy(), known.numpy(), self.edges)
        self._add("samples", len(sums))
        self._append("sums", sums)
        self._append("largest", largest[:, 0])

    def _values(self) -> Mapping[str, Floats]:
        ranges = 1 + len(self.edges)
        sums = rows(self._kept("sums"), ranges * len(depth.SUMS))
        pooled = sums.reshape(len(sums), ranges, len(depth.SUMS)).sum(axis=0)
        found = {"max_error_pixels": depth.max_error(self._kept("largest"))}
        for error in _OF_ERRORS:
            values = error(pooled)
            found[f"{error.__name__}_pixels"] = values[0]
            found[f"{error.__name__}_depths"] = values[1:]
        return found
