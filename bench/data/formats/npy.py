"""NumPy files from strangers: mapped rather than read, and never unpickled."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

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
            shape, kind = _header(stream, f"{path}", types, largest)
            begin = stream.tell()
        return np.memmap(path, kind, "r", begin, shape)
    except FileNotFoundError:
        raise
    except (KeyError, ValueError, TypeError, OSError, EOFError) as error:
        raise _unfit(f"{path}", types, largest, " ".join(str(error).split())[:200]) from error


def member(path: Path, name: str, types: Sequence[str], largest: Sequence[int]) -> NDArray[Any]:
    """An array of a ``.npz`` file, read as `mapped` does: never more than its header says.

    Args:
        path: of the file.
        name: of the array.
        types: the dtypes that are allowed, such as ``<i2``.
        largest: of the shape, axis by axis.

    Raises:
        FileNotFoundError: there is no such file.
        BenchError: it holds no such array.
    """
    where = f"{name} in {path}"
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            shape, kind = _header(stream, where, types, largest)
            content = stream.read(math.prod(shape) * kind.itemsize)
        return np.frombuffer(content, kind, math.prod(shape)).reshape(shape)
    except FileNotFoundError:
        raise
    # zipfile raises errors of many types, of its own and of the codecs, on damaged files.
    except (
        *(KeyError, ValueError, TypeError, OSError, EOFError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error, NotImplementedError),
    ) as error:
        raise _unfit(where, types, largest, " ".join(str(error).split())[:200]) from error


def _header(
    stream: IO[bytes], where: str, types: Sequence[str], largest: Sequence[int]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape, fortran, kind = _HEADERS[np.lib.format.read_magic(stream)](stream)
    fits = len(shape) == len(largest) and all(
        0 < side <= most for side, most in zip(shape, largest, strict=True)
    )
    if not fits or kind.str not in types or fortran:
        order = " in Fortran's order" if fortran else ""
        found = f"{' x '.join(map(str, shape))} of {kind.str}{order}"
        raise _unfit(where, types, largest, found)
    return shape, kind


def _unfit(where: str, types: Sequence[str], largest: Sequence[int], found: str) -> BenchError:
    return BenchError(
        f"{where}: expected an array of {' or '.join(types)} and at most "
        f"{' x '.join(map(str, largest))}, found {found}",
        "unpack it from the archive again",
    )
