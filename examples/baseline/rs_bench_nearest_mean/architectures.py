"""Architectures of this package: ``nearestmean:CLASS``."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from bench.base.errors import BenchError, unknown
from bench.kinds.common.batch import Batch
from bench.spec.contract import InputContract


class NearestMean(nn.Module):
    """Images float32 [N, bands, H, W] -> logits [N, classes, H, W].

    A logit is minus the squared distance to the mean spectrum of the class.
    """

    means: torch.Tensor

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(classes, bands))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of every pixel."""
        differences = images[:, None] - self.means[:, :, None, None]
        return -differences.square().sum(dim=2)

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> None:
        """Set the means to those of the training split; called once, with all of it.

        Raises:
            BenchError: a class has no pixel.
        """
        classes, bands = self.means.shape
        sums = torch.zeros(classes, bands, dtype=torch.float64)
        counts = torch.zeros(classes, dtype=torch.float64)
        for batch in batches:
            pixels = batch.inputs.movedim(1, -1).double()
            for index in range(classes):
                chosen = batch.targets == index
                sums[index] += pixels[chosen].sum(dim=0).cpu()
                counts[index] += chosen.sum().cpu()
        if (counts == 0).any():
            raise BenchError(f"class {int(counts.argmin())} has no pixel to learn from")
        self.means.copy_(sums / counts[:, None])


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> nn.Module:
    """The network ``rest`` with the arguments that an entry gives."""
    known = {"NearestMean": NearestMean}
    if rest not in known:
        raise unknown("architecture in nearestmean", rest, known)
    return known[rest](len(contract.bands), outputs, **arguments)
