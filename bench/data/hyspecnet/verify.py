"""Is what is on the disk the HySpecNet-11k that was published?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import Check, Progress, sample_root
from bench.data.hyspecnet.dataset import SPLITS, HySpecNet, in_folders
from bench.data.hyspecnet.patches import (
    IMAGE,
    KEPT,
    NODATA,
    REDUCED,
    ROWS,
    declared,
    file,
    image,
    normalised,
    reduced,
)

_SEED = 0
_SHARE_WITHIN = 0.005
"""How far a split may be from its published share; the exact counts are not published."""


def checks(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration.

    Args:
        root: the folder of the dataset.
        pixels: how many patches are read; the same ones every time.
        progress: called with the number of patches read and to be read.
    """
    try:
        dataset = HySpecNet(root)
        present = dataset.present(KEPT)
    except (BenchError, OSError) as error:
        yield Check("patches", passed=False, found=str(error))
        return
    # The sample track has patches and splits of its own number.
    published = root.resolve() != sample_root("hyspecnet").resolve()
    yield _count(present, dataset.layout, published)
    for difficulty in ("easy", "hard"):
        yield _splits(dataset, difficulty, present, published)
    yield from _contents(dataset, present, pixels, progress)


def _count(present: Sequence[str], layout: str, published: bool) -> Check:
    patches, tiles = len(present), len({sample.partition("/")[0] for sample in present})
    wanted = declared()["patches"], declared()["tiles"]
    if not published:
        return Check("patches", passed=True, found=f"{patches} of {tiles} tiles ({layout})")
    return Check(
        "patches",
        passed=(patches, tiles) == wanted,
        found=f"{patches} of {wanted[0]}, of {tiles} of {wanted[1]} tiles ({layout})",
    )


def _splits(dataset: HySpecNet, difficulty: str, present: Sequence[str], published: bool) -> Check:
    name = f"{difficulty} split"
    names = [split for split, (of, _) in SPLITS.items() if of == difficulty]
    try:
        splits = [dataset.ids(split) for split in names]
    except BenchError as error:
        return Check(name, passed=False, found=str(error))
    listed = sum(map(len, splits))
    faults = []
    if shared := listed - len(set().union(*splits)):
        faults.append(f"{shared} patches are in two splits")
    if absent := len(set().union(*splits).difference(present)):
        faults.append(f"{absent} of {listed} listed patches are not on disk")
    if difficulty == "hard":
        tiles = Counter(
            tile for split in splits for tile in {sample.partition("/")[0] for sample in split}
        )
        if torn := sum(count > 1 for count in tiles.values()):
            faults.append(f"{torn} tiles are in two splits")
    if published:
        if listed != declared()["patches"]:
            faults.append(f"{listed} patches of {declared()['patches']} are listed")
        faults += [
            f"{split} has {len(samples) / max(listed, 1):.1%}, not {share:.0%}, of the patches"
            for (split, share), samples in zip(declared()["shares"].items(), splits, strict=True)
            if abs(len(samples) / max(listed, 1) - share) > _SHARE_WITHIN
        ]
    counts = ", ".join(
        f"{split} {len(samples)}" for split, samples in zip(names, splits, strict=True)
    )
    return Check(name, passed=not faults, found="; ".join(faults) or counts)


def _contents(
    dataset: HySpecNet, present: Sequence[str], pixels: int, progress: Progress
) -> Iterator[Check]:
    order = np.random.default_rng(_SEED).permutation(len(present))[:pixels]
    chosen = [present[index] for index in sorted(order)]
    imaged = set(in_folders(dataset.patches, IMAGE))
    copied = set(in_folders(dataset.patches, REDUCED))
    faults: list[str] = []
    nodata: list[str] = []
    differences: list[str] = []
    images = 0
    for index, sample in enumerate(chosen):
        try:
            values = dataset.cube(sample)
            dataset.regions(sample)
            if sample in imaged:
                images += 1
                published = image(file(dataset.patches, sample, IMAGE))
                nodata += _nodata(sample, published)
                wanted = normalised(sample, published[ROWS])
                copies = {dataset.layout: values}
                if sample in copied:
                    copies[REDUCED] = reduced(file(dataset.patches, sample, REDUCED))
                differences += _differences(sample, wanted, copies)
        except (BenchError, OSError) as error:
            faults.append(str(error))
        progress(index + 1, len(chosen))
    yield Check.of("pixels", faults, f"{len(chosen)} patches read whole")
    yield Check.of("nodata", nodata, f"exactly the dropped bands in {images} images")
    yield Check.of("copies", differences, f"as in the {images} images read")


def _nodata(sample: str, published: NDArray[np.int16]) -> list[str]:
    """The bands without data must be those that are dropped: another list would be off by one."""
    empty = published == NODATA
    found = (np.flatnonzero(empty.all(axis=(1, 2))) + 1).tolist()
    if found == declared()["dropped"]["bands"]:
        return []
    return [f"{sample} has no data in the EnMAP bands {found}"]


def _differences(
    sample: str, wanted: NDArray[np.float32], copies: dict[str, NDArray[np.float32]]
) -> list[str]:
    return [
        f"{sample} in its {name} copy is not what its {IMAGE} holds"
        for name, found in copies.items()
        if not np.array_equal(found, wanted)
    ]
