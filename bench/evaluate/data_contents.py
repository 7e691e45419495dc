"""What a copy of a dataset holds, by a sample of its records: other pixels are other data.

Reading everything would take hours. A dataset's own fingerprint covers its lists and labels; here a
few records are read as a model would get them, the same ones every time.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import kinds
from bench.base.errors import BenchError
from bench.base.files import sha256_json
from bench.data import Dataset
from bench.spec.task import Task

RECORDS = 64
"""How many records of a split are read at most."""

ENOUGH = 64 << 20
"""No further records are read once these had so many bytes, ..."""

FEWEST = 8
"""... but so many are read in any case."""

FILES = 10_000
"""How many files of a dataset are looked at."""

_PASSED_OVER = ("lock.mdb",)
"""Files that reading changes."""


def of(dataset: Dataset, task: Task, bands: Sequence[str], splits: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of a sample of what is read of each band, and of what it is compared with.

    Args:
        dataset: that is read.
        task: whose kind says what the model's output is compared with.
        bands: that a model gets; none for predictions made elsewhere.
        splits: of each of which records are read, chosen by the hash of their ids.

    Returns:
        By name of band, and by the method of the dataset that gives the targets. What can't be read
        counts as empty: reading it in earnest will say why.
    """
    target = kinds.of(task).target
    digests = {name: hashlib.sha256() for name in (*bands, *([target] if target else []))}
    for split in splits if digests else ():
        size = 0
        for number, sample in enumerate(chosen(dataset.ids(split))):
            if number >= FEWEST and size >= ENOUGH:
                break
            for name, values in _read(dataset, sample, bands, target).items():
                array = np.ascontiguousarray(values)
                about = f"{sample}\n{array.dtype.str}{array.shape}\n"
                digests[name].update(about.encode())
                digests[name].update(array.data if array.size else b"")
                size += array.nbytes
    return {name: digest.hexdigest() for name, digest in digests.items()}


def chosen(samples: Sequence[str]) -> list[str]:
    """The samples whose ids have the lowest hashes: spread over all, and always the same."""
    return sorted(samples, key=lambda name: hashlib.sha256(name.encode()).digest())[:RECORDS]


def _read(dataset: Dataset, sample: str, bands: Sequence[str], target: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        found |= dataset.read(sample, bands) if bands else {}
    except (BenchError, OSError):
        found |= {band: np.empty(0) for band in bands}
    if target:
        try:
            found[target] = getattr(dataset, target)(sample, bands)
        except (BenchError, OSError):
            found[target] = np.empty(0)
    return found


def combined(declared: str, contents: dict[str, str]) -> str:
    """The SHA-256 that stands for the data: what it declares and what it holds."""
    return sha256_json([declared, contents]) if contents else declared


def files(root: Path) -> dict[str, Any]:
    """Number, bytes and SHA-256 of names, sizes and times of the first files below a folder.

    The first `FILES` in order of their paths; hidden ones and locks are passed over.
    """
    digest, count, size = hashlib.sha256(), 0, 0
    for path in itertools.islice(_below(root), FILES):
        try:
            status = path.stat()
        except OSError:
            continue
        where = path.relative_to(root)
        digest.update(f"{where}\n{status.st_size} {status.st_mtime_ns}\n".encode())
        count, size = count + 1, size + status.st_size
    return {"count": count, "bytes": size, "sha256": digest.hexdigest()}


def _below(root: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name not in _PASSED_OVER:
                yield Path(parent, name)
