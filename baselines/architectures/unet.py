"""A plain U-Net.

O. Ronneberger, P. Fischer, T. Brox: U-Net: Convolutional Networks for Biomedical Image
Segmentation. MICCAI 2015, arXiv:1505.04597. Unlike there, convolutions are padded and followed by
batch normalisation, so that the output has the size of the input.
"""

import torch
from torch import nn
from torch.nn.functional import pad


class UNet(nn.Module):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs, size, size].

    Args:
        in_channels: channels of an image.
        outputs: channels of the result.
        size: height and width of an image in pixels, at least ``2 ** depth``.
        width: channels at full resolution; they double with every level below.
        depth: levels below full resolution.

    Raises:
        ValueError: ``size`` is too small for ``depth``.
    """

    def __init__(
        self, in_channels: int, outputs: int, size: int, width: int = 32, depth: int = 4
    ) -> None:
        super().__init__()
        if size < 2**depth:
            raise ValueError(f"a depth of {depth} needs images of {2**depth} px, not {size}")
        widths = [width * 2**level for level in range(depth + 1)]
        # Halving an odd size loses its last row, so images are mirrored up to a multiple.
        self.margin = -size % 2**depth
        self.down = nn.ModuleList(map(_block, [in_channels, *widths[:-2]], widths[:-1]))
        self.pool = nn.MaxPool2d(2)
        self.bottom = _block(widths[-2], widths[-1])
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(2 * channels, channels, kernel_size=2, stride=2)
            for channels in reversed(widths[:-1])
        )
        self.up = nn.ModuleList(
            _block(2 * channels, channels) for channels in reversed(widths[:-1])
        )
        self.head = nn.Conv2d(width, outputs, kernel_size=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel."""
        height, width = images.shape[2:]
        features = pad(images, (0, self.margin, 0, self.margin), mode="reflect")
        kept = []
        for block in self.down:
            kept.append(block(features))
            features = self.pool(kept[-1])
        features = self.bottom(features)
        for widen, block in zip(self.widen, self.up, strict=True):
            features = block(torch.cat([kept.pop(), widen(features)], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits[:, :, :height, :width]


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            nn.Conv2d(channels, channels_out, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
