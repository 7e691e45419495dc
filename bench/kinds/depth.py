"""Depth: metres of water above the seabed, for every pixel.

Observed per image: sums of the errors of its pixels, over all depths and by ranges of true depth.
Sums add up, so every score of a set of images follows from the sum of theirs: pixels are pooled, as
in the code published with MagicBathyNet (https://github.com/pagraf/MagicBathyNet).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError
from bench.data import Dataset
from bench.kinds.common import depth_maps, photographs, pictures, returned
from bench.kinds.common.batch import Batch, grid, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics, PreparationContext, Prepared
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.metrics import depth as metrics
from bench.metrics.stats import weighted_sums
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


_RANGES = metrics.ranges()
_ROWS = 1 + len(_RANGES)
_NOISE = 1.3  # times the squared errors of depths in another unit
_OTHER_UNITS = (
    ("elevations", -1, "change their sign"),
    ("centimetres", 100, "divide them by 100"),
    ("millimetres", 1000, "divide them by 1000"),
)
_MAPS = 3  # of the drawn images that are shown as maps


class Settings(BaseModel):
    """Settings of a depth task.

    Attributes:
        side: pixels of a side of the grid on which depths are compared.
    """

    model_config = ConfigDict(extra="forbid")

    side: Annotated[int, Field(ge=1, le=4096)]


class Options(BaseModel):
    """What a recipe may say of training.

    Attributes:
        resampling: ``nearest``: training images and their depths are brought to the compared grid
            by the nearest pixel, whatever the contract says; ``contract``: as in the test.
    """

    model_config = ConfigDict(extra="forbid")

    resampling: Literal["contract", "nearest"] = "contract"


class Sounded(Dataset, Protocol):
    """A dataset that knows how deep the water is."""

    def depth(self, sample: str, bands: Sequence[str]) -> NDArray[np.float32]:
        """Metres of water [height, width], NaN where unknown, in the finest grid of the bands."""
        ...


class Depth(Kind[Sounded, Settings]):
    """The depth of the water at every pixel, in metres."""

    Settings = Settings
    Options = Options
    interface = (
        "images float32 [N, channels, size, size] -> depths in metres float32 [N, 1, size, size], "
        "positive below the surface"
    )
    batch_size = 8
    degradable = True
    target = "depth"
    probes = "value"
    dense = True
    drawn = 9
    sample_score = "minus the RMSE of the image in metres"

    def outputs(self) -> int:
        """One depth per pixel."""
        return 1

    def schema(self) -> pa.Schema:
        """One row per image.

        ``sums`` [rows * 6] in the order of `bench.metrics.depth.SUMS`, of all pixels and of each
        range of true depth; ``largest`` [rows] absolute error in metres, 0 where a row has no
        pixels.
        """
        cells = _ROWS * len(metrics.SUMS)
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("sums", pa.list_(pa.float64(), cells), nullable=False),
                pa.field("largest", pa.list_(pa.float64(), _ROWS), nullable=False),
            ]
        )

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``depth`` float32 [side * side]."""
        side = self.settings.side
        about = f"metres, positive below the surface, of {side} x {side} px, row by row"
        return pa.schema([SAMPLE, field("depth", pa.list_(pa.float32(), side * side), about)])

    def from_predictions(self, dataset: Sounded, table: pa.Table) -> pa.Table:
        """The sums of errors of each image.

        The truth is that in the finest grid that the first of the task's inputs has.
        """
        import torch

        side = self.settings.side
        bands = self.task.input(self.task.inputs[0]).bands
        samples, found = table.column("sample").to_pylist(), []
        for start in range(0, table.num_rows, self.batch_size):
            some = samples[start : start + self.batch_size]
            made = matrix(table.slice(start, self.batch_size), "depth").reshape(-1, side, side)
            found.append(_errors(torch.tensor(made), self._truth(dataset, some, bands)))
        known = {name: torch.cat([part[name] for part in found]).numpy() for name in found[0]}
        return beside(self.schema(), table, known)

    def load(self, dataset: Sounded, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract; true depths float32 [N, side, side], NaN for unknown."""
        depths = self._truth(dataset, samples, pipeline.contract.bands)
        return Batch(samples, images(dataset, pipeline, samples), depths)

    def prepare(
        self,
        recipe: Recipe,
        dataset: Sounded,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Training samples as `load` gives them, or resampled by nearest if the recipe says so."""
        if Options.model_validate(recipe.options).resampling == "contract":
            return super().prepare(recipe, dataset, pipeline, samples, context)
        contract = pipeline.contract.model_copy(update={"resampling": "nearest"})
        nearest, side = InputPipeline(contract, self.task.bands), self.settings.side

        def load(chosen: Sequence[str]) -> Batch:
            import torch

            depths = [
                depth_maps.nearest(dataset.depth(name, contract.bands), side) for name in chosen
            ]
            return Batch(chosen, images(dataset, nearest, chosen), torch.stack(depths))

        return Prepared(load, {})

    def strata(self, dataset: Sounded, samples: Sequence[str]) -> NDArray[np.float64]:
        """The mean of the known depths of each image in metres, [N]."""
        bands = self.task.input(self.task.inputs[0]).bands
        depths = [dataset.depth(sample, bands) for sample in samples]
        known = [depth[np.isfinite(depth)] for depth in depths]
        return np.array([one.mean() if one.size else np.nan for one in known], np.float64)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image of water one metre deep."""
        import torch

        side = self.settings.side
        return Batch([SAMPLE_ID], noise(contract, 1), torch.ones(1, side, side))

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        """The sums of errors of each image over the pixels of known depth."""
        return _errors(_predicted(model, batch).float(), batch.targets)

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """RMSE over the pixels of known depth of each image, mean over images.

        With one image a step it is the loss published with MagicBathyNet.
        """
        import torch

        predicted, true = _predicted(model, batch, training=True), batch.targets
        valid = ~true.isnan()
        squared = torch.where(valid, predicted - true, 0).square().sum(dim=(1, 2))
        mean = squared / valid.sum(dim=(1, 2)).clamp(min=1)
        # A root has no slope at 0, where an image without any known depth is.
        root: torch.Tensor = mean.clamp(min=1e-12).sqrt()
        return root.mean()

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror images at random, together with their depths."""
        if not recipe.flips:
            return batch
        masks = mirrors(len(batch.samples), draw)
        return batch.each(lambda pixels: mirrored(pixels, masks))

    def measure(self, observations: pa.Table) -> Metrics:
        """RMSE, MAE, bias, standard deviation and R2 of the errors of all pixels, pooled.

        Of all depths (``pixels``) and by range of true depth (``depths``), in metres but for R2;
        and the largest error of any pixel, which isn't resampled.
        """
        sums, largest = _sums(observations), _largest(observations)
        return _of(sums.sum(axis=0)) | {"max_error_pixels": metrics.max_error(largest)}

    def labels(self, observations: pa.Table, average: str) -> Sequence[str]:
        """The ranges of true depth."""
        return _RANGES

    def parts(self, observations: pa.Table) -> Mapping[str, pa.Table]:
        """The pixels of each range of true depth."""
        sums, largest = _sums(observations), matrix(observations, "largest")
        found = {}
        for row, name in enumerate(_RANGES, 1):
            chosen = sums[:, row, 0] > 0
            if chosen.any():
                only = np.zeros((int(chosen.sum()), *sums.shape[1:]))
                only[:, 0] = only[:, row] = sums[chosen, row]
                worst = np.zeros(only.shape[:2])
                worst[:, 0] = worst[:, row] = largest[chosen, row]
                found[f"depth={name}"] = pa.table(
                    {
                        "sample": observations.column("sample").filter(pa.array(chosen)),
                        "sums": _lists(only.reshape(len(only), -1)),
                        "largest": _lists(worst),
                    },
                    schema=self.schema(),
                )
        return found

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled observations; NaN for the largest error.

        The jackknife says nothing about a maximum: only leaving out the worst image changes it.
        """
        cells = matrix(observations, "sums")
        sums = np.concatenate([weighted_sums(block, cells) for block in counts])
        found = _of(sums.reshape(len(sums), _ROWS, -1))
        found["max_error_pixels"] = np.full(len(sums), np.nan)
        return {name: values for name, values in found.items() if not names or name in names}

    def check_scale(self, observations: pa.Table) -> None:
        """Refuse elevations, which are negative, and depths in centimetres or millimetres.

        Errors of k t for depths t are e = (k - 1) t: their sum tells k, and their squares whether
        they are in proportion to the depth. A network that learns nothing predicts about a
        constant.

        Raises:
            BenchError: as above.
        """
        pixels, error, _, squared, depth, depth_squared = _sums(observations)[:, 0].sum(axis=0)
        if depth <= 0 or depth_squared <= 0:
            return
        factor = 1 + error / depth
        constant = factor * depth / pixels
        expected = (factor - 1) ** 2 * depth_squared
        of_constant = pixels * constant**2 - 2 * constant * depth + depth_squared
        if not of_constant + (expected - of_constant) / 4 < squared < _NOISE * expected:
            return
        for unit, times, advice in _OTHER_UNITS:
            if 1 / 2 <= factor / times <= 2:
                raise BenchError(
                    f"expected depths in metres, positive below the surface, found {unit}: mean "
                    f"{factor * depth / pixels:.4g} where it is {depth / pixels:.4g}",
                    advice,
                )

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Minus the RMSE of each image in metres, [N]; NaN without any known depth."""
        return -metrics.rmse(_sums(observations)[:, 0])

    def draw(
        self, dataset: Sounded, model: torch.nn.Module, batch: Batch
    ) -> dict[str, pictures.Picture]:
        """Predicted against true depth and errors by true depth, of all images; maps of a few."""
        predicted = _predicted(model, batch).float().cpu().numpy().astype(np.float64)
        true = batch.targets.cpu().numpy().astype(np.float64)
        known = ~np.isnan(true)
        if not known.any():
            return {}
        x, y = true[known], predicted[known]
        low, high = min(0.0, float(x.min())), float(x.max())
        found = {
            "depth": pictures.panels(
                {
                    "predicted by true depth, m": pictures.density(x, y, low, high),
                    "error by true depth, m (mean, std)": pictures.errors(x, y - x, low, high),
                }
            )
        }
        rows = [row for row in range(len(true)) if known[row].any()]
        for row in pictures.spread(rows, _MAPS):
            depth, guess = true[row], predicted[row]
            bounds = float(np.nanmin(depth)), float(np.nanmax(depth))
            error = guess - depth
            reach = max(0.1, float(np.nanquantile(np.abs(error), 0.98)))
            found[f"sample-{batch.samples[row]}"] = pictures.panels(
                {
                    **photographs.panel(self.task, dataset, batch.samples[row], len(depth)),
                    f"true, {bounds[0]:.1f} to {bounds[1]:.1f} m": pictures.shades(depth, *bounds),
                    "predicted": pictures.shades(guess, *bounds),
                    f"error, -{reach:.1f} to {reach:.1f} m": pictures.differences(error, reach),
                }
            )
        return found

    def _truth(
        self, dataset: Sounded, samples: Sequence[str], bands: Sequence[str]
    ) -> torch.Tensor:
        import torch

        side = self.settings.side
        return torch.stack(
            [depth_maps.on_grid(dataset.depth(name, bands), side) for name in samples]
        )


def _errors(predicted: torch.Tensor, true: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is observed of depths [N, side, side]."""
    import torch

    valid = ~true.isnan()
    sums, largest = metrics.moments(
        predicted.cpu().numpy(), true.cpu().numpy(), valid.cpu().numpy()
    )
    return {
        "sums": torch.from_numpy(sums.reshape(len(sums), -1)),
        "largest": torch.from_numpy(np.nan_to_num(largest)),
    }


def _of(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Scores of sums [..., rows, 6]: [...] of all pixels, [..., ranges] by depth."""
    functions = (metrics.rmse, metrics.mae, metrics.bias, metrics.std, metrics.r2)
    found = {}
    for function in functions:
        values = function(sums)
        found[f"{function.__name__}_pixels"] = values[..., 0]
        found[f"{function.__name__}_depths"] = values[..., 1:]
    return found


def _sums(observations: pa.Table) -> NDArray[np.float64]:
    """[N, rows, 6]."""
    cells = matrix(observations, "sums")
    return cells.reshape(len(cells), _ROWS, -1)


def _largest(observations: pa.Table) -> NDArray[np.float64]:
    """[N], NaN where an image has no pixels."""
    pixels = _sums(observations)[:, 0, 0]
    return np.where(pixels > 0, matrix(observations, "largest")[:, 0], np.nan)


def _lists(values: NDArray[np.float64]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _predicted(model: torch.nn.Module, batch: Batch, *, training: bool = False) -> torch.Tensor:
    """What the model says, [N, side, side] in metres."""
    shape = (len(batch.samples), 1, *grid(batch.inputs))
    hint = "a depth model returns one depth per image and pixel"
    depths = returned.tensor(
        model(batch.inputs), shape, batch.samples, "depths", hint, training=training
    )
    return depth_maps.resized(depths[:, 0], *batch.targets.shape[-2:])
