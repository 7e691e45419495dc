"""Is what is on the disk the PASTIS that was published?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.data import Check, Progress, sample_root
from bench.data.pastis.dataset import Pastis
from bench.data.pastis.metadata import FOLDS, declared, norm_file, norms
from bench.data.series import by_band
from bench.data.values import Darkest, values

_SEED = 0
_NEAR = 1e-4
"""How far the declared statistics may be from those of the file, relatively."""


def checks(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare what is under ``root`` with the declaration.

    Args:
        root: the folder of the dataset.
        pixels: how many patches are read; the same ones every time.
        progress: called with the number of patches read and to be read.
    """
    try:
        dataset = Pastis(root)
        known = dataset.patches
        held = {name: dataset.held(name) for name in ("TARGET", *declared()["series"])}
    except (BenchError, OSError) as error:
        yield Check("patches", passed=False, found=str(error))
        return
    # The sample track has patches of its own.
    published = root.resolve() != sample_root("pastis").resolve()
    folds = Counter(patch.fold for patch in known.values())
    wanted = declared()["patches"] if published else len(known)
    shown = ", ".join(f"{fold}: {folds[fold]}" for fold in FOLDS)
    yield Check(
        "patches", passed=len(known) == wanted, found=f"{len(known)} of {wanted}, by fold {shown}"
    )
    for name, there in held.items():
        lacking = len(known.keys() - there)
        # PASTIS itself has no Sentinel-1.
        absent = name.startswith("S1") and not there
        yield Check(
            name,
            passed=absent or not lacking,
            found="none" if absent else f"{len(there)} patches, {lacking} lack it",
        )
        if name != "TARGET" and there:
            yield _statistics(dataset, name, published)
    yield from _contents(dataset, [name for name in held if held[name]], pixels, progress)


def _statistics(dataset: Pastis, series: str, published: bool) -> Check:
    """The NORM file fits its bands, and its first fold is what inputs are normalised with."""
    path = norm_file(dataset.root, series)
    try:
        found = norms(path, series)[1]
    except BenchError as error:
        return Check(path.name, passed=False, found=str(error))
    named = declared()["series"][series]
    stated = np.array([declared()["statistics"]["fold1"][band] for band in named]).T
    alike = bool(np.allclose(found, stated, rtol=_NEAR)) or not published
    return Check(path.name, alike, f"{len(named)} bands" if alike else f"Fold_1 is {found}")


def _contents(
    dataset: Pastis, held: Sequence[str], pixels: int, progress: Progress
) -> Iterator[Check]:
    known = sorted(dataset.patches)
    order = np.random.default_rng(_SEED).permutation(len(known))[:pixels]
    chosen = [known[index] for index in sorted(order)]
    original = Pastis(dataset.root)
    original.store = None
    faults: list[str] = []
    differences: list[str] = []
    darkest = Darkest(values("pastis"))
    for number, patch in enumerate(chosen):
        try:
            shape = dataset.reference_map(patch).shape
            for name in held:
                if name == "TARGET" or patch not in dataset.held(name):
                    continue
                (series,) = dataset.series(patch, declared()["series"][name])
                if series.pixels.shape[2:] != shape:
                    faults.append(f"{name} of {patch} is not as large as its labels")
                darkest.add(by_band([series]), len(series.pixels))
                copied = dataset.store is not None and patch in original.held(name)
                if copied and not np.array_equal(series.pixels, original.pixels(patch, name)):
                    differences.append(f"{name} of {patch} is not what its file holds")
        except (BenchError, OSError) as error:
            faults.append(str(error))
        progress(number + 1, len(chosen))
    faults += darkest.faults()
    yield Check.of("arrays", faults, f"{len(chosen)} patches read whole")
    if dataset.store is not None:
        yield Check.of("store", differences, f"as the files of {len(chosen)} patches")
