"""Kinds: families of tasks. One module each, found by its name.

A kind fixes what a model must be able to do, what is observed of one sample, and how observations
become scores. Its module offers what `Kind` describes; nothing else in the harness knows of it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.contract import Door, InputContract
from bench.data import Dataset
from bench.errors import RequestError, unknown
from bench.scales import scale
from bench.stats import percentile_interval, resample_counts
from bench.task import Task, in_one_line

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from bench.recipe import Recipe

Metrics = Mapping[str, "NDArray[np.float64]"]

RESAMPLES = 1_000
"""Bootstrap resamples behind every interval."""

_COUNTS_AT_ONCE = 1 << 20

MAX_SLICES = 32
"""An attribute with more values than these is no slicing but an address."""


@dataclass(frozen=True)
class Batch:
    """Some samples, ready for a model.

    Inputs and targets are a tensor, a list with an item per sample, or a mapping of names to these.
    The first axis counts samples.

    Attributes:
        samples: their ids.
        inputs: what the model is called with, brought to its contract.
        targets: what the kind compares with.
    """

    samples: Sequence[str]
    inputs: Any
    targets: Any

    def tensors(self) -> "Iterator[torch.Tensor]":
        """Every tensor in it."""
        for value in (self.inputs, self.targets):
            for part in value.values() if isinstance(value, Mapping) else (value,):
                if not isinstance(part, list):
                    yield part

    def each(self, change: "Callable[[torch.Tensor], torch.Tensor]") -> "Batch":
        """The same samples with every tensor changed."""
        return Batch(
            self.samples,
            _each(self.inputs, change, lambda items: items),
            _each(self.targets, change, lambda items: items),
        )

    def pick(self, rows: Sequence[int]) -> "Batch":
        """Some of its samples."""
        import torch

        index = torch.as_tensor(rows)

        def tensor(values: "torch.Tensor") -> "torch.Tensor":
            return values[index]

        def items(values: list[Any]) -> list[Any]:
            return [values[row] for row in rows]

        return Batch(
            items(list(self.samples)),
            _each(self.inputs, tensor, items),
            _each(self.targets, tensor, items),
        )


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of equally shaped samples as one."""
    samples = [sample for batch in batches for sample in batch.samples]
    return Batch(
        samples,
        _joined([batch.inputs for batch in batches]),
        _joined([batch.targets for batch in batches]),
    )


def _each(value: Any, tensor: Callable[[Any], Any], items: Callable[[list[Any]], Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _each(part, tensor, items) for name, part in value.items()}
    return items(value) if isinstance(value, list) else tensor(value)


def _joined(values: Sequence[Any]) -> Any:
    import torch

    if isinstance(values[0], Mapping):
        return {name: _joined([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], list):
        return [item for value in values for item in value]
    return torch.cat(list(values))


@dataclass(frozen=True)
class Score:
    """One number of a run, with its uncertainty.

    Attributes:
        metric: such as ``ap``.
        average: how it was aggregated: ``macro``, ``micro``, ``samples``, ``classes`` ...
        label: the class for ``classes``, the point of a curve, such as ``bpppc=2.06``, for
            ``points``, else empty.
        value: the number; None where it is undefined.
        low, high: the 95 % interval over samples; None where it is undefined. Of a class it is
            that of the resamples in which the class occurs, where those are most.
        samples: how many samples stand behind it.
        slice: which samples, such as ``country=Portugal``; empty for all.
        classes: how many classes stand behind an average over classes: those that occur among these
            samples; None for what is no such average.
    """

    metric: str
    average: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    slice: str = ""
    classes: int | None = None

    @property
    def name(self) -> str:
        """The name a task's ``primary`` uses."""
        return f"{self.metric}_{self.average}"


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

    def load(self, task: Task, dataset: Dataset, door: Door, samples: Sequence[str]) -> Batch:
        """Read samples and bring them through the door. Called from several threads."""
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
                `bench.returned`, through which every output passes.
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
class Studio:
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
        door: Door,
        samples: Sequence[str],
        studio: Studio,
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
        """What is predicted of one sample, of fields made by `told`; the first is `SAMPLE`."""
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
        """What is told of one sample or sentence, of fields made by `told`; the first `SAMPLE`."""
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


def told(
    name: str,
    form: pa.DataType,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    longest: int = 512,
) -> pa.Field:
    """A field of a schema of predictions.

    Args:
        name: of the column.
        form: its type; of lists at most one level.
        about: what it holds, in words.
        low: the smallest number allowed; of the bytes for a binary column.
        high: the largest one.
        longest: the most bytes of a text or a binary value, or items of a list of free length.
    """
    told = {"about": about, "low": low, "high": high, "longest": longest}
    metadata = {key: str(value) for key, value in told.items() if value is not None}
    return pa.field(name, form, nullable=False, metadata=metadata)


SAMPLE = told("sample", pa.string(), "the sample's id")
"""The first field of every schema of predictions."""


class NoOptions(BaseModel):
    """A recipe asks nothing more of this kind."""

    model_config = ConfigDict(extra="forbid")


def images(dataset: Dataset, door: Door, samples: Sequence[str]) -> "torch.Tensor":
    """Samples read and brought to the contract, float32 [N, channels, height, width]."""
    import torch

    bands = door.contract.bands
    first = dataset.read(samples[0], bands)
    pixels = np.empty((len(samples), *door.shape(first)), np.float32)
    for index, (sample, out) in enumerate(zip(samples, pixels, strict=True)):
        door.admit(dataset.read(sample, bands) if index else first, out)
    return torch.from_numpy(pixels)


def mirrors(count: int, draw: "torch.Generator") -> "torch.Tensor":
    """Which of so many samples to mirror horizontally and vertically, bool [2, count]."""
    import torch

    return torch.rand(2, count, generator=draw) < 0.5


def mirrored(images: "torch.Tensor", masks: "torch.Tensor") -> "torch.Tensor":
    """Images [N, ..., height, width], mirrored as `mirrors` chose."""
    import torch

    for chosen, axis in zip(masks.to(images.device), (-1, -2), strict=True):
        shape = (-1, *[1] * (images.ndim - 1))
        images = torch.where(chosen.view(shape), images.flip(axis), images)
    return images


def matrix(observations: pa.Table, column: str) -> "NDArray[Any]":
    """A column of fixed-size lists as an array [N, size], without a copy where it is one chunk."""
    chunk = observations.column(column).combine_chunks()
    size = chunk.type.list_size
    values: NDArray[Any] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return values


def check_scale(task: Task, observations: pa.Table) -> None:
    """Refuse observations of outputs that can't be on the scale that their kind asks for.

    Raises:
        BenchError: as `Scaled.check_scale`.
    """
    kind: object = kind_of(task)
    if isinstance(kind, Scaled) and observations.num_rows:
        kind.check_scale(task, observations)


def score(task: Task, observations: pa.Table, attributes: pa.Table | None = None) -> list[Score]:
    """Every metric of a task with its 95 % bootstrap interval, from observations alone.

    Args:
        task: what is scored.
        observations: N rows.
        attributes: what the rows can be grouped by, a text column each beside ``sample``, rows as
            in ``observations``; the primary metric is scored for each group as well.

    Raises:
        RequestError: `bench.scales` doesn't know a metric, so that its direction isn't known.
    """
    kind: object = kind_of(task)
    if isinstance(kind, Settles):
        observations = kind.settle(task, observations)
    found = _scored(task, observations, "", ())
    parts = kind.parts(task, observations) if isinstance(kind, Parts) else {}
    for part, rows in parts.items():
        found += _scored(task, rows, part, (task.primary,))
    if attributes is None:
        return found
    for column, values in zip(attributes.column_names, attributes.columns, strict=True):
        groups = sorted(set(values.to_pylist()))
        if column != "sample" and len(groups) <= MAX_SLICES:
            for group in groups:
                rows = observations.filter(pc.equal(values, group))
                found += _scored(task, rows, f"{column}={group}", (task.primary,))
    return found


def _scored(task: Task, observations: pa.Table, part: str, names: Sequence[str]) -> list[Score]:
    kind, samples = kind_of(task), observations.num_rows
    asked: object = kind
    classes = asked.averaged(task, observations) if isinstance(asked, Averages) else {}
    values = kind.measure(task, observations)
    block = min(RESAMPLES, max(64, _COUNTS_AT_ONCE // samples))
    counts = resample_counts(samples, RESAMPLES, block=block)
    replicates = kind.replicate(task, observations, counts, names)
    found = []
    for name in names or values:
        metric, _, average = name.rpartition("_")
        scale(metric)
        labels = labels_of(task, observations, average) if np.ndim(values[name]) else [""]
        interval = _interval_of_classes if average == "classes" else percentile_interval
        lows, highs = interval(replicates[name])
        rows = zip(*map(np.atleast_1d, (values[name], lows, highs)), strict=True)
        for label, numbers in zip(labels, rows, strict=True):
            value, low, high = (float(n) if np.isfinite(n) else None for n in numbers)
            behind = classes.get(name)
            found.append(Score(metric, average, label, value, low, high, samples, part, behind))
    return found


def _interval_of_classes(
    replicates: "NDArray[np.float64]",
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """The interval of each class [R, C] from the resamples in which it occurs, if most are."""
    bounds = np.full((2, replicates.shape[1]), np.nan)
    for index, values in enumerate(replicates.T):
        known = values[~np.isnan(values)]
        if 2 * len(known) > len(values):
            bounds[:, index] = percentile_interval(known)
    return bounds[0], bounds[1]


def labels_of(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """What stands for each value of a metric of an average that isn't one number."""
    kind: object = kind_of(task)
    labels = kind.labels(task, observations, average) if isinstance(kind, Labels) else task.classes
    return labels


def names() -> list[str]:
    """The names of all kinds."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def kind_of(task: Task) -> Kind:
    """The kind of a task; imports its module.

    Raises:
        RequestError: there is no such kind, or the task's settings aren't the kind's.
    """
    if task.kind not in names():
        raise unknown("kind", task.kind, names(), f"task {task.name} asks for it")
    kind: Any = importlib.import_module(f"bench.kinds.{task.kind}")
    try:
        kind.Settings.model_validate(task.settings)
    except ValidationError as error:
        raise RequestError(f"task {task.name} has bad settings: {in_one_line(error)}") from error
    return kind  # type: ignore[no-any-return]
