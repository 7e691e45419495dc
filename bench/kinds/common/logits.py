"""Whether what is handed in as logits can be logits.

A logit is log(p / (1 - p)): 0 for a probability of a half, negative for what is rather absent. A
task that decides at a logit takes every probability for a yes, and nothing in the score says so.
"""

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

_HINT = (
    "hand in logits: of a network what it computes before its sigmoid or softmax, of probabilities "
    "log(p / (1 - p)), in PyTorch torch.logit(p, eps=1e-6)"
)
_HINT_OF_CLASSES = (
    "hand in logits: of a network what it computes before its softmax, of probabilities their "
    "logarithm, in PyTorch p.clamp(min=1e-30).log()"
)
_SIGNS = 10
_MANY = 32
_END, _CROWD = 0.05, 0.25
_ROUNDING = 1e-3


def check_logits(logits: NDArray[np.floating], targets: NDArray[np.uint8]) -> None:
    """Refuse decisions and probabilities, where they can't be logits.

    Each of these is impossible, or next to it, for a network that returns logits, trained or not:

    - Only 0 and 1, both of them: decisions.
    - Rows that sum to 1, or whose exponentials do: a softmax, or its logarithm.
    - None below 0, though most classes are absent from most samples, with ten classes or more. A
      trained network says so of what is absent; in one that isn't trained the sign of each class is
      a coin of its own, so that ten heads are one in a thousand. Fewer classes don't tell.
    - All in [0, 1], and a quarter of them within 0.05 of its ends: what crowds at two bounds
      without ever crossing them is bounded by a sigmoid.

    Values that are all equal say nothing and pass.

    Args:
        logits: [N, C].
        targets: [N, C] 0 or 1.

    Raises:
        BenchError: as above.
    """
    low, high = float(logits.min()), float(logits.max())
    if low == high:
        return
    count, classes = logits.shape
    found = f"{logits.size:,} values for {count:,} samples"
    if low >= 0 and bool(((logits == 0) | (logits == 1)).all()):
        raise BenchError(f"expected logits, found decisions: {found}, all 0 or 1", _HINT)
    if kind := softmax(logits):
        raise BenchError(f"expected logits, found {kind}: {found}", _HINT)
    if low < 0:
        return
    of_bound = (logits < _END) | (logits > 1 - _END)
    crowded = high <= 1 and logits.size >= _MANY and of_bound.mean() >= _CROWD
    if crowded or (classes >= _SIGNS and targets.mean() < 1 / 2):
        scale = "probabilities" if high <= 1 else "another scale"
        raise BenchError(
            f"expected logits, found {scale}: {found} from {low:.3g} to {high:.3g}, none below 0, "
            "as if every class were in every sample",
            _HINT,
        )


def check_class_logits(logits: NDArray[np.floating]) -> None:
    """Refuse decisions and probabilities of one class each, where they can't be logits.

    Each of these is impossible, or next to it, for a network that returns logits:

    - Only 0 and 1, both of them: decisions.
    - Rows from 0 up that sum to 1: a softmax. Its logarithm passes, as its softmax is the same.
    - All in [0, 1], and a quarter of them within 0.05 of its ends: what crowds at two bounds
      without ever crossing them is bounded by a sigmoid.

    A softmax of probabilities ranks classes as they do, but is never sure of any.

    Args:
        logits: [N, C].

    Raises:
        BenchError: as above.
    """
    low, high = float(logits.min()), float(logits.max())
    if low == high or low < 0:
        return
    found = f"{logits.size:,} values for {len(logits):,} samples"
    if bool(((logits == 0) | (logits == 1)).all()):
        raise BenchError(f"expected logits, found decisions: {found}, all 0 or 1", _HINT_OF_CLASSES)
    if kind := softmax(logits):
        raise BenchError(f"expected logits, found {kind}: {found}", _HINT_OF_CLASSES)
    of_bound = (logits < _END) | (logits > 1 - _END)
    if high <= 1 and logits.size >= _MANY and of_bound.mean() >= _CROWD:
        raise BenchError(
            f"expected logits, found probabilities: {found} from {low:.3g} to {high:.3g}",
            _HINT_OF_CLASSES,
        )


def softmax(values: NDArray[np.floating]) -> str:
    """What kind of softmax over classes rows [N, C] are, in words; empty where they are none."""
    if min(values.shape) < 2:
        return ""
    rows = values.astype(np.float64)
    if rows.min() >= 0 and bool((np.abs(rows.sum(axis=1) - 1) < _ROUNDING).all()):
        return "a softmax over classes"
    if rows.max() <= 0 and bool((np.abs(np.logaddexp.reduce(rows, axis=1)) < _ROUNDING).all()):
        return "the logarithm of a softmax over classes"
    return ""
