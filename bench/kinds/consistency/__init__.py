"""Consistency: does an augmentation keep what a pixel looks like physically plausible?

T. Burgert, B. Demir, arXiv:2403.14547: original and augmented signatures are compared with the time
series of their pixels, which varies with acquisition and phenology. The definition here is a
reconstruction, see `bench.metrics.consistency`; the exact one isn't public.

Observed per location: for each of its dates and each class on its map, sums over pixels of how far
original and augmented signatures deviate from the other dates. A sample is a location, so that
intervals are those of locations.
"""

from __future__ import annotations

import datetime
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bench.base.errors import BenchError, RequestError
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.points import points_by
from bench.kinds.consistency.scores import WHOLE, ConsistencyScores, Dated
from bench.metrics.consistency import deviations, sums_over
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


_UNLABELLED = 255
_BLANK_DATES = (datetime.date(2020, 1, 1), datetime.date(2020, 7, 1))


class Consistency(ConsistencyScores):
    """How far augmentation moves spectral signatures beyond what time does."""

    interface = (
        "a module with points (names of its magnitudes) and forward(images float32 [N, C, H, W] in "
        "[0, 1], point, generator) -> images of the same shape; learns = false"
    )
    sample_score = "minus the ratio of augmented to original deviation (L1), mean over magnitudes"
    batch_size = 1
    unranked = "no signature of any location changes with time"

    def outputs(self) -> int:
        """As many channels as went in: an augmentation needs no number of outputs."""
        return 0

    def schema(self) -> pa.Schema:
        """One row per location, with a cell for each of its dates and classes.

        ``points`` [M]; of each of K cells ``dates``, ``areas`` (index of a class, -1 for all
        pixels) and ``pixels``; ``deviations`` [K * (1 + M) * distances], sums over pixels, of the
        original before those of the points, and ``squares`` [K * distances] of the original; null
        where undefined.
        """
        columns = {
            "sample": pa.string(),
            "points": pa.list_(pa.string()),
            "dates": pa.list_(pa.date32()),
            "areas": pa.list_(pa.int16()),
            "pixels": pa.list_(pa.int64()),
            "deviations": pa.list_(pa.float64()),
            "squares": pa.list_(pa.float64()),
        }
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])

    def load(self, dataset: Dated, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """The series of one location, float32 [1, T, C, H, W] in [0, 1], its dates and its map.

        Raises:
            RequestError: the contract isn't the task's own.
            BenchError: there are fewer than two dates, or an image holds NaN or infinity.
        """
        import torch

        _check_contract(self.task, pipeline)
        (sample,) = samples
        found = dataset.images(sample, pipeline.contract.bands)
        pixels = np.empty((len(found), *pipeline.shape(found[0][1])), np.float32)
        for (date, arrays), out in zip(found, pixels, strict=True):
            pipeline.apply(arrays, out)
            wrong = out.size - int(np.isfinite(out).sum())
            if wrong:
                raise BenchError(
                    f"{sample} on {date} holds {wrong} values that are NaN or infinite",
                    "compare the files with the published ones: `bench data verify`",
                )
        classes = dataset.reference_map(sample, pipeline.contract.bands)
        if classes.shape != pixels.shape[2:]:
            raise BenchError(
                f"the map of {sample} has {classes.shape} px, its images {pixels.shape[2:]}",
                "compare the files with the published ones: `bench data verify`",
            )
        targets = {
            "classes": torch.from_numpy(classes)[None],
            "dates": [[date for date, _ in found]],
        }
        return Batch(samples, torch.from_numpy(pixels.clip(0, 1))[None], targets)

    def blank(self, contract: InputContract) -> Batch:
        """A made-up series of one location on two days, all of the first class."""
        import torch

        inputs = noise(contract, 1, len(_BLANK_DATES))
        classes = torch.zeros(1, *inputs.shape[-2:], dtype=torch.uint8)
        return Batch([SAMPLE_ID], inputs, {"classes": classes, "dates": [list(_BLANK_DATES)]})

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, list[Any]]:
        """Every date of each location augmented at every point, and how far that deviates.

        Raises:
            BenchError: the model returns another shape, NaN or infinity.
        """
        settings = self.settings
        names = self.schema().names[1:]
        rows: dict[str, list[Any]] = {name: [] for name in names}
        grid = (slice(None, None, settings.stride),) * 2
        for index, sample in enumerate(batch.samples):
            images, classes = batch.inputs[index], batch.targets["classes"][index]
            made = [_augmented(model, images, sample, point) for point in points_by(model, sample)]
            top, std = (
                images.new_tensor(values) for values in _scales(self.task, settings.statistics)
            )
            series, *augmented = (
                (each[(..., *grid)].flatten(2) * top[:, None]).contiguous()
                for each in (images, *made)
            )
            found = deviations([series, *augmented], series, std)
            row = _cells(found, classes[grid].flatten(), batch.targets["dates"][index])
            row["points"] = points_by(model, sample)
            for name in names:
                rows[name].append(row[name])
        return rows

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """None.

        Raises:
            RequestError: always; an augmentation has nothing to learn.
        """
        raise RequestError(
            f"task {self.task.name} measures augmentations, which have nothing to learn",
            "write learns = false under [model]",
        )

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """The batch as it is: nothing is trained."""
        return batch


def _check_contract(task: Task, pipeline: InputPipeline) -> None:
    own = task.input(task.inputs[0])
    if pipeline.contract != own:
        raise RequestError(
            f"task {task.name} scores signatures of {' '.join(own.bands)} in bounds of its own, "
            f"the entry asks for another input",
            f'write input = "{task.inputs[0]}"',
        )


def _scales(task: Task, name: str) -> tuple[list[float], list[float]]:
    """For each band of the task's input the reflectance of 1, and the standard deviation."""
    contract = task.input(task.inputs[0])
    statistics = task.declaration["statistics"][name]
    return list(contract.std), [statistics[band][1] for band in contract.bands]


def _augmented(
    model: torch.nn.Module, images: torch.Tensor, sample: str, point: str
) -> torch.Tensor:
    # Draws that depend on nothing else, so that any process repeats them.
    import torch

    generator = torch.Generator().manual_seed(zlib.crc32(f"{sample} {point}".encode()))
    return returned.tensor(
        model(images.clone(), point, generator),
        images.shape,
        [f"{sample} at {point}"],
        "images",
        "an augmentation gives back images of the shape it was given, reflectance in [0, 1]",
        by="the augmentation",
    ).float()


def _cells(
    found: torch.Tensor, classes: torch.Tensor, dates: Sequence[datetime.date]
) -> dict[str, Any]:
    """Sums over pixels, of all and of each class, from deviations [1 + M, T, D, P]."""
    import torch

    there = [area for area in sorted(set(classes.tolist())) if area != _UNLABELLED]
    areas = [WHOLE, *there]
    masks = torch.stack(
        [torch.ones_like(classes, dtype=torch.bool), *(classes == a for a in there)]
    )
    sums, squares = sums_over(found, masks)
    return {
        "dates": [date for date in dates for _ in areas],
        "areas": areas * len(dates),
        "pixels": masks.sum(dim=1).tolist() * len(dates),
        "deviations": _nulls(sums),
        "squares": _nulls(squares),
    }


def _nulls(values: torch.Tensor) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.flatten().tolist()]
