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

from bench.contract import Door
from bench.data import Dataset
from bench.entry import Recipe
from bench.errors import BenchError
from bench.kinds import (
    SAMPLE,
    Batch,
    Metrics,
    NoOptions,
    images,
    matrix,
    mirrored,
    mirrors,
    told,
)
from bench.metrics.multilabel import NAMES, multilabel_metrics, multilabel_replicates
from bench.task import Task

INTERFACE = "images float32 [N, channels, size, size] -> logits float32 [N, classes]"

BATCH = 64

UNRANKED = ""

VOLATILE = ()

Options = NoOptions

SAMPLE_SCORE = "minus binary cross-entropy, mean over classes"


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
    return pa.schema([SAMPLE, told("logits", logits, about)])


def from_predictions(task: Task, dataset: Labelled, table: pa.Table) -> pa.Table:
    """Logits as they are, beside targets from the dataset."""
    targets = dataset.multilabels(table.column("sample").to_pylist())
    form = schema(task).field("targets").type
    flat = pa.array(np.ascontiguousarray(targets, np.uint8).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, form.list_size)
    return table.add_column(1, "targets", column).cast(schema(task))


def load(task: Task, dataset: Labelled, door: Door, samples: Sequence[str]) -> Batch:
    """Images brought to the contract, and their multi-hot targets float32 [N, classes]."""
    targets = torch.from_numpy(dataset.multilabels(samples).astype(np.float32))
    return Batch(samples, images(dataset, door, samples), targets)


def observe(task: Task, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    """Targets and logits of a batch."""
    return {"targets": batch.targets.to(torch.uint8), "logits": _logits(model, batch).float()}


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Binary cross-entropy with logits, mean over images and classes."""
    return binary_cross_entropy_with_logits(_logits(model, batch), batch.targets)


def augment(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """Mirror images at random; which classes occur doesn't change."""
    if not recipe.flips:
        return batch
    masks = mirrors(len(batch.samples), draw)
    return replace(batch, inputs=mirrored(batch.inputs, masks))


def measure(task: Task, observations: pa.Table) -> Metrics:
    """AP, AUROC and the threshold metrics: macro, micro, by class, by sample where defined."""
    return multilabel_metrics(*_arrays(observations), threshold=_threshold(task))


def labels(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """The classes."""
    return task.classes


def parts(task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
    """None: an image is labelled as a whole."""
    return {}


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled observations; sorted once, then reweighted."""
    arrays = _arrays(observations)
    return multilabel_replicates(*arrays, counts, names or NAMES, threshold=_threshold(task))


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


def _logits(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    logits: torch.Tensor = model(batch.inputs)
    if logits.shape != batch.targets.shape:
        raise BenchError(
            f"expected logits of shape {list(batch.targets.shape)}, "
            f"the model returned {list(logits.shape)}",
            "a multi-label model returns one logit per image and class",
        )
    return logits
