"""Is a split the published one? What the ids of a copy are held to, and what a run was held to."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data import Checked, Dataset
from bench.results.manifest import Manifest
from bench.results.records import Held
from bench.spec import task as tasks
from bench.spec.task import Split, Task

UNVERIFIED: Checked = "unverified"

SIMULATED: Held = "simulated"
"""What stands for the check on the sample track, whose data is recognised by its own hash."""


def check(task: Task, dataset: Dataset, root: Path, split: str) -> Checked:
    """Hold a split of the official track to its published fingerprint or count.

    Returns:
        What it was held to; ``unverified`` where nothing is published.

    Raises:
        BenchError: it is another split, or lists a sample twice.
    """
    ids = dataset.ids(split)
    if repeated := len(ids) - len(set(ids)):
        raise BenchError(
            f"split {split} at {root} lists {repeated} of its {len(ids)} samples twice",
            "unpack the lists of the dataset again",
        )
    hint = f"compare metadata with `bench data verify {task.dataset}`"
    _compare(f"split {split} at {root}", ids, task.published(split), hint)
    for group in data.together(task.dataset):
        if split in group["splits"]:
            _check_together(dataset, root, group, hint)
    return task.checked(split)


def _check_together(dataset: Dataset, root: Path, group: Mapping[str, Any], hint: str) -> None:
    """Hold several splits to what is published of them only taken together."""
    names = group["splits"]
    parts = {name: dataset.ids(name) for name in names}
    ids = [sample for part in parts.values() for sample in part]
    what = f"splits {', '.join(names)} at {root} together"
    if shared := len(ids) - len(set(ids)):
        raise BenchError(f"{what} share {shared} of their samples, expected none", hint)
    _compare(what, ids, Split(size=group.get("size"), ids_sha256=group.get("ids_sha256")), hint)
    for name, share in group.get("shares", {}).items():
        found = len(parts[name]) / max(len(ids), 1)
        if abs(found - share) > group["within"]:
            raise BenchError(
                f"split {name} at {root} has {found:.1%} of the samples, the official one "
                f"{share:.0%}",
                hint,
            )


def _compare(what: str, ids: Sequence[str], declared: Split, hint: str) -> None:
    found = len(ids), data.ids_sha256(ids)
    expected = declared.size or found[0], declared.ids_sha256 or found[1]
    if found != expected:
        shown = f" with {expected[1][:12]}" if declared.ids_sha256 else ""
        raise BenchError(
            f"{what}: {found[0]} samples with fingerprint {found[1][:12]}, expected the official "
            f"{expected[0]}{shown}",
            hint,
        )


def of_run(manifest: Manifest) -> Held:
    """What the scored split of a run was held to; ``simulated`` on the sample track.

    What the run's own ids say comes before what its manifest says of them, so that it also holds
    for runs that were made before checks were noted, or before a fingerprint was known.
    """
    if manifest.track == "sample":
        return SIMULATED
    noted = manifest.data.checked
    if manifest.partial:
        return noted
    task = _shipped(manifest.task.name, manifest.task.digest)
    if task is None:
        return noted
    declared = task.published(task.split)
    if declared.ids_sha256 is not None:
        return "fingerprint" if manifest.data.ids_sha256 == declared.ids_sha256 else UNVERIFIED
    if declared.size is not None:
        return "count" if manifest.data.samples == declared.size else UNVERIFIED
    # Of several splits together, of which a run notes only one.
    return noted if task.checked(task.split) == noted else UNVERIFIED


@functools.cache
def _shipped(name: str, digest: str) -> Task | None:
    """The task of this name that ships with the harness, if it has this meaning."""
    if name not in tasks.names():
        return None
    try:
        task = tasks.load(name)
    except RequestError:
        return None
    return task if task.digest == digest else None
