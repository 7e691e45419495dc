"""Kinds: families of tasks. One module each, found by its name.

A kind fixes what a model must be able to do, what is observed of one sample, and how observations
become scores. Its module offers what `Kind` describes; nothing else in the harness knows of it.
"""

import importlib
import pkgutil
from typing import Any

from pydantic import ValidationError

from bench.base.errors import RequestError, unknown
from bench.kinds.common.protocol import Kind
from bench.spec.task import Task, in_one_line


def names() -> list[str]:
    """The names of all kinds."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name != "common")


def kind_of(task: Task) -> Kind:
    """The kind of a task; imports its module.

    Raises:
        RequestError: there is no such kind, or the task's settings aren't the kind's.
    """
    if task.kind not in names():
        raise unknown("kind", task.kind, names(), f"task {task.name} asks for it")
    kind: Any = importlib.import_module(f"bench.kinds.{task.kind}")
    try:
        kind.Settings.model_validate(task.settings)
    except ValidationError as error:
        raise RequestError(f"task {task.name} has bad settings: {in_one_line(error)}") from error
    return kind  # type: ignore[no-any-return]
