"""The reader of BigEarthNet v2.0 (reBEN) in its official layouts, and of v1.0 by the v2.0 metadata.

Source: K. N. Clasen et al., reBEN: Refined BigEarthNet Dataset for Remote Sensing Image Analysis,
arXiv:2407.03653; the layouts are those of https://bigearth.net and of rico-hdl.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.data import Check, Progress
from bench.data.reben.dataset import Reben


def open_dataset(root: Path) -> Reben:
    """Open what is under ``root``: an LMDB, else the folders of v2.0, else those of v1.0."""
    return Reben(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.reben import simulate as simulated

    simulated.write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Turn the GeoTIFFs under ``root`` into an LMDB; see `bench.data.reben.prepare`."""
    from bench.data.reben.prepare import convert

    return convert(root, workers, progress)


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the publication; see `bench.data.reben.verify`."""
    from bench.data.reben.verify import checks

    return checks(root, pixels, progress)
