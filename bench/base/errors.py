"""The errors a user sees: what was expected and found, and what to do next."""

import difflib
import errno
import os
import traceback
from collections.abc import Iterable

_SHOWN = 200
"""Characters of an unknown name that are compared and shown."""


class BenchError(Exception):
    """A run failed for a reason the user can act on. Exit code 1.

    Args:
        message: what was expected and what was found, in one line.
        hint: what to do next, in one line; empty where nothing helps.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class RequestError(BenchError):
    """The request itself was wrong: an unknown name, an impossible combination. Exit code 2."""

    exit_code = 2


def unknown(what: str, name: str, known: Iterable[str], hint: str = "") -> RequestError:
    """The error for a name that isn't among ``known``, with the nearest names as suggestions."""
    names, name = sorted(known), name[:_SHOWN]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        advice = "did you mean " + " or ".join(near) + "?"
    elif names:
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        advice = f"known: {shown}"
    else:
        advice = "none is known here"
    if hint:
        advice += f" {hint}" if advice.endswith("?") else f"; {hint}"
    return RequestError(f"unknown {what} {name!r}", advice)


_ELSEWHERE = "choose another folder (--results, --out, BENCH_DATA)"
_ADVICE = {
    errno.ENOSPC: "free disk space or choose another folder",
    errno.EDQUOT: "your quota is used up: remove files or choose another folder",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) or choose another folder",
    errno.EROFS: f"the file system is read-only: {_ELSEWHERE}",
    errno.EACCES: f"you have no right to it: have it granted, or {_ELSEWHERE}",
    errno.EPERM: f"you have no right to it: have it granted, or {_ELSEWHERE}",
    errno.ENAMETOOLONG: "use a shorter name, or a folder with a shorter path",
    errno.ENOTDIR: "a file stands where a folder is expected: remove it or choose another folder",
    errno.EISDIR: "a folder stands where a file is expected: remove it or choose another name",
    errno.EEXIST: "move away what is there",
    errno.ENOTEMPTY: "move away what is there",
    errno.ENOENT: "look whether the path is right and its folder still there",
    errno.ELOOP: "its symbolic links lead in a circle, or to where none may: name the place itself",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "the machine has too many files open: close other programs",
    errno.ENOMEM: "free memory, or use fewer workers",
    errno.EXDEV: "it crosses two file systems: choose a folder that lies in one",
    errno.EBUSY: "another program uses it: close that program",
    errno.ETXTBSY: "another program uses it: close that program",
    errno.EIO: "the disk or its connection fails: see the system's log",
    errno.ESTALE: "the network file system lost it: mount it again",
    errno.ENOTCONN: "the network file system lost it: mount it again",
    errno.ENODEV: "the device is gone: mount it again",
    errno.ENXIO: "the device is gone: mount it again",
    errno.EILSEQ: "the file system doesn't allow such a name: use plain letters",
    errno.EINVAL: "the file system doesn't allow such a name or operation: choose another folder",
    errno.EOPNOTSUPP: f"the file system has no such operation: {_ELSEWHERE}",
    errno.ENOSYS: f"the file system has no such operation: {_ELSEWHERE}",
    errno.EBADF: "another user made it: have it made writable for you (chmod g+w)",
    errno.ENOLCK: f"the file system gives no locks: {_ELSEWHERE}",
}


def os_error(failed: str, error: OSError, then: str = "repeat the command") -> BenchError:
    """The error for what the operating system refused, with advice by its error number.

    Args:
        failed: what could not be done, with the path.
        error: what it answered.
        then: what to do once the advice is followed.
    """
    reason = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    advice = _ADVICE.get(error.errno or 0, "look at the path and at the disk")
    return BenchError(f"{failed}: {reason}", f"{advice}, then {then}" if then else advice)


def in_words(error: BaseException) -> str:
    """An exception of a library in one line; one without a message by the line that raised it."""
    name = type(error).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines:
        return f"{name}: {lines[0]:.300}"
    # A line that only raises says less than the one that led there.
    raised = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.line]
    telling = [line for line in raised if not line.startswith("raise")] or raised
    return f"{name} at `{telling[-1]:.200}`" if telling else name
