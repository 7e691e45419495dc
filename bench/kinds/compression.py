"""Compression: an image to bytes and back, at several rates.

Observed per image and rate point: the bytes of the complete stream, the nominal number of latents,
what was lost (squared error per band, largest error, spectral angle, SSIM) and the time it took.

Two rates are kept apart. The actual one counts the bytes of the stream, as bits per pixel and
channel (bpppc). The nominal one counts elements: 32 bits for each latent of a model whose latents
are numbers in float32, the convention of HyCoT and of the autoencoders before it.
"""

import math
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Annotated, Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import mse_loss

from bench.contract import Door
from bench.data import Dataset
from bench.entry import Recipe
from bench.errors import BenchError
from bench.kinds import Batch, Metrics, images, mirrored, mirrors
from bench.metrics.distortion import distortion, ssim
from bench.metrics.rate_distortion import mean_quality, pareto, psnr
from bench.stats import weighted_sums
from bench.task import Task

INTERFACE = (
    "a module with points (names of its rate points), encode(image float32 [C, H, W], point) -> "
    "bytes, decode(bytes) -> image, latents(point, shape) -> number or None; to be trained, "
    "images [N, C, H, W] -> reconstructions [networks, N, C, H, W]"
)

SAMPLE_SCORE = "PSNR in dB, mean over rate points"

BATCH = 1

UNRANKED = "its rate points don't span the rates that rank"

VOLATILE = ("encode_seconds", "decode_seconds")

SURFACES = ("land", "water", "cloud")
"""What `Scenes.regions` numbers from 0."""

LATENT_BITS = 32
"""Of a latent and of a source value in the nominal rate."""

_AREAS = 1 + len(SURFACES)
_REPEATED = 16
"""One in so many images is encoded twice."""


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


class Options(BaseModel):
    """What a recipe may say of training a codec.

    Attributes:
        pixels: train on so many pixels by so many of each image, drawn anew each time and without
            their places (the training-set reduction of HyCoT); 0 for whole images.
        crop: train on a window of so many pixels a side, at a random place; 0 for whole images.
    """

    model_config = ConfigDict(extra="forbid")

    pixels: Annotated[int, Field(ge=0, le=1024)] = 0
    crop: Annotated[int, Field(ge=0, le=1024)] = 0


class Scenes(Dataset, Protocol):
    """A dataset that knows what surface each pixel shows."""

    def regions(self, sample: str) -> NDArray[np.uint8]:
        """Index into `SURFACES` [height, width], 255 where none is known."""
        ...


def outputs(task: Task) -> int:
    """As many channels as went in: a codec needs no number of outputs."""
    return 0


def schema(task: Task) -> pa.Schema:
    """One row per image.

    ``points`` [R]; ``bytes``, ``latents`` (0 for none), ``ssim`` (null where undefined) and the
    seconds [R]; ``channels``; ``pixels`` [A] of the whole image and of each of `SURFACES`;
    ``squared_error`` [R * A * C], ``largest`` and ``angle`` (radians) [R * A].
    """

    def many(of: pa.DataType) -> pa.DataType:
        return pa.list_(of)

    columns = {
        "sample": pa.string(),
        "points": many(pa.string()),
        "channels": pa.int32(),
        "pixels": many(pa.int64()),
        "bytes": many(pa.int64()),
        "latents": many(pa.int64()),
        "squared_error": many(pa.float64()),
        "largest": many(pa.float64()),
        "angle": many(pa.float64()),
        "ssim": many(pa.float64()),
        "encode_seconds": many(pa.float64()),
        "decode_seconds": many(pa.float64()),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def load(task: Task, dataset: Scenes, door: Door, samples: Sequence[str]) -> Batch:
    """Images brought to the contract and clipped to [0, 1], and what surface they show.

    Raises:
        BenchError: an image holds NaN or infinity.
    """
    pixels = images(dataset, door, samples)
    for sample, image in zip(samples, pixels, strict=True):
        if not bool(torch.isfinite(image).all()):
            raise BenchError(
                f"image {sample} holds {int((~torch.isfinite(image)).sum())} values that are NaN "
                "or infinite",
                "compare the files with the published ones: `bench data verify`",
            )
    surfaces = np.stack([dataset.regions(sample) for sample in samples])
    return Batch(samples, pixels.clamp_(0, 1), torch.from_numpy(surfaces))


def observe(task: Task, model: torch.nn.Module, batch: Batch) -> Mapping[str, list[Any]]:
    """Every image through every rate point.

    Decoding happens in another copy of the model, from the bytes alone, after the image that was
    encoded has been wiped.

    Raises:
        BenchError: the model gives another shape, or two streams for one image.
    """
    decoder, fresh = _decoder(model)
    rows: dict[str, list[Any]] = {name: [] for name in schema(task).names[1:]}
    for index, (sample, image) in enumerate(zip(batch.samples, batch.inputs, strict=True)):
        surfaces = batch.targets[index].cpu().numpy()
        original = np.ascontiguousarray(image.cpu().numpy())
        twice = (fresh and index == 0) or zlib.crc32(sample.encode()) % _REPEATED == 0
        found = [
            _compressed(model, decoder, sample, image, original, surfaces, point, twice=twice)
            for point in model.points  # type: ignore[union-attr]
        ]
        rows["points"].append(list(model.points))  # type: ignore[arg-type]
        rows["channels"].append(len(original))
        rows["pixels"].append([surfaces.size, *_areas(surfaces)])
        for name in found[0]:
            rows[name].append(np.concatenate([point[name] for point in found], axis=None).tolist())
    rows["ssim"] = [[None if math.isnan(v) else v for v in row] for row in rows["ssim"]]
    return rows


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Mean squared error of each network's reconstructions, summed over networks."""
    made: torch.Tensor = model(batch.inputs)
    if made.shape[1:] != batch.inputs.shape:
        raise BenchError(
            f"expected reconstructions [networks, {', '.join(map(str, batch.inputs.shape))}], "
            f"the model returned {list(made.shape)}",
            "a codec that is trained returns what it was given, once for each of its networks",
        )
    return mse_loss(made, batch.inputs.expand_as(made)) * len(made)


def augment(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """Mirror images, and keep some pixels or a window of each, as the recipe says."""
    options = Options.model_validate(recipe.options)
    if recipe.flips:
        masks = mirrors(len(batch.samples), draw)
        batch = batch.each(lambda pixels: mirrored(pixels, masks))
    count, channels, height, width = batch.inputs.shape
    if side := min(options.crop, height, width):
        rows = torch.randint(height - side + 1, (count,), generator=draw).tolist()
        columns = torch.randint(width - side + 1, (count,), generator=draw).tolist()
        windows = [
            image[:, row : row + side, column : column + side]
            for image, row, column in zip(batch.inputs, rows, columns, strict=True)
        ]
        batch = replace(batch, inputs=torch.stack(windows))
    if side := min(options.pixels, math.isqrt(height * width)):
        chosen = torch.stack(
            [torch.randperm(height * width, generator=draw)[: side * side] for _ in range(count)]
        )
        index = chosen[:, None].expand(-1, channels, -1).to(batch.inputs.device)
        pixels = batch.inputs.flatten(2).gather(2, index).unflatten(2, (side, side))
        batch = replace(batch, inputs=pixels)
    return batch


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
            found[f"surface={surface}"] = _only(rows, area)
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
        found["psnr_curve"] = mean_quality(rate[:, curve], mean[:, curve], *settings.bpppc)
    if "psnr_nominalcurve" in curves:
        known = ~np.isnan(nominal[0])
        found["psnr_nominalcurve"] = (
            mean_quality(nominal[:, known], mean[:, known], *settings.nominal)
            if known.any()
            else np.full(len(mean), np.nan)
        )
    return found


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
    """The names of the rate points.

    Raises:
        BenchError: images were compressed at different ones.
    """
    found = {tuple(points) for points in observations.column("points").to_pylist()}
    if len(found) != 1:
        raise BenchError(
            f"expected the same rate points for every image, found {len(found)} lists of them",
            "a codec's points don't depend on the image",
        )
    return list(found.pop())


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


def _areas(surfaces: NDArray[np.uint8]) -> list[int]:
    return [int((surfaces == area).sum()) for area in range(len(SURFACES))]


def _compressed(
    model: Any,
    decoder: Any,
    sample: str,
    image: torch.Tensor,
    original: NDArray[np.float32],
    surfaces: NDArray[np.uint8],
    point: str,
    *,
    twice: bool,
) -> dict[str, Any]:
    """What is observed of an image at one rate point."""
    stream, encode_seconds = _encoded(model, image, point)
    if twice and _encoded(model, image, point)[0] != stream:
        raise BenchError(
            f"{sample} at {point}: encoding it twice gave two streams",
            "a codec must be deterministic, or its streams can't be reproduced",
        )
    starting = _now(image)
    made = decoder.decode(stream)
    decoded = _now(image)
    if made.shape != image.shape or made.dtype != torch.float32:
        raise BenchError(
            f"{sample} at {point}: expected float32 {list(image.shape)} from decode, found "
            f"{str(made.dtype).removeprefix('torch.')} {list(made.shape)}",
            "a codec gives back an image of the shape it was given",
        )
    result = np.ascontiguousarray(made.detach().cpu().numpy())
    whole, areas = distortion(original, result, surfaces, len(SURFACES))
    return {
        "bytes": len(stream),
        "latents": model.latents(point, tuple(image.shape)) or 0,
        "squared_error": np.concatenate([whole.squared_error[None], areas.squared_error]),
        "largest": np.append(whole.largest, areas.largest),
        "angle": np.append(whole.angle, areas.angle),
        "ssim": ssim(original, result),
        "encode_seconds": encode_seconds,
        "decode_seconds": decoded - starting,
    }


def _encoded(model: Any, image: torch.Tensor, point: str) -> tuple[bytes, float]:
    """The stream of an image, and the seconds it took; what the codec was shown is wiped."""
    shown = image.clone()
    begun = _now(image)
    stream = model.encode(shown, point)
    seconds = _now(image) - begun
    shown.zero_()
    if not isinstance(stream, bytes):
        raise BenchError(f"encode returned {type(stream).__name__}, expected bytes")
    return stream, seconds


def _now(image: torch.Tensor) -> float:
    if image.is_cuda:
        torch.cuda.synchronize(image.device)
    return time.perf_counter()


_decoders: WeakKeyDictionary[torch.nn.Module, tuple[list[int], torch.nn.Module]] = (
    WeakKeyDictionary()
)


def _decoder(model: torch.nn.Module) -> tuple[torch.nn.Module, bool]:
    """A copy of a model that has never seen an image, and whether it was made just now."""
    versions = [tensor._version for tensor in model.state_dict().values()]
    known = _decoders.get(model)
    if known is None or known[0] != versions:
        # Tensors of inference mode don't tell when they are changed.
        with torch.inference_mode(False):
            _decoders[model] = versions, deepcopy(model)
        return _decoders[model][1], True
    return known[1], False
