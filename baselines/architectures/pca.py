"""Principal components of each image as 32-bit numbers, without quantisation or entropy coding.

The classical counterpart of autoencoders whose rate is the number of latent elements; unlike
theirs, its transform is fitted to the image and so is part of the stream.
"""

import numpy as np
import torch

from bench.base.errors import BenchError, RequestError

from ..codecs import klt
from ..codecs.classical import pixels
from ..codecs.stream import pack, unpack

_CODEC = "pca"

_PUBLISHED = 202, 7, 13, 26, 51
"""Channels of the EnMAP images of HySpecNet-11k, and the components at the published ratios."""


class PCA(torch.nn.Module):
    """Streams of images float32 [C, H, W] in [0, 1], for numbers of components.

    Args:
        in_channels: channels C of an image.
        outputs: not used: an image comes back as it went in.
        size: not used: images may have any size.
        components: the rate points, numbers of components parted by spaces; where none are given,
            those of as large a share of the channels as 7, 13, 26 and 51 are of 202.

    Raises:
        ValueError: ``components`` aren't different numbers from 1 to C.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002
        size: int,  # noqa: ARG002
        components: str = "",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        shares = (max(1, round(in_channels * k / _PUBLISHED[0])) for k in _PUBLISHED[1:])
        self.points = tuple(components.split() or dict.fromkeys(map(str, shares)))
        if not self.points or len(set(self.points)) < len(self.points):
            raise ValueError(f"expected different numbers of components, found {components!r}")
        if not all(p.isdecimal() and 1 <= int(p) <= in_channels for p in self.points):
            raise ValueError(f"expected 1 to {in_channels} components, found {components!r}")

    def latents(self, point: str, shape: tuple[int, int, int]) -> int:
        """Elements stored: components, basis vectors and means."""
        channels, height, width = shape
        return self._number(point) * (height * width + channels) + channels

    def encode(self, image: torch.Tensor, point: str) -> bytes:
        """The stream of an image: 4 bytes an element, 2 a mean.

        Raises:
            RequestError: there is no such point.
            BenchError: the image has other channels or values.
        """
        k = self._number(point)
        values = pixels(image, self.in_channels)
        # An image of fewer pixels has fewer components; the others are zero.
        transform = klt.fit(values)
        basis, components = transform.basis[:, :k], transform.components[:k]
        payload = klt.code_means(transform.means)
        payload += basis.astype("<f4").tobytes() + components.astype("<f4").tobytes()
        return pack(_CODEC, values.shape, {"k": len(components)}, payload)

    def decode(self, stream: bytes) -> torch.Tensor:
        """The image of a stream.

        Raises:
            BenchError: the stream is damaged or another codec's.
        """
        parts = unpack(stream, _CODEC)
        channels, height, width = parts.shape
        k = parts.integer("k", 0, channels)
        start, sizes = 2 * channels, (channels * k, k * height * width)
        if len(parts.payload) != start + 4 * sum(sizes):
            raise BenchError(
                f"expected {start + 4 * sum(sizes)} bytes of {k} components, "
                f"found {len(parts.payload)}",
                "compress the image again",
            )
        numbers = np.frombuffer(parts.payload[start:], "<f4").astype(np.float64)
        if not np.isfinite(numbers).all():
            raise BenchError("expected finite components, found others", "compress the image again")
        transform = klt.Transform(
            klt.decode_means(parts.payload[:start], channels),
            numbers[: sizes[0]].reshape(channels, k),
            numbers[sizes[0] :].reshape(k, -1),
        )
        return torch.from_numpy(klt.inverse(transform, parts.shape))

    def _number(self, point: str) -> int:
        if point not in self.points:
            raise RequestError(f"no rate point {point!r}", f"there are {' '.join(self.points)}")
        return int(point)
