"""3D-CAE, an autoencoder of convolutions over channels, rows and columns at once.

Y. Chong, L. Chen, S. Pan: End-to-End Joint Spectral-Spatial Compression and Reconstruction of
Hyperspectral Images Using a 3D Convolutional Autoencoder. Journal of Electronic Imaging 30(4),
2021, doi:10.1117/1.JEI.30.4.041403; ratios as in https://git.tu-berlin.de/rsim/hsi-compression.
"""

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from .learned_codec import LearnedCodec, Network

STRIDE = 8
GROUP = 4


class CAE3D(LearnedCodec):
    """One network per compression ratio, ``256 / ratio`` latents per 4 channels x 8 x 8 pixels."""

    codec = "cae3d"

    @staticmethod
    def network(channels: int, rate: int) -> Network:
        """Strided and residual convolutions, upsampling and residual convolutions.

        Channels are padded with zeros in front to groups of four.

        Raises:
            ValueError: no latent would be left.
        """
        width = GROUP * STRIDE**2 // rate
        if not width:
            raise ValueError(f"3D-CAE has no latents at a ratio of {rate}")
        margin = -channels % GROUP
        encoder = nn.Sequential(
            nn.Unflatten(1, (1, channels)),
            nn.ConstantPad3d((0, 0, 0, 0, margin, 0), 0.0),
            *_convolution(1, 16, (2, 5, 5), (1, 2, 2), (0, 2, 2)),
            *_convolution(16, 32, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
            *(Residual(32) for _ in range(3)),
            *_convolution(32, width, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
        )
        decoder = nn.Sequential(
            nn.Upsample(scale_factor=(2, 4, 4)),
            *_convolution(width, 32, (5, 5, 5), (2, 2, 2), (2, 2, 2)),
            *(Residual(32) for _ in range(3)),
            nn.Upsample(scale_factor=(4, 2, 2)),
            *_convolution(32, 16, (5, 3, 3), (2, 1, 1), (2, 1, 1)),
            nn.Upsample(scale_factor=(4, 2, 2)),
            *_convolution(16, 1, (2, 3, 3), (2, 1, 1), (0, 1, 1)),
            nn.ConstantPad3d((0, 0, 0, 0, -margin, 0), 0.0),  # crops
            nn.Flatten(1, 2),
        )
        latent = (width, (channels + margin) // GROUP)
        return Network(encoder, decoder, latent, STRIDE, bounded=False)


class Residual(nn.Module):
    """Two convolutions [N, width, C, H, W] beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        *layers, _ = (
            *_convolution(width, width, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
            *_convolution(width, width, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
        )
        self.block = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Features of the same shape."""
        return leaky_relu(features + self.block(features))


def _convolution(
    channels: int,
    outputs: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: tuple[int, int, int],
) -> tuple[nn.Module, ...]:
    return (
        nn.Conv3d(channels, outputs, kernel, stride, padding),
        nn.BatchNorm3d(outputs),
        nn.LeakyReLU(),
    )
