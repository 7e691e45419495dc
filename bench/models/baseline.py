"""Architectures that ship with the harness: ``baseline:MODULE.CLASS`` under ``baselines``.

They are loaded as parts of a package that exists only in memory, from a checkout and from a wheel
alike, so that no package of the user's can take their place.
"""

import importlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any

import torch

from bench.base.errors import RequestError, unknown
from bench.base.paths import shipped
from bench.spec.contract import InputContract

_PACKAGE = "bench_baselines"


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> torch.nn.Module:
    """``CLASS(in_channels=..., outputs=..., size=..., **arguments)`` with random weights.

    Raises:
        RequestError: there is no such module or class, or it doesn't take these arguments.
    """
    module_name, _, class_name = rest.rpartition(".")
    if module_name not in _modules():
        known = (f"{module}.CLASS" for module in _modules())
        raise unknown("baseline architecture", rest, known, "written as MODULE.CLASS")
    module = _load(module_name)
    classes = {
        name: found
        for name, found in vars(module).items()
        if inspect.isclass(found)
        and issubclass(found, torch.nn.Module)
        and found.__module__ == module.__name__
    }
    if class_name not in classes:
        raise unknown(f"architecture in {module_name}", class_name, classes)
    given = {"in_channels": len(contract.bands), "outputs": outputs, "size": contract.size}
    try:
        call = inspect.signature(classes[class_name]).bind(**given, **arguments)
    except TypeError as error:
        raise RequestError(
            f"baseline:{rest} doesn't take the arguments {dict(arguments)}: {error}",
            f"its signature is {class_name}{inspect.signature(classes[class_name])}",
        ) from error
    try:
        return classes[class_name](*call.args, **call.kwargs)
    except ValueError as error:
        raise RequestError(f"baseline:{rest} can't be built: {error}") from error


def _modules() -> list[str]:
    root = shipped("baselines")
    names = (path.relative_to(root).with_suffix("").parts for path in sorted(root.rglob("*.py")))
    return [".".join(parts) for parts in names if all(part.isidentifier() for part in parts)]


def _load(name: str) -> types.ModuleType:
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(shipped("baselines"))]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")
