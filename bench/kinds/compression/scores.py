"""From what was observed of a codec to its scores; the other half of `bench.kinds.compression`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.kinds.common.points import points_of
from bench.kinds.common.protocol import Metrics
from bench.metrics.rate_distortion import mean_quality, pareto, psnr
from bench.metrics.stats import weighted_sums
from bench.spec.task import Task

SURFACES = ("land", "water", "cloud")
"""What `Scenes.regions` numbers from 0."""

LATENT_BITS = 32
"""Of a latent and of a source value in the nominal rate."""

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


def measure(task: Task, observations: pa.Table) -> Metrics:
    """PSNR over rates, and for each rate point all there is to know; see `_metrics`."""
    ones = np.ones((1, observations.num_rows), np.uint16)
    return {name: values[0] for name, values in replicate(task, observations, [ones]).items()}


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The same of resampled images. Which points make a codec's curve isn't resampled."""
    columns = _per_image(observations)
    stacked = np.concatenate([part.reshape(len(part), -1) for part in columns.values()], axis=1)
    sums = np.concatenate([weighted_sums(block, stacked) for block in counts])
    parted, start = {}, 0
    for name, part in columns.items():
        size = math.prod(part.shape[1:])
        parted[name] = sums[:, start : start + size].reshape(len(sums), *part.shape[1:])
        start += size
    largest = _array(observations, "largest", 2)[:, :, 0].max(axis=0)
    curve = _curve(observations)
    found = _metrics(task, parted, largest, curve, names or (task.primary, "psnr_nominalcurve"))
    return {name: values for name, values in found.items() if not names or name in names}


def labels(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """Names of rate points; their rates, for what is drawn as a curve; bands of each point."""
    points = _points(observations)
    ones = {name: part.sum(axis=0) for name, part in _per_image(observations).items()}
    if average == "actual":
        return [f"bpppc={rate:.5g}" for rate in 8 * ones["bytes"] / ones["values"]]
    if average == "nominal":
        rates = LATENT_BITS * ones["latents"] / ones["values"]
        return [f"nominal bpppc={rate:.5g}" for rate in rates[rates > 0]]
    if average == "bands":
        bands = range(1, ones["squared_error"].shape[-1] + 1)
        return [f"{point} channel {band}" for point in points for band in bands]
    return points


def parts(task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
    """Land, water and cloud: distortion of their pixels, at the rate of the whole image."""
    found = {}
    for area, surface in enumerate(SURFACES, 1):
        rows = observations.filter(_array(observations, "pixels", 1)[:, area] > 0)
        if rows.num_rows:
            found[f"pixels={surface}"] = _only(rows, area)
    return found


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """PSNR of each image, mean over rate points, [N]; infinite where nothing is lost."""
    mean: NDArray[np.float64] = _image_psnr(observations).mean(axis=1)
    return mean


def _metrics(
    task: Task,
    sums: Mapping[str, NDArray[np.float64]],
    largest: NDArray[np.float64],
    curve: NDArray[np.int64],
    curves: Sequence[str],
) -> dict[str, NDArray[np.float64]]:
    """From sums over images [B, ...] to metrics; by rate point [B, R] where not said otherwise.

    - ``psnr_curve``, ``psnr_nominalcurve`` [B]: PSNR averaged over the logarithm of the actual and
      of the nominal rate between the task's bounds; two codecs' difference is their BD-PSNR there.
      Above the highest rate that a codec makes any use of, its PSNR stays what it is.
    - ``psnr_points``, ``psnr_actual``, ``psnr_nominal``: mean of the images' PSNR (peak 1).
    - ``pooled_psnr_points``: PSNR of the mean squared error of all images.
    - ``sa_points``: spectral angle in degrees, mean over pixels; ``ssim_points``; ``error_points``:
      the largest absolute error of any value, which isn't resampled.
    - ``bpppc_points``, ``cr_points``; ``nominal_bpppc_points``, ``nominal_cr_points``.
    - ``band_psnr_bands`` [B, R * C].
    """
    settings = Settings.model_validate(task.settings)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums["psnr"] / sums["images"]
        # An image without loss has no PSNR: neither has the mean.
        mean[sums["lossless"] > 0] = np.nan
        squared = sums["squared_error"]  # [B, R, C]
        band_values = sums["pixels"][..., None]
        rate = 8 * sums["bytes"] / sums["values"]
        latents = np.where(sums["latents"] > 0, sums["latents"], np.nan)
        nominal = LATENT_BITS * latents / sums["values"]
        found = {
            "psnr_points": mean,
            "psnr_actual": mean,
            "psnr_nominal": mean[:, ~np.isnan(nominal[0])],
            "pooled_psnr_points": _finite(psnr(squared.mean(axis=-1) / sums["pixels"])),
            "sa_points": np.degrees(sums["angle"] / sums["pixels"]),
            "ssim_points": sums["ssim"] / sums["ssim_images"],
            "error_points": np.broadcast_to(largest, mean.shape),
            "bpppc_points": rate,
            "cr_points": settings.source_bits / rate,
            "nominal_bpppc_points": nominal,
            "nominal_cr_points": LATENT_BITS / nominal,
            "band_psnr_bands": _finite(psnr(squared / band_values)).reshape(len(squared), -1),
        }
    if "psnr_curve" in curves:
        rates, quality = _held(rate[:, curve], mean[:, curve], settings.bpppc[1])
        found["psnr_curve"] = mean_quality(rates, quality, *settings.bpppc)
    if "psnr_nominalcurve" in curves:
        known = ~np.isnan(nominal[0])
        found["psnr_nominalcurve"] = (
            mean_quality(nominal[:, known], mean[:, known], *settings.nominal)
            if known.any()
            else np.full(len(mean), np.nan)
        )
    return found


def _held(
    rates: NDArray[np.float64], quality: NDArray[np.float64], high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curves [B, P] that end below ``high`` go on level: more bits than needed do no harm."""
    if rates.max() >= high:
        return rates, quality
    ends = np.full((len(rates), 1), high)
    return np.append(rates, ends, axis=1), np.append(quality, quality[:, -1:], axis=1)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isinf(values), np.nan, values)


def _per_image(observations: pa.Table) -> dict[str, NDArray[np.float64]]:
    """What adds up over images: arrays [N, ...]."""
    count = observations.num_rows
    pixels = _array(observations, "pixels", 1)[:, :1]
    values = pixels * observations.column("channels").to_numpy()[:, None]
    quality = _image_psnr(observations)
    alike = _array(observations, "ssim", 1)
    lossless = np.isinf(quality)
    return {
        "images": np.ones((count, 1)),
        "pixels": pixels.astype(np.float64),
        "values": values.astype(np.float64),
        "bytes": _array(observations, "bytes", 1),
        "latents": _array(observations, "latents", 1),
        "psnr": np.where(lossless, 0.0, quality),
        "lossless": lossless.astype(np.float64),
        "squared_error": _array(observations, "squared_error", 3)[:, :, 0],
        "angle": _array(observations, "angle", 2)[:, :, 0],
        "ssim": np.nan_to_num(alike),
        "ssim_images": (~np.isnan(alike)).astype(np.float64),
    }


def _image_psnr(observations: pa.Table) -> NDArray[np.float64]:
    """PSNR of each image at each rate point, [N, R]."""
    squared = _array(observations, "squared_error", 3)[:, :, 0]
    return psnr(squared.mean(axis=2) / _array(observations, "pixels", 1)[:, :1])


def _curve(observations: pa.Table) -> NDArray[np.int64]:
    """The rate points that no other one beats, by rising actual rate."""
    return pareto(_array(observations, "bytes", 1).sum(0), _image_psnr(observations).mean(0))


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
