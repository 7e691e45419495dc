"""A task: what is asked, declared in one TOML file, and the digest of its meaning."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench import data
from bench.base import bounded_toml, extras
from bench.base.errors import RequestError, unknown
from bench.base.files import sha256_json
from bench.base.paths import absolute
from bench.data import Checked
from bench.spec import declared
from bench.spec.contract import Band, InputContract

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Division = Literal["closed", "open"]


_FAULTS = 20
"""How many faults of a declaration are named."""

_ROLES = {"training": "train", "validation": "validation"}


class Split(BaseModel):
    """The official size of a split and the SHA-256 of its sorted sample ids, a line each.

    Either is None where its publishers don't say, so that a run can't be checked for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1)] | None = None
    ids_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class Fold(BaseModel):
    """What one more fold of a task has of its own; all else it shares with the first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    split: Name
    training: Name
    validation: Name
    splits: dict[Name, Split]
    digests: dict[str, str]


class Task(BaseModel):
    """The declaration of a task.

    Attributes:
        name, version: what it is called; a version never changes its meaning.
        kind: the family: a module of `bench.kinds`.
        title, about, protocol, superseded_by: words; they don't enter the digest, nor do
            ``baselines``, ``folds_of``, ``extra`` and ``groups``.
        dataset: a dataset of `bench.data`, whose classes, bands and statistics the task uses.
        split: the split that is scored.
        baselines: the task whose baselines and recipes this one shares, beside any of its own.
        folds_of: the task that is the first of several ways to part the same data, of which this is
            another one; the scores of an entry on all of them are averaged.
        training, validation: the splits that are learnt from and that choose between epochs.
        splits: the official splits.
        inputs: named contracts of the dataset that belong to the closed division; the first is
            what a model gets that asks for nothing.
        primary: the metric that ranks, ``<metric>_<average>``.
        settings: what the kind needs to know to score, validated by the kind.
        groups: attributes of samples, such as ``country``, whose worst group is shown in addition
            to what is scored, which it doesn't change.
        extra: the extra of rs-bench whose packages its models or scores need; none where empty.
        digests: the digest of every version so far, the present one included.
        folds: further folds by number: ``[folds.2]`` of the task NAME is the task ``NAME-fold2``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    version: Annotated[int, Field(ge=1)]
    kind: Name
    title: str
    about: str
    protocol: str
    superseded_by: str = ""
    baselines: Name | Literal[""] = ""
    folds_of: Name | Literal[""] = ""
    dataset: Name
    split: Name
    training: Name = _ROLES["training"]
    validation: Name = _ROLES["validation"]
    splits: dict[Name, Split]
    inputs: Annotated[tuple[str, ...], Field(min_length=1)]
    primary: str
    settings: dict[str, Any] = {}
    groups: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], ...] = ()
    extra: extras.Extra | Literal[""] = ""
    digests: dict[str, str]
    folds: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]?$")], Fold] = {}

    @model_validator(mode="after")
    def _split_is_declared(self) -> Self:
        for split in (self.split, self.training, self.validation):
            if split not in self.splits:
                raise ValueError(f"split {split!r} is not among {sorted(self.splits)}")
        return self

    @cached_property
    def declaration(self) -> Mapping[str, Any]:
        """The declaration of the task's dataset."""
        return data.declaration(self.dataset)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the outputs."""
        return list(self.declaration["classes"])

    @property
    def bands(self) -> dict[str, Band]:
        """The bands of the dataset."""
        return {name: Band(**band) for name, band in self.declaration["bands"].items()}

    def published(self, split: str) -> Split:
        """What is published of a split: by the task itself, and else by its dataset's declaration.

        The latter isn't part of the digest; see `bench.data.published`.
        """
        own, known = self.splits[split], data.published(self.dataset).get(split, {})
        return Split(
            size=own.size or known.get("size"),
            ids_sha256=own.ids_sha256 or known.get("ids_sha256"),
        )

    def checked(self, split: str) -> Checked:
        """What a copy of a split is held to."""
        return data.checked(self.dataset, split, self.splits[split].model_dump())

    def input(self, name: str) -> InputContract:
        """A named contract of the dataset, complete with units and statistics.

        What an input declares comes before what the dataset's preprocessing says of all of them.

        Raises:
            RequestError: the dataset declares no such input.
        """
        declared = self.declaration["inputs"]
        if name not in declared:
            raise unknown("input", name, declared)
        common = self.declaration["preprocessing"] | declared[name]
        bands, statistics = common["bands"], common.get("statistics")
        if common.get("constants") == "files":
            statistics = None
        known = self.declaration["statistics"][statistics] if statistics else {}
        moments = [known[band] if statistics else (0.0, 1.0) for band in bands]
        own = self.bands
        sensors = {own[band].sensor: own[band].unit for band in bands}
        return InputContract(
            bands=tuple(bands),
            units={sensor: common.get("unit", unit) for sensor, unit in sensors.items()},
            size=common.get("size"),
            resampling=common["resampling"],
            fit=common.get("fit", "stretch"),
            constants=common.get("constants", "declared"),
            mean=tuple(mean for mean, _ in moments),
            std=tuple(std for _, std in moments),
            statistics=f"{self.dataset}/{statistics}" if statistics else "",
        )

    def division(self, contract: InputContract) -> Division:
        """``closed`` if the contract is one of the task's own, else ``open``."""
        return "closed" if contract in map(self.input, self.inputs) else "open"

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything that changes scores."""
        return sha256_json(
            {
                "kind": self.kind,
                "dataset": self.dataset,
                "classes": self.classes,
                "split": self.split,
                "splits": {name: split.model_dump() for name, split in self.splits.items()},
                "inputs": [self.input(name).model_dump(mode="json") for name in self.inputs],
                "primary": self.primary,
                "settings": self.settings,
                **self._uncommon,
            }
        )

    @property
    def _uncommon(self) -> dict[str, str]:
        """What most tasks leave as it is, and so isn't in their digests."""
        roles = {"training": self.training, "validation": self.validation}
        return {role: split for role, split in roles.items() if split != _ROLES[role]}


def names() -> list[str]:
    """The names of all tasks: those that ship with the harness and those of plug-ins."""
    return list(declared.tasks())


def find(name: str) -> Path:
    """The file of a task by name, or a path to a TOML file of the user's.

    A fold stands in the file of its task.

    Raises:
        RequestError: there is none of this name, or two plug-ins have one.
    """
    if name.endswith(".toml"):
        path = declared.file_of(absolute(name))
        if path.is_file():
            return path
    found = declared.file_of_task(name)
    if found is None:
        raise unknown("task", name, names())
    return found


def load(name: str) -> Task:
    """Load a task by name or path.

    Raises:
        RequestError: it doesn't exist, is malformed, or changed its meaning without a new version.
    """
    path = find(name)
    raw = bounded_toml.read(path)
    try:
        task = Task.model_validate(raw)
        if number := _fold(name, path):
            if number not in task.folds:
                raise unknown("fold", number, task.folds, f"is declared in {path}")
            task = Task.model_validate(declared.with_folds(raw)[f"{task.name}-fold{number}"])
    except ValidationError as error:
        raise RequestError(f"{path} is no task: {in_one_line(error)}") from error
    stated = task.digests.get(str(task.version))
    if stated != task.digest:
        table = f"[folds.{number}.digests]" if number else "[digests]"
        raise RequestError(
            f"{path} declares digest {stated} for version {task.version}, "
            f"but its meaning has digest {task.digest}",
            f'raise the version and add {task.version + 1} = "{task.digest}" to {table}'
            if stated
            else f'add {task.version} = "{task.digest}" to {table}',
        )
    return task


def _fold(name: str, path: Path) -> str:
    """The number of the fold that a name or path asks for; empty for the first."""
    asked = Path(name).stem if name.endswith(".toml") else name
    return asked.removeprefix(path.stem).removeprefix("-fold")


def named(name: str) -> Task:
    """A task by its name alone: what a stranger calls a task never opens another file.

    Raises:
        RequestError: there is none of this name.
    """
    if name not in names():
        raise unknown("task", name, names())
    return load(name)


def in_one_line(error: ValidationError) -> str:
    """The faults of a declaration, joined: where, what was expected, what was found."""
    faults = []
    found_all = error.errors(include_url=False)
    for fault in found_all[:_FAULTS]:
        where = ".".join(f"{part!s:.100}" for part in fault["loc"]) or "the whole"
        found = fault.get("input")
        shown = "" if isinstance(found, dict) or found is None else f", found {found!r:.80}"
        faults.append(f"{where}: {fault['msg']}{shown}")
    if len(found_all) > _FAULTS:
        faults.append(f"and {len(found_all) - _FAULTS} more")
    return "; ".join(faults)
