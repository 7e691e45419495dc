"""The part of retrieval whose two sides are a composite and the bands of the same place.

Task and loss are those of A. Zavras et al., Mind the modality gap: Towards a remote sensing
vision-language model via cross-modal alignment, ISPRS Journal 2025, arXiv:2402.09816.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, RequestError
from bench.data import Dataset
from bench.kinds.common.batch import Batch, images
from bench.kinds.common.towers import class_vectors, embedded, frozen_logits, vectors
from bench.spec.contract import InputPipeline
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

_RGB = ("R", "G", "B")
_PROMPTS = "rs-transclip"
_SHARE_OF_LABELS = 0.05


class Labelled(Dataset, Protocol):
    """A dataset that knows which classes occur in a sample."""

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


def load(task: Task, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
    """Composites and bands float32 [N, 3 + bands, size, size], classes float32 [N, classes].

    Raises:
        RequestError: the contract isn't of a composite and of bands behind it.
    """
    import torch

    bands = pipeline.contract.bands
    if bands[:3] != _RGB or len(bands) == len(_RGB):
        raise RequestError(
            f"task {task.name} asks for a composite R, G, B and for bands behind it, the contract "
            f"has {', '.join(bands[:20])}",
            f"its own input is {task.inputs[0]}: `bench info {task.name}`",
        )
    shown = torch.from_numpy(dataset.multilabels(samples).astype(np.float32))
    return Batch(samples, {"images": images(dataset, pipeline, samples)}, shown)


def observed(model: torch.nn.Module, batch: Batch) -> dict[str, Any]:
    """The embeddings of composites as ``image`` and of bands as ``texts``.

    Raises:
        BenchError: the model embeds one of them only, or not to vectors of one space.
    """
    if not hasattr(model, "encode_composite"):
        raise BenchError(
            "the model has no encode_composite, so it can't embed the same place twice",
            "run one that embeds composites and bands; `bench info` says what it must offer",
        )
    given = batch.inputs["images"]
    pictures = embedded(model, "encode_composite", given, batch.samples, "composite")
    bands = embedded(model, "encode_image", given, batch.samples, "bands of")
    if pictures.shape[1] != bands.shape[1]:
        raise BenchError(
            f"the model gives composites embeddings of {pictures.shape[1]} numbers and bands of "
            f"{bands.shape[1]}, first for {batch.samples[0]}",
            "both must be of one space",
        )
    return {"image": list(pictures), "texts": list(bands)}


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """MSE(bands, composites) + 0.05 x BCE(classifier(bands), labels), the published loss.

    The first is the mean over both axes of embeddings of any norm, those of composites given; the
    second that of `bench.kinds.common.towers.frozen_logits` under the prompts of RS-TransCLIP.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

    given = batch.inputs["images"]
    with torch.no_grad():
        wanted = vectors(model, "encode_composite", given, batch.samples, "composite")
    found = vectors(model, "encode_image", given, batch.samples, "bands of")
    head = class_vectors(model, _PROMPTS, tuple(task.classes))
    of_labels = binary_cross_entropy_with_logits(frozen_logits(model, found, head), batch.targets)
    return mse_loss(found, wanted) + _SHARE_OF_LABELS * of_labels
