"""Segmentation: the class of every pixel.

Observed per image: its confusion matrix over the labelled pixels. Matrices add up, so every score
of a set of images follows from the sum of theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch.nn.functional import cross_entropy

from bench.contract import Door
from bench.data import Dataset
from bench.entry import Recipe
from bench.errors import BenchError
from bench.kinds import Batch, Metrics, NoOptions, images, matrix, mirrored, mirrors
from bench.metrics import confusion
from bench.stats import weighted_sums
from bench.task import Task

INTERFACE = "images float32 [N, channels, size, size] -> logits float32 [N, classes, size, size]"

BATCH = 64

UNRANKED = ""

VOLATILE = ()

Options = NoOptions

SAMPLE_SCORE = "share of pixels that are right"

VOID = 255
"""The target of a pixel that has none."""


class Settings(BaseModel):
    """A segmentation task has no settings."""

    model_config = ConfigDict(extra="forbid")


class Mapped(Dataset, Protocol):
    """A dataset that knows the class of every pixel."""

    def reference_map(self, sample: str) -> NDArray[np.uint8]:
        """Class indices [height, width], `VOID` where a pixel has no label."""
        ...


def outputs(task: Task) -> int:
    """One logit per class."""
    return len(task.classes)


def schema(task: Task) -> pa.Schema:
    """``sample`` and ``confusion`` int32 [classes * classes], rows are targets."""
    cells = len(task.classes) ** 2
    return pa.schema(
        [
            pa.field("sample", pa.string(), nullable=False),
            pa.field("confusion", pa.list_(pa.int32(), cells), nullable=False),
        ]
    )


def load(task: Task, dataset: Mapped, door: Door, samples: Sequence[str]) -> Batch:
    """Images brought to the contract, and their reference maps uint8 [N, size, size]."""
    maps = np.stack([dataset.reference_map(sample) for sample in samples])
    inputs = images(dataset, door, samples)
    if maps.shape[1:] != inputs.shape[-2:]:
        raise BenchError(
            f"reference maps are {maps.shape[1]} x {maps.shape[2]} px, the contract brings images "
            f"to {inputs.shape[-2]} x {inputs.shape[-1]} px",
            "segmentation is scored on the pixels of the map: use a contract of its size",
        )
    return Batch(samples, inputs, torch.from_numpy(maps))


def observe(task: Task, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    """The confusion matrix of each image."""
    classes = len(task.classes)
    predictions = _logits(task, model, batch).argmax(1).to(torch.uint8)
    matrices = confusion.confusion_matrices(
        batch.targets.cpu().numpy(), predictions.cpu().numpy(), classes, VOID
    )
    flat = matrices.reshape(len(matrices), classes * classes).astype(np.int32)
    return {"confusion": torch.from_numpy(flat)}


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy, mean over the labelled pixels; zero where a batch has none."""
    logits = _logits(task, model, batch)
    total = cross_entropy(logits, batch.targets.long(), ignore_index=VOID, reduction="sum")
    labelled: torch.Tensor = (batch.targets != VOID).sum()
    return total / labelled.clamp(min=1)


def augment(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """Mirror images at random, together with their maps."""
    if not recipe.flips:
        return batch
    masks = mirrors(len(batch.samples), draw)
    return batch.each(lambda pixels: mirrored(pixels, masks))


def measure(task: Task, observations: pa.Table) -> Metrics:
    """IoU, F1 and recall by class and their means, overall accuracy and kappa, over all pixels."""
    return _of(task, matrix(observations, "confusion").sum(axis=0, dtype=np.int64))


def labels(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """The classes."""
    return task.classes


def parts(task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
    """None: an image is scored as a whole."""
    return {}


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled observations."""
    cells = matrix(observations, "confusion")
    found = _of(task, np.concatenate([weighted_sums(block, cells) for block in counts]))
    return {name: values for name, values in found.items() if not names or name in names}


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """The share of labelled pixels that are right in each image, [N]; NaN without any."""
    classes = len(task.classes)
    matrices = matrix(observations, "confusion").reshape(-1, classes, classes)
    return confusion.overall_accuracy(matrices)


def _of(task: Task, cells: NDArray[Any]) -> Metrics:
    classes = len(task.classes)
    matrices = cells.reshape(*cells.shape[:-1], classes, classes)
    return {
        "iou_macro": confusion.mean_iou(matrices),
        "accuracy_micro": confusion.overall_accuracy(matrices),
        "recall_macro": confusion.mean_class_accuracy(matrices),
        "kappa_micro": confusion.kappa(matrices),
        "iou_classes": confusion.class_iou(matrices),
        "f1_classes": confusion.class_f1(matrices),
    }


def _logits(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    logits: torch.Tensor = model(batch.inputs)
    count, height, width = batch.targets.shape
    expected = (count, len(task.classes), height, width)
    if logits.shape != expected:
        raise BenchError(
            f"expected logits of shape {list(expected)}, the model returned {list(logits.shape)}",
            "a segmentation model returns one logit per image, class and pixel",
        )
    return logits
