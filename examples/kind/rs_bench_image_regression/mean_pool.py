"""A model source with one network: ``meanpool:MeanPool``."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from bench.spec.contract import InputContract


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> nn.Module:
    """A small network on single pixels, and the mean of what it says of them: [N, outputs]."""
    return nn.Sequential(
        nn.Conv2d(len(contract.bands), 8, 1),
        nn.ReLU(),
        nn.Conv2d(8, outputs, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
