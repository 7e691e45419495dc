"""Heads on embeddings that were computed elsewhere: from files to observations.

The head is fitted on the training split, one of its solutions is chosen by the validation split,
and it answers the scored split, by the code that `bench run --method` uses on the features of an
encoder. No image is read.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch

import bench.base.torch_setup
from bench import data, kinds
from bench.base import provenance
from bench.base.errors import BenchError
from bench.evaluate import embedding_files
from bench.evaluate.reporting import Report
from bench.evaluate.request import ResolvedRequest
from bench.kinds.common.batch import Batch, FeaturePipeline
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import ahead, observe
from bench.models import heads
from bench.models.adapted import Adapted
from bench.models.heads.base import Form
from bench.results import verification
from bench.results.manifest import Manifest
from bench.results.records import CostRecord, DeterminismRecord, TrainedRecord
from bench.spec.embedded import Embedded
from bench.spec.entry import Trained
from bench.spec.recipe import Fit
from bench.train import closed, labels

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Probed:
    """What became of embeddings on a task.

    Attributes:
        observations: of the scored samples, in their order, of the kind's schema.
        trained: how the head was fitted and chosen.
        cost: bytes of an embedding, also by area where that is known.
        determinism: what was set so that the head is the same again.
    """

    observations: pa.Table
    trained: Trained
    cost: CostRecord
    determinism: DeterminismRecord

    def noted(self, manifest: Manifest) -> Manifest:
        """The manifest with how the head was fitted."""
        return _with_training(manifest.predicted_by(self.determinism), self.trained)


def probe(
    model: Embedded, resolved: ResolvedRequest, samples: Sequence[str], seed: int, report: Report
) -> Probed:
    """Fit the head of an entry of embeddings, choose among its solutions, and observe samples.

    Args:
        model: the entry, with its method.
        resolved: task, track and dataset.
        samples: ids of the scored samples.
        seed: of the run; heads draw nothing at random.
        report: where progress goes.

    Raises:
        RequestError: a class has fewer training samples than there are to be shots.
        BenchError: files of embeddings aren't as `bench.evaluate.embedding_files` describes them,
            a split has no samples, or the primary score is undefined on the validation split.
    """
    begun = time.perf_counter()
    task, dataset = resolved.task, resolved.dataset
    kind = kinds.of(task)
    determinism = DeterminismRecord.model_validate(bench.base.torch_setup.deterministic(seed))
    checked = _checked(resolved, report)
    training, validation = (_ids(resolved, split) for split in (task.training, task.validation))
    stored = embedding_files.read(model, list(dict.fromkeys([*training, *validation, *samples])))
    if stored.others:
        report.say(f"{stored.others:,} rows of samples that the task doesn't use are left out")
    learnt = _subset(model, kind, dataset, training)
    # Kinds of other targets were refused when the method was chosen.
    form: Form = kind.probes  # type: ignore[assignment]
    head = heads.find(model.method)(stored.width, kind.outputs(), form)
    network = Adapted(None, head, "pooled", form, "none").eval()
    pipeline = FeaturePipeline(
        task.input(task.inputs[0]),
        task.bands,
        lambda chosen: torch.from_numpy(stored.values(chosen)),
    )

    def batches(chosen: Sequence[str], doing: str) -> Iterator[Batch]:
        size = kind.batch_size
        parts = [chosen[start : start + size] for start in range(0, len(chosen), size)]
        read = ahead(lambda part: kind.load(dataset, pipeline, part), parts)
        for done, batch in enumerate(read, 1):
            yield batch
            report.progress(doing, done, len(parts))

    with torch.inference_mode():
        network.fit(batches(learnt, "fit"))
        score, tried = closed.choose(network, kind, batches(validation, "choose"), _CPU)
        found = observe(kind, network, batches(samples, "predict"), _CPU, kind.schema())
    facts: dict[str, Any] = {}
    if model.labels is not None:
        facts = {"samples": len(learnt), "samples_sha256": data.ids_sha256(learnt)}
    trained = Trained(
        task=task.name,
        track=resolved.track,
        seed=seed,
        recipe=Fit(method="fit"),
        epochs_run=1,
        steps=1,
        samples_seen=len(learnt),
        seconds=time.perf_counter() - begun,
        validation=score,
        data=data.ids_sha256([*learnt, *validation]),
        harness=provenance.made_with("32-true"),
        facts=facts,
        checked=dict(checked),
        searched=tried,
    )
    return Probed(found, trained, _cost(model, stored.width), determinism)


def as_recorded(now: Manifest, before: Manifest) -> Manifest:
    """What a run is begun with now, with how the head was fitted when it was made."""
    trained = before.entry.trained
    return now if trained is None else _with_training(now, trained)


def _with_training(manifest: Manifest, trained: Trained | TrainedRecord) -> Manifest:
    content = trained.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    entry = manifest.entry.model_copy(update={"trained": TrainedRecord.model_validate(content)})
    return manifest.model_copy(update={"entry": entry})


def _checked(resolved: ResolvedRequest, report: Report) -> Mapping[str, data.Checked]:
    """What the splits that are learnt from are held to, by name; empty on the sample track."""
    found: dict[str, data.Checked] = {}
    if resolved.track == "official":
        for split in (resolved.task.training, resolved.task.validation):
            held = verification.check(resolved.task, resolved.dataset, resolved.root, split)
            found[split] = held
            if held == verification.UNVERIFIED:
                report.say(f"split {split}, which is learnt from, is unverified: nothing is known")
    return found


def _ids(resolved: ResolvedRequest, split: str) -> list[str]:
    task = resolved.task
    bands = task.input(task.inputs[0]).bands
    found = data.scored_ids(resolved.dataset, task.dataset, split, bands)
    if not found:
        raise BenchError(f"split {split} has no samples", "complete the dataset")
    return found


def _subset(
    model: Embedded, kind: Kind[Any, Any], dataset: data.Dataset, training: list[str]
) -> list[str]:
    """The training samples that the head learns from."""
    if model.labels is None:
        return training
    return labels.subset(training, labels.strata(kind.strata(dataset, training)), model.labels)


def _cost(model: Embedded, width: int) -> CostRecord:
    """Bytes of an embedding as it is stored, and of those of a square kilometre."""
    each, area = width * model.embeddings.bytes_each, model.embeddings.area_km2
    if not area:
        return CostRecord(bytes_per_sample=each)
    return CostRecord(bytes_per_sample=each, bytes_per_km2=each / area)
