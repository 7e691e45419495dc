"""BigEarthNet v2.0 as RGB composites of 8 bit, for models that know nothing but pictures.

A channel is min(reflectance x 10,000 / 2000, 1) x 255, cut to an integer, of B04, B03 and B02: the
rule of MindTheModalityGap (A. Zavras et al., ISPRS Journal 2025, arXiv:2402.09816). The bands
themselves can be had beside it, for models that learn from both.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import unknown
from bench.data import declaration
from bench.data.reben import reben
from bench.data.reben.dataset import Reben
from bench.data.reben.stores import Pixels

CHANNELS = {"R": "B04", "G": "B03", "B": "B02"}
WHITE = 2000


class Composites(Reben):
    """An opened BigEarthNet with the channels of a picture beside Sentinel-2's bands."""

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patch ids with pixels of Sentinel-2 on disk.

        Raises:
            RequestError: a band is unknown.
        """
        return super().present(_measured(bands))

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named channels of a patch, uint8 [120, 120], and bands as `Reben.read` gives them.

        Raises:
            RequestError: a channel or band is unknown.
            BenchError: the patch or a band is missing, damaged, or of another size or type.
        """
        found = super().read(sample, _measured(bands))
        return {
            band: _rendered(found[CHANNELS[band]]) if band in CHANNELS else found[band]
            for band in bands
        }


def _rendered(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Reflectance x 10,000 in 8 bit."""
    return (np.minimum(values.astype(np.uint32), WHITE) * 255 // WHITE).astype(np.uint8)


@cache
def _known() -> Sequence[str]:
    return tuple(declaration("reben-rgb")["bands"])


def _measured(bands: Sequence[str]) -> list[str]:
    """The bands that are read, each once."""
    for band in bands:
        if band not in _known():
            raise unknown("band", band, _known())
    return list(dict.fromkeys(CHANNELS.get(band, band) for band in bands))


def open_dataset(root: Path) -> Composites:
    """Open what is under ``root``, a folder of `reben`."""
    return Composites(root)


write_sample, prepare, verify = reben.write_sample, reben.prepare, reben.verify
