"""HyCoT, a transformer that compresses the spectrum of each pixel into one token.

M. H. P. Fuchs, B. Rasti, B. Demir: HyCoT: A Transformer-Based Autoencoder for Hyperspectral Image
Compression. WHISPERS 2024, arXiv:2408.08700; sizes as in https://git.tu-berlin.de/rsim/hycot.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, pad, scaled_dot_product_attention

from .learned_codec import LearnedCodec, Network, Pixelwise

GROUP = 4
DIM = 64
HEADS = 4
HEAD_DIM = DIM // HEADS
FEED_FORWARD = 8
BLOCKS = 5
HIDDEN = 1024

_PIXELS = 512


class HyCoT(LearnedCodec):
    """One network per compression ratio with ``ceil(channels / ratio)`` latents per pixel.

    Args:
        reflectance: what an untrained decoder answers; 0 for torch's own start, around 0.5, as the
            released code has it.
        in_channels, outputs, size, rates, bits: as `LearnedCodec`.

    Raises:
        ValueError: ``reflectance`` isn't below 1; or as `LearnedCodec`.
    """

    codec = "hycot"

    def __init__(
        self,
        in_channels: int,
        outputs: int | None = None,
        size: int | None = None,
        rates: str = "4 8 16 32",
        bits: str = "8",
        reflectance: float = 0.0,
    ) -> None:
        if not 0 <= reflectance < 1:
            raise ValueError(f"a reflectance is from 0 to below 1, not {reflectance}")
        super().__init__(in_channels, outputs, size, rates, bits)
        if reflectance:
            # With a bias around zero all images start at 0.5. The first steps darken them through
            # the latents too, whose sigmoids saturate, and short trainings stay at the mean
            # spectrum.
            for network in self.networks.values():
                bias = network.get_parameter("decoder.network.2.bias")
                nn.init.constant_(bias, math.log(reflectance / (1 - reflectance)))

    @staticmethod
    def network(channels: int, rate: int) -> Network:
        """Transformer encoder, two-layer decoder, latents in (0, 1)."""
        length = -(-channels // rate)
        encoder = nn.Sequential(Spectrum(channels), *_two_layers(DIM, length))
        decoder = nn.Sequential(*_two_layers(length, channels))
        return Network(
            Pixelwise(encoder, _PIXELS), Pixelwise(decoder, _PIXELS), (length,), 1, bounded=True
        )


class Spectrum(nn.Module):
    """Spectra [n, channels] to the compression token behind the last block, [n, 64].

    Channels are padded with zeros in front to groups of four; every group is a token.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = -(-channels // GROUP)
        # One group more in front: the place of the compression token.
        self.margin = GROUP * (groups + 1) - channels
        self.embedding = nn.Linear(GROUP, DIM)
        self.compression_token = nn.Parameter(torch.randn(1, DIM))
        self.position = nn.Parameter(torch.randn(groups + 1, DIM))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, spectra: Tensor) -> Tensor:
        """The compression token of each spectrum."""
        groups = pad(spectra, (self.margin, 0)).unflatten(1, (-1, GROUP))
        biases = self.embedding.bias.expand(groups.shape[1] - 1, DIM)
        offsets = torch.cat([self.compression_token, biases]) + self.position
        # The group in front is all zeros, so that only its offset stays: the compression token.
        tokens = linear(groups, self.embedding.weight).add_(offsets)
        *blocks, last = self.blocks
        for block in blocks:
            tokens = block(tokens)
        token: Tensor = last.first_token(tokens)
        return token


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(DIM)
        self.qkv = nn.Linear(DIM, 3 * DIM, bias=False)
        self.projection = nn.Linear(DIM, DIM)
        self.norm_feed_forward = nn.LayerNorm(DIM)
        self.widen = nn.Linear(DIM, FEED_FORWARD)
        self.narrow = nn.Linear(FEED_FORWARD, DIM)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n, T, 64] to the same shape."""
        qkv = self.qkv(self.norm_attention(tokens)).unflatten(2, (3, HEADS, HEAD_DIM))
        attended = scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        return self._finish(tokens, attended.transpose(1, 2).flatten(2))

    def first_token(self, tokens: Tensor) -> Tensor:
        """The first of the tokens that `forward` returns, [n, 64], without computing the others.

        Matrices are reordered, which for one query saves the keys and values of all tokens:
        q . (K x) = (K' q) . x, and the sum of a V x is V times the sum of a x. What is left is an
        attention of four queries over the normalised tokens themselves.
        """
        normalised = self.norm_attention(tokens)
        q, k, v = self.qkv.weight.unflatten(0, (3, HEADS, HEAD_DIM))
        queries = torch.einsum("nd,hed->hne", normalised[:, 0], q) @ k
        keys = normalised[:, None]
        attended = scaled_dot_product_attention(
            queries.transpose(0, 1)[:, None], keys, keys, scale=HEAD_DIM**-0.5
        )
        return self._finish(
            tokens[:, 0], torch.einsum("nhd,hed->nhe", attended[:, 0], v).flatten(1)
        )

    def _finish(self, tokens: Tensor, attended: Tensor) -> Tensor:
        # Into what was just computed: a third less memory passes through the caches.
        tokens = self.projection(attended).add_(tokens)
        widened = gelu(self.widen(self.norm_feed_forward(tokens)))
        return self.narrow(widened).add_(tokens)


def _two_layers(features: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Linear(features, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, outputs), nn.Sigmoid()
