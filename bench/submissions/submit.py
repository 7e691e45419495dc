"""Handing in an entry: what is published of it, and the commit and pull request that do it.

Published are the entry's own files, the ``run.json`` that its claims are in, and a model card with
the tags by which it is found. Scores on the official track also go where the Hub shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base import bounded_toml, hub
from bench.base import text as texts
from bench.base.errors import BenchError, RequestError
from bench.base.files import write_bytes
from bench.base.hub import Content
from bench.base.paths import shown
from bench.models import entries
from bench.results import export, integrity, runs
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.entry import MAX_DECLARATION, Entry, Predicted
from bench.spec.task import Task
from bench.submissions import check, sources
from bench.submissions.claims import Submission, claims_of
from bench.submissions.content import MAX_TEXT

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TAG = "rs-bench"
"""What every entry on the Hub is tagged with."""

WEIGHTS = "model.safetensors"
"""What the weights of an entry on the Hub are called."""

_EVALUATED = f".eval_results/{TAG}.yaml"

_STALE = (WEIGHTS, _EVALUATED)
"""What another entry, or another run of this one, may have left in the repository."""

_LICENCES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "lgpl-3.0"),
    *("mpl-2.0", "unlicense", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
}
"""Licences that the Hub knows under the name that everybody uses; it calls any other one other."""


@dataclass(frozen=True)
class Plan:
    """What submitting an entry comes to; nothing is sent to make one.

    Attributes:
        repo: OWNER/NAME on the Hub; empty where it goes into a folder.
        entry: what is handed in.
        run: the run whose scores it claims.
        files: path in the repository to content.
        leaderboard: the dataset repository that is asked to list it; empty for none.
        to: the folder of submissions that it goes into; None for the Hub.
    """

    repo: str
    entry: Entry | Predicted
    run: Run
    files: Mapping[str, Content]
    leaderboard: str
    to: Path | None = None

    @property
    def calls(self) -> list[str]:
        """What is asked of the Hub, or written, in words."""
        if self.to:
            place = shown(self.to / self.entry.name)
            return [f"write {place}.toml, and those of these files that differ to {place}"]
        found = [
            f"make the model repository {self.repo}, if it isn't there",
            f"commit to it, at once, those of these {len(self.files)} files that differ",
        ]
        if gone := [path for path in _STALE if path not in self.files]:
            found.append(f"remove from it, in that commit, {' and '.join(gone)}, if they are there")
        if self.leaderboard:
            name = f"submissions/{self.repo.replace('/', '--')}.toml"
            found.append(f"open a pull request at the dataset {self.leaderboard}: {name}")
        return found


@dataclass(frozen=True)
class Submitted:
    """What became of it.

    Attributes:
        submission: the manifest, pinned to the commit.
        changed: the files that the commit changed; none where all was there already.
        manifest: where the manifest was written here.
        request: the address of the pull request; empty where there is none.
    """

    submission: Submission
    changed: list[str]
    manifest: Path
    request: str


def plan(
    folder: Path, repo: str, results: Path, leaderboard: str = "", to: Path | None = None
) -> Plan:
    """Check an entry and put together what is published of it.

    Args:
        folder: of the entry.
        repo: OWNER/NAME on the Hub; empty for none.
        results: where its run is.
        leaderboard: OWNER/NAME of a dataset repository that lists submissions; empty for none.
        to: a folder of submissions, which it goes into in place of the Hub.

    Raises:
        RequestError: it isn't fit to be published, or wasn't run yet.
    """
    if bool(repo) == bool(to):
        raise RequestError(
            "expected a repository on the Hub or a folder of submissions, found "
            + ("both" if repo else "neither"),
            "write --repo OWNER/NAME or --to DIR",
        )
    for name in filter(None, (repo, leaderboard)):
        if not hub.REPOSITORY.fullmatch(name):
            raise RequestError(f"{name!r:.100} names no repository", "write OWNER/NAME")
    declared = bounded_toml.read(folder / "entry.toml", MAX_DECLARATION)
    if "embeddings" in declared:
        raise RequestError(
            f"{shown(folder)} brings embeddings, which are scored but not handed in yet",
            "publish the folder as it is; whoever has it scores it by --model embeddings:FOLDER",
        )
    task = tasks.named(str(declared.get("task")))
    faults = [found for found in check.check(folder, task) if not found.passed]
    if faults:
        raise RequestError(
            f"{shown(folder)} fails {len(faults)} checks: "
            + "; ".join(f"{fault.id}: {fault.found}" for fault in faults),
            f"`bench check {shown(folder)}` says how to mend it",
        )
    load = entries.load_predicted if "predictions" in declared else entries.load
    found = load(folder, task)
    run = _claimed(found, task, results)
    files = _files(found, folder, repo, run, results)
    if to:
        # What the Hub alone shows.
        files.pop(_EVALUATED, None)
    return Plan(repo, found, run, files, leaderboard, to)


def submit(plan: Plan, results: Path) -> Submitted:
    """Publish what a plan holds and, where it names a leaderboard, open a pull request there.

    Or write it into the plan's folder. Repeating it changes nothing more: what is there already
    isn't sent again.

    Raises:
        BenchError: the Hub refuses, or can't be reached; repeat it.
    """
    if plan.to:
        submission = _submission(plan)
        changed = sources.write(plan.to, submission, plan.files)
        return Submitted(submission, changed, plan.to / submission.file_name, "")
    published = hub.publish(plan.repo, plan.files, f"{plan.entry.name}: {plan.run.name}", _STALE)
    submission = _submission(plan, published.commit)
    text = submission.text().encode()
    manifest = results / "submissions" / submission.file_name
    write_bytes(manifest, text)
    request = ""
    if plan.leaderboard:
        request = hub.propose(
            plan.leaderboard,
            {f"submissions/{submission.file_name}": text},
            f"Submit {plan.repo}@{published.commit[:12]}",
        )
    return Submitted(submission, published.changed, manifest, request)


def _submission(plan: Plan, commit: str = "") -> Submission:
    return Submission(
        repo=plan.repo,
        revision=commit,
        entry=plan.entry.name,
        task=plan.entry.task,
        files={path: hub.sha256(content) for path, content in plan.files.items()},
        claims=claims_of(plan.run.manifest()),
    )


def _claimed(found: Entry | Predicted, task: Task, results: Path) -> Run:
    """The newest whole run of an entry; one on the official track comes first."""
    digests = {track: _digest(found, track) for track in ("official", "sample")}
    fitting = []
    for run in runs.all_runs(results):
        try:
            checked = integrity.check(run)
        except BenchError:
            continue
        manifest = checked.manifest
        same = (manifest.task.digest, manifest.entry.digest) == (
            task.digest,
            digests[manifest.track],
        )
        # What a sync fetched is somebody's submission already.
        fetched = manifest.entry.source
        unranked = manifest.partial or manifest.degradation or checked.altered
        if same and not (fetched or unranked):
            fitting.append((manifest.track == "official", manifest.started, run.name, run))
    if not fitting:
        folder = shown(found.folder) if found.folder else found.name
        model = f"predictions:{folder}" if isinstance(found, Predicted) else folder
        raise RequestError(
            f"{shown(results)} holds no whole run of {found.name} as it is in {folder}",
            f"`bench run --task {task.name} --model {model}` makes one",
        )
    return max(fitting)[-1]


def _digest(found: Entry | Predicted, track: str) -> str:
    return (found.on(track) if isinstance(found, Entry) else found).digest()


def _files(
    found: Entry | Predicted, folder: Path, repo: str, run: Run, results: Path
) -> dict[str, Content]:
    files: dict[str, Content] = {
        "entry.toml": (folder / "entry.toml").read_bytes(),
        "run.json": run.manifest_path.read_bytes(),
    }
    if isinstance(found, Predicted):
        files[found.file.name] = found.file
    elif found.weights is not None:
        if found.weights.name != WEIGHTS:
            raise RequestError(
                f"the weights of {found.name} are called {found.weights.name}",
                f"on the Hub they are called {WEIGHTS}: rename the file, here and in entry.toml",
            )
        files[WEIGHTS] = found.weights
    rows = _shown(run, results)
    if any(row["is_primary"] and row["higher_is_better"] for row in rows):
        files[_EVALUATED] = export.eval_results(rows)[0].encode()
    files["README.md"] = _card(found, folder, repo, rows).encode()
    return files


def _shown(run: Run, results: Path) -> list[dict[str, Any]]:
    """The scores of a run that the Hub may show: on the official track, if it has a place there."""
    manifest = run.manifest()
    if manifest.track != "official":
        return []
    task, name = manifest.task.name, manifest.entry.name
    rows = [row for row in export.rows(results, task=task, entry=name) if row["run"] == run.name]
    ranked = any(row["is_primary"] and row["value"] is not None for row in rows)
    return rows if ranked else []


def _card(found: Entry | Predicted, folder: Path, repo: str, rows: list[dict[str, Any]]) -> str:
    """The entry's README with what the Hub reads of it: tags, licence, scores."""
    from huggingface_hub import ModelCard
    from yaml import YAMLError  # type: ignore[import-untyped]

    readme = folder / "README.md"
    text = (
        texts.read(readme, MAX_TEXT, error=RequestError)
        if readme.is_file()
        else _introduction(found, repo)
    )
    if not text.startswith("---"):
        text = f"---\ntags: []\n---\n\n{text}"
    try:
        card = ModelCard(text)
    except (ValueError, YAMLError) as error:
        raise RequestError(
            f"{readme} begins with metadata that can't be read: {' '.join(str(error).split())}",
            "between its two lines of --- it holds YAML",
        ) from error
    # Which class its data is of depends on the card's; the client's types don't say so.
    about: Any = card.data
    about.tags = list(dict.fromkeys([*(about.tags or []), TAG, f"{TAG}-task:{found.task}"]))
    if found.licence and not about.license:
        known = found.licence.lower() in _LICENCES
        about.license = found.licence.lower() if known else "other"
        about.license_name = None if known else found.licence
    about.model_name = about.model_name or found.name
    others = [r for r in about.eval_results or [] if not _is_ours(r)]
    about.eval_results = [*others, *(export.evaluations(rows) if rows else [])] or None
    return str(card)


def _is_ours(result: "EvalResult") -> bool:
    return str(result.dataset_type).startswith(f"{export.NAMESPACE}/")


def _introduction(found: Entry | Predicted, repo: str) -> str:
    lines = [f"# {found.title or found.name}", ""]
    if found.authors:
        lines += [", ".join(found.authors), ""]
    if found.note:
        lines += [found.note, ""]
    model = f"hf:{repo}" if repo else f"submissions/{found.name}"
    if isinstance(found, Predicted) and not repo:
        model = f"predictions:{model}"
    command = f"bench run --task {found.task} --model {model}"
    return "\n".join([*lines, "An entry for rs-bench:", "", "```", command, "```", ""])
