"""SegFormer: a hierarchical transformer with a decoder of linear layers alone.

E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo: SegFormer: Simple and Efficient Design
for Semantic Segmentation with Transformers. NeurIPS 2021, arXiv:2105.15203.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import interpolate

import bench.base.torch_setup  # noqa: F401


class Size(NamedTuple):
    """Layers and channels of the four stages of an encoder; channels of its decoder."""

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    decoder: int


SIZES = {
    "b0": Size((2, 2, 2, 2), (32, 64, 160, 256), 256),
    "b1": Size((2, 2, 2, 2), (64, 128, 320, 512), 256),
    "b2": Size((3, 4, 6, 3), (64, 128, 320, 512), 768),
    "b3": Size((3, 4, 18, 3), (64, 128, 320, 512), 768),
    "b4": Size((3, 8, 27, 3), (64, 128, 320, 512), 768),
    "b5": Size((3, 6, 40, 3), (64, 128, 320, 512), 768),
}
"""The published encoders MiT-B0 to B5 with their decoders."""


class SegFormer(nn.Module):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs, size, size].

    The encoder is timm's Pyramid Vision Transformer v2, whose layers are those of MiT but for the
    width within the feed-forward layers: four times the channels in all stages of MiT. Weights
    start at random.

    Args:
        in_channels: channels of an image.
        outputs: channels of the result.
        size: height and width of an image in pixels, at least 32.
        encoder: a key of `SIZES`.

    Raises:
        ValueError: ``size`` is too small, or there is no such encoder.
    """

    def __init__(self, in_channels: int, outputs: int, size: int, encoder: str = "b0") -> None:
        super().__init__()
        if size < 32:
            raise ValueError(f"four stages need images of 32 px, not {size}")
        if encoder not in SIZES:
            raise ValueError(f"encoder {encoder!r} is not one of {', '.join(SIZES)}")
        import timm

        depths, widths, decoder = SIZES[encoder]
        self.encoder = timm.create_model(
            "pvt_v2_b0",
            in_chans=in_channels,
            features_only=True,
            depths=depths,
            embed_dims=widths,
            num_heads=(1, 2, 5, 8),
            mlp_ratios=(4, 4, 4, 4),
            drop_path_rate=0.1,
        )
        self.project = nn.ModuleList(nn.Linear(width, decoder) for width in widths)
        self.fuse = nn.Sequential(
            nn.Conv2d(len(widths) * decoder, decoder, kernel_size=1, bias=False),
            nn.BatchNorm2d(decoder),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
        )
        self.head = nn.Conv2d(decoder, outputs, kernel_size=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel."""
        stages = [
            project(stage.movedim(1, -1)).movedim(-1, 1)
            for project, stage in zip(self.project, self.encoder(images), strict=True)
        ]
        finest = stages[0].shape[2:]
        # Deepest first, as in the published code, so that its checkpoints fit.
        joined = torch.cat([_resized(stage, finest) for stage in reversed(stages)], dim=1)
        return _resized(self.head(self.fuse(joined)), images.shape[2:])


def _resized(values: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return interpolate(values, size=size, mode="bilinear", align_corners=False)
