"""A small convolutional network for images, to be trained from scratch in minutes."""

from itertools import pairwise

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401


class SmallCNN(nn.Module):
    """Images float32 [N, in_channels, height, width] -> logits float32 [N, outputs].

    Four blocks of a 3 x 3 convolution, batch normalisation, ReLU and 2 x 2 max pooling, whose
    width doubles from block to block; the mean over what is left of the image; a linear layer.

    Args:
        in_channels: bands.
        outputs: classes.
        size: not used: images of 16 pixels a side or more fit.
        width: channels of the first block.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        width: int = 32,
    ) -> None:
        super().__init__()
        widths = [in_channels, *(width << place for place in range(4))]
        blocks = []
        for before, after in pairwise(widths):
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(widths[-1], outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits."""
        logits: torch.Tensor = self.classifier(self.features(images).mean(dim=(2, 3)))
        return logits
