"""Batches of samples, and images read into them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data import Dataset
from bench.spec.contract import Band, InputContract, InputPipeline

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Batch:
    """Some samples, ready for a model.

    Inputs and targets are a tensor, a list with an item per sample, or a mapping of names to these.
    The first axis counts samples.

    Attributes:
        samples: their ids.
        inputs: what the model is called with, brought to its contract.
        targets: what the kind compares with.
    """

    samples: Sequence[str]
    inputs: Any
    targets: Any

    def tensors(self) -> "Iterator[torch.Tensor]":
        """Every tensor in it."""
        for value in (self.inputs, self.targets):
            for part in value.values() if isinstance(value, Mapping) else (value,):
                if not isinstance(part, list):
                    yield part

    def each(self, change: "Callable[[torch.Tensor], torch.Tensor]") -> "Batch":
        """The same samples with every tensor changed."""
        return Batch(
            self.samples,
            _each(self.inputs, change, lambda items: items),
            _each(self.targets, change, lambda items: items),
        )

    def pick(self, rows: Sequence[int]) -> "Batch":
        """Some of its samples."""
        import torch

        index = torch.as_tensor(rows)

        def tensor(values: "torch.Tensor") -> "torch.Tensor":
            return values[index]

        def items(values: list[Any]) -> list[Any]:
            return [values[row] for row in rows]

        return Batch(
            items(list(self.samples)),
            _each(self.inputs, tensor, items),
            _each(self.targets, tensor, items),
        )


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of equally shaped samples as one."""
    samples = [sample for batch in batches for sample in batch.samples]
    return Batch(
        samples,
        _joined([batch.inputs for batch in batches]),
        _joined([batch.targets for batch in batches]),
    )


def _each(value: Any, tensor: Callable[[Any], Any], items: Callable[[list[Any]], Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _each(part, tensor, items) for name, part in value.items()}
    return items(value) if isinstance(value, list) else tensor(value)


def _joined(values: Sequence[Any]) -> Any:
    import torch

    if isinstance(values[0], Mapping):
        return {name: _joined([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], list):
        return [item for value in values for item in value]
    return torch.cat(list(values))


FEATURES = "features"
"""The name of inputs that an encoder has seen already."""


class FeaturePipeline(InputPipeline):
    """Gives the features of samples in place of their pixels.

    Args:
        contract: what the encoder was fed.
        bands: what the dataset has.
        rows: looks the features of samples up, float32 [N, F] or [N, F, rows, columns].
    """

    def __init__(
        self,
        contract: InputContract,
        bands: Mapping[str, Band],
        rows: "Callable[[Sequence[str]], torch.Tensor]",
    ) -> None:
        super().__init__(contract, bands)
        self.rows = rows


def images(dataset: Dataset, pipeline: InputPipeline, samples: Sequence[str]) -> Any:
    """Samples read and brought to the contract, float32 [N, channels, height, width].

    Of a `FeaturePipeline` their features instead, under the name `FEATURES`.
    """
    import torch

    if isinstance(pipeline, FeaturePipeline):
        return {FEATURES: pipeline.rows(samples)}
    bands = pipeline.contract.bands
    first = dataset.read(samples[0], bands)
    pixels = np.empty((len(samples), *pipeline.shape(first)), np.float32)
    for index, (sample, out) in enumerate(zip(samples, pixels, strict=True)):
        pipeline.apply(dataset.read(sample, bands) if index else first, out)
    return torch.from_numpy(pixels)


def grid(inputs: Any) -> tuple[int, int]:
    """Rows and columns of images, or of the map of features in their place."""
    values = inputs[FEATURES] if isinstance(inputs, Mapping) else inputs
    return values.shape[-2], values.shape[-1]


def mirrors(count: int, draw: "torch.Generator") -> "torch.Tensor":
    """Which of so many samples to mirror horizontally and vertically, bool [2, count]."""
    import torch

    return torch.rand(2, count, generator=draw) < 0.5


def mirrored(images: "torch.Tensor", masks: "torch.Tensor") -> "torch.Tensor":
    """Images [N, ..., height, width], mirrored as `mirrors` chose."""
    import torch

    for chosen, axis in zip(masks.to(images.device), (-1, -2), strict=True):
        shape = (-1, *[1] * (images.ndim - 1))
        images = torch.where(chosen.view(shape), images.flip(axis), images)
    return images
