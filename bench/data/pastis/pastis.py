"""The reader of PASTIS and PASTIS-R.

Source: V. S. F. Garnot, L. Landrieu, ICCV 2021, arXiv:2107.07933; V. S. F. Garnot, L. Landrieu,
N. Chehata, ISPRS Journal 187, 2022, arXiv:2112.07558; the layout is that of
https://github.com/VSainteuf/pastis-benchmark.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.data import Check, Progress
from bench.data.pastis.dataset import Pastis


def open_dataset(root: Path) -> Pastis:
    """Open the arrays, or the fast store where it is made."""
    return Pastis(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.pastis import simulate as simulated

    simulated.write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Write the arrays into one flat file for each series; resumable."""
    from bench.data.pastis.prepare import convert

    return convert(root, workers, progress)


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the publication."""
    from bench.data.pastis.verify import checks

    return checks(root, pixels, progress)
