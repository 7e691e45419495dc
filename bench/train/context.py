"""What a training is about, and what all ways of training have in common."""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from bench import models
from bench.base import weights
from bench.data import Dataset
from bench.kinds.common.batch import FeaturePipeline
from bench.kinds.common.kind import Kind
from bench.spec.contract import InputPipeline
from bench.spec.entry import Entry, Trained
from bench.spec.task import Task
from bench.train.card import card
from bench.train.features import Features, rows
from bench.train.folder import WEIGHTS, WorkFolder
from bench.train.loader import Read, reader
from bench.train.loop import Best, Progress


@dataclass(frozen=True)
class TrainingContext:
    """A training: the arguments of `bench.train.train`, and what follows from them.

    Attributes:
        entry, task, kind, dataset, device, devices, nodes, precision, progress, start, teacher: as
            there; the entry with the arguments that its recipe gives the architecture.
        training, validation: the ids of the splits.
        trained: what is known of how the entry comes to be before it has.
        work_folder: where it is built.
        log: what the training is logged to besides, as `bench.train.log.parse` takes it.
        features: of all samples, where the entry builds on a frozen encoder that has seen them.
    """

    entry: Entry
    task: Task
    kind: Kind[Any, Any]
    dataset: Dataset
    training: list[str]
    validation: list[str]
    trained: dict[str, Any]
    work_folder: WorkFolder
    device: str
    devices: int
    nodes: int
    precision: str
    progress: Progress
    start: Entry | None
    teacher: Entry | None
    features: Sequence[Features] = ()
    log: Sequence[str] = ()

    @property
    def seed(self) -> int:
        """Of all that is drawn at random."""
        return int(self.trained["seed"])

    @property
    def pipeline(self) -> InputPipeline:
        """What the entry is fed through."""
        return pipeline_of(self.entry, self.task, self.features)

    def read(self, samples: list[str]) -> Read:
        """Access to some samples."""
        kind, dataset, pipeline = self.kind, self.dataset, self.pipeline
        return reader(lambda chosen: kind.load(dataset, pipeline, chosen), samples, kind.batch_size)

    def network(self) -> torch.nn.Module:
        """The architecture with the weights that training begins with."""
        network = models.build(self.entry, self.kind.outputs())
        begins, start = self.entry.model.start, self.start
        if begins is not None and start is not None and start.weights is not None:
            part = network.get_submodule(begins.into)
            weights.fill(part, start.weights, start.model.weights_prefix)
        return network

    def finished(self, best: Best, steps: int, batch: int, **facts: Any) -> Entry:
        """The entry with the weights of its best epoch.

        Args:
            best: that epoch.
            steps: of an epoch.
            batch: samples of a step.
            facts: what else is said of the training, in the words of `bench.spec.entry.Trained`.
        """
        done = {
            "epochs_run": best.epochs,
            "steps": best.epochs * steps,
            "samples_seen": best.epochs * steps * batch,
            "seconds": best.seconds,
            "validation": best.score,
        }
        model = self.entry.model.model_copy(update={"weights": WEIGHTS, "weights_prefix": ""})
        return self.entry.model_copy(
            update={
                "folder": self.work_folder.target,
                "model": model,
                "trained": Trained.model_validate(
                    self.trained
                    | facts
                    | {"facts": self.trained.get("facts", {}) | dict(facts.get("facts", {}))}
                    | done
                ),
            }
        )

    def deliver(self, whole: Entry, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put a trained entry in its place."""
        self.work_folder.export(whole, tensors, card(whole, self.task))
        self.work_folder.deliver()


def pipeline_of(entry: Entry, task: Task, features: Sequence[Features]) -> InputPipeline:
    """What an entry is fed through on a task: pixels, or features where there are any."""
    if features:
        return FeaturePipeline(entry.input, task.bands, rows(features))
    return InputPipeline(entry.input, task.bands)


@contextlib.contextmanager
def settings(matmul_precision: str) -> Iterator[None]:
    """The recipe's arithmetic, and Lightning without its hints, tips and warnings."""
    before = torch.get_float32_matmul_precision()
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        torch.set_float32_matmul_precision(matmul_precision)
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
