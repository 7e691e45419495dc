"""Models of two towers: pictures and sentences to vectors of one space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.kinds.common import returned
from bench.kinds.common.prompts import fill
from bench.metrics.zeroshot import class_embeddings

if TYPE_CHECKING:
    import torch

_SENTENCES_AT_ONCE = 256

_Named = tuple[str, tuple[str, ...]]
_classes: WeakKeyDictionary[torch.nn.Module, dict[_Named, NDArray[np.float32]]] = (
    WeakKeyDictionary()
)


def embedded(
    model: torch.nn.Module, ability: str, given: Any, samples: Sequence[str], what: str
) -> NDArray[np.float32]:
    """What one tower of a model makes of pictures or sentences.

    Args:
        model: the model.
        ability: ``encode_image`` or ``encode_text``.
        given: N pictures, a tensor, or a list of N sentences.
        samples: [N] what to name a faulty one by.
        what: what they are, before such a name.

    Returns:
        float32 [N, width].

    Raises:
        BenchError: an embedding isn't one vector, or is NaN, infinite or only zeros.
    """
    found = _vectors(model, ability, given, samples, what, training=False)
    values: NDArray[np.float32] = found.float().cpu().numpy()
    nothing = np.flatnonzero(~values.any(axis=1))
    if nothing.size:
        raise BenchError(
            f"{ability} returned only zeros for {what} {samples[nothing[0]]}",
            "check its weights and its input contract; nothing was kept",
        )
    return values


def vectors(
    model: torch.nn.Module, ability: str, given: Any, samples: Sequence[str], what: str
) -> torch.Tensor:
    """What `embedded` returns, for a loss: where the model is, of any norm, with slopes."""
    return _vectors(model, ability, given, samples, what, training=True)


def _vectors(
    model: torch.nn.Module,
    ability: str,
    given: Any,
    samples: Sequence[str],
    what: str,
    *,
    training: bool,
) -> torch.Tensor:
    return returned.tensor(
        getattr(model, ability)(given),
        (len(given), None),
        samples,
        "embeddings",
        f"{ability} returns one vector for each picture or sentence, all of one width",
        by=ability,
        named=what,
        training=training,
    )


def class_vectors(
    model: torch.nn.Module, prompts: str, names: tuple[str, ...]
) -> NDArray[np.float32]:
    """A unit vector for each class under a set of prompts, made once for a model.

    The tower of sentences must not change as long as the model lives.

    Args:
        model: with ``encode_text``.
        prompts: a set of `bench.kinds.common.prompts`.
        names: what the set calls the classes.

    Returns:
        [classes, width], as `bench.metrics.zeroshot.class_embeddings` makes it.

    Raises:
        BenchError: as `embedded`.
    """
    import torch

    known = _classes.setdefault(model, {})
    if (prompts, names) not in known:
        filled = [fill(prompts, name) for name in names]
        sentences = [sentence for several in filled for sentence in several]
        with torch.no_grad():
            if any(parameter.is_meta for parameter in model.parameters()):
                # A model is tried without values: then the width is all that one can tell.
                some = sentences[:1]
                found = _vectors(model, "encode_text", some, some, "sentence", training=False)
                return np.zeros((len(names), found.shape[1]), np.float32)
            parts = [
                embedded(model, "encode_text", some, some, "sentence")
                for start in range(0, len(sentences), _SENTENCES_AT_ONCE)
                if (some := sentences[start : start + _SENTENCES_AT_ONCE])
            ]
        vectors = np.concatenate(parts)
        known[prompts, names] = class_embeddings(vectors.reshape(len(names), -1, vectors.shape[1]))
    return known[prompts, names]


def frozen_logits(
    model: torch.nn.Module, pictures: torch.Tensor, head: NDArray[np.float32]
) -> torch.Tensor:
    """The zero-shot classifier as a layer: exp(logit_scale) x cosine, no slope but of pictures.

    MindTheModalityGap (A. Zavras et al., ISPRS Journal 2025, arXiv:2402.09816) trains through it.

    Args:
        model: with ``logit_scale``.
        pictures: [N, width] embeddings of any norm.
        head: [classes, width] `class_vectors`.

    Returns:
        float32 [N, classes].
    """
    import torch
    from torch.nn.functional import normalize

    scale = cast("torch.Tensor", model.logit_scale).detach().exp()
    classes = torch.from_numpy(head).to(pictures.device)
    return scale * normalize(pictures.float(), dim=-1) @ classes.T
