"""What a codec did elsewhere, as its maker measured it; a part of `bench.kinds.compression`.

Streams and decoded images are too large to be handed in, so bytes and distortions are taken as they
are told. What can be checked is: that they are of the dataset's images, and that no sum
contradicts another one.
"""

import math
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.kinds.common.tables import SAMPLE, field
from bench.metrics.compression import SURFACES

_AREAS = 1 + len(SURFACES)
_MOST_POINTS = 64
_MOST = 1e12
_LARGEST = 1e40
_ROUNDING = 1e-3
_PLAIN_BYTES, _HEAD = 4, 4096


def prediction_schema(channels: int) -> pa.Schema:
    """All that is observed of an image, with R rate points, A areas and C channels.

    An area is the whole image, or one of `SURFACES`.
    """
    counts, numbers = pa.list_(pa.int64()), pa.list_(pa.float64())
    of_areas = f"whole image, {', '.join(SURFACES)}"
    by_area = _MOST_POINTS * _AREAS
    columns = [
        SAMPLE,
        field("points", pa.list_(pa.string()), "names of the R rate points", longest=_MOST_POINTS),
        field("channels", pa.int32(), "C, of the image", low=channels, high=channels),
        field("pixels", counts, f"[A]: {of_areas}", low=0, high=_MOST, longest=_AREAS),
        field("bytes", counts, "[R]: of the whole stream", low=1, high=_MOST, longest=_MOST_POINTS),
        field(
            "latents",
            counts,
            "[R]: float32 latents of the nominal rate, 0 for none",
            low=0,
            high=_MOST,
            longest=_MOST_POINTS,
        ),
        field(
            "squared_error",
            numbers,
            "[R, A, C]: sum over pixels, reflectance with peak 1",
            low=0,
            high=_LARGEST**2,
            longest=by_area * channels,
        ),
        field("largest", numbers, "[R, A]: absolute error", low=0, high=_LARGEST, longest=by_area),
        field(
            "angle",
            numbers,
            "[R, A]: sum over pixels of the spectral angle in radians",
            low=0,
            high=_MOST,
            longest=by_area,
        ),
        field("ssim", numbers, "[R]: mean over channels", low=-1, high=1, longest=_MOST_POINTS),
        *(
            field(name, numbers, "[R]: seconds", low=0, high=_MOST, longest=_MOST_POINTS)
            for name in ("encode_seconds", "decode_seconds")
        ),
    ]
    return pa.schema(columns)


def check(row: dict[str, Any], pixels: list[int]) -> None:
    """Refuse what can't be so of one image.

    Args:
        row: of a table of predictions.
        pixels: how many each area of the image has.

    Raises:
        BenchError: points repeat, a stream is larger than the image without compression, a list has
            another length than its shape says, the image has other areas, or two sums contradict
            each other.
    """
    points, channels = len(row["points"]), row["channels"]
    if not points or len(set(row["points"])) != points:
        raise _refused(row, f"expected rate points of different names, found {row['points']!r:.80}")
    lengths = {
        **dict.fromkeys(("bytes", "latents", "ssim", "encode_seconds", "decode_seconds"), points),
        **dict.fromkeys(("largest", "angle"), points * _AREAS),
        "squared_error": points * _AREAS * channels,
    }
    for name, length in lengths.items():
        if len(row[name]) != length:
            raise _refused(row, f"expected {length} values of {name}, found {len(row[name])}")
    if row["pixels"] != pixels:
        raise _refused(row, f"expected pixels {pixels}, found {row['pixels']}")
    most = _PLAIN_BYTES * channels * pixels[0] + _HEAD
    if max(row["bytes"]) > most:
        raise _refused(
            row,
            f"found a stream of {max(row['bytes']):,} bytes, the image in float32 has {most:,}: "
            "are they bits?",
        )
    squared = np.reshape(row["squared_error"], (points, _AREAS, channels))
    largest, angle = (np.reshape(row[name], (points, _AREAS)) for name in ("largest", "angle"))
    count = np.array(pixels)
    by_one, by_all = largest**2, squared.sum(axis=2)
    for fault, where in {
        "an angle beyond 180 degrees": _more(angle, math.pi * count),
        "more squared error than its largest error allows": _more(squared.max(2), by_one * count),
        "a larger error than its squared errors allow": _more(by_one, by_all),
        "more squared error in its surfaces than in the whole": _more(
            squared[:, 1:].sum(axis=1), squared[:, 0]
        ),
    }.items():
        if where.any():
            point = row["points"][int(where.reshape(points, -1).any(axis=1).argmax())]
            raise _refused(row, f"found {fault} at rate point {point!r:.80}")


def _more(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a part is larger than the whole, by more than rounding."""
    larger: NDArray[np.bool_] = part > whole * (1 + _ROUNDING)
    return larger


def _refused(row: dict[str, Any], fault: str) -> BenchError:
    return BenchError(
        f"sample {row['sample']}: {fault}", "`bench info TASK --schema` tells the shapes"
    )
