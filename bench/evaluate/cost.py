"""What a model costs: parameters, multiply-accumulates, latency, throughput, memory."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind
from bench.kinds.federated.rounds import Rounds
from bench.spec.task import Task

_COPIES = (torch.Tensor.data.__get__, torch.Tensor.detach, torch.Tensor.clone)  # type: ignore[attr-defined]
_REPEATS = 10
_SECONDS = 2.0


def measure(
    kind: Kind[Any, Any], task: Task, model: torch.nn.Module, batch: Batch
) -> dict[str, Any]:
    """Measure a model on one batch that is already on its device.

    Of the networks of a federation's rounds that is the last one.

    Returns:
        ``parameters`` on the executed path; ``macs`` per sample (half of the floating-point
        operations that PyTorch counts); ``latency_ms``, the median for one sample;
        ``samples_per_second`` of the model alone at the evaluation's batch size;
        ``peak_memory`` in bytes (of the device on CUDA, else of the process).
    """
    last = model.last if isinstance(model, Rounds) else model
    return measure_call(partial(kind.observe, last), last, batch)


def measure_call(
    compute: Callable[[Batch], object], model: torch.nn.Module, batch: Batch
) -> dict[str, Any]:
    """Measure what a model computes of one batch that is already on its device.

    Args:
        compute: calls the model.
        model: whose parameters are counted where they are used.
        batch: of the evaluation's size.

    Returns:
        As `measure`.
    """
    one = batch.pick([0])
    device = next(batch.tensors()).device
    with torch.inference_mode(), _without_gradients(model):
        parameters = _executed_parameters(compute, one)
        # Now what is done once for all samples, such as embedding the names of classes, is done.
        with FlopCounterMode(display=False) as counter:
            compute(one)
        latency = _median_seconds(compute, one, device)
        alone = len(batch.samples) == 1
        seconds = latency if alone else _median_seconds(compute, batch, device)
    return {
        "parameters": parameters,
        "macs": counter.get_total_flops() // 2,
        "latency_ms": latency * 1e3,
        "samples_per_second": len(batch.samples) / seconds,
        "batch": len(batch.samples),
        "peak_memory": peak_memory(device),
    }


def together(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """The cost of two models one after the other, each as `measure` gives it."""
    sums = {name: first[name] + then[name] for name in ("parameters", "macs", "latency_ms")}
    rates = 1 / first["samples_per_second"] + 1 / then["samples_per_second"]
    return {
        **sums,
        "samples_per_second": 1 / rates,
        "batch": then["batch"],
        "peak_memory": max(first["peak_memory"], then["peak_memory"]),
    }


@contextmanager
def _without_gradients(model: torch.nn.Module) -> Iterator[None]:
    """A model whose weights ask for no gradient: the counter of operations would follow them."""
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learnt:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learnt:
            parameter.requires_grad_(True)


class _Used(TorchFunctionMode):
    """Notes every parameter that an operation makes a tensor of, by its module's call or not."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # Whoever copies a weight, or asks for its shape or device, computes nothing with it.
        computed = any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result))
        if computed and func not in _COPIES:
            given = tree_leaves((args, kwargs))
            used = (leaf for leaf in given if isinstance(leaf, torch.nn.Parameter))
            self.sizes.update((id(parameter), parameter.numel()) for parameter in used)
        return result


def _executed_parameters(compute: Callable[[Batch], object], batch: Batch) -> int:
    with _Used() as used:
        compute(batch)
    return sum(used.sizes.values())


def _median_seconds(
    compute: Callable[[Batch], object], batch: Batch, device: torch.device
) -> float:
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < _REPEATS + 1 and time.perf_counter() - begun < _SECONDS:
        start = time.perf_counter()
        compute(batch)
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
