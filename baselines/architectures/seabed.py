"""The networks that MagicBathyNet was published with for the cover of the seabed.

P. Agrafiotis, L. Janowski, D. Skarlatos, B. Demir: MagicBathyNet. IGARSS 2024, arXiv:2405.15477,
https://github.com/pagraf/MagicBathyNet. Both networks there have one more output, for pixels
without a class, which count nothing in its loss; such pixels are left out here.
"""

from abc import abstractmethod

import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from .segformer import SegFormer

_WINDOWS_AT_ONCE = 16


class _Released(nn.Module):
    """What the released code does to images around a network.

    Values are clipped to [0, 1]. In training those that are 0 become 0.5. In evaluation logits of
    windows are summed: these begin at multiples of ``stride`` and are moved back inside where they
    don't fit, so that the last one counts as often as that happens.
    """

    window: int
    stride: int

    @abstractmethod
    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel of a window."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel."""
        images = images.clamp(0, 1)
        if self.training:
            return self._logits(images.masked_fill(images == 0, 0.5))
        height, width = images.shape[2:]
        side, whole = self.window, None
        places = [
            (top, left, down * right)
            for top, down in self._starts(height).items()
            for left, right in self._starts(width).items()
        ]
        per_call = max(1, _WINDOWS_AT_ONCE // len(images))
        for begin in range(0, len(places), per_call):
            chosen = places[begin : begin + per_call]
            parts = [images[:, :, y : y + side, x : x + side] for y, x, _ in chosen]
            found = self._logits(torch.cat(parts)).unflatten(0, (len(chosen), len(images)))
            if whole is None:
                whole = found.new_zeros(*found.shape[1:3], height, width)
            for (y, x, times), part in zip(chosen, found, strict=True):
                whole[:, :, y : y + side, x : x + side] += times * part
        assert whole is not None
        return whole

    def _starts(self, side: int) -> dict[int, int]:
        """Where windows begin, and how often each counts."""
        last, found = max(0, side - self.window), dict[int, int]()
        for start in range(0, side, self.stride):
            found[min(start, last)] = found.get(min(start, last), 0) + 1
        return found


class PublishedUNet(_Released):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs, size, size].

    A U-Net of four levels from 64 channels up, with batch normalisation, whose decoder enlarges
    bilinearly.

    Args:
        in_channels: channels of an image.
        outputs: channels of the result.
        size: of the contract; any of at least 16 px.
        width: channels at full resolution.
        window, stride: of what is seen at once in evaluation, in pixels.

    Raises:
        ValueError: images are too small for four levels.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,
        width: int = 64,
        window: int = 256,
        stride: int = 32,
    ) -> None:
        super().__init__()
        if min(size or window, window) < 16:
            raise ValueError(
                f"four levels need windows of 16 px, not {min(size or window, window)}"
            )
        self.window, self.stride = window, stride
        w = width
        self.enter = _block(in_channels, w, w)
        self.down = nn.ModuleList(
            _block(before, after, after)
            for before, after in ((w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 8 * w))
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            _block(2 * channels, channels, after)
            for channels, after in ((8 * w, 4 * w), (4 * w, 2 * w), (2 * w, w), (w, w))
        )
        self.head = nn.Conv2d(w, outputs, kernel_size=1)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        kept = [self.enter(images)]
        for block in self.down:
            kept.append(block(self.pool(kept[-1])))
        features = kept.pop()
        for block in self.up:
            skip = kept.pop()
            features = interpolate(features, scale_factor=2, mode="bilinear", align_corners=True)
            down, right = (s - f for s, f in zip(skip.shape[2:], features.shape[2:], strict=True))
            margins = (right // 2, right - right // 2, down // 2, down - down // 2)
            features = block(torch.cat([skip, pad(features, margins)], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits


class PublishedSegFormer(_Released, SegFormer):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs, size, size].

    `SegFormer` from random weights, as the released notebook makes it, with dropout of whole
    channels.

    Args:
        in_channels, outputs, size, encoder: as `SegFormer`.
        window, stride: of what is seen at once in evaluation, in pixels.

    Raises:
        ValueError: as `SegFormer`.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,
        encoder: str = "b5",
        window: int = 256,
        stride: int = 32,
    ) -> None:
        SegFormer.__init__(self, in_channels, outputs, min(size or window, window), encoder)
        self.window, self.stride = window, stride
        self.fuse[3] = nn.Dropout2d(0.1)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = (
                    1e-5  # of the released encoder; timm's norms of patches have it already
                )

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        return SegFormer.forward(self, images)


def _block(channels_in: int, channels_between: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in ((channels_in, channels_between), (channels_between, channels_out)):
        layers += [
            nn.Conv2d(before, after, kernel_size=3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
