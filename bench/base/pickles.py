"""The tensors of a pickle, as safetensors.

A pickle is a program. It is read on the user's explicit word only, by torch's loader that makes
nothing but tensors, in a child process that has no secrets, little time and bounded memory.
"""

import pickle
import resource
import subprocess
import sys
from pathlib import Path

from bench.base.children import harmless
from bench.base.errors import BenchError, RequestError

MAX_BYTES = 16 << 30
"""Largest file that is opened, in bytes."""

SECONDS = 1800
"""What the child may take."""

_SPARE = 4 << 30
_MAX_TOLD = 500
_DISTRIBUTED = "module."


def check_file(file: Path) -> None:
    """Refuse what is no plain file or is too large.

    Raises:
        RequestError: it is.
    """
    if not file.is_file() or file.stat().st_size > MAX_BYTES:
        raise RequestError(f"expected a file of at most {MAX_BYTES} bytes at {file}")


def tensors_of(file: Path, target: Path, home: Path, part: str = "") -> None:
    """Write the tensors of a pickle to a safetensors file, by a child.

    Args:
        file: the pickle: a state, or a checkpoint that holds one as ``state_dict``.
        target: the safetensors file.
        home: an empty folder, the child's own.
        part: the key of the checkpoint that holds the state, where it isn't ``state_dict``.

    Raises:
        BenchError: the file holds more than tensors, or the child took too long.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "bench.base.pickles", str(file), str(target), part],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=home,
            env=harmless() | {"HOME": str(home)},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{file} took longer than {SECONDS} s to read") from error
    if child.returncode:
        lines = child.stderr[-_MAX_TOLD:].decode("utf-8", "replace").strip().splitlines()
        last = lines[-1] if lines else f"its process ended with {child.returncode}"
        raise BenchError(
            f"{file} can't be converted: {last}",
            "expected a dictionary of tensors, or one with such a dictionary as state_dict",
        )


def _child(file: Path, target: Path, part: str) -> None:
    import torch
    from safetensors.torch import save_file

    size = file.stat().st_size
    for what, most in (
        (resource.RLIMIT_DATA, 4 * size + _SPARE),
        (resource.RLIMIT_FSIZE, 2 * size + (1 << 20)),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, KeyError) as error:
        sys.exit((str(error).strip().splitlines() or [type(error).__name__])[0])
    key = part or "state_dict"
    found = loaded.get(key, loaded) if isinstance(loaded, dict) else None
    if not isinstance(found, dict) or not found:
        sys.exit(f"found {type(loaded).__name__} without tensors")
    # Some states are those of several networks.
    nested = {name: value for name, value in found.items() if isinstance(value, dict)}
    found = {name: value for name, value in found.items() if name not in nested}
    found |= {f"{name}.{key}": value for name, own in nested.items() for key, value in own.items()}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            sys.exit(f"{str(name)[:100]!r} is {type(value).__name__}, no tensor")
    if all(name.startswith(_DISTRIBUTED) for name in found):
        found = {name.removeprefix(_DISTRIBUTED): value for name, value in found.items()}
    save_file({name: value.contiguous().clone() for name, value in found.items()}, target)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
