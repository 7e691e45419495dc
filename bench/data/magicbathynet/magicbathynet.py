"""The readers of MagicBathyNet, one for each of its areas.

Source: P. Agrafiotis et al., MagicBathyNet, IGARSS 2024, arXiv:2405.15477; the layout is that of
https://github.com/pagraf/MagicBathyNet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data import Check, Progress
from bench.data.magicbathynet.dataset import MagicBathyNet


@dataclass(frozen=True)
class AreaReader:
    """What the module of an area offers.

    Attributes:
        name: of the dataset that the area is.
    """

    name: str

    def open_dataset(self, root: Path) -> MagicBathyNet:
        """Open the area's folder at or below ``root``."""
        return MagicBathyNet(root, self.name)

    def write_sample(self, root: Path) -> None:
        """Write the simulated data of the sample track under ``root``."""
        from bench.data.magicbathynet import simulate as simulated

        simulated.write(root, self.name)

    def prepare(self, root: Path, workers: int, progress: Progress) -> Path:  # noqa: ARG002
        """Nothing to do: a patch is one small file already, read whole and at once."""
        return root

    def verify(self, root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
        """Compare what is under ``root`` with the publication."""
        from bench.data.magicbathynet.verify import checks

        return checks(root, self.name, pixels, progress)
