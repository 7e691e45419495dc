"""Image regression: one number for each image.

Observed per image: the number and what a model says of it. Metrics are functions of sums over
images, so those of some of the images follow from weighted sums of the same terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.data import Dataset
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.kind import Kind, Metrics
from bench.metrics.stats import weighted_sums
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


class Numbered(Dataset, Protocol):
    """A dataset that knows a number for each image."""

    def number(self, sample: str) -> float:
        """The number of one image."""
        ...


class Settings(BaseModel):
    """Settings of a task.

    Attributes:
        low, high: between which every number lies; what a model says is held there.
    """

    model_config = ConfigDict(extra="forbid")

    low: float
    high: float


class ImageRegression(Kind[Numbered, Settings]):
    """One number for each image."""

    Settings = Settings
    interface = "images float32 [N, channels, H, W] -> numbers float32 [N, 1]"
    target = "number"
    sample_score = "minus the absolute error"

    def outputs(self) -> int:
        """One number."""
        return 1

    def schema(self) -> pa.Schema:
        """``sample``, ``true`` and ``predicted``."""
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("true", pa.float32(), nullable=False),
                pa.field("predicted", pa.float32(), nullable=False),
            ]
        )

    def load(self, dataset: Numbered, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and their numbers float32 [N]."""
        import torch

        numbers = torch.tensor([dataset.number(sample) for sample in samples])
        return Batch(samples, images(dataset, pipeline, samples), numbers)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image, on which a model is tried before any data is read."""
        import torch

        from bench.kinds.common.blank import SAMPLE_ID, noise

        return Batch([SAMPLE_ID], noise(contract, 1), torch.tensor([self.settings.low]))

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror images at random, if the recipe says so."""
        if not recipe.flips:
            return batch
        masks = mirrors(len(batch.samples), draw)
        return Batch(batch.samples, mirrored(batch.inputs, masks), batch.targets)

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        """The number of each image, and what the model says of it."""
        predicted = self._predicted(model, batch).clamp(self.settings.low, self.settings.high)
        return {"true": batch.targets, "predicted": predicted.float()}

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """The mean squared error."""
        error: torch.Tensor = self._predicted(model, batch, training=True) - batch.targets
        return error.square().mean()

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The mean absolute error and the coefficient of determination of resampled images."""
        true, predicted = (
            observations.column(name).to_numpy().astype(np.float64)
            for name in ("true", "predicted")
        )
        error = true - predicted
        terms = np.stack([np.ones_like(true), np.abs(error), error**2, true, true**2], axis=1)
        sums = np.concatenate([weighted_sums(block, terms) for block in counts])
        n, absolute, squared, total, squares = sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = squares - total**2 / n
            found = {
                "error_images": absolute / n,
                "r2_images": np.where(spread > 0, 1 - squared / spread, np.nan),
            }
        return {name: values for name, values in found.items() if not names or name in names}

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Minus the absolute error of each image."""
        true, predicted = (observations.column(n).to_numpy() for n in ("true", "predicted"))
        scores: NDArray[np.float64] = -np.abs(true.astype(np.float64) - predicted)
        return scores

    def _predicted(
        self, model: torch.nn.Module, batch: Batch, *, training: bool = False
    ) -> torch.Tensor:
        from bench.kinds.common import returned

        hint = "a model of this kind returns one number for each image"
        shape = (len(batch.samples), 1)
        found = returned.tensor(
            model(batch.inputs), shape, batch.samples, "numbers", hint, training=training
        )
        return found[:, 0]
