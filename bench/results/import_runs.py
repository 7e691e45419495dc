"""Run folders of another machine, taken into a results folder.

They come from strangers: names, kinds and sizes of files are checked before anything is opened, a
copy is checked as a whole, and only then it appears, by one rename. Nothing is ever overwritten.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.base.errors import BenchError, RequestError, os_error
from bench.base.files import move, scratch, sha256_file
from bench.data.listing import is_left_behind
from bench.results import integrity, received, store
from bench.results.manifest import MAX_BYTES
from bench.results.runs import RUN_ID, Run
from bench.results.untrusted import about, check_observations

MAX_FILE = 4 << 30
"""Largest part that is taken, in bytes."""

MAX_FILES = 10_000
"""The most files a run folder may hold, and the most run folders of one import."""

_RUN = re.compile(RUN_ID)
_FILE = re.compile(r"run\.json|attributes\.parquet|part-\d{5}\.parquet")
_PICTURES = "pictures"
_PICTURE = re.compile(r"[A-Za-z0-9_-]{1,80}\.png")

MAX_PICTURES = 100
"""The most pictures of a run."""

_LIMITS = {"run.json": MAX_BYTES, _PICTURES: received.MAX_PICTURE}

MAX_RUN = 16 << 30
"""Most bytes of all files of a run."""

_COPIED = 1 << 20


@dataclass
class Imported:
    """What became of the runs: taken in, there already with the same content, or why refused."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def import_runs(source: Path, results: Path) -> Imported:
    """Take the complete runs of a folder into a results folder and record them.

    Repeating it changes nothing: a run that is there with the same content stays as it is. A run
    of the same id and other content is refused, and so is one that isn't as its hashes say.

    Args:
        source: a results folder, its ``runs``, or the folder of one run.
        results: where the runs go.

    Raises:
        RequestError: there is no run in ``source``.
    """
    found = Imported()
    (results / "runs").mkdir(parents=True, exist_ok=True)
    for folder in _run_folders(source):
        try:
            taken = _import_one(folder, results)
        except BenchError as error:
            found.refused.append(str(error))
        else:
            (found.new if taken else found.known).append(folder.name)
    if not (found.new or found.known or found.refused):
        raise RequestError(
            f"{source} holds no run", "name a results folder, its runs folder or one run's folder"
        )
    if found.new or found.known:
        entered = [Run(results / "runs" / name) for name in (*found.new, *found.known)]
        store.record(results, *entered)
    return found


def _run_folders(source: Path) -> Iterator[Path]:
    source = source.absolute()
    if (source / "run.json").exists():
        yield source
        return
    runs = source / "runs" if (source / "runs").is_dir() else source
    try:
        with os.scandir(runs) as entries:
            names = sorted(entry.name for entry in entries if not is_left_behind(entry.name))
    except OSError as error:
        raise RequestError(f"{source} can't be read: {error.strerror}") from error
    if len(names) > MAX_FILES:
        raise RequestError(f"{source} holds {len(names)} folders, expected at most {MAX_FILES}")
    for name in names:
        if os.path.lexists(runs / name / "run.json") or (runs / name).is_symlink():
            yield runs / name


def _import_one(folder: Path, results: Path) -> bool:
    """Copy, check, compare; whether the run is new here."""
    if not _RUN.fullmatch(folder.name):
        raise BenchError(f"{folder.name!r:.100} is no run id", "a run folder bears its run id")
    target = results / "runs" / folder.name
    names = _files(folder)
    with scratch(results, "import") as staging:
        copy = Run(staging / folder.name)
        copy.folder.mkdir()
        left = MAX_RUN
        for name in names:
            left -= _copy(folder, name, copy.folder / name, left)
        copy.mark_imported()
        if altered := integrity.check(copy).altered:
            raise BenchError(
                f"run {folder.name} isn't as it was when it was scored: {'; '.join(altered)}",
                "fetch it again from where it was made",
            )
        _look_at(copy)
        if os.path.lexists(target):
            _same(copy, Run(target))
            return False
        try:
            move(copy.folder, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise os_error(f"run {folder.name} can't be taken in", error) from error
            _same(copy, Run(target))
            return False
    return True


def _files(folder: Path) -> list[str]:
    """The names to copy, once all that can be told from outside is as it must be."""
    named = f"run {folder.name}"
    if folder.is_symlink() or not folder.is_dir():
        raise BenchError(f"{named} is a link or no folder", "copy the folder itself")
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_left_behind(entry.name):
                continue
            if entry.name == _PICTURES:
                names += _pictures(folder, named)
                continue
            if not _FILE.fullmatch(entry.name):
                raise BenchError(f"{named} holds {entry.name!r:.100}, which no run folder holds")
            names.append(entry.name)
            if len(names) > MAX_FILES:
                raise BenchError(f"{named} holds more than {MAX_FILES} files")
    return sorted(names)


def _pictures(folder: Path, named: str) -> list[str]:
    """The pictures of a run, as paths below its folder."""
    place = folder / _PICTURES
    if place.is_symlink() or not place.is_dir():
        raise BenchError(f"{_PICTURES} of {named} is a link or no folder", "leave it away")
    names = []
    with os.scandir(place) as entries:
        for entry in entries:
            if is_left_behind(entry.name):
                continue
            if not _PICTURE.fullmatch(entry.name):
                raise BenchError(f"{named} holds a picture {entry.name!r:.100}", "leave it away")
            names.append(f"{_PICTURES}/{entry.name}")
            if len(names) > MAX_PICTURES:
                raise BenchError(f"{named} holds more than {MAX_PICTURES} pictures")
    return names


def _look_at(run: Run) -> None:
    """Look at what the files of a copy hold.

    Raises:
        BenchError: its observations are none, or too large; a picture is none, or isn't the one
            that the manifest names.
    """
    manifest = run.manifest()
    with about(run):
        for path in sorted((run.folder / _PICTURES).glob("*")):
            if manifest.pictures.get(path.name) != sha256_file(path):
                raise BenchError(
                    f"{path.name} isn't the picture that run.json names",
                    "fetch it again, or leave the folder pictures away",
                )
            received.check_picture(path)
    check_observations(run, manifest)


def _copy(folder: Path, name: str, target: Path, left: int) -> int:
    """Copy a plain file of bounded size; a link or a device isn't followed or waited for.

    Returns:
        Its size.
    """
    kind = name.partition("/")[0]
    limit = min(_LIMITS.get(kind, MAX_FILE), left)
    source, named = folder / name, f"{name} of run {folder.name}"
    target.parent.mkdir(exist_ok=True)
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BenchError(f"{named} is a link, or can't be read: {error.strerror}") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise BenchError(f"{named} is no plain file")
        if found.st_size > limit:
            raise BenchError(f"{named} has {found.st_size} bytes, expected at most {limit}")
        with open(handle, "rb", closefd=False) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, _COPIED)
            return out.tell()
    except OSError as error:
        raise os_error(f"{named} can't be copied", error) from error
    finally:
        os.close(handle)


def _same(copy: Run, there: Run) -> None:
    """Make sure that a run with the same id has the same content.

    Raises:
        BenchError: it hasn't, or can't be read; names what differs.
    """
    theirs, ours = integrity.check(copy), integrity.check(there)
    one, other = theirs.manifest.content(), ours.manifest.content()
    keys = sorted({*one, *other} - {"sha256"})
    differ = [key for key in keys if one.get(key) != other.get(key)]
    differ += [f"here, {fault}" for fault in ours.altered]
    if differ:
        raise BenchError(
            f"run {there.name} is here with other content: {', '.join(differ)}",
            "nothing was changed; to have theirs, move the folder here away and import again",
        )
