"""Publications: the rows of a paper that run here, what of it doesn't, and its claims.

One TOML file each in ``tasks/papers``.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from bench.base import bounded_toml
from bench.base.errors import RequestError, unknown
from bench.base.paths import absolute, shipped
from bench.spec.suite import Row, Suite
from bench.spec.task import Name, in_one_line

_Text = Annotated[str, Field(min_length=1, max_length=600)]
_Model = Annotated[str, Field(min_length=1, max_length=300)]


class Beside(BaseModel):
    """The published value that stands beside a row.

    Attributes:
        task, model: the row.
        source: name of a file of ``results/reported``.
        entry, setting: the row and the setting there, as they are written.
        inputs: what the published model was fed, where the source has several.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Name
    model: _Model
    source: Name
    entry: _Text
    setting: str = ""
    inputs: str = ""


class Absent(BaseModel):
    """What a paper has and this harness hasn't.

    Attributes:
        what: the rows, data or experiment.
        why: it isn't there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: _Text
    why: _Text


class Claim(BaseModel):
    """A sentence of a paper that results can contradict.

    Either some models are better than others, or scores are on one side of a number.

    Attributes:
        says: the claim, in words of this harness.
        where: it stands in the publication.
        task: whose primary metric decides.
        better, than: each of the former is better than each of the latter, as the metric counts.
        by: at least so much; below 0 for not worse by more than that.
        models: whose score is on one side.
        above, below: of this number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: _Text
    where: _Text
    task: Name
    better: tuple[_Model, ...] = ()
    than: tuple[_Model, ...] = ()
    by: FiniteFloat = 0.0
    models: tuple[_Model, ...] = ()
    above: FiniteFloat | None = None
    below: FiniteFloat | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        compares = bool(self.better and self.than)
        bounds = (self.above is None) + (self.below is None)
        if bool(self.better) != bool(self.than) or compares == bool(self.models):
            raise ValueError("a claim has better and than, or models")
        if bounds != (2 if compares else 1):
            raise ValueError("a claim about models has either above or below, another none")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """All models of the claim."""
        return (*self.better, *self.than, *self.models)


class Paper(BaseModel):
    """One publication.

    Attributes:
        name: that of its file.
        title, authors, year, arxiv, url: where it is.
        about: what its main experiment asks.
        rows: what is run: models that stand for themselves, and the tasks of each row.
        beside: published values of these rows.
        absent: what isn't run, and why.
        claims: what the results are held against.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: _Text
    authors: _Text
    year: Annotated[int, Field(ge=1990, le=2100)]
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")]
    url: Annotated[str, Field(pattern=r"^https://[^\s\"'<>]+$", max_length=500)]
    about: _Text
    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=1000)]
    beside: tuple[Beside, ...] = ()
    absent: tuple[Absent, ...] = ()
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _names_its_rows(self) -> Self:
        known = self.planned
        for row in self.rows:
            if not row.tasks:
                raise ValueError(f"the row of {', '.join(row.models)} names no task")
            if row.methods or row.labels or row.trained:
                raise ValueError("a row of a paper has neither methods, labels nor trained")
        for one in self.beside:
            if (one.task, one.model) not in known:
                raise ValueError(f"{one.model} on {one.task} has a value beside it and is no row")
        for claim in self.claims:
            for model in claim.named:
                if (claim.task, model) not in known:
                    raise ValueError(f"a claim names {model} on {claim.task}, which is no row")
        return self

    @property
    def planned(self) -> tuple[tuple[str, str], ...]:
        """Task and model of each row, in order."""
        pairs = ((task, model) for row in self.rows for task in row.tasks for model in row.models)
        return tuple(dict.fromkeys(pairs))

    @property
    def suite(self) -> Suite:
        """Its rows, to be run."""
        tasks = tuple(dict.fromkeys(task for task, _ in self.planned))
        return Suite(name=self.name, title=self.title, tasks=tasks, rows=self.rows)


def names() -> list[str]:
    """The names of the publications."""
    return sorted(path.stem for path in (shipped("tasks") / "papers").glob("*.toml"))


def load(name: str) -> Paper:
    """A publication by name, or by the path of a TOML file.

    Raises:
        RequestError: there is none, or its file is malformed.
    """
    if name.endswith(".toml"):
        path = Path(absolute(name))
        if not path.is_file():
            raise RequestError(f"there is no paper at {path}", f"papers: {', '.join(names())}")
    elif name in names():
        path = shipped("tasks") / "papers" / f"{name}.toml"
    else:
        raise unknown("paper", name, names())
    try:
        return Paper.model_validate(bounded_toml.read(path))
    except ValidationError as error:
        raise RequestError(f"{path} is no paper: {in_one_line(error)}") from error
