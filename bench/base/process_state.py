"""What belongs to a process and not to one call: generators, flags, threads, environment.

A run seeds generators, chooses deterministic algorithms and more. Called as a function it gives
them back as they were, and it starts from the same ones whatever its caller has done.
"""

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

_FP32 = (
    "",
    "cuda.matmul",
    "cudnn",
    "cudnn.conv",
    "cudnn.rnn",
    "mkldnn",
    "mkldnn.matmul",
    "mkldnn.conv",
    "mkldnn.rnn",
)
"""Parts of `torch.backends` with an ``fp32_precision`` of their own, the general ones first."""

_CUDNN = ("enabled", "benchmark", "benchmark_limit", "deterministic")
_AUTOCAST = ("cpu", "cuda")


@contextlib.contextmanager
def restored(*, computes: bool = True) -> Iterator[None]:
    """Run with the settings that Python, NumPy and PyTorch start with, then restore the caller's.

    They are restored when an error is raised, too. The number of threads is the caller's: it is
    part of the arithmetic, and recorded. So are filters of warnings and the environment.

    Args:
        computes: whether PyTorch is needed; else it isn't imported where it wasn't before.
    """
    with (
        _process(),
        warnings.catch_warnings(),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        _torch() if computes or "torch" in sys.modules else contextlib.nullcontext(),
    ):
        yield


@contextlib.contextmanager
def _process() -> Iterator[None]:
    environment, path = dict(os.environ), list(sys.path)
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(numpy)
        random.setstate(python)
        sys.path[:] = path
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)


@contextlib.contextmanager
def _torch() -> Iterator[None]:
    import torch

    with contextlib.ExitStack() as stack:
        stack.callback(_settings())
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")
        for device in _AUTOCAST:
            torch.set_autocast_enabled(device, False)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


def _settings() -> Any:
    """What restores the settings of PyTorch as they are now."""
    import torch

    backends, cuda = torch.backends, torch.cuda
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    generator = torch.get_rng_state()
    devices = cuda.get_rng_state_all() if cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    algorithms = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    matmul = torch.get_float32_matmul_precision()
    precisions = {part: _part(part).fp32_precision for part in _FP32}
    cudnn = {name: getattr(backends.cudnn, name) for name in _CUDNN}
    autocast = {device: torch.is_autocast_enabled(device) for device in _AUTOCAST}

    def restore() -> None:
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_rng_state(generator)
        if devices is not None:
            cuda.set_rng_state_all(devices)
        else:
            # Those of devices that the call was the first to use: as `torch.manual_seed` seeds all.
            cuda.manual_seed_all(torch.initial_seed())
        torch.use_deterministic_algorithms(algorithms, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
        torch.set_float32_matmul_precision(matmul)
        for part, value in precisions.items():
            _part(part).fp32_precision = value
        for name, value in cudnn.items():
            setattr(backends.cudnn, name, value)
        for device, value in autocast.items():
            torch.set_autocast_enabled(device, value)

    return restore


def _part(name: str) -> Any:
    import torch

    found: Any = torch.backends
    for step in filter(None, name.split(".")):
        found = getattr(found, step)
    return found
