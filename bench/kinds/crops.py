"""Crop mapping: the class of every pixel, from series of images.

Observed per patch, as in segmentation: its confusion matrix over the labelled pixels. A model is
called with samples that have equally many dates of each series, so that it meets no padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError
from bench.data.series import Series, SeriesDataset, by_series
from bench.kinds.common import class_maps, returned
from bench.kinds.common.batch import (
    FEATURES,
    Batch,
    FeaturePipeline,
    grid,
    mirrored,
    mirrors,
)
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.class_maps import VOID, ClassMaps
from bench.kinds.common.kind import Metrics
from bench.kinds.common.predicted import beside, confusions, map_schema
from bench.metrics import confusion
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


_DAYS = " days"
_BLANK_DAYS = 2
_NO_DATE = -1


class Settings(BaseModel):
    """Settings of a crop-mapping task.

    Attributes:
        background: the class that metrics averaged over ``crops`` leave out.
    """

    model_config = ConfigDict(extra="forbid")

    background: str


class Options(BaseModel):
    """What a recipe may say of training.

    Attributes:
        window: train on windows of so many pixels a side, at random places; 0 for whole patches.
        windows: how many of each patch a step sees.
    """

    model_config = ConfigDict(extra="forbid")

    window: Annotated[int, Field(ge=0, le=1024)] = 0
    windows: Annotated[int, Field(ge=1, le=256)] = 1


class Mapped(SeriesDataset, class_maps.Mapped, Protocol):
    """A dataset of series that knows the class of every pixel."""


class Crops(ClassMaps[Mapped, Settings]):
    """The crop at every pixel, from series of images."""

    Settings = Settings
    Options = Options
    interface = (
        "series by name, each (pixels float32 [N, dates, channels, H, W], days int64 [N, dates, "
        "2]: since the first day of the dataset, and of the year from 0) -> logits float32 "
        "[N, classes, H, W]"
    )
    batch_size = 4
    degradable = True

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``map``: the pixels of the reference map, a byte each."""
        return map_schema(len(self.task.classes), None)

    def from_predictions(self, dataset: Mapped, table: pa.Table) -> pa.Table:
        """The confusion matrix of each map with the reference map.

        Raises:
            BenchError: a map has another number of pixels than its reference.
        """
        bands = self.task.input(self.task.inputs[0]).bands
        samples = table.column("sample").to_pylist()
        references = [dataset.reference_map(sample, bands) for sample in samples]
        matrices = confusions(table, references, len(self.task.classes), VOID)
        return beside(self.schema(), table, {"confusion": matrices})

    def load(self, dataset: Mapped, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Series brought to the contract, and reference maps uint8 [N, H, W].

        A series is float32 [N, longest, channels, H, W] under its name, where ``longest`` is the
        most dates of any sample; behind its last date it is 0 and its days are -1.

        Raises:
            BenchError: a series is missing, holds NaN or infinity, or isn't as large as the map.
        """
        import torch

        maps = np.stack(
            [dataset.reference_map(sample, pipeline.contract.bands) for sample in samples]
        )
        inputs = self.inputs(dataset, pipeline, samples)
        for name, pixels in inputs.items():
            known = name.endswith(_DAYS) or isinstance(pipeline, FeaturePipeline)
            if not known and pixels.shape[-2:] != maps.shape[1:]:
                raise BenchError(
                    f"reference maps are {maps.shape[1]} x {maps.shape[2]} px, the contract brings "
                    f"images of {name} to {pixels.shape[-2]} x {pixels.shape[-1]} px",
                    "crops are scored on the pixels of the map: use a contract of its size",
                )
        return Batch(samples, inputs, torch.from_numpy(maps))

    def inputs(
        self, dataset: Mapped, pipeline: InputPipeline, samples: Sequence[str]
    ) -> dict[str, torch.Tensor]:
        """The series that `load` gives."""
        import torch

        if isinstance(pipeline, FeaturePipeline):
            return {FEATURES: pipeline.rows(samples)}
        found = [dataset.series(sample, pipeline.contract.bands) for sample in samples]
        inputs: dict[str, torch.Tensor] = {}
        for name, longest in dataset.longest(pipeline.contract.bands).items():
            own = [next(s for s in series if s.name == name) for series in found]
            series_pipeline = _series_pipeline(self.task, pipeline, own[0].bands)
            shape = series_pipeline.shape(dict(zip(own[0].bands, own[0].pixels[0], strict=True)))
            # NumPy's zeros, in huge pages: where nothing is written they cost nothing, and
            # elsewhere a third of torch's.
            pixels = np.zeros((len(samples), longest, *shape), np.float32)
            days = np.full((len(samples), longest, 2), _NO_DATE, np.int64)
            for sample, series, out, when in zip(samples, own, pixels, days, strict=True):
                when[: len(series.days)] = series.days
                _apply(series_pipeline, sample, series, out)
            inputs |= {name: torch.from_numpy(pixels), name + _DAYS: torch.from_numpy(days)}
        return inputs

    def blank(self, contract: InputContract) -> Batch:
        """Series of made-up images on two days, all of the first class."""
        import torch

        declared = self.task.declaration["series"].items()
        known = {name: own["bands"] if isinstance(own, Mapping) else own for name, own in declared}
        inputs: dict[str, torch.Tensor] = {}
        for name, bands in by_series(contract.bands, known).items():
            own = contract.model_copy(update={"bands": tuple(bands)})
            days = torch.arange(_BLANK_DAYS)[:, None].expand(_BLANK_DAYS, 2)
            inputs |= {name: noise(own, 1, _BLANK_DAYS), name + _DAYS: days[None].clone()}
        side = next(iter(inputs.values())).shape[-1]
        return Batch([SAMPLE_ID], inputs, torch.zeros(1, side, side, dtype=torch.uint8))

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror patches and cut windows out of them, as the recipe says, with their maps."""
        import torch

        options = Options.model_validate(recipe.options)
        count, height, width = batch.targets.shape
        if recipe.flips:
            masks = mirrors(count, draw)
            batch = _changed(batch, range(count), lambda pixels: mirrored(pixels, masks))
        if side := min(options.window, height, width):
            rows = [row for row in range(count) for _ in range(options.windows)]
            tops = torch.randint(height - side + 1, (len(rows),), generator=draw).tolist()
            lefts = torch.randint(width - side + 1, (len(rows),), generator=draw).tolist()
            places = list(zip(rows, tops, lefts, strict=True))
            batch = _changed(
                batch,
                rows,
                lambda pixels: torch.stack(
                    [pixels[row, ..., y : y + side, x : x + side] for row, y, x in places]
                ),
            )
        return batch

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that have a pixel; over ``crops`` without the background."""
        background = self.task.classes.index(self.settings.background)
        pixels = np.delete(self.pooled(observations), background, axis=0)
        of_crops = dict.fromkeys(("recall_crops", "iou_crops"), confusion.occurring(pixels))
        return {**super().averaged(observations), **of_crops}

    def scores(self, cells: NDArray[Any]) -> Metrics:
        """As segmentation; and accuracy, recall and IoU over ``crops``.

        These are over the pixels whose reference isn't background, and the means over the other
        classes. A crop taken for background is an error; background taken for a crop isn't counted.
        The scores "without background" of F. Follath et al., arXiv:2406.16513.
        """
        classes = len(self.task.classes)
        background = self.task.classes.index(self.settings.background)
        matrices = cells.reshape(*cells.shape[:-1], classes, classes).copy()
        matrices[..., background, :] = 0
        return {
            **super().scores(cells),
            "accuracy_crops": confusion.overall_accuracy(matrices),
            "recall_crops": confusion.mean_class_accuracy(matrices),
            "iou_crops": confusion.mean_iou(matrices),
        }

    def logits(
        self, model: torch.nn.Module, batch: Batch, *, training: bool = False
    ) -> torch.Tensor:
        """The model's logits; it is called once for each number of dates.

        Raises:
            BenchError: as `bench.kinds.common.returned.tensor`.
        """
        import torch

        order: list[int] = []
        found = []
        if FEATURES in batch.inputs:
            return self._of_features(model, batch, training=training)
        for rows, series in _groups(batch.inputs):
            order += rows
            shape = (len(rows), len(self.task.classes), *batch.targets.shape[1:])
            own = [batch.samples[row] for row in rows]
            hint = "a crop-mapping model returns one logit per sample, class and pixel"
            found.append(
                returned.tensor(model(series), shape, own, "logits", hint, training=training)
            )
        back = torch.tensor(order, device=found[0].device).argsort()
        return found[0] if len(found) == 1 else torch.cat(found)[back]

    def _of_features(self, model: torch.nn.Module, batch: Batch, *, training: bool) -> torch.Tensor:
        """Logits of the places of a map of features, bilinearly at the pixels of the targets."""
        from torch.nn.functional import interpolate

        shape = (len(batch.samples), len(self.task.classes), *grid(batch.inputs))
        hint = "a crop-mapping model returns one logit per sample, class and place"
        logits = returned.tensor(
            model(batch.inputs), shape, batch.samples, "logits", hint, training=training
        )
        size = batch.targets.shape[1:]
        return interpolate(logits, size=size, mode="bilinear", align_corners=True)


def series_of(
    inputs: Mapping[str, torch.Tensor],
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Pixels and days of each series, padded dates with days of -1."""
    names = [name for name in inputs if not name.endswith(_DAYS)]
    return {name: (inputs[name], inputs[name + _DAYS]) for name in names}


def _series_pipeline(task: Task, pipeline: InputPipeline, bands: Sequence[str]) -> InputPipeline:
    """The input pipeline for the bands of one series."""
    contract = pipeline.contract
    places = [contract.bands.index(band) for band in bands]
    return InputPipeline(
        contract.model_copy(
            update={
                "bands": tuple(bands),
                "mean": tuple(contract.mean[place] for place in places),
                "std": tuple(contract.std[place] for place in places),
            }
        ),
        task.bands,
    )


def _apply(
    series_pipeline: InputPipeline, sample: str, series: Series, out: NDArray[np.float32]
) -> None:
    # A date at a time stays in the nearest cache.
    for date, image in enumerate(series.pixels):
        series_pipeline.apply(dict(zip(series.bands, image, strict=True)), out[date])
        if series.pixels.dtype.kind == "f" and not np.isfinite(out[date].sum()):
            raise BenchError(
                f"{series.name} of {sample} holds NaN or infinity on its date {date + 1}",
                "compare the files with the published ones: `bench data verify`",
            )


def _groups(
    inputs: Mapping[str, torch.Tensor],
) -> Iterator[tuple[list[int], dict[str, tuple[torch.Tensor, torch.Tensor]]]]:
    """The samples of equal lengths, and their series without what is behind their last dates."""
    import torch

    names = [name for name in inputs if not name.endswith(_DAYS)]
    if inputs[names[0]].is_meta:
        # Made up, without values and so without padding.
        yield [0], {name: (inputs[name], inputs[name + _DAYS]) for name in names}
        return
    lengths = torch.stack([(inputs[name + _DAYS][..., 1] >= 0).sum(dim=1) for name in names], dim=1)
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, length in enumerate(lengths.tolist()):
        rows.setdefault(tuple(length), []).append(row)
    for length, chosen in sorted(rows.items()):
        # All of them need no copy.
        index: Any = slice(None) if len(rows) == 1 else chosen
        yield (
            chosen,
            {
                name: (inputs[name][index, :dates], inputs[name + _DAYS][index, :dates])
                for name, dates in zip(names, length, strict=True)
            },
        )


def _changed(
    batch: Batch, rows: Sequence[int], change: Callable[[torch.Tensor], torch.Tensor]
) -> Batch:
    """The batch with every image and map changed, days and ids being those of some rows."""
    inputs = {
        name: values[list(rows)] if name.endswith(_DAYS) else change(values)
        for name, values in batch.inputs.items()
    }
    return Batch([batch.samples[row] for row in rows], inputs, change(batch.targets))
