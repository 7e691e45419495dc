"""The predict stage: a model over the samples of a run, to observations on disk.

Samples are cut into batches and batches into parts before anything runs, and the cut depends on
nothing but the number of samples. So any process can make any part, at any time, with the same
bits: that is how a killed run continues and how several devices share one run without gathering,
padding or repeating.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

import bench.base.torch_setup
from bench import data
from bench import kinds as all_kinds
from bench.base.errors import BenchError
from bench.data import Dataset
from bench.kinds.common.batch import Batch
from bench.kinds.common.degraded import degraded
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import ahead, arithmetic, observe, to_device
from bench.models import encoders
from bench.models.extraction import extracted
from bench.models.running import load_model, place
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.degradation import Degradation
from bench.spec.encoder import Level
from bench.spec.entry import Entry
from bench.spec.task import Task
from bench.train.context import pipeline_of
from bench.train.features import Features

_MAX_PART = 32
_MIN_PARTS = 16

Progress = Callable[[int, int], None]
Part = list[Sequence[str]]


def plan(samples: Sequence[str], batch: int) -> list[Part]:
    """The parts of a run, each a list of batches of so many sample ids."""
    batches = [samples[start : start + batch] for start in range(0, len(samples), batch)]
    per_part = max(1, min(_MAX_PART, len(batches) // _MIN_PARTS))
    return [list(batches[start : start + per_part]) for start in range(0, len(batches), per_part)]


@dataclass(frozen=True)
class Job:
    """All that a process needs to make parts of a run.

    Attributes:
        task: its name, or the path of the user's file.
        entry: whose model is run.
        root: folder of the dataset.
        samples: ids in the order of the observations.
        run: folder of the run.
        device: ``cpu`` or ``cuda``, with ``:index`` for a certain one.
        precision: a key of `PRECISIONS`.
        threads: of the processor, per process; part of the arithmetic.
        seed: of whatever a process draws.
        features: of the samples, where the entry builds on those of a frozen encoder.
        degradation: of the images; None to leave them as they are.
    """

    task: str
    entry: Entry
    root: Path
    samples: Sequence[str]
    run: Path
    device: str
    precision: str
    threads: int
    seed: int
    features: Features | None = None
    degradation: Degradation | None = None

    def dataset(self, task: Task) -> Any:
        """The dataset, its images degraded if the job says so."""
        opened = data.reader(task.dataset).open_dataset(self.root)
        return degraded(opened, task, self.entry.input, self.degradation)


def predict(job: Job, devices: int, progress: Progress) -> None:
    """Make the parts of a run that are missing, with one process for each device.

    Args:
        job: what to predict.
        devices: how many.
        progress: called with samples done and all samples.

    Raises:
        BenchError: data, weights or the model's output are not what they should be, or the process
            of a device was killed.
    """
    if devices == 1:
        work(job, 0, 1, progress)
        return
    context = start_processes(
        _rank, args=(job, devices), nprocs=devices, join=False, start_method="spawn"
    )
    run = Run(job.run)
    batch = all_kinds.of(tasks.load(job.task)).batch_size
    sizes = [sum(map(len, part)) for part in plan(job.samples, batch)]
    finished = False
    while not finished:
        try:
            finished = context.join(timeout=0.2)
        except ProcessRaisedException as error:
            raise BenchError(
                f"device {error.error_index} failed: {str(error).strip().splitlines()[-1]}",
                "finished parts are kept; repeat with --devices 1 to see more",
            ) from error
        except ProcessExitedException as error:
            how = (
                f"was killed by {error.signal_name}, perhaps for lack of memory"
                if error.signal_name
                else f"ended with exit code {error.exit_code} and no error"
            )
            raise BenchError(
                f"the process of device {error.error_index} of {devices} {how}",
                "finished parts are kept and the same command continues; "
                "fewer --devices need less memory",
            ) from error
        done = sum(size for index, size in enumerate(sizes) if run.part(index).is_file())
        progress(done, len(job.samples))


def _rank(rank: int, job: Job, world: int) -> None:
    # A new process has none of the settings of the one that started it.
    bench.base.torch_setup.deterministic(job.seed)
    work(job, rank, world, lambda done, total: None)


def work(job: Job, rank: int, world: int, progress: Progress) -> None:
    """Make the missing ones of the parts whose index is ``rank`` modulo ``world``."""
    torch.set_num_threads(job.threads)
    task = tasks.load(job.task)
    kind = all_kinds.of(task)
    run, parts = Run(job.run), plan(job.samples, kind.batch_size)
    missing = [i for i in range(rank, len(parts), world) if not run.part(i).is_file()]
    done = len(job.samples) - sum(len(b) for i in missing for b in parts[i]) if world == 1 else 0
    progress(done, len(job.samples))
    if not missing:
        return
    dataset = job.dataset(task)
    device = place(job.device, rank)
    model = load_model(job.entry, kind.outputs(), device)
    pipeline = pipeline_of(job.entry, task, [job.features] if job.features else [])
    for index, observations in observe_parts(
        task,
        kind,
        model,
        dataset,
        pipeline,
        [(i, parts[i]) for i in missing],
        device,
        job.precision,
    ):
        run.write_part(index, observations)
        done += observations.num_rows
        progress(done, len(job.samples))


def observe_parts(
    task: Task,
    kind: Kind[Any, Any],
    model: torch.nn.Module,
    dataset: Dataset,
    pipeline: InputPipeline,
    parts: Sequence[tuple[int, Part]],
    device: torch.device,
    precision: str,
) -> Iterator[tuple[int, pa.Table]]:
    """Run a model over parts.

    Reading happens ahead in threads, so that a device never waits for a disk that is fast enough.

    Yields:
        The index of each part and its observations.
    """
    schema = kind.schema()
    batches = (batch for _, part in parts for batch in part)
    loaded = ahead(lambda samples: kind.load(dataset, pipeline, samples), batches)
    with contextlib.closing(loaded), torch.inference_mode(), arithmetic(device, precision):
        for index, part in parts:
            batches_of_part = itertools.islice(loaded, len(part))
            yield index, observe(kind, model, batches_of_part, device, schema)


def cost(job: Job) -> dict[str, Any]:
    """What the model of a job costs, measured on its first batch.

    Of a head on stored features the cost of their encoder is part of it, which is measured once.
    """
    from bench.evaluate import cost as costs

    task = tasks.load(job.task)
    kind = all_kinds.of(task)
    dataset = job.dataset(task)
    device = place(job.device, 0)
    model = load_model(job.entry, kind.outputs(), device)
    pipeline = pipeline_of(job.entry, task, [job.features] if job.features else [])
    batch = kind.load(dataset, pipeline, job.samples[: kind.batch_size])
    with arithmetic(device, job.precision):
        own = costs.measure(kind, task, model, to_device(batch, device))
        if job.features is None:
            return own
        return costs.together(_cost_of_encoder(job, kind, dataset, device), own)


def _cost_of_encoder(
    job: Job, kind: Kind[Any, Any], dataset: Dataset, device: torch.device
) -> dict[str, Any]:
    """What the encoder of a job costs: kept with its features."""
    from bench.evaluate import cost as costs

    assert job.features is not None
    assert job.entry.encoder is not None
    known = job.features.cost()
    if known is None:
        encoder, samples = job.entry.encoder, job.samples[: kind.batch_size]
        network = encoders.network(encoder).requires_grad_(False).to(device)
        pipeline = InputPipeline(encoder.input, kind.task.bands)
        batch = Batch(samples, kind.inputs(dataset, pipeline, samples), {})
        level: Level = "map" if job.entry.model.arguments["level"] == "map" else "pooled"

        def compute(some: Batch) -> object:
            return extracted(network, encoder, some.inputs, level)

        known = costs.measure_call(compute, network, to_device(batch, device))
        job.features.keep_cost(known)
    return known
