"""Is what is on the disk the MagicBathyNet that was published?"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.data import Check, Progress, declaration, sample_root
from bench.data.magicbathynet.area import (
    LISTS,
    MODALITIES,
    RULING,
    SPLITS,
    list_file,
    norm_file,
    read_lists,
)
from bench.data.magicbathynet.dataset import MagicBathyNet

_SEED = 0


def checks(root: Path, name: str, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration.

    Args:
        root: the folder of the dataset.
        name: of the dataset.
        pixels: how many patches are read; the same ones every time.
        progress: called with the number of patches read and to be read.
    """
    try:
        dataset = MagicBathyNet(root, name)
        found = {split: dataset.ids(split) for split in SPLITS}
    except BenchError as error:
        yield Check("splits", passed=False, found=str(error))
        return
    sample = root.resolve() == sample_root(name).resolve()
    yield _counts(found, {} if sample else declaration(name)["splits"])
    for what in LISTS.values():
        yield _agreement(dataset, what)
    for modality in MODALITIES:
        yield _norm(dataset, modality, published=not sample)
        yield _presence(dataset, modality, found)
    yield from _contents(dataset, found, pixels, progress, published=not sample)


def _counts(found: dict[str, list[str]], wanted: dict[str, int]) -> Check:
    # The sample track has splits of its own size; of some lists the size isn't published.
    right = all(len(found[split]) == count for split, count in wanted.items())
    counts = ", ".join(
        f"{split} {len(ids)}" + (f" of {wanted[split]}" if split in wanted else "")
        for split, ids in found.items()
    )
    return Check("splits", passed=right, found=counts)


def _agreement(dataset: MagicBathyNet, what: str) -> Check:
    name = f"lists of {what}"
    try:
        ruling = read_lists(list_file(dataset.folder, RULING, what))
        crossed, others = set[str](), 0
        for modality in MODALITIES:
            path = list_file(dataset.folder, modality, what)
            if modality == RULING or not path.is_file():
                continue
            others += 1
            lists = read_lists(path)
            crossed |= set(lists["train"]) & set(ruling["test"])
            crossed |= set(lists["test"]) & set(ruling["train"])
    except BenchError as error:
        return Check(name, passed=False, found=str(error))
    if not crossed:
        return Check(name, passed=True, found=f"{others + 1} modalities agree on train and test")
    first = min(crossed, key=int)
    found = f"{len(crossed)} patches are train in one modality and test in another, as {first}"
    return Check(name, passed=False, found=found)


def _norm(dataset: MagicBathyNet, modality: str, *, published: bool) -> Check:
    name = f"norm file of {modality}"
    if norm_file(dataset.folder, modality, dataset.area.suffix) is None:
        return Check(name, passed=True, found="not on disk")
    try:
        low, high = dataset.limits(modality)
    except BenchError as error:
        return Check(name, passed=False, found=str(error))
    declared = declaration(dataset.name)
    used = declared["statistics"][declared["preprocessing"]["statistics"]]
    bands = dataset.area.bands[modality]
    ranges = np.stack([low, high - low], axis=1)
    if np.allclose(ranges, [used[band] for band in bands]):
        return Check(name, passed=True, found="as declared")
    wanted = "; ".join(
        f"{band} = [{least:.10g}, {width:.10g}]"
        for band, (least, width) in zip(bands, ranges.tolist(), strict=True)
    )
    if not published:
        return Check(name, passed=True, found=f"of simulated images: {wanted}")
    followed = "inputs that end in -norm, -x1 or -x16 follow it, the others declare constants"
    return Check(name, passed=True, found=f"{wanted}; {followed}")


def _presence(dataset: MagicBathyNet, modality: str, found: dict[str, list[str]]) -> Check:
    parts, whole = [], True
    for what, ends in (("img", LISTS), ("depth", [""]), ("gts", ["-seabed"])):
        wanted = {id_ for split in SPLITS for id_ in found[split] if _end(split) in ends}
        count = len(wanted & dataset.held(what, modality))
        # A part that nobody unpacked is no fault; one that is there in part is.
        whole &= count in (0, len(wanted))
        parts.append(f"{what} {count} of {len(wanted)}")
    return Check(f"files of {modality}", passed=whole, found=", ".join(parts))


def _end(split: str) -> str:
    _, dash, end = split.partition("-")
    return dash + end


def _contents(
    dataset: MagicBathyNet,
    found: dict[str, list[str]],
    pixels: int,
    progress: Progress,
    *,
    published: bool,
) -> Iterator[Check]:
    samples = sorted({id_ for ids in found.values() for id_ in ids})
    chosen = np.random.default_rng(_SEED).permutation(samples)[:pixels].tolist()
    faults: dict[str, list[str]] = {"images": [], "depths": [], "labels": []}
    read = dict.fromkeys(faults, 0)
    held = {
        (what, modality): dataset.held(what, modality)
        for what in ("img", "depth", "gts")
        for modality in MODALITIES
    }
    with_depth = {id_ for split in SPLITS if not _end(split) for id_ in found[split]}
    for done, sample in enumerate(chosen, 1):
        for modality in MODALITIES:
            if sample not in held["img", modality]:
                continue
            bands = dataset.area.bands[modality]
            try:
                part = "images"
                side = len(dataset.read(sample, bands)[bands[0]])
                read[part] += 1
                if published and side != dataset.area.sides[modality]:
                    wanted = dataset.area.sides[modality]
                    faults[part].append(f"{modality} image {sample} has {side} px, not {wanted}")
                if sample in held["depth", modality] and sample in with_depth:
                    part = "depths"
                    dataset.depth(sample, bands)
                    read[part] += 1
                if sample in held["gts", modality]:
                    part = "labels"
                    dataset.reference_map(sample, bands)
                    read[part] += 1
            except BenchError as error:
                faults[part].append(str(error))
        progress(done, len(chosen))
    for part, wrong in faults.items():
        words = f"{len(wrong)} faults, the first: {wrong[0]}" if wrong else f"{read[part]} read"
        yield Check(part, passed=not wrong, found=words)
