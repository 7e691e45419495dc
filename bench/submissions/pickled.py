"""Weights that others released, turned into an entry with safetensors.

A pickle is a program, which is read as `bench.base.pickles` does. What that leaves is safetensors,
named by a key map where the authors' names are others (`bench.models.released`) and checked against
the architecture like any other weights.
"""

from collections.abc import Sequence
from pathlib import Path

from bench import kinds, models
from bench.base.errors import RequestError
from bench.base.files import move, scratch, sha256_file
from bench.base.paths import absolute
from bench.models import entries, released
from bench.spec.embedded import AnyEntry
from bench.spec.entry import Entry
from bench.spec.task import Task

_WEIGHTS = "model.safetensors"


def convert(files: Path | Sequence[Path], entry: AnyEntry, task: Task, out: Path) -> Entry:
    """Put released weights under the declaration of an entry.

    Args:
        files: a file of safetensors, or a pickle: a state, or a checkpoint that holds one as
            ``state_dict``. Of an architecture of several networks, a file for each.
        entry: without weights; what the weights belong to.
        task: of the entry.
        out: the folder of the new entry, which appears as a whole.

    Returns:
        The entry in ``out``.

    Raises:
        RequestError: the entry has its weights, ``out`` exists, or there is no such file.
        BenchError: a file holds more than tensors, or not those of the architecture.
    """
    # A child reads and writes them.
    given = [absolute(file) for file in ([files] if isinstance(files, Path) else files)]
    out = absolute(out)
    if not isinstance(entry, Entry) or entry.weights is not None or not entry.model.learns:
        raise RequestError(f"entry {entry.name} needs no weights", "name an untrained one")
    if out.exists():
        raise RequestError(f"{out} exists already", "choose another --out")
    plain = _plain(entry)
    model = models.build(plain, kinds.of(task).outputs())
    with scratch(out.parent, out.name) as folder:
        made = folder / "entry"
        made.mkdir()
        released.write(given, model, plain.model.architecture, made / _WEIGHTS, folder)
        whole = plain.model_copy(
            update={
                "model": plain.model.model_copy(update={"weights": _WEIGHTS}),
                "note": "",
                "source": _source(given),
                "folder": out,
            }
        )
        entries.save(whole, made)
        move(made, out)
    return whole


def _source(files: Sequence[Path]) -> str:
    """The names of files with their hashes, shortened where there are several."""
    digits = 64 if len(files) == 1 else 16
    return "; ".join(f"{file.name}, SHA-256 {sha256_file(file)[:digits]}" for file in files)[:500]


def _plain(entry: Entry) -> Entry:
    """An entry that begins with nothing and is not to be trained."""
    arguments = {k: v for k, v in entry.model.arguments.items() if k != "pretrained"}
    model = entry.model.model_copy(update={"arguments": arguments})
    return entry.model_copy(update={"model": model, "recipe": {}, "sample": None})
