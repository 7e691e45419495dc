"""Kinds: families of tasks. A module or package each, found by its name.

A kind defines what a model must be able to do, what is observed of one sample, and how observations
become scores: see `bench.kinds.common.kind.Kind`. Nothing else in the harness knows of any of them.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from bench.base.errors import unknown

if TYPE_CHECKING:
    from bench.kinds.common.kind import Kind
    from bench.spec.task import Task


def names() -> list[str]:
    """The names of all kinds."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name != "common")


@functools.cache
def find(name: str) -> type[Kind[Any, Any]]:
    """The class of a kind by name; imports its module.

    Raises:
        RequestError: there is no such kind.
    """
    if name not in names():
        raise unknown("kind", name, names())
    module = importlib.import_module(f"bench.kinds.{name}")
    found: type[Kind[Any, Any]] = getattr(module, name.title().replace("_", ""))
    return found


def of(task: Task) -> Kind[Any, Any]:
    """The kind of a task, bound to it; imports the module of the kind.

    Raises:
        RequestError: there is no such kind, or the task's settings aren't the kind's.
    """
    if task.kind not in names():
        raise unknown("kind", task.kind, names(), f"task {task.name} asks for it")
    return find(task.kind)(task)
