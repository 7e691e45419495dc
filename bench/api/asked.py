"""What callers give: names, paths and objects, as requests hold them."""

import operator
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard

from bench.api.result import Run
from bench.base.errors import RequestError

if TYPE_CHECKING:
    import torch

    from bench.spec.entry import Entry
    from bench.spec.task import Task

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and how much there is."""


def is_module(model: object) -> "TypeGuard[torch.nn.Module]":
    """Whether it is a module; imports no torch for that."""
    # Whoever has a module has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def model_of(model: Any) -> "str | Entry":
    """A name, a path or an entry.

    Raises:
        RequestError: it is none of these.
    """
    if isinstance(model, os.PathLike):
        # Of a path, a bare name is a folder here and not a baseline.
        return os.path.abspath(os.path.expanduser(text(model) or ""))  # noqa: PTH100, PTH111
    if isinstance(model, str):
        return model
    from bench.spec.entry import Entry

    if isinstance(model, Entry):
        return model
    hint = "give an instance of it" if isinstance(model, type) else "bench.tasks() lists tasks"
    raise RequestError(
        f"model is {model!r:.100}, expected a name, a path, a bench.Entry or a torch.nn.Module",
        hint,
    )


def name_of_task(task: "str | os.PathLike[str] | Task") -> str:
    """The name or the path of a task.

    Raises:
        RequestError: it is neither, or a task that was changed or read from a file.
    """
    if isinstance(task, str | os.PathLike):
        return text(task) or ""
    from bench.spec import task as tasks

    if not isinstance(task, tasks.Task):
        raise RequestError(
            f"task is {task!r:.100}, expected a name, a path or a task",
            "bench.tasks() lists the names",
        )
    if task.name not in tasks.names() or tasks.load(task.name) != task:
        raise RequestError(
            f"task {task.name} isn't the one that ships with rs-bench", "give the path of its file"
        )
    return task.name


def whole(name: str, value: Any) -> int:
    """An integer, also one of NumPy's.

    Raises:
        RequestError: it is something else.
    """
    try:
        return operator.index(value)
    except TypeError as error:
        raise RequestError(
            f"{name} is {value!r:.100}, expected an integer", "choose a whole number"
        ) from error


def name_of_run(run: str | os.PathLike[str] | Run) -> str:
    """The name of a run or an entry, or the folder of a run."""
    return str(run.folder) if isinstance(run, Run) else os.fspath(run)


def text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as text."""
    return None if path is None else os.fspath(path)
