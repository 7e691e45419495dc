"""Numbers of publications, each with its source: ``reported/*.toml``.

A file is one source, a ``[[table]]`` one table of it, in the shape it was published in: a row for
each model, a column for each combination of task, metric and class. These numbers were made under
protocols of their own. They are shown beside the results of this harness, never ranked with them.

A table belongs to tasks that exist, or to experiments that are no task here and are ``related`` to
some: those are shown on the pages of these tasks as related, and are never the best of them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from bench.base import bounded_toml
from bench.base import text as texts
from bench.base.errors import RequestError, unknown
from bench.base.paths import shipped
from bench.data import listing
from bench.results.publications import NOTHING, Source, Table, scale_of, scaled
from bench.spec import task as tasks
from bench.spec.task import in_one_line


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
        unit, known = table.metrics[named], scale_of(named)
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
            value=scaled(published, unit, known),
            std=None if std is None else scaled(std, unit, known),
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
