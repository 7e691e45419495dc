"""NumPy files from strangers, mapped rather than read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def mapped(path: Path, types: Sequence[str], largest: Sequence[int]) -> NDArray[Any]:
    """The array in a ``.npy`` file as a read-only map: only what is used of it is read.

    The header is parsed as a literal, never unpickled, and nothing is allocated for its promises: a
    file that is shorter than its shape is refused.

    Args:
        path: of the file.
        types: the dtypes that are allowed, such as ``<i2``.
        largest: of the shape, axis by axis.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: it is no such array.
    """
    try:
        with path.open("rb") as stream:
            shape, fortran, kind = _HEADERS[np.lib.format.read_magic(stream)](stream)
            begin = stream.tell()
        fits = len(shape) == len(largest) and all(
            0 < side <= most for side, most in zip(shape, largest, strict=True)
        )
        if not fits or kind.str not in types or fortran:
            order = " in Fortran's order" if fortran else ""
            found = f"{' x '.join(map(str, shape))} of {kind.str}{order}"
            raise _unfit(path, types, largest, found)
        return np.memmap(path, kind, "r", begin, shape)
    except FileNotFoundError:
        raise
    except (KeyError, ValueError, TypeError, OSError, EOFError) as error:
        raise _unfit(path, types, largest, " ".join(str(error).split())[:200]) from error


def _unfit(path: Path, types: Sequence[str], largest: Sequence[int], found: str) -> BenchError:
    return BenchError(
        f"{path}: expected an array of {' or '.join(types)} and at most "
        f"{' x '.join(map(str, largest))}, found {found}",
        "unpack it from the archive again",
    )
