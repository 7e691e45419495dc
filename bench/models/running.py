"""A model with its weights, on a device."""

import torch

from bench import models
from bench.base import weights
from bench.base.errors import BenchError
from bench.spec.entry import Entry


def place(device: str, rank: int) -> torch.device:
    """The device of a process: the one named, or the ``rank``-th of its kind."""
    named = torch.device(device)
    if named.type == "cuda" and named.index is None:
        return torch.device("cuda", rank)
    return named


def load_model(entry: Entry, outputs: int, device: torch.device) -> torch.nn.Module:
    """The model of an entry with its weights, in evaluation mode."""
    model = models.build(entry, outputs)
    if entry.weights is not None:
        weights.fill(model, entry.weights, entry.model.weights_prefix)
    elif entry.model.learns or any(True for _ in model.parameters()):
        raise BenchError(f"entry {entry.name} has no weights", "train it with `bench train`")
    return laid_out(model.eval().to(device))


def laid_out(model: torch.nn.Module) -> torch.nn.Module:
    """A model in the memory layout in which convolutions of images are up to twice as fast."""
    if any(parameter.ndim == 5 for parameter in model.parameters()):
        # Volumes have another such layout, and a model has one.
        return model
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
