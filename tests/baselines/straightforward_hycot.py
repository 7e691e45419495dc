"""HyCoT as one would write it down: every token of every block, softmax spelled out."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def to_latents(network: nn.Module, images: Tensor, pixels: int) -> Tensor:
    """Latents [N, L, H, W] of images [N, C, H, W], with our weights, in batches of pixels."""
    samples, _, height, width = images.shape
    spectra = images.permute(0, 2, 3, 1).flatten(0, 2)
    latents = torch.cat([_encode(network.encoder.network, part) for part in spectra.split(pixels)])
    return latents.view(samples, height, width, -1).permute(0, 3, 1, 2)


def from_latents(network: nn.Module, latents: Tensor, pixels: int) -> Tensor:
    """Images [N, C, H, W] of latents [N, L, H, W]."""
    samples, _, height, width = latents.shape
    flat = latents.permute(0, 2, 3, 1).flatten(0, 2)
    images = torch.cat([network.decoder.network(part) for part in flat.split(pixels)])
    return images.view(samples, height, width, -1).permute(0, 3, 1, 2)


def _encode(encoder: nn.Sequential, spectra: Tensor) -> Tensor:
    spectrum, *head = encoder
    groups = functional.pad(spectra, (-spectra.shape[1] % 4, 0)).view(len(spectra), -1, 4)
    tokens = spectrum.embedding(groups)
    first = spectrum.compression_token.expand(len(tokens), 1, -1)
    tokens = torch.cat([first, tokens], dim=1) + spectrum.position
    for block in spectrum.blocks:
        tokens = tokens + _attend(block, block.norm_attention(tokens))
        hidden = functional.gelu(block.widen(block.norm_feed_forward(tokens)))
        tokens = tokens + block.narrow(hidden)
    return nn.Sequential(*head)(tokens[:, 0])


def _attend(block: nn.Module, tokens: Tensor) -> Tensor:
    q, k, v = (
        part.unflatten(2, (4, 16)).transpose(1, 2) for part in block.qkv(tokens).chunk(3, dim=2)
    )
    attention = (q @ k.transpose(2, 3) * 16**-0.5).softmax(dim=3)
    return block.projection((attention @ v).transpose(1, 2).flatten(2))
