"""Models: from a name or a folder to an entry, and from an entry to something that computes.

A source is a module of this room, but for those that find and run entries. One that can stand
before the colon of ``--model SOURCE:REST`` offers ``entry(rest, task) -> Entry`` (or ``Predicted``
or ``Embedded``); one that can stand before the colon of an entry's ``architecture`` offers
``build(rest, arguments, contract, outputs) -> torch.nn.Module``, and perhaps
``advice(rest) -> str``: what to do where an architecture doesn't take an input. The source of a
plug-in may offer ``remarks(rest, arguments, contract) -> list[str]``, what users of a result must
know; those of the sources here stand in `bench.models._remarks`, which needs no torch.
Nobody lists the sources; the module of a plug-in's is what its entry point names.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data, kinds
from bench.base import paths, plugins
from bench.base.errors import BenchError, RequestError, in_words, unknown
from bench.models import _remarks, entries
from bench.spec import floors
from bench.spec.contract import InputContract
from bench.spec.embedded import AnyEntry
from bench.spec.entry import Entry, Model
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


_NO_SOURCES = (
    *("encoders", "entries", "extraction", "features", "heads", "methods", "released", "running"),
)
"""Modules of this room that are none."""


def own() -> list[str]:
    """The names of the sources that the harness has itself."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name[0] != "_" and name not in _NO_SOURCES)


def sources() -> list[str]:
    """The names of all sources."""
    return sorted([*own(), *plugins.offered("sources", own())])


def find(name: str, task: Task) -> AnyEntry:
    """The entry that ``--model`` names: a baseline, ``SOURCE:REST``, or the path of a folder.

    Raises:
        RequestError: there is no such model, or it has the name of a floor and is none.
    """
    name = absolute(name)
    source, colon, rest = name.partition(":")
    if colon and _is_source(source):
        return _no_floor(module_of(source, "entry", name).entry(rest, task))
    if Path(name).is_dir():
        return _no_floor(entries.load(Path(name), task))
    if source.endswith(".py"):
        factory = rest.partition(":")[0] or "FACTORY"
        raise RequestError(
            f"{name} is code, not an entry",
            f"write --model python:{Path(source).stem}:{factory} --allow-python, from its folder",
        )
    if colon:
        raise unknown("model source", source, sources(), f"in --model {name}")
    if "/" in name:
        raise RequestError(
            f"no entry folder at {name}", "for a model on the Hub write hf:OWNER/NAME"
        )
    return entries.baseline(name, task)


def absolute(name: str) -> str:
    """What ``--model`` names, its path absolute where it holds one."""
    source, colon, rest = name.partition(":")
    if colon and source in ("embeddings", "predictions"):
        return f"{source}:{paths.absolute(rest)}"
    if colon and _is_source(source):
        return name
    folder = paths.absolute(name)
    return str(folder) if folder.is_dir() else name


def build(entry: Entry, outputs: int) -> "torch.nn.Module":
    """The architecture of an entry, with random weights or those that its training begins with.

    Its attribute ``trained`` is that of the entry, for kinds that observe what training cost.

    Args:
        entry: whose architecture is built, for the channels and the size of its contract.
        outputs: the number of output channels.

    Raises:
        RequestError: the architecture is unknown or can't be built with these arguments.
    """
    if entry.encoder is not None:
        from bench.models import adapted

        return adapted.network(entry, outputs)
    source, _, rest = entry.model.architecture.partition(":")
    module = module_of(source, "build", entry.model.architecture)
    arguments = dict(entry.model.arguments)
    if entry.weights is not None:
        arguments.pop("pretrained", None)
    try:
        model = module.build(rest, arguments, entry.input, outputs)
    except BenchError:
        raise
    # Architectures are other people's code, and fail on sizes and arguments as they happen to.
    except Exception as error:
        raise RequestError(
            f"{entry.model.architecture} can't be built for {len(entry.input.bands)} channels of "
            f"{entry.input.size or 'any'} px with {arguments!r:.200}: {in_words(error)}",
            (not isinstance(error, TypeError) and advice(entry))
            or "do the arguments belong to this architecture?",
        ) from error
    # A module of the user's may have an attribute of this name.
    if not hasattr(model, "trained"):
        model.trained = entry.trained
    return model  # type: ignore[no-any-return]


def advice(entry: Entry) -> str:
    """What to do where an architecture doesn't take the input of an entry; empty if unknown."""
    source, _, rest = entry.model.architecture.partition(":")
    module = module_of(source, "build", entry.model.architecture)
    return module.advice(rest) if hasattr(module, "advice") else ""


def remarks(model: Model, contract: InputContract) -> list[str]:
    """What users of a result must know of an architecture on such inputs, in words."""
    source, _, rest = model.architecture.partition(":")
    if source in own():
        said = getattr(_remarks, source, None)
    else:
        said = getattr(module_of(source, "build", model.architecture), "remarks", None)
    return said(rest, model.arguments, contract) if said else []


def plugins_of(task: Task, model: AnyEntry) -> dict[str, str]:
    """The distributions whose plug-ins a run of a model on a task uses, with their versions.

    Raises:
        RequestError: two plug-ins have one name.
    """
    asked = [("datasets", task.dataset, [*data.own()]), ("kinds", task.kind, kinds.own())]
    if isinstance(model, Entry):
        made = [model.model.architecture, model.encoder.architecture if model.encoder else ""]
        asked += [("sources", one.partition(":")[0], own()) for one in made if one]
    found = [plugins.find(*one) for one in asked if one[1] not in one[2]]
    return {plugin.distribution: plugin.version for plugin in found if plugin}


def _no_floor(found: AnyEntry) -> AnyEntry:
    floors.check_name(found.name)
    return found


def _is_source(name: str) -> bool:
    return name in own() or name in plugins.offered("sources", own())


def offers(name: str, ability: str) -> bool:
    """Whether a source of the harness, or of a plug-in that can be imported, has a function."""
    if name in own():
        return hasattr(importlib.import_module(f"bench.models.{name}"), ability)
    plugin = plugins.find("sources", name, own())
    return plugin is not None and hasattr(plugins.load(plugin), ability)


def module_of(name: str, ability: str, asked: str) -> Any:
    """The module of a source that has a function.

    Args:
        name: of the source.
        ability: the function.
        asked: what named the source, for an error.

    Raises:
        RequestError: there is no such source, or it hasn't that function.
    """
    if name in own():
        module = importlib.import_module(f"bench.models.{name}")
        if hasattr(module, ability):
            return module
    elif (plugin := plugins.find("sources", name, own())) is not None:
        module = plugins.load(plugin)
        if hasattr(module, ability):
            return module
        raise RequestError(f"{plugin} has no function {ability}, in {asked}")
    able = [s for s in own() if hasattr(importlib.import_module(f"bench.models.{s}"), ability)]
    able += plugins.offered("sources", own())
    raise unknown("model source", name, able, f"in {asked}")
