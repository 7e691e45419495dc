"""The GeoTIFFs of BigEarthNet v2.0 to one LMDB of safetensors, as rico-hdl does it.

Worker processes read and encode, this one commits. The environment has another name until it is
complete, and what a killed run has committed is not done again.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import BenchError
from bench.data import Progress
from bench.data.formats.tensor_lmdb import TensorStore, TensorWriter, encode, finish
from bench.data.pooled import pooled
from bench.data.reben.dataset import base
from bench.data.reben.patches import declared
from bench.data.reben.stores import (
    LMDB,
    MAP,
    MAP_FOLDER,
    S1_FOLDER,
    S2_FOLDER,
    TENSORS,
    Folders,
    tree,
)

_BATCH = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Source:
    """A tree of GeoTIFFs, the bands of each of its patches, and what follows a name in its key."""

    folders: Folders
    bands: tuple[str, ...]
    ending: str = ""

    def encode(self, names: Sequence[str]) -> dict[str, bytes]:
        return {name + self.ending: self._encode_one(name) for name in names}

    def _encode_one(self, name: str) -> bytes:
        pixels = self.folders.read(name, self.bands)
        if pixels is None:
            raise BenchError(
                f"{name} vanished from {self.folders.root}", "repeat the command: it continues"
            )
        return encode({TENSORS.get(band, band): values for band, values in pixels.items()})


def convert(root: Path, workers: int, progress: Progress) -> Path:
    """Write every patch that is on disk as GeoTIFF into ``root/BigEarthNet_LMDB``.

    Args:
        root: the folder of the dataset.
        workers: how many processes read and encode; below 2 it is this process.
        progress: called with the number of blobs that are there and that there will be.

    Returns:
        The folder of the finished environment. One that is finished already is never written to.

    Raises:
        BenchError: there are no Sentinel-2 folders, a file is damaged, the disk is full, or the
            finished environment lacks what is on disk.
    """
    root = base(root)
    target, partial = root / LMDB, root / f"{LMDB}.partial"
    sources = _sources(root)
    if (target / "data.mdb").is_file():
        _require_complete(target, sources)
        return target
    if tree(root, S2_FOLDER) is None:
        raise BenchError(
            f"{root} has no {S2_FOLDER}/, from which the fast store is made",
            f"unpack {S2_FOLDER}.tar.zst there; folders of v1.0 hold other pixels",
        )
    for folder in (S1_FOLDER, MAP_FOLDER):
        if tree(root, folder) is None:
            _log.warning("%s has no %s/: the fast store will hold none of it", root, folder)
    _require_patches(sources)
    with TensorWriter(partial) as writer:
        there = writer.names()
        missing = [(source, _missing(source, there)) for source in sources]
        done = len(there)
        total = done + sum(len(names) for _, names in missing)
        progress(done, total)
        for blobs in pooled(_encoded, _batches(missing), workers):
            writer.put(blobs)
            done += len(blobs)
            progress(done, total)
    finish(partial, target)
    return target


def _sources(root: Path) -> list[_Source]:
    bands = declared()["bands"]
    radar = tuple(name for name, band in bands.items() if band["sensor"] == "sentinel-1-grd")
    optical = tuple(name for name in bands if name not in radar)
    trees = (
        (S2_FOLDER, "patch_id", 2, optical, ""),
        (S1_FOLDER, "s1_name", 3, radar, ""),
        (MAP_FOLDER, "patch_id", 2, (MAP,), f"_{MAP}"),
    )
    return [
        _Source(Folders(top, column, suffixes), bands, ending)
        for name, column, suffixes, bands, ending in trees
        if (top := tree(root, name)) is not None
    ]


def _require_patches(sources: list[_Source]) -> None:
    for source in sources:
        if next(source.folders.names(), None) is None:
            raise BenchError(
                f"expected folders of patches in {source.folders.root}, found none",
                "a patch is a folder such as S2A_MSIL2A_..._T33UUP_26_57, in that of its scene: "
                "unpack the archive again, or remove the folder if it isn't to be prepared",
            )


def _missing(source: _Source, there: set[str]) -> list[str]:
    return [name for name in source.folders.names() if name + source.ending not in there]


def _require_complete(target: Path, sources: list[_Source]) -> None:
    there = set(TensorStore(target).names()) if sources else set()
    lacking = {source.folders.root.name: len(_missing(source, there)) for source in sources}
    if any(lacking.values()):
        found = ", ".join(f"{count} patches of {name}" for name, count in lacking.items() if count)
        raise BenchError(
            f"{target} is finished but lacks {found}",
            "they are read from the folders; to include them, remove it and repeat the command",
        )


def _batches(missing: list[tuple[_Source, list[str]]]) -> Iterator[tuple[_Source, list[str]]]:
    for source, names in missing:
        for start in range(0, len(names), _BATCH):
            yield source, names[start : start + _BATCH]


def _encoded(batch: tuple[_Source, list[str]]) -> dict[str, bytes]:
    source, names = batch
    return source.encode(names)
