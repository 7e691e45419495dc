"""What a Hub answers: bounded in bytes, in the number of answers, and in how long it lets wait."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.base.errors import BenchError

MAX_ANSWER = 16 << 20
"""Largest answer in bytes, unpacked. That about a repository of 10,000 files has 3 MB."""

MAX_ANSWERS = 200
"""The most answers to one question, pages, redirections and refusals among them."""

MAX_WAIT_S = 300
"""The longest pause that a Hub may ask for; its own windows are of five minutes."""

MAX_FILES = 10_000
"""The most files of a repository that is looked at."""

MAX_NAME = 1_000
"""The most characters in the path of one of them."""

_PACKED = ("", "identity", "gzip", "deflate")
_HINT = "does HF_ENDPOINT name the Hub?"
_PAUSE = re.compile(r";\s*t\s*=\s*(\d{1,12})")


@dataclass
class _Left:
    """What may still come: bytes of each answer (None for any number), and answers."""

    size: int | None = None
    answers: int = 0


_left = _Left()


@contextmanager
def bounded(size: int = MAX_ANSWER) -> Iterator[None]:
    """Bound the answers that the Hub's client gets within the block.

    Args:
        size: the most bytes of each answer.

    Raises:
        BenchError: one is larger, there are more than `MAX_ANSWERS`, or the Hub asks for a pause
            of more than `MAX_WAIT_S`.
    """
    before = _left.size, _left.answers
    _left.size, _left.answers = size, MAX_ANSWERS
    try:
        yield
    finally:
        _left.size, _left.answers = before


def install(timeout: float) -> None:
    """Have the Hub's client, and those it makes in its place, ask `bounded` about each answer.

    Args:
        timeout: how long a pause within an answer may take, in seconds.
    """
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import _http

    made = _http._GLOBAL_CLIENT_FACTORY
    if not isinstance(made, _Factory):
        # After a connection that failed the client makes itself anew.
        set_client_factory(_Factory(made))
    get_session().timeout = timeout


@dataclass(frozen=True)
class _Factory:
    """Makes clients as before, each with a look at its answers."""

    before: Callable[[], Any]

    def __call__(self) -> Any:
        session = self.before()
        hooks = session.event_hooks
        session.event_hooks = hooks | {"response": [*hooks.get("response", []), _look]}
        return session


def listing(asked: str, siblings: Sequence[Any]) -> dict[str, tuple[int | None, str]]:
    """The files that the Hub lists of a repository, those left out whose names can't be printed.

    Args:
        asked: the repository, for the error.
        siblings: what the client made of the list.

    Returns:
        By path: bytes, None where the Hub tells no number of them, and the hash.

    Raises:
        BenchError: they are too many, or the path of one is too long or leads out of a folder.
    """
    hint = "is it the right repository, and does HF_ENDPOINT name the Hub?"
    if len(siblings) > MAX_FILES:
        raise BenchError(
            f"{asked}: expected at most {MAX_FILES:,} files, found {len(siblings):,}", hint
        )
    files = {}
    for file in siblings:
        name, size = file.rfilename, file.size
        if not isinstance(name, str) or len(name) > MAX_NAME:
            raise BenchError(
                f"{asked}: expected paths of at most {MAX_NAME:,} characters, found "
                f"{name!r:.60}...",
                hint,
            )
        if not name.isprintable():
            continue
        if not {"", ".", ".."}.isdisjoint(name.split("/")):
            raise BenchError(f"{asked}: expected paths within a folder, found {name!r:.200}", hint)
        known = type(size) is int and 0 <= size < 1 << 63
        stated = file.lfs.sha256 if file.lfs else file.blob_id
        files[name] = (size if known else None, str(stated or "")[:64])
    return files


def _look(answer: Any) -> None:
    """Count an answer whose head has come, and bound what is read of its body."""
    if (most := _left.size) is None:
        return
    where = f"{answer.request.method} {answer.request.url.host}"
    _left.answers -= 1
    if _left.answers < 0:
        raise BenchError(f"{where}: expected at most {MAX_ANSWERS} answers, found more", _HINT)
    if (pause := _pause(answer.headers)) > MAX_WAIT_S:
        raise BenchError(
            f"{where}: the Hub asks for a pause of {pause} s", "repeat the command after that"
        )
    packed = answer.headers.get("content-encoding", "").strip().lower()
    if packed not in _PACKED:
        raise BenchError(
            f"{where}: expected an answer that is plain or packed by gzip, found {packed:.60}",
            _HINT,
        )
    whole = answer.iter_bytes

    def iter_bytes(chunk_size: int | None = None) -> Iterator[bytes]:
        read = 0
        for chunk in whole(chunk_size):
            read += len(chunk)
            if read > most:
                raise BenchError(
                    f"{where}: expected an answer of at most {most:,} bytes, found more", _HINT
                )
            yield chunk

    answer.iter_bytes = iter_bytes


def _pause(headers: Any) -> int:
    """For how many seconds the client is asked to wait before it asks again."""
    asked = headers.get("retry-after", "").strip()
    found = [int(asked[:12])] if asked.isdecimal() else []
    return max([*found, *map(int, _PAUSE.findall(headers.get("ratelimit", ""))), 0])
