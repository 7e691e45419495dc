"""One patch of HySpecNet-11k: its names, its bands, and the files it consists of.

Layout and preprocessing are those of the publication and of its tools
(https://hyspecnet.rsim.berlin, https://git.tu-berlin.de/rsim/hyspecnet-tools).
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import declaration
from bench.data.formats import geotiff, planar_tiff
from bench.data.values import require, values


@cache
def declared() -> Mapping[str, Any]:
    """The declaration of the dataset, parsed once."""
    return declaration("hyspecnet")


KEPT: tuple[str, ...] = tuple(declared()["bands"])
"""The names of the 202 bands that are kept: EnMAP band numbers, which start at 1."""

ROWS = np.array([int(name) - 1 for name in KEPT])
"""Where the kept bands are in a spectral image, from 0."""

BANDS = 224
"""Of the sensor, and of every spectral image."""

NODATA = int(declared()["dropped"]["nodata"])

LARGEST = 1024
"""The largest height and width of a patch that is read, in pixels; the published ones have 128."""

LAND, WATER, CLOUD, NOTHING = 0, 1, 2, 255
"""The values of `regions`."""

IMAGE, REDUCED = "SPECTRAL_IMAGE.TIF", "DATA.npy"

_GSD = 30
_VALUES = values("hyspecnet")
_BACKGROUND = 3
_LOWEST, _HIGHEST, _SCALE = 0, 10_000, np.float32(10_000)

_SAMPLE = re.compile(
    rf"(\w[\w.-]{{0,149}})/(\1-[\w.]{{1,50}})(?:/\2-(?:{re.escape(REDUCED)}|{re.escape(IMAGE)}))?",
    re.ASCII,
)
_SURFACES = np.array([NOTHING, LAND, WATER, NOTHING], np.uint8)
_THICK_CIRRUS = 3


def sample_of(entry: str) -> str:
    """The sample id, ``<tile>/<patch>``, of an entry of a split file.

    The published files name ``<tile>/<patch>/<patch>-DATA.npy``; the folder of the patch and its
    spectral image are understood too.

    Raises:
        BenchError: the entry is none of these. A path that leaves the dataset is never one.
    """
    match = _SAMPLE.fullmatch(entry)
    if match is None:
        raise BenchError(
            f"expected <tile>/<patch>/<patch>-{REDUCED}, found {entry[:100]!r}",
            "unpack hyspecnet-11k-splits.tar.gz again",
        )
    return f"{match[1]}/{match[2]}"


def sample_of_patch(patch: str) -> str:
    """The sample id of a patch, whose name is that of its tile and its place in it."""
    return f"{patch.rpartition('-')[0]}/{patch}"


def file(patches: Path, sample: str, ending: str) -> Path:
    """A file of a patch.

    Args:
        patches: the folder ``patches``.
        sample: the sample id.
        ending: what follows the name of the patch, such as `IMAGE`.

    Raises:
        BenchError: the id is none, so that it can't lead out of the folder.
    """
    folder = patches / sample_of(sample)
    return folder / f"{folder.name}-{ending}"


def image(path: Path) -> NDArray[np.int16]:
    """A spectral image as it is published, reflectance x 10000, int16 [224, H, W].

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: it is damaged, too large, or has not 224 bands of int16.
    """
    return planar_tiff.read(path, BANDS, np.int16, LARGEST, pixel=_GSD, nodata=(NODATA,))


def spectra(path: Path) -> NDArray[np.int16]:
    """The kept bands of a spectral image, int16 [202, H, W]; see `image`."""
    kept: NDArray[np.int16] = image(path)[ROWS]
    return kept


def reduced(path: Path) -> NDArray[np.float32]:
    """The copy of a patch that the tools of the publication make, float32 [202, H, W] in [0, 1].

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: it is damaged, or of another shape, type or range.
    """
    try:
        stored = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _unfit(path, f"found none that can be read ({reason})") from error
    sides = stored.shape[1:]
    fits = len(sides) == 2 and stored.shape[0] == len(KEPT) and min(sides) > 0
    if not fits or max(sides) > LARGEST or stored.dtype != np.float32:
        raise _unfit(path, f"found {'x'.join(map(str, stored.shape))} of {stored.dtype}")
    values = np.array(stored)
    # Written so that NaN is refused too.
    if not (values.min() >= 0 and values.max() <= 1):
        raise _unfit(path, f"found values from {values.min()} to {values.max()}")
    return values


def _unfit(path: Path, finding: str) -> BenchError:
    return BenchError(
        f"{path}: expected {len(KEPT)} bands of at most {LARGEST}x{LARGEST} pixels, float32 in "
        f"[0, 1]; {finding}",
        f"remove it, so that {IMAGE} is read, or make it again with hyspecnet-tools",
    )


def normalised(sample: str, kept: NDArray[np.int16]) -> NDArray[np.float32]:
    """The published preprocessing: clip to [0, 10000], divide by 10000.

    Args:
        sample: the sample id, for the error.
        kept: [202, H, W].

    Returns:
        float32 [202, H, W] in [0, 1].

    Raises:
        BenchError: a kept band has pixels without data.
    """
    require_data(sample, kept)
    values = np.clip(kept, _LOWEST, _HIGHEST).astype(np.float32)
    values /= _SCALE
    return values


def digital(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """The clipped reflectance x 10000 that `normalised` made values of; exact."""
    exact: NDArray[np.int16] = np.rint(values * _SCALE).astype(np.int16)
    return exact


def require_data(sample: str, kept: NDArray[np.int16]) -> None:
    """Refuse a patch whose kept bands have pixels without data, or other values than declared.

    Raises:
        BenchError: there is one; names the sample, the first such band and their number.
    """
    if kept.min() != NODATA:
        require(_VALUES, dict(zip(KEPT, kept, strict=True)), lambda _: f"patch {sample}")
        return
    counts = np.count_nonzero(kept == NODATA, axis=(1, 2))
    first = int(counts.argmax())
    raise BenchError(
        f"{sample}: expected data in all {len(KEPT)} kept bands, found {counts[first]} pixels "
        f"without any in EnMAP band {KEPT[first]} and such pixels in {np.count_nonzero(counts)} "
        "bands",
        "unpack the patch again; `bench data verify hyspecnet` looks for more",
    )


def regions(patches: Path, sample: str) -> NDArray[np.uint8] | None:
    """What each pixel of a patch shows, by its quality layers.

    A pixel is cloud where the cloud layer says so or cirrus is thick (3); else land or water by the
    layer of classes; else (no class, background) `NOTHING`. Thin and medium cirrus, haze, shadow
    and snow leave the class as it is.

    Returns:
        uint8 [H, W] of `LAND`, `WATER`, `CLOUD` and `NOTHING`; None where one of the three layers
        is not on disk.

    Raises:
        BenchError: a layer is damaged, of another size, or holds a code without meaning.
    """
    try:
        classes = _layer(patches, sample, "CLASSES", None, len(_SURFACES) - 1)
        cloud = _layer(patches, sample, "CLOUD", classes.shape, 1)
        cirrus = _layer(patches, sample, "CIRRUS", classes.shape, _THICK_CIRRUS)
    except FileNotFoundError:
        return None
    clouded = (cloud > 0) | (cirrus == _THICK_CIRRUS)
    shown: NDArray[np.uint8] = np.where(clouded, np.uint8(CLOUD), _SURFACES[classes])
    return shown


def _layer(
    patches: Path, sample: str, name: str, shape: tuple[int, ...] | None, highest: int
) -> NDArray[np.uint8]:
    path = file(patches, sample, f"QL_QUALITY_{name}.TIF")
    size = None if shape is None else (shape[0], shape[1])
    # The layer of classes says that its code of the background stands for no data.
    codes: NDArray[np.uint8] = geotiff.read(
        path, size, np.uint8, pixel=_GSD, nodata=(0, _BACKGROUND)
    )
    if codes.max() > highest:
        raise BenchError(
            f"{path}: expected codes from 0 to {highest}, found {codes.max()}",
            "unpack the patch again",
        )
    return codes
