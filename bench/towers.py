"""Models of two towers: pictures and sentences to vectors of one space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import BenchError


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
    found = getattr(model, ability)(given)
    if found.ndim != 2 or len(found) != len(given) or not found.shape[1]:
        raise BenchError(
            f"expected {ability} to return [{len(given)}, width], found {list(found.shape)}, "
            f"first for {what} {samples[0]}",
            "an embedding is one vector for each picture or sentence",
        )
    values: NDArray[np.float32] = found.float().cpu().numpy()
    norms = np.linalg.norm(values.astype(np.float64), axis=1)
    bad = np.flatnonzero(~np.isfinite(norms) | (norms == 0))
    if bad.size:
        fault = "only zeros" if norms[bad[0]] == 0 else "NaN or infinity"
        raise BenchError(
            f"{ability} returned {fault} for {what} {samples[bad[0]]}",
            "check its weights and its input contract; no result was recorded",
        )
    return values
