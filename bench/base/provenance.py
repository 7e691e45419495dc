"""Where a number came from: harness, packages, machine."""

import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from bench.base.files import sha256_file
from bench.base.paths import PACKAGE, shipped
from bench.base.version import __version__

_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "numpy",
    "pyarrow",
    "duckdb",
    "safetensors",
    "huggingface_hub",
)


@functools.cache
def harness() -> dict[str, Any]:
    """Version of the harness, the SHA-256 of its code, and, in a checkout, its commit and state.

    The checkout is that of the harness, never that of the current folder.
    """
    root = PACKAGE.parent
    found: dict[str, Any] = {"version": __version__, "commit": None, "dirty": None}
    found["code_sha256"] = _code()
    if (root / ".git").exists() and (root / "pyproject.toml").is_file():
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
        if commit is not None and changes is not None:
            found |= {"commit": commit, "dirty": bool(changes)}
    return found


def made_with(precision: str) -> str:
    """What a training is done with, in words."""
    import torch

    return f"rs-bench {__version__}, torch {torch.__version__}, {precision}"


def _code() -> str:
    """The SHA-256 of the harness's modules and of the architectures that ship with it."""
    digest = hashlib.sha256()
    for folder in (PACKAGE, shipped("baselines")):
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def packages() -> dict[str, str | None]:
    """Versions of Python and of the packages that can change a number."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def hardware(device: str) -> dict[str, Any]:
    """The machine: processor, cores, memory in bytes, and the accelerator in use if any."""
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory": _memory(),
        "accelerator": None,
    }
    if device.startswith("cuda"):
        import torch

        properties = torch.cuda.get_device_properties(torch.device(device))
        found["accelerator"] = f"{properties.name}, {properties.total_memory} bytes"
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
