"""1D-CAE, a convolutional autoencoder of the spectrum of each pixel.

J. Kuester, W. Gross, W. Middelmann: 1D-Convolutional Autoencoder Based Hyperspectral Data
Compression. ISPRS Archives XLIII-B1-2021, 15-21, doi:10.5194/isprs-archives-XLIII-B1-2021-15-2021;
ratios above 4 with more halvings, as in https://git.tu-berlin.de/rsim/hsi-compression.
"""

import itertools

from torch import nn

from .learned_codec import LearnedCodec, Network, Pixelwise

_PIXELS = 128


class CAE1D(LearnedCodec):
    """One network per compression ratio ``2**n``: n halvings, the length of a spectrum / 2**n."""

    codec = "cae1d"

    @staticmethod
    def network(channels: int, rate: int) -> Network:
        """Convolutions and pooling, convolutions and upsampling.

        Raises:
            ValueError: ``rate`` is no power of two above 1.
        """
        halvings = rate.bit_length() - 1
        if rate < 2 or rate != 1 << halvings:
            raise ValueError(f"1D-CAE compresses by powers of two, not by {rate}")
        margin = -channels % rate
        length = (channels + margin) // rate
        widths = [2**power for power in range(halvings + 4, 4, -1)]
        encoder = nn.Sequential(
            nn.ConstantPad1d((margin, 0), 0.0),
            nn.Unflatten(1, (1, -1)),
            *(
                layer
                for ends in itertools.pairwise([1, *widths])
                for layer in (*_convolution(*ends, 11), nn.MaxPool1d(2))
            ),
            *_convolution(32, 16, 9),
            *_convolution(16, 1, 7),
            nn.Flatten(1),
        )
        decoder = nn.Sequential(
            nn.Unflatten(1, (1, -1)),
            *_convolution(1, 16, 7),
            *_convolution(16, 32, 9),
            *(
                layer
                for ends in itertools.pairwise(reversed(widths))
                for layer in (nn.Upsample(scale_factor=2), *_convolution(*ends, 11))
            ),
            nn.Upsample(scale_factor=2),
            nn.Conv1d(widths[0], 1, 11, padding="same"),
            nn.Sigmoid(),
            nn.Flatten(1),
            nn.ConstantPad1d((-margin, 0), 0.0),  # crops
        )
        return Network(
            Pixelwise(encoder, _PIXELS), Pixelwise(decoder, _PIXELS), (length,), 1, bounded=False
        )


def _convolution(channels: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(channels, outputs, kernel, padding="same"), nn.LeakyReLU()
