"""What a model returned, looked at where it is called: container, dtype, shape and finiteness.

What is observed of an output, such as the class of the largest logit, no longer shows that it was
NaN. So every kind passes what a model gives it through here first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.base.errors import BenchError

if TYPE_CHECKING:
    import torch

FLOATS = ("float32", "float16", "bfloat16")
"""What a model may compute in; the narrow ones are those of mixed precision."""

_ADVICE = "check its weights and its input contract; with 16-mixed try 32-true"


def tensor(
    found: object,
    shape: Sequence[int | None],
    samples: Sequence[str],
    what: str,
    hint: str,
    *,
    by: str = "the model",
    named: str = "sample",
    axis: int = 0,
    training: bool = False,
) -> torch.Tensor:
    """An output of a model that is the tensor it should be.

    Args:
        found: what the model gave.
        shape: what is expected; None for an axis of any length but 0.
        samples: what to name a faulty one by, as many as the axis of samples is long; or one for
            all of the tensor.
        what: of what the output consists, such as ``logits``.
        hint: what a model of this kind returns.
        by: who returned it.
        named: what the samples are, before such a name.
        axis: that of samples.
        training: it is for a loss. Then values aren't looked at where gradients are recorded: a
            step of training looks at its losses, some at a time, as each look waits for the device.

    Raises:
        BenchError: it is no tensor, or has another dtype or shape, or holds NaN or infinity.
    """
    import torch

    first = f"first for {named} {samples[0]}"
    if not isinstance(found, torch.Tensor):
        raise BenchError(
            f"expected {what} as a tensor, {by} returned {type(found).__name__}, {first}", hint
        )
    dtype = str(found.dtype).removeprefix("torch.")
    if dtype not in FLOATS:
        raise BenchError(f"expected {what} as float32, {by} returned {dtype}, {first}", hint)
    fits = len(shape) == found.ndim and all(
        size == wanted if wanted is not None else size > 0
        for size, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits:
        shown = ", ".join("any" if size is None else str(size) for size in shape)
        raise BenchError(
            f"expected {what} of shape [{shown}], {by} returned {list(found.shape)}, {first}",
            hint,
        )
    # A sum is finite only where every summand is, and makes no second tensor. On the meta device
    # there are no values to look at.
    watched = found.is_meta or (training and torch.is_grad_enabled())
    if not watched and not bool(found.sum(dtype=torch.float32).isfinite()):
        _require_finite(found, samples, by, named, axis)
    return found


def _require_finite(
    found: torch.Tensor, samples: Sequence[str], by: str, named: str, axis: int
) -> None:
    finite = found.isfinite()
    if bool(finite.all()):
        return
    row = 0
    if found.ndim and len(samples) == found.shape[axis]:
        of_samples = finite.movedim(axis, 0).flatten(1) if found.ndim > 1 else finite[:, None]
        row = of_samples.all(dim=1).tolist().index(False)
    raise BenchError(f"{by} returned NaN or infinity for {named} {samples[row]}", _ADVICE)
