"""Kinds: families of tasks. A module or package each, found by its name, or a class of a plug-in.

A kind defines what a model must be able to do, what is observed of one sample, and how observations
become scores: see `bench.kinds.common.kind.Kind`. Nothing else in the harness knows of any of them.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from bench.base import plugins
from bench.base.errors import BenchError, unknown

if TYPE_CHECKING:
    from bench.kinds.common.kind import Kind
    from bench.spec.task import Task


def own() -> list[str]:
    """The names of the kinds that the harness has itself."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name != "common")


def names() -> list[str]:
    """The names of all kinds."""
    return sorted([*own(), *plugins.offered("kinds", own())])


@functools.cache
def find(name: str, asked_by: str = "") -> type[Kind[Any, Any]]:
    """The class of a kind by name; imports its module.

    Args:
        name: of the kind.
        asked_by: who asks for it, in words, for the error.

    Raises:
        RequestError: there is no such kind, or two plug-ins have one of this name.
        BenchError: a plug-in can't be imported, or is no kind.
    """
    if name in own():
        module = importlib.import_module(f"bench.kinds.{name}")
        found: type[Kind[Any, Any]] = getattr(module, name.title().replace("_", ""))
        return found
    plugin = plugins.find("kinds", name, own())
    if plugin is None:
        raise unknown("kind", name, names(), asked_by)
    return _of_plugin(plugin)


def _of_plugin(plugin: plugins.Plugin) -> type[Kind[Any, Any]]:
    from bench.kinds.common.kind import Kind

    found = plugins.load(plugin)
    if not (isinstance(found, type) and issubclass(found, Kind)):
        raise BenchError(
            f"{plugin} names {plugin.value}, which is no class of kinds",
            "expected a subclass of bench.kinds.common.kind.Kind",
        )
    lacks = [*sorted(found.__abstractmethods__)]
    lacks += [name for name in ("interface", "Settings") if not hasattr(found, name)]
    if lacks:
        raise BenchError(f"{plugin} lacks {', '.join(lacks)}", "CONTRIBUTING.md says what for")
    return found


def of(task: Task) -> Kind[Any, Any]:
    """The kind of a task, bound to it; imports the module of the kind.

    Raises:
        RequestError: there is no such kind, or the task's settings aren't the kind's.
    """
    return find(task.kind, f"task {task.name} asks for it")(task)
