"""What is asked for, and what it comes to once its names are resolved."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, get_args

from bench import data, kinds, models
from bench.base import extras
from bench.base.errors import BenchError, RequestError
from bench.base.paths import absolute, results_root
from bench.base.text import plain_name
from bench.data import Dataset, listing
from bench.evaluate import data_contents as contents
from bench.evaluate.reporting import Report
from bench.kinds.common import degraded
from bench.models import embeddings, entries, methods
from bench.results import verification
from bench.results.records import FilesRecord, Held
from bench.spec import task as tasks
from bench.spec.degradation import Degradation
from bench.spec.embedded import AnyEntry, Embedded
from bench.spec.encoder import Normalisation
from bench.spec.entry import Entry
from bench.spec.labels import Labels
from bench.spec.recipe import Recipe
from bench.spec.task import Task

Track = Literal["official", "sample"]


_SEARCHED = 20_000
"""The most ids among which a similar one is looked for, which takes time for each."""

_HELD = {
    "fingerprint": "split {split} has the published fingerprint",
    "count": "split {split} has the published number of samples; no fingerprint of it is known",
    "unverified": (
        "split {split} is unverified: neither fingerprint nor count of it is known, so the result "
        "is kept apart from verified ones"
    ),
}


PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
"""Arithmetic of a model, as Lightning names it."""

MAX_SEED = 2**32 - 1
"""The largest seed that NumPy's generators take."""

_MANY = 2**31


class Fingerprint(TypedDict):
    """What stands for the data: fields of `bench.results.records.DataRecord`."""

    data_sha256: str
    declared_sha256: NotRequired[str]
    contents: NotRequired[dict[str, str]]
    files: NotRequired[FilesRecord]


@dataclass(frozen=True)
class Request:
    """What to run, and how. Relative paths become absolute: other processes take them up.

    Attributes:
        task: name or path, as the command line takes it.
        model: the same, or an entry.
        method: how ``model``, the name of an encoder, becomes an entry; empty for an entry.
        given: the input of the task that an encoder is fed.
        normalisation: whose statistics an encoder's images are normalised by.
        recipe: what differs from the recipe that the model would be trained by.
        labels: how many of the training samples are learnt from; None for all.
        track: which data; None for the official track where its data is, else the sample track.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        devices, nodes: how many devices (of each node, in training).
        precision: ``32-true``, ``16-mixed`` or ``bf16-mixed``.
        seed: of training.
        limit: only the first so many samples; the result is partial and never ranked.
        ids: only these samples of any split; partial as well.
        degradation: of the images that the model is tested on; the result is never ranked.
        force: repeat what is there: the training in `train`, the prediction in `run`.
        results: the results folder.
        log: what trainings are logged to besides, as `bench.train.log.parse` takes it.
    """

    task: str
    model: str | Entry
    track: Track | None = None
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"
    seed: int = 0
    limit: int | None = None
    ids: Sequence[str] | None = None
    degradation: Degradation | None = None
    force: bool = False
    results: Path = Path("results")
    method: str = ""
    given: str | None = None
    normalisation: Normalisation = "checkpoint"
    labels: Labels | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[str] = ()

    def __post_init__(self) -> None:
        task = str(absolute(self.task)) if self.task.endswith(".toml") else self.task
        for name, value in (
            ("task", task),
            ("model", self.model if isinstance(self.model, Entry) else models.absolute(self.model)),
            ("results", results_root(self.results)),
        ):
            object.__setattr__(self, name, value)
        if self.log:
            # Refused before anything is made; Lightning, which it imports, is needed then anyway.
            from bench.train import log

            object.__setattr__(self, "log", [":".join(log.parse(one)) for one in self.log])

    def find_model(self, task: Task) -> AnyEntry:
        """The entry that is asked for, as it is run on a task.

        Raises:
            RequestError: there is no such model, or it can't be run on this task.
        """
        found = self._named(task)
        if isinstance(found, Embedded):
            return embeddings.probed(found, task, self.method, self.labels)
        if self.recipe and isinstance(found, Entry):
            found = found.model_copy(
                update={
                    "recipe": {
                        track: Recipe.model_validate(recipe.model_dump() | dict(self.recipe))
                        if isinstance(recipe, Recipe)
                        else recipe
                        for track, recipe in found.recipe.items()
                    }
                }
            )
        if self.labels is None:
            return found
        if not isinstance(found, Entry) or found.weights is not None or not found.model.learns:
            raise RequestError(
                f"entry {found.name} isn't trained here", "leave --labels away, it learns nothing"
            )
        name = f"{plain_name(found.name, methods.LONGEST)}-{self.labels.name.replace('%', 'pct')}"
        return found.model_copy(update={"labels": self.labels, "name": name})

    def _named(self, task: Task) -> AnyEntry:
        if isinstance(self.model, Entry):
            if self.method:
                raise RequestError(
                    f"entry {self.model.name} is no encoder", "give --method with an encoder"
                )
            return entries.for_task(self.model, task)
        if not self.method or self.model.startswith("embeddings:"):
            if self.given is not None or self.normalisation != "checkpoint":
                raise RequestError(
                    "an input and a normalisation are chosen for an encoder only",
                    "name a --method, or write --model NAME/INPUT",
                )
            return models.find(self.model, task)
        return methods.entry(
            self.model, task, self.method, given=self.given, normalisation=self.normalisation
        )


@dataclass(frozen=True)
class ResolvedRequest:
    """What a request comes to.

    Attributes:
        task: that was named.
        track: that was chosen.
        root: of the dataset.
        dataset: there.
        device: as torch calls it.
        checked: what the scored split was held to.
    """

    task: Task
    track: Track
    root: Path
    dataset: Dataset
    device: str
    checked: Held = verification.SIMULATED


def resolve(
    request: Request, report: Report, *, announced: bool = False
) -> tuple[ResolvedRequest, AnyEntry]:
    """What the names of a request stand for; says which track it is unless that was announced.

    Raises:
        RequestError: an option has a value that it can't have, there is no such task, model or
            device, the model can't run on the task, or what the task needs isn't installed.
        BenchError: the dataset isn't there, or isn't the official one.
    """
    _check_options(request)
    task = tasks.load(request.task)
    if task.extra:
        extras.require(task.extra, f"task {task.name}")
    kinds.of(task)
    model = request.find_model(task)
    if request.degradation is not None:
        if not isinstance(model, Entry):
            raise RequestError(f"{request.model} sees no images here", "name a model")
        degraded.check(kinds.of(task), model.input, request.degradation)
    device = _device(request.device, request.devices)
    there = data.is_there(data.official_root(task.dataset))
    track = request.track or ("official" if there else "sample")
    if isinstance(model, Entry):
        model = model.on(track)
        _try(model, task, track)
    if track == "sample":
        if not announced:
            report.say(
                f"sample track: simulated data, not {task.declaration['title']}; "
                f"`bench data list` says how to get the real data"
            )
        root = data.ensure_sample(task.dataset, report.say)
    else:
        root = data.official_root(task.dataset)
        data.require(root, task.dataset)
        if not announced:
            report.say(f"official track: {root}")
    dataset = data.reader(task.dataset).open_dataset(root)
    if isinstance(model, Entry) and model.input.unread:
        model = with_constants(model, dataset)
    resolved = ResolvedRequest(task, track, root, dataset, device)
    if track == "official":
        partial = request.ids is not None or request.limit is not None
        resolved = replace(resolved, checked=_checked(resolved, partial))
        if not announced:
            report.say(_HELD[resolved.checked].format(split=task.split))
    return resolved, model


def with_constants(entry: Entry, dataset: Dataset) -> Entry:
    """An entry whose contract has mean and standard deviation as the dataset's files say.

    Raises:
        RequestError: the dataset has no such files.
        BenchError: they are missing or damaged.
    """
    if not isinstance(dataset, data.Measured):
        raise RequestError(
            f"entry {entry.name} wants the constants of files that lie with the data, and "
            f"{entry.task} has none",
            "state mean and std in its contract",
        )
    return entry.model_copy(
        update={"input": entry.input.with_constants(*dataset.moments(entry.input.bands))}
    )


def _try(entry: Entry, task: Task, track: Track) -> None:
    from bench.evaluate import trial

    trial.attempt(entry, task, track)


def _checked(resolved: ResolvedRequest, partial: bool) -> Held:
    """What the scored split is held to. A part of an incomplete copy may be tried: it isn't ranked.

    Raises:
        BenchError: it is another split than the published one.
    """
    task = resolved.task
    try:
        return verification.check(task, resolved.dataset, resolved.root, task.split)
    except BenchError:
        if partial:
            return verification.UNVERIFIED
        raise


def _check_options(request: Request) -> None:
    for name, value, allowed in (
        ("track", request.track, (None, *get_args(Track))),
        ("precision", request.precision, PRECISIONS),
    ):
        if value not in allowed:
            known = ", ".join(filter(None, allowed))
            raise RequestError(f"unknown {name} {value!r}", f"use one of: {known}")
    for name, number, low, high in (
        ("seed", request.seed, 0, MAX_SEED),
        ("limit", 1 if request.limit is None else request.limit, 1, _MANY),
        ("devices", request.devices, 1, _MANY),
        ("nodes", request.nodes, 1, _MANY),
    ):
        if not low <= number <= high:
            limits = f"at least {low}" if high == _MANY else f"{low} to {high}"
            raise RequestError(f"--{name} {number}: expected {limits}", "choose another number")


def _device(name: str, devices: int) -> str:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        named = torch.device(name)
    except RuntimeError as error:
        raise RequestError(f"unknown device {name!r}", "use auto, cpu, cuda or cuda:N") from error
    if named.type not in ("cpu", "cuda"):
        raise RequestError(f"device {name!r} is not supported", "use auto, cpu, cuda or cuda:N")
    if named.type == "cuda":
        there = torch.cuda.device_count()
        if devices > 1 and named.index is not None:
            raise RequestError(f"{name} is one device, {devices} were asked for", "use cuda")
        if max(devices, (named.index or 0) + 1) > there:
            raise RequestError(
                f"device {name} with --devices {devices}: this machine has {there} CUDA devices",
                "use --device cpu, or fewer devices; `bench doctor` shows what is here",
            )
    return name


def samples_of(request: Request, resolved: ResolvedRequest, model: Entry) -> tuple[list[str], bool]:
    """The samples to predict, and whether they are only a part of the split.

    Raises:
        RequestError: no samples were asked for.
        BenchError: some of them aren't there.
    """
    if request.ids is not None:
        samples = sorted(set(request.ids))
    else:
        task = resolved.task
        samples = data.scored_ids(resolved.dataset, task.dataset, task.split, model.input.bands)
    samples = samples[: request.limit]
    if not samples:
        raise RequestError(
            "no samples to evaluate",
            f"`bench info {request.task} --ids` prints those of the scored split",
        )
    missing = sorted(set(samples).difference(resolved.dataset.present(model.input.bands)))
    if missing and request.ids is not None:
        _require_declared(missing, resolved)
    if missing:
        packed = listing.packed(resolved.root)
        raise BenchError(
            f"{len(missing)} of {len(samples)} samples are not at {resolved.root}, first "
            f"{missing[0][:100]!r}" + (f"; {packed[0]} lies there" if packed else ""),
            ("unpack it; " if packed else "")
            + "complete the dataset (`bench data verify` counts), or evaluate with --ids what is "
            "there: such a run is marked as partial",
        )
    return samples, request.ids is not None or request.limit is not None


def _require_declared(samples: Sequence[str], resolved: ResolvedRequest) -> None:
    """Refuse ids that are in no split of the task.

    Raises:
        RequestError: there are such.
    """
    declared = {one for split in resolved.task.splits for one in resolved.dataset.ids(split)}
    foreign = [sample for sample in samples if sample not in declared]
    if foreign:
        first, blank = foreign[0], foreign[0].strip()
        near = [blank] if blank in declared else []
        if not near and len(declared) <= _SEARCHED:
            near = difflib.get_close_matches(first[:300], declared, n=1)
        raise RequestError(
            f"{len(foreign)} of the ids are in no split, the first {first[:100]!r}",
            (f"did you mean {near[0]!r}? " if near else "")
            + f"`bench info {resolved.task.name} --ids` prints them, one a line",
        )


def fingerprint(
    resolved: ResolvedRequest, bands: Sequence[str], splits: Sequence[str] = ()
) -> Fingerprint:
    """What stands for the data, as a run's manifest holds it.

    Args:
        resolved: the dataset and its task.
        bands: that a model gets; none for predictions made elsewhere.
        splits: of which records are looked at; by default the scored one.

    Returns:
        ``data_sha256``; on the official track also what it is made of: ``declared_sha256`` and
        ``contents``, and ``files``, by which a later look tells whether any were written since.
    """
    if resolved.track == "sample":
        return {"data_sha256": data.sample_sha256(resolved.root)}
    task, declared = resolved.task, resolved.dataset.fingerprint()
    held = contents.of(resolved.dataset, task, bands, splits or [task.split])
    return {
        "data_sha256": contents.combined(declared, held),
        "declared_sha256": declared,
        "contents": held,
        "files": FilesRecord.model_validate(contents.files(resolved.root)),
    }
