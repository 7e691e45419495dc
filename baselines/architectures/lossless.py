"""Lossless JPEG XL of 16-bit bands: how far rates go without any loss.

Images whose values are multiples of 1/10,000, as reflectance is delivered, are coded as those
integers; others are refused, for without loss they would be 32-bit noise.
"""

import numpy as np
import torch

from bench.base.errors import BenchError, RequestError

from ..codecs import jpegxl
from ..codecs.classical import pixels
from ..codecs.stream import pack, unpack

_CODEC = "lossless-jpegxl"
_SCALE = 10_000
_ROUNDING = 1e-3
"""How far 32-bit rounding may take a value near 1 from its integer, and some more."""
_EFFORT = 7


class Lossless(torch.nn.Module):
    """Streams of images float32 [C, H, W] of multiples of 1/10,000 in [0, 1]; one rate point.

    Args:
        in_channels: channels of an image.
        outputs: not used: an image comes back as it went in.
        size: not used: images may have any size.
    """

    points = ("lossless",)

    def __init__(self, in_channels: int, outputs: int, size: int) -> None:  # noqa: ARG002
        super().__init__()
        self.in_channels = in_channels

    def latents(self, point: str, shape: tuple[int, int, int]) -> None:
        """None: the rate is one of bytes, not of elements."""

    def encode(self, image: torch.Tensor, point: str) -> bytes:
        """The stream of an image, whatever its size.

        Raises:
            RequestError: there is no such point.
            BenchError: the image has other channels, or values between the multiples.
        """
        if point not in self.points:
            raise RequestError(f"no rate point {point!r}", f"there is {self.points[0]!r}")
        values = pixels(image, self.in_channels)
        scaled = values.astype(np.float64) * _SCALE
        integers = np.rint(scaled).astype(np.uint16)
        if np.abs(scaled - integers).max() > _ROUNDING:
            raise BenchError(
                f"expected multiples of 1/{_SCALE}, found values between them",
                "feed the codec reflectance as delivered, without resampling or normalisation",
            )
        return pack(_CODEC, values.shape, {}, jpegxl.encode(integers, None, _EFFORT))

    def decode(self, stream: bytes) -> torch.Tensor:
        """The integers of the image over 10,000, float32 [C, H, W].

        Raises:
            BenchError: the stream is damaged or another codec's.
        """
        parts = unpack(stream, _CODEC)
        integers = jpegxl.decode(parts.payload, parts.shape)
        return torch.from_numpy(integers.astype(np.float32) / np.float32(_SCALE))
