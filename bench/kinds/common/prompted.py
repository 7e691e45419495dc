"""Embeddings of pictures and of the sentences that name the classes; a part of `zeroshot`."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.kinds.common.tables import SAMPLE, field
from bench.metrics.zeroshot import class_embeddings, class_scores

Sentences = Mapping[str, tuple[tuple[str, ...], ...]]
"""The sentences of each class by set of prompts, [classes][templates]."""

_WIDEST = 8192


def schema() -> pa.Schema:
    """``sample`` and ``embedding`` float32 [width]: a row a picture, a row a sentence."""
    about = (
        "instead of similarities: the embedding of the picture or, in a row whose sample is the "
        "sentence itself, of a prompt; of any norm but 0. Cosines and means are computed here"
    )
    return pa.schema([SAMPLE, field("embedding", pa.list_(pa.float32()), about, longest=_WIDEST)])


def vectors(table: pa.Table, width: int | None = None) -> NDArray[np.float32]:
    """The embeddings of a table, [N, width].

    Args:
        table: N rows of `schema`.
        width: that of other embeddings; None for that of the first row.

    Raises:
        BenchError: one has another width, or is 0.
    """
    lengths = pc.list_value_length(table.column("embedding")).to_numpy()
    width = width or int(lengths[:1].sum())
    wrong = (lengths != width) | (lengths == 0)
    if wrong.any():
        row = int(wrong.argmax())
        raise BenchError(
            f"expected embeddings of {width} numbers, found {lengths[row]} for "
            f"{str(table.column('sample')[row])[:100]!r}",
            "both towers of one model give vectors of one width",
        )
    flat = table.column("embedding").combine_chunks().flatten().to_numpy()
    found: NDArray[np.float32] = flat.reshape(-1, width)
    nothing = ~found.any(axis=1)
    if nothing.any():
        named = str(table.column("sample")[int(nothing.argmax())])[:100]
        raise BenchError(
            f"column embedding holds only zeros for {named!r}",
            "an embedding has a direction: check the model that made it",
        )
    return found


def classifiers(sentences: Sentences, table: pa.Table) -> dict[str, NDArray[np.float32]]:
    """A unit vector for each class, [classes, width], under each set of prompts that is given.

    Args:
        sentences: the first set ranks.
        table: the embeddings of sentences, of `schema`.

    Raises:
        BenchError: a sentence is there twice, or the first set or a part of another isn't there.
    """
    given = table.column("sample").to_pylist()
    place = {sentence: row for row, sentence in enumerate(given)}
    if len(place) < len(given):
        twice = next(one for row, one in enumerate(given) if place[one] != row)
        raise BenchError(f"expected each prompt once, found {twice!r} again", "leave one of them")
    found = {}
    embeddings = vectors(table) if given else np.empty((0, 1), np.float32)
    for name, by_class in sentences.items():
        wanted = [sentence for several in by_class for sentence in several]
        missing = [sentence for sentence in wanted if sentence not in place]
        if not missing:
            rows = np.array([place[sentence] for sentence in wanted])
            units = embeddings[rows].reshape(len(by_class), -1, embeddings.shape[1])
            found[name] = class_embeddings(units)
        elif not found:
            raise BenchError(
                f"expected the embeddings of the {len(wanted)} prompts of {name}, found "
                f"{len(wanted) - len(missing)}: {missing[0]!r} is missing",
                "`bench info TASK --prompts` prints them, one a line",
            )
    return found


def similarities(sentences: Sentences, prompts: pa.Table, table: pa.Table) -> pa.Table:
    """The cosine of pictures with classes: ``sample`` and ``similarities`` [sets * classes].

    NaN under sets of prompts that aren't given.

    Args:
        sentences: the first set ranks.
        prompts: the embeddings of sentences, of `schema`.
        table: the embeddings of pictures, of `schema`.

    Raises:
        BenchError: as `classifiers` and `vectors`.
    """
    classes = classifiers(sentences, prompts)
    width = next(iter(classes.values())).shape[1]
    pictures = vectors(table, width)
    scores = np.full((len(pictures), len(sentences), len(next(iter(sentences.values())))), np.nan)
    for index, name in enumerate(sentences):
        if name in classes:
            scores[:, index] = class_scores(pictures, classes[name])
    listed = pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), scores[0].size)
    return pa.table(
        {"sample": table.column("sample"), "similarities": listed.cast(pa.list_(pa.float64()))}
    )
