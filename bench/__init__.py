"""rs-bench: one benchmark harness for remote-sensing machine learning.

Importing this package imports nothing else; each name is imported when it is first used.

>>> import bench
>>> bench.load_task("reben-mlc").primary
'ap_macro'
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from bench.base.version import __version__

# As type checkers know it by its name; importing `typing` takes longer than all the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bench.api import PrimaryScore as PrimaryScore
    from bench.api import Run as Run
    from bench.api import build as build
    from bench.api import compare as compare
    from bench.api import curves as curves
    from bench.api import leaderboard as leaderboard
    from bench.api import load_run as load_run
    from bench.api import load_task as load_task
    from bench.api import plot as plot
    from bench.api import query as query
    from bench.api import results as results
    from bench.api import run as run
    from bench.api import score as score
    from bench.api import tasks as tasks
    from bench.api import train as train
    from bench.base.errors import BenchError as BenchError
    from bench.base.errors import RequestError as RequestError
    from bench.report.comparison import Comparison as Comparison
    from bench.spec.contract import InputContract as InputContract
    from bench.spec.entry import Entry as Entry

_HOMES = {
    "BenchError": "bench.base.errors",
    "RequestError": "bench.base.errors",
    "InputContract": "bench.spec.contract",
    "Entry": "bench.spec.entry",
    "Comparison": "bench.report.comparison",
    "PrimaryScore": "bench.api",
    "Run": "bench.api",
    "build": "bench.api",
    "compare": "bench.api",
    "curves": "bench.api",
    "leaderboard": "bench.api",
    "load_run": "bench.api",
    "load_task": "bench.api",
    "query": "bench.api",
    "run": "bench.api",
    "score": "bench.api",
    "tasks": "bench.api",
}
"""Where each name is defined."""

_MODULES = {"plot": "bench.api.plot"}
"""Modules of the API, by the name they have here."""

_PACKAGES = ("results", "train")
"""Functions of the API that have the name of a package: the package itself can be called."""

__all__ = ["__version__", *_HOMES, *_MODULES, *_PACKAGES]  # noqa: PLE0604  these are strings


class _CallablePackage(ModuleType):
    """A package that can be called as the function of the API with its name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        function = getattr(importlib.import_module("bench.api"), self.__name__.rpartition(".")[2])
        return function(*arguments, **options)


class _Bench(ModuleType):
    """This package: it looks names up when they are used."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system sets a package as an attribute of the one it lies in.
        if name in _PACKAGES and type(value) is ModuleType:
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in _PACKAGES:
            from bench.base import process_state

            # Lightning, which training needs, draws random numbers when it is imported.
            with process_state.restored(computes=False):
                return importlib.import_module(f"bench.{name}")
        if name in _MODULES:
            return importlib.import_module(_MODULES[name])
        if name not in _HOMES:
            raise AttributeError(f"module 'bench' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOMES[name]), name)
        super().__setattr__(name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Bench
