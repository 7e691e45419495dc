"""The files of a model's repository on the Hugging Face Hub.

Nothing but the files of a known form is fetched, their sizes are checked first, and the revision is
pinned to a commit.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import OfflineModeIsEnabled

from bench.base import bounded_json, bounded_toml, hub
from bench.base.errors import BenchError, RequestError
from bench.base.files import write_bytes
from bench.base.paths import absolute
from bench.spec.entry import MAX_DECLARATION

WEIGHTS = "model.safetensors"

MAX_BYTES = {
    "entry.toml": MAX_DECLARATION,
    "config.json": 1 << 20,
    "README.md": 4 << 20,
    "model.safetensors": 8 << 30,
    "open_clip_config.json": 1 << 20,
    "open_clip_model.safetensors": 16 << 30,
}
"""The files that are fetched, each with the largest size in bytes."""

MAX_INDEX = 16 << 20
"""Largest list of the files of weights, in bytes."""

_FORMS = {
    "entry.toml": ("entry.toml", "README.md", WEIGHTS),
    "open_clip_config.json": ("open_clip_config.json", "open_clip_model.safetensors"),
    "config.json": ("config.json", "README.md", WEIGHTS),
}
"""The file that tells each form of repository, most telling first, and the files it is made of."""

_log = logging.getLogger(__name__)

Choose = Callable[[str, dict[str, int | None]], list[str]]


class Snapshot(NamedTuple):
    """Files of a repository at one commit, in the Hub's own cache."""

    repo: str
    commit: str
    folder: Path

    @property
    def name(self) -> str:
        """The repository with its commit, as ``--model`` takes it."""
        return f"hf:{self.repo}@{self.commit}"


def fetch(repo: str, revision: str | None, choose: Choose | None = None) -> Snapshot:
    """The files of a repository that make up a model, in the Hub's cache.

    A commit that is there as a whole is taken as it is. Where the Hub can't be reached, so is what
    was fetched last of a branch or tag.

    Args:
        repo: OWNER/NAME.
        revision: a commit, branch or tag; the newest where it is None.
        choose: which of its files are fetched, where it isn't of a form that is known here; given
            what was asked for and the sizes in bytes by name.

    Raises:
        RequestError: the name can't be that of a repository, or it holds no model.
        BenchError: it can't be reached and isn't in the cache, or a file is too large.
    """
    asked = f"hf:{repo}@{revision}" if revision else f"hf:{repo}"
    pinned = revision is not None and hub.COMMIT.fullmatch(revision) is not None
    here = _cached(repo, revision or "main")
    if here is not None and pinned and choose is None and _is_whole(here):
        return here
    try:
        return _fetched(repo, revision, asked, choose or _wanted)
    except RequestError:
        raise
    except BenchError as error:
        silent = hub.unreachable(error)
        if here is None and silent and (others := _commits(repo)):
            raise BenchError(
                f"{error.message}; the cache holds {', '.join(others)}", "name one of these commits"
            ) from error
        if here is None or not (pinned or silent):
            raise
        if lacking := _lacking(here, choose):
            raise BenchError(
                f"{error.message}, and the cache holds only a part of it: {lacking} isn't in "
                f"{here.folder}",
                error.hint,
            ) from error
        if not isinstance(error.__cause__, OfflineModeIsEnabled):
            _log.warning("%s: taken from the cache as %s", error.message, here.name)
        return here


def _fetched(repo: str, revision: str | None, asked: str, choose: Choose) -> Snapshot:
    """The files, those that aren't in the cache fetched."""
    there = hub.look(repo, revision)
    sizes = {name: remote.size for name, remote in there.files.items()}
    wanted = choose(asked, sizes)
    with hub.reporting(asked), hub.transport(repo, "read", there.commit):
        fetched = [hub.download(there, name) for name in wanted]
    made = Snapshot(repo, there.commit, absolute(fetched[0]).parents[wanted[0].count("/")])
    _note(made, revision or "main", [name for name in _FORMS if name not in sizes])
    return made


def _note(made: Snapshot, revision: str, absent: Sequence[str]) -> None:
    """Note in the Hub's cache, as its client does, what a name led to and what there isn't."""
    place = _place(made.repo)
    try:
        for name in absent:
            marker = place / ".no_exist" / made.commit / name
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
        named = place / "refs" / revision
        if revision != made.commit and ".." not in named.parts and place in named.parents:
            write_bytes(named, made.commit.encode())
    except OSError:
        # A cache that can't be written to serves as well.
        return


def _place(repo: str) -> Path:
    return absolute(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _commits(repo: str) -> list[str]:
    """The commits that the Hub's cache holds something of."""
    found = sorted((_place(repo) / "snapshots").glob("*/"))
    return [f"hf:{repo}@{folder.name}" for folder in found]


def _cached(repo: str, revision: str) -> Snapshot | None:
    """What the Hub's cache holds of a revision, whole or not."""
    commit = revision
    if not hub.COMMIT.fullmatch(revision):
        try:
            commit = (_place(repo) / "refs" / revision).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
    folder = _place(repo) / "snapshots" / commit
    return Snapshot(repo, commit, folder) if folder.is_dir() and any(folder.iterdir()) else None


def _is_whole(here: Snapshot) -> bool:
    """Whether nothing is missing, nor unknown of the files that tell the form of a repository."""
    for name in _FORMS:
        found = try_to_load_from_cache(here.repo, name, revision=here.commit)
        if isinstance(found, str):
            return not _lacking(here, None)
        if found is None:
            return False
    return False


def _lacking(here: Snapshot, choose: Choose | None) -> str:
    """The first file that is missing in the cache; empty if all are there."""
    sizes: dict[str, int | None] = {
        path.relative_to(here.folder).as_posix(): path.stat().st_size
        for path in here.folder.rglob("*")
        if path.is_file()
    }
    (choose or _wanted)(here.name, sizes)
    if "entry.toml" in sizes:
        model = bounded_toml.read(here.folder / "entry.toml", MAX_DECLARATION).get("model")
        needed = {model.get("weights") or "entry.toml"} if isinstance(model, dict) else set()
    elif choose is None:
        needed = {next(files[-1] for name, files in _FORMS.items() if name in sizes)}
    else:
        needed = {name for index in here.folder.glob("*.index.json") for name in _shards(index)}
    return min(needed - set(sizes), default="")


def _shards(index: Path) -> Iterable[str]:
    """The files of weights that an index names; none where it can't be read."""
    try:
        return set(bounded_json.read(index, MAX_INDEX)["weight_map"].values())
    except (BenchError, LookupError, TypeError, AttributeError):
        return ()


def only(asked: str, sizes: Mapping[str, int | None], *names: str) -> list[str]:
    """Certain files of a repository, for `fetch` to choose.

    Raises:
        RequestError: it doesn't hold them.
        BenchError: a file is too large.
    """
    missing = [name for name in names if name not in sizes]
    if missing:
        raise RequestError(f"{asked} holds no {', '.join(missing)}", "name another repository")
    for name in names:
        _check_size(asked, name, sizes[name])
    return list(names)


def _check_size(asked: str, name: str, size: int | None) -> None:
    most = MAX_BYTES.get(name.rpartition("/")[2], MAX_BYTES[WEIGHTS])
    if size is None or size > most:
        raise BenchError(
            f"{asked}: {name} has {'unknown' if size is None else size} bytes, "
            f"at most {most} are fetched"
        )


def _wanted(asked: str, sizes: dict[str, int | None]) -> list[str]:
    """The files that are fetched from a repository of files of these sizes."""
    form = next((name for name in _FORMS if name in sizes), None)
    if form is None:
        raise RequestError(
            f"{asked} holds neither entry.toml nor config.json, nor open_clip_config.json",
            "an entry holds entry.toml and model.safetensors; README shows one",
        )
    wanted = [name for name in _FORMS[form] if name in sizes]
    for name in wanted:
        _check_size(asked, name, sizes[name])
    return wanted
