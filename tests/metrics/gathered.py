"""What each process of a group computes; imports little, as every process does it again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.base import torch_setup  # noqa: F401

# isort: split
import torch
from torch import distributed


def process(rank: int, size: int, folder: Path, given: list[tuple[Any, list[list[Any]]]]) -> None:
    """Update metrics with the batches of one process, compute them together, go on alone.

    Args:
        rank: of the process.
        size: of the group.
        folder: where it writes what it computed.
        given: metrics, and for each the batches of every process.
    """
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'group'}",
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=120),
    )
    found = []
    for metric, batches in given:
        for batch in batches[rank]:
            metric.update(*batch)
        together = metric.compute()
        metric.sync_on_compute = False
        alone = metric.samples.item()
        found.append((together, alone))
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()
