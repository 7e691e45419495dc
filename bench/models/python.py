"""Code of the user's own: ``python:MODULE:FACTORY``, only where the command line allows it.

``FACTORY(in_channels=..., outputs=..., size=..., **arguments)`` returns a `torch.nn.Module`. The
module is imported as Python would from the current folder, so it can do whatever the user can. It
runs only with ``--allow-python`` on the same command line, and only what ``--model`` names there:
an entry from elsewhere can't ask for it.
"""

import ast
import importlib
import inspect
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import RequestError, unknown
from bench.base.files import sha256_file, sha256_json
from bench.base.paths import PACKAGE
from bench.models import entries
from bench.spec.contract import InputContract
from bench.spec.entry import Entry
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

ALLOWED = "BENCH_ALLOWED_PYTHON"
"""The environment variable that tells the processes of one command what may run."""

SIGNATURE = "FACTORY(in_channels=..., outputs=..., size=..., **arguments) -> torch.nn.Module"
"""How a factory is called; ``size`` is None where images are fed as they are stored."""

_REQUEST = re.compile(r"(?P<name>[\w.]{1,120}:\w{1,100})(/(?P<input>[\w.-]{1,64}))?", re.A)
_DIGITS = 16


def allow(model: str) -> None:
    """Let this process, and those it starts, run the code that ``--model`` names.

    Raises:
        RequestError: it names none.
    """
    source, _, rest = model.partition(":")
    if source != "python":
        raise RequestError(
            f"--allow-python is for --model python:MODULE:FACTORY, not for {model:.100}",
            "leave it away, nothing else runs code from outside the harness; for an entry folder "
            f"whose architecture is such code set {ALLOWED}=MODULE:FACTORY instead",
        )
    os.environ[ALLOWED] = _asked(rest)["name"]


def entry(rest: str, task: Task) -> Entry:
    """The untrained entry for ``MODULE:FACTORY`` or ``MODULE:FACTORY/INPUT``.

    Part of its architecture's name is a hash of the module and of what it imports from beside it.

    Raises:
        RequestError: it isn't allowed, or there is no such module.
    """
    asked = _asked(rest)
    given = asked["input"] or task.inputs[0]
    _, digest = _imported(asked["name"])
    factory = asked["name"].partition(":")[2]
    return Entry.model_validate(
        {
            "name": f"python-{factory}-{given}",
            "title": factory,
            "task": task.name,
            "task_digest": task.digest,
            "input": task.input(given),
            "model": {"architecture": f"python:{asked['name']}@{digest}"},
            "recipe": entries.recipes(task),
        }
    )


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> "torch.nn.Module":
    """What the factory returns.

    Raises:
        RequestError: it isn't allowed, has changed since, or returns no module.
    """
    from torch import nn

    name, _, digest = rest.partition("@")
    module, found = _imported(name)
    if digest and digest != found:
        raise RequestError(
            f"python:{name} has another source ({found}) than this entry was made with ({digest})",
            "restore the file, or train it again",
        )
    factory = getattr(module, name.partition(":")[2], None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise unknown(f"function in {name.partition(':')[0]}", name.partition(":")[2], known)
    size = {"in_channels": len(contract.bands), "outputs": outputs, "size": contract.size}
    try:
        inspect.signature(factory).bind(**size, **arguments)
    except TypeError as error:
        raise RequestError(
            f"python:{name} can't be called: {error}", f"it is called as {SIGNATURE}"
        ) from error
    # Some builtins have no signature to look at.
    except ValueError:
        pass
    model = factory(**size, **arguments)
    if not isinstance(model, nn.Module):
        raise RequestError(
            f"python:{name} returned {type(model).__name__}, expected a torch.nn.Module",
            f"it is called as {SIGNATURE}",
        )
    return model


def _asked(rest: str) -> re.Match[str]:
    asked = _REQUEST.fullmatch(rest)
    if asked is None:
        raise RequestError(
            f"python:{rest:.100} names no code", "write python:MODULE:FACTORY or .../INPUT"
        )
    return asked


def _imported(name: str) -> tuple[Any, str]:
    """The module of ``MODULE:FACTORY``, and the beginning of the hash of its file."""
    if os.environ.get(ALLOWED) != name:
        raise RequestError(
            f"python:{name} is code from outside the harness",
            f"if it is your own: --model python:{name} --allow-python",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module_name = name.partition(":")[0]
    try:
        # A user's module may import timm, which fails beside a torchvision of another build.
        importlib.import_module("bench.base.torch_setup")
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RequestError(
            f"python:{name} can't be imported: {error}", f"looked in {here} and what is installed"
        ) from error
    if module.__file__ is None:
        raise RequestError(f"python:{name}: {module_name} is no file of Python")
    return module, digest_of_source(module_name, Path(module.__file__))


def digest_of_source(name: str, path: Path) -> str:
    """The beginning of the hash of a module's source and of that of what it imports from beside it.

    Beside it is the folder that holds the module, or the outermost package that it is part of.
    Import statements are followed, inside functions too, so that it doesn't depend on what was
    loaded already.
    """
    base = path.resolve().parent
    for _ in range(name.count(".") + (path.stem == "__init__")):
        base = base.parent
    found = {name: sha256_file(path)}
    waiting = [name]
    while waiting:
        for other in _imports(waiting.pop(), base):
            if other not in found and (file := _source(other, base)) is not None:
                found[other] = sha256_file(file)
                waiting.append(other)
    return (found[name] if len(found) == 1 else sha256_json(found))[:_DIGITS]


def _source(name: str, base: Path) -> Path | None:
    """The file of a module below a folder; None for the harness's own."""
    stem = base.joinpath(*name.split("."))
    for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
        if file.is_file() and not file.is_relative_to(PACKAGE):
            return file
    return None


def _imports(name: str, base: Path) -> set[str]:
    """The full names that a module's import statements mention, and those of their packages."""
    file = _source(name, base)
    if file is None:
        return set()
    package = name.split(".") if file.stem == "__init__" else name.split(".")[:-1]
    named = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            named |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    parts = [full.split(".") for full in named if full]
    return {".".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)}
