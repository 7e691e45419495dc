"""Locks between processes, on every file system.

A lock is a file that stays where it is and holds, while it is locked, who works and at what. It is
locked with ``flock``; where a file system has none, a second file beside it, made exclusively and
removed afterwards, stands for the lock, and one whose process has died is recognised.
"""

import contextlib
import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.base.errors import BenchError, os_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_POLL_S = 0.05
_NOTE_AT_MOST = 500

Release = Callable[[], None]

_held: set[int] = set()


def _forget() -> None:
    """In a forked child: what the parent holds is the parent's alone, also after its death."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextlib.contextmanager
def held(
    path: Path, doing: str, wait: float = 0.0, say: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold a lock for the length of the block; threads of one process exclude each other as well.

    Args:
        path: the lock file; it is made where it is missing, with its folder, and never removed.
        doing: what is done meanwhile, as it follows "another process".
        wait: seconds to wait for whoever holds it.
        say: told once, if there is somebody to wait for, whom it waits for and how long.

    Raises:
        BenchError: it is still held after that time, or the file can't be made.
    """
    deadline, announced = time.monotonic() + wait, False
    while (release := _taken(path, doing)) is None:
        who = _holder(path, doing)
        if time.monotonic() >= deadline:
            waited = f" after {wait:.0f} s" if wait else ""
            raise BenchError(f"another process {who}{waited}", _advice(path))
        if say is not None and not announced:
            say(f"waiting up to {wait:.0f} s: another process {who}")
            announced = True
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        release()


def _taken(path: Path, doing: str) -> Release | None:
    try:
        return attempt(path, doing)
    except OSError as error:
        raise os_error(f"could not lock {path}", error) from error


def attempt(path: Path, doing: str) -> Release | None:
    """Take a lock if nobody holds it.

    Returns:
        What releases it; None if it is held.

    Raises:
        OSError: the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        return _attempt_softly(path)
    descriptor, writable = _open(path)
    taken = False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever removed the file meanwhile has left us a lock that no other process can see.
        taken = _is_at(descriptor, path)
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return _attempt_softly(path)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
    finally:
        if not taken:
            os.close(descriptor)
    if not taken:
        return None
    _held.add(descriptor)
    if writable:
        _note(descriptor, f"{os.getpid()} {socket.gethostname()} {doing}")

    def release() -> None:
        _held.discard(descriptor)
        if writable:
            _note(descriptor, "")
        # Closing leaves it locked as long as a forked child has the file open.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)

    return release


def _open(path: Path) -> tuple[int, bool]:
    """A lock file's descriptor, and whether it is open for writing.

    In a folder that a group may write to, the file is made for the group; another user's file that
    may only be read is locked all the same.
    """
    flags = os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
    with contextlib.suppress(FileNotFoundError):
        return _open_existing(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return _open_existing(path, flags)
    with contextlib.suppress(OSError):
        shared = stat.S_IMODE(path.parent.stat().st_mode) & 0o022
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | shared)
    return descriptor, True


def _open_existing(path: Path, flags: int) -> tuple[int, bool]:
    try:
        return os.open(path, flags | os.O_RDWR), True
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    return os.open(path, flags | os.O_RDONLY), False


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _note(descriptor: int, text: str) -> None:
    # A full disk, say, is no reason not to work: the note only tells others whom they wait for.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(errors="replace")[:_NOTE_AT_MOST], 0)


def _attempt_softly(path: Path) -> Release | None:
    from filelock import SoftFileLock, Timeout

    lock = SoftFileLock(_soft(path), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock.release


def _soft(path: Path) -> Path:
    # Not the lock file itself: one that is merely there would be taken for a lock that is held.
    return path.with_name(f"{path.name}.soft")


def _holder(path: Path, doing: str) -> str:
    """What another process does and which one it is, as far as it can be told."""
    note, soft = _read(path).split(maxsplit=2), _read(_soft(path)).split()
    if len(note) == 3:
        return f"{note[2]} (process {note[0]} on {note[1]})"
    if len(soft) >= 2:
        return f"{doing} (process {soft[0]} on {soft[1]})"
    return doing


def _read(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as stream:
        text = stream.read(_NOTE_AT_MOST).decode(errors="replace")
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return ""


def _advice(path: Path) -> str:
    soft = _soft(path)
    if soft.exists():
        return f"wait for it, or stop it; if it has died on another machine, remove {soft}"
    return "wait for it, or stop it"
