"""Which samples of a test set are independent of each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.metrics.stats import FEWEST_UNITS, jackknife_counts

CLUSTERS = ("location", "scene", "tile")
"""Attributes that say which samples aren't independent; the first one there is counts."""

GROUPS = 200
"""Units are left out in so many groups at most."""

_COUNTS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Units:
    """The independent units of N samples.

    Attributes:
        name: the attribute whose values they are, such as ``tile``; empty where each sample is one.
        labels: [N] the unit of each sample; None where every sample is one.
        count: how many units there are.
        samples: N.
        doubt: why samples are taken as independent though nothing says that they are; else empty.
    """

    name: str
    labels: NDArray[np.intp] | None
    count: int
    samples: int
    doubt: str = ""

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return self.name or "sample"

    def left_out(self) -> Iterator[NDArray[np.uint16]]:
        """Blocks [B, N] of how often each sample counts: all of them, then without each group."""
        yield np.ones((1, self.samples), np.uint16)
        if self.count > 1:
            block = max(1, min(GROUPS, _COUNTS_AT_ONCE // self.samples))
            yield from jackknife_counts(self.samples, GROUPS, block, self.labels)

    def of(self, rows: NDArray[np.intp]) -> "Units":
        """Those of some of the samples."""
        if self.labels is None:
            return Units("", None, len(rows), len(rows), self.doubt)
        return _clustered(self.name, self.labels[rows])


def units(attributes: pa.Table | None, samples: int) -> Units:
    """The units of a run's samples.

    Args:
        attributes: what is known of them, a row each; None where nothing is.
        samples: N.
    """
    there: Sequence[str] = () if attributes is None else attributes.column_names
    name = next((cluster for cluster in CLUSTERS if cluster in there), None)
    if attributes is None or name is None:
        doubt = "samples are taken as independent: nothing says where they are from"
        return Units("", None, samples, samples, doubt)
    column = attributes.column(name).combine_chunks().dictionary_encode()
    names = np.asarray(column.dictionary.to_pylist(), object)
    order = np.empty(len(names), np.intp)
    order[np.argsort(names)] = np.arange(len(names))
    return _clustered(name, order[column.indices.to_numpy()])


def _clustered(name: str, labels: NDArray[np.intp]) -> Units:
    count = len(np.unique(labels))
    if count < FEWEST_UNITS:
        doubt = (
            f"samples are taken as independent: {count} {name}s are too few for an interval over "
            f"other {name}s, so that it is one over other samples of these"
        )
        return Units("", None, len(labels), len(labels), doubt)
    return Units(name, labels, count, len(labels))
