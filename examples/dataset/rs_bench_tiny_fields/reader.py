"""The reader of tiny fields."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_file
from bench.data import Check, Progress, declaration
from bench.data.formats.npy import mapped

NAME = "tiny-fields"
SIDE = 16
BANDS = ("red", "nir")


class TinyFields:
    """Tiny fields in a folder; a `bench.data.Dataset`, and with `reference_map` one to segment."""

    layout = "npy"

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            with (root / "split.csv").open(encoding="utf-8", newline="") as stream:
                self.splits = {row["tile"]: row["split"] for row in csv.DictReader(stream)}
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise BenchError(
                f"{root} has no split.csv with the columns tile and split",
                f"`bench data list {NAME}` shows the layout",
            ) from error

    def fingerprint(self) -> str:
        """The SHA-256 of what says which tiles there are."""
        return sha256_file(self.root / "split.csv")

    def ids(self, split: str) -> list[str]:
        """The tiles of a split, sorted."""
        if split not in declaration(NAME)["splits"]:
            raise unknown("split", split, declaration(NAME)["splits"])
        return sorted(tile for tile, its in self.splits.items() if its == split)

    def present(self, bands: Sequence[str]) -> list[str]:
        """The tiles on disk, sorted; each file holds all bands."""
        return sorted(path.stem for path in (self.root / "tiles").glob("*.npy"))

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named bands, uint16 [16, 16] each."""
        pixels = self._array("tiles", sample, "<u2", (len(BANDS), SIDE, SIDE))
        return {band: pixels[BANDS.index(band)] for band in bands}

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """No groups of tiles are known; one that is scored apart would be a column here."""
        return {}

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        """The class of each pixel, uint8 [16, 16]; what the kind segmentation asks for."""
        return np.asarray(self._array("maps", sample, "|u1", (SIDE, SIDE)))

    def number(self, sample: str) -> float:
        """The share of a tile under vegetation; what the kind image-regression asks for."""
        vegetation = declaration(NAME)["classes"].index("vegetation")
        return float((self.reference_map(sample, ()) == vegetation).mean())

    def _array(self, folder: str, sample: str, form: str, shape: Sequence[int]) -> NDArray[Any]:
        path = self.root / folder / f"{sample}.npy"
        try:
            # Never unpickled, and no larger than the layout says: files may come from anywhere.
            found = mapped(path, [form], shape)
        except FileNotFoundError as error:
            raise BenchError(f"{path} is missing", f"`bench data verify {NAME}` counts") from error
        if found.shape != tuple(shape):
            raise BenchError(f"{path} is {found.shape}, expected {tuple(shape)}", "get it again")
        return found


def open_dataset(root: Path) -> TinyFields:
    """Open what is under ``root``."""
    return TinyFields(root)


def write_sample(root: Path) -> None:
    """Write simulated tiles under ``root``, in the published layout."""
    from rs_bench_tiny_fields.simulate import write

    write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Nothing: the tiles are read as they are published."""
    progress(1, 1)
    return root


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration, reading up to ``pixels`` tiles."""
    try:
        dataset = open_dataset(root)
    except BenchError as error:
        yield Check("split.csv", passed=False, found=str(error))
        return
    wanted = declaration(NAME)["splits"]
    counts = {split: len(dataset.ids(split)) for split in wanted}
    found = ", ".join(f"{split} {counts[split]} of {wanted[split]}" for split in wanted)
    yield Check("splits", passed=counts == wanted, found=found)
    missing = sorted(set(dataset.splits) - set(dataset.present(BANDS)))
    yield Check(
        "tiles", passed=not missing, found=f"{len(missing)} of {len(dataset.splits)} missing"
    )
    faults = []
    chosen = sorted(set(dataset.splits) - set(missing))[:pixels]
    for done, sample in enumerate(chosen, start=1):
        try:
            dataset.read(sample, BANDS)
            dataset.reference_map(sample, BANDS)
        except BenchError as error:
            faults.append(str(error))
        progress(done, len(chosen))
    found = f"{len(faults)} of {len(chosen)} can't be read" + "".join(f": {f}" for f in faults[:1])
    yield Check("pixels", passed=not faults, found=found)
