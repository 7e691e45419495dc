"""Embeddings of pictures and captions as columns; a part of `bench.kinds.retrieval`."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.kinds.common.tables import SAMPLE, field
from bench.metrics.embeddings import Embeddings, Indices

_WIDEST = 8192
_MOST_CAPTIONS = 64


def prediction_schema(*, of_composites: bool) -> pa.Schema:
    """``sample``; ``image`` float32 [width]; ``texts`` float32 [captions * width]."""
    numbers = pa.list_(pa.float32())
    image = "the embedding of the picture, of any norm but 0"
    texts = (
        "the embedding of each of its captions, one after the other, in the dataset's order; equal "
        "captions of several pictures count with the embedding of the first of them"
    )
    if of_composites:
        image, texts = "the embedding of the composite, of any norm but 0", "that of the bands"
    return pa.schema(
        [
            SAMPLE,
            field("image", numbers, image, longest=_WIDEST),
            field("texts", numbers, texts, longest=_MOST_CAPTIONS * _WIDEST),
        ]
    )


def check(table: pa.Table, captions: Sequence[int]) -> None:
    """Refuse embeddings that aren't one for each picture and caption, or only zeros.

    Args:
        table: predictions, N rows.
        captions: [N] how many captions each picture has.

    Raises:
        BenchError: as above.
    """
    check_widths(table, np.array(captions))
    width = len(table.column("image")[0])
    for name, owner in (
        ("image", np.arange(table.num_rows)),
        ("texts", np.repeat(np.arange(table.num_rows), captions)),
    ):
        flat = table.column(name).combine_chunks().flatten().to_numpy()
        nothing = ~flat.reshape(-1, width).any(axis=1)
        if nothing.any():
            sample = table.column("sample")[int(owner[nothing.argmax()])]
            raise BenchError(
                f"column {name} holds only zeros for sample {sample}",
                "an embedding has a direction: check the model that made it",
            )


def check_widths(table: pa.Table, captions: NDArray[np.int64]) -> None:
    """Refuse a table whose embeddings aren't one for each picture and caption, of one width.

    Raises:
        BenchError: as above.
    """
    image, texts = (
        pc.list_value_length(table.column(name)).to_numpy() for name in ("image", "texts")
    )
    width = image[:1].sum()
    wrong = (image != width) | (texts != width * captions) | (image == 0)
    if wrong.any():
        row = int(wrong.argmax())
        raise BenchError(
            f"expected an embedding of {width} numbers for the picture and for each of "
            f"{captions[row]} captions of sample {table.column('sample')[row]}, found {image[row]} "
            f"and {texts[row]} numbers",
            "one embedding for each picture and caption, all of one width",
        )


def unpacked(observations: pa.Table) -> tuple[Embeddings, Embeddings, pa.Array, Indices]:
    """Embeddings [N, width] and [T, width], captions [T] and whose they are [T].

    Raises:
        BenchError: as `check_widths`.
    """
    count = observations.num_rows
    captions = observations.column("captions").combine_chunks()
    several = captions.value_lengths().to_numpy()
    check_widths(observations, several)
    owner = np.repeat(np.arange(count), several)
    flat = [
        observations.column(name).combine_chunks().flatten().to_numpy()
        for name in ("image", "texts")
    ]
    return flat[0].reshape(count, -1), flat[1].reshape(len(owner), -1), captions.flatten(), owner
