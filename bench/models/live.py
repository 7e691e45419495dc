"""A `torch.nn.Module` of the caller's, in this process: what ``bench.run(model=module)`` evaluates.

The caller's object isn't touched: copies of it are evaluated and trained. Its entry names the
class of the object and the digest of its code and attributes; the weights have a digest of their
own. It exists in this process only, so a result of it can't be made again from its record.
"""

import copy
import hashlib
import inspect
import re
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from bench.base import weights
from bench.base.errors import RequestError, in_words
from bench.base.files import scratch, sha256_file
from bench.models import _structure, entries
from bench.models._feeding import seen
from bench.models._remarks import UNREAD
from bench.spec import floors
from bench.spec.contract import InputContract
from bench.spec.encoder import Encoder, Level, Seen
from bench.spec.entry import Entry
from bench.spec.task import Task, in_one_line

_DIGITS = 16
_WEIGHTS = "model.safetensors"
_INITIAL = "pretrained"
"""The argument that holds the digest of the weights that training begins with."""

_held: "weakref.WeakValueDictionary[str, torch.nn.Module]" = weakref.WeakValueDictionary()
"""The modules of callers by the beginning of the digest of their structure."""

_trained: dict[str, torch.nn.Module] = {}
"""Those that were trained: their entries can be evaluated for as long as the process lives."""


@contextmanager
def evaluated(
    module: torch.nn.Module,
    task: Task,
    contract: InputContract,
    name: str | None,
    training_data: Sequence[str],
    results: Path,
) -> Iterator[Entry]:
    """The entry of a module as it is, for as long as the block lasts.

    Args:
        module: of the caller's.
        task: that it is run on.
        contract: what it is fed.
        name: of the entry; that of its class by default.
        training_data: what it learnt from, as `bench.spec.entry.Declaration` says it.
        results: the results folder; a copy of the weights lies there meanwhile.

    Raises:
        RequestError: the module can't be copied or its weights can't be saved.
    """
    found, source = _entry(module, task, contract, name, training_data)
    results.mkdir(parents=True, exist_ok=True)
    with scratch(results, "module") as folder:
        weights.save_tensors(_tensors(source), folder / _WEIGHTS)
        model = found.model.model_copy(update={"weights": _WEIGHTS})
        yield found.model_copy(update={"folder": folder, "model": model, "recipe": {}})


def untrained(
    module: torch.nn.Module,
    task: Task,
    contract: InputContract,
    name: str | None,
    training_data: Sequence[str],
) -> Entry:
    """The entry of a module that is to be trained from the weights it has, by the task's recipes.

    Args:
        module: of the caller's; it is kept until the process ends.
        task: that it is trained for.
        contract: what it is fed.
        name: of the entry; that of its class by default.
        training_data: what it learnt from before.

    Raises:
        RequestError: it can't be copied, or none of its parameters asks for a gradient.
    """
    found, source = _entry(module, task, contract, name, training_data)
    if not any(parameter.requires_grad for parameter in source.parameters()):
        raise RequestError(
            f"{found.name} has nothing to learn: no parameter of it requires a gradient",
            "call requires_grad_() on what is to be trained, or bench.run the module as it is",
        )
    _trained[found.model.architecture] = source
    arguments = found.model.arguments | {_INITIAL: _weights_digest(source)}
    model = found.model.model_copy(update={"arguments": arguments})
    return found.model_copy(update={"model": model})


def encoder_of(
    module: torch.nn.Module,
    task: Task,
    contract: InputContract,
    name: str | None,
    training_data: Sequence[str],
) -> Encoder:
    """The encoder that a module is, with the weights that it has.

    Args:
        module: of the caller's, which must exist as long as the encoder is used. Where it has a
            method ``features(inputs, level)`` that is called, as `bench.models.encoders.Network`
            describes it; otherwise it returns features [N, F], or a map of them.
        task: that it is used on.
        contract: what it is fed.
        name: of the encoder; that of its class by default.
        training_data: what it learnt from.

    Raises:
        RequestError: its weights can't be read.
    """
    found, source = _entry(module, task, contract, name, training_data)
    given = next((one for one in task.inputs if task.input(one) == contract), "own")
    return Encoder(
        name=f"live:{found.name}",
        architecture=found.model.architecture,
        arguments=found.model.arguments | {_INITIAL: _weights_digest(source)},
        given=given,
        input=contract,
        normalisation="checkpoint" if given == "own" else "task",
        bands=seen(contract, task),
        pretraining=tuple(training_data),
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> torch.nn.Module:
    """A copy of the module that gives its features.

    Raises:
        RequestError: as `build`.
    """
    return _Featuring(build(rest, arguments, contract, 0))


class _Featuring(torch.nn.Module):
    """A module of the caller's as an encoder."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def features(self, inputs: Any, level: Level) -> torch.Tensor:
        """Its own features, or what it returns: a map is averaged where one vector is wanted."""
        own = getattr(self.module, "features", None)
        if callable(own) and not isinstance(own, torch.nn.Module):
            found: torch.Tensor = own(inputs, level)
            return found
        given: torch.Tensor = self.module(inputs)
        pooled = level == "pooled" and isinstance(given, torch.Tensor) and given.ndim == 4
        return given.flatten(2).mean(dim=2) if pooled else given


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> torch.nn.Module:
    """A copy of the module on the CPU, with the weights that it has.

    Raises:
        RequestError: it isn't in this process, or was changed since its entry was made.
    """
    name, _, digest = rest.partition("@")
    module = _held.get(digest)
    if module is None:
        raise RequestError(
            f"live:{name} was an object of the Python process that made this entry, and isn't in "
            "this one",
            "give the module itself: bench.run(task=..., model=module)",
        )
    # What can't be read has another digest each time.
    readable = not arguments.get(UNREAD)
    changed = readable and _structure.structure(module)[0][:_DIGITS] != digest
    initial = arguments.get(_INITIAL)
    if changed or initial not in (None, _weights_digest(module)):
        raise RequestError(
            f"{name} was changed after its entry was made", "give the module itself once more"
        )
    return _copied(module)


def _entry(
    module: torch.nn.Module,
    task: Task,
    contract: InputContract,
    name: str | None,
    training_data: Sequence[str],
) -> tuple[Entry, torch.nn.Module]:
    """The entry of a module without weights and recipe, and the module that it is about."""
    module = _unwrapped(module)
    named = re.sub(r"[^A-Za-z0-9_.-]", "", type(module).__qualname__).strip("._-")[-64:]
    title = named.rpartition(".")[2] or "module"
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", name, re.A):
        raise RequestError(
            f"the name {name!r:.100} can't be that of an entry",
            "use up to 96 letters, digits, dots, hyphens and underscores",
        )
    floors.check_name(name or title)
    _tensors(module)
    digest, unread = _structure.structure(module)
    digest = digest[:_DIGITS]
    _held[digest] = module
    arguments = {UNREAD: ", ".join(sorted(set(unread))[:5])[:500]} if unread else {}
    raw = {
        "name": name or title,
        "title": title,
        "task": task.name,
        "task_digest": task.digest,
        "training_data": list(training_data),
        "source": _source(module),
        "input": contract,
        "model": {"architecture": f"live:{named or 'module'}@{digest}", "arguments": arguments},
        "recipe": entries.recipes(task),
    }
    try:
        return Entry.model_validate(raw), module
    except ValidationError as error:
        raise RequestError(f"{title} can't be an entry: {in_one_line(error)}") from error


def _unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """The module inside what compiles it or spreads it over devices."""
    while True:
        if isinstance(module, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), torch.nn.Module):
            module = inner
        else:
            return module


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(module).cpu()
    # Copying is up to the classes of the caller's attributes.
    except Exception as error:
        raise RequestError(
            f"{type(module).__name__} can't be copied: {in_words(error)}",
            "keep in its attributes only what copy.deepcopy takes: detach tensors, close files",
        ) from error


def _tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state of a module.

    Raises:
        RequestError: something in it isn't a tensor with finite values.
    """
    state = module.state_dict()
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            raise RequestError(
                f"{name} in the state_dict of {type(module).__name__} is {type(tensor).__name__}, "
                "expected a tensor",
                "keep what isn't a tensor in plain attributes",
            )
        if torch.nn.parameter.is_lazy(tensor):
            raise RequestError(
                f"{name} of {type(module).__name__} has no values yet", "call the module once"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise RequestError(
                f"{name} of {type(module).__name__} holds NaN or infinity",
                "the training diverged: use an earlier checkpoint",
            )
    return state


def _weights_digest(module: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(_tensors(module).items()):
        digest.update(f"{name}\n".encode())
        _structure.add_tensor(digest, tensor)
    return digest.hexdigest()


def _source(module: torch.nn.Module) -> str:
    """Where the code of a module's class is from, with the hash of its file where there is one."""
    cls = type(module)
    named = f"{cls.__module__}.{cls.__qualname__}"[:300]
    try:
        file = inspect.getsourcefile(cls)
    except (TypeError, OSError):
        file = None
    if file is None or not Path(file).is_file():
        return f"{named}, from no file"
    return f"{named}, file with SHA-256 {sha256_file(Path(file))}"
