"""The Hugging Face Hub: what is there, fetching it, publishing in one commit, proposing a change.

All of it goes through the Hub's own client, which also knows where the user's token is. The Hub is
``$HF_ENDPOINT``, or https://huggingface.co. Whatever fails here can be repeated: what was published
is compared with what is there, and nothing is sent twice.
"""

import hashlib
import importlib.util
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bench.base import bounded_http
from bench.base.errors import BenchError, RequestError
from bench.base.files import sha256_file

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo, HfApi, ModelInfo

REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.A)
"""What the name of a repository looks like."""

COMMIT = re.compile(r"[0-9a-f]{40}")
"""What a pinned revision looks like."""

TIMEOUT_S = 60.0
"""How long one answer, or a pause within one, may take. The client itself would wait for ever."""

XET_PATIENCE_S = 4.0
"""How long each of the two questions may take that tell whether Xet can be used."""

_log = logging.getLogger(__name__)

_HINTS = {
    401: "is the name right? what is private, gated or written to needs `hf auth login`",
    403: "is the name right? the token that `hf auth login` stored must be allowed to do this",
    404: "check owner, name and revision",
    409: "the repository changed meanwhile: repeat the command",
    412: "the repository changed meanwhile: repeat the command",
    429: "the Hub asks for fewer requests: repeat the command in some minutes",
}

Kind = Literal["model", "dataset"]
Content = Path | bytes


class Remote(NamedTuple):
    """A file of a repository: bytes, and its hash; of a large file SHA-256, else Git's SHA-1."""

    size: int | None
    hash: str


@dataclass(frozen=True)
class Repository:
    """What a repository holds at one commit."""

    name: str
    kind: Kind
    commit: str
    files: Mapping[str, Remote]

    def __str__(self) -> str:
        return f"hf:{self.name}@{self.commit}"


def look(name: str, revision: str | None = None, kind: Kind = "model") -> Repository:
    """A repository at a revision, by default its newest one, which is pinned to its commit.

    Raises:
        BenchError: it doesn't exist or can't be reached, or what the Hub says of it can't be true
            or is too much.
    """
    asked = f"hf:{name}@{revision}" if revision else f"hf:{name}"
    with reporting(asked):
        ask = client().model_info if kind == "model" else client().dataset_info
        info: ModelInfo | DatasetInfo = ask(name, revision=revision, files_metadata=True)
        listed = bounded_http.listing(asked, info.siblings or [])
        files = {path: Remote(*answer) for path, answer in listed.items()}
    if not COMMIT.fullmatch(str(info.sha)):
        raise BenchError(f"{asked} has no commit yet", "publish something in it first")
    return Repository(name, kind, str(info.sha), files)


def tagged(tag: str, limit: int) -> list[str]:
    """The names of the newest model repositories that bear a tag, at most ``limit`` of them."""
    with reporting(f"the list of models with tag {tag}"):
        found = client().list_models(filter=tag, sort="last_modified", limit=limit)
        return [model.id for model in found if REPOSITORY.fullmatch(model.id)]


def fetch(there: Repository, name: str, limit: int, folder: Path) -> Path:
    """Fetch one file into a folder, if it isn't there already.

    Args:
        there: the repository.
        name: of the file.
        limit: the largest size in bytes; checked before anything is fetched.
        folder: where it goes.

    Raises:
        BenchError: the repository has no such file, it is too large, it can't be fetched, or what
            came isn't what the repository lists.
    """
    remote, target = there.files.get(name), folder / name
    if remote is None:
        raise BenchError(f"{there} holds no {name}")
    if remote.size is None or remote.size > limit:
        size = "unknown" if remote.size is None else remote.size
        raise BenchError(f"{there}: {name} has {size} bytes, at most {limit} are fetched")
    if target.is_file() and holds(remote, target):
        return target
    target.unlink(missing_ok=True)
    with reporting(str(there)), transport(there.name, "read", there.commit):
        download(there, name, local_dir=folder)
    if not holds(remote, target):
        target.unlink()
        raise BenchError(f"{there}: {name} came damaged", "repeat the command: it is fetched again")
    return target


def download(there: Repository, name: str, **where: Any) -> Path:
    """Fetch a file that a repository lists, of no more bytes than it lists; within `reporting`."""
    size = there.files[name].size or 0
    with bounded_http.bounded(max(size, bounded_http.MAX_ANSWER)):
        return Path(
            client().hf_hub_download(
                there.name, name, revision=there.commit, etag_timeout=TIMEOUT_S, **where
            )
        )


def holds(remote: Remote, content: Content) -> bool:
    """Whether a file of a repository has this content."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if remote.size != size:
        return False
    if len(remote.hash) == 64:
        return remote.hash == sha256(content)
    whole = content if isinstance(content, bytes) else content.read_bytes()
    blob = b"blob %d\0%s" % (size, whole)
    return remote.hash == hashlib.sha1(blob, usedforsecurity=False).hexdigest()


def sha256(content: Content) -> str:
    """The SHA-256 of what is to be published."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return sha256_file(content)


class Published(NamedTuple):
    """The commit at which a repository holds what it should, and what that commit changed."""

    commit: str
    changed: list[str]


def publish(
    name: str, files: Mapping[str, Content], message: str, stale: Iterable[str] = ()
) -> Published:
    """Make a model repository hold these files, in one commit or none; it is made if need be.

    Args:
        name: OWNER/NAME.
        files: path in the repository to content.
        message: of the commit.
        stale: paths that are removed if they are there.

    Raises:
        RequestError: the name can't be that of a repository.
        BenchError: it failed; the repository is as it was, or as it should be if only the Hub's
            answer was lost. Repeating it finds out.
    """
    there = _present(name)
    if there is None:
        with reporting(f"hf:{name}", "made"):
            client().create_repo(name, exist_ok=True)
        there = look(name)
    changed = _differing(files, there)
    gone = [path for path in stale if path in there.files and path not in files]
    if not changed and not gone:
        return Published(there.commit, [])
    from huggingface_hub import CommitOperationDelete

    operations = [*_additions(files, changed), *map(CommitOperationDelete, gone)]
    with (
        reporting(f"hf:{name}", "published"),
        transport(name, "write", "main"),
        _without_advice(),
    ):
        made = client().create_commit(
            name, operations, commit_message=message, parent_commit=there.commit
        )
    now = look(name, made.oid)
    if ignored := _differing(files, now):
        raise BenchError(
            f"hf:{name} didn't take {', '.join(ignored)}",
            "its .gitignore names them: remove that line there, then repeat the command",
        )
    return Published(now.commit, [*changed, *gone])


def propose(name: str, files: Mapping[str, Content], title: str) -> str:
    """Open a pull request at a dataset repository, unless it is open or its content is there.

    Returns:
        Its address; empty where the repository holds these files already.

    Raises:
        BenchError: it failed and can be repeated.
    """
    there = look(name, kind="dataset")
    changed = _differing(files, there)
    if not changed:
        return ""
    with reporting(f"hf:{name}", "asked for a pull request"):
        me = client().whoami()["name"]
        for request in client().get_repo_discussions(
            name, repo_type="dataset", discussion_type="pull_request", discussion_status="open"
        ):
            if (request.title, request.author) == (title, me):
                return str(request.url)
        with transport(name, "write", "main?create_pr=1", kind="dataset"):
            made = client().create_commit(
                name,
                _additions(files, changed),
                commit_message=title,
                repo_type="dataset",
                create_pr=True,
            )
        return str(made.pr_url)


def client() -> "HfApi":
    """The Hub's client."""
    from huggingface_hub import HfApi

    bounded_http.install(TIMEOUT_S)
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"))


@contextmanager
def transport(
    name: str, ability: Literal["read", "write"], revision: str, kind: Kind = "model"
) -> Iterator[None]:
    """Let the client move large files by Xet where that can work, else as Git LFS does.

    Where it is installed, the client takes for granted that the Hub offers Xet and that its storage
    can be reached, and tries for minutes where that isn't so.
    """
    from huggingface_hub import constants

    installed = importlib.util.find_spec("hf_xet") is not None
    if constants.HF_HUB_DISABLE_XET or not installed or _offers_xet(name, ability, revision, kind):
        yield
        return
    if ability == "write":
        _log.warning("%s offers no Xet: large files go as Git LFS sends them", client().endpoint)
    constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = False


def _offers_xet(name: str, ability: str, revision: str, kind: Kind) -> bool:
    """Whether the Hub names a storage of Xet for a repository, and that answers."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    session, api = get_session(), client()
    url = f"{api.endpoint.rstrip('/')}/api/{kind}s/{name}/xet-{ability}-token/{revision}"
    try:
        answer = session.get(url, headers=build_hf_headers(), timeout=XET_PATIENCE_S)
        storage = answer.headers.get(constants.HUGGINGFACE_HEADER_X_XET_ENDPOINT)
        if answer.status_code != 200 or not storage:
            return False
        session.head(storage, timeout=XET_PATIENCE_S)
    except (HTTPError, OSError, ValueError, RuntimeError):
        return False
    return True


def unreachable(error: BenchError) -> bool:
    """Whether the Hub gave no answer to what it was asked: it is offline, busy or out of order."""
    status = _status(error)
    return error.__cause__ is not None and (status is None or status == 429 or status >= 500)


@contextmanager
def reporting(what: str, done: str = "fetched") -> Iterator[None]:
    """Turn what the Hub's client raises into one line, and bound what it is answered.

    Args:
        what: what the client is asked about.
        done: what can't be done to it if this fails.
    """
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HFValidationError,
        HTTPError,
        OfflineModeIsEnabled,
    )

    try:
        with bounded_http.bounded():
            yield
    except HFValidationError as error:
        raise RequestError(f"{what} names no repository: {_first_line(error)}") from error
    except OfflineModeIsEnabled as error:
        raise BenchError(
            f"{what} can't be {done}: the Hub's client is offline", "unset HF_HUB_OFFLINE"
        ) from error
    except (
        *(HTTPError, OSError, RuntimeError, ValueError, LookupError, TypeError),
        *(AttributeError, AssertionError),
    ) as error:
        # Beside HTTP errors the client raises what parsing a broken answer does.
        raise _failed(what, done, error) from error


def _failed(what: str, done: str, error: BaseException) -> BenchError:
    status = _status(error)
    if status == 404:
        return BenchError(f"{what} doesn't exist on the Hub (HTTP 404)", _HINTS[404])
    found = f"HTTP {status}" if status else f"{type(error).__name__}: {_first_line(error)}"
    hint = _HINTS.get(status or 0, "is the Hub reachable? repeat the command: it continues")
    return BenchError(f"{what} can't be {done}: {found}", hint)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error; uploads wrap theirs in another one."""
    while error is not None:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
        error = error.__cause__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no details"])[0]


def _present(name: str) -> Repository | None:
    """A model repository, or None if the user sees none of this name."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return look(name)
    except BenchError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError):
            return None
        raise


def _differing(files: Mapping[str, Content], there: Repository) -> list[str]:
    return [
        path
        for path, content in files.items()
        if path not in there.files or not holds(there.files[path], content)
    ]


def _additions(files: Mapping[str, Content], paths: Iterable[str]) -> list[Any]:
    from huggingface_hub import CommitOperationAdd

    return [CommitOperationAdd(path, files[path]) for path in paths]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Observations in a model's repository are meant; the client advises against it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data")
        yield
