"""The arrays of PASTIS to one flat file per series.

Where every array will lie is planned from the headers alone and written down first. What was copied
is noted in a journal after it is on the disk, so a killed run goes on behind its last note; the
folder gets its name when all is there.
"""

import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.base import locks
from bench.base.errors import BenchError, os_error
from bench.base.files import move, write_bytes
from bench.data import Progress
from bench.data.pastis.dataset import Pastis, base
from bench.data.pastis.metadata import declared
from bench.data.pastis.store import ALIGNMENT, INDEX, STORE, Place, Store, length

_JOURNAL = "journal"
_AT_ONCE = 32

_log = logging.getLogger(__name__)

Plan = dict[str, dict[str, Place]]


def convert(root: Path, workers: int, progress: Progress) -> Path:
    """Write every series and the labels into ``PASTIS_STORE``; values stay bit for bit.

    Args:
        root: the folder of the dataset.
        workers: how many threads copy.
        progress: called with the number of arrays that are there and that there will be.

    Returns:
        The folder of the store. One that is finished already is never written to.

    Raises:
        BenchError: an array is damaged, the disk is full, or the finished store lacks what is on
            disk.
    """
    root = base(root)
    target = root / STORE
    dataset = Pastis(root)
    finished, dataset.store = dataset.store, None
    if finished is not None:
        _check_complete(dataset, finished)
        return target
    plan = _plan(dataset)
    partial = target.with_name(f"{STORE}.partial")
    lock = partial.with_name(f".{partial.name}.lock")
    try:
        with locks.held(lock, f"is writing {partial}"):
            _copy(dataset, plan, partial, workers, progress)
            move(partial, target)
    except OSError as error:
        raise os_error(
            f"could not write {partial}", error, "repeat the command: it continues"
        ) from error
    return target


def _check_complete(dataset: Pastis, store: Store) -> None:
    for name in ("TARGET", *declared()["series"]):
        if lacking := (dataset.held(name) & set(dataset.patches)) - store.held(name):
            raise BenchError(
                f"{store.folder} is finished but lacks {name} of {len(lacking)} patches",
                "to include them, remove it and repeat the command",
            )


def _plan(dataset: Pastis) -> Plan:
    plan: Plan = {}
    for name in ("TARGET", *declared()["series"]):
        begin, plan[name] = 0, {}
        for patch in sorted(dataset.held(name) & set(dataset.patches)):
            array = dataset.labels(patch) if name == "TARGET" else dataset.pixels(patch, name)
            place = plan[name][patch] = (array.dtype.str, array.shape, begin)
            begin += -(-length(place) // ALIGNMENT) * ALIGNMENT
    if not plan["TARGET"]:
        raise BenchError(
            f"{dataset.root} has no ANNOTATIONS/TARGET_<patch>.npy, nothing can be prepared",
            "unpack PASTIS-R.zip there; `bench data list` says where it is",
        )
    return {name: places for name, places in plan.items() if places}


def _copy(dataset: Pastis, plan: Plan, folder: Path, workers: int, progress: Progress) -> None:
    folder.mkdir(exist_ok=True)
    index, journal = json.dumps(plan).encode(), folder / _JOURNAL
    if not (folder / INDEX).is_file() or (folder / INDEX).read_bytes() != index:
        # The arrays have changed since: what was copied lies in the wrong places.
        journal.unlink(missing_ok=True)
        write_bytes(folder / INDEX, index)
    # A last line without its end was being written when the process was killed.
    noted = journal.read_text(encoding="ascii", errors="replace") if journal.is_file() else ""
    done = set(noted.rpartition("\n")[0].split("\n"))
    items = [(name, patch) for name, places in plan.items() for patch in places]
    sizes = {name: _size(folder / f"{name}.bin") for name in plan}
    cut = [
        (name, patch)
        for name, patch in items
        if f"{name} {patch}" in done and _end(plan[name][patch]) > sizes[name]
    ]
    if cut:
        _log.warning("%s lacks %d arrays that were copied: they are copied again", folder, len(cut))
        done -= {f"{name} {patch}" for name, patch in cut}
    missing = [(name, patch) for name, patch in items if f"{name} {patch}" not in done]
    progress(len(items) - len(missing), len(items))
    with ExitStack() as stack:
        files = {}
        for name in plan:
            files[name] = os.open(folder / f"{name}.bin", os.O_RDWR | os.O_CREAT, 0o644)
            stack.callback(os.close, files[name])
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))
        notes = stack.enter_context(journal.open("a", encoding="ascii"))

        def copy(item: tuple[str, str]) -> None:
            name, patch = item
            array = dataset.labels(patch) if name == "TARGET" else dataset.pixels(patch, name)
            content = memoryview(np.ascontiguousarray(array)).cast("B")  # type: ignore[arg-type]
            _write(files[name], content, plan[name][patch][2])

        for number, batch in enumerate(_batches(missing)):
            list(pool.map(copy, batch))
            for descriptor in files.values():
                os.fsync(descriptor)
            notes.write("".join(f"{name} {patch}\n" for name, patch in batch))
            notes.flush()
            os.fsync(notes.fileno())
            there = len(items) - len(missing) + number * _AT_ONCE + len(batch)
            progress(there, len(items))
    journal.unlink()


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _end(place: Place) -> int:
    return place[2] + length(place)


def _batches(items: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _write(descriptor: int, content: memoryview, begin: int) -> None:
    """Write all of it; a map would kill the process on a full disk."""
    while content:
        written = os.pwrite(descriptor, content, begin)
        content, begin = content[written:], begin + written
