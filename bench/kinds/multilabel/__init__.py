"""Multi-label classification: which of the classes occur in an image.

Observed per image: the targets and the logits. Everything else follows from them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.base.errors import RequestError
from bench.data import Dataset
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.logits import check_logits
from bench.kinds.common.predicted import beside
from bench.kinds.common.protocol import Metrics, PreparationContext, Prepared
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.kinds.multilabel import mixing as _cutmix
from bench.metrics.multilabel import NAMES, multilabel_metrics, multilabel_replicates, occurring
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task

INTERFACE = "images float32 [N, channels, size, size] -> logits float32 [N, classes]"

BATCH = 64

UNRANKED = ""

VOLATILE = ()

SAMPLE_SCORE = "minus binary cross-entropy, mean over classes"


class Options(_cutmix.Options):
    """What a recipe may say of training: how images are mixed, and augmented before that.

    Attributes:
        augmentation: one of `bench.kinds.common.augmentations`, on a random half of the images.
        strength: its magnitude.
    """

    augmentation: str = "none"
    strength: float = 0


class Settings(BaseModel):
    """Settings of a multi-label task: the probability above which a class counts as present."""

    model_config = ConfigDict(extra="forbid")

    threshold: Annotated[float, Field(gt=0, lt=1)]


class Labelled(Dataset, Protocol):
    """A dataset that knows which classes occur in a sample."""

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


def outputs(task: Task) -> int:
    """One logit per class."""
    return len(task.classes)


def schema(task: Task) -> pa.Schema:
    """``sample``, ``targets`` uint8 [classes], ``logits`` float32 [classes]."""
    classes = len(task.classes)
    return pa.schema(
        [
            pa.field("sample", pa.string(), nullable=False),
            pa.field("targets", pa.list_(pa.uint8(), classes), nullable=False),
            pa.field("logits", pa.list_(pa.float32(), classes), nullable=False),
        ]
    )


def prediction_schema(task: Task) -> pa.Schema:
    """``sample`` and ``logits`` float32 [classes]."""
    logits = pa.list_(pa.float32(), len(task.classes))
    about = "a logit, not a probability, for each class in the task's order"
    return pa.schema([SAMPLE, field("logits", logits, about)])


def from_predictions(task: Task, dataset: Labelled, table: pa.Table) -> pa.Table:
    """Logits as they are, beside targets from the dataset."""
    targets = dataset.multilabels(table.column("sample").to_pylist())
    return beside(schema(task), table, {"targets": targets})


def load(task: Task, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
    """Images brought to the contract, and their multi-hot targets float32 [N, classes]."""
    targets = torch.from_numpy(dataset.multilabels(samples).astype(np.float32))
    return Batch(samples, images(dataset, pipeline, samples), targets)


def blank(task: Task, contract: InputContract) -> Batch:
    """One made-up image that shows nothing."""
    return Batch([SAMPLE_ID], noise(contract, 1), torch.zeros(1, len(task.classes)))


def observe(task: Task, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    """Targets and logits of a batch."""
    return {"targets": batch.targets.to(torch.uint8), "logits": _logits(model, batch).float()}


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Binary cross-entropy with logits, mean over images and classes."""
    return binary_cross_entropy_with_logits(_logits(model, batch, training=True), batch.targets)


def augment(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """Mirror and augment images, which changes no label, and mix those made ready for it."""
    options = Options.model_validate(recipe.options)
    masks = mirrors(len(batch.samples), draw) if recipe.flips else None
    if masks is not None:
        batch = replace(batch, inputs=mirrored(batch.inputs, masks))
    if options.augmentation != "none":
        batch = replace(batch, inputs=_augmented(task, options, batch.inputs, draw))
    if not isinstance(batch.targets, Mapping):
        return batch
    return _cutmix.mixed(options, batch, masks, draw)


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


def teacher(recipe: Recipe) -> str:
    """The classifier whose explanations say where classes are, if the recipe mixes by them."""
    options = Options.model_validate(recipe.options)
    return options.classifier if options.strategy == "cutmix-lp-gradcam" else ""


def prepare(
    task: Task,
    recipe: Recipe,
    dataset: Labelled,
    pipeline: InputPipeline,
    samples: Sequence[str],
    preparation: PreparationContext,
) -> Prepared:
    """Read training samples with what the recipe's strategy of mixing needs."""
    options = Options.model_validate(recipe.options)
    _check_augmentation(task, options, pipeline)

    def read(chosen: Sequence[str]) -> Batch:
        return load(task, dataset, pipeline, chosen)

    return _cutmix.prepared(options, task, dataset, pipeline, samples, preparation, read)


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


def measure(task: Task, observations: pa.Table) -> Metrics:
    """AP, AUROC and the threshold metrics: macro, micro, by class, by sample where defined."""
    return multilabel_metrics(*_arrays(observations), threshold=_threshold(task))


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled observations; sorted once, then reweighted."""
    arrays = _arrays(observations)
    return multilabel_replicates(*arrays, counts, names or NAMES, threshold=_threshold(task))


def averaged(task: Task, observations: pa.Table) -> Mapping[str, int]:
    """The number of classes that occur; of AUROC and specificity those that are absent, too."""
    return occurring(matrix(observations, "targets"))


def check_scale(task: Task, observations: pa.Table) -> None:
    """Refuse probabilities and decisions; see `bench.kinds.common.logits.check_logits`."""
    targets, logits = _arrays(observations)
    check_logits(logits, targets)


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """Minus the binary cross-entropy of each image, mean over classes, [N]."""
    targets, logits = _arrays(observations)
    # -log sigmoid(x) for what is there, -log sigmoid(-x) for what isn't.
    misses: NDArray[np.float64] = np.logaddexp(0.0, np.where(targets, -logits, logits)).mean(
        axis=1, dtype=np.float64
    )
    return -misses


def _arrays(observations: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return matrix(observations, "targets"), matrix(observations, "logits")


def _threshold(task: Task) -> float:
    """The logit of the probability above which a class counts as present."""
    probability = Settings.model_validate(task.settings).threshold
    return float(np.log(probability / (1 - probability)))


def _logits(model: torch.nn.Module, batch: Batch, *, training: bool = False) -> torch.Tensor:
    hint = "a multi-label model returns one logit per image and class"
    shape = batch.targets.shape
    return returned.tensor(
        model(batch.inputs), shape, batch.samples, "logits", hint, training=training
    )
