"""What must be settled before torch is used: torchvision beside it, memory, and determinism.

Every path that uses timm or Lightning imports this module first.

A torchvision built for another torch (the CUDA build from PyPI beside a CPU-only torch, a common
mix) can't load its compiled operators and then fails on import with ``operator torchvision::nms
does not exist``, and timm and Lightning with it (pytorch/vision issues 9077, 9085). Declaring the
schemas of the operators that torchvision looks up on import is enough to use all of it that needs
no compiled code; a call of such an operator still raises torchvision's own error.
"""

import importlib.machinery
import importlib.util
import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.base import memory

# Read by MKL at its first call. By itself it takes fewer threads on a busy machine, and sums in an
# order that depends on where arrays lie in memory: the last bits would differ from run to run.
os.environ.setdefault("MKL_DYNAMIC", "FALSE")
os.environ.setdefault("MKL_CBWR", "AUTO")

import torch

memory.keep_freed_memory()

_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)


def _settle_torchvision() -> tuple[str, torch.library.Library | None]:
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return "absent", None
    if "torchvision" in sys.modules or _loads_operators(Path(found.origin).parent):
        return "matching", None
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            fragment.define(schema)
    return "mismatched: operators declared", fragment


def _loads_operators(folder: Path) -> bool:
    """Load the compiled operators as torchvision would; loading them twice does no harm."""
    library = importlib.machinery.PathFinder.find_spec("_C", [str(folder)])
    if library is None or library.origin is None:
        return False
    try:
        torch.ops.load_library(library.origin)
    except (ImportError, OSError):
        return False
    return True


# The declarations live as long as the fragment does.
_STATE, _FRAGMENT = _settle_torchvision()


def torchvision_state() -> str:
    """``absent``, ``matching`` or ``mismatched: operators declared``."""
    return _STATE


def torchvision_advice() -> str:
    """The `torchvision_state`, and where it is mismatched the command that mends it."""
    if not _STATE.startswith("mismatched"):
        return _STATE
    where = "" if torch.version.cuda else " --index-url https://download.pytorch.org/whl/cpu"
    return (
        f"{_STATE}; works here, but `import timm` in a script of your own fails: begin it with "
        f"`import bench.base.torch_setup`, or pip install --force-reinstall torch=="
        f"{torch.__version__.partition('+')[0]} torchvision{where}"
    )


def deterministic(seed: int) -> dict[str, Any]:
    """Seed every generator and choose deterministic algorithms where there are any.

    Results repeat bit for bit on the same machine with the same packages and number of threads.

    Args:
        seed: of ``random``, numpy and torch on every device; from 0 to 2**32 - 1.

    Returns:
        What was set, for the manifest of a run.
    """
    # As above, for processes started from this one: a caller may have its own environment back.
    os.environ.setdefault("MKL_DYNAMIC", "FALSE")
    os.environ.setdefault("MKL_CBWR", "AUTO")
    # cuBLAS reads it when its first handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling memory that is about to be overwritten anyway costs time and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    return {
        "seed": seed,
        "deterministic_algorithms": "warn_only",
        "cudnn_benchmark": False,
        "cublas_workspace": os.environ["CUBLAS_WORKSPACE_CONFIG"],
        "mkl": f"CBWR {os.environ['MKL_CBWR']}, DYNAMIC {os.environ['MKL_DYNAMIC']}",
        "threads": torch.get_num_threads(),
    }
