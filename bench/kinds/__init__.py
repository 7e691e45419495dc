"""Kinds: families of tasks. One module each, found by its name.

A kind fixes what a model must be able to do, what is observed of one sample, and how observations
become scores. Its module offers what `Kind` describes; nothing else in the harness knows of it.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ValidationError

from bench.contract import Door
from bench.data import Dataset
from bench.errors import RequestError, unknown
from bench.stats import percentile_interval, resample_counts
from bench.task import Task, in_one_line

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Metrics = Mapping[str, "NDArray[np.float64]"]

RESAMPLES = 1_000
"""Bootstrap resamples behind every interval."""

_COUNTS_AT_ONCE = 1 << 20

MAX_SLICES = 32
"""An attribute with more values than these is no slicing but an address."""


@dataclass(frozen=True)
class Batch:
    """Some samples, ready for a model.

    Attributes:
        samples: their ids.
        inputs: what the model is called with, brought to its contract.
        targets: what the kind compares with.
    """

    samples: Sequence[str]
    inputs: "torch.Tensor"
    targets: "torch.Tensor"


@dataclass(frozen=True)
class Score:
    """One number of a run, with its uncertainty.

    Attributes:
        metric: such as ``ap``.
        average: how it was aggregated: ``macro``, ``micro``, ``samples``, ``classes`` ...
        label: the class for ``classes``, else empty.
        value: the number; None where it is undefined.
        low, high: the 95 % interval over samples; None where it is undefined.
        samples: how many samples stand behind it.
        slice: which samples, such as ``country=Portugal``; empty for all.
    """

    metric: str
    average: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    slice: str = ""

    @property
    def name(self) -> str:
        """The name a task's ``primary`` uses."""
        return f"{self.metric}_{self.average}"


class Kind(Protocol):
    """What the module of a kind offers."""

    INTERFACE: str
    """What a model of this kind must be, in words with shapes and dtypes."""

    Settings: type[BaseModel]
    """The settings a task of this kind may declare."""

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

    def observe(
        self, task: Task, model: "torch.nn.Module", batch: Batch
    ) -> Mapping[str, "torch.Tensor"]:
        """Run the model; the columns of the schema but ``sample``, as tensors [N, ...].

        Raises:
            BenchError: the model returned another shape.
        """
        ...

    def loss(self, task: Task, model: "torch.nn.Module", batch: Batch) -> "torch.Tensor":
        """What training minimises, a scalar."""
        ...

    def flip(self, batch: Batch, horizontal: "torch.Tensor", vertical: "torch.Tensor") -> Batch:
        """Mirror the samples that the boolean masks [N] choose, targets with them."""
        ...

    def measure(self, task: Task, observations: pa.Table) -> Metrics:
        """Every metric of the task from observations alone.

        Returns:
            By name ``<metric>_<average>``: [] for an aggregate, [classes] for ``classes``.
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


def images(dataset: Dataset, door: Door, samples: Sequence[str]) -> "torch.Tensor":
    """Samples read and brought to the contract, float32 [N, channels, size, size]."""
    import torch

    pixels = np.empty((len(samples), *door.shape), np.float32)
    for sample, out in zip(samples, pixels, strict=True):
        door.admit(dataset.read(sample, door.contract.bands), out)
    return torch.from_numpy(pixels)


def matrix(observations: pa.Table, column: str) -> "NDArray[Any]":
    """A column of fixed-size lists as an array [N, size], without a copy where it is one chunk."""
    chunk = observations.column(column).combine_chunks()
    size = chunk.type.list_size
    values: NDArray[Any] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return values


def score(task: Task, observations: pa.Table, attributes: pa.Table | None = None) -> list[Score]:
    """Every metric of a task with its 95 % bootstrap interval, from observations alone.

    Args:
        task: what is scored.
        observations: N rows.
        attributes: what the rows can be grouped by, a text column each beside ``sample``, rows as
            in ``observations``; the primary metric is scored for each group as well.
    """
    found = _scored(task, observations, "", ())
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
    values = kind.measure(task, observations)
    block = min(RESAMPLES, max(64, _COUNTS_AT_ONCE // samples))
    counts = resample_counts(samples, RESAMPLES, block=block)
    replicates = kind.replicate(task, observations, counts, names)
    found = []
    for name in names or values:
        metric, _, average = name.rpartition("_")
        labels = task.classes if average == "classes" else [""]
        lows, highs = percentile_interval(replicates[name])
        rows = zip(*map(np.atleast_1d, (values[name], lows, highs)), strict=True)
        for label, numbers in zip(labels, rows, strict=True):
            value, low, high = (float(n) if np.isfinite(n) else None for n in numbers)
            found.append(Score(metric, average, label, value, low, high, samples, part))
    return found


def names() -> list[str]:
    """The names of all kinds."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


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
