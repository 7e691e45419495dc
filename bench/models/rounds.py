"""The global model of a federation after each of its rounds: ``rounds:SOURCE:NAME``.

All rounds are kept in one entry, so that a learning curve can be predicted again from the entry
alone, and the test split is read once for all of them instead of once a round. That costs rounds x
weights on disk and in memory: 2.9 GB for thirty rounds of the largest published network.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import RequestError, unknown
from bench.kinds.federated.rounds import ACCOUNT, Rounds
from bench.models import baseline, timm
from bench.spec.contract import InputContract
from bench.spec.entry import Round

_WITHIN = {"baseline": baseline.build, "timm": timm.build}
_MOST = 1_000


def stacked(
    states: Sequence[Mapping[str, torch.Tensor]], rounds: Sequence[Round]
) -> dict[str, torch.Tensor]:
    """The weights of `Rounds` from those of each round."""
    tensors = {
        f"rounds.{index}.{name}": tensor
        for index, state in enumerate(states)
        for name, tensor in state.items()
    }
    account = [[getattr(one, name) for name in ACCOUNT] for one in rounds]
    return tensors | {"account": torch.tensor(account, dtype=torch.int64)}


def build(rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int) -> Rounds:
    """The architecture ``SOURCE:NAME`` as often as the argument ``rounds`` says.

    Raises:
        RequestError: the source isn't one that is installed with the harness, or ``rounds`` isn't
            a number of rounds.
    """
    source, _, name = rest.partition(":")
    if source not in _WITHIN:
        raise unknown("model source", source, _WITHIN, f"in rounds:{rest}")
    others = dict(arguments)
    count = others.pop("rounds", None)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST:
        raise RequestError(
            f"rounds:{rest} takes a number of rounds from 1 to {_MOST}, found {count!r}",
            "write arguments = { rounds = 30 }",
        )
    return Rounds(_WITHIN[source](name, others, contract, outputs), count)
