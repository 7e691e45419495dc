"""Weights that were published as a pickle, turned into an entry with safetensors.

A pickle is a program. It is read on the user's explicit word only, by torch's loader that makes
nothing but tensors, in a child process that has no secrets, little time and bounded memory. What it
leaves is safetensors, which is checked against the architecture like any other weights.
"""

import pickle
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import kinds, models
from bench.base.errors import BenchError, RequestError
from bench.base.files import move, scratch, sha256_file
from bench.base.paths import absolute
from bench.models import entries
from bench.spec.entry import Entry, Predicted
from bench.spec.task import Task
from bench.submissions.sandbox import harmless

MAX_BYTES = 16 << 30
"""Largest file that is opened, in bytes."""

SECONDS = 1800
"""What the child may take."""

_WEIGHTS = "model.safetensors"
_SPARE = 4 << 30
_MAX_TOLD = 500
_DISTRIBUTED = "module."


def convert(file: Path, entry: Entry | Predicted, task: Task, out: Path) -> Entry:
    """Put the weights of a pickle under the declaration of an entry.

    Args:
        file: the pickle: a state, or a checkpoint that holds one as ``state_dict``.
        entry: without weights; what the weights belong to.
        task: of the entry.
        out: the folder of the new entry, which appears as a whole.

    Returns:
        The entry in ``out``.

    Raises:
        RequestError: the entry has its weights, ``out`` exists, or there is no such file.
        BenchError: the file holds more than tensors, or not those of the architecture.
    """
    from bench.base import weights

    # A child reads and writes them.
    file, out = absolute(file), absolute(out)
    if isinstance(entry, Predicted) or entry.weights is not None or not entry.model.learns:
        raise RequestError(f"entry {entry.name} needs no weights", "name an untrained one")
    if out.exists():
        raise RequestError(f"{out} exists already", "choose another --out")
    if not file.is_file() or file.stat().st_size > MAX_BYTES:
        raise RequestError(f"expected a file of at most {MAX_BYTES} bytes at {file}")
    model = models.build(_plain(entry), kinds.of(task).outputs())
    with scratch(out.parent, out.name) as folder:
        made = folder / "entry"
        made.mkdir()
        _unpickled(file, folder / "tensors.safetensors", folder)
        _cast(folder / "tensors.safetensors", made / _WEIGHTS, model.state_dict())
        weights.fill(model, made / _WEIGHTS)
        plain = _plain(entry)
        whole = plain.model_copy(
            update={
                "model": plain.model.model_copy(update={"weights": _WEIGHTS}),
                "note": "",
                "source": f"{file.name}, SHA-256 {sha256_file(file)}",
                "folder": out,
            }
        )
        entries.save(whole, made)
        move(made, out)
    return whole


def _plain(entry: Entry) -> Entry:
    """An entry that begins with nothing and is not to be trained."""
    arguments = {k: v for k, v in entry.model.arguments.items() if k != "pretrained"}
    model = entry.model.model_copy(update={"arguments": arguments})
    return entry.model_copy(update={"model": model, "recipe": {}, "sample": None})


def _cast(source: Path, target: Path, wanted: Mapping[str, Any]) -> None:
    """The same tensors in the precision of the architecture: some are published in half of it."""
    from safetensors.torch import load_file

    from bench.base.weights import save_tensors

    tensors = {
        name: tensor.to(wanted[name].dtype)
        if name in wanted and tensor.is_floating_point()
        else tensor
        for name, tensor in load_file(source).items()
    }
    save_tensors(tensors, target)


def _unpickled(file: Path, target: Path, home: Path) -> None:
    """The tensors of a pickle as safetensors, by a child."""
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "bench.submissions.pickled", str(file), str(target)],
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


def _child(file: Path, target: Path) -> None:
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
    found = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(found, dict) or not found:
        sys.exit(f"found {type(loaded).__name__} without tensors")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            sys.exit(f"{str(name)[:100]!r} is {type(value).__name__}, no tensor")
    if all(name.startswith(_DISTRIBUTED) for name in found):
        found = {name.removeprefix(_DISTRIBUTED): value for name, value in found.items()}
    save_file({name: value.contiguous().clone() for name, value in found.items()}, target)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]))
