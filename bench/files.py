"""Files that are never half there: atomic writes and content hashes."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import BenchError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that becomes ``target`` when the block ends well.

    The content is flushed to the disk before the rename, so a killed process or a power cut leaves
    the old file or the new one. When the block raises, the temporary file is removed.

    Raises:
        BenchError: the disk is full or the folder can't be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            flush(temporary)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(target)
            flush(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BenchError(
            f"could not write {target}: {error.strerror or error}",
            "free disk space or choose another folder, then repeat the command: it continues",
        ) from error


@contextmanager
def new_folder(root: Path) -> Iterator[Path]:
    """A temporary folder beside ``root`` that becomes ``root`` when the block ends well.

    Args:
        root: a folder that doesn't exist yet, or is empty.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchError(f"expected no folder at {root}, found one", "remove it, then repeat")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", suffix=".tmp", dir=root.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            temporary.replace(root)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise BenchError(
            f"could not write {root}: {error.strerror or error}",
            "free disk space or choose another folder, then repeat",
        ) from error


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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
