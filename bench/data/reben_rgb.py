"""BigEarthNet v2.0 as RGB composites of 8 bit, for models that know nothing but pictures.

A channel is min(reflectance x 10,000 / 2000, 1) x 255, cut to an integer, of B04, B03 and B02: the
rule of MindTheModalityGap (A. Zavras et al., ISPRS Journal 2025, arXiv:2402.09816).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.data import reben
from bench.data.reben_dataset import Reben
from bench.data.reben_stores import Pixels
from bench.errors import unknown

CHANNELS = {"R": "B04", "G": "B03", "B": "B02"}
WHITE = 2000


class Composites(Reben):
    """An opened BigEarthNet whose bands are the channels of a picture."""

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patch ids with pixels of Sentinel-2 on disk.

        Raises:
            RequestError: a band is unknown.
        """
        return super().present(_measured(bands))

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named channels of a patch, uint8 [120, 120].

        Raises:
            RequestError: a channel is unknown.
            BenchError: the patch or a band is missing, damaged, or of another size or type.
        """
        found = super().read(sample, _measured(bands))
        whole = {band: found[CHANNELS[band]].astype(np.uint32) for band in bands}
        return {
            band: (np.minimum(values, WHITE) * 255 // WHITE).astype(np.uint8)
            for band, values in whole.items()
        }


def _measured(bands: Sequence[str]) -> list[str]:
    for band in bands:
        if band not in CHANNELS:
            raise unknown("band", band, CHANNELS)
    return [CHANNELS[band] for band in bands]


def open_dataset(root: Path) -> Composites:
    """Open what is under ``root``, a folder of `reben`."""
    return Composites(root)


write_sample, prepare, verify = reben.write_sample, reben.prepare, reben.verify
