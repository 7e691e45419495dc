"""Metrics of images that come out changed: of codecs, and of augmentations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.base.errors import BenchError, RequestError
from bench.metrics.compression import SURFACES, Observed, Scale, codec_metrics
from bench.metrics.consistency import deviations, sums_over
from bench.metrics.deviation_ratios import DISTANCES, consistency_metrics
from bench.metrics.distortion import NO_REGION, distortion, ssim
from bench.metrics.torchmetrics.base import ExactMetric, Floats, floats, rows

_LOSSES = (
    *("psnr_points", "pooled_psnr_points", "sa_points", "ssim_points", "error_points"),
    "band_psnr_bands",
)
_SIZES = ("bpppc_points", "cr_points", "psnr_curve")
_ONE = np.ones((1, len(DISTANCES)))
_CONSISTENCY = tuple(
    consistency_metrics(
        np.stack([_ONE, _ONE], 1), _ONE, _ONE, [np.ones((1, 1), np.uint16)], tolerance=0
    )
)


class CompressionScores(ExactMetric):
    """PSNR, SSIM, spectral angle, rate and compression ratio of decoded images, by rate point.

    The values of tasks of the kind compression, for R rate points; with one, such as the only
    network of a training, each is a single number. ``psnr_points`` is the mean of the images' PSNR
    and ``pooled_psnr_points`` that of the mean squared error of all, torchmetrics'
    ``PeakSignalNoiseRatio(data_range=1.0)`` with and without ``dim=(1, 2, 3)``, for images of one
    size. ``sa_points``, in degrees, is ``SpectralAngleMapper`` there, in radians and NaN where a
    spectrum is all zeros. ``ssim_points`` averages over the windows that lie within the image, and
    ``StructuralSimilarityIndexMeasure(data_range=1.0)`` also over those of a border that it adds by
    reflection.

    Memory: 5 + C numbers for each image and rate point.

    Args:
        names: one or several of ``psnr_points``, ``pooled_psnr_points``, ``sa_points``,
            ``ssim_points``, ``error_points``, ``band_psnr_bands`` [R * C] and, where sizes are
            given, ``bpppc_points``, ``cr_points`` and ``psnr_curve``, a single number.
        num_channels: C of an image.
        num_points: R.
        source_bits: of a value without compression, for ``cr_points``.
        bpppc: the rates, from and to, over whose logarithm ``psnr_curve`` averages PSNR.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        RequestError: as for `ExactMetric`; ``psnr_curve`` is asked for without ``bpppc``.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import CompressionScores
        >>> names = ["psnr_points", "bpppc_points"]
        >>> metric = CompressionScores(names, num_channels=4)
        >>> images = torch.full((2, 4, 16, 16), 0.5)
        >>> metric.update(images + 0.01, images, sizes=torch.tensor([128, 384]))
        >>> {name: round(value.item(), 3) for name, value in metric.compute().items()}
        {'psnr_points': 40.0, 'bpppc_points': 2.0}
    """

    def __init__(
        self,
        names: str | Sequence[str] = "psnr_points",
        *,
        num_channels: int,
        num_points: int = 1,
        source_bits: int = 16,
        bpppc: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(names, (*_LOSSES, *_SIZES), **kwargs)
        if "psnr_curve" in self.names and bpppc is None:
            raise RequestError(
                "psnr_curve averages over rates, and none are given",
                "pass bpppc=(from, to), in bits per pixel and channel",
            )
        self.num_channels, self.num_points = num_channels, num_points
        self._curves = [name for name in self.names if name == "psnr_curve"]
        self._scale = Scale(bpppc or (0.0, 0.0), (0.0, 0.0), source_bits)
        for name in ("pixels", "sizes", "squared_error", "largest", "angle", "ssim"):
            self._list(name, torch.float64)

    def update(
        self,
        preds: Tensor,
        target: Tensor,
        sizes: Tensor | None = None,
        surfaces: Tensor | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            preds: [N, C, H, W] decoded images with 1.0 as the peak; [R, N, C, H, W] where there are
                several rate points.
            target: [N, C, H, W] the originals.
            sizes: [N] or [R, N], the bytes of each stream; needed for rates alone.
            surfaces: [N, H, W] uint8, the surface of each pixel, 255 where unknown. Tasks sum
                errors surface by surface: with theirs values are equal to the last bit, and
                without any to some fifteen digits.

        Raises:
            BenchError: a shape or a type isn't as above, a value isn't finite, sizes are missing,
                or one isn't positive.
        """
        many = (self.num_points, *target.shape)
        if target.ndim != 4 or target.shape[1] != self.num_channels:
            raise BenchError(
                f"expected originals [N, {self.num_channels}, H, W], found {list(target.shape)}"
            )
        decoded = preds[None] if preds.ndim == 4 else preds
        if decoded.shape != many:
            raise BenchError(f"expected decoded images {list(many)}, found {list(preds.shape)}")
        taken = self._sizes(sizes, len(target))
        originals, made = (
            floats(images, what).float().cpu().contiguous().numpy()
            for images, what in ((target, "originals"), (decoded, "decoded images"))
        )
        self._add("samples", len(originals))
        areas = np.full(originals[:, 0].shape, NO_REGION, np.uint8)
        if surfaces is not None:
            areas = surfaces.detach().cpu().numpy()
        if areas.shape != originals[:, 0].shape:
            raise BenchError(f"expected the surfaces of {list(target.shape)}, found {areas.shape}")
        for number, (original, area) in enumerate(zip(originals, areas, strict=True)):
            lost = [distortion(original, point[number], area, len(SURFACES))[0] for point in made]
            self._append("pixels", np.array(area.size))
            self._append("sizes", taken[:, number])
            self._append("squared_error", np.stack([each.squared_error for each in lost]))
            self._append("largest", np.stack([each.largest for each in lost]))
            self._append("angle", np.stack([each.angle for each in lost]))
            self._append("ssim", np.array([ssim(original, point[number]) for point in made]))

    def _sizes(self, sizes: Tensor | None, count: int) -> Tensor:
        """The bytes of each stream, [R, N]."""
        if sizes is None:
            if wanting := [name for name in self.names if name in _SIZES]:
                raise BenchError(
                    f"{wanting[0]} needs the size of each stream", "pass sizes=, in bytes"
                )
            return torch.ones(self.num_points, count)
        found = sizes.detach().cpu()
        found = found[None] if found.ndim == 1 else found
        if found.shape != (self.num_points, count) or not bool((found > 0).all()):
            raise BenchError(
                f"expected positive sizes [{self.num_points}, {count}] in bytes, found "
                f"{list(sizes.shape)}"
            )
        return found

    def _values(self) -> Mapping[str, Floats]:
        pixels, points = self._kept("pixels")[:, None], self.num_points
        sizes, largest, angle, similar = (
            rows(self._kept(name), points) for name in ("sizes", "largest", "angle", "ssim")
        )
        squared = self._kept("squared_error").reshape(len(pixels), points, self.num_channels)
        observed = Observed(
            pixels=pixels,
            channels=np.full_like(pixels, self.num_channels),
            bytes=sizes,
            latents=np.zeros_like(sizes),
            squared_error=squared,
            largest=largest,
            angle=angle,
            ssim=similar,
        )
        once = np.ones((1, len(pixels)), np.uint16)
        found = codec_metrics(observed, [once], self._scale, self._curves)
        return {name: values[0] for name, values in found.items()}


class ConsistencyScores(ExactMetric):
    """How far augmented signatures deviate from the time series of their pixels.

    The values of tasks of the kind consistency: `bench.metrics.consistency` has the distances and
    `bench.metrics.deviation_ratios` the metrics. torchmetrics has nothing like them. Where pixels
    have classes tasks sum over them as well, which changes the last of some fifteen digits.

    Memory: (3 + M) * 5 numbers for each location.

    Args:
        std: [B] what reflectance is divided by, per band.
        names: one or several of ``s_noaug``, ``spread``, ``s_aug``, ``ratio`` and ``consistent``
            with a distance behind them, ``l1``, ``l2``, ``angle``, ``nearest`` or ``z``; and of
            ``s_aug_points``, ``ratio_points``, ``consistent_points`` and ``ratio_D_points`` [M].
        num_points: M, the number of magnitudes.
        tolerance: how much more augmented signatures may deviate than original ones, as a share.
        kwargs: those of `torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from bench.metrics.torchmetrics import ConsistencyScores
        >>> metric = ConsistencyScores(std=[0.1, 0.1])
        >>> series = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1, 1).expand(3, 2, 4, 4)
        >>> metric.update(series + 0.2, series)
        >>> round(metric.compute().item(), 4)
        1.5
    """

    def __init__(
        self,
        std: Sequence[float],
        names: str | Sequence[str] = "ratio_l1",
        *,
        num_points: int = 1,
        tolerance: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(names, _CONSISTENCY, std, **kwargs)
        self.std, self.num_points, self.tolerance = tuple(std), num_points, tolerance
        for name in ("sums", "squares", "pixels"):
            self._list(name, torch.float64)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in one location.

        Args:
            preds: [T, B, H, W] augmented reflectance, date by date, of any floating-point type;
                [M, T, B, H, W] where there are several magnitudes.
            target: [T, B, H, W] the original on T >= 2 dates.

        Raises:
            BenchError: a shape or a type isn't as above, or a value is NaN.
        """
        if target.ndim != 4 or target.shape[1] != len(self.std) or len(target) < 2:
            raise BenchError(
                f"expected a series [T, {len(self.std)}, H, W] of two dates or more, found "
                f"{list(target.shape)}"
            )
        augmented = preds[None] if preds.ndim == 4 else preds
        if augmented.shape != (self.num_points, *target.shape):
            raise BenchError(
                f"expected augmented series {[self.num_points, *target.shape]}, found "
                f"{list(preds.shape)}"
            )
        series, *made = (
            floats(images, "reflectance").float().cpu().flatten(2).contiguous()
            for images in (target, *augmented)
        )
        found = deviations([series, *made], series, series.new_tensor(self.std))
        sums, squares = sums_over(found, torch.ones(1, series.shape[2], dtype=torch.bool))
        known = ~squares[:, 0].isnan() * series.shape[2]
        self._add("samples", 1)
        for name, values in (("sums", sums[:, 0]), ("squares", squares[:, 0]), ("pixels", known)):
            # Date after date, as tasks add them up.
            dates = np.nan_to_num(values.to(torch.float64).numpy())
            self._append(name, np.add.reduceat(dates, [0], axis=0))

    def _values(self) -> Mapping[str, Floats]:
        squares, pixels = (rows(self._kept(name), len(DISTANCES)) for name in ("squares", "pixels"))
        sums = self._kept("sums").reshape(len(squares), 1 + self.num_points, len(DISTANCES))
        once = np.ones((1, len(squares)), np.uint16)
        found = consistency_metrics(sums, squares, pixels, [once], self.tolerance)
        return {name: values[0] for name, values in found.items()}
