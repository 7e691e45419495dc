"""Subsets of the training samples, for studies of how many labels a method needs."""

import heapq
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.base.errors import BenchError, RequestError
from bench.spec.labels import Labels

UNLABELLED = -1
"""The stratum of samples without a label, or without a value."""

_BINS = 10


def order(strata: Sequence[Hashable], draw: int) -> NDArray[np.int64]:
    """A random permutation of the samples of which every prefix is stratified.

    Of m samples from the front, a stratum with n of all N samples has m n / N, rounded up or down.
    A shorter prefix is part of a longer one, so that subsets of several sizes are nested. Strata
    take turns by earliest deadline, which holds these bounds for all prefixes at once (R. Tijdeman,
    Discrete Mathematics 32, 1980; G. Steiner, S. Yeomans, Management Science 39, 1993); chance
    decides between equal deadlines, and on the order within a stratum.

    The permutation depends on the order of the samples and on nothing else that changes: numpy
    keeps this generator as it is.

    Args:
        strata: [N] of the samples.
        draw: the seed, from 0 to 2**32 - 1.

    Returns:
        [N] indices of samples.
    """
    random = np.random.RandomState(draw)
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, stratum in enumerate(strata):
        members[stratum].append(index)
    queues = [random.permutation(own) for own in members.values()]
    priority = random.permutation(len(queues))
    total = len(strata)
    # In units of 1 / (2 k - 2) of a sample: no share may be off by more than 1 - 1 / (2 k - 2).
    unit = max(2 * len(queues) - 2, 1)
    waiting = [(1, place) for place in range(len(queues))]
    ready: list[tuple[int, int, int]] = []
    taken = [0] * len(queues)
    found = np.empty(total, np.int64)
    for step in range(total):
        while waiting and waiting[0][0] <= step + 1:
            place = heapq.heappop(waiting)[1]
            deadline = ((taken[place] + 1) * unit - 1) * total // (unit * len(queues[place]))
            heapq.heappush(ready, (deadline, int(priority[place]), place))
        place = heapq.heappop(ready)[2]
        own = queues[place]
        found[step] = own[taken[place]]
        taken[place] += 1
        if taken[place] < len(own):
            # The first step at which its share has grown a little beyond what it has.
            release = -((taken[place] * unit + 1) * -total // (unit * len(own)))
            heapq.heappush(waiting, (release, place))
    return found


def subset(ids: Sequence[str], strata: Sequence[Hashable], labels: Labels) -> list[str]:
    """The samples that a method may learn from, in the order of ``ids``.

    A share is rounded to a whole number of samples, half of one upwards, and is at least one
    sample; strata have their part of it as `order` says. Shots are the first of each stratum in
    that order; samples of the stratum `UNLABELLED` belong to no class and are left out. Subsets of
    one draw are nested. `bench.data.ids_sha256` is the fingerprint of one.

    Args:
        ids: [N] of the training samples.
        strata: [N], the class of each sample, or what stands for it.
        labels: how many, and which draw.

    Raises:
        BenchError: ids and strata differ in number, or there is no sample.
        RequestError: a class has fewer samples than there are to be shots.
    """
    if len(ids) != len(strata) or not ids:
        raise BenchError(
            f"expected a stratum for each of the samples, found {len(strata)} for {len(ids)}"
        )
    ordered = order(strata, labels.draw)
    if labels.percent is not None:
        exact, whole = (len(ids) * labels.percent).as_integer_ratio()
        count = max((2 * exact + 100 * whole) // (200 * whole), 1)
        chosen = ordered[:count].tolist()
    else:
        assert labels.shots is not None
        chosen = _shots(ordered, strata, labels.shots)
    return [ids[index] for index in sorted(chosen)]


def strata(found: NDArray[Any]) -> list[int]:
    """Strata of what `bench.kinds.common.kind.Kind.strata` gives: classes [N, C] or values [N]."""
    return strata_of_labels(found) if found.ndim == 2 else strata_of_values(found)


def strata_of_labels(targets: ArrayLike) -> list[int]:
    """The rarest class of each sample, `UNLABELLED` where it has none.

    A class is as rare as few of these samples have it; of equally rare ones it is the first. So
    rare classes keep their share in subsets, which a stratum for each set of labels wouldn't
    give: most sets occur once. Of one-hot targets the stratum is the class.

    Args:
        targets: [N, L]; a label is there where its target isn't 0.

    Raises:
        BenchError: the targets don't have two axes.
    """
    held = np.asarray(targets) != 0
    if held.ndim != 2:
        raise BenchError(f"expected targets [N, L], found {list(held.shape)}")
    counts = held.sum(axis=0)
    places = np.argsort(counts, kind="stable")
    if not len(places):
        return [UNLABELLED] * len(held)
    rarest = places[held[:, places].argmax(axis=1)]
    return [int(found) for found in np.where(held.any(axis=1), rarest, UNLABELLED)]


def strata_of_values(values: ArrayLike, bins: int = _BINS) -> list[int]:
    """The quantile bin of each value, from 0; `UNLABELLED` where it isn't finite.

    Bins hold about as many samples each; equal values are in one bin.

    Args:
        values: [N].
        bins: at most so many.

    Raises:
        BenchError: the values don't have one axis, or there is no bin.
    """
    own = np.asarray(values, np.float64)
    if own.ndim != 1 or bins < 1:
        raise BenchError(f"expected values [N] and a bin, found {list(own.shape)} and {bins} bins")
    finite = np.isfinite(own)
    if not finite.any():
        return [UNLABELLED] * len(own)
    edges = np.quantile(own[finite], np.arange(1, bins) / bins)
    found = np.searchsorted(np.unique(edges), own, side="right")
    return [int(value) for value in np.where(finite, found, UNLABELLED)]


def _shots(ordered: NDArray[np.int64], strata: Sequence[Hashable], shots: int) -> list[int]:
    chosen: dict[Hashable, list[int]] = defaultdict(list)
    for index in ordered.tolist():
        own = chosen[strata[index]]
        if len(own) < shots:
            own.append(index)
    chosen.pop(UNLABELLED, None)
    if few := {stratum: len(own) for stratum, own in chosen.items() if len(own) < shots}:
        rarest = min(few, key=few.__getitem__)
        raise RequestError(
            f"expected {shots} samples of each class, found {few[rarest]} of class {rarest}"
            + (f" and too few of {len(few) - 1} more" if len(few) > 1 else ""),
            f"ask for at most {few[rarest]}-shot, or for a share such as 10%",
        )
    if not chosen:
        raise RequestError("expected samples of a class, found none", "ask for a share such as 10%")
    return [index for own in chosen.values() for index in own]
