"""Classification: the one class of an image.

Observed per image: its class and the logits of all classes. Everything else follows from them, the
confusion matrix included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.data import Dataset
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics, NoSettings
from bench.kinds.common.logits import check_class_logits
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.metrics import calibration, classification
from bench.metrics.stats import weighted_sums
from bench.metrics.zeroshot import class_ranks
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch

TOP = 5
"""Top-k accuracy is reported for this k where there are more classes."""

TOP_NAME = f"accuracy_at_{TOP}_micro"


class Labelled(Dataset, Protocol):
    """A dataset that knows the class of a sample."""

    def label(self, sample: str) -> int:
        """An index into the declared classes."""
        ...


class Classification(Kind[Labelled, NoSettings]):
    """The class of an image."""

    Settings = NoSettings
    interface = "images float32 [N, channels, size, size] -> logits float32 [N, classes]"
    batch_size = 64
    degradable = True
    sample_score = "1 where the class of the image has the highest logit alone, else 0"
    probes = "class"
    drawn = 3

    def schema(self) -> pa.Schema:
        """``sample``, ``target`` int32, an index into the classes, ``logits`` float32 [classes]."""
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("target", pa.int32(), nullable=False),
                pa.field("logits", self._logits, nullable=False),
            ]
        )

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``logits`` float32 [classes]."""
        about = "a logit, not a probability, for each class in the task's order"
        return pa.schema([SAMPLE, field("logits", self._logits, about)])

    def from_predictions(self, dataset: Labelled, table: pa.Table) -> pa.Table:
        """Logits as they are, beside the classes that the dataset knows."""
        target = [dataset.label(sample) for sample in table.column("sample").to_pylist()]
        return beside(self.schema(), table, {"target": target})

    def load(self, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and their classes int64 [N]."""
        import torch

        target = torch.tensor([dataset.label(sample) for sample in samples], dtype=torch.int64)
        return Batch(samples, images(dataset, pipeline, samples), target)

    def strata(self, dataset: Labelled, samples: Sequence[str]) -> NDArray[np.bool_]:
        """The class of each image, [N, classes]."""
        classes = np.array([dataset.label(sample) for sample in samples])
        shown: NDArray[np.bool_] = classes[:, None] == np.arange(len(self.task.classes))
        return shown

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image of the first class."""
        import torch

        return Batch([SAMPLE_ID], noise(contract, 1), torch.zeros(1, dtype=torch.int64))

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, Any]:
        """Classes and logits of a batch."""
        import torch

        logits = self._of(model, batch).float()
        return {"target": batch.targets.to(torch.int32), "logits": logits}

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the softmax of the logits, mean over images."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(self._of(model, batch, training=True), batch.targets)

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror images as the recipe says, which changes no class."""
        if not recipe.flips:
            return batch
        return replace(batch, inputs=mirrored(batch.inputs, mirrors(len(batch.samples), draw)))

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The metrics of resampled images.

        - those of `bench.metrics.classification`;
        - ``accuracy_at_5_micro``: the share of images whose class is among the five of the highest
          logits, behind every other of the same logit, where there are more than five classes;
        - ``ece_micro``, ``brier_micro``, ``nll_micro`` and ``aurc_micro`` of
          `bench.metrics.calibration`, of the softmax of the logits; AURC is over images by their
          highest probability.
        """
        target, logits = observed(observations)
        known = (*classification.NAMES, *self._top, *calibration.CLASSES)
        wanted = [name for name in known if not names or name in names]
        of_calibration = [name for name in calibration.CLASSES if name in wanted]
        predicted = classification.predicted_classes(target, logits)
        certain = classification.certainty(target, predicted, logits) if of_calibration else None
        among = (class_ranks(logits.astype(np.float64), target) <= TOP)[:, None]
        parts = []
        for block in counts:
            sums = classification.resampled(target, predicted, logits.shape[1], block)
            found = classification.scores(sums)
            if TOP_NAME in wanted:
                found[TOP_NAME] = weighted_sums(block, among)[:, 0] / sums.target.sum(axis=1)
            if certain is not None:
                found |= classification.calibration_scores(certain, block, of_calibration)
            parts.append({name: found[name] for name in wanted})
        return {name: np.concatenate([part[name] for part in parts]) for name in wanted}

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Whether the class of each image has the highest logit alone, [N]."""
        target, logits = observed(observations)
        right: NDArray[np.float64] = (
            classification.predicted_classes(target, logits) == target
        ).astype(np.float64)
        return right

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that have an image."""
        count = int(self.occurrences(observations).any(axis=0).sum())
        return dict.fromkeys(("accuracy_macro", "f1_macro"), count)

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_]:
        """The class of each image, [N, C]."""
        target, logits = observed(observations)
        there: NDArray[np.bool_] = target[:, None] == np.arange(logits.shape[1])
        return there

    def confusion(self, observations: pa.Table) -> NDArray[np.int64]:
        """Images, as `confusion_matrix`."""
        return confusion_matrix(observations)

    def check_scale(self, observations: pa.Table) -> None:
        """Refuse probabilities and decisions.

        See `bench.kinds.common.logits.check_class_logits`.
        """
        check_class_logits(observed(observations)[1])

    def remarks(self, observations: pa.Table) -> Sequence[str]:
        """How many images have no single highest logit, where there are any."""
        shared = int(classification.tied(observed(observations)[1]).sum())
        if not shared:
            return ()
        return (
            f"several classes share the highest logit of {shared:,} of {observations.num_rows:,} "
            "images: they count as wrong where the right class is one of these",
        )

    def draw(
        self, dataset: Labelled, model: torch.nn.Module, batch: Batch
    ) -> dict[str, NDArray[np.uint8]]:
        """Images above their class and the predicted one with its probability."""
        from bench.kinds.common import photographs

        likely = self._of(model, batch).float().softmax(1).max(1)
        names = self.task.classes
        said = zip(batch.targets.tolist(), *(part.tolist() for part in likely), strict=True)
        lines = {
            sample: [f"reference: {names[target]}", f"predicted: {names[guess]} ({share:.2f})"]
            for sample, (target, share, guess) in zip(batch.samples, said, strict=True)
        }
        return photographs.described(self.task, dataset, lines)

    @property
    def _logits(self) -> pa.DataType:
        return pa.list_(pa.float32(), len(self.task.classes))

    @property
    def _top(self) -> Sequence[str]:
        return (TOP_NAME,) if len(self.task.classes) > TOP else ()

    def _of(self, model: torch.nn.Module, batch: Batch, *, training: bool = False) -> torch.Tensor:
        """The logits of a model, [N, classes].

        Raises:
            BenchError: as `bench.kinds.common.returned.tensor`.
        """
        hint = "a classifier returns one logit per image and class"
        shape = (len(batch.samples), len(self.task.classes))
        return returned.tensor(
            model(batch.inputs), shape, batch.samples, "logits", hint, training=training
        )


def confusion_matrix(observations: pa.Table) -> NDArray[np.int64]:
    """[C, C] how many images of a class (row) are taken for a class (column).

    Args:
        observations: of a run, as `Classification.schema` describes them.
    """
    target, logits = observed(observations)
    predicted = classification.predicted_classes(target, logits)
    return classification.confusion_matrix(target, predicted, logits.shape[1])


def observed(observations: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Classes [N] and logits [N, C]."""
    target = observations.column("target").to_numpy().astype(np.int64)
    return target, matrix(observations, "logits")
