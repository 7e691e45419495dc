"""Floors of compression: codecs that use no likeness of neighbours, and none of bands.

A codec that looks at an image at all gains over `BandMean`, and one that uses its neighbourhoods or
its spectra gains over `ScalarQuantiser`.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import BenchError, RequestError

from ..codecs import entropy, klt
from ..codecs.classical import RateCodec, pixels
from ..codecs.quantise import dequantise, quantise
from ..codecs.rates import largest_within
from ..codecs.stream import Stream, pack, unpack

_LEVELS = entropy.MAX_LEVELS
_MAX_BITS = 16


class BandMean(torch.nn.Module):
    """The mean of each band and nothing else: the fewest bits that say something of an image.

    A rate point is the number of bits of a mean. All of them take far less than a hundredth of a
    bit for each value of an image of some size, so its curve goes on level from there.

    Args:
        in_channels: channels C of an image.
        outputs: not used: an image comes back as it went in.
        size: not used: images may have any size.
        bits: the rate points, different numbers from 1 to 16 parted by spaces.

    Raises:
        ValueError: ``bits`` aren't such numbers.
    """

    codec = "band-mean"

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002
        size: int,  # noqa: ARG002
        bits: str = "4 8 16",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.points = tuple(bits.split())
        if not self.points or len(set(self.points)) < len(self.points):
            raise ValueError(f"expected different numbers of bits, found {bits!r}")
        if not all(point.isdecimal() and 1 <= int(point) <= _MAX_BITS for point in self.points):
            raise ValueError(f"expected 1 to {_MAX_BITS} bits, found {bits!r}")

    def latents(self, point: str, shape: tuple[int, int, int]) -> None:
        """None: the rate is one of bytes, not of elements."""

    def encode(self, image: torch.Tensor, point: str) -> bytes:
        """The stream of an image float32 [C, H, W] in [0, 1].

        Raises:
            RequestError: there is no such point.
            BenchError: the image has other channels or values.
        """
        if point not in self.points:
            raise RequestError(f"no rate point {point!r}", f"there are {' '.join(self.points)}")
        values = pixels(image, self.in_channels)
        means = values.mean(axis=(1, 2), dtype=np.float64)
        levels = np.rint(means * _highest(int(point))).astype(">u2")
        planes = np.unpackbits(levels.view(np.uint8).reshape(-1, 2), axis=1)[:, -int(point) :]
        return pack(self.codec, values.shape, {"bits": int(point)}, np.packbits(planes).tobytes())

    def decode(self, stream: bytes) -> torch.Tensor:
        """The image of a stream, the same value at all pixels of a band.

        Raises:
            BenchError: the stream is damaged or another codec's.
        """
        parts = unpack(stream, self.codec)
        channels, height, width = parts.shape
        bits = parts.integer("bits", 1, _MAX_BITS)
        if len(parts.payload) != -(-channels * bits // 8):
            raise BenchError(
                f"expected {channels} means of {bits} bits, found {len(parts.payload)} bytes",
                "compress the image again",
            )
        packed = np.frombuffer(parts.payload, np.uint8)
        planes = np.unpackbits(packed, count=channels * bits).reshape(channels, bits)
        means = planes @ (1 << np.arange(bits)[::-1]) / _highest(bits)
        image = np.broadcast_to(means.astype(np.float32)[:, None, None], (channels, height, width))
        return torch.from_numpy(image.copy())


class ScalarQuantiser(RateCodec):
    """Streams of means and of quantised differences from them, every value coded by itself.

    One quantisation step for all bands, which is reverse water-filling over them, and an entropy
    code for each band that knows how often each level occurs there and nothing of where: neither
    neighbours nor other bands help. See `RateCodec`.
    """

    codec = "scalar"

    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """Search for the step."""
        spectra = image.reshape(len(image), -1).astype(np.float64)
        means = klt.code_means(np.rint(spectra.mean(axis=1) * klt.MEAN).astype(np.uint16))
        spectra -= klt.decode_means(means, len(image))[:, None] / klt.MEAN

        def encode(quality: float) -> bytes:
            # From one where all differences are zero to one where all levels are used.
            step = 2.0 / 2**quality
            payload = entropy.code(quantise(spectra, step, _LEVELS), _LEVELS)
            return pack(self.codec, image.shape, {"step": step, "means": means}, payload)

        return largest_within(encode, 0, 16, most_bytes)

    def image(self, stream: Stream) -> NDArray[np.float32]:
        """Means and differences put together."""
        channels, height, width = stream.shape
        step = stream.real("step", 0, 2)
        symbols = entropy.decode(stream.payload, channels, height * width, _LEVELS)
        means = klt.decode_means(stream.blob("means"), channels)[:, None] / klt.MEAN
        image = np.clip(means + dequantise(symbols, step, _LEVELS), 0, 1)
        return image.astype(np.float32).reshape(stream.shape)


def _highest(bits: int) -> int:
    return (1 << bits) - 1
