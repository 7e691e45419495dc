"""Numbers of publications, each with its source: ``reported/*.toml``.

A file is one source, a ``[[table]]`` one table of it, in the shape it was published in: a row for
each model, a column for each combination of task, metric and class. These numbers were made under
protocols of their own. They are shown beside the results of this harness, never ranked with them.

A table belongs to tasks that exist, or to experiments that are no task here and are ``related`` to
some: those are shown on the pages of these tasks as related, and are never the best of them.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bench.base import bounded_toml
from bench.base import text as texts
from bench.base.errors import RequestError, unknown
from bench.base.paths import shipped
from bench.data import listing
from bench.metrics.scales import Scale, scale
from bench.spec import task as tasks
from bench.spec.task import Name, in_one_line

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
            native = _known(name).unit
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
                known = _known(name)
                if not known.low <= _scaled(published, self.metrics[name], known) <= known.high:
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


@dataclass(frozen=True)
class Number:
    """One published number, as the database holds it.

    Attributes:
        source: the file's name without its ending.
        title, authors, year, arxiv, doi, url: of the source.
        task, entry, inputs, setting, metric, average, label, split: what was measured; ``task`` is
            the name of an experiment where that is no task here.
        related, why: the tasks to which such an experiment is related, and why it is none of them.
        value, std: on the scale of this harness.
        unit: of these two.
        published, published_unit: as printed.
        seeds: trainings behind it.
        higher_is_better: the direction.
        place: the table or section.
        trust: ``reported``.
        differs, doubt: how the protocol differs, empty where it is known not to; what is uncertain.
        leaves_out: what the source has besides, and why it isn't shown.
        best_shown: whether none of that is better than what is shown of this task.
    """

    source: str
    title: str
    authors: str
    year: int | None
    arxiv: str
    doi: str
    url: str
    task: str
    entry: str
    inputs: str
    setting: str
    metric: str
    average: str
    label: str
    split: str
    value: float
    std: float | None
    unit: str
    published: float
    published_unit: str
    seeds: int | None
    higher_is_better: bool
    place: str
    trust: str
    differs: str
    doubt: str
    related: tuple[str, ...]
    why: str
    leaves_out: str
    best_shown: bool

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two numbers the same figure."""
        return (
            self.source,
            self.task,
            self.entry,
            self.inputs,
            self.setting,
            self.metric,
            self.average,
            self.label,
            self.split,
        )


def files(results: Path | None = None) -> list[Path]:
    """The files that ship with the harness, then those of a results folder."""
    folders = [shipped("results/reported")]
    if results is not None and (own := results / "reported").resolve() != folders[0].resolve():
        folders.append(own)
    there = (folder for folder in folders if folder.is_dir())
    return [path for folder in there for path in listing.files(folder, ".toml")]


def load(results: Path | None = None) -> tuple[list[Number], list[str]]:
    """Every published number, and why files were left out.

    Args:
        results: a results folder whose own ``reported/`` is read as well.
    """
    numbers: dict[tuple[str, ...], Number] = {}
    faults: list[str] = []
    sources: set[str] = set()
    for path in files(results):
        if path.stem in sources:
            faults.append(f"{path}: another source has this name")
            continue
        sources.add(path.stem)
        try:
            found = _numbers(path, _text(path))
            _require_tasks(path, found)
        except ValidationError as error:
            faults.append(f"{path}: {in_one_line(error)}")
            continue
        except RequestError as error:
            faults.append(str(error))
            continue
        for number in found:
            if number.key in numbers:
                named = f"{number.entry!r}, {number.metric}_{number.average} of {number.task}"
                faults.append(f"{path}: {named} stands there twice")
            numbers[number.key] = number
    return list(numbers.values()), faults


def check(results: Path | None = None) -> list[str]:
    """What is wrong with files of reported numbers, one line for each fault.

    A figure needs a task that exists or one that it is related to, a source that says what it
    leaves out, a metric known here, a split, an input, what differs and a trust level; it is
    finite, within the range of its metric, and stands there once.
    """
    return load(results)[1]


def digest(results: Path | None = None) -> str:
    """The SHA-256 of all files' names and contents."""
    found = hashlib.sha256()
    for path in files(results):
        try:
            text = _text(path)
        except RequestError as error:
            text = str(error)
        found.update(f"{path.stem} {len(text)}\n{text}".encode())
    return found.hexdigest()


def of_task(numbers: Iterable[Number], task: str) -> list[Number]:
    """The published numbers of a task; those that are only related to it aren't among them."""
    return [number for number in numbers if number.task == task and not number.related]


def related_to(numbers: Iterable[Number], task: str) -> list[Number]:
    """The published numbers of experiments that are related to a task."""
    return [number for number in numbers if task in number.related]


def _require_tasks(path: Path, found: Iterable[Number]) -> None:
    """Refuse numbers under names of tasks that don't exist, and tasks that are called none."""
    known = set(tasks.names())
    for number in found:
        for name in number.related or (number.task,):
            if name not in known:
                raise RequestError(
                    f"{path}: {number.place}: {unknown('task', name, known)}",
                    'an experiment that is no task stands under experiments, with related = "TASK" '
                    "and why",
                )
        if number.related and number.task in known:
            raise RequestError(
                f"{path}: {number.place}: {number.task!r} is a task, not an experiment that is "
                "related to one",
                "put it under tasks",
            )


def _text(path: Path) -> str:
    return texts.read(path, bounded_toml.MAX_BYTES, error=RequestError)


@lru_cache(maxsize=1024)
def _numbers(path: Path, text: str) -> tuple[Number, ...]:
    source = Source.model_validate(bounded_toml.parse(text, str(path)))
    return tuple(
        number
        for table in source.table
        for entry in table.values
        for number in _row(path.stem, source, table, entry)
    )


def _row(name: str, source: Source, table: Table, entry: str) -> Iterator[Number]:
    values = table.values[entry]
    spread = table.std.get(entry, (None,) * len(values))
    for (task, named, label), published, std in zip(table.columns(), values, spread, strict=True):
        metric, _, average = named.rpartition("_")
        unit, known = table.metrics[named], _known(named)
        yield Number(
            source=name,
            title=source.title,
            authors=source.authors,
            year=source.year,
            arxiv=source.arxiv,
            doi=source.doi,
            url=source.url,
            task=task,
            entry=entry,
            inputs=table.inputs,
            setting=table.setting,
            metric=metric,
            average=average,
            label=label,
            split=table.split,
            value=_scaled(published, unit, known),
            std=None if std is None else _scaled(std, unit, known),
            unit=known.unit,
            published=published,
            published_unit=unit,
            seeds=table.seeds,
            higher_is_better=known.higher_is_better,
            place=table.where,
            trust=source.trust,
            differs="" if table.differs in (None, NOTHING) else table.differs,
            doubt=table.doubt,
            related=table.related or (),
            why=table.why or "",
            leaves_out=source.leaves_out or "",
            best_shown=source.shows_best_of(task),
        )


def _known(name: str) -> Scale:
    try:
        return scale(name.rpartition("_")[0])
    except RequestError as error:
        raise ValueError(str(error)) from error


def _scaled(published: float, unit: str, known: Scale) -> float:
    # In decimal digits, so that 28.76 % is the 0.2876 that a reader expects.
    digits = _DIGITS.get((unit, known.unit), 0)
    return float(Decimal(repr(published)).scaleb(digits)) if digits else published
