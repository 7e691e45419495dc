"""Segmentation: the class of every pixel.

Observed per image: its confusion matrix over the labelled pixels. Matrices add up, so every score
of a set of images follows from the sum of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError, RequestError
from bench.kinds.common import returned
from bench.kinds.common.batch import (
    Batch,
    FeaturePipeline,
    grid,
    images,
    mirrored,
    mirrors,
)
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.class_maps import VOID, ClassMaps, Mapped, WeightedBatch
from bench.kinds.common.kind import PreparationContext, Prepared
from bench.kinds.common.predicted import beside, confusions, map_schema
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch

_ROUNDING = 1e-2  # of a sum of half precision


class Settings(BaseModel):
    """Settings of a segmentation task.

    Attributes:
        side: pixels of a side of the grid that is scored; None for that of the maps, to which the
            contract must bring images then.
    """

    model_config = ConfigDict(extra="forbid")

    side: Annotated[int | None, Field(ge=1, le=4096)] = None


class Options(BaseModel):
    """What a recipe may say of training.

    Attributes:
        window: train on windows of so many stored pixels a side, at random places; 0 for whole
            images as the contract brings them.
        enlarged: pixels of a side that windows are brought to, by the nearest pixel with corners on
            corners; 0 to leave them.
        weights: of each class in the loss, in words such as "1 0.5 2"; all alike where empty.
    """

    model_config = ConfigDict(extra="forbid")

    window: Annotated[int, Field(ge=0, le=4096)] = 0
    enlarged: Annotated[int, Field(ge=0, le=4096)] = 0
    weights: Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?( |$))*$")] = ""

    @property
    def of_classes(self) -> tuple[float, ...]:
        """The weight of each class; none where all are alike."""
        return tuple(map(float, self.weights.split()))


class Segmentation(ClassMaps[Mapped, Settings]):
    """The class of every pixel of an image."""

    Settings = Settings
    Options = Options
    interface = (
        "images float32 [N, channels, size, size] -> logits float32 [N, classes, size, size]"
    )
    batch_size = 64
    degradable = True

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``map``: the scored pixels, a byte each."""
        return map_schema(len(self.task.classes), self.settings.side)

    def from_predictions(self, dataset: Mapped, table: pa.Table) -> pa.Table:
        """The confusion matrix of each map with the reference map.

        The reference is that of the finest grid that the first of the task's inputs has.

        Raises:
            BenchError: a map has another number of pixels than is scored.
        """
        samples = table.column("sample").to_pylist()
        references = self._references(dataset, samples, self.task.input(self.task.inputs[0]).bands)
        matrices = confusions(table, references, len(self.task.classes), VOID)
        return beside(self.schema(), table, {"confusion": matrices})

    def load(self, dataset: Mapped, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and their reference maps uint8 [N, side, side]."""
        import torch

        maps = np.stack(self._references(dataset, samples, pipeline.contract.bands))
        inputs = images(dataset, pipeline, samples)
        free = self.settings.side is not None or isinstance(pipeline, FeaturePipeline)
        if not free and maps.shape[1:] != grid(inputs):
            rows, columns = grid(inputs)
            raise BenchError(
                f"reference maps are {maps.shape[1]} x {maps.shape[2]} px, the contract brings "
                f"images to {rows} x {columns} px",
                "segmentation is scored on the pixels of the map: use a contract of its size",
            )
        return Batch(samples, inputs, torch.from_numpy(maps))

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image, all of the first class."""
        import torch

        inputs = noise(contract, 1)
        side = self.settings.side or inputs.shape[-1]
        return Batch([SAMPLE_ID], inputs, torch.zeros(1, side, side, dtype=torch.uint8))

    def prepare(
        self,
        recipe: Recipe,
        dataset: Mapped,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Training samples as `load` gives them; as they are stored where windows are cut.

        Raises:
            RequestError: the recipe weights another number of classes, or chooses epochs by the
                loss of windows, which whole validation images don't have.
        """
        options, classes = Options.model_validate(recipe.options), len(self.task.classes)
        if options.weights and len(options.of_classes) != classes:
            raise RequestError(
                f"the recipe has {len(options.of_classes)} weights for {classes} classes",
                f"weight each of {', '.join(self.task.classes)}",
            )
        if not options.window:
            return super().prepare(recipe, dataset, pipeline, samples, context)
        if recipe.select == "loss":
            raise RequestError(
                "windows are cut of training images only", 'select = "primary" looks at whole ones'
            )
        stored = pipeline.contract.model_copy(update={"size": None})
        native = InputPipeline(stored, self.task.bands)

        def load(chosen: Sequence[str]) -> Batch:
            import torch

            maps = np.stack([dataset.reference_map(name, stored.bands) for name in chosen])
            return Batch(chosen, images(dataset, native, chosen), torch.from_numpy(maps))

        return Prepared(load, {})

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Cut windows out of images and mirror them at random, together with their maps."""
        options = Options.model_validate(recipe.options)
        if options.window:
            batch = _windows(batch, options.window, options.enlarged, draw)
        if recipe.flips:
            masks = mirrors(len(batch.samples), draw)
            batch = batch.each(lambda pixels: mirrored(pixels, masks))
        if options.weights:
            return WeightedBatch(batch.samples, batch.inputs, batch.targets, options.of_classes)
        return batch

    def logits(
        self, model: torch.nn.Module, batch: Batch, *, training: bool = False
    ) -> torch.Tensor:
        """The model's logits, bilinearly at the pixels of the scored grid.

        Raises:
            BenchError: as `bench.kinds.common.returned.tensor`; or probabilities are returned where
                they would be interpolated.
        """
        from torch.nn.functional import interpolate

        shape = (len(batch.samples), len(self.task.classes), *grid(batch.inputs))
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

    def _references(
        self, dataset: Mapped, samples: Sequence[str], bands: Sequence[str]
    ) -> list[NDArray[np.uint8]]:
        """The reference map of each sample, on the scored grid."""
        side = self.settings.side
        found = [dataset.reference_map(sample, bands) for sample in samples]
        return found if side is None else [_on_grid(classes, side) for classes in found]


def _on_grid(classes: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The class at each pixel of the scored grid, corners on corners as for bilinear images."""
    rows, columns = (_places(n, side) for n in classes.shape)
    nearest: NDArray[np.uint8] = classes[rows[:, None], columns]
    return nearest


def _places(source: int, target: int) -> NDArray[np.int64]:
    """The nearest of ``source`` pixels of each of ``target`` ones, ends on ends."""
    return np.rint(np.linspace(0, source - 1, target)).astype(np.int64)


def _windows(batch: Batch, window: int, enlarged: int, draw: torch.Generator) -> Batch:
    """One window of each image and of its map, at a random place."""
    import torch

    count, (height, width) = len(batch.samples), batch.targets.shape[-2:]
    side = min(window, height, width)
    tops = torch.randint(height - side + 1, (count,), generator=draw).tolist()
    lefts = torch.randint(width - side + 1, (count,), generator=draw).tolist()
    within = torch.from_numpy(_places(side, enlarged or side))

    def cut(pixels: torch.Tensor) -> torch.Tensor:
        places = within.to(pixels.device)
        return torch.stack(
            [
                own[..., (places + top)[:, None], places + left]
                for own, top, left in zip(pixels, tops, lefts, strict=True)
            ]
        )

    return batch.each(cut)


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
