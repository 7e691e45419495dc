"""The transformer blocks of Presto and Galileo, which attend to the tokens that aren't masked.

With pre-normalisation and GELU, as A. Dosovitskiy et al. (ICLR 2021, arXiv:2010.11929).
"""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, *, joint: bool) -> None:
        super().__init__()
        self.heads = heads
        if joint:
            self.qkv = nn.Linear(width, 3 * width)
        else:
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        if hasattr(self, "qkv"):
            parts = self.qkv(tokens).chunk(3, dim=-1)
        else:
            parts = tuple(layer(tokens) for layer in (self.q, self.k, self.v))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mask = None if seen is None else seen[:, None, None, :]
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        found: torch.Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.fc2(gelu(self.fc1(tokens)))
        return found


class Block(nn.Module):
    """Tokens float32 [N, tokens, width] -> the same.

    Args:
        width: of a token.
        heads: of attention.
        hidden: width of the two-layer perceptron.
        joint: whether query, key and value are one layer ``qkv``, or ``q``, ``k`` and ``v``.
    """

    def __init__(self, width: int, heads: int, hidden: int, *, joint: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = _Attention(width, heads, joint=joint)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _Mlp(width, hidden)

    def forward(self, tokens: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        """Attend to the tokens for which ``seen`` bool [N, tokens] is true; None: to all."""
        tokens = tokens + self.attn(self.norm1(tokens), seen)
        found: torch.Tensor = tokens + self.mlp(self.norm2(tokens))
        return found


def initialise(module: nn.Module) -> None:
    """Xavier-uniform weights and no bias in linear layers, as in both models' code."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)


def months(width: int) -> nn.Embedding:
    """Sine and cosine of the month, a fixed table float32 [12, width], as in both models' code."""
    angles = torch.arange(12, dtype=torch.float64) * (2 * torch.pi / 12)
    half = width // 2
    sines, cosines = (wave[:, None].expand(-1, half) for wave in (angles.sin(), angles.cos()))
    table = torch.cat([sines, cosines], dim=1).to(torch.float32)
    return nn.Embedding(12, width, _weight=table, _freeze=True)
