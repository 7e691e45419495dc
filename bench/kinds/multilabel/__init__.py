"""Multi-label classification: which of the classes occur in an image.

Observed per image: the targets and the logits. Everything else follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.base.errors import RequestError
from bench.kinds.common.batch import Batch, mirrored, mirrors
from bench.kinds.common.class_logits import (
    ClassLogits,
    Labelled,
    Thresholded,
    observed,
)
from bench.kinds.common.kind import Metrics, PreparationContext, Prepared
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.kinds.multilabel import mixing
from bench.metrics import calibration
from bench.metrics.multilabel import NAMES, multilabel_metrics, multilabel_replicates, occurring
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


class Options(mixing.Options):
    """What a recipe may say of training: how images are mixed, and augmented before that.

    Attributes:
        augmentation: one of `bench.kinds.common.augmentations`, on a random half of the images.
        strength: its magnitude.
    """

    augmentation: str = "none"
    strength: float = 0


class Settings(Thresholded):
    """Settings of a multi-label task."""


class Multilabel(ClassLogits[Settings]):
    """Which of the classes occur in an image."""

    Settings = Settings
    Options = Options
    probes = "labels"
    degradable = True

    def schema(self) -> pa.Schema:
        """``sample``, ``targets`` uint8 [classes], ``logits`` float32 [classes]."""
        classes = len(self.task.classes)
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("targets", pa.list_(pa.uint8(), classes), nullable=False),
                pa.field("logits", pa.list_(pa.float32(), classes), nullable=False),
            ]
        )

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``logits`` float32 [classes]."""
        logits = pa.list_(pa.float32(), len(self.task.classes))
        about = "a logit, not a probability, for each class in the task's order"
        return pa.schema([SAMPLE, field("logits", logits, about)])

    def from_predictions(self, dataset: Labelled, table: pa.Table) -> pa.Table:
        """Logits as they are, beside targets from the dataset."""
        targets = dataset.multilabels(table.column("sample").to_pylist())
        return beside(self.schema(), table, {"targets": targets})

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror and augment images, which changes no label, and mix those made ready for it."""
        options = Options.model_validate(recipe.options)
        masks = mirrors(len(batch.samples), draw) if recipe.flips else None
        if masks is not None:
            batch = replace(batch, inputs=mirrored(batch.inputs, masks))
        if options.augmentation != "none":
            batch = replace(batch, inputs=_augmented(self.task, options, batch.inputs, draw))
        if not isinstance(batch.targets, Mapping):
            return batch
        return mixing.mixed(options, batch, masks, draw)

    def teacher(self, recipe: Recipe) -> str:
        """The classifier whose explanations say where classes are, if the recipe mixes by them."""
        options = Options.model_validate(recipe.options)
        return options.classifier if options.strategy == "cutmix-lp-gradcam" else ""

    def prepare(
        self,
        recipe: Recipe,
        dataset: Labelled,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Read training samples with what the recipe's strategy of mixing needs."""
        options = Options.model_validate(recipe.options)
        _check_augmentation(self.task, options, pipeline)

        def read(chosen: Sequence[str]) -> Batch:
            return self.load(dataset, pipeline, chosen)

        return mixing.prepared(options, self.task, dataset, pipeline, samples, context, read)

    def measure(self, observations: pa.Table) -> Metrics:
        """AP, AUROC, threshold metrics and calibration: macro, micro, by class, by sample."""
        once = np.ones((1, observations.num_rows), np.uint16)

        def exact(counts: Iterable[NDArray[np.uint16]]) -> Metrics:
            sum(1 for _ in counts)
            found = multilabel_metrics(*observed(observations), threshold=self.threshold)
            return {name: values[None] for name, values in found.items()}

        found = self.with_calibration(observations, [once], calibration.LABELS, exact)
        return {name: values[0] for name, values in found.items()}

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled observations; sorted once, then reweighted."""
        wanted = names or (*NAMES, *calibration.LABELS)
        own = [name for name in wanted if name not in calibration.LABELS]

        def others(blocks: Iterable[NDArray[np.uint16]]) -> Metrics:
            if not own:
                sum(1 for _ in blocks)
                return {}
            arrays = observed(observations)
            return multilabel_replicates(*arrays, blocks, own, threshold=self.threshold)

        return self.with_calibration(observations, counts, wanted, others)

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_]:
        """The labels of each image, [N, C]."""
        return matrix(observations, "targets").view(np.bool_)

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that occur; of AUROC and specificity those that are absent, too."""
        return occurring(matrix(observations, "targets"))


def _augmented(
    task: Task, options: Options, inputs: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    from bench.kinds.common import augmentations

    return augmentations.in_training(
        inputs,
        task.input(task.inputs[0]),
        task.declaration["statistics"]["bounds"],
        options.augmentation,
        options.strength,
        draw,
    )


def _check_augmentation(task: Task, options: Options, pipeline: InputPipeline) -> None:
    if options.augmentation == "none":
        return
    from bench.kinds.common import augmentations

    augmentations.check(options.augmentation, options.strength, len(pipeline.contract.bands))
    own = task.input(task.inputs[0])
    bounds = task.declaration["statistics"].get("bounds", {})
    if pipeline.contract != own or not set(own.bands) <= set(bounds):
        raise RequestError(
            f"augmentation {options.augmentation} needs the first input of task {task.name}, and "
            f"bounds of its bands; declared are bounds of {' '.join(bounds) or 'no bands'}",
            "train it on augmentation-benefit, with the input s2",
        )
