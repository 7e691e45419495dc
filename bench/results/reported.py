"""Numbers of publications, each with its source: ``reported/*.toml``.

A file is one source, a ``[[table]]`` one table of it, in the shape it was published in: a row for
each model, a column for each combination of task, metric and class. These numbers were made under
protocols of their own. They are shown beside the results of this harness, never ranked with them.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bench.base import bounded_toml
from bench.base import text as texts
from bench.base.errors import RequestError
from bench.base.paths import shipped
from bench.data import listing
from bench.metrics.scales import Scale, scale
from bench.spec.task import Name, in_one_line

Words = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Metric = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}_[a-z0-9]{1,32}$")]


class Table(BaseModel):
    """One table of a publication.

    Attributes:
        where: its number, or the section.
        tasks, metrics, labels: the columns are their combinations, the last one changing fastest;
            ``metrics`` maps names of this harness to the published unit, ``labels`` are classes.
        split: what was scored.
        inputs: what the models were fed.
        setting: what the publication varies beside the model: a fold, a scenario, training data.
        seeds: trainings behind each value, where it is stated.
        differs: how the protocol differs from that of the task.
        doubt: what is uncertain about the numbers.
        values, std: a row for each model, as published; the standard deviation over seeds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: Words
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    split: Words
    inputs: Words
    setting: str = ""
    metrics: Annotated[dict[Metric, str], Field(min_length=1)]
    labels: Annotated[tuple[Words, ...], Field(min_length=1)] | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None
    differs: str = ""
    doubt: str = ""
    values: Annotated[dict[Words, tuple[FiniteFloat, ...]], Field(min_length=1)]
    std: dict[Words, tuple[FiniteFloat, ...]] = {}

    def columns(self) -> list[tuple[str, str, str]]:
        """Task, metric and class of each column."""
        return list(itertools.product(self.tasks, self.metrics, self.labels or [""]))

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for names in (self.tasks, self.labels or ()):
            if len(set(names)) < len(names):
                raise ValueError("two columns of a table are the same")
        for name, unit in self.metrics.items():
            native = _known(name).unit
            if unit != native and (unit, native) != ("percent", "fraction"):
                raise ValueError(f"{name} is given in {unit!r}, expected {native!r}")
            if name.endswith("_classes") != (self.labels is not None):
                raise ValueError(f"{name}: a metric of classes has labels, and no other")
        # Before the combinations are made: a few names each are billions of them.
        count = len(self.tasks) * len(self.metrics) * len(self.labels or [""])
        for entry, row in (*self.values.items(), *self.std.items()):
            if len(row) != count:
                raise ValueError(f"{entry!r:.100} has {len(row)} values, expected {count}")
        columns = self.columns()
        if not self.std.keys() <= self.values.keys():
            raise ValueError("a standard deviation has no value beside it")
        for entry, values in self.values.items():
            for (_, name, _), published in zip(columns, values, strict=True):
                known = _known(name)
                if not known.low <= _scaled(published, self.metrics[name]) <= known.high:
                    raise ValueError(f"{entry!r}: {name} can't be {published:g}")
        return self


class Source(BaseModel):
    """One publication, model card or repository.

    Attributes:
        title, authors, year: the short citation.
        arxiv, doi, url: where it is; the URL leads to it, the others name it for good.
        licence: of what the numbers were taken from, where it is stated.
        trust: always ``reported``: nobody here computed these numbers.
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
    table: Annotated[tuple[Table, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Number:
    """One published number, as the database holds it.

    Attributes:
        source: the file's name without its ending.
        title, authors, year, arxiv, doi, url: of the source.
        task, entry, inputs, setting, metric, average, label, split: what was measured.
        value, std: on the scale of this harness.
        unit: of these two.
        published, published_unit: as printed.
        seeds: trainings behind it.
        higher_is_better: the direction.
        place: the table or section.
        trust: ``reported``.
        differs, doubt: how the protocol differs, what is uncertain.
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

    A figure needs a source, a metric known here, a split and a trust level; it is finite, within
    the range of its metric, and stands there once.
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
            value=_scaled(published, unit),
            std=None if std is None else _scaled(std, unit),
            unit=known.unit,
            published=published,
            published_unit=unit,
            seeds=table.seeds,
            higher_is_better=known.higher_is_better,
            place=table.where,
            trust=source.trust,
            differs=table.differs,
            doubt=table.doubt,
        )


def _known(name: str) -> Scale:
    try:
        return scale(name.rpartition("_")[0])
    except RequestError as error:
        raise ValueError(str(error)) from error


def _scaled(published: float, unit: str) -> float:
    # In decimal digits, so that 28.76 % is the 0.2876 that a reader expects.
    return float(Decimal(repr(published)).scaleb(-2)) if unit == "percent" else published
