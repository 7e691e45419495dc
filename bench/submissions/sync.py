"""What others handed in: found, fetched at one commit, checked, run or scored again, compared.

Under ``results/submissions`` an outcome is kept for each submission that was processed, so that a
repeated sync deals only with what is new, and what a killed one left of those it had begun.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from bench import data
from bench.base import bounded_json, bounded_toml, hub, locks
from bench.base.errors import BenchError, RequestError, unknown
from bench.base.files import link_or_copy, move, sha256_file, sha256_json, write_json
from bench.base.version import __version__
from bench.data.listing import is_left_behind
from bench.models.entries import validated
from bench.results import integrity, runs, store, untrusted
from bench.results.manifest import MAX_BYTES as MAX_MANIFEST
from bench.results.manifest import Manifest
from bench.results.runs import RUN_ID, Run
from bench.spec import task as tasks
from bench.spec.entry import MAX_DECLARATION, Predicted
from bench.spec.task import Task
from bench.submissions import sandbox, sources
from bench.submissions.checks.files import MAX_BYTES
from bench.submissions.claims import Claims, Submission, compare, read_claims, read_submission
from bench.submissions.sandbox import Limits, SandboxJob
from bench.submissions.sources import Source
from bench.submissions.submit import WEIGHTS

MOST = 1_000
"""The most repositories with a tag that one sync looks at, the newest first."""

State = Literal["reproduced", "not reproduced", "not compared", "refused", "failed"]
Track = Literal["official", "sample"]
Say = Callable[[str], None]


class Found(NamedTuple):
    """A submission that is to be processed.

    Attributes:
        repo: OWNER/NAME on the Hub, or the name of a folder beside its manifest.
        revision: the commit; None for the newest one.
        manifest: with which it was handed in; None for one that was found by its tag.
        path: of the manifest, where the files lie beside it.
    """

    repo: str
    revision: str | None
    manifest: Submission | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a submission.

    Attributes:
        repo, revision: what was looked at.
        state: how its claim fares; ``refused`` for what is no fit entry, ``failed`` for what can be
            tried again.
        reason: in words; empty for a claim that holds.
        entry, task, track: what was run.
        metric: the score that ranks.
        claimed, value, low, high: that score as it was claimed and as it was found.
        trust: ``rerun``, ``rescored``, or ``reported`` where nothing could be computed here.
        run: the run that is recorded; empty where there is none.
        makeshift: whether the sample track stood in for official data that isn't here.
        key: of what decided this outcome beside the files of the commit.
    """

    repo: str
    revision: str
    state: State
    reason: str = ""
    entry: str = ""
    task: str = ""
    track: str = ""
    metric: str = ""
    claimed: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    trust: str = ""
    run: Annotated[str, Field(pattern=rf"^(|{RUN_ID})$")] = ""
    makeshift: bool = False
    key: str = ""


_OUTCOME = TypeAdapter(Outcome)


class _RefusedError(BenchError):
    """A submission isn't fit to be run, and won't be the next time."""


def listed(folder: Path) -> tuple[list[Found], list[str]]:
    """The submissions whose manifests are below a folder, and what is wrong with other files there.

    What two manifests claim of one commit must be the same, as it is looked at once.

    Raises:
        RequestError: there is no such folder.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder} is no folder", "name the one that holds the manifests")
    found: dict[tuple[str, str], tuple[Path, Found]] = {}
    faults = []
    for path in sorted(folder.rglob("*.toml")):
        name = path.relative_to(folder)
        # A hidden manifest is one all the same; macOS writes a file ._NAME beside each NAME.
        if name.name.startswith("._") or any(map(is_left_behind, name.parts[:-1])):
            continue
        if path.parent != folder and _is_part(path):
            continue
        if path.is_symlink():
            faults.append(f"{name} is a symbolic link (a manifest is a file)")
            continue
        try:
            manifest = read_submission(path)
        except RequestError as error:
            faults.append(str(error))
            continue
        if manifest.repo:
            one = Found(manifest.repo, manifest.revision, manifest)
        else:
            try:
                there = sources.beside(path)
            except BenchError as error:
                faults.append(str(error))
                continue
            one = Found(there.name, there.commit, manifest, path)
        first, known = found.setdefault((one.repo, str(one.revision)), (name, one))
        if known.manifest != manifest:
            faults.append(
                f"{name} says something else of {one.repo}@{str(one.revision)[:12]} than "
                f"{first} (keep one of them)"
            )
    return [one for _, one in found.values()], faults


def _is_part(path: Path) -> bool:
    """Whether a file is no manifest, but one of those that lie beside a manifest."""
    manifest = path.parent.with_name(f"{path.parent.name}.toml")
    try:
        return manifest.is_file() and not read_submission(manifest).repo
    except RequestError:
        return True


def tagged(tag: str) -> list[Found]:
    """The repositories on the Hub that bear a tag, each at its newest commit."""
    return [Found(repo, None) for repo in hub.tagged(tag, MOST)]


def sync(
    wanted: Iterable[Found], results: Path, limits: Limits, say: Say = lambda text: None
) -> list[Outcome]:
    """Process submissions one after the other; what is wrong with one never stops the others.

    Killed at any moment, it continues where it was.

    Args:
        wanted: the submissions; of one commit of one repository only the first counts.
        results: where runs and outcomes go.
        limits: what each may use.
        say: where news goes.

    Raises:
        BenchError: another process does the same in this folder.
    """
    folder = results / "submissions"
    folder.mkdir(parents=True, exist_ok=True)
    with locks.held(folder / ".lock", f"syncs into {results}"):
        outcomes: dict[tuple[str, str], Outcome] = {}
        for found in wanted:
            outcome = _process(found, results, limits, say, outcomes)
            outcomes.setdefault((outcome.repo, outcome.revision), outcome)
        return list(outcomes.values())


def known(results: Path) -> list[Outcome]:
    """The outcomes of earlier syncs, in order of repository; damaged files are left out."""
    found = []
    for path in sorted((results / "submissions").glob("*@*.json")):
        outcome = _read_outcome(path)
        if outcome is not None:
            found.append(outcome)
    return found


def _process(
    found: Found,
    results: Path,
    limits: Limits,
    say: Say,
    already: dict[tuple[str, str], Outcome],
) -> Outcome:
    outcome = Outcome(found.repo, found.revision or "", "failed")
    try:
        there = sources.look(found.repo, found.revision, found.path)
        outcome = replace(outcome, revision=there.commit)
        if (found.repo, there.commit) in already:
            return already[found.repo, there.commit]
        path = results / "submissions" / f"{_folder_name(there)}.json"
        manifest = found.manifest.model_dump() if found.manifest else None
        key = sha256_json([__version__, manifest, asdict(limits)])
        before = _read_outcome(path)
        if before is not None and before.key == key and _still_recorded(before, results):
            say(f"{there}: known, {before.state}")
            return before
        say(f"{there}: begun")
        standing = before if before is not None and _still_recorded(before, results) else None
        outcome = replace(_tried(found, there, results, limits, outcome, standing), key=key)
        if outcome.state != "failed":
            write_json(path, asdict(outcome))
            shutil.rmtree(_workplace(results, there), ignore_errors=True)
    except BenchError as error:
        outcome = replace(outcome, reason=str(error))
    except Exception as error:  # noqa: BLE001
        # Whatever a stranger's files bring about, the next submission is to have its turn.
        outcome = replace(outcome, reason=f"unexpected {type(error).__name__}: {error}"[:500])
    shown = f", {outcome.reason}" if outcome.reason else ""
    say(f"{outcome.repo}: {outcome.state}{shown}")
    return outcome


def _tried(
    found: Found,
    there: Source,
    results: Path,
    limits: Limits,
    outcome: Outcome,
    before: Outcome | None,
) -> Outcome:
    place = _workplace(results, there)
    try:
        task, declared = _fetched(there, place / "entry")
        outcome = replace(outcome, task=task.name, entry=str(declared.get("name"))[:100])
        claims = _claims(found, there, place / "entry")
        if claims is not None:
            claimed = claims.scores.get(task.primary)
            outcome = replace(outcome, metric=task.primary, claimed=claimed)
        official = data.is_there(data.official_root(task.dataset))
        on_sample = claims is not None and claims.track == "sample"
        track: Track = "official" if official and not on_sample else "sample"
        outcome = replace(outcome, track=track, makeshift=not official and not on_sample)
        if before is not None and before.run and before.track == track:
            # Another claim about the same commit needs no other run.
            manifest = Run(results / "runs" / before.run).manifest()
        else:
            job = SandboxJob(place / "entry", task.name, track, place / "results", _seed(declared))
            done = sandbox.run(job, limits, place / "home")
            if done.refused:
                raise _RefusedError(done.refused)
            if done.failed:
                return replace(outcome, reason=done.failed)
            made = Run(place / "results" / "runs" / done.run)
            manifest = _recorded(made, there, results, place / "staged")
    except _RefusedError as error:
        return replace(outcome, state="refused", reason=str(error))
    state, reason = compare(claims, manifest)
    score = manifest.primary
    value, low, high = (score.value, score.low, score.high) if score else (None, None, None)
    return replace(
        outcome,
        state=state,
        reason=reason,
        metric=task.primary,
        value=value,
        low=low,
        high=high,
        trust=manifest.trust,
        run=manifest.run,
    )


def _fetched(there: Source, folder: Path) -> tuple[Task, dict[str, Any]]:
    """Fetch the files of an entry, and no others; its task and its declaration."""
    folder.mkdir(parents=True, exist_ok=True)
    if "entry.toml" not in there.files:
        raise _RefusedError(f"{there} holds no entry.toml")
    path = sources.fetch(there, "entry.toml", MAX_DECLARATION, folder)
    try:
        declared = bounded_toml.read(path, MAX_DECLARATION)
    except RequestError as error:
        raise _RefusedError(error.message) from error
    named = str(declared.get("task"))[:100]
    if named not in tasks.names():
        raise _RefusedError(str(unknown("task", named, tasks.names())))
    names = ["README.md", "run.json", WEIGHTS]
    if "predictions" in declared:
        try:
            found = validated(Predicted, declared, path)
        except RequestError as error:
            raise _RefusedError(error.message) from error
        names[-1] = found.predictions.file
    for file in set(names) & set(there.files):
        limit = MAX_MANIFEST if file == "run.json" else MAX_BYTES[Path(file).suffix]
        _within(there, file, limit)
        sources.fetch(there, file, limit, folder)
    # What the Hub's client notes of its downloads.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return tasks.load(named), declared


def _within(there: Source, file: str, limit: int) -> None:
    size = there.files[file].size
    if size is None or size > limit:
        raise _RefusedError(f"{file} has {size} bytes, at most {limit} are fetched")


def _claims(found: Found, there: Source, folder: Path) -> Claims | None:
    """What is claimed: by the manifest of a submission, else by the run in its repository."""
    if found.manifest is None:
        path = folder / "run.json"
        try:
            return read_claims(path) if path.is_file() else None
        except BenchError as error:
            raise _RefusedError(str(error)) from error
    there_are = {path.name for path in folder.iterdir()}
    missing = there_are - set(found.manifest.files)
    if missing:
        raise _RefusedError(f"its manifest doesn't name {', '.join(sorted(missing))} of {there}")
    for name in sorted(there_are):
        if sha256_file(folder / name) != found.manifest.files[name]:
            raise _RefusedError(f"{name} of {there} isn't the file that its manifest names")
    return found.manifest.claims


def _seed(declared: dict[str, Any]) -> int:
    """The seed that an entry says it was trained with."""
    trained = declared.get("trained")
    seed = trained.get("seed") if isinstance(trained, dict) else None
    return seed if isinstance(seed, int) and 0 <= seed < 1 << 32 else 0


def _recorded(made: Run, there: Source, results: Path, staged: Path) -> Manifest:
    """Take a run of the sandbox into the results, with where its entry is from."""
    checked = integrity.check(made)
    if checked.altered:
        raise BenchError(f"run {made.name} was altered: {'; '.join(checked.altered)}")
    manifest = checked.manifest
    untrusted.check_observations(made, manifest)
    if manifest.identity is None:
        raise BenchError(f"run.json of run {made.name} says no identity", "evaluate it again")
    identity = manifest.identity.from_source(str(there))
    stem = f"{manifest.task.name}.{manifest.entry.name}.{manifest.track}"
    run = runs.choose(results, stem, identity, force=False)
    if not run.complete():
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(
            made.folder, staged, copy_function=link_or_copy, ignore=shutil.ignore_patterns(".*")
        )
        Run(staged).write_manifest(manifest.taken_in(run.name, identity))
        Run(staged).mark_imported()
        run.folder.parent.mkdir(parents=True, exist_ok=True)
        move(staged, run.folder)
    store.record(results, run)
    return run.manifest()


def _workplace(results: Path, there: Source) -> Path:
    return results / "submissions" / "begun" / _folder_name(there)


def _folder_name(there: Source) -> str:
    return f"{there.name.replace('/', '--')}@{there.commit}"


def _still_recorded(outcome: Outcome, results: Path) -> bool:
    """Whether an earlier outcome is what would come of it today."""
    if not outcome.run:
        return True
    if outcome.task not in tasks.names():
        return False
    run, task = Run(results / "runs" / outcome.run), tasks.load(outcome.task)
    official = data.is_there(data.official_root(task.dataset))
    return (
        run.complete()
        and run.manifest().task.digest == task.digest
        and not (outcome.makeshift and official)
    )


def _read_outcome(path: Path) -> Outcome | None:
    try:
        return _OUTCOME.validate_python(bounded_json.read(path, MAX_MANIFEST))
    except (BenchError, ValidationError):
        return None
