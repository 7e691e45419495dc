"""The networks of all rounds of a federation as one."""

from copy import deepcopy

import torch

ACCOUNT = ("macs", "bytes_down", "bytes_up")
"""What is kept of each round beside its weights, as in `bench.spec.entry.Round`."""


class Rounds(torch.nn.Module):
    """Networks of one architecture, one for each round; it computes what the last one does.

    Args:
        first: the architecture.
        count: how many rounds there are.

    Attributes:
        rounds: the networks.
        account: int64 [rounds, 3], the `ACCOUNT` of each round.
    """

    account: torch.Tensor

    def __init__(self, first: torch.nn.Module, count: int) -> None:
        super().__init__()
        self.rounds = torch.nn.ModuleList([first, *(deepcopy(first) for _ in range(count - 1))])
        self.register_buffer("account", torch.zeros(count, len(ACCOUNT), dtype=torch.int64))

    @property
    def last(self) -> torch.nn.Module:
        """The network that is ranked."""
        return self.rounds[-1]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the network of the last round makes of its input."""
        outputs: torch.Tensor = self.last(inputs)
        return outputs
