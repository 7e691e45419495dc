"""The names of the points, rates or magnitudes, that every sample was observed at."""

import pyarrow as pa

from bench.errors import BenchError


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
