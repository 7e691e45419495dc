"""The reader of EuroSAT in 13 bands (P. Helber et al., 2019); `eurosat-ms.toml` declares them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.data import Check, Progress, declaration, values
from bench.data.formats import planar_tiff
from bench.data.pictures.classed import ClassFolders
from bench.data.pictures.pictured import prepare

__all__ = ["open_dataset", "prepare", "verify", "write_sample"]

_NAME = "eurosat-ms"
_LARGEST = 256
_SEED = 0


class EuroSatMs(ClassFolders):
    """An opened EuroSAT in 13 bands: GeoTIFFs in class folders."""

    layout = "class folders of GeoTIFFs"

    def __init__(self, root: Path) -> None:
        super().__init__(_NAME, root)
        self.bands: list[str] = list(declaration(_NAME)["bands"])
        self._values = values.values(_NAME)

    def present(self, bands: Sequence[str]) -> list[str]:
        """The samples on disk, sorted; a file holds all bands.

        Raises:
            RequestError: a band is unknown.
        """
        self._known(bands)
        return self.ids("all")

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[np.uint16]]:
        """The named bands of a sample, uint16 [64, 64] each: reflectance x 10000 at the sensor.

        Raises:
            RequestError: a band is unknown.
            BenchError: the file is missing, damaged, or holds other bands or values.
        """
        self._known(bands)
        if sample not in self.folders.paths:
            raise BenchError(
                f"{_NAME} has no file {sample[:100]!r} on disk",
                f"`bench data verify {_NAME}` counts what is missing",
            )
        path = self.folders.paths[sample]
        try:
            pixels = planar_tiff.read(
                path, len(self.bands), np.uint16, _LARGEST, nodata=(0,), interleaved=True
            )
        except OSError as error:
            raise BenchError(f"could not read {path}: {error.strerror or error}") from error
        found = {band: pixels[self.bands.index(band)] for band in bands}
        values.require(self._values, found, lambda band: str(path))
        return found

    def _known(self, bands: Sequence[str]) -> None:
        for band in bands:
            if band not in self.bands:
                raise unknown("band", band, self.bands)


def open_dataset(root: Path) -> EuroSatMs:
    """Open the class folders below ``root``."""
    return EuroSatMs(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.eurosat_ms.simulate import write

    write(root)


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration, reading ``pixels`` samples."""
    try:
        dataset = open_dataset(root)
    except BenchError as error:
        yield Check("classes", passed=False, found=str(error))
        return
    yield from dataset.checks()
    samples, faults = dataset.ids("all"), []
    chosen = np.random.default_rng(_SEED).permutation(len(samples))[:pixels]
    for done, index in enumerate(sorted(chosen), start=1):
        try:
            dataset.read(samples[int(index)], dataset.bands)
        except BenchError as error:
            faults.append(str(error))
        progress(done, len(chosen))
    yield Check.of("pixels", faults, f"{len(chosen)} samples read")
