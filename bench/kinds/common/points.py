"""The names of the points, rates or magnitudes, that every sample was observed at."""

from typing import Any

import pyarrow as pa

from bench.base.errors import BenchError


def points_by(model: Any, sample: str) -> list[str]:
    """The names that a model gives its points.

    Args:
        model: with the attribute ``points``.
        sample: the first one that it is asked about.

    Raises:
        BenchError: there is none, or they aren't different texts.
    """
    found = getattr(model, "points", None)
    names = list(found) if isinstance(found, list | tuple) else []
    texts = all(isinstance(name, str) and name for name in names)
    if not names or not texts or len(set(names)) != len(names):
        raise BenchError(
            f"expected points as a list of different names, the model has {found!r:.80}, first for "
            f"sample {sample}",
            "points names the rates or magnitudes at which a model is observed",
        )
    return names


def points_of(observations: pa.Table, what: str, hint: str) -> list[str]:
    """The names in the column ``points``.

    Args:
        observations: with such a column of lists.
        what: of what, in the words of the error: "rate points for every image".
        hint: what to do about it.

    Raises:
        BenchError: samples were observed at different ones.
    """
    found = {tuple(names) for names in observations.column("points").to_pylist()}
    if len(found) != 1:
        raise BenchError(f"expected the same {what}, found {len(found)} lists of them", hint)
    return list(found.pop())
