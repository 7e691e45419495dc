"""Suites: tasks that belong together, and models that are run on all of them by one command.

One TOML file each in ``tasks/suites``.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.base import bounded_toml
from bench.base.errors import RequestError, unknown
from bench.base.paths import absolute, shipped
from bench.spec.task import Name, in_one_line

_Text = Annotated[str, Field(min_length=1, max_length=300)]


class Row(BaseModel):
    """Models that are run alike.

    Attributes:
        models: as ``--model`` takes them.
        methods: as ``--method`` takes them; none for models that are run as they are.
        labels: as ``--labels`` takes them; none for all training samples.
        draws: how many subsets of each size.
        tasks: only these of the suite's; all by default.
        trained: the task whose baselines they are: each is trained for it once, and the trained
            entry is run on all of these tasks; empty for models of the tasks themselves.
        recipe: what differs from the recipe that each would be trained by, of one with steps.
        input: of the task, that encoders are fed; by default the first that each can take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=1000)]
    methods: Annotated[tuple[_Text, ...], Field(max_length=100)] = ()
    labels: Annotated[tuple[_Text, ...], Field(max_length=100)] = ()
    draws: Annotated[int, Field(ge=1, le=100)] = 1
    tasks: tuple[Name, ...] = ()
    trained: Name | Literal[""] = ""
    recipe: dict[str, Any] = {}
    input: str | None = None

    @model_validator(mode="after")
    def _trained_as_they_are(self) -> Self:
        if self.trained and (self.methods or self.labels):
            raise ValueError("what is trained once for a task has neither methods nor labels")
        return self


class Suite(BaseModel):
    """A suite.

    Attributes:
        name: that of its file.
        title, about: words.
        tasks: their names.
        rows: what is run by ``bench run --suite NAME`` without ``--model``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: _Text
    about: str = ""
    tasks: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]
    rows: tuple[Row, ...] = ()


def names() -> list[str]:
    """The names of the suites that ship with the harness."""
    return sorted(path.stem for path in (shipped("tasks") / "suites").glob("*.toml"))


def load(name: str) -> Suite:
    """A suite by name, or by the path of a TOML file.

    Raises:
        RequestError: there is none, or it is malformed.
    """
    if name.endswith(".toml"):
        path = Path(absolute(name))
        if not path.is_file():
            raise RequestError(f"there is no suite at {path}", f"suites: {', '.join(names())}")
    elif name in names():
        path = shipped("tasks") / "suites" / f"{name}.toml"
    else:
        raise unknown("suite", name, names())
    try:
        return Suite.model_validate(bounded_toml.read(path))
    except ValidationError as error:
        raise RequestError(f"{path} is no suite: {in_one_line(error)}") from error
