"""What a figure is of: a run, or the results of a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import RequestError, unknown
from bench.results import integrity, runs, store
from bench.results.manifest import Manifest
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.task import Task


@dataclass(frozen=True)
class Selection:
    """A run, or the results of a task on one track.

    Attributes:
        task: of the run, or the task itself.
        run: the run; None for all of a task.
        results: the results folder.
        entries: only these; all where it is empty.
        track: ``official`` or ``sample``.
        metric: what is shown, such as ``ap_macro``.
    """

    task: Task
    run: Run | None
    results: Path
    entries: tuple[str, ...]
    track: str
    metric: str

    @property
    def title(self) -> str:
        """The task, and the entry of a run."""
        if self.run is None:
            return self.task.title
        return f"{self.run.manifest().entry.name}: {self.task.title}"

    @property
    def note(self) -> str:
        """What the numbers are of, in a line."""
        said = f"{self.task.name} version {self.task.version}, {self.track} track"
        simulated = ": simulated data" if self.track == "sample" else ""
        return said + simulated + (f"; run {self.run.name}" if self.run else "")

    def manifests(self) -> list[tuple[Run, Manifest]]:
        """The complete, whole runs that are meant, oldest first: the run, or those of the task.

        Raises:
            RequestError: there are none, or one of the entries has none.
        """
        if self.run is not None:
            return [(self.run, self.run.manifest())]
        found = []
        for run in runs.all_runs(self.results):
            if not run.name.startswith(f"{self.task.name}."):
                continue
            manifest = run.manifest()
            same = (manifest.task.digest, manifest.track) == (self.task.digest, self.track)
            whole = manifest.status == "complete" and not manifest.partial
            if same and whole and manifest.degradation is None:
                found.append((run, manifest))
        if not found:
            raise nothing(self.task, self.track)
        known = {manifest.entry.name for _, manifest in found}
        for name in self.entries:
            if name not in known:
                raise unknown("entry", name, known, f"with results on {self.task.name}")
        chosen = self.entries or sorted(known)
        kept = [pair for pair in found if pair[1].entry.name in chosen]
        return sorted(kept, key=lambda pair: (pair[1].started, pair[0].name))

    def newest(self) -> list[tuple[Run, Manifest]]:
        """The newest run of each entry, in the order of the entries.

        Raises:
            RequestError: as `manifests`.
        """
        latest = {manifest.entry.name: (run, manifest) for run, manifest in self.manifests()}
        return [latest[name] for name in self.entries or sorted(latest) if name in latest]


def nothing(task: Task, track: str) -> RequestError:
    """The error that a task has no results on a track."""
    return RequestError(
        f"nothing is recorded of task {task.name} on the {track} track",
        f"bench run --task {task.name} --model MODEL --track {track}; `bench results` shows "
        "what there is",
    )


def one_run(selection: Selection, kind: str) -> Run:
    """The run that is meant, for kinds of figures that show one.

    Raises:
        RequestError: a task was named.
    """
    if selection.run is None:
        raise RequestError(
            f"{kind} shows one run, found the task {selection.task.name}",
            f"name a run: `bench results --task {selection.task.name}` lists them",
        )
    return selection.run


def find(
    about: str, results: Path, entries: Sequence[str], track: str | None, metric: str | None
) -> Selection:
    """What a name stands for.

    Args:
        about: a run's id, the beginning of one or a folder; or the name or path of a task.
        results: the results folder.
        entries: as in `Selection`.
        track: of a task; None for official where there are results, else sample.
        metric: None for the one that ranks.

    Raises:
        RequestError: it is neither, or an option doesn't fit.
    """
    if track not in (None, "official", "sample"):
        raise RequestError(f"unknown track {track!r:.40}", "use official or sample")
    if about in tasks.names() or about.endswith(".toml"):
        task = tasks.load(about)
        chosen = track or _track(results, task)
        return Selection(task, None, results, tuple(entries), chosen, metric or task.primary)
    run = _run(about, results)
    manifest = run.manifest()
    if entries:
        raise RequestError(f"{about} is a run, and entries are named besides", "name the task")
    if track not in (None, manifest.track):
        raise RequestError(
            f"run {run.name} is on the {manifest.track} track, expected {track}",
            "leave --track away",
        )
    task = integrity.task_of(run, manifest)
    return Selection(task, run, results, (), manifest.track, metric or task.primary)


def _run(about: str, results: Path) -> Run:
    try:
        run = runs.find(results, about)
    except RequestError as error:
        raise RequestError(
            f"{about!r:.100} is neither a run nor a task: {error.message}",
            error.hint or "`bench list` shows the tasks, `bench results` the runs",
        ) from error
    if not run.complete():
        raise RequestError(f"run {run.name} is not complete", "repeat its `bench run`: it goes on")
    return run


def _track(results: Path, task: Task) -> str:
    """Official where the task has results there, else sample."""
    if not store.exists(results):
        return "sample"
    asked = "select distinct track from runs where task = ? and not partial"
    with store.connect(results, write=False) as connection:
        found = {track for (track,) in connection.execute(asked, [task.name]).fetchall()}
    return min(found, default="sample")
