"""Floors of maps: what is known of a pixel without its neighbours, or without looking at it."""

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import nn
from torch.nn.functional import interpolate

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.kinds.common.class_maps import VOID

from .series import Series

_ROWS = 1 << 16
_SMALLEST = 1e-6
_RIDGE = 1e-6


class ClassPrior(nn.Module):
    """Images or series -> logits float32 [N, outputs, height, width], the same at every pixel.

    The logarithm of how often each class occurs among the labelled pixels of the training split, so
    that every pixel is given the most frequent class. A class that doesn't occur counts as half a
    pixel.

    Args:
        in_channels, size: not used: no image is looked at.
        outputs: classes.
    """

    logits: torch.Tensor

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        self.register_buffer("logits", torch.zeros(outputs))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count the classes of the training split.

        Raises:
            BenchError: no pixel is labelled.
        """
        classes = len(self.logits)
        count = torch.zeros(classes, dtype=torch.float64)
        for batch in batches:
            known = batch.targets[batch.targets != VOID].long()
            count += torch.bincount(known, minlength=classes).cpu()
        if not count.sum():
            raise _unlabelled()
        self.logits.copy_((count.clamp(min=0.5) / count.sum()).log())

    def forward(self, images: torch.Tensor | Series) -> torch.Tensor:
        """The same logits for every pixel."""
        pixels = next(iter(images.values()))[0] if isinstance(images, Mapping) else images
        shape = (len(pixels), len(self.logits), *pixels.shape[-2:])
        return self.logits[:, None, None].expand(shape).clone()


class PixelClassifier(nn.Module):
    """Images float32 [N, in_channels, height, width] -> logits [N, outputs, height, width].

    Linear discriminant analysis (R. A. Fisher, Annals of Eugenics 7, 1936; T. Hastie, R.
    Tibshirani, J. Friedman: The Elements of Statistical Learning, 2nd ed., 4.3) of the bands of one
    pixel, their squares and their products, so that the borders between classes are quadratic.
    Whatever a model scores above it, it has seen in the surroundings of the pixels.

    Args:
        in_channels: bands.
        outputs: classes.
        size: not used: pixels are looked at one by one.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        self.first, self.second = torch.triu_indices(in_channels, in_channels).tolist()
        features = in_channels + len(self.first)
        self.linear = nn.Linear(features, outputs)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Find means and the common covariance of the classes in one pass over the training split.

        Sums in float64 are all that is kept of the pixels, which may be any number.

        Raises:
            BenchError: no pixel is labelled.
        """
        classes, features = self.linear.weight.shape
        device = self.linear.weight.device
        count = torch.zeros(classes, dtype=torch.float64, device=device)
        total = torch.zeros(classes, features, dtype=torch.float64, device=device)
        square = torch.zeros(features, features, dtype=torch.float64, device=device)
        for pixels, labels in _labelled(batches):
            x, one_hot = self._features(pixels).double(), nn.functional.one_hot(labels, classes)
            count += one_hot.sum(dim=0)
            total += one_hot.double().T @ x
            square += x.T @ x
        samples = count.sum()
        if not samples:
            raise _unlabelled()
        mean = total.sum(dim=0) / samples
        of_class = total / count.clamp(min=1)[:, None]
        within = (square - (of_class * count[:, None]).T @ of_class) / samples
        # A feature that never changes says nothing, and must not be divided by 0.
        scale = (square / samples - mean[:, None] * mean).diagonal().clamp(min=1e-12).sqrt()
        within = within / (scale[:, None] * scale)
        within += _RIDGE * torch.eye(features, dtype=torch.float64, device=device)
        centred = (of_class - mean) / scale
        weight = torch.linalg.solve(within, centred.T).T
        prior = (count.clamp(min=0.5) / samples).log()
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(prior - (weight * centred).sum(dim=1) / 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log posterior of each class at each pixel, up to what is common to all classes."""
        pixels = images.movedim(1, -1)
        logits: torch.Tensor = self.linear((self._features(pixels) - self.mean) / self.scale)
        return logits.movedim(-1, 1)

    def _features(self, pixels: torch.Tensor) -> torch.Tensor:
        products = pixels[..., self.first] * pixels[..., self.second]
        return torch.cat([pixels, products], dim=-1)


class MeanDepth(nn.Module):
    """Images float32 [N, in_channels, height, width] -> depths in metres [N, 1, height, width].

    The mean depth of the training split, the constant with the lowest RMSE there.

    Args:
        in_channels, size: not used: no image is looked at.
        outputs: 1.

    Raises:
        ValueError: the model has another number of outputs.
    """

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        _one(outputs)
        self.depth = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Average over all pixels of known depth.

        Raises:
            BenchError: no depth is known.
        """
        count, total = 0, 0.0
        for batch in batches:
            known = batch.targets[~batch.targets.isnan()].double()
            count, total = count + known.numel(), total + float(known.sum())
        if not count:
            raise _unsounded()
        self.depth.fill_(total / count)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same depth for every pixel."""
        return self.depth.expand(len(images), 1, *images.shape[-2:]).clone()


class OneBand(nn.Module):
    """Images float32 [N, in_channels, height, width] -> depths in metres [N, 1, height, width].

    Depth as a line in the logarithm of one band. Light fades exponentially with depth, so over one
    kind of bottom it is one (D. R. Lyzenga, Applied Optics 17, 1978); a dark bottom is taken for
    deep water. The band is that with the smallest squared error on the training split. It wants
    values in proportion to reflectance, as `baselines.architectures.bathymetry.Stumpf` does.

    Args:
        in_channels: bands to choose from.
        outputs: 1.
        size: not used: pixels are looked at one by one.

    Raises:
        ValueError: the model has another number of outputs.
    """

    band: torch.Tensor

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        _one(outputs)
        self.channels = in_channels
        self.register_buffer("band", torch.zeros((), dtype=torch.int64))
        self.slope = nn.Parameter(torch.zeros(()))
        self.intercept = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Choose the band, and its line by least squares over all pixels of known depth.

        Raises:
            BenchError: no depth is known.
        """
        # Of the bands' logarithms, then depth, then 1: sums of products.
        sums = torch.zeros(self.channels + 2, self.channels + 2, dtype=torch.float64)
        for batch in batches:
            depths = batch.targets
            known = ~depths.isnan()
            images = interpolate(batch.inputs, size=depths.shape[1:])
            bands = _logarithm(images).movedim(1, -1)[known].double()
            columns = [bands, depths[known].double()[:, None], torch.ones_like(bands[:, :1])]
            x = torch.cat(columns, dim=1)
            sums += (x.T @ x).cpu()
        count = sums[-1, -1]
        if not count:
            raise _unsounded()
        mean = sums[-1, :-1] / count
        covariance = sums[:-1, :-1] / count - mean[:, None] * mean
        spread, shared = covariance.diagonal()[:-1].clamp(min=1e-12), covariance[:-1, -1]
        band = int((shared**2 / spread).argmax())
        slope = float(shared[band] / spread[band])
        self.band.fill_(band)
        self.slope.fill_(slope)
        self.intercept.fill_(float(mean[-1]) - slope * float(mean[band]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The depth of every pixel in metres."""
        band = images.index_select(1, self.band.reshape(1))
        depths: torch.Tensor = self.slope * _logarithm(band) + self.intercept
        return depths


def _logarithm(images: torch.Tensor) -> torch.Tensor:
    return images.clamp(min=_SMALLEST).log()


def _labelled(batches: Iterable[Batch]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Pixels [n, bands] and their classes int64 [n], some at a time."""
    for batch in batches:
        classes = batch.targets.flatten().long()
        images = batch.inputs
        if images.shape[-2:] != batch.targets.shape[-2:]:
            size = batch.targets.shape[-2:]
            images = interpolate(images, size=size, mode="bilinear", align_corners=True)
        pixels = images.movedim(1, -1).flatten(0, -2)
        known = classes != VOID
        yield from zip(pixels[known].split(_ROWS), classes[known].split(_ROWS), strict=True)


def _one(outputs: int) -> None:
    if outputs != 1:
        raise ValueError(f"a depth has 1 output, not {outputs}")


def _unlabelled() -> BenchError:
    return BenchError(
        "expected pixels with a class in the training split, found none",
        "`bench data verify` compares the labels with the published ones",
    )


def _unsounded() -> BenchError:
    return BenchError(
        "expected pixels of known depth in the training split, found none",
        "`bench data verify` compares the depths with the published ones",
    )
