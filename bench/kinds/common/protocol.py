"""What a kind offers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from bench.data import Dataset
from bench.kinds.common.batch import Batch
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from bench.spec.recipe import Recipe


Metrics = Mapping[str, "NDArray[np.float64]"]


class Kind(Protocol):
    """What the module of a kind offers."""

    INTERFACE: str
    """What a model of this kind must be, in words with shapes and dtypes."""

    BATCH: int
    """Samples per call of a model; part of the arithmetic."""

    UNRANKED: str
    """Why a run may have no primary score, in words; empty where that is a fault."""

    VOLATILE: Sequence[str]
    """Columns that measure the machine, so that they differ from run to run."""

    Settings: type[BaseModel]
    """The settings a task of this kind may declare."""

    Options: type[BaseModel]
    """What a recipe may ask of this kind beyond what every recipe says."""

    SAMPLE_SCORE: str
    """What `sample_scores` returns, in words."""

    def outputs(self, task: Task) -> int:
        """The number of output channels of a model."""
        ...

    def schema(self, task: Task) -> pa.Schema:
        """The observation of one sample; the first column is ``sample``."""
        ...

    def load(
        self, task: Task, dataset: Dataset, pipeline: InputPipeline, samples: Sequence[str]
    ) -> Batch:
        """Read samples and bring them to the input contract. Called from several threads."""
        ...

    def blank(self, task: Task, contract: InputContract) -> Batch:
        """One made-up sample of the shapes and types that `load` gives, to try a model on."""
        ...

    def observe(
        self, task: Task, model: "torch.nn.Module", batch: Batch
    ) -> Mapping[str, "torch.Tensor"]:
        """Run the model; the columns of the schema but ``sample``, as tensors [N, ...].

        Raises:
            BenchError: the model returned another container, dtype or shape, NaN or infinity: see
                `bench.kinds.common.returned`, through which every output passes.
        """
        ...

    def loss(self, task: Task, model: "torch.nn.Module", batch: Batch) -> "torch.Tensor":
        """What training minimises, a scalar."""
        ...

    def augment(self, task: Task, recipe: "Recipe", batch: Batch, draw: "torch.Generator") -> Batch:
        """A training batch changed at random as the recipe says; ``draw`` is on the processor."""
        ...

    def measure(self, task: Task, observations: pa.Table) -> Metrics:
        """Every metric of the task from observations alone.

        Returns:
            By name ``<metric>_<average>``: [] for an aggregate, else [labels].
        """
        ...

    def replicate(
        self,
        task: Task,
        observations: pa.Table,
        counts: "Iterable[NDArray[np.uint16]]",
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same metrics of resampled observations.

        Args:
            task: what is scored.
            observations: N rows.
            counts: blocks [B, N], how often each resample holds each row; R is the sum of the B.
            names: only these metrics; all without any.

        Returns:
            As `measure`, with a leading axis of R resamples.
        """
        ...

    def sample_scores(self, task: Task, observations: pa.Table) -> "NDArray[np.float64]":
        """How well each sample fared by itself, [N], higher is better; NaN where undefined.

        Not ranked by: it says on which samples two entries differ. 1 or 0 where a sample is simply
        right or wrong.
        """
        ...


@runtime_checkable
class Labels(Protocol):
    """What a kind also offers if the values of its metrics aren't one for each class."""

    def labels(self, task: Task, observations: pa.Table, average: str) -> Sequence[str]:
        """What stands for each value of a metric of an average that isn't one number."""
        ...


@runtime_checkable
class Parts(Protocol):
    """What a kind also offers if parts of its samples are scored."""

    def parts(self, task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
        """Observations of parts of the samples, such as the pixels of water, by name of slice.

        The primary metric is scored for each, beside the groups of samples that attributes make.
        """
        ...


@runtime_checkable
class Draws(Protocol):
    """What the module of a kind may offer beside `Kind`: pictures of what was predicted."""

    DRAWN: int
    """How many samples are given to be drawn; they are spread evenly over those of a run."""

    def draw(
        self, task: Task, dataset: Dataset, model: "torch.nn.Module", batch: Batch
    ) -> "Mapping[str, NDArray[np.uint8]]":
        """By name, in RGB [height, width, 3]; what is drawn of one sample is named after it."""
        ...


@dataclass(frozen=True)
class PreparationContext:
    """Where a training takes place.

    Attributes:
        folder: keeps what is made once, until the training is finished.
        device: the network's.
        seed: of the training.
        teacher: builds the trained classifier that `Prepares.teacher` named; None where it named
            none.
        teacher_sha256: of its weights.
    """

    folder: Path
    device: str
    seed: int
    teacher: "Callable[[], torch.nn.Module] | None" = None
    teacher_sha256: str = ""


@dataclass(frozen=True)
class Prepared:
    """How training samples are read.

    Attributes:
        load: reads some of them, as `Kind.augment` wants them.
        facts: what there is to say of them, by name; part of the trained entry.
    """

    load: Callable[[Sequence[str]], Batch]
    facts: "Mapping[str, float | str]"


@runtime_checkable
class Prepares(Protocol):
    """What a kind offers beside `Kind` whose recipes may ask for more than `Kind.load` reads."""

    def teacher(self, recipe: "Recipe") -> str:
        """The baseline whose trained weights training needs; empty for none."""
        ...

    def prepare(
        self,
        task: Task,
        recipe: "Recipe",
        dataset: Dataset,
        pipeline: InputPipeline,
        samples: Sequence[str],
        preparation: PreparationContext,
    ) -> Prepared:
        """Make ready for training on some samples; those of validation are read by `Kind.load`.

        Raises:
            RequestError: the recipe asks for what isn't there.
            BenchError: a sample is damaged.
        """
        ...


@runtime_checkable
class Settles(Protocol):
    """What a kind offers beside `Kind` whose samples are scored against each other."""

    def settle(self, task: Task, observations: pa.Table) -> pa.Table:
        """Observations with what depends on all of them, such as ranks, before any are left out."""
        ...


@runtime_checkable
class Averages(Protocol):
    """What a kind also offers if some of its metrics are means over classes.

    Such a mean is over the classes that occur (`bench.metrics.macro`), in a slice and in each
    resample as in all samples.
    """

    def averaged(self, task: Task, observations: pa.Table) -> Mapping[str, int]:
        """How many classes stand behind each such mean, by the name of the metric."""
        ...


@runtime_checkable
class Scaled(Protocol):
    """What a kind offers beside `Kind` that can tell when outputs are on another scale."""

    def check_scale(self, task: Task, observations: pa.Table) -> None:
        """Look at all samples of a run at once; what an honest model could return passes.

        Raises:
            BenchError: outputs can't be on the scale that the interface states, such as
                probabilities in place of logits; the hint says how to convert them.
        """
        ...


@runtime_checkable
class Accepts(Protocol):
    """What a kind offers beside `Kind` that runs entries made for tasks of several kinds."""

    ACCEPTS: Sequence[str]
    """The kinds of those tasks."""


@runtime_checkable
class Remarks(Protocol):
    """What the module of a kind offers beside `Kind` some of whose metrics need other programs."""

    def remarks(self, task: Task, observations: pa.Table) -> Sequence[str]:
        """What could not be computed and why, a line each."""
        ...


@runtime_checkable
class Predictable(Protocol):
    """What a kind offers beside `Kind` that scores predictions which were made elsewhere.

    Where the schema of predictions holds every column of the observations, nothing is computed
    here and the result is only reported.
    """

    def prediction_schema(self, task: Task) -> pa.Schema:
        """What is predicted of one sample, of fields made by `field`; the first is `SAMPLE`."""
        ...

    def from_predictions(self, task: Task, dataset: Dataset, table: pa.Table) -> pa.Table:
        """The observations behind predictions, row by row, with targets from the dataset.

        Args:
            task: what is scored.
            dataset: that of the task.
            table: some predictions, of the schema and in the ranges that it tells, without nulls.

        Raises:
            BenchError: a value doesn't fit its sample.
        """
        ...


@runtime_checkable
class Prompted(Protocol):
    """What a kind offers beside `Predictable` that takes embeddings as well.

    A file of them has a row for each sample and for each of `sentences`, which stands where the
    sample's id does.
    """

    def embedding_schema(self, task: Task) -> pa.Schema:
        """The columns of one sample or sentence, of fields made by `field`; the first `SAMPLE`."""
        ...

    def sentences(self, task: Task) -> "Mapping[str, tuple[tuple[str, ...], ...]]":
        """The sentences that name each class, by set of prompts; the first set ranks."""
        ...

    def from_embeddings(self, task: Task, prompts: pa.Table, table: pa.Table) -> pa.Table:
        """The predictions that embeddings come to, row by row.

        Args:
            task: what is scored.
            prompts: the embeddings of sentences.
            table: the embeddings of some samples.

        Raises:
            BenchError: sentences are missing, or an embedding has another width or is 0.
        """
        ...


class NoOptions(BaseModel):
    """A recipe asks nothing more of this kind."""

    model_config = ConfigDict(extra="forbid")
