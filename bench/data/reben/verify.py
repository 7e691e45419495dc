"""Is what is on the disk the BigEarthNet v2.0 that was published?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import Check, Progress, sample_root
from bench.data.reben.dataset import Reben, base, metadata_path
from bench.data.reben.metadata import Metadata
from bench.data.reben.patches import SPLITS, UNLABELLED, declared, geographic_split
from bench.data.reben.stores import Folders
from bench.data.values import Darkest, values

_SEED = 0
_UNLABELLED_BELOW = 0.25


def checks(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration.

    Args:
        root: the folder of the dataset.
        pixels: how many patches are read; the same ones every time.
        progress: called with the number of patches read and to be read.
    """
    try:
        path = metadata_path(base(root))
        metadata = Metadata(path)
        yield _published(path)
        # The sample track has splits of its own size.
        if root.resolve() != sample_root("reben").resolve():
            yield _counts(metadata)
        yield _geography(metadata)
    except BenchError as error:
        yield Check("metadata", passed=False, found=str(error))
        return
    try:
        dataset = Reben(root)
        stores = dataset.stores
        held = {
            "Sentinel-2": dataset.held(stores.sentinel2),
            "Sentinel-1": dataset.held(stores.sentinel1),
            "reference maps": dataset.held(stores.maps),
        }
    except BenchError as error:
        yield Check("pixels", passed=False, found=str(error))
        return
    folders = {
        "Sentinel-2": stores.sentinel2,
        "Sentinel-1": stores.sentinel1,
        "reference maps": stores.maps,
    }
    for part, rows in held.items():
        tops = [str(store.root) for store in folders[part] if isinstance(store, Folders)]
        empty = [] if rows.any() else tops
        yield _presence(part, rows[dataset.metadata.recommended], dataset.layout, empty)
    yield from _contents(dataset, held, pixels, progress)


def _published(path: Path) -> Check:
    published = {file["name"]: file["md5"] for file in declared()["files"]}[path.name]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    same = digest.hexdigest() == published
    return Check("metadata", passed=True, found="as published" if same else "not the published one")


def _counts(metadata: Metadata) -> Check:
    found = {split: len(metadata.split(split)) for split in SPLITS}
    wanted = declared()["splits"]
    counts = ", ".join(f"{split} {found[split]} of {wanted[split]}" for split in SPLITS)
    return Check("splits", passed=found == wanted, found=counts)


def _geography(metadata: Metadata) -> Check:
    expected = geographic_split(metadata.ids())
    found = metadata.column("split").to_numpy(zero_copy_only=False).astype(str)
    wrong = int((expected != found).sum())
    return Check(
        "geographic split",
        passed=wrong == 0,
        found=f"{len(metadata) - wrong} of {len(metadata)} patches where the rule puts them",
    )


def _presence(part: str, held: NDArray[np.bool_], layout: str, empty: list[str]) -> Check:
    if empty:
        found = f"expected patches of the metadata in {', '.join(empty)}, found none"
        return Check(part, passed=False, found=f"{found}: unpack the archive again")
    count, total = int(held.sum()), len(held)
    # A part that nobody unpacked is no fault; one that is there in part is.
    found = f"{count} of {total} patches ({layout})" if count else "not on disk"
    return Check(part, passed=count in (0, total), found=found)


def _contents(
    dataset: Reben, held: dict[str, NDArray[np.bool_]], pixels: int, progress: Progress
) -> Iterator[Check]:
    bands = declared()["bands"]
    radar = [name for name, band in bands.items() if band["sensor"] == "sentinel-1-grd"]
    optical = [name for name in bands if name not in radar]
    rows = np.flatnonzero(held["Sentinel-2"] | held["Sentinel-1"])
    chosen = np.zeros(len(dataset.metadata), bool)
    chosen[np.random.default_rng(_SEED).permutation(rows)[:pixels]] = True
    samples = dataset.metadata.ids(chosen)
    labels = dataset.multilabels(samples)
    there = {part: rows[chosen] for part, rows in held.items()}
    faults: list[str] = []
    disagreements: list[str] = []
    darkest = Darkest(values("reben"))
    for index, sample in enumerate(samples):
        asked = [
            *(optical if there["Sentinel-2"][index] else []),
            *(radar if there["Sentinel-1"][index] else []),
        ]
        try:
            arrays = dataset.read(sample, asked)
            darkest.add(arrays)
            if there["reference maps"][index]:
                disagreements += _disagreement(dataset, sample, labels[index])
        except BenchError as error:
            faults.append(str(error))
        progress(index + 1, len(samples))
    faults += darkest.faults()
    yield Check.of("pixels", faults, f"{len(samples)} patches read whole")
    maps = int(there["reference maps"].sum())
    yield Check.of("labels", disagreements, f"as in the {maps} reference maps read")


def _disagreement(dataset: Reben, sample: str, labels: NDArray[np.uint8]) -> list[str]:
    classes = dataset.reference_map(sample)
    found = np.bincount(classes.ravel(), minlength=UNLABELLED + 1)
    unlabelled = found[UNLABELLED] / classes.size
    wrong = []
    if not np.array_equal(found[: len(labels)] > 0, labels > 0):
        wrong.append(f"the labels of {sample} are not the classes of its reference map")
    if unlabelled >= _UNLABELLED_BELOW:
        wrong.append(f"{unlabelled:.0%} of the reference map of {sample} is unlabelled")
    return wrong
