"""The base class of a kind, and what training passes to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.errors import RequestError
from bench.data import Dataset
from bench.kinds.common.batch import Batch
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.task import Task, in_one_line

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from bench.spec.recipe import Recipe

Metrics = Mapping[str, "NDArray[np.float64]"]
"""Values by name ``<metric>_<average>``: [] for an aggregate, else [labels]."""

Sentences = Mapping[str, tuple[tuple[str, ...], ...]]
"""The sentences that name each class, by set of prompts; the first set ranks."""


class NoOptions(BaseModel):
    """The options of a kind that has none."""

    model_config = ConfigDict(extra="forbid")


class NoSettings(BaseModel):
    """The settings of a kind that has none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class PreparationContext:
    """What a kind is given to make training samples ready.

    Attributes:
        folder: keeps what is made once, until the training is finished.
        device: the network's.
        seed: of the training.
        teacher: builds the trained classifier that `Kind.teacher` named; None where it named none.
        teacher_sha256: of its weights.
    """

    folder: Path
    device: str
    seed: int
    teacher: Callable[[], torch.nn.Module] | None = None
    teacher_sha256: str = ""


@dataclass(frozen=True)
class Prepared:
    """How training samples are read.

    Attributes:
        load: reads some of them, as `Kind.augment` wants them.
        facts: what there is to say of them, by name; part of the trained entry.
    """

    load: Callable[[Sequence[str]], Batch]
    facts: Mapping[str, float | str]


D = TypeVar("D", bound=Dataset)
S = TypeVar("S", bound=BaseModel)


class Kind(ABC, Generic[D, S]):
    """A family of tasks, bound to one of them.

    A kind defines what a model must be able to do, what is observed of one sample, and how
    observations become scores. A new kind states `interface` and writes `schema`, `load`,
    `observe`, `loss`, and `replicate` (and `measure` where that can be had for less); everything
    else has a default. Methods that score import no torch.

    Args:
        task: whose kind this is.

    Raises:
        RequestError: the settings of the task aren't those of the kind.

    Attributes:
        task: as given.
        settings: of the task, validated.
        interface: what a model of this kind must be, in words with shapes and dtypes.
        example: a value of ``--model`` that fits; empty where any network does.
        batch_size: samples per call of a model; part of the arithmetic.
        unranked: why a run may have no primary score, in words; empty where that is a fault.
        volatile: columns that measure the machine, so that they differ from run to run.
        sample_score: what `sample_scores` returns, in words.
        target: the method of the dataset that gives the target of one sample; empty where targets
            are part of what its fingerprint covers.
        scores_pixels: whether the input itself is the target.
        accepts: kinds for whose tasks an entry may have been made that is run on one of this kind.
        probes: how targets are learnt from features: ``labels``, each by itself, [N, outputs];
            one ``class`` of several, an index [N]; a ``value``; a ``caption``, of which the nearest
            is taken; empty where they can't be.
        degradable: whether the images that its models see come from the dataset's ``read`` or
            ``series``, so that they can be degraded: `bench.kinds.common.degraded`.
        dense: whether every pixel has a target, [N, height, width].
        drawn: how many samples are given to `draw`; they are spread evenly over those of a run.
        Settings: what a task of this kind may declare.
        Options: what a recipe may ask of this kind beyond what every recipe says.
    """

    interface: ClassVar[str]
    example: ClassVar[str] = ""
    batch_size: ClassVar[int] = 32
    unranked: ClassVar[str] = ""
    volatile: ClassVar[Sequence[str]] = ()
    sample_score: ClassVar[str] = "primary metric of the sample alone"
    target: ClassVar[str] = ""
    scores_pixels: ClassVar[bool] = False
    accepts: ClassVar[Sequence[str]] = ()
    probes: ClassVar[Literal["", "labels", "class", "value", "caption"]] = ""
    degradable: ClassVar[bool] = False
    dense: ClassVar[bool] = False
    drawn: ClassVar[int] = 0
    Settings: type[S]
    Options: type[BaseModel] = NoOptions

    def __init__(self, task: Task) -> None:
        self.task = task
        try:
            self.settings: S = self.Settings.model_validate(task.settings)
        except ValidationError as error:
            raise RequestError(
                f"task {task.name} has bad settings: {in_one_line(error)}"
            ) from error

    @abstractmethod
    def schema(self) -> pa.Schema:
        """The observation of one sample; the first column is ``sample``."""

    @abstractmethod
    def load(self, dataset: D, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Read samples and bring them to the input contract. Called from several threads."""

    @abstractmethod
    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, Any]:
        """Run a model; the columns of the schema but ``sample``, as tensors or lists [N, ...].

        Raises:
            BenchError: the model returned another container, dtype or shape, NaN or infinity: see
                `bench.kinds.common.returned`, through which every output passes.
        """

    @abstractmethod
    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """What training minimises, a scalar."""

    @abstractmethod
    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The metrics of resampled observations.

        Args:
            observations: N rows.
            counts: blocks [B, N], how often each resample holds each row; R is the sum of the B.
                The jackknife leaves rows out: they are there 0 times, the others once.
            names: only these metrics; all without any.

        Returns:
            As `measure`, with a leading axis of R resamples.
        """

    def measure(self, observations: pa.Table) -> Metrics:
        """Every metric of the task from N observations alone: `replicate` of each row once."""
        ones = np.ones((1, observations.num_rows), np.uint16)
        return {name: values[0] for name, values in self.replicate(observations, [ones]).items()}

    def inputs(self, dataset: D, pipeline: InputPipeline, samples: Sequence[str]) -> Any:
        """What `load` gives as inputs, without targets."""
        from bench.kinds.common.batch import images

        return images(dataset, pipeline, samples)

    def strata(self, dataset: D, samples: Sequence[str]) -> NDArray[Any]:
        """What subsets of samples are stratified by.

        Returns:
            Which classes a sample shows, [N, C], or a value of it, float [N], NaN where unknown.

        Raises:
            RequestError: samples of this kind have neither.
        """
        raise RequestError(
            f"labels can't be counted on tasks of kind {self.task.kind}", "leave --labels away"
        )

    def outputs(self) -> int:
        """The number of output channels of a model; 0 where the model decides."""
        return len(self.task.classes)

    def blank(self, contract: InputContract) -> Batch | None:
        """One made-up sample of the shapes and types that `load` gives, to try a model on.

        None where a model can't be tried before data is read.
        """
        return None

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """A training batch changed at random as the recipe says; ``draw`` is on the processor."""
        return batch

    def teacher(self, recipe: Recipe) -> str:
        """The baseline whose trained weights training needs; empty for none."""
        return ""

    def prepare(
        self,
        recipe: Recipe,
        dataset: D,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Make training samples ready; those of validation are read by `load`.

        Raises:
            RequestError: the recipe asks for what isn't there.
            BenchError: a sample is damaged.
        """
        return Prepared(lambda chosen: self.load(dataset, pipeline, chosen), {})

    def settle(self, observations: pa.Table) -> pa.Table:
        """Observations with what depends on all of them, such as ranks, before any are left out."""
        return observations

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """How well each sample fared by itself, [N], higher is better; NaN where undefined.

        Not ranked by: it says on which samples two entries differ. 1 or 0 where a sample is simply
        right or wrong.
        """
        rows = [observations.slice(row, 1) for row in range(observations.num_rows)]
        values = [float(self.measure(row)[self.task.primary]) for row in rows]
        return np.array(values, np.float64)

    def parts(self, observations: pa.Table) -> Mapping[str, pa.Table]:
        """Observations of parts of the samples, such as the pixels of water, by name of slice.

        The primary metric is scored for each, beside the groups of samples that attributes make.
        """
        return {}

    def labels(self, observations: pa.Table, average: str) -> Sequence[str]:
        """What stands for each value of a metric of an average that isn't one number."""
        return self.task.classes

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """How many classes stand behind each mean over classes, by the name of the metric.

        Such a mean is over the classes that occur (`bench.metrics.macro`), in a slice and in each
        resample as in all samples.
        """
        return {}

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_] | None:
        """Which of the task's classes occur in each sample, [N, C]; None where there are none."""
        return None

    def confusion(self, observations: pa.Table) -> NDArray[np.int64] | None:
        """How many images or pixels of each class are taken for each, [C, C], rows are references.

        None where a sample hasn't one class of several.
        """
        return None

    def check_scale(self, observations: pa.Table) -> None:
        """Refuse the observations of a run whose outputs can't be on the scale of the interface.

        Whatever an honest model could return passes.

        Raises:
            BenchError: outputs are on another scale, such as probabilities in place of logits; the
                hint says how to convert them.
        """

    def remarks(self, observations: pa.Table) -> Sequence[str]:
        """What could not be computed and why, a line each."""
        return ()

    def draw(
        self, dataset: D, model: torch.nn.Module, batch: Batch
    ) -> Mapping[str, NDArray[np.uint8]]:
        """Images by name, RGB [height, width, 3]; what shows one sample is named after it."""
        return {}

    def prediction_schema(self) -> pa.Schema | None:
        """What is predicted of one sample elsewhere; None where only a model can be evaluated.

        Of fields made by `bench.kinds.common.tables.field`; the first is `SAMPLE` of the same
        module. Where it holds every column of the observations, nothing is computed here and the
        result is only reported.
        """
        return None

    def from_predictions(self, dataset: D, table: pa.Table) -> pa.Table:
        """The observations behind predictions, row by row, with targets from the dataset.

        Args:
            dataset: that of the task.
            table: some predictions, of the schema and in the ranges that it states, without nulls.

        Raises:
            BenchError: a value doesn't fit its sample.
        """
        raise self._only_models("predictions")

    def embedding_schema(self) -> pa.Schema | None:
        """What embeds one sample or sentence in a file of embeddings; None where none are taken.

        Such a file has a row for each sample and for each of `sentences`, which stands where the
        sample's id does.
        """
        return None

    def sentences(self) -> Sentences:
        """The sentences that name each class, by set of prompts; the first set ranks."""
        raise self._only_models("embeddings")

    def from_embeddings(self, prompts: pa.Table, table: pa.Table) -> pa.Table:
        """The predictions that embeddings lead to, row by row.

        Args:
            prompts: the embeddings of sentences.
            table: the embeddings of some samples.

        Raises:
            BenchError: sentences are missing, or an embedding has another width or is 0.
        """
        raise self._only_models("embeddings")

    def _only_models(self, what: str) -> RequestError:
        return RequestError(
            f"tasks of kind {self.task.kind} take no {what}, only models", "submit the model"
        )
