"""What a model costs: parameters, multiply-accumulates, latency, throughput, memory."""

import resource
import statistics
import sys
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.kinds import Batch, Kind
from bench.task import Task

_REPEATS = 10
_SECONDS = 2.0


def measure(kind: Kind, task: Task, model: torch.nn.Module, batch: Batch) -> dict[str, Any]:
    """Measure a model on one batch that is already on its device.

    Returns:
        ``parameters`` on the executed path; ``macs`` per sample (half of the floating-point
        operations that PyTorch counts); ``latency_ms``, the median for one sample;
        ``samples_per_second`` of the model alone at the evaluation's batch size;
        ``peak_memory`` in bytes (of the device on CUDA, else of the process).
    """
    one = batch.pick([0])
    device = next(batch.tensors()).device
    with torch.inference_mode():
        parameters = _executed_parameters(kind, task, model, one)
        # Now what is done once for all samples, such as embedding the names of classes, is done.
        with FlopCounterMode(display=False) as counter:
            kind.observe(task, model, one)
        latency = _median_seconds(kind, task, model, one, device)
        alone = len(batch.samples) == 1
        seconds = latency if alone else _median_seconds(kind, task, model, batch, device)
    return {
        "parameters": parameters,
        "macs": counter.get_total_flops() // 2,
        "latency_ms": latency * 1e3,
        "samples_per_second": len(batch.samples) / seconds,
        "batch": len(batch.samples),
        "peak_memory": peak_memory(device),
    }


def _executed_parameters(kind: Kind, task: Task, model: torch.nn.Module, batch: Batch) -> int:
    used: dict[int, int] = {}

    def note(module: torch.nn.Module, _: Any) -> None:
        used.update((id(p), p.numel()) for p in module.parameters(recurse=False))

    hooks = [module.register_forward_pre_hook(note) for module in model.modules()]
    try:
        kind.observe(task, model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(used.values())


def _median_seconds(
    kind: Kind, task: Task, model: torch.nn.Module, batch: Batch, device: torch.device
) -> float:
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < _REPEATS + 1 and time.perf_counter() - begun < _SECONDS:
        start = time.perf_counter()
        kind.observe(task, model, batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - start)
    # The first call warms up caches and kernels.
    return statistics.median(taken[1:] or taken)


def peak_memory(device: torch.device) -> int:
    """Largest memory so far in bytes: allocated on a CUDA device, else resident in the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
