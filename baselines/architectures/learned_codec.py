"""What learned codecs share: rate points, streams of latents, and images cut into blocks of pixels.

A codec holds one network per compression ratio (CR). A network turns an image into latents and
latents into an image; its float32 latents are one rate point (``cr4``), the same latents quantised
and entropy-coded are others (``cr4-8bit``). Which latents lie in [0, 1] the network says; others
are quantised between the least and the greatest of an image, which its stream tells.
"""

import hashlib
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from bench.base.errors import BenchError, RequestError

from ..codecs import entropy, stream
from ..codecs.quantise import dequantise, quantise

MAX_BITS = 16

_FLOAT_MAX = float(np.finfo(np.float32).max)


class Network(nn.Module):
    """Images float32 [N, C, H, W] to latents [N, *latent, H / stride, W / stride] and back.

    Sides that ``stride`` doesn't divide are continued with the last row and column, and cropped
    again.

    Args:
        encoder: images to latents.
        decoder: latents to images.
        latent: shape of the latents of one place.
        stride: pixels between places.
        bounded: latents lie in [0, 1].
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: tuple[int, ...],
        stride: int,
        *,
        bounded: bool,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent
        self.stride = stride
        self.bounded = bounded
        self._hashed: tuple[list[int], bytes] = ([], b"")

    def latent_shape(self, height: int, width: int) -> tuple[int, ...]:
        """The shape of one image's latents."""
        return (*self.latent, -(-height // self.stride), -(-width // self.stride))

    def to_latents(self, images: Tensor) -> Tensor:
        """Encode a batch."""
        height, width = images.shape[2:]
        margins = (0, -width % self.stride, 0, -height % self.stride)
        latents: Tensor = self.encoder(pad(images, margins, mode="replicate"))
        return latents

    def from_latents(self, latents: Tensor, height: int, width: int) -> Tensor:
        """Decode a batch to images of a size."""
        images: Tensor = self.decoder(latents)
        return images[:, :, :height, :width]

    def fingerprint(self) -> bytes:
        """The first 8 bytes of the SHA-256 of names, types, shapes and values of all weights."""
        state = self.state_dict()
        # Every change in place, be it a training step or a load, raises a tensor's version.
        versions = [tensor._version for tensor in state.values()]
        if self._hashed[0] != versions:
            digest = hashlib.sha256()
            for name, tensor in state.items():
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
                digest.update(tensor.cpu().contiguous().numpy())
            self._hashed = (versions, digest.digest()[:8])
        return self._hashed[1]


class Pixelwise(nn.Module):
    """A network of spectra, [n, channels] to [n, outputs], over the pixels of images.

    Args:
        network: of spectra.
        block: pixels at a time, so few that what is computed from them stays in a core's cache.
    """

    def __init__(self, network: nn.Module, block: int) -> None:
        super().__init__()
        self.network = network
        self.block = block

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, channels, H, W] to [N, outputs, H, W]."""
        samples, _, height, width = images.shape
        spectra = images.permute(0, 2, 3, 1).flatten(0, 2)
        outputs = torch.cat([self.network(block) for block in spectra.split(self.block)])
        return outputs.view(samples, height, width, -1).permute(0, 3, 1, 2)


class LearnedCodec(nn.Module, ABC):
    """Networks of several compression ratios, and the streams of what they encode.

    Args:
        in_channels: channels of an image.
        outputs: not used: an image comes back with the channels it had.
        size: not used: images may have any size.
        rates: nominal compression ratios, in words such as ``"4 8 16 32"``.
        bits: bits a quantised latent has, from 1 to 16, in words; none where empty.

    Attributes:
        points: the names of the rate points.

    Raises:
        ValueError: ``rates`` or ``bits`` are no such words, or a rate can't be had.
    """

    codec: ClassVar[str]
    """What its streams are called."""

    def __init__(
        self,
        in_channels: int,
        outputs: int | None = None,  # noqa: ARG002
        size: int | None = None,  # noqa: ARG002
        rates: str = "4 8 16 32",
        bits: str = "8",
    ) -> None:
        super().__init__()
        ratios, depths = _numbers("rates", rates), _numbers("bits", bits)
        if not ratios or max(depths, default=1) > MAX_BITS:
            raise ValueError(f"rates {rates!r} need one number, bits {bits!r} none over {MAX_BITS}")
        self.in_channels = in_channels
        self.networks = nn.ModuleDict({f"cr{cr}": self.network(in_channels, cr) for cr in ratios})
        self._points = {
            f"{name}-{depth}bit" if depth else name: (name, depth)
            for name in self.networks
            for depth in (0, *depths)
        }
        self.points = tuple(self._points)

    @staticmethod
    @abstractmethod
    def network(channels: int, rate: int) -> Network:
        """A network with random weights, for images of some channels, of a nominal ratio."""

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] through the float latents of each network, [networks, N, C, H, W]."""
        height, width = images.shape[2:]
        return torch.stack(
            [
                network.from_latents(network.to_latents(images), height, width)
                for network in self.networks.values()
            ]
        )

    def latents(self, point: str, shape: tuple[int, int, int]) -> int | None:
        """The number of latents of an image [C, H, W]; None where the point quantises them."""
        name, depth = self._point(point)
        return None if depth else int(np.prod(self.networks[name].latent_shape(*shape[1:])))

    @torch.inference_mode()
    def encode(self, image: Tensor, point: str) -> bytes:
        """An image float32 [C, H, W] as a complete stream.

        Raises:
            RequestError: there is no such point.
            BenchError: the network is in training mode, or its latents aren't finite.
        """
        name, depth = self._point(point)
        network = self._settled(name)
        latents = network.to_latents(image[None].to(_device(network)))[0].float().cpu().numpy()
        if not np.isfinite(latents).all():
            raise BenchError(
                f"expected finite latents at {point}, found NaN or infinity", "train it again"
            )
        fields: dict[str, stream.Field] = {"network": name, "weights": network.fingerprint()}
        if depth:
            fields["bits"] = depth
            low, high = 0.0, 1.0
            if not network.bounded:
                low, high = float(latents.min()), float(latents.max())
                fields["range"] = np.array([low, high], "<f4").tobytes()
            offset, step = _levels(low, high, depth)
            symbols = quantise(latents.astype(np.float64) - offset, step, 1 << depth)
            payload = entropy.code(symbols.reshape(len(latents), -1), 1 << depth)
        else:
            payload = latents.astype("<f4").tobytes()
        channels, height, width = image.shape
        return stream.pack(self.codec, (channels, height, width), fields, payload)

    @torch.inference_mode()
    def decode(self, encoded: bytes) -> Tensor:
        """The image float32 [C, H, W] of a stream that `encode` made with the same weights.

        Raises:
            BenchError: the stream is damaged or made with other weights, or the network is in
                training mode.
        """
        found = stream.unpack(encoded, self.codec)
        name = found.fields.get("network")
        if found.shape[0] != self.in_channels or name not in self.networks:
            raise BenchError(
                f"expected {self.in_channels} channels and one of {', '.join(self.networks)}, "
                f"found {found.shape[0]} channels and {str(name)[:40]!r}",
                "decode with the model that encoded",
            )
        network = self._settled(str(name))
        if found.blob("weights") != network.fingerprint():
            raise BenchError(
                f"expected a stream made with weights {network.fingerprint().hex()}, "
                f"found {found.blob('weights')[:8].hex()}",
                "decode with the weights that encoded",
            )
        height, width = found.shape[1:]
        latents = _latents_of(found, network.latent_shape(height, width), bounded=network.bounded)
        batch = torch.from_numpy(latents)[None].to(_device(network))
        image: Tensor = network.from_latents(batch, height, width)[0]
        return image

    def _point(self, point: str) -> tuple[str, int]:
        if point not in self._points:
            raise RequestError(
                f"{self.codec} has no rate point {point!r}", f"known: {', '.join(self.points)}"
            )
        return self._points[point]

    def _settled(self, name: str) -> Network:
        if self.training:
            raise BenchError("expected a codec in evaluation mode", "call its .eval() first")
        network = self.networks[name]
        assert isinstance(network, Network)
        return network


def _numbers(what: str, words: str) -> list[int]:
    numbers = [int(word) for word in str(words).split()]
    if len(set(numbers)) < len(numbers) or min(numbers, default=1) < 1:
        raise ValueError(f"{what} must be positive and differ, found {words!r}")
    return numbers


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _levels(low: float, high: float, bits: int) -> tuple[float, float]:
    """The middle and the step of ``2**bits`` levels from ``low`` to ``high``, both included."""
    # Where both are equal there is one level only, and any step does.
    step = (high - low) / ((1 << bits) - 1) or 1.0
    return low + (1 << bits - 1) * step, step


def _latents_of(
    found: stream.Stream, shape: tuple[int, ...], *, bounded: bool
) -> NDArray[np.float32]:
    size = int(np.prod(shape))
    if "bits" not in found.fields:
        if len(found.payload) != 4 * size:
            raise BenchError(
                f"expected {size} float32 latents, found {len(found.payload)} bytes",
                "compress the image again",
            )
        return np.frombuffer(found.payload, "<f4").astype(np.float32).reshape(shape)
    bits = found.integer("bits", 1, MAX_BITS)
    low, high = (0.0, 1.0) if bounded else _range(found.blob("range"))
    offset, step = _levels(low, high, bits)
    symbols = entropy.decode(found.payload, shape[0], size // shape[0], 1 << bits)
    return (dequantise(symbols, step, 1 << bits) + offset).astype(np.float32).reshape(shape)


def _range(raw: bytes) -> tuple[float, float]:
    low, high = map(float, np.frombuffer(raw, "<f4")) if len(raw) == 8 else (1.0, 0.0)
    if not -_FLOAT_MAX <= low <= high <= _FLOAT_MAX:
        raise BenchError(
            f"expected two numbers in order as range of latents, found {raw[:8].hex()}",
            "compress the image again",
        )
    return low, high
