"""From what was observed of a codec to its scores; the other half of `bench.kinds.compression`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data import Dataset
from bench.kinds.common.kind import Kind, Metrics
from bench.kinds.common.points import points_of
from bench.metrics.compression import (
    LATENT_BITS,
    SURFACES,
    Observed,
    Scale,
    additive,
    codec_metrics,
    image_psnr,
)

_AREAS = 1 + len(SURFACES)


class Settings(BaseModel):
    """Settings of a compression task.

    Attributes:
        bpppc: the actual rates, from and to, over whose logarithm PSNR is averaged to rank.
        nominal: the same for nominal rates.
        source_bits: of a value as it is stored without compression; the compression ratio is these
            over the actual rate.
    """

    model_config = ConfigDict(extra="forbid")

    bpppc: tuple[float, float]
    nominal: tuple[float, float]
    source_bits: Annotated[int, Field(ge=1, le=64)]


class Scenes(Dataset, Protocol):
    """A dataset that knows what surface each pixel shows."""

    def regions(self, sample: str) -> NDArray[np.uint8]:
        """Index into `SURFACES` [height, width], 255 where none is known."""
        ...


class CompressionScores(Kind[Scenes, Settings]):
    """The half of the kind that scores observations."""

    Settings = Settings

    @property
    def _scale(self) -> Scale:
        return Scale(self.settings.bpppc, self.settings.nominal, self.settings.source_bits)

    def measure(self, observations: pa.Table) -> Metrics:
        """PSNR over rates, and for each rate point all there is to know.

        See `bench.metrics.compression.codec_metrics`.
        """
        ones = np.ones((1, observations.num_rows), np.uint16)
        curves = (self.task.primary, "psnr_nominalcurve")
        found = codec_metrics(_observed(observations), [ones], self._scale, curves)
        return {name: values[0] for name, values in found.items()}

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled images.

        Which points make a codec's curve isn't resampled. The largest error is NaN: only leaving
        out the worst image changes it, so that the jackknife says nothing about it.
        """
        curves = names or (self.task.primary, "psnr_nominalcurve")
        found = codec_metrics(_observed(observations), counts, self._scale, curves)
        found["error_points"] = np.full_like(found["error_points"], np.nan)
        return {name: values for name, values in found.items() if not names or name in names}

    def labels(self, observations: pa.Table, average: str) -> Sequence[str]:
        """Names of rate points; their rates, for what is drawn as a curve; bands of each point."""
        points = _points(observations)
        ones = {name: part.sum(axis=0) for name, part in additive(_observed(observations)).items()}
        if average == "actual":
            return [f"bpppc={rate:.5g}" for rate in 8 * ones["bytes"] / ones["values"]]
        if average == "nominal":
            rates = LATENT_BITS * ones["latents"] / ones["values"]
            return [f"nominal bpppc={rate:.5g}" for rate in rates[rates > 0]]
        if average == "bands":
            bands = range(1, ones["squared_error"].shape[-1] + 1)
            return [f"{point} channel {band}" for point in points for band in bands]
        return points

    def parts(self, observations: pa.Table) -> Mapping[str, pa.Table]:
        """Land, water and cloud: distortion of their pixels, at the rate of the whole image."""
        found = {}
        for area, surface in enumerate(SURFACES, 1):
            rows = observations.filter(_array(observations, "pixels", 1)[:, area] > 0)
            if rows.num_rows:
                found[f"pixels={surface}"] = _only(rows, area)
        return found

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """PSNR of each image, mean over rate points, [N]; infinite where nothing is lost."""
        mean: NDArray[np.float64] = image_psnr(_observed(observations)).mean(axis=1)
        return mean


def _observed(observations: pa.Table) -> Observed:
    """What scores are made of, of whole images."""
    return Observed(
        pixels=_array(observations, "pixels", 1)[:, :1],
        channels=observations.column("channels").to_numpy()[:, None].astype(np.float64),
        bytes=_array(observations, "bytes", 1),
        latents=_array(observations, "latents", 1),
        squared_error=_array(observations, "squared_error", 3)[:, :, 0],
        largest=_array(observations, "largest", 2)[:, :, 0],
        angle=_array(observations, "angle", 2)[:, :, 0],
        ssim=_array(observations, "ssim", 1),
    )


def _points(observations: pa.Table) -> list[str]:
    """The names of the rate points."""
    return points_of(
        observations, "rate points for every image", "a codec's points don't depend on the image"
    )


def _array(observations: pa.Table, column: str, axes: int) -> NDArray[np.float64]:
    """A column of lists as an array: [N, R], [N, R, A] or [N, R, A, C]; NaN for null."""
    count = observations.num_rows
    chunk = observations.column(column).combine_chunks()
    values: NDArray[np.float64] = chunk.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if axes == 1:
        return values.reshape(count, -1)
    points = len(_points(observations))
    shape = (count, points, _AREAS)
    return values.reshape(shape if axes == 2 else (*shape, -1))


def _only(observations: pa.Table, area: int) -> pa.Table:
    """Observations whose whole is one of their areas."""
    for column, axes in (("pixels", 1), ("squared_error", 3), ("largest", 2), ("angle", 2)):
        values = _array(observations, column, axes)
        place = (slice(None), 0) if axes == 1 else (slice(None), slice(None), 0)
        values[place] = values[:, area] if axes == 1 else values[:, :, area]
        field = observations.schema.field(column)
        flat = values.reshape(len(values), -1).astype(field.type.value_type.to_pandas_dtype())
        index = observations.schema.get_field_index(column)
        observations = observations.set_column(index, field, pa.array(list(flat), field.type))
    return observations
