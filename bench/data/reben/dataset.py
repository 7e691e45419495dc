"""An opened BigEarthNet v2.0, in whichever of its layouts it lies on disk."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_file
from bench.data import listing
from bench.data.reben.metadata import Metadata
from bench.data.reben.patches import UNLABELLED, classes_of, declared, season_and_tile
from bench.data.reben.stores import LMDBS, MAP, S1_FOLDER, S2_FOLDER, Pixels, Store, Stores, find

METADATA = "metadata.parquet"
_SIDE = 120
_WATERS = ("Inland waters", "Marine waters")
FLAGGED = "metadata_for_patches_with_snow_cloud_or_shadow.parquet"


class Reben:
    """An opened BigEarthNet.

    A patch that the preferred layout lacks is looked for in the others that hold the same numbers.

    Args:
        root: the folder of the dataset.

    Raises:
        BenchError: there are no pixels or no metadata.
    """

    def __init__(self, root: Path) -> None:
        self.root = root = base(root)
        self.stores: Stores = find(root)
        path = metadata_path(root)
        flagged = path.with_name(FLAGGED)
        self.metadata = Metadata(path, flagged if flagged.is_file() else None)

    @property
    def layout(self) -> str:
        """``lmdb``, ``geotiff`` or ``geotiff v1.0``."""
        return self.stores.layout

    def fingerprint(self) -> str:
        """The SHA-256 of the metadata, which declares samples, splits and labels."""
        return sha256_file(metadata_path(self.root))

    def ids(self, split: str) -> list[str]:
        """The patch ids of ``train``, ``validation`` or ``test``, sorted, on disk or not.

        Raises:
            RequestError: there is no such split.
        """
        return self.metadata.split(split)

    def present(self, bands: Sequence[str]) -> list[str]:
        """The patch ids, flagged ones among them, with pixels of these bands' sensors on disk.

        Raises:
            RequestError: a band is unknown.
        """
        held = np.ones(len(self.metadata), bool)
        stores = (self.stores.sentinel2, self.stores.sentinel1)
        for asked, of_sensor in zip(_by_sensor(tuple(bands)), stores, strict=True):
            if asked:
                held &= self.held(of_sensor)
        return self.metadata.ids(held)

    def held(self, stores: Sequence[Store]) -> NDArray[np.bool_]:
        """Which rows of the metadata any of some stores holds."""
        held = np.zeros(len(self.metadata), bool)
        for store in stores:
            names = pa.array(store.names(), pa.string())
            column = self.metadata.column(store.column)
            held |= pc.is_in(column, value_set=names).to_numpy(zero_copy_only=False)
        return held

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named bands of a patch as they are stored.

        Returns:
            Read-only arrays by band: uint16 reflectance x 10000 of 120, 60 or 20 pixels a side,
            float32 dB of 120.

        Raises:
            RequestError: a band is unknown.
            BenchError: the patch or a band is missing, damaged, or of another size or type.
        """
        optical, radar = _by_sensor(tuple(bands))
        pixels: Pixels = {}
        if optical:
            pixels.update(self._find(self.stores.sentinel2, sample, optical, "Sentinel-2"))
        if radar:
            pixels.update(self._find(self.stores.sentinel1, sample, radar, "Sentinel-1"))
        return pixels

    def _find(
        self, stores: Sequence[Store], sample: str, bands: Sequence[str], what: str
    ) -> Pixels:
        pixels = self._look(stores, sample, bands)
        if pixels is None:
            raise BenchError(
                f"patch {sample[:100]} has no {what} under {self.root}",
                "`bench data verify reben` lists what is missing; `bench data list` says where it "
                "is",
            )
        return pixels

    def _look(self, stores: Sequence[Store], sample: str, bands: Sequence[str]) -> Pixels | None:
        """The bands of a patch out of the first store that has it; None where none does."""
        for store in stores:
            named = store.column == "patch_id"
            name = sample if named else self.metadata.text(store.column, sample)
            pixels = store.read(name, bands)
            if pixels is not None:
                return pixels
        return None

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """uint8 [N, 19]: the classes of each patch, in the declaration's order.

        Raises:
            BenchError: a patch or a label is unknown.
        """
        return self.metadata.multilabels(samples)

    def reference_map(
        self,
        sample: str,
        bands: Sequence[str] = (),  # noqa: ARG002
    ) -> NDArray[np.uint8]:
        """uint8 [120, 120]: the class of each pixel in the declaration's order, 255 unlabelled.

        Args:
            sample: the patch.
            bands: what the model sees; there is one map for all.

        Raises:
            BenchError: the map is missing or damaged, or holds a code that has no meaning.
        """
        pixels = self._find(self.stores.maps, sample, [MAP], "reference map")
        return classes_of(pixels[MAP], f"the reference map of {sample}")

    def regions(self, sample: str) -> NDArray[np.uint8]:
        """uint8 [120, 120]: 0 for land, 1 for water, 255 where no map says which.

        Raises:
            BenchError: the map is damaged.
        """
        pixels = self._look(self.stores.maps, sample, [MAP])
        if pixels is None:
            return np.full((_SIDE, _SIDE), UNLABELLED, np.uint8)
        classes = classes_of(pixels[MAP], f"the reference map of {sample}")
        water = np.isin(classes, [declared()["classes"].index(name) for name in _WATERS])
        return np.where(classes == UNLABELLED, classes, water.astype(np.uint8))

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """Country, meteorological season and MGRS tile of each patch."""
        named = [season_and_tile(sample) for sample in samples]
        return {
            "country": self.metadata.texts("country", samples),
            "season": [season for season, _ in named],
            "tile": [tile for _, tile in named],
        }


@lru_cache(maxsize=256)
def _by_sensor(bands: tuple[str, ...]) -> tuple[list[str], list[str]]:
    known = declared()["bands"]
    for band in bands:
        if band not in known:
            raise unknown("band", band, known)
    radar = [band for band in bands if known[band]["sensor"] == "sentinel-1-grd"]
    return [band for band in bands if band not in radar], radar


def base(root: Path) -> Path:
    """The folder that holds metadata or pixels: ``root``, or one in it that was unpacked there."""
    names = (METADATA, *LMDBS, S2_FOLDER, S1_FOLDER)
    found = listing.base(root, lambda folder: any((folder / name).exists() for name in names))
    return root if found is None else found


def metadata_path(root: Path) -> Path:
    """The metadata of the recommended set, beside or in the folder that holds the pixels.

    Raises:
        BenchError: it is not there.
    """
    candidates = [root / METADATA, *(root / name / METADATA for name in LMDBS)]
    if (root / "data.mdb").is_file():
        candidates.append(root.parent / METADATA)
    for path in candidates:
        if path.is_file():
            return path
    raise BenchError(
        f"{METADATA} is not in {root}", "download it from https://bigearth.net into that folder"
    )
