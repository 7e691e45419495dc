"""LMDB environments of safetensors blobs, as rico-hdl writes them: one blob per patch.

A key is the UTF-8 name of a patch; its value is a safetensors file: eight bytes with the length of
a JSON header, the header with type, shape and place of every tensor, then the tensors.
"""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import lmdb
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from bench.base import locks
from bench.base.errors import BenchError, os_error
from bench.base.files import move
from bench.data.formats import lmdb_pages

_TYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
_HEADER_AT_MOST = 1 << 20
_FIRST_SIZE = 1 << 28
_DAMAGED = "remove it, then prepare or download it again"
_CONTINUES = "repeat the command: it continues"

_log = logging.getLogger(__name__)

_Place = tuple[np.dtype[Any], tuple[int, ...], int, int]
"""Type, shape, and first and last byte of a tensor after the header."""

# Blobs of one kind have equal headers, so a header is parsed once and then only recognised.
_headers: dict[bytes, dict[str, _Place]] = {}
_HEADERS_AT_MOST = 256

# LMDB forbids to open an environment twice in a process, and the arrays that are handed out point
# into its map: what was opened stays open. A file is known by its device and inode, so a store
# that was replaced is opened afresh; a forked process goes on with the map it inherits, which is
# safe because nothing here locks or writes.
_open: dict[tuple[int, int], Any] = {}
_opening = threading.Lock()


class TensorStore:
    """A read-only environment. Cheap to make and to pickle; opened on first use.

    Args:
        folder: the folder that holds ``data.mdb``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._transaction: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_transaction": None}

    def read(self, key: str, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """The named tensors of a blob (None: all of them), without copying.

        Returns:
            Read-only arrays into the map of the environment; they stay valid for the life of the
            process.

        Raises:
            KeyError: the environment has no such key.
            BenchError: the environment can't be opened, the blob is damaged, or lacks a tensor.
        """
        transaction = self._transaction
        if transaction is None:
            transaction = self._transaction = _transaction(self.folder)
        try:
            blob = transaction.get(key.encode())
        except lmdb.BadValsizeError:
            blob = None
        except lmdb.Error as error:
            raise _broken(self.folder, key, str(error)) from error
        if blob is None:
            raise KeyError(key)
        size = len(blob)
        start = 8 + int.from_bytes(blob[:8], "little")
        if size < 8 or start > size or start > _HEADER_AT_MOST:
            raise _broken(self.folder, key, f"its header does not fit into its {size} bytes")
        header = bytes(blob[8:start])
        places = _headers.get(header)
        if places is None:
            try:
                places = _parse(header)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise _broken(self.folder, key, "its header is not that of safetensors") from error
            if len(_headers) >= _HEADERS_AT_MOST:
                _headers.clear()
            _headers[header] = places
        tensors = {}
        for name in places if names is None else names:
            place = places.get(name)
            if place is None:
                raise _broken(self.folder, key, f"it has no {name}, but {', '.join(places)}")
            dtype, shape, begin, end = place
            if start + end > size:
                raise _broken(self.folder, key, f"{name} ends after its {size} bytes")
            tensors[name] = np.ndarray(shape, dtype, blob, start + begin)
        return tensors

    def names(self) -> Iterator[str]:
        """All keys, sorted by their bytes."""
        file = self.folder / "data.mdb"
        try:
            transaction = _transaction(self.folder)
            if damage := lmdb_pages.fault(file):
                raise BenchError(f"{file} is damaged: {damage}", _DAMAGED)
            with transaction.cursor() as cursor:
                for key in cursor.iternext(keys=True, values=False):
                    yield bytes(key).decode(errors="replace")
        except lmdb.Error as error:
            raise BenchError(f"{self.folder / 'data.mdb'} is damaged: {error}", _DAMAGED) from error


def _broken(folder: Path, key: str, finding: str) -> BenchError:
    return BenchError(f"{key} in {folder / 'data.mdb'} is damaged: {finding}", _DAMAGED)


def _transaction(folder: Path) -> Any:
    """The one read transaction of an environment in this process."""
    file = folder / "data.mdb"
    try:
        status = file.stat()
        identity = status.st_dev, status.st_ino
        with _opening:
            if identity in _open:
                return _open[identity]
            environment = lmdb.open(
                str(folder), readonly=True, lock=False, readahead=False, create=False
            )
            needed = _needed(environment)
            if status.st_size < needed:
                environment.close()
                raise BenchError(
                    f"{file} is truncated: expected {needed} bytes, found {status.st_size}",
                    _DAMAGED,
                )
            return _open.setdefault(identity, environment.begin(buffers=True))
    except (lmdb.Error, OSError) as error:
        raise BenchError(f"could not open {file}: {_reason(error)}", _DAMAGED) from error


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _parse(header: bytes) -> dict[str, _Place]:
    places = {}
    for name, entry in json.loads(header).items():
        if name == "__metadata__":
            continue
        dtype, shape = _TYPES[entry["dtype"]], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        numbers = (*shape, begin, end)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a size or place is not a count")
        if end - begin != dtype.itemsize * int(np.prod(shape, dtype=object)):
            raise ValueError("a tensor does not fit its place")
        places[name] = (dtype, shape, begin, end)
    return places


def encode(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The blob of a patch: safetensors, byte for byte what rico-hdl writes for equal arrays."""
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()})


class TensorWriter:
    """An environment under construction; a context manager.

    The environment is opened anew for every batch, so what a batch writes depends on nothing but
    what was committed before: a writer that was killed and repeated ends with the same bytes as one
    that wasn't, if it is given the same batches.

    Args:
        folder: the folder of the environment, made where it is missing. What was committed there
            before is kept, unless it is damaged: then it is removed, with a warning.

    Raises:
        BenchError: the folder can't be written, or another process writes there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "data.mdb"
        self._held = contextlib.ExitStack()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = folder.with_name(f".{folder.name}.lock")
            self._held.enter_context(locks.held(lock, f"is writing {folder}"))
            folder.mkdir(exist_ok=True)
            if damage := lmdb_pages.fault(self._file) if self._file.exists() else "":
                _log.warning("%s is damaged, %s: it is begun again", self._file, damage)
                for left in (self._file, folder / "lock.mdb"):
                    left.unlink(missing_ok=True)
            with self._opened():
                pass
        except (lmdb.Error, OSError) as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def names(self) -> set[str]:
        """The keys that are there already."""
        try:
            with self._opened() as environment:
                return self._names(environment)
        except (lmdb.Error, OSError) as error:
            raise self._failed(error) from error

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Commit blobs under their keys: all of them, durably, or none.

        Raises:
            BenchError: the disk is full or fails.
        """
        room = 2 * sum(map(len, blobs.values()))
        while True:
            try:
                with (
                    self._opened(room) as environment,
                    environment.begin(write=True) as transaction,
                ):
                    for key, blob in blobs.items():
                        transaction.put(key.encode(), blob)
                return
            except lmdb.MapFullError:
                room = 2 * room + _FIRST_SIZE
            except (lmdb.Error, OSError) as error:
                raise self._failed(error) from error

    @contextlib.contextmanager
    def _opened(self, room: int = 0) -> Iterator[Any]:
        """The environment with a map for as many more bytes; afterwards its file is all there."""
        size = _FIRST_SIZE
        while self._file.exists() and size < 2 * self._file.stat().st_size + room:
            size *= 2
        # Another lock than LMDB's keeps others away: that one isn't there on every file system.
        environment = lmdb.open(str(self._folder), map_size=size, readahead=False, lock=False)
        try:
            yield environment
            needed = _needed(environment)
        finally:
            environment.close()
        # LMDB does not write a last page that it freed again; readers want the full length.
        if self._file.stat().st_size != needed:
            os.truncate(self._file, needed)

    def _names(self, environment: Any) -> set[str]:
        with environment.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            return {bytes(key).decode() for key in cursor.iternext(keys=True, values=False)}

    def _failed(self, error: Exception) -> BenchError:
        if isinstance(error, OSError):
            return os_error(f"could not write {self._file}", error, _CONTINUES)
        return BenchError(
            f"could not write {self._file}: {error}",
            f"free disk space or make the folder writable, then {_CONTINUES}",
        )


def _needed(environment: Any) -> int:
    """The length of the file up to the last page that is in use, in bytes."""
    return int((environment.info()["last_pgno"] + 1) * environment.stat()["psize"])


def finish(partial: Path, target: Path) -> None:
    """Give an environment that is complete its name.

    Raises:
        BenchError: it can't be renamed.
    """
    try:
        move(partial, target)
    except OSError as error:
        raise os_error(
            f"could not rename {partial} to {target.name}",
            error,
            "repeat the command: it continues",
        ) from error
