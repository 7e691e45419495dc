"""``bench verify``: everything that entered the numbers of a run, hashed and scored again."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from bench import data, kinds
from bench.base.errors import BenchError
from bench.base.files import sha256_file
from bench.evaluate import data_contents as contents
from bench.kinds.common import scoring
from bench.models import entries
from bench.results import integrity
from bench.results.manifest import Manifest
from bench.results.records import EntryRecord
from bench.results.runs import Run
from bench.spec.score import Score
from bench.spec.task import Task

State = Literal["same", "differs", "not here"]

_Name = tuple[str, str, str, str]

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.safetensors", re.A)

_HUB = re.compile(r"hf:(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})@(?P<commit>[0-9a-f]{40})", re.A)


@dataclass(frozen=True)
class Compared:
    """One thing that entered the numbers of a run, beside what its manifest says of it.

    Attributes:
        what: such as ``part-00000.parquet``, ``task digest`` or ``scores``.
        state: whether it is the same, differs, or isn't here to be compared.
        found: what was compared, in words.
    """

    what: str
    state: State
    found: str


def verify(run: Run, results: Path) -> list[Compared]:
    """Compare all that entered the numbers of a complete run with its manifest, and score again.

    Args:
        run: the run.
        results: the results folder in whose ``entries`` its weights are looked for.

    Raises:
        BenchError: the run isn't complete, or its ``run.json`` isn't whole.
    """
    checked = integrity.check(run)
    manifest = checked.manifest
    edited = "run.json was edited" in checked.altered
    found = [Compared("run.json", "differs" if edited else "same", "by the hash of its content")]
    found += _files(run.hashes(), manifest.parts)
    drawn = (run.folder / "pictures").glob("*.png")
    found += _files({path.name: sha256_file(path) for path in drawn}, manifest.pictures)
    task = _task(run, manifest)
    found += _meaning(manifest, task)
    found += _data(manifest, task)
    found.append(_weights(manifest, task, results))
    found += _scores(manifest, task, run)
    return found


def _files(there: Mapping[str, str], noted: Mapping[str, str]) -> Iterator[Compared]:
    for name in sorted({*there, *noted}):
        if name not in there:
            yield Compared(name, "differs", "it is missing")
        elif name not in noted:
            yield Compared(name, "differs", "it was added")
        else:
            yield _hashes(name, noted[name], there[name])


def _hashes(what: str, noted: str, found: str) -> Compared:
    if noted == found:
        return Compared(what, "same", found[:12])
    return Compared(what, "differs", f"{found[:12]}, noted was {noted[:12]}")


def _task(run: Run, manifest: Manifest) -> Task | None:
    try:
        return integrity.task_of(run, manifest)
    except BenchError:
        return None


def _meaning(manifest: Manifest, task: Task | None) -> Iterator[Compared]:
    if task is None:
        yield Compared("task digest", "not here", f"task {manifest.task.name}")
    else:
        yield _hashes("task digest", manifest.task.digest, task.digest)


def _data(manifest: Manifest, task: Task | None) -> Iterator[Compared]:
    """The fingerprint of the data and, of a whole run, of the ids of the scored split."""
    if task is None:
        return
    official = manifest.track == "official"
    root = data.official_root(task.dataset) if official else data.sample_root(task.dataset)
    if not data.is_there(root):
        yield Compared("data", "not here", f"{task.dataset} isn't at {root}")
        return
    dataset = data.reader(task.dataset).open_dataset(root)
    fingerprint = dataset.fingerprint() if official else data.sample_sha256(root)
    if held := manifest.data.contents:
        read = [name for name in held if name in task.bands]
        found = contents.of(dataset, task, read, [task.split])
        fingerprint = contents.combined(fingerprint, found)
    yield _hashes("data", manifest.data.data_sha256, fingerprint)
    if not manifest.partial:
        bands = _bands(manifest) or task.input(task.inputs[0]).bands
        ids = data.scored_ids(dataset, task.dataset, task.split, bands)
        yield _hashes("sample ids", manifest.data.ids_sha256, data.ids_sha256(ids))


def _bands(manifest: Manifest) -> tuple[str, ...]:
    """What the model was fed with; nothing where predictions were handed in."""
    return manifest.entry.input.bands if manifest.entry.input else ()


def _weights(manifest: Manifest, task: Task | None, results: Path) -> Compared:
    noted = manifest.entry.weights_sha256
    if not noted:
        return Compared("weights", "not here", "the entry has none")
    path = _trained_here(manifest, task, results) or _from_hub(manifest.entry)
    if path is None:
        return Compared("weights", "not here", f"{noted[:12]} is in no entry of {results}")
    return _hashes("weights", noted, sha256_file(path))


def _trained_here(manifest: Manifest, task: Task | None, results: Path) -> Path | None:
    """The weights of the very training that the manifest describes."""
    if task is None or manifest.entry.trained is None:
        return None
    # The log of a training lies beside its entry, not in it.
    trained = {k: v for k, v in manifest.entry.trained.content().items() if k != "history"}
    for folder in sorted((results / "entries" / task.name).glob("*")):
        try:
            found = entries.load(folder, task)
        except BenchError:
            continue
        same = found.trained and found.trained.model_dump(mode="json", exclude_none=True) == trained
        if same and found.weights is not None and found.weights.is_file():
            return found.weights
    return None


def _from_hub(described: EntryRecord) -> Path | None:
    """The weights in the Hub's cache, for an entry that was fetched from there."""
    from huggingface_hub import try_to_load_from_cache

    named, weights = _HUB.fullmatch(described.source), described.model and described.model.weights
    if named is None or not weights or not _FILE.fullmatch(weights):
        return None
    cached = try_to_load_from_cache(named["repo"], weights, revision=named["commit"])
    return Path(cached) if isinstance(cached, str) else None


def _scores(manifest: Manifest, task: Task | None, run: Run) -> Iterator[Compared]:
    """The stored observations scored by this version of the harness."""
    if task is None or task.digest != manifest.task.digest:
        yield Compared("scores", "not here", "the task of this digest, to score again")
        return
    try:
        observations = run.observations()
        noted = manifest.observations_sha256
        if noted is not None:
            hashed = run.observations_sha256(kinds.of(task).volatile)
            yield _hashes("observations", noted, hashed)
        again = scoring.score(kinds.of(task), observations, run.attributes())
    except (BenchError, pa.ArrowException, ValueError, LookupError) as error:
        # What isn't as it was written fails as it happens to.
        yield Compared("scores", "differs", f"can't be scored: {error!s:.200}")
        return
    # Runs of earlier versions have intervals of another kind, over nothing that they name.
    primary = manifest.primary
    earlier = primary is not None and primary.units is None
    before, after = (_by_name(s, bare=earlier) for s in (manifest.scores, again.scores))
    remarks = _remarks(manifest, task, observations)
    lost = {
        key
        for key in before.keys() & after.keys()
        if remarks and after[key].value is None and before[key].value is not None
    }
    if lost:
        yield Compared(f"{len(lost)} scores", "not here", "; ".join(remarks))
    known = ({k: s[k] for k in s if k not in lost} for s in (before, after))
    yield _compare_scores(*known, intervals=not earlier)
    if earlier:
        yield Compared("intervals", "not here", "an earlier version made them: `bench score RUN`")
    elif not lost:
        same = manifest.left_out == again.left_out
        number = f"{len(again.left_out)} values of the primary score"
        yield Compared("without each unit", "same" if same else "differs", number)


def _remarks(manifest: Manifest, task: Task, observations: pa.Table) -> list[str]:
    """What could be computed where the run was made, and can't be here."""
    found = kinds.of(task).remarks(observations)
    return [remark for remark in found if remark not in manifest.remarks]


def _by_name(scores: Iterable[Score], *, bare: bool) -> dict[_Name, Score]:
    """Scores but for the number of classes, which runs don't say that were scored before.

    Args:
        scores: of a run.
        bare: without intervals and what these are over.
    """
    changes: dict[str, Any] = {"classes": None}
    if bare:
        changes |= {"low": None, "high": None, "units": None, "sampling_unit": ""}
    return {
        (s.metric, s.average, s.label, s.slice): dataclasses.replace(s, **changes) for s in scores
    }


def _compare_scores(
    before: Mapping[_Name, Score], after: Mapping[_Name, Score], *, intervals: bool
) -> Compared:
    differ = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    also = " with their intervals" if intervals else ""
    if not differ:
        return Compared("scores", "same", f"{len(after):,} scores{also}")
    metric, average, label, part = differ[0]
    first = " ".join(filter(None, (f"{metric}_{average}", label, part)))
    found = [scores.get(differ[0]) for scores in (before, after)]
    noted, now = [score.value if score else None for score in found]
    return Compared(
        "scores",
        "differs",
        f"{len(differ):,} of {len({*before, *after}):,}, first {first}: {now}, noted was {noted}",
    )
