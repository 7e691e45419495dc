"""The manifest of a run: what it is begun with, and what its observations come to."""

import datetime
from collections.abc import Sequence

import pyarrow as pa

from bench import data, kinds, models
from bench.base import provenance
from bench.base.errors import BenchError
from bench.evaluate import predictions
from bench.evaluate.request import Fingerprint, Request, ResolvedRequest
from bench.kinds.common import degraded, scoring
from bench.results import training_log, verification
from bench.results.manifest import Manifest, Scored
from bench.results.records import (
    DataRecord,
    DegradationRecord,
    EntryRecord,
    HardwareRecord,
    HarnessRecord,
    Held,
    Identity,
    TaskRecord,
    Trust,
)
from bench.results.runs import Run
from bench.spec.contract import InputContract, inputs_of
from bench.spec.embedded import AnyEntry, Embedded
from bench.spec.encoder import Encoder
from bench.spec.entry import Entry, Model
from bench.spec.task import Division, Task


def bands_of(model: AnyEntry, task: Task) -> Sequence[str]:
    """Which bands decide a number: what a model gets, or what predictions are compared with."""
    if isinstance(model, Entry):
        return model.input.bands
    return task.input(task.inputs[0]).bands if kinds.of(task).scores_pixels else ()


def identity_of(
    request: Request,
    resolved: ResolvedRequest,
    model: AnyEntry,
    samples: Sequence[str],
    known: Fingerprint,
) -> Identity:
    """What a run is recognised by; ``known`` is what stands for its data."""
    task = resolved.task
    identity = Identity(
        task=(task.name, task.digest),
        track=resolved.track,
        data=(known["data_sha256"], data.ids_sha256(samples)),
        entry=model.digest(),
        seed=request.seed,
        device=resolved.device.partition(":")[0],
        precision=request.precision,
    )
    if request.degradation is None or not isinstance(model, Entry):
        return identity
    known_by = degraded.fingerprint(task, model.input, request.degradation)
    return identity.degraded_by(request.degradation.name, known_by)


def begun(
    request: Request,
    resolved: ResolvedRequest,
    model: AnyEntry,
    samples: list[str],
    partial: bool,
    identity: Identity,
    run: Run,
    known: Fingerprint,
) -> Manifest:
    """The manifest that a run is begun with; ``known`` is what stands for its data."""
    import torch

    task = resolved.task
    trust, division, inputs = _standing(task, model)
    manifest = Manifest(
        schema_version=1,
        run=run.name,
        status="predicting",
        identity=identity,
        task=TaskRecord(
            name=task.name,
            version=task.version,
            digest=task.digest,
            kind=task.kind,
            primary=task.primary,
            file=request.task if request.task.endswith(".toml") else "",
        ),
        track=resolved.track,
        partial=partial,
        trust=trust,
        division=division,
        inputs=inputs,
        entry=described(model),
        data=DataRecord(
            dataset=task.dataset,
            layout=resolved.dataset.layout,
            split=task.split,
            samples=len(samples),
            ids_sha256=data.ids_sha256(samples),
            **known,
            missing=" ".join(task.declaration.get("missing", "").split()),
            checked=_checked(resolved, samples, partial),
        ),
        seed=request.seed,
        device=resolved.device,
        precision=request.precision,
        harness=harness(),
        arithmetic={
            **provenance.packages(),
            **models.plugins_of(task, model),
            "threads": torch.get_num_threads(),
        },
        hardware=HardwareRecord.model_validate(provenance.hardware(resolved.device)),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    done = request.degradation
    if done is None or identity.degradation is None:
        return manifest
    return manifest.degraded_by(
        DegradationRecord(
            **done.model_dump(),
            name=done.name,
            meaning=done.meaning,
            sha256=identity.degradation[1],
        )
    )


def described(model: AnyEntry) -> EntryRecord:
    """What a manifest says of an entry."""
    shown = model.model_dump(mode="json", exclude_none=True)
    if isinstance(model, Entry) and model.trained is not None and (rows := _history(model)):
        shown["trained"]["history"] = rows
    return EntryRecord.model_validate(
        shown | {"digest": model.digest(), "weights_sha256": model.weights_sha256()}
    )


def _history(model: Entry) -> list[training_log.LogRow]:
    """The log of the training of an entry; nothing where there is none that can be read."""
    if model.folder is None:
        return []
    try:
        return training_log.read(model.folder / training_log.NAME)
    except BenchError:
        # A stranger's file, or none: no number depends on it.
        return []


def harness() -> HarnessRecord:
    """The version of rs-bench at work."""
    return HarnessRecord.model_validate(provenance.harness())


def _checked(resolved: ResolvedRequest, samples: Sequence[str], partial: bool) -> Held:
    """What the samples of a run were held to; what is left of a list of links, to nothing."""
    whole = partial or len(samples) == len(resolved.dataset.ids(resolved.task.split))
    return resolved.checked if whole else verification.UNVERIFIED


def _standing(task: Task, model: AnyEntry) -> tuple[Trust, Division, str]:
    """How a number came to be, and what the model was fed with."""
    if isinstance(model, Entry):
        # How an object of the caller's was made, nobody knows.
        live = model.model.architecture.startswith("live:")
        division = "open" if live else task.division(model.input)
        return "rerun", division, inputs_of(model.input.bands, task.bands)
    claimed = not isinstance(model, Embedded) and predictions.claimed(task)
    return "reported" if claimed else "rescored", "open", "not declared"


def scored(task: Task, run: Run, observations: pa.Table, manifest: Manifest) -> Scored:
    """What scoring adds to the manifest of a run.

    Raises:
        BenchError: what the task ranks by is undefined.
    """
    kind = kinds.of(task)
    kind.check_scale(observations)
    found = scoring.score(kind, observations, run.attributes())
    known = any(
        s.name == task.primary and not s.slice and s.value is not None for s in found.scores
    )
    if not known and not kind.unranked:
        raise BenchError(
            f"task {task.name} ranks by {task.primary}, which is undefined for this run",
            "does the split hold any positive sample?",
        )
    return Scored(
        parts=run.hashes(),
        observations_sha256=run.observations_sha256(kind.volatile),
        scores=found.scores,
        remarks=(*remarks(task, observations, manifest), *found.remarks),
        scored_by=harness(),
        left_out=found.left_out,
    )


def remarks(task: Task, observations: pa.Table, manifest: Manifest) -> list[str]:
    """What could not be computed or checked, and what the model doesn't see, in words."""
    own = kinds.of(task).remarks(observations)
    done = manifest.degradation
    degraded_by = [f"images were degraded, never ranked: {done.meaning}"] if done else []
    of_model = [*_of_model(manifest.entry), *_of_encoder(manifest)]
    return [*own, *degraded_by, *of_model, *_unverified(manifest)]


def _of_model(entry: EntryRecord) -> list[str]:
    if entry.model is None or entry.input is None:
        return []  # It brought predictions.
    contract = InputContract.model_validate(entry.input.content())
    return models.remarks(Model.model_validate(entry.model.content()), contract)


def _of_encoder(manifest: Manifest) -> list[str]:
    """What an encoder doesn't see, and whether it may have seen what is scored, in words."""
    if manifest.entry.encoder is None:
        return []
    encoder, found = Encoder.model_validate(manifest.entry.encoder), []
    if encoder.unseen:
        found.append(f"{encoder.name} doesn't see {', '.join(encoder.unseen)}")
    dataset = manifest.data.dataset
    scored = {dataset, f"{dataset}/{manifest.data.split}"}
    if saw := sorted(scored & set(encoder.pretraining)):
        found.append(f"{encoder.name} was pretrained on {saw[0]}, of which this split is a part")
    return found


def _unverified(manifest: Manifest) -> list[str]:
    """Which splits were held to nothing, in words."""
    checked = manifest.entry.trained.checked if manifest.entry.trained else {}
    learnt = sorted(split for split, held in checked.items() if held == verification.UNVERIFIED)
    found = []
    if verification.of_run(manifest) == verification.UNVERIFIED:
        split = manifest.data.split or "that is scored"
        found.append(f"split {split} is unverified: its samples could be held to nothing published")
    if learnt:
        found.append(f"learnt from unverified splits: {', '.join(learnt)}")
    return found
