"""The reader of EOekoLand, whose data are not public: for those who hold them.

Source: F. Follath et al., IGARSS 2024, arXiv:2406.16513; the layout is what the code of its first
author reads, https://github.com/theresamisu/Masterthesis.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.base.errors import BenchError
from bench.data import Check, Progress, declaration, sample_root
from bench.data.eoekoland.dataset import LISTS, EOekoLand
from bench.data.series import by_band
from bench.data.values import Darkest, values

_NAME = "eoekoland"


def open_dataset(root: Path) -> EOekoLand:
    """Open the archives."""
    return EOekoLand(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.eoekoland import simulate as simulated

    simulated.write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Nothing to do: a patch is a small file for each modality, read whole and at once."""
    return root


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the publication."""
    declared = declaration(_NAME)
    try:
        dataset = EOekoLand(root)
        listed = {split: dataset.ids(split) for split in LISTS}
    except BenchError as error:
        yield Check("splits", passed=False, found=str(error))
        return
    # The sample track has splits of its own size.
    published = root.resolve() != sample_root(_NAME).resolve()
    wanted = declared["splits"] if published else {}
    right = all(len(listed[split]) == count for split, count in wanted.items())
    counts = ", ".join(f"{split} {len(ids)}" for split, ids in listed.items())
    yield Check("splits", passed=right, found=counts)
    samples = [sample for ids in listed.values() for sample in ids]
    faults, done, darkest = [], 0, Darkest(values(_NAME))
    for name, series in declared["series"].items():
        there = set(dataset.present(series["bands"]))
        lacking = sum(sample not in there for sample in samples)
        found = f"{len(samples) - lacking} of {len(samples)} patches"
        # A modality that nobody unpacked is no fault; one that is there in part is.
        yield Check(name, passed=lacking in (0, len(samples)), found=found)
        chosen = [sample for sample in samples if sample in there][:pixels]
        for sample in chosen:
            try:
                images = dataset.series(sample, series["bands"])
                darkest.add(by_band(images), len(images[0].pixels))
                dataset.reference_map(sample, series["bands"])
            except BenchError as error:
                faults.append(str(error))
            done += 1
            progress(done, len(declared["series"]) * min(pixels, len(samples)))
    faults += darkest.faults()
    words = f"{len(faults)} faults, the first: {faults[0]}" if faults else f"{done} archives read"
    yield Check("contents", passed=not faults, found=words)
