"""How models of pictures and sentences are trained: InfoNCE, and pictures and captions drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from bench.kinds.common import photographic, sides
from bench.kinds.common.batch import Batch, mirrored, mirrors
from bench.kinds.common.photographic import Photographic
from bench.kinds.common.towers import vectors
from bench.spec.recipe import Recipe
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

_LARGEST_SCALE = 100.0


class Options(Photographic):
    """What a recipe may say of training: how pictures are changed, both dates of a pair alike.

    Attributes:
        mirror_words: where pictures are mirrored, words for sides are exchanged in their captions:
            `bench.kinds.common.sides`.
    """

    mirror_words: bool = False


def loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Symmetric InfoNCE (Radford et al. 2021) between pictures and the first caption of each.

    Pairs of a batch whose captions are the same aren't negatives of each other. Each process of
    a training on several devices contrasts its own part of a batch.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    texts = [own[0] for own in batch.inputs["texts"]]
    names, shown = batch.samples, batch.inputs["images"]
    left = normalize(vectors(model, "encode_image", shown, names, "picture"), dim=-1)
    right = normalize(vectors(model, "encode_text", texts, names, "a caption of"), dim=-1)
    learned = cast("torch.Tensor", model.logit_scale)
    scale = learned.exp().clamp(max=_LARGEST_SCALE)
    number = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    group = torch.tensor([number[text] for text in texts], device=left.device)
    alike = (group[:, None] == group) & ~torch.eye(len(texts), dtype=torch.bool, device=left.device)
    scores = (scale * left @ right.T).float().masked_fill(alike, -torch.inf)
    own = torch.arange(len(texts), device=left.device)
    return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2


def augmented(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """Pictures changed as a recipe says, with one drawn caption for each where there are any."""
    import torch

    options, inputs = Options.model_validate(recipe.options), dict(batch.inputs)
    masks = mirrors(len(batch.samples), draw) if recipe.flips else None
    if masks is not None:
        inputs["images"] = mirrored(inputs["images"], masks)
    if "texts" in inputs:
        drawn = torch.rand(len(batch.samples), generator=draw).tolist()
        texts = [
            own[int(place * len(own))] for own, place in zip(inputs["texts"], drawn, strict=True)
        ]
        if masks is not None and options.mirror_words:
            texts = list(map(sides.mirrored, texts, *masks.tolist()))
        inputs["texts"] = [[text] for text in texts]
    inputs["images"] = photographic.changed(options, task, inputs["images"], draw)
    return replace(batch, inputs=inputs)
