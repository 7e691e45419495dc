"""The GeoTIFFs of BigEarthNet v2.0 to one LMDB of safetensors, as rico-hdl does it.

Worker processes read and encode, this one commits. The environment has another name until it is
complete, and what a killed run has committed is not done again.
"""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.base.errors import BenchError, os_error
from bench.base.files import move
from bench.data import Progress
from bench.data.formats.tensor_lmdb import TensorStore, TensorWriter, encode
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
        for blobs in _encoded(missing, workers):
            writer.put(blobs)
            done += len(blobs)
            progress(done, total)
    try:
        move(partial, target)
    except OSError as error:
        raise os_error(
            f"could not rename {partial} to {target.name}",
            error,
            "repeat the command: it continues",
        ) from error
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


def _encoded(missing: list[tuple[_Source, list[str]]], workers: int) -> Iterator[dict[str, bytes]]:
    batches = (
        (source, names[start : start + _BATCH])
        for source, names in missing
        for start in range(0, len(names), _BATCH)
    )
    if workers < 2:
        for source, names in batches:
            yield source.encode(names)
        return
    # No fork: the caller may have threads. Few batches are under way, so memory stays bounded.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        under_way: deque[Future[dict[str, bytes]]] = deque()
        try:
            for source, names in batches:
                under_way.append(pool.submit(source.encode, names))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:
            raise BenchError(
                "a worker that reads GeoTIFFs was killed, perhaps for lack of memory",
                "repeat the command with fewer workers: it continues",
            ) from error
