"""The evaluator: from a task and a model to a recorded result, stage by stage.

Each stage reads what the one before left on disk, so everything here can be killed and repeated.
"""

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench import data, kinds
from bench.base import locks, process_state, provenance
from bench.base.errors import BenchError, RequestError
from bench.base.files import atomic_path, sha256_json
from bench.data import Dataset
from bench.evaluate import manifests, predictions
from bench.evaluate.request import (
    SILENT,
    Report,
    Request,
    ResolvedRequest,
    Track,
    fingerprint,
    resolve,
    samples_of,
)
from bench.kinds.common.kind import Kind
from bench.models import entries, methods
from bench.results import integrity, recorded, runs, store, verification
from bench.results.manifest import Manifest, Scored
from bench.results.records import CostRecord, DeterminismRecord
from bench.results.runs import Run
from bench.spec import entry
from bench.spec.entry import Entry, Predicted
from bench.spec.recipe import Recipe
from bench.spec.task import Task

if TYPE_CHECKING:
    from bench.evaluate.predict import Job
    from bench.train.features import Features

_PART = 8192
"""Rows of a part of what was predicted elsewhere."""


@process_state.restored()
def run(request: Request, report: Report = SILENT) -> Manifest:
    """Train if the entry needs it, predict, score, record.

    Returns:
        The manifest of the run, as in its ``run.json``.

    Raises:
        RequestError: the request is wrong.
        BenchError: the run failed; what was finished is kept and continued by the next call.
    """
    resolved, model = resolve(request, report)
    if isinstance(model, Predicted):
        return _rescore(request, resolved, model, report)
    samples, partial = samples_of(request, resolved, model)
    if model.weights is None and model.model.learns:
        model = _trained(request, resolved, model, report)
    return _evaluate(request, resolved, model, samples, partial, report)


@process_state.restored()
def train(request: Request, report: Report = SILENT) -> Entry:
    """Follow the recipe of an entry; leaves an entry with weights under ``results/entries``.

    Raises:
        RequestError: the request is wrong, or the entry has its weights already.
        BenchError: training failed; it continues from its last epoch when called again.
    """
    resolved, model = resolve(request, report)
    if isinstance(model, Predicted):
        raise RequestError(f"{request.model} holds predictions, not a model", "train a model")
    if model.weights is not None or not model.model.learns:
        state = "its weights already" if model.model.learns else "nothing to learn"
        raise RequestError(f"entry {model.name} has {state}", "`bench run` evaluates it as it is")
    return _trained(request, resolved, model, report, again=request.force)


@process_state.restored()
def features(request: Request, report: Report = SILENT) -> "dict[str, Features]":
    """Extract the features that a method builds on, of each split that the task uses.

    Returns:
        The features by split.

    Raises:
        RequestError: the request is wrong, or its method builds on no features.
        BenchError: the extraction failed; the next call continues.
    """
    resolved, model = resolve(request, report)
    method = methods.of(model) if isinstance(model, Entry) else None
    if not isinstance(model, Entry) or method is None or not method.cached:
        fitting = ", ".join(name for name, one in methods.METHODS.items() if one.cached)
        raise RequestError(
            f"--method {request.method or 'none'} keeps no features", f"use one of: {fitting}"
        )
    task = resolved.task
    found = {}
    for split in dict.fromkeys((task.training, task.validation, task.split)):
        extracted = _features(request, resolved, model, split, report)
        assert extracted is not None
        found[split] = extracted
    return found


@process_state.restored(computes=False)
def score(run: Run, results: Path | None = None) -> Manifest:
    """Score the stored observations of a complete run again, and record the result.

    Args:
        run: the run.
        results: the results folder whose database is brought up to date, if any.

    Returns:
        The new manifest.

    Raises:
        BenchError: the run is not complete or was altered, or its task has another meaning by now.
    """
    with run.lock():
        checked = integrity.check(run)
        if checked.altered:
            raise BenchError(
                f"run {run.name} is not as it was made: {'; '.join(checked.altered)}",
                "restore its folder, or repeat the run with --force",
            )
        manifest = checked.manifest
        task = integrity.task_of(run, manifest)
        if task.digest != manifest.task.digest:
            raise BenchError(
                f"run {run.name} was made for digest {manifest.task.digest[:12]} of task "
                f"{task.name}, which has digest {task.digest[:12]} in version {task.version}",
                "repeat the run; results of different digests can't be compared",
            )
        observations = run.observations()
        found = manifests.scored(task, run, observations, manifest)
        manifest = run.write_manifest(
            manifest.rescored(found.scores, found.remarks, found.scored_by, found.left_out)
        )
    if results is not None:
        store.record(results, run)
    return manifest


def _trained(
    request: Request,
    resolved: ResolvedRequest,
    model: Entry,
    report: Report,
    *,
    again: bool = False,
) -> Entry:
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
                return _reworded(found, model)
            shutil.rmtree(folder)
        splits = (task.training, task.validation)
        extracted = (_features(request, resolved, model, split, report) for split in splits)
        features = [one for one in extracted if one is not None]
        report.say(f"training {model.name} by its {track} recipe, seed {request.seed}")
        return follow(
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
        )


def _features(
    request: Request, resolved: ResolvedRequest, model: Entry, split: str, report: Report
) -> "Features | None":
    """The features of a split, where a model builds on those of a frozen encoder."""
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
        progress=lambda done, total: report.progress(f"features  {split}", done, total),
    )


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
        request, method="", given=None, normalisation="checkpoint", labels=None, recipe={}
    )


def _first(before: Request, report: Report) -> Entry:
    """What must be trained before another training."""
    report.say(f"needed first: {before.model} of {before.task}")
    resolved, first = resolve(before, report, announced=True)
    assert isinstance(first, Entry)
    return _trained(before, resolved, first, report)


def _alone(folder: Path, processes: int) -> contextlib.AbstractContextManager[object]:
    """Keep a second command from training the same entry; the processes of one command may."""
    if processes > 1:
        return contextlib.nullcontext()
    return locks.held(folder.with_name(f".{folder.name}.lock"), f"is training {folder.name}")


def _rescore(
    request: Request, resolved: ResolvedRequest, model: Predicted, report: Report
) -> Manifest:
    """Score predictions that were made elsewhere, and record the result."""
    if request.limit is not None or request.ids is not None:
        raise RequestError("predictions are scored as a whole", "leave --limit and --ids away")
    predictions.kind_of(resolved.task)
    samples = predictions.expected(resolved.task, resolved.dataset)
    unknown = dataclasses.replace(request, precision="not declared")
    elsewhere = dataclasses.replace(resolved, device="not declared")
    return _evaluate(unknown, elsewhere, model, samples, False, report)


def _evaluate(
    request: Request,
    resolved: ResolvedRequest,
    model: Entry | Predicted,
    samples: list[str],
    partial: bool,
    report: Report,
) -> Manifest:
    import torch

    from bench.evaluate.predict import Job

    task = resolved.task
    known = fingerprint(resolved, manifests.bands_of(model, task))
    identity = manifests.identity_of(request, resolved, model, samples, known)
    run = runs.choose(
        request.results, f"{task.name}.{model.name}.{resolved.track}", identity, request.force
    )
    with run.lock():
        manifest = manifests.begun(request, resolved, model, samples, partial, identity, run, known)
        if run.complete():
            report.say(f"already recorded as {run.name}; --force repeats it")
            for line in recorded.refresh(run, manifest):
                report.say(f"  {line}")
            manifest = run.manifest()
        elif isinstance(model, Predicted):
            manifest = _score_predictions(model, manifest, resolved, samples, run, report)
        else:
            whole = None if partial else _features(request, resolved, model, task.split, report)
            job = Job(
                task=request.task,
                entry=model,
                root=resolved.root,
                samples=samples,
                run=run.folder,
                device=resolved.device,
                precision=request.precision,
                threads=torch.get_num_threads(),
                seed=request.seed,
                features=whole,
            )
            manifest = _predict_and_score(job, manifest, resolved, request.devices, report)
    store.record(request.results, run)
    return manifest


def _score_predictions(
    model: Predicted,
    manifest: Manifest,
    resolved: ResolvedRequest,
    samples: Sequence[str],
    run: Run,
    report: Report,
) -> Manifest:
    begun = time.perf_counter()
    report.progress("score", 0, 1)
    made = predictions.observations(model.file, resolved.task, resolved.dataset, samples)
    run.discard_parts()
    run.write_manifest(manifest)
    _write_attributes(run, resolved.dataset, samples)
    for index, start in enumerate(range(0, len(samples), _PART)):
        run.write_part(index, made.slice(start, _PART))
    scored = _scored(run, manifest, resolved.task, samples)
    done = manifest.completed(
        scored, seconds=time.perf_counter() - begun, predicted_here=0, cost=CostRecord()
    )
    written = run.write_manifest(done)
    report.progress("score", 1, 1)
    return written


def _predict_and_score(
    job: "Job", manifest: Manifest, resolved: ResolvedRequest, devices: int, report: Report
) -> Manifest:
    from bench.base.torch_setup import deterministic
    from bench.evaluate import draw, predict

    run, task = Run(job.run), resolved.task
    manifest = manifest.predicted_by(DeterminismRecord.model_validate(deterministic(manifest.seed)))
    if run.manifest_path.is_file():
        manifest = _continued(run, manifest, kinds.of(task).schema(), report)
    run.write_manifest(manifest)
    _write_attributes(run, resolved.dataset, job.samples)
    begun = time.perf_counter()
    before = sum(pq.read_metadata(path).num_rows for path in run.parts())
    predict.predict(job, devices, lambda done, total: report.progress("predict", done, total))
    seconds = time.perf_counter() - begun
    report.progress("score", 0, 1)
    scored = _scored(run, manifest, task, job.samples)
    done = manifest.completed(
        scored,
        seconds=seconds,
        predicted_here=len(job.samples) - before,
        cost=CostRecord.model_validate(predict.cost(job)),
        pictures=draw.draw(job),
    )
    written = run.write_manifest(done)
    report.progress("score", 1, 1)
    return written


def _scored(run: Run, manifest: Manifest, task: Task, samples: Sequence[str]) -> Scored:
    """Score the observations of a run."""
    observations = run.observations()
    runs.check_coverage(run, observations, samples)
    return manifests.scored(task, run, observations, manifest)


def _continued(run: Run, manifest: Manifest, schema: pa.Schema, report: Report) -> Manifest:
    """Keep the parts of an interrupted run if this process would make them with the same bits."""
    before = run.manifest()
    same = (before.arithmetic, before.hardware) == (manifest.arithmetic, manifest.hardware)
    if same and all(_observes(path, schema) for path in run.parts()):
        report.say(f"continuing {run.name}: {len(run.parts())} finished parts are kept")
        return manifest.started_at(before.started)
    reason = "by another version" if same else "with other packages or hardware"
    report.say(f"starting {run.name} again: it was begun {reason}")
    run.discard_parts()
    return manifest


def _observes(path: Path, schema: pa.Schema) -> bool:
    """Whether a part has the columns that are observed now; a damaged one is reported later."""
    try:
        return list(pq.read_schema(path).names) == list(schema.names)
    except (OSError, pa.ArrowException):
        return True


def _write_attributes(run: Run, dataset: Dataset, samples: Sequence[str]) -> None:
    table = pa.table({"sample": list(samples), **dataset.attributes(samples)})
    with atomic_path(run.folder / "attributes.parquet") as temporary:
        pq.write_table(table, temporary, compression="zstd")
