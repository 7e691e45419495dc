"""What is compared: from names of entries and runs to complete runs on the same samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.base.errors import RequestError, unknown
from bench.base.paths import absolute
from bench.results import runs, trainings, verification
from bench.results.manifest import Manifest
from bench.results.records import DataRecord
from bench.results.runs import Run
from bench.spec.task import Task

Known = tuple[Run, Manifest]


@dataclass(frozen=True)
class Competitor:
    """An entry, or one run of it.

    Attributes:
        name: that of the entry, with seed or run id where it takes them to tell runs apart.
        runs: one for each training, in the order of their seeds.
        manifests: theirs.
    """

    name: str
    runs: tuple[Run, ...]
    manifests: tuple[Manifest, ...]


def find(
    names: Sequence[str], task: Task, results: Path, track: str | None
) -> tuple[list[Competitor], list[str]]:
    """What names stand for.

    Args:
        names: run ids, beginnings of run ids, paths of run folders, or names of entries, with
            ``@`` and the beginning of a hash where several models have one name.
        task: what they were run on.
        results: the results folder.
        track: the one to look at; None for official where all have it, else sample.

    Returns:
        The competitors in the order of the names, all complete, of one task digest, on the same
        samples of one track; and what is worth saying about the choice.

    Raises:
        RequestError: there are fewer than two, one is unknown, or they can't be compared.
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise RequestError(
            f"expected two or more different entries or runs, found {', '.join(names) or 'none'}",
            f"`bench results --task {task.name}` lists what there is",
        )
    groups = [_of_entry(name, task, results) or [_one_run(name, task, results)] for name in names]
    shared = set.intersection(*({str(m.track) for _, m in group} for group in groups))
    if track is not None:
        shared &= {track}
    if not shared:
        there = [
            f"{name}: {', '.join(sorted({m.track for _, m in group}))}"
            for name, group in zip(names, groups, strict=True)
        ]
        raise RequestError(
            f"expected results of all on {track or 'one track'}, found {'; '.join(there)}",
            "official and sample results are never compared",
        )
    chosen = min(shared)
    competitors, remarks = [], []
    for name, group in zip(names, groups, strict=True):
        here = [pair for pair in group if pair[1].track == chosen]
        competitor, said = _contender(name, here)
        competitors.append(competitor)
        remarks += said
    _check_alike(competitors, task)
    once = [
        one.name
        for one in competitors
        if len(one.runs) == 1 and trainings.made(one.manifests[0]).seed is not None
    ]
    if once:
        remarks.append(
            f"one seed of {', '.join(once)}: nothing is said about other seeds of training"
        )
    remarks += _same_model(competitors)
    if verification.of_run(competitors[0].manifests[0]) == verification.UNVERIFIED:
        remarks.append("the scored split is unverified: its samples were held to nothing published")
    return _named(competitors), remarks


def _named(competitors: Sequence[Competitor]) -> list[Competitor]:
    """With the shortest names that tell all of them apart."""

    def entry(one: Competitor) -> str:
        name = one.manifests[0].entry.name
        return one.name if one.name.startswith(f"{name}@") else name

    def seeded(one: Competitor) -> str:
        return f"{entry(one)} (seed {', '.join(str(m.seed) for m in one.manifests)})"

    def whole(one: Competitor) -> str:
        return ", ".join(run.name for run in one.runs)

    for name in (entry, seeded, whole):
        names = [name(one) for one in competitors]
        if len(set(names)) == len(names):
            break
    return [replace(one, name=name) for one, name in zip(competitors, names, strict=True)]


def _of_entry(name: str, task: Task, results: Path) -> list[Known]:
    """The complete runs of an entry on a task; a run's id begins with both.

    Runs on degraded images are left out: they are named by their ids.

    ``NAME@HASH`` are those of one model of this name: HASH begins its digest or its weights' hash.
    """
    entry, _, mark = name.partition("@")
    begun = [run for run in runs.all_runs(results) if run.name.startswith(f"{task.name}.{entry}.")]
    known: list[Known] = [(run, run.manifest()) for run in begun]
    found = [
        (r, m)
        for r, m in known
        if m.status == "complete" and m.entry.name == entry and m.degradation is None
    ]
    if not mark:
        return found
    chosen = [(r, m) for r, m in found if any(one.startswith(mark) for one in _hashes(m))]
    if found and not chosen:
        there = trainings.by_model((m for _, m in found), trainings.made)
        known_names = [trainings.longer(entry, model) for model in there]
        raise unknown("entry", name, known_names, f"those of {entry} are {', '.join(known_names)}")
    return chosen


def _hashes(manifest: Manifest) -> tuple[str, ...]:
    """What a model can be named by, besides the name of its entry."""
    entry = manifest.entry
    return trainings.made(manifest).model, entry.digest, entry.weights_sha256


def _one_run(name: str, task: Task, results: Path) -> Known:
    ids = [run.name for run in runs.all_runs(results)]
    if not (absolute(name) / "run.json").is_file() and not any(id_.startswith(name) for id_ in ids):
        entries = {id_.split(".")[1] for id_ in ids if id_.startswith(f"{task.name}.")}
        hint = f"or the id of a run in {results / 'runs'}"
        raise unknown("entry or run", name, entries, hint)
    run = runs.find(results, name)
    manifest = run.manifest()
    if manifest.status != "complete":
        raise RequestError(
            f"run {run.name} is not complete", "repeat its `bench run`: it continues"
        )
    return run, manifest


def _contender(name: str, group: Sequence[Known]) -> tuple[Competitor, list[str]]:
    """The runs of one entry, the latest of each model; what is to be said of the others.

    Raises:
        RequestError: the name stands for several models that aren't trainings of one entry.
    """
    whole = [pair for pair in group if not pair[1].partial] or group
    ordered = sorted(whole, key=lambda pair: pair[1].started)
    models = trainings.by_model(ordered, lambda pair: trainings.made(pair[1]))
    latest = [known[-1] for known in models.values()]
    if trainings.differ([trainings.made(manifest) for _, manifest in latest]):
        entry = latest[0][1].entry.name
        choice = [
            f"{trainings.longer(entry, model)} (seed {known[-1][1].seed}, "
            f"{known[-1][1].started[:10]})"
            for model, known in models.items()
        ]
        raise RequestError(
            f"{name} stands for {len(models)} models: {', '.join(choice)}",
            "name the one that is meant in this longer form, or give the id of a run",
        )
    latest.sort(key=lambda pair: (trainings.made(pair[1]).seed or 0, pair[1].seed))
    run_of, manifest_of = zip(*latest, strict=True)
    said = []
    if dropped := len(whole) - len(latest):
        seeds = {manifest.seed for known in models.values() for _, manifest in known}
        several = ", whatever their seed" if len(seeds) > len(latest) else ""
        said.append(
            f"{name}: of runs of the same weights the latest counts{several} ({dropped} don't)"
        )
    return Competitor(name, run_of, manifest_of), said


def _same_model(competitors: Sequence[Competitor]) -> list[str]:
    """Which competitors bring the same model under different names."""
    names: dict[str, set[str]] = {}
    for one in competitors:
        for manifest in one.manifests:
            names.setdefault(trainings.made(manifest).model, set()).add(one.name)
    return [
        f"{' and '.join(sorted(same))} are one model ({model[: trainings.SHOWN]})"
        for model, same in names.items()
        if model and len(same) > 1
    ]


def _check_alike(competitors: Sequence[Competitor], task: Task) -> None:
    known = [
        (run, m) for one in competitors for run, m in zip(one.runs, one.manifests, strict=True)
    ]
    if len({run.folder.resolve() for run, _ in known}) < len(known):
        raise RequestError("a run was to be compared with itself", "name another run or entry")
    first, reference = known[0]
    for run, manifest in known:
        if (manifest.task.name, manifest.task.digest) != (task.name, task.digest):
            raise RequestError(
                f"run {run.name} was made for digest {manifest.task.digest[:12]} of task "
                f"{manifest.task.name}, expected {task.digest[:12]} of {task.name}",
                "results of different digests can't be compared: repeat the run",
            )
        if _degradation(manifest) != _degradation(reference):
            raise RequestError(
                f"images of {first.name} are {_degradation(reference) or 'clean'}, those of "
                f"{run.name} {_degradation(manifest) or 'clean'}",
                "compare runs on the same images; `bench robustness --degrade` compares an entry "
                "with itself on clean ones",
            )
        one, other = manifest.data, reference.data
        for what, ours, theirs, same in (
            ("samples", one.ids_sha256, other.ids_sha256, one.ids_sha256 == other.ids_sha256),
            ("data", one.data_sha256, other.data_sha256, _same_data(one, other)),
        ):
            if not same:
                raise RequestError(
                    f"expected runs on the same {what}, found {_described(other, theirs)} in "
                    f"{first.name} and {_described(one, ours)} in {run.name}",
                    "repeat one of them on what the other was run on",
                )


def _degradation(manifest: Manifest) -> str:
    """What was done to the images of a run; empty where nothing was."""
    return manifest.degradation.name if manifest.degradation else ""


def _same_data(one: DataRecord, other: DataRecord) -> bool:
    """Whether runs with other bands were on one copy of a dataset, as far as both looked at it.

    Runs of earlier versions looked at what the dataset declares only.
    """
    if one.data_sha256 == other.data_sha256:
        return True
    common = one.contents.keys() & other.contents.keys()
    declared = [about.declared_sha256 or about.data_sha256 for about in (one, other)]
    return declared[0] == declared[1] and all(
        one.contents[name] == other.contents[name] for name in common
    )


def _described(data: DataRecord, digest: str) -> str:
    return f"{data.samples:,} samples with fingerprint {digest[:12]}"
