"""Depth from images: the U-Net of MagicBathyNet, and a log ratio of two bands."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch

_MIRRORED = 32


class MagicBathyUNet(nn.Module):
    """Images float32 [N, in_channels, size, size] in [0, 1] -> depths [N, outputs, size, size].

    The U-Net without normalisation layers of P. Agrafiotis et al., MagicBathyNet, IGARSS 2024,
    arXiv:2405.15477; 1,925,601 parameters for 3 channels and 1 output, in the order of the
    published checkpoints. Images are clipped to [0, 1], as in the published training.

    The published test mirrors 32 px around each image and cuts them off the result, and doesn't
    clip: with ``released`` that is what evaluation does, and training is as before.

    Args:
        in_channels: channels of an image.
        outputs: channels of the result.
        size: height and width of an image in pixels, at least 8.
        scale: what the last layer's output is multiplied by. The published network learns depths
            divided by the deepest of its area; with that depth in metres as the scale it returns
            metres and learns the same.
        released: evaluate as the released code does.

    Raises:
        ValueError: ``size`` is too small, or ``scale`` isn't positive.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,
        scale: float = 1.0,
        released: bool = False,
    ) -> None:
        super().__init__()
        if size < 8:
            raise ValueError(f"three levels of pooling need images of 8 px, not {size}")
        if released and size <= _MIRRORED:
            raise ValueError(f"{_MIRRORED} px can't be mirrored around images of {size} px")
        if not scale > 0:
            raise ValueError(f"the scale is a positive depth, not {scale}")
        self.scale, self.released = scale, released
        widths = (32, 64, 128, 256)
        self.down = nn.ModuleList(map(_block, (in_channels, *widths[:-1]), widths))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2),
                    _block(2 * width, width),
                ]
            )
            for width in reversed(widths[:-1])
        )
        self.head = nn.Conv2d(widths[0], outputs, kernel_size=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The depth of every pixel in units of ``1 / scale``."""
        if self.training or not self.released:
            return self._depths(images.clamp(0, 1))
        depths = self._depths(pad(images, (_MIRRORED,) * 4, mode="reflect"))
        return depths[:, :, _MIRRORED:-_MIRRORED, _MIRRORED:-_MIRRORED]

    def _depths(self, features: torch.Tensor) -> torch.Tensor:
        kept: list[torch.Tensor] = []
        for block in self.down:
            features = block(self.pool(kept[-1]) if kept else features)
            kept.append(features)
        kept.pop()
        for widen, block in self.up:
            skip, features = kept.pop(), widen(features)
            down, right = (s - f for s, f in zip(skip.shape[2:], features.shape[2:], strict=True))
            # Pooling an odd size loses a row; it comes back as zeros.
            margins = (right // 2, right - right // 2, down // 2, down - down // 2)
            features = block(torch.cat([skip, pad(features, margins)], dim=1))
        depths: torch.Tensor = self.head(features)
        return self.scale * depths


class Stumpf(nn.Module):
    """Images float32 [N, in_channels, size, size] -> depths in metres [N, 1, size, size].

    The log ratio of R. P. Stumpf, K. Holderied, M. Sinclair, Limnology and Oceanography 48, 2003:
    z = m1 ln(n R_blue) / ln(n R_green) - m0. Of the two parameters `fit` finds the least squares.

    The ratio wants values in proportion to reflectance. Inputs divided by a maximum, one for all
    bands, are: their factor is part of n. Those from which a mean was subtracted are not.

    Args:
        in_channels: channels of an image.
        outputs: 1.
        size: height and width of an image in pixels; any.
        blue: the channel that water dims least.
        green: the channel that it dims more. In turbid water green and red can take these parts.
        gain: n, which keeps both logarithms positive.

    Raises:
        ValueError: the model has another number of outputs, or the channels aren't two of them.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int,  # noqa: ARG002 - every architecture takes it
        blue: int,
        green: int,
        gain: float = 1000.0,
    ) -> None:
        super().__init__()
        if outputs != 1:
            raise ValueError(f"a log ratio has 1 output, not {outputs}")
        if blue == green or not all(0 <= index < in_channels for index in (blue, green)):
            raise ValueError(f"blue {blue} and green {green} aren't two of {in_channels} channels")
        self.bands = [blue, green]
        self.gain = gain
        self.slope = nn.Parameter(torch.zeros(()))
        self.intercept = nn.Parameter(torch.zeros(()))

    def ratio(self, images: torch.Tensor) -> torch.Tensor:
        """ln(n blue) / ln(n green), [N, height, width]; both logarithms are at least 1."""
        blue, green = (self.gain * images[:, self.bands]).clamp(min=torch.e).log().unbind(dim=1)
        return blue / green

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The depth of every pixel in metres."""
        depths: torch.Tensor = self.slope * self.ratio(images) - self.intercept
        return depths[:, None]

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Set slope and intercept to the least squares over all pixels that count.

        Args:
            batches: of the kind depth; true depths of another size than the images are compared
                with the ratios of the nearest pixels.

        Raises:
            BenchError: no depth is known, or all pixels have one ratio.
        """
        sums = torch.zeros(5, dtype=torch.float64)
        for batch in batches:
            depths = batch.targets
            known = ~depths.isnan()
            ratio = interpolate(self.ratio(batch.inputs)[:, None], size=depths.shape[1:])[:, 0]
            # Ratios lie close to 1, so sums of their distance from it lose fewer digits.
            x, z = ratio[known].double() - 1, depths[known].double()
            terms = (torch.ones_like(x), x, z, x * x, x * z)
            sums += torch.stack([term.sum() for term in terms]).cpu()
        count, x_sum, z_sum, xx_sum, xz_sum = sums.tolist()
        spread = count * xx_sum - x_sum * x_sum
        if count == 0 or spread <= 1e-12 * count * xx_sum:
            raise BenchError(
                "expected pixels of known depth with log ratios that differ, found "
                + (f"{count:.0f} with one ratio" if count else "none"),
                "does the contract give both bands in proportion to reflectance?",
            )
        slope = (count * xz_sum - x_sum * z_sum) / spread
        self.slope.fill_(slope)
        self.intercept.fill_(slope - (z_sum - slope * x_sum) / count)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels_out, channels_out, kernel_size=3, padding=1),
        nn.ReLU(inplace=True),
    )
