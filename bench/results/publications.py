"""The file format of published numbers: a source with its tables, validated.

What a file says is in ``results/README.md``; `bench.results.reported` reads them all.
"""

import itertools
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

from bench.base.errors import RequestError
from bench.metrics.scales import Scale, scale
from bench.spec.task import Name

Words = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Metric = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}_[a-z0-9]{1,32}$")]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]

NOTHING = "nothing that is known"
"""What a table says that differs from its task in nothing: to leave it out would say the same of
one that nobody looked at."""

_DIGITS = {("percent", "fraction"): -2, ("percent", "score"): -2, ("million", "parameter"): 6}
"""By published unit and that of the harness, how far the decimal point moves."""


def _listed(names: object) -> object:
    """One name as a list of it."""
    return [names] if isinstance(names, str) else names


class Table(BaseModel):
    """One table of a publication.

    Attributes:
        where: its number, or the section.
        tasks, metrics, labels: the columns are their combinations, the last one changing fastest;
            ``metrics`` maps names of this harness to the published unit, ``labels`` are classes.
        experiments: names of what was measured where that is no task here, instead of ``tasks``.
        related: the tasks on whose pages experiments are shown.
        why: why the experiments aren't these tasks.
        split: what was scored.
        inputs: what the models were fed.
        setting: what the publication varies beside the model: a fold, a scenario, training data.
        seeds: trainings behind each value, where it is stated.
        differs: how the protocol differs from that of the task; `NOTHING` where it doesn't. Not
            asked of experiments, of which ``why`` says it.
        doubt: what is uncertain about the numbers.
        values, std: a row for each model, as published; the standard deviation over seeds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Words
    tasks: Names | None = None
    experiments: Names | None = None
    related: Annotated[Names | None, BeforeValidator(_listed)] = None
    why: Words | None = None
    split: Words
    inputs: Words
    setting: str = ""
    metrics: Annotated[dict[Metric, str], Field(min_length=1)]
    labels: Annotated[tuple[Words, ...], Field(min_length=1)] | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None
    differs: Words | None = None
    doubt: str = ""
    values: Annotated[dict[Words, tuple[FiniteFloat, ...]], Field(min_length=1)]
    std: dict[Words, tuple[FiniteFloat, ...]] = {}

    @property
    def measured(self) -> tuple[str, ...]:
        """The tasks, or the experiments, of the columns."""
        return self.tasks or self.experiments or ()

    def columns(self) -> list[tuple[str, str, str]]:
        """Task, metric and class of each column."""
        return list(itertools.product(self.measured, self.metrics, self.labels or [""]))

    @model_validator(mode="after")
    def _belongs_somewhere(self) -> Self:
        if (self.tasks is None) == (self.experiments is None):
            raise ValueError("a table has tasks, or experiments that are no tasks")
        if self.experiments is not None and (self.related is None or self.why is None):
            raise ValueError("experiments say to which tasks they are related, and why")
        if self.tasks is not None:
            if self.related is not None or self.why is not None:
                raise ValueError("related and why are said of experiments, not of tasks")
            if self.differs is None:
                raise ValueError(f"differs is missing; {NOTHING!r} where nothing does")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for names in (self.measured, self.labels or ()):
            if len(set(names)) < len(names):
                raise ValueError("two columns of a table are the same")
        for name, unit in self.metrics.items():
            native = scale_of(name).unit
            if unit != native and (unit, native) not in _DIGITS:
                raise ValueError(f"{name} is given in {unit!r}, expected {native!r}")
            if name.endswith("_classes") != (self.labels is not None):
                raise ValueError(f"{name}: a metric of classes has labels, and no other")
        # Before the combinations are made: a few names each are billions of them.
        count = len(self.measured) * len(self.metrics) * len(self.labels or [""])
        for entry, row in (*self.values.items(), *self.std.items()):
            if len(row) != count:
                raise ValueError(f"{entry!r:.100} has {len(row)} values, expected {count}")
        columns = self.columns()
        if not self.std.keys() <= self.values.keys():
            raise ValueError("a standard deviation has no value beside it")
        for entry, values in self.values.items():
            for (_, name, _), published in zip(columns, values, strict=True):
                known = scale_of(name)
                if not known.low <= scaled(published, self.metrics[name], known) <= known.high:
                    raise ValueError(f"{entry!r}: {name} can't be {published:g}")
        return self


class Source(BaseModel):
    """One publication, model card or repository.

    Attributes:
        title, authors, year: the short citation.
        arxiv, doi, url: where it is; the URL leads to it, the others name it for good.
        licence: of what the numbers were taken from, where it is stated.
        trust: always ``reported``: nobody here computed these numbers.
        complete: every number that it prints on the data of a task here stands in this file.
        leaves_out: else what is missing, and why.
        best_shown: the tasks of which nothing that is missing is better than what is shown;
            ``true`` for all of them.
        table: its tables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words
    authors: Words
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    arxiv: Annotated[str, Field(pattern=r"^(\d{4}\.\d{4,5})?$")] = ""
    doi: Annotated[str, Field(pattern=r"^(10\.\d{4,9}/\S+)?$")] = ""
    url: Annotated[str, Field(pattern=r"^https://[^\s\"'<>]+$", max_length=500)]
    licence: str = ""
    trust: Literal["reported"]
    complete: Literal[True] | None = None
    leaves_out: Words | None = None
    best_shown: Literal[True] | Names | None = None
    table: Annotated[tuple[Table, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_what_is_missing(self) -> Self:
        if (self.complete is None) == (self.leaves_out is None):
            raise ValueError("a source says complete = true, or in leaves_out what it leaves out")
        if self.best_shown and self.complete:
            raise ValueError("best_shown is said of a source that leaves something out")
        if isinstance(self.best_shown, tuple):
            having = {name for table in self.table for name in table.measured}
            for name in self.best_shown:
                if name not in having:
                    raise ValueError(f"best_shown names {name!r}, of which no table is here")
        return self

    def shows_best_of(self, task: str) -> bool:
        """Whether nothing that is left out is better than what is shown of a task."""
        of = self.best_shown
        return bool(self.complete or (task in of if isinstance(of, tuple) else of))


def scale_of(name: str) -> Scale:
    """The scale of a score, by its metric and average.

    Raises:
        ValueError: no such metric is known.
    """
    try:
        return scale(name.rpartition("_")[0])
    except RequestError as error:
        raise ValueError(str(error)) from error


def scaled(published: float, unit: str, known: Scale) -> float:
    """A published value on the scale of this harness.

    Args:
        published: as printed.
        unit: as published, such as ``percent``.
        known: the scale of the metric.
    """
    # In decimal digits, so that 28.76 % is the 0.2876 that a reader expects.
    digits = _DIGITS.get((unit, known.unit), 0)
    return float(Decimal(repr(published)).scaleb(digits)) if digits else published
