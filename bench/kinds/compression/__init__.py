"""Compression: an image to bytes and back, at several rates.

Observed per image and rate point: the bytes of the complete stream, the nominal number of latents,
what was lost (squared error per band, largest error, spectral angle, SSIM) and the time it took.

Two rates are kept apart. The actual one counts the bytes of the stream, as bits per pixel and
channel (bpppc). The nominal one counts elements: 32 bits for each latent of a model whose latents
are numbers in float32, the convention of HyCoT and of the autoencoders before it.
"""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.points import points_by
from bench.kinds.compression import predictions as _codec_predictions
from bench.kinds.compression.scores import CompressionScores, Scenes
from bench.metrics.compression import SURFACES
from bench.metrics.distortion import distortion, ssim
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


_ROWS = 64
"""Of predictions that are checked at a time."""

_SCALE = 10_000

_REPEATED = 16
"""One in so many images is encoded twice."""


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


class Compression(CompressionScores):
    """Images to bytes and back, at several rates."""

    Options = Options
    interface = (
        "a module with points (names of its rate points), encode(image float32 [C, H, W], point) "
        "-> bytes, decode(bytes) -> image, latents(point, shape) -> number or None; to be trained, "
        "images [N, C, H, W] -> reconstructions [networks, N, C, H, W]"
    )
    sample_score = "PSNR in dB, mean over rate points"
    batch_size = 1
    unranked = "its rate points don't span the rates that rank"
    scores_pixels = True
    volatile = ("encode_seconds", "decode_seconds")

    def outputs(self) -> int:
        """As many channels as went in: a codec needs no number of outputs."""
        return 0

    def schema(self) -> pa.Schema:
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

    def load(self, dataset: Scenes, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract and clipped to [0, 1], and what surface they show.

        Raises:
            BenchError: an image holds NaN or infinity.
        """
        import torch

        pixels = images(dataset, pipeline, samples)
        for sample, image in zip(samples, pixels, strict=True):
            if not bool(torch.isfinite(image).all()):
                raise BenchError(
                    f"image {sample} holds {int((~torch.isfinite(image)).sum())} values that are "
                    "NaN or infinite",
                    "compare the files with the published ones: `bench data verify`",
                )
        surfaces = np.stack([dataset.regions(sample) for sample in samples])
        return Batch(samples, pixels.clamp_(0, 1), torch.from_numpy(surfaces))

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image of unknown surfaces, in multiples of 1/10,000 as delivered."""
        import torch

        inputs = noise(contract, 1).mul_(_SCALE).round_().div_(_SCALE)
        surfaces = torch.full((1, *inputs.shape[2:]), 255, dtype=torch.uint8)
        return Batch([SAMPLE_ID], inputs, surfaces)

    def prediction_schema(self) -> pa.Schema:
        """All that is observed of an image: without streams nothing can be computed again.

        The channels are those of the first of the task's inputs.
        """
        return _codec_predictions.prediction_schema(len(self.task.input(self.task.inputs[0]).bands))

    def from_predictions(self, dataset: Scenes, table: pa.Table) -> pa.Table:
        """What was observed elsewhere, as it is; the dataset says which areas an image has.

        Raises:
            BenchError: it can't be so; see `_codec_predictions.check`.
        """
        for batch in table.to_batches(_ROWS):
            for row in batch.to_pylist():
                _codec_predictions.check(row, _pixels(dataset.regions(row["sample"])))
        return table.cast(self.schema())

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, list[Any]]:
        """Every image through every rate point.

        Decoding happens in another copy of the model, from the bytes alone, after the image that
        was encoded has been wiped.

        Raises:
            BenchError: the model gives another shape, or two streams for one image.
        """
        decoder, fresh = _decoder(model)
        rows: dict[str, list[Any]] = {name: [] for name in self.schema().names[1:]}
        for index, (sample, image) in enumerate(zip(batch.samples, batch.inputs, strict=True)):
            surfaces = batch.targets[index].cpu().numpy()
            original = np.ascontiguousarray(image.cpu().numpy())
            twice = (fresh and index == 0) or zlib.crc32(sample.encode()) % _REPEATED == 0
            found = [
                _compressed(model, decoder, sample, image, original, surfaces, point, twice=twice)
                for point in points_by(model, sample)
            ]
            rows["points"].append(points_by(model, sample))
            rows["channels"].append(len(original))
            rows["pixels"].append(_pixels(surfaces))
            for name in found[0]:
                rows[name].append(
                    np.concatenate([point[name] for point in found], axis=None).tolist()
                )
        rows["ssim"] = [[None if math.isnan(v) else v for v in row] for row in rows["ssim"]]
        return rows

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Mean squared error of each network's reconstructions, summed over networks."""
        from torch.nn.functional import mse_loss

        made = returned.tensor(
            model(batch.inputs),
            (None, *batch.inputs.shape),
            batch.samples,
            "reconstructions [networks, ...]",
            "a codec that is trained returns what it was given, once for each of its networks",
            axis=1,
            training=True,
        )
        return mse_loss(made, batch.inputs.expand_as(made)) * len(made)

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror images, and keep some pixels or a window of each, as the recipe says."""
        import torch

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
                [
                    torch.randperm(height * width, generator=draw)[: side * side]
                    for _ in range(count)
                ]
            )
            index = chosen[:, None].expand(-1, channels, -1).to(batch.inputs.device)
            pixels = batch.inputs.flatten(2).gather(2, index).unflatten(2, (side, side))
            batch = replace(batch, inputs=pixels)
        return batch


def _pixels(surfaces: NDArray[np.uint8]) -> list[int]:
    """Of the whole image and of each surface."""
    return [surfaces.size, *(int((surfaces == area).sum()) for area in range(len(SURFACES)))]


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
    # One stream at a time is held.
    place = f"{sample} at {point}"
    before = hashlib.sha256(_encoded(model, image, place, point)[0]).digest() if twice else b""
    stream, encode_seconds = _encoded(model, image, place, point)
    if twice and hashlib.sha256(stream).digest() != before:
        raise BenchError(
            f"{place}: encoding it twice gave two streams",
            "a codec must be deterministic, or its streams can't be reproduced",
        )
    starting = _now(image)
    made = decoder.decode(stream)
    decoded = _now(image)
    hint = "a codec gives back an image of the shape it was given, as float32"
    returned.tensor(made, image.shape, [place], "an image", hint, by="decode")
    result = np.ascontiguousarray(made.detach().float().cpu().numpy())
    whole, areas = distortion(original, result, surfaces, len(SURFACES))
    return {
        "bytes": len(stream),
        "latents": _latents(model, image, place, point),
        "squared_error": np.concatenate([whole.squared_error[None], areas.squared_error]),
        "largest": np.append(whole.largest, areas.largest),
        "angle": np.append(whole.angle, areas.angle),
        "ssim": ssim(original, result),
        "encode_seconds": encode_seconds,
        "decode_seconds": decoded - starting,
    }


def _latents(model: Any, image: torch.Tensor, place: str, point: str) -> int:
    found = model.latents(point, tuple(image.shape))
    if found is not None and (not isinstance(found, int) or found < 0):
        raise BenchError(
            f"{place}: expected a number of latents, latents returned {found!r:.40}",
            "an integer, or None for a codec that has none",
        )
    return found or 0


def _encoded(model: Any, image: torch.Tensor, place: str, point: str) -> tuple[bytes, float]:
    """The stream of an image, and the seconds it took; what the codec was shown is wiped."""
    shown = image.clone()
    begun = _now(image)
    stream = model.encode(shown, point)
    seconds = _now(image) - begun
    shown.zero_()
    if not isinstance(stream, bytes) or not stream:
        found = "no byte" if isinstance(stream, bytes) else type(stream).__name__
        raise BenchError(
            f"{place}: expected a stream as bytes, encode returned {found}",
            "all that decode needs is in the stream",
        )
    return stream, seconds


def _now(image: torch.Tensor) -> float:
    import torch

    if image.is_cuda:
        torch.cuda.synchronize(image.device)
    return time.perf_counter()


_decoders: WeakKeyDictionary[torch.nn.Module, tuple[list[int], torch.nn.Module]] = (
    WeakKeyDictionary()
)


def _decoder(model: torch.nn.Module) -> tuple[torch.nn.Module, bool]:
    """A copy of a model that has never seen an image, and whether it was made just now."""
    import torch

    versions = [tensor._version for tensor in model.state_dict().values()]
    known = _decoders.get(model)
    if known is None or known[0] != versions:
        # Tensors of inference mode don't tell when they are changed.
        with torch.inference_mode(False):
            _decoders[model] = versions, deepcopy(model)
        return _decoders[model][1], True
    return known[1], False
