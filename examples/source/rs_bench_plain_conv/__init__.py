"""Plain convolutional networks: ``plainconv:WIDTHxDEPTH``, such as ``plainconv:8x2``."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.base.errors import RequestError
from bench.models import entries
from bench.spec.contract import InputContract
from bench.spec.entry import Entry
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


def entry(rest: str, task: Task) -> Entry:
    """The untrained entry for ``WIDTHxDEPTH`` or ``WIDTHxDEPTH/INPUT``.

    Raises:
        RequestError: the name isn't of this form, or the task has no such input.
    """
    name, _, given = rest.partition("/")
    _size(name)
    given = given or task.inputs[0]
    return Entry.model_validate(
        {
            "name": f"plainconv-{name}-{given}",
            "title": f"Convolutions {name}",
            "task": task.name,
            "task_digest": task.digest,
            "input": task.input(given),
            "model": {"architecture": f"plainconv:{name}"},
            "recipe": entries.recipes(task),
        }
    )


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> "torch.nn.Module":
    """A network float32 [N, bands, H, W] -> [N, outputs, H, W], with random weights.

    Raises:
        RequestError: the name isn't of the form ``WIDTHxDEPTH``, or arguments are given.
    """
    from torch import nn

    width, depth = _size(rest)
    if arguments:
        raise RequestError(f"plainconv:{rest} takes no arguments", "remove them from entry.toml")
    layers: list[nn.Module] = []
    channels = len(contract.bands)
    for _ in range(depth):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, outputs, 1))


def _size(name: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d?)", name)
    if found is None:
        raise RequestError(
            f"plainconv:{name} is no network", "write WIDTHxDEPTH, such as plainconv:8x2"
        )
    return int(found[1]), int(found[2])
