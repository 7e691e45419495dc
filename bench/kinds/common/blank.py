"""Made-up inputs, to try a model before any data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.spec.contract import InputContract

if TYPE_CHECKING:
    import torch

SIDE = 32
"""Pixels a side where a contract leaves images as they are stored."""

SAMPLE_ID = "a made-up sample"


def noise(contract: InputContract, *leading: int) -> torch.Tensor:
    """One sample as a contract describes it, float32 [*leading, channels, height, width]."""
    import torch

    side = contract.size or SIDE
    # Not zeros, which some networks map to an embedding without direction.
    return torch.rand(*leading, len(contract.bands), side, side)
