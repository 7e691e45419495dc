"""SSCNet, a convolutional autoencoder that shrinks images by eight in height and width.

R. La Grassa, C. Re, G. Cremonese, I. Gallo: Hyperspectral Data Compression Using Fully
Convolutional Autoencoder. Remote Sensing 14(10):2472, 2022, doi:10.3390/rs14102472; latents per
ratio as in https://git.tu-berlin.de/rsim/hsi-compression.
"""

from torch import nn

from .learned_codec import LearnedCodec, Network

STRIDE = 8

_RELEASED = {(202, 16): 816}
"""Latents that the released models have where they aren't ``64 * channels / ratio``."""


class SSCNet(LearnedCodec):
    """One network per compression ratio with ``64 * channels / ratio`` latents per 8 x 8 pixels."""

    codec = "sscnet"

    @staticmethod
    def network(channels: int, rate: int) -> Network:
        """Convolutions and pooling, transposed convolutions.

        Raises:
            ValueError: no latent would be left.
        """
        length = _RELEASED.get((channels, rate), STRIDE**2 * channels // rate)
        if not length:
            raise ValueError(f"SSCNet has no latents for {channels} channels at a ratio of {rate}")
        encoder = nn.Sequential(
            *_convolution(channels, 256),
            *_convolution(256, 256),
            nn.MaxPool2d(2),
            *_convolution(256, 256),
            nn.MaxPool2d(2),
            *_convolution(256, 512),
            nn.MaxPool2d(2),
            *_convolution(512, length),
        )
        decoder = nn.Sequential(
            nn.ConvTranspose2d(length, 512, 3, padding=1),
            nn.PReLU(512),
            *_doubling(512, 256),
            *_doubling(256, 256),
            *_doubling(256, 256),
            nn.ConvTranspose2d(256, channels, 3, padding=1),
            nn.Sigmoid(),
        )
        return Network(encoder, decoder, (length,), STRIDE, bounded=False)


def _convolution(channels: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, outputs, 3, padding=1), nn.PReLU(outputs)


def _doubling(channels: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.ConvTranspose2d(channels, outputs, 2, stride=2), nn.PReLU(outputs)
