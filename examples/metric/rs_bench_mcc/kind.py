"""Segmentation with one metric more."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.kinds.common.kind import Metrics
from bench.kinds.common.tables import matrix
from bench.kinds.segmentation import Segmentation
from bench.metrics.stats import weighted_sums
from rs_bench_mcc.metric import matthews

_NAME = "mcc_micro"


class SegmentationMcc(Segmentation):
    """The class of every pixel of an image; ``mcc_micro`` beside the metrics of segmentation."""

    def measure(self, observations: pa.Table) -> Metrics:
        """Those of segmentation, and ``mcc_micro`` of all pixels."""
        cells = matrix(observations, "confusion").sum(axis=0, dtype=np.int64)
        return {**super().measure(observations), _NAME: matthews(self._matrices(cells))}

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled observations."""
        blocks = list(counts)
        found = dict(super().replicate(observations, blocks, names))
        if not names or _NAME in names:
            cells = matrix(observations, "confusion")
            sums = np.concatenate([weighted_sums(block, cells) for block in blocks])
            found[_NAME] = matthews(self._matrices(sums))
        return found

    def _matrices(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        classes = len(self.task.classes)
        return cells.reshape(*cells.shape[:-1], classes, classes)
