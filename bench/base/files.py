"""Files that are never half there: atomic writes and content hashes."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.base import locks
from bench.base.errors import BenchError, os_error

_TEMPORARY = ".tmp"
_CLAIM = ".lock"
_NAME_AT_MOST = 180
_CONTINUES = "repeat the command: it continues"
_TRIES = 100
_FLUSHES = 16
_NOT_FLUSHED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_NOT_OPENED = {errno.EACCES, errno.EPERM, errno.EISDIR, errno.EBADF, errno.EROFS}


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A temporary folder in ``parent`` that is removed when the block ends.

    What killed processes left there under the same name is removed first; the folder of a process
    that is alive is locked, and so stays.

    Args:
        parent: made where it is missing.
        name: what the folder is for; it is hidden and has other characters around it.

    Raises:
        OSError: ``parent`` can't be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent, name)
    for _ in range(_TRIES):
        folder = parent / f".{_short(name)}.{secrets.token_hex(4)}{_TEMPORARY}"
        folder.mkdir()
        # Until it is locked another process may take it for an abandoned one.
        if release := locks.attempt(folder / _CLAIM, f"is writing {name}"):
            break
    else:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        release()


def sweep(parent: Path, name: str = "") -> None:
    """Remove what killed processes left in a folder of the temporary folders of this module.

    Args:
        parent: the folder; where it can't be written, what they left stays.
        name: see `scratch`; by default under any name.
    """
    known = f"{glob.escape(_short(name))}." if name else ""
    for left in parent.glob(f".{known}*{_TEMPORARY}"):
        with contextlib.suppress(OSError):
            # Without a lock file it was made this moment, and is made again, or its owner was
            # killed before it had one or while it was removing all.
            if release := locks.attempt(left / _CLAIM, "is clearing up"):
                shutil.rmtree(left, ignore_errors=True)
                release()


def _short(name: str) -> str:
    """The beginning of a name, so that a longer one is still allowed."""
    return name.encode()[:_NAME_AT_MOST].decode(errors="ignore")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A path of a new file that becomes ``target`` when the block ends well.

    The content is flushed to the disk before the rename, so a killed process or a power cut leaves
    the old file or the new one. When the block raises, the new file is removed; what a killed
    process left is removed by the next that writes the same file.

    Raises:
        BenchError: the disk is full or the folder can't be written.
    """
    try:
        with scratch(target.parent, target.name) as folder:
            temporary = folder / target.name
            temporary.touch()
            mode = temporary.stat().st_mode
            yield temporary
            # Some writers make a file for themselves alone; some file systems have no modes.
            with contextlib.suppress(OSError):
                temporary.chmod(stat.S_IMODE(mode))
            move(temporary, target)
    except OSError as error:
        raise os_error(f"could not write {target}", error, _CONTINUES) from error


@contextmanager
def new_folder(root: Path) -> Iterator[Path]:
    """A temporary folder beside ``root`` that becomes ``root`` when the block ends well.

    All that it holds is on the disk before it gets its name.

    Args:
        root: a folder that doesn't exist yet, or is empty.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchError(f"expected no folder at {root}, found one", "remove it, then repeat")
    try:
        with scratch(root.parent, root.name) as folder:
            temporary = folder / root.name
            temporary.mkdir()
            yield temporary
            move(temporary, root)
    except OSError as error:
        raise os_error(f"could not write {root}", error) from error


def move(source: Path, target: Path) -> None:
    """Give a file or a folder its name; all of it, and the name, are on the disk afterwards.

    A file replaces another file; a folder never replaces one that holds anything. Where a file
    system can't rename it (a folder of a lower layer, say), it is copied beside the target first.

    Raises:
        OSError: ``target`` is another folder that holds something, or can't be written.
    """
    flush_tree(source)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with scratch(target.parent, target.name) as folder:
            copy = folder / target.name
            if source.is_dir():
                shutil.copytree(source, copy, symlinks=True)
            else:
                shutil.copyfile(source, copy)
            flush_tree(copy)
            copy.replace(target)
        if source.is_dir():
            shutil.rmtree(source, ignore_errors=True)
        else:
            source.unlink()
    flush(target.parent)


def link_or_copy(source: str, target: str) -> str:
    """A second name for a file, or a copy where the file system gives none; for ``copytree``."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT):
            raise
        shutil.copyfile(source, target)
    return target


def flush_tree(path: Path) -> None:
    """`flush` a file, or a folder and all that it holds."""
    if not path.is_dir():
        flush(path)
        return
    folders = [path]
    files: list[Path] = []
    for inner in path.rglob("*"):
        if not inner.is_symlink():
            (folders if inner.is_dir() else files).append(inner)
    # Many at once: a disk writes them together.
    with ThreadPoolExecutor(_FLUSHES) as pool:
        list(pool.map(flush, files))
        list(pool.map(flush, folders))


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk.

    Where a file system knows no such thing, which is common for folders, nothing is waited for.

    Raises:
        OSError: the disk is full or fails, or there is no such file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if not (path.is_dir() and error.errno in _NOT_OPENED):
            raise
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        unknown = _NOT_FLUSHED | (_NOT_OPENED if path.is_dir() else set())
        if error.errno not in unknown:
            raise
    finally:
        os.close(descriptor)


def write_bytes(target: Path, content: bytes) -> None:
    """Write ``content`` to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_json(target: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically.

    Raises:
        ValueError: ``value`` holds NaN or infinity, which JSON can't.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(target, (text + "\n").encode())


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """The SHA-256 of a JSON value in canonical form (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def tree_sha256(root: Path) -> str:
    """The SHA-256 of a folder: relative paths and contents of its files, in order of path."""
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(root).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()
