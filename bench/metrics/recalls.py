"""Recall and median rank of queries that belong to samples, and the same of resampled samples.

What is resampled are samples (pictures); queries follow theirs. The gallery isn't resampled: a rank
is a place among all that there is, and it stays what it was found to be.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.metrics.embeddings import Indices

AT = (1, 5, 10)
"""The K of recall at K."""

Floats = NDArray[np.float64]

PROTOCOLS = ("", "optimistic", "distinct")
"""The protocols of `bench.metrics.retrieval.query_ranks`."""

_VALUES_AT_ONCE = 1 << 22


def hits(
    ranks: Indices, owner: Indices, weights: Floats, samples: int, at: Sequence[int] = AT
) -> Floats:
    """What recall is made of, per sample; rows add up.

    Args:
        ranks: [Q] from 1.
        owner: [Q] index of the sample that each query belongs to.
        weights: [Q] how much each query counts.
        samples: N.
        at: the K.

    Returns:
        [N, 4]: the weight of queries with a rank of at most 1, 5 and 10, and of all; of other K
        [N, the number of them + 1].
    """
    found = [np.bincount(owner, weights * (ranks <= k), samples) for k in at]
    return np.stack([*found, np.bincount(owner, weights, samples)], axis=1)


def recalls(sums: Floats) -> Floats:
    """Recall at each K [..., K] of sums of rows of `hits` [..., K + 1]; NaN without queries."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = sums[..., :-1] / sums[..., -1:]
    return shares


def medians(ranks: Indices, owner: Indices, counts: NDArray[np.uint16]) -> Floats:
    """The median rank of the queries in each resample, [B]; NaN without queries.

    Of an even number of queries it is the mean of the two middle ones.

    Args:
        ranks: [Q].
        owner: [Q] index of each query's sample.
        counts: [B, N] how often each of B resamples holds each sample.
    """
    found = np.full(len(counts), np.nan)
    order = np.argsort(ranks, kind="stable")
    ascending, owner = ranks[order], owner[order]
    step = max(1, _VALUES_AT_ONCE // max(len(order), 1))
    for start in range(0, len(counts) if len(order) else 0, step):
        so_far = np.cumsum(counts[start : start + step, owner], axis=1, dtype=np.int64)
        for row, places in enumerate(so_far, start):
            if whole := int(places[-1]):
                middle = np.searchsorted(places, [(whole + 1) // 2, whole // 2 + 1])
                found[row] = ascending[middle].mean()
    return found


def shares(number: Indices, owner: Indices, asked: NDArray[np.bool_]) -> Floats:
    """One over how many texts that are asked about are the same, [T]; 0 for those that aren't.

    Args:
        number: [T] equal for equal texts.
        owner: [T] the picture of each.
        asked: [N] whether a picture's queries count.
    """
    alike = np.bincount(number, asked[owner])[number]
    return np.divide(asked[owner], alike, out=np.zeros(len(owner)), where=alike > 0)


def recall_rows(
    i2t: Indices, t2i: Indices, share: Floats, owner: Indices, asked: NDArray[np.bool_]
) -> Floats:
    """What the recalls of both directions under all protocols are made of, [N, 24]; rows add up.

    Args:
        i2t: [N, 3] ranks of pictures as queries, a column for each of `PROTOCOLS`.
        t2i: [T, 3] ranks of texts as queries.
        share: [T] as `shares`.
        owner: [T] the picture of each text.
        asked: [N] whether a picture's queries count.
    """
    count = len(asked)
    everyone, ones = np.arange(count), asked[owner].astype(np.float64)
    columns = []
    for protocol, of_texts in enumerate((ones, ones, share)):
        columns += [
            hits(i2t[:, protocol], everyone, asked.astype(np.float64), count),
            hits(t2i[:, protocol], owner, of_texts, count),
        ]
    return np.concatenate(columns, axis=1)


def recall_metrics(
    sums: Floats, directions: tuple[str, str], protocols: Sequence[str] = PROTOCOLS
) -> dict[str, Floats]:
    """Recalls [B] by name from sums of `recall_rows` [B, 24].

    - ``recall_at_K_i2t``: share of pictures with one of their texts among the K best;
      ``recall_at_K_t2i``: share of texts whose picture is among the K best. Ties count against the
      model. ``recall_mean_i2t``, ``recall_mean_t2i``, ``recall_mean``: means of three and six.
    - ``..._i2toptimistic`` ...: the same with ties for the model.
    - ``..._i2tdistinct`` ...: every distinct text once, right for all pictures it was written for,
      as SkyScript counts (Wang et al., AAAI 2024).

    Args:
        sums: [B, 24].
        directions: what the two are called, ``i2t`` and ``t2i`` above.
        protocols: which of `PROTOCOLS`.
    """
    found = {}
    for protocol in protocols:
        first = 8 * PROTOCOLS.index(protocol)
        ways = {
            way: recalls(sums[:, first + 4 * side :][:, :4]) for side, way in enumerate(directions)
        }
        for way, values in ways.items():
            for k, value in zip(AT, values.T, strict=True):
                found[f"recall_at_{k}_{way}{protocol}"] = value
            found[f"recall_mean_{way}{protocol}"] = values.mean(axis=1)
        found[f"recall_mean{protocol}"] = np.mean([v.mean(axis=1) for v in ways.values()], axis=0)
    return found
