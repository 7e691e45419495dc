"""Weights that were published as a pickle, turned into an entry with safetensors.

A pickle is a program, which is read as `bench.base.pickles` does. What that leaves is safetensors,
which is checked against the architecture like any other weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import kinds, models
from bench.base import pickles
from bench.base.errors import RequestError
from bench.base.files import move, scratch, sha256_file
from bench.base.paths import absolute
from bench.models import entries
from bench.spec.embedded import AnyEntry
from bench.spec.entry import Entry
from bench.spec.task import Task

_WEIGHTS = "model.safetensors"


def convert(file: Path, entry: AnyEntry, task: Task, out: Path) -> Entry:
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
    if not isinstance(entry, Entry) or entry.weights is not None or not entry.model.learns:
        raise RequestError(f"entry {entry.name} needs no weights", "name an untrained one")
    if out.exists():
        raise RequestError(f"{out} exists already", "choose another --out")
    pickles.check_file(file)
    model = models.build(_plain(entry), kinds.of(task).outputs())
    with scratch(out.parent, out.name) as folder:
        made = folder / "entry"
        made.mkdir()
        pickles.tensors_of(file, folder / "tensors.safetensors", folder)
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
