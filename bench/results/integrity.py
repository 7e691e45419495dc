"""Whether a run folder is what the harness wrote: shape, numbers and hashes.

The hashes find what was damaged, or edited by hand. They are no signature: whoever writes a whole
run folder writes its hashes as well.
"""

from dataclasses import dataclass

from bench.base.errors import BenchError
from bench.results.manifest import Manifest, read_noting_edits
from bench.results.runs import Run
from bench.spec import task as tasks


@dataclass(frozen=True)
class Checked:
    """A complete run that can be recorded.

    Attributes:
        manifest: its ``run.json``.
        altered: what isn't as it was when the run was scored, in words; empty for a run as it was.
    """

    manifest: Manifest
    altered: list[str]


def check(run: Run) -> Checked:
    """Read a run folder and check it.

    Raises:
        BenchError: it is not complete, or ``run.json`` isn't what
            `bench.results.manifest.read_noting_edits` takes: a field is missing, of another type,
            or a score is NaN or infinite; or it is that of another run.
    """
    manifest, edited = read_noting_edits(run.manifest_path)
    if manifest.status != "complete":
        raise BenchError(f"run {run.name} is not complete", "repeat its `bench run`: it continues")
    if manifest.run != run.name:
        raise BenchError(
            f"run.json of run {run.name} can't be recorded: it names run {manifest.run!r:.100}",
            "restore the file, or repeat the run with --force",
        )
    return Checked(manifest, _altered(run, manifest, edited=edited))


def _altered(run: Run, manifest: Manifest, *, edited: bool) -> list[str]:
    found = ["run.json was edited"] if edited else []
    noted, there = manifest.parts, run.hashes()
    for name in sorted({*noted, *there}):
        if name not in there:
            found.append(f"{name} is missing")
        elif name not in noted:
            found.append(f"{name} was added")
        elif noted[name] != there[name]:
            found.append(f"{name} has other content")
    return found


def task_of(run: Run, manifest: Manifest) -> tasks.Task:
    """The task of a run; only that of a run made here may be a file of the user's.

    Raises:
        RequestError: it isn't here, or is malformed.
    """
    path = "" if run.imported else manifest.task.file
    return tasks.load(path) if path else tasks.named(manifest.task.name)
