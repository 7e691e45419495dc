"""Small independent checks of a submission, found by the module and the name of their function.

Every public function of a module of this room, or of a module that a plug-in names, is a check:
``licence`` of ``declaration.py`` is ``declaration.licence``. It is called with a `Submission` and

- returns what it found, in words, if all is well,
- returns None if it has nothing to say of it,
- raises `bench.base.errors.BenchError` with the fault and how to mend it.

What another check reports already is asked of the submission's properties, which raise
`PreconditionError`; so a fault is reported once, and everything that doesn't depend on it is
checked nevertheless.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.base import bounded_toml, limits
from bench.base.errors import BenchError, RequestError, unknown
from bench.models import entries
from bench.models.embeddings import declared as embedded
from bench.models.predictions import entry as predicted
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.embedded import AnyEntry, Embedded
from bench.spec.entry import MAX_DECLARATION, Entry, Predicted
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

ARCHITECTURES = frozenset({"baseline", "open_clip", "rounds", "timm"})
"""Where an architecture may come from: code that is installed with the harness.

``rounds`` is made of those of ``baseline`` and ``timm``, and refuses others itself.
"""


_MEMORY = 32 << 30
"""What building a network may take, in bytes of address space."""


class PreconditionError(Exception):
    """What a check builds on is at fault; another check says so."""


def _required(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except BenchError as error:
        raise PreconditionError from error


@dataclass(frozen=True)
class Submission:
    """What is checked: a folder with ``entry.toml``, or a file of predictions alone.

    Attributes:
        path: of the folder or the Parquet file.
        asked: the task it is checked for; None for the one that it names.
        dry_run: whether models are run on a few samples of the sample track, which is simulated
            first where it isn't there yet.
    """

    path: Path
    asked: Task | None
    dry_run: bool

    @property
    def alone(self) -> bool:
        """Whether it is a file of predictions alone."""
        return not self.path.is_dir()

    def read(self) -> dict[str, Any]:
        """What ``entry.toml`` holds.

        Raises:
            BenchError: it is missing or no TOML.
        """
        if isinstance(self._read, BenchError):
            raise self._read
        return self._read

    @cached_property
    def _read(self) -> dict[str, Any] | BenchError:
        path = self.path / "entry.toml"
        if not path.is_file():
            return BenchError(f"{self.path} holds no entry.toml", "`bench init` writes one")
        try:
            return bounded_toml.read(path, MAX_DECLARATION)
        except BenchError as error:
            return error

    @cached_property
    def raw(self) -> dict[str, Any]:
        """What ``entry.toml`` holds."""
        return _required(self.read)

    def find_task(self) -> Task:
        """The task it is for: one that ships, if nobody asked for another.

        Raises:
            BenchError: it is unknown, or not the one asked for.
        """
        named = None if self.alone else self.raw.get("task")
        several = [] if self.alone else self.raw.get("tasks", [])
        if not self.alone and "embeddings" in self.raw and isinstance(several, list):
            # Embeddings may be for several tasks, or for any.
            fits = self.asked is not None and (not several or self.asked.name in several)
            named = named or (self.asked.name if self.asked and fits else next(iter(several), None))
        if self.asked is None:
            if not isinstance(named, str) or named not in tasks.names():
                raise unknown("task", str(named)[:100], tasks.names(), "entry.toml asks for it")
            return tasks.load(named)
        if not self.alone and named != self.asked.name:
            raise RequestError(
                f"it is for task {str(named)!r:.100}, not {self.asked.name}",
                f'write task = "{self.asked.name}", or check it with --task of its own',
            )
        return self.asked

    @cached_property
    def task(self) -> Task:
        """The task it is for."""
        return _required(self.find_task)

    def find_contract(self) -> InputContract:
        """What a model wants to be fed.

        Raises:
            BenchError: it isn't complete, or the task's dataset has no such input.
        """
        given = self.raw.get("input")
        if given is None:
            raise BenchError(
                "entry.toml declares no input", f'add input = "{self.task.inputs[0]}", or a table'
            )
        if isinstance(given, str):
            return self.task.input(given)
        return entries.validated(InputContract, given, self.path / "entry.toml")

    @cached_property
    def contract(self) -> InputContract:
        """What a model wants to be fed."""
        return _required(self.find_contract)

    def declare(self) -> AnyEntry:
        """The whole declaration; another input stands for one that is at fault.

        Raises:
            BenchError: a field is missing, unknown or malformed.
        """
        if self.alone:
            return predicted(str(self.path), self.task)
        path = self.path / "entry.toml"
        if "predictions" in self.raw:
            return entries.validated(Predicted, self.raw | {"folder": self.path}, path)
        if "embeddings" in self.raw:
            return embedded(self.raw, path)
        try:
            contract = self.contract
        except PreconditionError:
            contract = self.task.input(self.task.inputs[0])
        whole = self.raw | {"input": contract.model_dump(), "folder": self.path}
        return entries.validated(Entry, whole, path)

    @cached_property
    def model(self) -> Entry | None:
        """The entry, if it brings a model."""
        found = _required(self.declare)
        return found if isinstance(found, Entry) else None

    @cached_property
    def predicted(self) -> Predicted | None:
        """The entry, if it brings predictions."""
        found = _required(self.declare)
        return found if isinstance(found, Predicted) else None

    @cached_property
    def embedded(self) -> Embedded | None:
        """The entry, if it brings embeddings."""
        found = _required(self.declare)
        return found if isinstance(found, Embedded) else None

    def build(self) -> "torch.nn.Module | None":
        """The network of a model with random weights, built once; None without a model.

        Raises:
            BenchError: it can't be built.
            PreconditionError: its architecture isn't one of `ARCHITECTURES`, or it has no weights.
        """
        if isinstance(self._built, BenchError):
            raise self._built
        return self._built

    @cached_property
    def _built(self) -> "torch.nn.Module | BenchError | None":
        from bench import kinds, models

        entry = self.model
        if entry is None:
            return None
        if entry.model.architecture.partition(":")[0] not in ARCHITECTURES:
            raise PreconditionError
        if entry.model.learns and (entry.weights is None or not entry.weights.is_file()):
            # Without weights of its own a model may ask for others, which would be fetched.
            raise PreconditionError
        # The network of another input would be blamed on its weights.
        entry = entry.model_copy(update={"input": self.contract})
        outputs = kinds.of(self.task).outputs()
        try:
            with limits.memory(_MEMORY):
                return models.build(entry, outputs)
        except BenchError as error:
            return error

    @cached_property
    def network(self) -> "torch.nn.Module | None":
        """The network of a model with random weights; None without a model."""
        return _required(self.build)
