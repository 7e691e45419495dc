"""The evaluator: from a task and a model to a recorded result, stage by stage.

Each stage reads what the one before left on disk, so everything here can be killed and repeated.
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from bench import kinds
from bench.base import process_state
from bench.base.errors import BenchError, RequestError
from bench.base.files import atomic_path
from bench.data import Dataset
from bench.evaluate import manifests, predictions
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request, ResolvedRequest, fingerprint, resolve, samples_of
from bench.evaluate.training import features_of, trained
from bench.models import methods
from bench.results import integrity, recorded, runs, store
from bench.results.manifest import Manifest, Scored
from bench.results.records import CostRecord, DeterminismRecord
from bench.results.runs import Run
from bench.spec.embedded import AnyEntry, Embedded
from bench.spec.entry import Entry, Predicted
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
    if not isinstance(model, Entry):
        return _rescore(request, resolved, model, report)
    samples, partial = samples_of(request, resolved, model)
    if model.weights is None and model.model.learns:
        model = trained(request, resolved, model, report)
    return _evaluate(request, resolved, model, samples, partial, report)


@process_state.restored()
def train(request: Request, report: Report = SILENT) -> Entry:
    """Follow the recipe of an entry; leaves an entry with weights under ``results/entries``.

    Raises:
        RequestError: the request is wrong, or the entry has its weights already.
        BenchError: training failed; it continues from its last epoch when called again.
    """
    resolved, model = resolve(request, report)
    if not isinstance(model, Entry):
        raise RequestError(f"{request.model} is not a model", "`bench run` scores it")
    if model.weights is not None or not model.model.learns:
        state = "its weights already" if model.model.learns else "nothing to learn"
        raise RequestError(f"entry {model.name} has {state}", "`bench run` evaluates it as it is")
    return trained(request, resolved, model, report, again=request.force)


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
        extracted = features_of(request, resolved, model, split, report)
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


def _rescore(
    request: Request, resolved: ResolvedRequest, model: Predicted | Embedded, report: Report
) -> Manifest:
    """Score predictions or embeddings that were made elsewhere, and record the result."""
    if request.limit is not None or request.ids is not None:
        what = "predictions" if isinstance(model, Predicted) else "embeddings"
        raise RequestError(f"{what} are scored as a whole", "leave --limit and --ids away")
    if isinstance(model, Predicted):
        predictions.kind_of(resolved.task)
    samples = predictions.expected(resolved.task, resolved.dataset)
    unknown = dataclasses.replace(request, precision="not declared")
    elsewhere = dataclasses.replace(resolved, device="not declared")
    return _evaluate(unknown, elsewhere, model, samples, False, report)


def _evaluate(
    request: Request,
    resolved: ResolvedRequest,
    model: AnyEntry,
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
            if isinstance(model, Embedded):
                from bench.evaluate import embeddings

                manifest = embeddings.as_recorded(manifest, run.manifest())
            report.say(f"already recorded as {run.name}; --force repeats it")
            for line in recorded.refresh(run, manifest):
                report.say(f"  {line}")
            manifest = run.manifest()
        elif not isinstance(model, Entry):
            manifest = _score_predictions(model, manifest, resolved, samples, run, report)
        else:
            whole = (
                None
                if partial
                else features_of(request, resolved, model, task.split, report, request.degradation)
            )
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
                degradation=request.degradation,
            )
            manifest = _predict_and_score(job, manifest, resolved, request.devices, report)
    store.record(request.results, run)
    return manifest


def _score_predictions(
    model: Predicted | Embedded,
    manifest: Manifest,
    resolved: ResolvedRequest,
    samples: Sequence[str],
    run: Run,
    report: Report,
) -> Manifest:
    begun = time.perf_counter()
    cost = CostRecord()
    if isinstance(model, Embedded):
        from bench.evaluate import embeddings

        found = embeddings.probe(model, resolved, samples, manifest.seed, report)
        made, cost, manifest = found.observations, found.cost, found.noted(manifest)
    else:
        made = predictions.observations(model.file, resolved.task, resolved.dataset, samples)
    report.progress("score", 0, 1)
    run.discard_parts()
    run.write_manifest(manifest)
    _write_attributes(run, resolved.dataset, samples)
    for index, start in enumerate(range(0, len(samples), _PART)):
        run.write_part(index, made.slice(start, _PART))
    scored = _scored(run, manifest, resolved.task, samples)
    done = manifest.completed(
        scored, seconds=time.perf_counter() - begun, predicted_here=0, cost=cost
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
