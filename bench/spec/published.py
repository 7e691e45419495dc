"""Checkpoints that others published: where they are, and what their networks are fed.

A file ``SOURCE.toml`` in ``baselines/published`` declares those of one source, a table
``[variants.NAME]`` each, over what they have in common. Adding a source adds a file. What is stated
here was read at the source that it names; a checkpoint itself is never part of this project.
"""

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench import data
from bench.base.errors import RequestError, unknown
from bench.base.files import sha256_json
from bench.spec import declared, keys
from bench.spec.contract import InputContract, InputPipeline, Resampling
from bench.spec.keys import KeyMap
from bench.spec.recipe import Scalar
from bench.spec.task import Task, in_one_line

_Words = Annotated[str, Field(max_length=500)]
_Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class File(BaseModel):
    """A file of a checkpoint.

    Attributes:
        name: of the file, as it is published.
        path: where it lies in the repository; its name where empty.
        sha256: that is published; empty where none is, and what was seen first is kept.
        size: in bytes, where it is published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,120}$")]
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{0,200}$")] = ""
    sha256: _Sha256 = ""
    size: Annotated[int, Field(ge=1)] | None = None


class Hub(BaseModel):
    """Where a checkpoint is on the Hugging Face Hub.

    Attributes:
        repository: OWNER/NAME.
        revision: the commit; empty where it couldn't be read, and the one seen first is kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", max_length=193)]
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""


class Statistics(BaseModel):
    """A file of statistics that comes with the dataset, by which a network was fed.

    Attributes:
        name: of the JSON file, which holds ``mean`` and ``std`` of each ``Fold_N``, as PASTIS has
            it.
        folds: those whose mean and std are averaged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,100}\.json$")]
    folds: Annotated[tuple[int, ...], Field(min_length=1)]


class Fed(BaseModel):
    """What a network is fed, as `bench.spec.contract.InputContract`, for whatever dataset has it.

    Attributes:
        bands: in order; of a task whose images are pairs of such, each date is fed so.
        unit: of all of them.
        size, resampling, fit, mean, std, statistics: as there.
        file: a file that mean and std are of, where they come with the dataset only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bands: Annotated[tuple[str, ...], Field(min_length=1)]
    unit: str
    size: int | None = None
    resampling: Resampling = "bilinear"
    fit: Annotated[str, Field(pattern="^(stretch|crop)$")] = "stretch"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    statistics: str = ""
    file: Statistics | None = None

    def contract(
        self, task: Task, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> InputContract:
        """The contract for a task.

        Raises:
            RequestError: the task lacks a band, or has it in a unit that can't be converted.
        """
        own, bands = task.bands, self.bands
        first = task.input(task.inputs[0]).bands
        if pair := tuple(f"{band}{date}" for date in (1, 2) for band in bands) == first:
            bands = first
        for band in bands:
            if band not in own:
                raise unknown("band", band, own, f"the network is fed {', '.join(self.bands)}")
        times = 2 if pair else 1
        made = InputContract(
            bands=bands,
            units={own[band].sensor: self.unit for band in bands},
            size=self.size,
            resampling=self.resampling,
            fit=self.fit,  # type: ignore[arg-type]
            mean=mean * times,
            std=std * times,
            statistics=self.statistics,
        )
        InputPipeline(made, own)
        return made


class Published(BaseModel):
    """A published checkpoint.

    Attributes:
        name: what ``--model published:NAME`` calls it.
        title, authors, licence, url, note, training_data: as in `bench.spec.entry.Declaration`;
            ``url`` is the page where the file is got.
        read: where what is declared here was read.
        same: another ``--model`` that is this checkpoint; all else is then as there.
        keys: the key map of its names; empty where they are those of the architecture.
        architecture, arguments: what computes; with a key map those of the map, and over its
            arguments these.
        files: one, or one for each network of an architecture that holds several.
        hub: where they are on the Hub.
        tasks, kinds: what it is run on: tasks by name, and all of a kind.
        given: the input of the task that it is fed with, by name; empty for ``input``.
        input: what it is fed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
    title: _Words
    authors: Annotated[list[Annotated[str, Field(max_length=200)]], Field(min_length=1)]
    licence: Annotated[str, Field(max_length=100)]
    url: _Words
    read: _Words
    note: Annotated[str, Field(max_length=2000)] = ""
    training_data: list[Annotated[str, Field(max_length=200)]] = []
    same: Annotated[str, Field(pattern=r"^(hf:[A-Za-z0-9_./@-]+)?$", max_length=300)] = ""
    keys: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,64}$")] = ""
    architecture: str = ""
    arguments: dict[str, Scalar] = {}
    files: Annotated[tuple[File, ...], Field(max_length=16)] = ()
    hub: Hub | None = None
    tasks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    given: str = ""
    input: Fed | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Published":
        if not (self.tasks or self.kinds):
            raise ValueError("neither tasks nor kinds say what it is run on")
        if self.same:
            return self
        if bool(self.keys) == bool(self.architecture):
            raise ValueError("one of keys and architecture says what computes")
        if not self.files:
            raise ValueError("no files are named")
        if bool(self.given) == bool(self.input):
            raise ValueError("one of given and input says what it is fed")
        return self

    @property
    def model(self) -> str:
        """As ``--model`` takes it."""
        return f"published:{self.name}"

    @cached_property
    def map(self) -> KeyMap | None:
        """Its key map.

        Raises:
            RequestError: there is none of this name, or it is malformed.
        """
        return keys.load(self.keys) if self.keys else None

    @property
    def built(self) -> tuple[str, dict[str, Scalar]]:
        """The architecture that it is run with, and its arguments."""
        if self.map is None:
            return self.architecture, self.arguments
        return self.map.architecture, {**self.map.arguments, **self.arguments}

    def meaning(self) -> str:
        """The SHA-256 of what makes weights of its files: another one, other weights."""
        return sha256_json(
            {
                "built": list(self.built),
                "map": self.map.digest() if self.map else "",
                "files": [file.name for file in self.files],
            }
        )

    def fits(self, name: str, kind: str) -> bool:
        """Whether it is run on a task of a name and a kind."""
        return name in self.tasks or kind in self.kinds

    def runs_on(self) -> list[str]:
        """The tasks that it is run on: of those that it fits, the ones that have its bands."""
        return [
            name
            for name, raw in declared.tasks().items()
            if self.fits(name, raw["kind"]) and self._feeds(raw["dataset"])
        ]

    def _feeds(self, dataset: str) -> bool:
        """Whether a dataset has the bands, or pairs of images of them."""
        known = data.declaration(dataset)["bands"]
        wanted = self.input.bands if self.input else ()
        return all(band in known or f"{band}1" in known for band in wanted)


def find(name: str) -> Published:
    """The published checkpoint of a name.

    Raises:
        RequestError: there is none, its file is malformed, or two plug-ins have it.
    """
    found = [one[1:] for one in declared.published() if one[0] == name]
    if not found:
        raise unknown("published checkpoint", name, names(), "`bench list --published` shows them")
    if len(found) > 1:
        raise RequestError(
            f"published checkpoint {name} is in {found[0][0]} and {found[1][0]}", "keep one of them"
        )
    ((_, path, raw),) = found
    try:
        return Published.model_validate({"name": name, **raw})
    except ValidationError as error:
        raise RequestError(f"{path}: {name} is no checkpoint: {in_one_line(error)}") from error


def names() -> list[str]:
    """The names of all published checkpoints; nothing is validated for that."""
    return sorted({name for name, *_ in declared.published()})
