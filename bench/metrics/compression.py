"""Scores of codecs at R rate points, from what each image lost and what its streams take.

Everything but the largest error follows from sums over images, so that leaving images out
subtracts from sums.
Two rates are kept apart. The actual one counts the bytes of a stream, in bits per pixel and channel
(bpppc). The nominal one counts elements: 32 bits for each latent in float32.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metrics.rate_distortion import mean_quality, pareto, psnr
from bench.metrics.stats import weighted_sums

Floats = NDArray[np.float64]

SURFACES = ("land", "water", "cloud")
"""What the regions of an image are numbered by, from 0."""

LATENT_BITS = 32
"""Of a latent and of a source value in the nominal rate."""


class Scale(NamedTuple):
    """What rates are compared with.

    Attributes:
        bpppc: the actual rates, from and to, over whose logarithm PSNR is averaged.
        nominal: the same for nominal rates.
        source_bits: of a value as it is stored without compression; the compression ratio is these
            over the actual rate.
    """

    bpppc: tuple[float, float]
    nominal: tuple[float, float]
    source_bits: int


class Observed(NamedTuple):
    """What is known of N images of C channels at R rate points.

    Attributes:
        pixels: [N, 1] of an image.
        channels: [N, 1].
        bytes: [N, R] of the stream.
        latents: [N, R], 0 for a codec that has none.
        squared_error: [N, R, C], the sum over pixels.
        largest: [N, R], the largest absolute error of any value.
        angle: [N, R], the sum over pixels of the spectral angle in radians.
        ssim: [N, R], NaN where undefined.
    """

    pixels: Floats
    channels: Floats
    bytes: Floats
    latents: Floats
    squared_error: Floats
    largest: Floats
    angle: Floats
    ssim: Floats


def image_psnr(observed: Observed) -> Floats:
    """The PSNR of each image at each rate point in dB, peak 1, [N, R]; infinite without loss."""
    return psnr(observed.squared_error.mean(axis=2) / observed.pixels)


def additive(observed: Observed) -> dict[str, Floats]:
    """What adds up over images: arrays [N, ...]."""
    quality = image_psnr(observed)
    lossless = np.isinf(quality)
    return {
        "images": np.ones((len(quality), 1)),
        "pixels": observed.pixels,
        "values": observed.pixels * observed.channels,
        "bytes": observed.bytes,
        "latents": observed.latents,
        "psnr": np.where(lossless, 0.0, quality),
        "lossless": lossless.astype(np.float64),
        "squared_error": observed.squared_error,
        "angle": observed.angle,
        "ssim": np.nan_to_num(observed.ssim),
        "ssim_images": (~np.isnan(observed.ssim)).astype(np.float64),
    }


def codec_metrics(
    observed: Observed,
    counts: Iterable[NDArray[np.uint16]],
    scale: Scale,
    curves: Sequence[str] = ("psnr_curve", "psnr_nominalcurve"),
) -> dict[str, Floats]:
    """The metrics of resampled images; by rate point [B, R] where not said otherwise.

    - ``psnr_curve``, ``psnr_nominalcurve`` [B]: PSNR averaged over the logarithm of the actual and
      of the nominal rate between the bounds of ``scale``; two codecs' difference is their BD-PSNR
      there. Above the highest rate that a codec makes any use of, its PSNR stays what it is. Which
      points make the curve isn't resampled.
    - ``psnr_points``, ``psnr_actual``, ``psnr_nominal``: mean of the images' PSNR (peak 1).
    - ``pooled_psnr_points``: PSNR of the mean squared error of all images.
    - ``sa_points``: spectral angle in degrees, mean over pixels; ``ssim_points``; ``error_points``:
      the largest absolute error of any value, which isn't resampled.
    - ``bpppc_points``, ``cr_points``; ``nominal_bpppc_points``, ``nominal_cr_points``.
    - ``band_psnr_bands`` [B, R * C].

    Args:
        observed: N images.
        counts: blocks [b, N], how often each resample holds each image; B is the sum of the b.
        scale: what rates are compared with.
        curves: which of ``psnr_curve`` and ``psnr_nominalcurve``, the slow ones, are wanted.

    Returns:
        float64 by name; NaN where undefined.
    """
    rows = additive(observed)
    stacked = np.concatenate([part.reshape(len(part), -1) for part in rows.values()], axis=1)
    sums = np.concatenate([weighted_sums(block, stacked) for block in counts])
    parted, start = {}, 0
    for name, part in rows.items():
        size = math.prod(part.shape[1:])
        parted[name] = sums[:, start : start + size].reshape(len(sums), *part.shape[1:])
        start += size
    curve = pareto(observed.bytes.sum(0), image_psnr(observed).mean(0)) if curves else None
    return _metrics(parted, observed.largest.max(axis=0), curve, scale, curves)


def _metrics(
    sums: Mapping[str, Floats],
    largest: Floats,
    curve: NDArray[np.int64] | None,
    scale: Scale,
    curves: Sequence[str],
) -> dict[str, Floats]:
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
            "cr_points": scale.source_bits / rate,
            "nominal_bpppc_points": nominal,
            "nominal_cr_points": LATENT_BITS / nominal,
            "band_psnr_bands": _finite(psnr(squared / band_values)).reshape(len(squared), -1),
        }
    if "psnr_curve" in curves:
        rates, quality = _held(rate[:, curve], mean[:, curve], scale.bpppc[1])
        found["psnr_curve"] = mean_quality(rates, quality, *scale.bpppc)
    if "psnr_nominalcurve" in curves:
        known = ~np.isnan(nominal[0])
        found["psnr_nominalcurve"] = (
            mean_quality(nominal[:, known], mean[:, known], *scale.nominal)
            if known.any()
            else np.full(len(mean), np.nan)
        )
    return found


def _held(rates: Floats, quality: Floats, high: float) -> tuple[Floats, Floats]:
    """Curves [B, P] that end below ``high`` go on level: more bits than needed do no harm."""
    if rates.max() >= high:
        return rates, quality
    ends = np.full((len(rates), 1), high)
    return np.append(rates, ends, axis=1), np.append(quality, quality[:, -1:], axis=1)


def _finite(values: Floats) -> Floats:
    return np.where(np.isinf(values), np.nan, values)
