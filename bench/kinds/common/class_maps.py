"""What kinds share that score the class of every pixel.

Observed per sample: its confusion matrix over the labelled pixels, and what calibration needs of
the probabilities there. Both add up, so every score of a set of samples follows from the sum of
theirs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from bench.data import Dataset
from bench.kinds.common import photographs, pictures
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind, Metrics
from bench.kinds.common.tables import matrix
from bench.metrics import calibration, confusion
from bench.metrics.stats import weighted_sums

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

VOID = 255
"""The target of a pixel that has none."""


class Mapped(Dataset, Protocol):
    """A dataset that knows the class of every pixel."""

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        """Class indices [height, width], `VOID` where a pixel has no label.

        Of several maps that of the finest grid of these bands.
        """
        ...


@dataclass(frozen=True)
class WeightedBatch(Batch):
    """A batch whose loss counts classes differently.

    Attributes:
        weights: of each class.
    """

    weights: tuple[float, ...]


D = TypeVar("D", bound=Mapped)
S = TypeVar("S", bound=BaseModel)


class ClassMaps(Kind[D, S]):
    """A kind whose models give logits of classes for every pixel."""

    target = "reference_map"
    probes = "class"
    dense = True
    drawn = 3
    sample_score = "share of pixels that are right"

    @abstractmethod
    def logits(
        self, model: torch.nn.Module, batch: Batch, *, training: bool = False
    ) -> torch.Tensor:
        """Logits float32 [N, classes, height, width] at the pixels of the targets.

        Raises:
            BenchError: as `bench.kinds.common.returned.tensor`.
        """

    def strata(self, dataset: D, samples: Sequence[str]) -> NDArray[np.bool_]:
        """Which classes have a pixel in each image, [N, classes]."""
        bands = self.task.input(self.task.inputs[0]).bands
        found = np.zeros((len(samples), len(self.task.classes)), np.bool_)
        for row, sample in zip(found, samples, strict=True):
            classes = np.unique(dataset.reference_map(sample, bands))
            row[classes[classes != VOID]] = True
        return found

    def schema(self) -> pa.Schema:
        """``sample``; ``confusion`` int32 [classes * classes], rows are targets; ``calibration``.

        The latter is float64, as `bench.metrics.calibration.class_sums` gives it: null where maps
        of classes were handed in, and missing in runs of earlier versions.
        """
        cells = len(self.task.classes) ** 2
        sums = pa.list_(pa.float64(), calibration.CLASS_SUMS)
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("confusion", pa.list_(pa.int32(), cells), nullable=False),
                pa.field("calibration", sums, nullable=True),
            ]
        )

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        """The confusion matrix of each sample, and the sums that calibration follows from."""
        import torch

        classes = len(self.task.classes)
        logits = self.logits(model, batch)
        predictions = logits.argmax(1).to(torch.uint8)
        matrices = confusion.confusion_matrices(
            batch.targets.cpu().numpy(), predictions.cpu().numpy(), classes, VOID
        )
        flat = matrices.reshape(len(matrices), classes * classes).astype(np.int32)
        sums = calibration.logit_sums(logits, predictions, batch.targets, VOID)
        return {"confusion": torch.from_numpy(flat), "calibration": torch.from_numpy(sums)}

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy, mean over the labelled pixels; zero where a batch has none.

        Of a `WeightedBatch` the mean is weighted by the class of a pixel.
        """
        import torch
        from torch.nn.functional import cross_entropy

        logits, targets = self.logits(model, batch, training=True), batch.targets.long()
        labelled = targets != VOID
        if not isinstance(batch, WeightedBatch):
            total = cross_entropy(logits, targets, ignore_index=VOID, reduction="sum")
            mean: torch.Tensor = total / labelled.sum().clamp(min=1)
            return mean
        weights = logits.new_tensor(batch.weights)
        total = cross_entropy(logits, targets, weights, ignore_index=VOID, reduction="sum")
        of_pixels = weights[targets.masked_fill(~labelled, 0)] * labelled
        # Where all weights are 0, so is the sum above.
        mean = total / of_pixels.sum().clamp(min=torch.finfo(weights.dtype).tiny)
        return mean

    def measure(self, observations: pa.Table) -> Metrics:
        """IoU, F1 and recall by class and their means, accuracy and kappa, over all pixels.

        Where probabilities were observed, ``ece_micro``, ``brier_micro``, ``nll_micro`` and
        ``aurc_micro`` over pixels besides.
        """
        found = dict(self.scores(self.pooled(observations).ravel()))
        sums = _sums(observations)
        return found if sums is None else found | calibration.class_metrics(sums.sum(axis=0))

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled observations."""
        cells, sums = matrix(observations, "confusion"), _sums(observations)
        size = cells.shape[1]
        rows = cells if sums is None else np.concatenate([cells, sums], axis=1)
        weighted = np.concatenate([weighted_sums(block, rows) for block in counts])
        found = dict(self.scores(weighted[:, :size]))
        if sums is not None:
            found |= calibration.class_metrics(weighted[:, size:])
        return {name: values for name, values in found.items() if not names or name in names}

    def remarks(self, observations: pa.Table) -> Sequence[str]:
        """Why there is no calibration, where there is none."""
        if _sums(observations) is not None:
            return ()
        return (
            "no ECE, Brier score, NLL or AURC: no probabilities were observed (maps of classes "
            "have none, runs of earlier versions kept none)",
        )

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """The share of labelled pixels that are right in each sample, [N]; NaN without any."""
        classes = len(self.task.classes)
        matrices = matrix(observations, "confusion").reshape(-1, classes, classes)
        return confusion.overall_accuracy(matrices)

    def draw(self, dataset: D, model: torch.nn.Module, batch: Batch) -> dict[str, pictures.Picture]:
        """The reference and the predicted map of each sample, where colours are declared."""
        import torch

        declared = self.task.declaration.get("colours")
        if declared is None:
            return {}
        colours = {name: tuple(declared[name]) for name in self.task.classes}
        table = list(colours.values())
        predicted = self.logits(model, batch).argmax(1).to(torch.uint8).cpu().numpy()
        true = batch.targets.cpu().numpy()
        found = {}
        for name, *maps in zip(batch.samples, true, predicted, strict=True):
            reference, guess = (pictures.enlarged(pictures.classes(own, table)) for own in maps)
            found[f"sample-{name}"] = pictures.panels(
                {
                    **photographs.panel(self.task, dataset, name, len(reference)),
                    "reference": reference,
                    "predicted": guess,
                    "white: not labelled": pictures.legend(colours),
                }
            )
        return found

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that have a pixel."""
        count = confusion.occurring(self.pooled(observations))
        return dict.fromkeys(("iou_macro", "recall_macro", "f1_macro"), count)

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_]:
        """Which classes have a pixel in each image, [N, C]."""
        cells = matrix(observations, "confusion")
        classes = len(self.task.classes)
        there: NDArray[np.bool_] = np.any(cells.reshape(-1, classes, classes) > 0, axis=2)
        return there

    def confusion(self, observations: pa.Table) -> NDArray[np.int64]:
        """Pixels, as `pooled`."""
        return self.pooled(observations)

    def pooled(self, observations: pa.Table) -> NDArray[np.int64]:
        """The confusion matrix of all pixels, [classes, classes]."""
        classes = len(self.task.classes)
        cells: NDArray[np.int64] = matrix(observations, "confusion").sum(axis=0, dtype=np.int64)
        return cells.reshape(classes, classes)

    def scores(self, cells: NDArray[Any]) -> Metrics:
        """Every metric of confusion matrices [..., classes * classes]."""
        classes = len(self.task.classes)
        matrices = cells.reshape(*cells.shape[:-1], classes, classes)
        return {
            "iou_macro": confusion.mean_iou(matrices),
            "accuracy_micro": confusion.overall_accuracy(matrices),
            "recall_macro": confusion.mean_class_accuracy(matrices),
            "kappa_micro": confusion.kappa(matrices),
            "f1_macro": confusion.mean_f1(matrices),
            "iou_classes": confusion.class_iou(matrices),
            "f1_classes": confusion.class_f1(matrices),
        }


def _sums(observations: pa.Table) -> NDArray[np.float64] | None:
    """The column ``calibration``; None where it is missing or a value is."""
    if "calibration" not in observations.column_names:
        return None
    if observations.column("calibration").null_count:
        return None
    return matrix(observations, "calibration")
