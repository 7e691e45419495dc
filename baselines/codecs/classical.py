"""What codecs without weights share: the images they take and the search for a target rate."""

import abc
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import BenchError

from . import rates as targets
from .stream import Stream, unpack


class RateCodec(torch.nn.Module, abc.ABC):
    """A codec whose rate points are targets in bits per value.

    Args:
        in_channels: channels of an image.
        outputs: not used: an image comes back as it went in.
        size: not used: images may have any size.
        rates: the rate points, bits per value parted by spaces.

    Raises:
        ValueError: ``rates`` aren't positive numbers.
    """

    codec: ClassVar[str]
    """The name in its streams."""

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002
        size: int,  # noqa: ARG002
        rates: str = "0.1 0.3 1 2 4",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.rates = targets.parse(rates)
        self.points = tuple(self.rates)

    @abc.abstractmethod
    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """The best stream of an image [C, H, W] that is found within a budget."""

    @abc.abstractmethod
    def image(self, stream: Stream) -> NDArray[np.float32]:
        """The image [C, H, W] of a stream."""

    def latents(self, point: str, shape: tuple[int, int, int]) -> None:
        """None: the rate is one of bytes, not of elements."""

    def encode(self, image: torch.Tensor, point: str) -> bytes:
        """The best stream that a few encodes find within the target of a point.

        Where even the lowest quality takes more, the stream of that.

        Args:
            image: float32 [C, H, W] in [0, 1].
            point: one of ``points``.

        Raises:
            RequestError: there is no such point.
            BenchError: the image has other channels or values.
        """
        values = pixels(image, self.in_channels)
        return self.within(values, targets.budget(self.rates, point, values.shape))

    def decode(self, stream: bytes) -> torch.Tensor:
        """The image float32 [C, H, W] in [0, 1] of a stream.

        Raises:
            BenchError: the stream is damaged or another codec's.
        """
        return torch.from_numpy(self.image(unpack(stream, self.codec)))


def pixels(image: torch.Tensor, channels: int) -> NDArray[np.float32]:
    """An image as an array, checked.

    Raises:
        BenchError: it isn't [channels, H, W], holds no pixel or values outside of [0, 1].
    """
    if image.ndim != 3 or len(image) != channels or not image.numel():
        raise BenchError(
            f"expected an image of {channels} channels [C, H, W], found {list(image.shape)}",
            "build the codec for the channels of the task",
        )
    values: NDArray[np.float32] = image.detach().to("cpu", torch.float32).numpy()
    # Written so that NaN fails too.
    if not (values.min() >= 0 and values.max() <= 1):
        raise BenchError(
            f"expected values in [0, 1], found {values.min():g} to {values.max():g}",
            "divide reflectance by its peak and clip it",
        )
    return values
