"""Features that are extracted once: kept on disk, found again, continued after a kill.

They lie in ``features/<encoder>-<key>/`` of a results folder, in parts that are mapped into memory:
``part-00000.npy`` and so on, float32, beside ``features.json``, which says what they are of. The
key covers whatever decides them: weights, architecture, contract, data, ids, level, device,
precision and packages.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base import locks, provenance
from bench.base.errors import BenchError
from bench.base.files import atomic_path, sha256_file, sha256_json, write_bytes
from bench.base.text import plain_name
from bench.data import Dataset, ids_sha256
from bench.kinds.common import degraded
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import ahead, arithmetic, to_device
from bench.models import encoders
from bench.models.extraction import extracted
from bench.spec.contract import InputPipeline
from bench.spec.degradation import Degradation
from bench.spec.encoder import Encoder, Level

FOLDER = "features"
"""Where they lie in a results folder."""

_PART = 4096
_NOTE = "features.json"
_COST = "cost.json"
_COSTS = {"parameters", "macs", "latency_ms", "samples_per_second", "batch", "peak_memory"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Features:
    """Features of some samples, on disk.

    Attributes:
        folder: where they lie.
        samples: their ids, in the order of the rows.
    """

    folder: Path
    samples: Sequence[str]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {sample: row for row, sample in enumerate(self.samples)}

    @cached_property
    def _parts(self) -> list[NDArray[np.float32]]:
        return [np.load(path, mmap_mode="r") for path in _paths(self.folder)]

    def __contains__(self, sample: str) -> bool:
        """Whether it holds a sample."""
        return sample in self._rows

    def row(self, sample: str) -> NDArray[np.float32]:
        """The features of a sample, [F] or [F, rows, columns]."""
        part, row = divmod(self._rows[sample], _PART)
        found: NDArray[np.float32] = self._parts[part][row]
        return found

    def cost(self) -> dict[str, Any] | None:
        """What the encoder costs, if that was measured."""
        try:
            found = json.loads((self.folder / _COST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and set(found) >= _COSTS else None

    def keep_cost(self, cost: Mapping[str, Any]) -> None:
        """Keep what the encoder costs."""
        write_bytes(self.folder / _COST, json.dumps(cost).encode())


def rows(stores: Sequence[Features]) -> Callable[[Sequence[str]], torch.Tensor]:
    """What looks the features of samples up in some stores.

    Returns:
        A function from ids to float32 [N, F] or [N, F, rows, columns].
    """

    def find(samples: Sequence[str]) -> torch.Tensor:
        found = [next(store for store in stores if one in store).row(one) for one in samples]
        return torch.from_numpy(np.stack(found))

    return find


def extract(
    encoder: Encoder,
    kind: Kind[Any, Any],
    dataset: Dataset,
    samples: Sequence[str],
    level: Level,
    *,
    data: str,
    root: Path,
    device: str,
    precision: str,
    progress: Progress,
    degradation: Degradation | None = None,
) -> Features:
    """The features of samples; those that are on disk are found again.

    Args:
        encoder: whose features.
        kind: of the task, which reads what it is fed.
        dataset: of the task.
        samples: ids.
        level: of the features.
        data: the hash that stands for the data.
        root: the results folder.
        device: ``cpu`` or ``cuda``, with ``:index`` for a certain one.
        precision: ``32-true``, ``16-mixed`` or ``bf16-mixed``.
        progress: called with samples done and all samples.
        degradation: of the images that the encoder sees.

    Raises:
        BenchError: a sample is damaged, the encoder fails, or what is on disk was changed.
    """
    identity: dict[str, Any] = {
        "encoder": encoder.identity(),
        "level": level,
        "data": data,
        "samples": ids_sha256(samples),
        "order": sha256_json(list(samples)),
        "device": device.partition(":")[0],
        "precision": precision,
        "packages": provenance.packages(),
        "hardware": provenance.hardware(device),
        "threads": torch.get_num_threads(),
    }
    if degradation is not None:
        known_by = degraded.fingerprint(kind.task, encoder.input, degradation)
        identity["degradation"] = [degradation.name, known_by]
        dataset = degraded.degraded(dataset, kind.task, encoder.input, degradation)
    key = sha256_json(identity)
    folder = root / FOLDER / f"{plain_name(encoder.name, 80)}-{level}-{key[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with locks.held(folder.with_name(f".{folder.name}.lock"), f"extracts {folder.name}"):
        found = Features(folder, samples)
        note = _note(folder)
        if note is not None and note.get("key") != key:
            # Another file has taken its place, or a hash began alike.
            shutil.rmtree(folder)
            folder.mkdir()
            note = None
        if note is not None and note.get("parts"):
            _check(folder, note["parts"])
        else:
            described = {"key": key, "name": encoder.name, **identity, "count": len(samples)}
            _write_note(folder, described)
            _fill(found, encoder, kind, dataset, level, device, precision, progress)
            hashes = {path.name: sha256_file(path) for path in _paths(folder)}
            _write_note(folder, described | {"parts": hashes, "bytes": size(folder)})
        os.utime(folder / _NOTE)
    return found


def _fill(
    found: Features,
    encoder: Encoder,
    kind: Kind[Any, Any],
    dataset: Dataset,
    level: Level,
    device: str,
    precision: str,
    progress: Progress,
) -> None:
    """Make the parts that are missing."""
    samples, place = found.samples, torch.device(device)
    starts = range(0, len(samples), _PART)
    missing = [start for start in starts if not _part(found.folder, start).is_file()]
    if not missing:
        return
    network = encoders.network(encoder).requires_grad_(False).to(place)
    pipeline = InputPipeline(encoder.input, kind.task.bands)
    done = len(samples) - sum(min(_PART, len(samples) - start) for start in missing)

    def load(chosen: Sequence[str]) -> Batch:
        return Batch(chosen, kind.inputs(dataset, pipeline, chosen), {})

    for start in missing:
        part = samples[start : start + _PART]
        size = kind.batch_size
        batches = (part[first : first + size] for first in range(0, len(part), size))
        values: list[NDArray[np.float32]] = []
        with torch.inference_mode(), arithmetic(place, precision):
            for batch in ahead(load, batches):
                inputs = to_device(batch, place).inputs
                features = extracted(network, encoder, inputs, level).float().cpu().numpy()
                if not np.isfinite(features).all():
                    raise BenchError(
                        f"{encoder.name} gives NaN or infinity, in the batch of "
                        f"{batch.samples[0][:100]}",
                        "check its weights and its input contract; nothing was kept of this part",
                    )
                values.append(features)
                done += len(batch.samples)
                progress(done, len(samples))
        with atomic_path(_part(found.folder, start)) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.concatenate(values))


def listed(root: Path) -> list[Mapping[str, Any]]:
    """What ``features.json`` says of each set of features of a results folder, last used first.

    Beside its own fields: ``folder``, ``used`` (seconds since 1970), ``bytes`` on disk, and
    ``whole``, whether all parts are there.
    """
    found = []
    for folder in (root / FOLDER).glob("*/"):
        note = _note(folder)
        if note is not None:
            used = (folder / _NOTE).stat().st_mtime
            seen = {"folder": folder, "used": used, "bytes": size(folder)}
            found.append(note | seen | {"whole": bool(note.get("parts"))})
    return sorted(found, key=lambda one: -one["used"])


def drop(root: Path, most: int) -> list[Path]:
    """Remove sets of features, those used least recently first, until few enough bytes are left.

    Args:
        root: the results folder.
        most: bytes that may be left.

    Returns:
        The folders that were removed.
    """
    removed, left = [], 0
    for one in listed(root):
        left += one["bytes"]
        if left > most:
            folder: Path = one["folder"]
            with locks.held(folder.with_name(f".{folder.name}.lock"), f"extracts {folder.name}"):
                shutil.rmtree(folder)
            removed.append(folder)
            left -= one["bytes"]
    return removed


def size(folder: Path) -> int:
    """Bytes on disk."""
    return sum(path.stat().st_size for path in folder.iterdir())


def _part(folder: Path, start: int) -> Path:
    return folder / f"part-{start // _PART:05d}.npy"


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.npy"))


def _note(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write_note(folder: Path, content: Mapping[str, Any]) -> None:
    write_bytes(folder / _NOTE, json.dumps(content, indent=1, default=str).encode())


def _check(folder: Path, parts: Mapping[str, str]) -> None:
    """Refuse parts that aren't as they were written."""
    for name, digest in parts.items():
        path = folder / name
        if not path.is_file() or sha256_file(path) != digest:
            raise BenchError(
                f"{path} is missing or was changed since it was made",
                f"remove {folder}: the features are extracted again",
            )
