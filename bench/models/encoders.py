"""Encoders: from ``SOURCE:NAME`` to a network with its weights that gives features.

A source (see `bench.models`) that offers encoders has two more functions and, where a file of
weights has names of its own, a third:

    checkpoint(rest: str) -> Checkpoint
        What there is to know of ``SOURCE:rest`` before anything is loaded or fetched.
    encoder(rest: str, arguments: Mapping[str, Scalar], contract: InputContract,
            channels: Mapping[str, str], bands: Mapping[str, Seen]) -> torch.nn.Module
        The network with random weights, as `Network` describes it.
    tensors(file: Path) -> Mapping[str, torch.Tensor]
        What a file of weights holds, under the names that the network's ``state_dict`` has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench import models
from bench.base.errors import BenchError, RequestError, in_words
from bench.base.files import sha256_file
from bench.base.weights import read
from bench.models import _converted as converted
from bench.models._checkpoint import Checkpoint
from bench.models._converted import Pickled
from bench.models._feeding import fed, seen
from bench.spec.encoder import Encoder, Level, Normalisation, Weights
from bench.spec.entry import Entry
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch


__all__ = [
    "Checkpoint",
    "Network",
    "Pickled",
    "convert",
    "find",
    "find_file",
    "network",
    "published",
]


class Network(Protocol):
    """What a source builds: a `torch.nn.Module` with this method."""

    def features(self, inputs: Any, level: Level) -> torch.Tensor:
        """Features of a batch.

        Args:
            inputs: images float32 [N, channels, height, width]; of an encoder of series a mapping
                of their names to (pixels float32 [N, dates, channels, height, width], days int64
                [N, dates, 2]), padded dates having days of -1.
            level: ``pooled`` or ``map``.

        Returns:
            float32 [N, F], or [N, F, rows, columns] of a grid over the image.
        """
        ...


ENTRY = "entry"
"""What stands before the colon of the name of an encoder that is a trained entry."""


def find(
    name: str,
    task: Task,
    *,
    given: str | None = None,
    normalisation: Normalisation = "checkpoint",
    dense: bool = False,
) -> Encoder:
    """The encoder that ``--model`` names, as it is fed on a task; fetches its weights.

    Args:
        name: ``SOURCE:NAME``.
        task: whose data it is fed.
        given: the input of the task whose bands it gets; by default the one of which it
            sees most bands; the first for an encoder of any bands.
        normalisation: ``task`` for the task's statistics even where the checkpoint has its own.
        dense: whether places in images count, which then keep their size in its contract.

    Raises:
        RequestError: there is no such encoder, or the task has nothing to feed it with.
        BenchError: its weights can't be fetched, or aren't the published ones.
    """
    source, colon, rest = name.partition(":")
    if not colon:
        raise RequestError(
            f"{name} names no encoder", f"write SOURCE:NAME, with SOURCE one of {_offering()}"
        )
    module = models.module_of(source, "checkpoint", name)
    stated: Checkpoint = module.checkpoint(rest)
    others = [one for one in task.declaration["inputs"] if one not in task.inputs]
    inputs = [given] if given else [*task.inputs, *others]
    refused: list[RequestError] = []
    possible: list[Encoder] = []
    for one in inputs:
        try:
            possible.append(fed(name, stated, task, one, normalisation, dense=dense))
        except RequestError as error:
            refused.append(error)
    if not possible:
        raise refused[0]
    found = possible[0]
    if stated.channels:
        own = [one for one in possible if one.given in task.inputs] or possible
        found = max(own, key=lambda one: (len(one.input.bands), -len(one.unseen)))
    return found.model_copy(update={"weights": _weights(name, stated)})


def published(name: str) -> Mapping[str, torch.Tensor]:
    """The tensors of the weights that ``SOURCE:NAME`` stands for, named as in its network.

    Raises:
        RequestError: there is no such encoder, or its weights are random.
        BenchError: its weights can't be fetched or weren't converted, or aren't the published ones.
    """
    source, colon, rest = name.partition(":")
    if not colon:
        raise RequestError(
            f"{name} names no encoder", f"write SOURCE:NAME, with SOURCE one of {_offering()}"
        )
    module = models.module_of(source, "checkpoint", name)
    found = _weights(name, module.checkpoint(rest))
    if found is None or found.file is None:
        raise RequestError(f"{name} has random weights", "name weights, as in SOURCE:NAME@WEIGHTS")
    renamed = getattr(module, "tensors", None)
    stored: Mapping[str, torch.Tensor] = renamed(found.file) if renamed else read(found.file)
    return stored


def convert(name: str, file: Path | None) -> Path:
    """Make the weights of an encoder of those that were published as a pickle.

    Args:
        name: ``SOURCE:NAME``.
        file: the pickle; None to fetch it from the Hugging Face Hub.

    Returns:
        The safetensors file, in the folder of converted weights.

    Raises:
        RequestError: there is no such encoder, or its weights aren't pickled.
        BenchError: the file is another one, or holds more than tensors.
    """
    source, _, rest = name.partition(":")
    stated: Checkpoint = models.module_of(source, "checkpoint", name).checkpoint(rest)
    if stated.pickled is None:
        raise RequestError(f"{name} has no pickled weights", "it needs no conversion: bench run")
    made = converted.convert(stated.pickled, name, file)
    if stated.sha256 and (found := sha256_file(made)) != stated.sha256:
        made.unlink()
        raise BenchError(f"{name}: made a file of SHA-256 {found[:16]}", "get the published one")
    return made


def of_entry(entry: Entry, task: Task) -> Encoder:
    """The encoder inside an entry that was trained before, on the input that it was trained with.

    Raises:
        RequestError: the entry has no weights, or its architecture gives no features.
        BenchError: its file of weights is missing.
    """
    source = entry.model.architecture.partition(":")[0]
    if not models.offers(source, "encoder"):
        raise RequestError(
            f"entry {entry.name} is of {source}, which gives no features",
            f"sources that do: {_offering()}",
        )
    if entry.weights is None:
        raise RequestError(
            f"entry {entry.name} has no weights yet",
            f"bench train --task {entry.task} --model {entry.name}, then name the folder that it "
            "leaves; or name the architecture, such as timm:resnet18, for random weights",
        )
    learnt = [f"{entry.trained.task}, {entry.trained.track} track"] if entry.trained else []
    return Encoder(
        name=f"{ENTRY}:{entry.name}",
        architecture=entry.model.architecture,
        arguments={k: v for k, v in entry.model.arguments.items() if k != "pretrained"},
        given=next((one for one in task.inputs if task.input(one) == entry.input), "own"),
        input=entry.input,
        normalisation="checkpoint",
        bands=seen(entry.input, task),
        weights=Weights(
            source=entry.source or f"entry {entry.name}",
            sha256=entry.weights_sha256(),
            file=entry.weights,
            prefix=entry.model.weights_prefix,
        ),
        pretraining=(*entry.training_data, *learnt),
        licence=entry.licence,
        url=entry.url,
    )


def network(encoder: Encoder, *, drawn: bool = False) -> torch.nn.Module:
    """The network of an encoder with its weights, in evaluation mode, on the processor.

    Args:
        encoder: its declaration.
        drawn: take random weights from torch's generator as it is; otherwise they are those of
            seed 0, and the generator stays as it is.

    Raises:
        RequestError: it can't be built for its contract.
        BenchError: its weights are missing, were changed, or don't fit.
    """
    import torch

    import bench.base.torch_setup  # noqa: F401

    if drawn:
        made = built(encoder)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made = built(encoder)
    if encoder.weights is not None:
        _fill(made, encoder)
    return made.eval()


def _offering() -> str:
    return ", ".join(name for name in models.sources() if models.offers(name, "checkpoint"))


def _weights(name: str, stated: Checkpoint) -> Weights | None:
    if stated.pickled is not None:
        file, source = converted.find(stated.pickled, name)
    elif stated.fetch is not None:
        file, source = stated.fetch()
    else:
        return None
    found = sha256_file(file)
    if stated.sha256 and found != stated.sha256:
        raise BenchError(
            f"the weights of {name} ({source}) have SHA-256 {found[:16]}, expected "
            f"{stated.sha256[:16]}",
            "another file has taken their place: get the published one",
        )
    return Weights(source=source, sha256=found, file=file)


def built(encoder: Encoder) -> torch.nn.Module:
    """The network of an encoder without its weights.

    Raises:
        RequestError: it can't be built for its contract.
    """
    source, _, rest = encoder.architecture.partition(":")
    module = models.module_of(source, "encoder", encoder.name)
    contract = encoder.input
    if encoder.side is not None:
        contract = contract.model_copy(update={"size": encoder.side})
    try:
        made: torch.nn.Module = module.encoder(
            rest, encoder.arguments, contract, encoder.channels, encoder.bands
        )
    except BenchError:
        raise
    # Architectures are other people's code, and fail on sizes and arguments as they happen to.
    except Exception as error:
        raise RequestError(
            f"{encoder.name} can't be built for {len(contract.bands)} channels of "
            f"{contract.size or 'any'} px: {in_words(error)}",
            "choose another input of the task (--input NAME) or another encoder",
        ) from error
    return made


def _fill(made: torch.nn.Module, encoder: Encoder) -> None:
    """Copy the weights of an encoder into its network.

    Raises:
        BenchError: the file is missing or another one, or its tensors aren't those of the network.
    """
    import torch

    assert encoder.weights is not None
    file = encoder.weights.file
    if file is None:
        file = find_file(encoder)
    module = models.module_of(encoder.architecture.partition(":")[0], "encoder", encoder.name)
    renamed = getattr(module, "tensors", None)
    stored: Mapping[str, torch.Tensor]
    if encoder.weights.prefix:
        stored = _without_prefix(file, encoder.weights.prefix, renamed)
    else:
        stored = renamed(file) if renamed else read(file)
    wanted = made.state_dict()
    missing, extra = sorted(set(wanted) - set(stored)), sorted(set(stored) - set(wanted))
    shapes = [
        key
        for key in wanted
        if key in stored and tuple(stored[key].shape) != tuple(wanted[key].shape)
    ]
    if missing or extra or shapes:
        faults = [
            f"{len(keys)} {what} (first {keys[0]:.100})"
            for what, keys in (
                ("missing", missing),
                ("that the network lacks", extra),
                ("of another shape", shapes),
            )
            if keys
        ]
        raise BenchError(
            f"the weights of {encoder.name} at {file} don't fit its network: tensors "
            + ", ".join(faults),
            "they belong to another architecture or version",
        )
    for key, target in wanted.items():
        if stored[key].is_floating_point() and not bool(torch.isfinite(stored[key]).all()):
            raise BenchError(f"{file}: tensor {key:.100} holds NaN or infinity", "get it again")
        with torch.no_grad():
            target.copy_(stored[key])


def find_file(encoder: Encoder) -> Path:
    """The file of weights of an encoder that was declared elsewhere, fetched if need be.

    Raises:
        BenchError: it can't be fetched, or is another one than was declared.
    """
    assert encoder.weights is not None
    source, _, rest = encoder.name.partition(":")
    if source == ENTRY:
        raise BenchError(
            f"the weights of encoder {rest} are those of an entry, {encoder.weights.source}",
            "name that entry by --model, and the method by --method",
        )
    stated: Checkpoint = models.module_of(source, "checkpoint", encoder.name).checkpoint(rest)
    found = _weights(encoder.name, stated)
    if found is None or found.file is None or found.sha256 != encoder.weights.sha256:
        raise BenchError(
            f"{encoder.name} has other weights by now than those of {encoder.weights.source}",
            "name the revision that was used",
        )
    return found.file


def _without_prefix(
    file: Path, prefix: str, renamed: Callable[[Path], Mapping[str, torch.Tensor]] | None
) -> Mapping[str, torch.Tensor]:
    """The tensors of a file whose names begin with a prefix, as if they didn't."""
    from bench.base.weights import save_tensors

    plain = {
        name.removeprefix(prefix): tensor
        for name, tensor in read(file).items()
        if name.startswith(prefix)
    }
    if renamed is None:
        return plain
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.safetensors"
        save_tensors(plain, copy)
        return renamed(copy)
