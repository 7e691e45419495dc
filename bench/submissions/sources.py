"""Where the files of a submission are: in a repository of the Hub, or beside its manifest.

Beside it, ``NAME.toml`` is the manifest and ``NAME`` the folder of what it names. That is how small
entries are handed in by a pull request, and what a clone of a leaderboard takes in offline.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.base import hub
from bench.base.errors import BenchError, RequestError
from bench.base.files import atomic_path, sha256_file, sha256_json, write_bytes
from bench.base.hub import Content, Remote, Repository
from bench.submissions.claims import Submission

MAX_BYTES = 1 << 20
"""All files of such a submission together; larger ones belong on the Hub."""

_MOST_FILES = 100


@dataclass(frozen=True)
class Beside:
    """The files of a submission, as they are now.

    Attributes:
        name: of the submission.
        commit: 40 hexadecimal digits, of names and contents.
        files: their sizes and hashes by name.
        folder: where they lie.
    """

    name: str
    commit: str
    files: Mapping[str, Remote]
    folder: Path

    def __str__(self) -> str:
        return f"submissions:{self.name}@{self.commit}"


Source = Repository | Beside


def look(repo: str, revision: str | None, manifest: Path | None) -> Source:
    """The files of a submission.

    Args:
        repo: OWNER/NAME on the Hub.
        revision: the commit there; None for the newest one.
        manifest: beside which they lie; None for those on the Hub.

    Raises:
        BenchError: they aren't there, or can't be reached.
    """
    return beside(manifest) if manifest else hub.look(repo, revision)


def fetch(there: Source, name: str, limit: int, folder: Path) -> Path:
    """Fetch or copy one file into a folder.

    Args:
        there: where it is.
        name: of the file.
        limit: the largest size in bytes.
        folder: where it goes.

    Raises:
        BenchError: it can't be fetched, is too large, or isn't what it was when it was looked at.
    """
    if isinstance(there, Repository):
        return hub.fetch(there, name, limit, folder)
    target = folder / name
    shutil.copyfile(there.folder / name, target, follow_symlinks=False)
    if target.is_symlink() or not hub.holds(there.files[name], target):
        target.unlink()
        raise BenchError(f"{name} of {there} changed meanwhile", "repeat the command")
    return target


def folder_of(manifest: Path) -> Path:
    """Where the files of a manifest lie, if they lie beside it."""
    return manifest.with_suffix("")


def beside(manifest: Path) -> Beside:
    """The files beside a manifest.

    Raises:
        BenchError: there is no such folder, or it holds a link, a folder, or more than `MAX_BYTES`.
    """
    folder, files, total = folder_of(manifest), dict[str, Remote](), 0
    if folder.is_symlink() or not folder.is_dir():
        raise BenchError(
            f"{manifest.name} names no repository, and there is no folder {folder.name} beside it",
            "`bench submit ENTRY --to DIR` writes both",
        )
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise BenchError(f"{folder.name}/{path.name} is no plain file", "remove it")
        size = path.stat().st_size
        total += size
        if total > MAX_BYTES or len(files) >= _MOST_FILES:
            raise BenchError(
                f"{folder.name} holds more than {MAX_BYTES:,} bytes or {_MOST_FILES} files",
                "`bench submit ENTRY --repo OWNER/NAME` publishes a large entry on the Hub",
            )
        files[path.name] = Remote(size, sha256_file(path))
    commit = sha256_json({name: file.hash for name, file in files.items()})[:40]
    return Beside(folder.name, commit, files, folder)


def write(folder: Path, submission: Submission, files: Mapping[str, Content]) -> list[str]:
    """Write a submission's files beside its manifest, which is written last.

    Args:
        folder: that of all submissions.
        submission: without a repository.
        files: name to content, at most `MAX_BYTES` together.

    Returns:
        The files that changed, those that were removed among them.

    Raises:
        RequestError: they are too large.
    """
    sizes = [len(c) if isinstance(c, bytes) else c.stat().st_size for c in files.values()]
    if sum(sizes) > MAX_BYTES:
        raise RequestError(
            f"{submission.entry} has {sum(sizes):,} bytes, at most {MAX_BYTES:,} go into a folder",
            "publish it on the Hub: --repo OWNER/NAME",
        )
    place = folder_of(folder / submission.file_name)
    place.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, content in files.items():
        target = place / name
        if target.is_file() and sha256_file(target) == hub.sha256(content):
            continue
        changed.append(name)
        if isinstance(content, bytes):
            write_bytes(target, content)
        else:
            with atomic_path(target) as temporary:
                shutil.copyfile(content, temporary)
    for path in sorted(place.iterdir()):
        if path.is_file() and path.name not in files:
            changed.append(path.name)
            path.unlink()
    write_bytes(folder / submission.file_name, submission.text().encode())
    return changed
