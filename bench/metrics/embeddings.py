"""Embeddings as unit vectors whose dot products come out the same wherever they are computed.

A float32 matrix product rounds differently with the block size, the number of threads and the
position of a row in its block: two equal rows may get different scores, and a rank then depends on
the machine. Here every component of a unit vector is a multiple of 2^-24, which float32 holds
exactly, and so is every dot product of 2^-48. Its partial sums stay below 2^53 such steps (by the
inequality of Cauchy and Schwarz they are at most about 1), so that float64 adds them up without any
rounding, in any order. A score is that sum: equal rows have equal scores, always, and anything that
is equal to the last bit is a tie.

Rounding to the grid moves a score by about 2e-8, less than a float32 product of 512 terms does.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

Embeddings = NDArray[np.floating[Any]]
Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]
Indices = NDArray[np.int64]

_STEPS = 2.0**24
_UNIT_ROUNDOFF = 2.0**-24
_MOST_COMPONENTS = 1 << 16
_VALUES_AT_ONCE = 1 << 15


def unit_vectors(rows: Embeddings, what: str) -> Vectors:
    """Rows divided by their L2 norm in float64 and rounded to multiples of 2^-24.

    Args:
        rows: [N, D] float16 or float32, of any norm but 0; D is at most 65,536.
        what: what a row is, for the errors: "image", "caption".

    Returns:
        [N, D] float32.

    Raises:
        BenchError: the shape or dtype isn't as above; a row holds NaN or infinity, or only zeros.
    """
    if rows.ndim != 2 or not rows.size or rows.shape[1] > _MOST_COMPONENTS:
        raise BenchError(
            f"expected {what} embeddings [N, D] with at least one row and D up to "
            f"{_MOST_COMPONENTS}, found {list(rows.shape)}"
        )
    if rows.dtype not in (np.float16, np.float32):
        raise BenchError(
            f"expected {what} embeddings as float16 or float32, found {rows.dtype}",
            "convert them with .astype('float32')",
        )
    units = np.empty(rows.shape, np.float32)
    step = max(1, _VALUES_AT_ONCE // rows.shape[1])

    def convert(start: int) -> None:
        part = rows[start : start + step].astype(np.float64)
        norms = np.sqrt(np.einsum("nd,nd->n", part, part))
        if not np.isfinite(norms).all() or not norms.all():
            row = int(np.flatnonzero((norms == 0) | ~np.isfinite(norms))[0])
            raise BenchError(
                f"expected finite {what} embeddings other than 0, found "
                f"{'only zeros' if norms[row] == 0 else 'NaN or infinity'} in row {start + row}",
                "look for NaN in the model's weights and in its input",
            )
        part *= (_STEPS / norms)[:, None]
        np.rint(part, out=part)
        np.multiply(part, 1 / _STEPS, out=units[start : start + step], casting="same_kind")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(convert, range(0, len(rows), step)))
    return units


def unit_pair(
    left: Embeddings, right: Embeddings, what: tuple[str, str]
) -> tuple[Vectors, Vectors]:
    """The unit vectors of two sets of embeddings of one space.

    Raises:
        BenchError: as for :func:`unit_vectors`; the rows of the two differ in length.
    """
    if left.shape[1:] != right.shape[1:]:
        raise BenchError(
            f"expected {what[0]} and {what[1]} embeddings of one width, "
            f"found {list(left.shape)} and {list(right.shape)}",
            "both must come out of the same model's projections",
        )
    return unit_vectors(left, what[0]), unit_vectors(right, what[1])


def pair_scores(left: Vectors, right: Vectors, rows: Indices, items: Indices) -> Scores:
    """[P] float64, the exact dot products of the unit vectors left[rows[p]] and right[items[p]]."""
    scores = np.empty(len(rows))
    step = max(1, _VALUES_AT_ONCE // left.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        first, second = left[rows[part]].astype(np.float64), right[items[part]].astype(np.float64)
        scores[part] = np.einsum("pd,pd->p", first, second)
    return scores


def float32_error(width: int) -> float:
    """How far a float32 dot product of two unit vectors may be from the exact one.

    The bound n u / (1 - n u) on the error of a sum of n products of total magnitude 1, in any order
    of summation (Higham 2002, section 3.1), with room for norms a little above 1 and for rounding
    the threshold that it is added to.
    """
    bound = width * _UNIT_ROUNDOFF
    return 1.01 * bound / (1 - bound) + 2 * _UNIT_ROUNDOFF
