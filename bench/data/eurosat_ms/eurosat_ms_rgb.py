"""EuroSAT as RGB composites of 8 bit beside its 13 bands; `eurosat-ms-rgb.toml` declares them.

A channel is min(reflectance x 10,000 / 3558, 1) x 255, cut to an integer, of B04, B03 and B02: the
rule of MindTheModalityGap for Level-1C (A. Zavras et al., ISPRS Journal 2025, arXiv:2402.09816).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import unknown
from bench.data import declaration
from bench.data.eurosat_ms import eurosat_ms

CHANNELS = {"R": "B04", "G": "B03", "B": "B02"}
WHITE = 3558


class Composites(eurosat_ms.EuroSatMs):
    """An opened EuroSAT with the channels of a picture beside its bands."""

    def present(self, bands: Sequence[str]) -> list[str]:
        """The samples on disk, sorted; a file holds all bands.

        Raises:
            RequestError: a channel or band is unknown.
        """
        return super().present(_measured(bands))

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named channels of a sample, uint8 [64, 64], and bands as `EuroSatMs.read` gives them.

        Raises:
            RequestError: a channel or band is unknown.
            BenchError: the file is missing, damaged, or holds other bands or values.
        """
        found = super().read(sample, _measured(bands))
        return {
            band: _rendered(found[CHANNELS[band]]) if band in CHANNELS else found[band]
            for band in bands
        }


def _rendered(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Reflectance x 10,000 in 8 bit."""
    return (np.minimum(values.astype(np.uint32), WHITE) * 255 // WHITE).astype(np.uint8)


def _measured(bands: Sequence[str]) -> list[str]:
    """The bands that are read, each once."""
    known = declaration("eurosat-ms-rgb")["bands"]
    for band in bands:
        if band not in known:
            raise unknown("band", band, known)
    return list(dict.fromkeys(CHANNELS.get(band, band) for band in bands))


def open_dataset(root: Path) -> Composites:
    """Open the class folders below ``root``."""
    return Composites(root)


write_sample, prepare, verify = eurosat_ms.write_sample, eurosat_ms.prepare, eurosat_ms.verify
