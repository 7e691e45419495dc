"""From an entry to one with weights: what it is trained on, and what must be there before."""

import contextlib
import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data, kinds
from bench.base import locks, provenance
from bench.base.errors import RequestError
from bench.base.files import sha256_json
from bench.evaluate.reporting import Report
from bench.evaluate.request import Request, ResolvedRequest, Track, fingerprint, resolve
from bench.kinds.common.kind import Kind
from bench.models import entries, methods
from bench.results import verification
from bench.spec import entry
from bench.spec.degradation import Degradation
from bench.spec.entry import Entry
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    from bench.train.features import Features


def trained(
    request: Request,
    resolved: ResolvedRequest,
    model: Entry,
    report: Report,
    *,
    again: bool = False,
) -> Entry:
    """Follow the recipe of an entry, or find the entry that it led to before.

    Args:
        request: seed, devices and so on.
        resolved: what it comes to.
        model: without weights.
        report: where news goes.
        again: repeat a training that is there already.

    Raises:
        RequestError: the entry has no recipe for the track, or a wrong one.
        BenchError: training failed; it continues from its last epoch when called again.
    """
    from bench.train import check_options
    from bench.train import train as follow

    task, track = resolved.task, resolved.track
    if track not in model.recipe:
        raise RequestError(
            f"entry {model.name} has no weights and no recipe for the {track} track",
            f"add [recipe.{track}] to its entry.toml; `bench info {task.name}` shows one"
            + (f"; or: {model.note}" if model.note and not model.recipe else ""),
        )
    checked: dict[str, str] = {}
    if track == "official":
        for split in (task.training, task.validation):
            held = verification.check(task, resolved.dataset, resolved.root, split)
            checked[split] = held
            if held == verification.UNVERIFIED:
                report.say(f"split {split}, which is learnt from, is unverified: nothing is known")
    kind, recipe = kinds.of(task), model.recipe[track]
    if isinstance(recipe, Recipe):
        check_options(model, kind, recipe)
    start = _start(request, model, track, report)
    teacher = _teacher(request, kind, recipe, track, report)
    key = sha256_json(
        {
            "entry": model.digest(),
            **({"start": start.weights_sha256()} if start else {}),
            **({"teacher": teacher.weights_sha256()} if teacher else {}),
            "recipe": recipe.model_dump(),
            **({"labels": model.labels.name} if model.labels else {}),
            "task": task.digest,
            "data": fingerprint(resolved, model.input.bands, [task.training, task.validation])[
                "data_sha256"
            ],
            "seed": request.seed,
            "device": resolved.device.partition(":")[0],
            "devices": [request.devices, request.nodes],
            "precision": request.precision,
        }
    )
    folder = (
        request.results / "entries" / task.name / f"{model.name}-{track}-{request.seed}-{key[:8]}"
    )
    with _alone(folder, request.devices * request.nodes):
        if (folder / "entry.toml").is_file():
            if not again:
                found = entries.load(folder, task)
                now = provenance.made_with(request.precision)
                if found.trained is not None and found.trained.harness != now:
                    report.say(
                        f"{folder.name} was trained by {found.trained.harness}, here is {now}; "
                        "`bench train --force` repeats it"
                    )
                return _with_encoder(_reworded(found, model), model)
            shutil.rmtree(folder)
        splits = (task.training, task.validation)
        extracted = (features_of(request, resolved, model, split, report) for split in splits)
        features = [one for one in extracted if one is not None]
        report.say(f"training {model.name} by its {track} recipe, seed {request.seed}")
        made = follow(
            model,
            task,
            kind,
            resolved.dataset,
            track=track,
            seed=request.seed,
            folder=folder,
            device=resolved.device,
            devices=request.devices,
            nodes=request.nodes,
            precision=request.precision,
            progress=lambda done, total, text: report.progress(f"train  {text}", done, total),
            start=start,
            teacher=teacher,
            features=features,
            checked=checked,
            log=request.log,
        )
        return _with_encoder(made, model)


def features_of(
    request: Request,
    resolved: ResolvedRequest,
    model: Entry,
    split: str,
    report: Report,
    degradation: Degradation | None = None,
) -> "Features | None":
    """The features of a split, where a model builds on those of a frozen encoder.

    Those of training are of clean images, whatever a request says of those that are scored.
    """
    method = methods.of(model)
    if method is None or not method.cached or model.encoder is None:
        return None
    from bench.train.features import extract

    task, bands = resolved.task, model.input.bands
    return extract(
        model.encoder,
        kinds.of(task),
        resolved.dataset,
        data.scored_ids(resolved.dataset, task.dataset, split, bands),
        "map" if model.model.arguments["level"] == "map" else "pooled",
        data=fingerprint(resolved, bands, [split])["data_sha256"],
        root=request.results,
        device=resolved.device,
        precision=request.precision,
        degradation=degradation,
        progress=lambda done, total: report.progress(f"features  {split}", done, total),
    )


def _with_encoder(made: Entry, model: Entry) -> Entry:
    """A trained entry whose encoder knows where its file of weights lies on this machine."""
    return made.model_copy(update={"encoder": model.encoder})


def _reworded(trained: Entry, model: Entry) -> Entry:
    """A trained entry with the words that the entry it was trained from has now."""
    found = trained.model_copy(update={name: getattr(model, name) for name in entry.WORDS})
    if found != trained and trained.folder is not None:
        entries.save(found, trained.folder)
    return found


def _start(request: Request, model: Entry, track: Track, report: Report) -> Entry | None:
    """The trained entry whose weights a training begins with, if it names one."""
    if model.model.start is None:
        return None
    task, name = model.model.start.task, model.model.start.model
    return _first(dataclasses.replace(_plain(request), task=task, model=name, track=track), report)


def _teacher(
    request: Request, kind: Kind[Any, Any], recipe: object, track: Track, report: Report
) -> Entry | None:
    """The trained entry that a training learns from besides its samples, if it names one."""
    if not isinstance(recipe, Recipe):
        return None
    name = kind.teacher(recipe)
    if not name:
        return None
    return _first(dataclasses.replace(_plain(request), model=name, track=track), report)


def _plain(request: Request) -> Request:
    """A request without what is asked of an encoder."""
    return dataclasses.replace(
        request,
        method="",
        given=None,
        normalisation="checkpoint",
        labels=None,
        recipe={},
        degradation=None,
    )


def _first(before: Request, report: Report) -> Entry:
    """What must be trained before another training."""
    report.say(f"needed first: {before.model} of {before.task}")
    resolved, first = resolve(before, report, announced=True)
    assert isinstance(first, Entry)
    return trained(before, resolved, first, report)


def _alone(folder: Path, processes: int) -> contextlib.AbstractContextManager[object]:
    """Keep a second command from training the same entry; the processes of one command may."""
    if processes > 1:
        return contextlib.nullcontext()
    return locks.held(folder.with_name(f".{folder.name}.lock"), f"is training {folder.name}")
