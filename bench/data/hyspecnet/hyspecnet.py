"""The reader of HySpecNet-11k in its official layout, as reduced arrays, and as LMDB.

Source: M. H. P. Fuchs, B. Demir, HySpecNet-11k: A Large-Scale Hyperspectral Dataset for
Benchmarking Learning-Based Hyperspectral Image Compression Methods, arXiv:2306.00385; the layouts
are those of https://hyspecnet.rsim.berlin, of its tools, and of rico-hdl.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.data import Check, Progress
from bench.data.hyspecnet.dataset import HySpecNet


def open_dataset(root: Path) -> HySpecNet:
    """Open what is under ``root``: an LMDB, else the folders of the patches."""
    return HySpecNet(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.hyspecnet.simulate import write

    write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Turn the spectral images under ``root`` into an LMDB; see `bench.data.hyspecnet.prepare`."""
    from bench.data.hyspecnet.prepare import convert

    return convert(root, workers, progress)


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the publication; see `bench.data.hyspecnet.verify`."""
    from bench.data.hyspecnet.verify import checks

    return checks(root, pixels, progress)
