"""Segmentation: the class of every pixel.

Observed per image: its confusion matrix over the labelled pixels. Matrices add up, so every score
of a set of images follows from the sum of theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import cross_entropy, interpolate

from bench.base.errors import BenchError
from bench.data import Dataset
from bench.kinds.common import pictures, returned
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.predicted import beside, confusions, map_schema
from bench.kinds.common.protocol import Metrics, NoOptions
from bench.kinds.common.tables import matrix
from bench.metrics import confusion
from bench.metrics.stats import weighted_sums
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task

INTERFACE = "images float32 [N, channels, size, size] -> logits float32 [N, classes, size, size]"

BATCH = 64

UNRANKED = ""

TARGET = "reference_map"

VOLATILE = ()

DRAWN = 3

Options = NoOptions

SAMPLE_SCORE = "share of pixels that are right"

_ROUNDING = 1e-2  # of a sum of half precision

VOID = 255
"""The target of a pixel that has none."""


class Settings(BaseModel):
    """Settings of a segmentation task.

    Attributes:
        side: pixels of a side of the grid that is scored; None for that of the maps, to which the
            contract must bring images then.
    """

    model_config = ConfigDict(extra="forbid")

    side: Annotated[int | None, Field(ge=1, le=4096)] = None


class Mapped(Dataset, Protocol):
    """A dataset that knows the class of every pixel."""

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        """Class indices [height, width], `VOID` where a pixel has no label.

        Of several maps that of the finest grid of these bands.
        """
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


def prediction_schema(task: Task) -> pa.Schema:
    """``sample`` and ``map``: the scored pixels, a byte each."""
    return map_schema(len(task.classes), Settings.model_validate(task.settings).side)


def from_predictions(task: Task, dataset: Mapped, table: pa.Table) -> pa.Table:
    """The confusion matrix of each map with the reference map.

    The reference is that of the finest grid that the first of the task's inputs has.

    Raises:
        BenchError: a map has another number of pixels than is scored.
    """
    samples, bands = table.column("sample").to_pylist(), task.input(task.inputs[0]).bands
    references = _references(task, dataset, samples, bands)
    matrices = confusions(table, references, len(task.classes), VOID)
    return beside(schema(task), table, {"confusion": matrices})


def load(task: Task, dataset: Mapped, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
    """Images brought to the contract, and their reference maps uint8 [N, side, side]."""
    bands, side = pipeline.contract.bands, Settings.model_validate(task.settings).side
    maps = np.stack(_references(task, dataset, samples, bands))
    inputs = images(dataset, pipeline, samples)
    if side is None and maps.shape[1:] != inputs.shape[-2:]:
        raise BenchError(
            f"reference maps are {maps.shape[1]} x {maps.shape[2]} px, the contract brings images "
            f"to {inputs.shape[-2]} x {inputs.shape[-1]} px",
            "segmentation is scored on the pixels of the map: use a contract of its size",
        )
    return Batch(samples, inputs, torch.from_numpy(maps))


def blank(task: Task, contract: InputContract) -> Batch:
    """One made-up image, all of the first class."""
    inputs = noise(contract, 1)
    side = Settings.model_validate(task.settings).side or inputs.shape[-1]
    return Batch([SAMPLE_ID], inputs, torch.zeros(1, side, side, dtype=torch.uint8))


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
    logits = _logits(task, model, batch, training=True)
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
    return scores(task, _pooled(task, observations).ravel())


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled observations."""
    cells = matrix(observations, "confusion")
    found = scores(task, np.concatenate([weighted_sums(block, cells) for block in counts]))
    return {name: values for name, values in found.items() if not names or name in names}


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """The share of labelled pixels that are right in each image, [N]; NaN without any."""
    classes = len(task.classes)
    matrices = matrix(observations, "confusion").reshape(-1, classes, classes)
    return confusion.overall_accuracy(matrices)


def draw(
    task: Task, dataset: Mapped, model: torch.nn.Module, batch: Batch
) -> dict[str, pictures.Picture]:
    """The reference and the predicted map of each image, where the dataset declares colours."""
    declared = task.declaration.get("colours")
    if declared is None:
        return {}
    colours = {name: tuple(declared[name]) for name in task.classes}
    table = list(colours.values())
    predicted = _logits(task, model, batch).argmax(1).to(torch.uint8).cpu().numpy()
    true = batch.targets.cpu().numpy()
    return {
        f"sample-{name}": pictures.panels(
            {
                "reference": pictures.enlarged(pictures.classes(reference, table)),
                "predicted": pictures.enlarged(pictures.classes(guess, table)),
                "white: not labelled": pictures.legend(colours),
            }
        )
        for name, reference, guess in zip(batch.samples, true, predicted, strict=True)
    }


def averaged(task: Task, observations: pa.Table) -> Mapping[str, int]:
    """The number of classes that have a pixel."""
    count = confusion.occurring(_pooled(task, observations))
    return dict.fromkeys(("iou_macro", "recall_macro", "f1_macro"), count)


def _pooled(task: Task, observations: pa.Table) -> NDArray[np.int64]:
    """The confusion matrix of all pixels."""
    classes = len(task.classes)
    cells: NDArray[np.int64] = matrix(observations, "confusion").sum(axis=0, dtype=np.int64)
    return cells.reshape(classes, classes)


def scores(task: Task, cells: NDArray[Any]) -> Metrics:
    """Every metric of confusion matrices [..., classes * classes]."""
    classes = len(task.classes)
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


def _references(
    task: Task, dataset: Mapped, samples: Sequence[str], bands: Sequence[str]
) -> list[NDArray[np.uint8]]:
    """The reference map of each sample, on the scored grid."""
    side = Settings.model_validate(task.settings).side
    found = [dataset.reference_map(sample, bands) for sample in samples]
    return found if side is None else [_on_grid(classes, side) for classes in found]


def _on_grid(classes: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The class at each pixel of the scored grid, corners on corners as for bilinear images."""
    rows, columns = (np.rint(np.linspace(0, n - 1, side)).astype(int) for n in classes.shape)
    nearest: NDArray[np.uint8] = classes[rows[:, None], columns]
    return nearest


def _check_scale(logits: torch.Tensor) -> None:
    """Refuse probabilities: between pixels they are interpolated to other classes than logits."""
    if logits.shape[1] > 1 and bool((logits >= 0).all()):
        off = (logits.float().sum(dim=1) - 1).abs().max()
        if bool(off < _ROUNDING):
            raise BenchError(
                f"expected logits, found probabilities that sum to 1 over {logits.shape[1]} "
                "classes at every pixel",
                "return what the network computes before its softmax",
            )


def _logits(
    task: Task, model: torch.nn.Module, batch: Batch, *, training: bool = False
) -> torch.Tensor:
    shape = (len(batch.samples), len(task.classes), *batch.inputs.shape[-2:])
    hint = "a segmentation model returns one logit per image, class and pixel"
    logits = returned.tensor(
        model(batch.inputs), shape, batch.samples, "logits", hint, training=training
    )
    size = batch.targets.shape[-2:]
    if size != logits.shape[-2:]:
        if not training:
            _check_scale(logits)
        logits = interpolate(logits, size=size, mode="bilinear", align_corners=True)
    return logits
