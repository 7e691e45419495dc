"""Folders as people have them: what systems leave behind, links, archives' own folders, names.

Every reader looks at folders through this module, so that the same things are passed over, followed
and matched everywhere.
"""

import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.base.errors import BenchError

DEPTH = 24
"""The most folders within each other that `walk` goes down."""

_LEFT_BEHIND = {
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "__macosx",
    "__pycache__",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "system volume information",
    "thumbs.db",
}
_SAME = ((".tif", ".tiff"), (".jpg", ".jpeg", ".png"))
_PACKED = (
    *(".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2", ".txz", ".tzst"),
    *(".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip.001", ".7z.001", ".tar.gz.001"),
)
_TABLES = (".parquet", ".arrow")
_WRAPPED = 2
_MANY = 64


def is_left_behind(name: str) -> bool:
    """Whether a name is hidden or one that systems, shares and tools leave in folders of data."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def scan(folder: str | Path) -> "list[os.DirEntry[str]]":
    """The entries of a folder by name, without what is left behind.

    ``is_dir`` and ``is_file`` of an entry follow links; a link to nowhere is neither.

    Raises:
        BenchError: the folder can't be looked into.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not is_left_behind(entry.name)),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise BenchError(
            f"could not look into {folder}: {error.strerror or error}",
            "is it a folder that you may read?",
        ) from error


def folders(folder: str | Path) -> list[Path]:
    """The folders in a folder and the links to folders, by name; see `scan`."""
    return [Path(entry.path) for entry in scan(folder) if entry.is_dir()]


def files(folder: str | Path, endings: str | tuple[str, ...] = "") -> list[Path]:
    """The files in a folder and the links to files, by name; see `scan`.

    Args:
        folder: to look into.
        endings: of the names that are wanted, in lower case; matched without case.
    """
    return [
        Path(entry.path)
        for entry in scan(folder)
        if entry.name.lower().endswith(endings) and entry.is_file()
    ]


def walk(
    folder: str | Path, endings: str | tuple[str, ...] = "", depth: int = DEPTH
) -> Iterator[Path]:
    """The files in a folder and in all below it, links followed; see `files`.

    A folder that can be reached in several ways is looked into once, so that links that lead back
    end; where a folder stands beside a link to it, the folder is the one that counts.

    Args:
        folder: to look into.
        endings: of the names that are wanted, in lower case; matched without case.
        depth: how many folders within each other are looked into at most.

    Raises:
        BenchError: a folder can't be looked into.
    """
    seen: set[tuple[int, int]] = set()

    def below(place: str | Path, left: int) -> Iterator[Path]:
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen or not left:
            return
        seen.add((status.st_dev, status.st_ino))
        inner = []
        for entry in scan(place):
            if entry.is_dir():
                inner.append(entry)
            elif entry.name.lower().endswith(endings) and entry.is_file():
                yield Path(entry.path)
        for entry in sorted(inner, key=lambda entry: (entry.is_symlink(), entry.name)):
            yield from below(entry.path, left - 1)

    if Path(folder).is_dir():
        yield from below(folder, depth)


def base(root: Path, fits: Callable[[Path], bool]) -> Path | None:
    """The folder of a dataset: ``root``, or one in it where archives were unpacked too deep.

    Args:
        root: where the dataset is looked for.
        fits: whether a folder holds the dataset.

    Returns:
        The nearest folder that fits, at most two below ``root``; None where there is none.

    Raises:
        BenchError: several fit.
    """
    level = [root] if root.is_dir() else []
    for _ in range(_WRAPPED + 1):
        found = [folder for folder in level if fits(folder)]
        if len({folder.resolve() for folder in found}) > 1:
            raise BenchError(
                f"expected one copy of the dataset under {root}, found {found[0]} and {found[1]}",
                "move one of them away",
            )
        if found:
            return found[0]
        level = [
            inner
            for folder in level
            if folder.is_dir() and len(within := folders(folder)) <= _MANY
            for inner in within
        ]
    return None


def unwrapped(folder: Path) -> Path:
    """A folder, or the one of the same name in it, as archives are often unpacked.

    ``NAME/NAME/...`` is followed down, at most twice; names are compared without case.
    """
    for _ in range(_WRAPPED):
        inner = folder / folder.name
        if not inner.is_dir():
            inner = next(
                (
                    one
                    for one in (folders(folder) if folder.is_dir() else [])
                    if one.name.lower() == folder.name.lower()
                ),
                folder,
            )
        if inner == folder:
            break
        folder = inner
    return folder


def key(name: str) -> str:
    """What two names of a file have in common that differ in how a system writes them.

    Case, the form of accented letters (macOS parts them) and the suffixes of one format
    (``.tif`` and ``.tiff``; ``.jpg``, ``.jpeg`` and ``.png``) are left out of account.
    """
    plain = unicodedata.normalize("NFC", name).casefold()
    stem, dot, ending = plain.rpartition(".")
    group = next((same for same in _SAME if dot + ending in same), None)
    return stem + group[0] if group and stem else plain


def find(folder: Path, name: str) -> Path | None:
    """The file or folder of a name, as it is or else by its `key`; None where there is none.

    Raises:
        BenchError: several have this key and none this very name, or the folder can't be looked
            into.
    """
    exact = folder / name
    if exact.exists():
        return exact
    if not folder.is_dir():
        return None
    wanted = key(name)
    found = [Path(entry.path) for entry in scan(folder) if key(entry.name) == wanted]
    if len(found) > 1:
        raise BenchError(
            f"expected {name} in {folder}, found {found[0].name} and {found[1].name}",
            f"keep one of them, as {name}",
        )
    return found[0] if found and found[0].exists() else None


def below(folder: Path, path: str) -> Path | None:
    """What is at a path below a folder, each part of it matched by `find`; None where nothing is.

    Raises:
        BenchError: several names of a folder match a part.
    """
    found: Path | None = folder
    for part in path.split("/"):
        found = None if found is None else find(found, part)
    return found


def archives(root: Path) -> list[Path]:
    """What lies in a folder, or in a folder in it, as downloaded: archives and tables, by name."""
    if not root.is_dir():
        return []
    inner = folders(root)
    places = [root, *(inner if len(inner) <= _MANY else [])]
    return [path for place in places for path in files(place, _PACKED + _TABLES)]


def packed(folder: Path, start: str = "") -> list[str]:
    """The names of the archives in a folder that begin with a word; see `key` for how they may."""
    if not folder.is_dir():
        return []
    there = [path.name for path in files(folder, _PACKED)]
    return [name for name in there if key(name).startswith(key(start))]


def absent(expected: str, root: Path, hint: str, own: str | tuple[str, ...] = ()) -> BenchError:
    """The error where a dataset isn't in its folder: names the archives that lie there instead.

    Args:
        expected: what was looked for, as in "dataset_rsicd.json".
        root: where.
        hint: what to do where nothing lies there.
        own: endings of archives that the dataset itself consists of.
    """
    there = [path for path in archives(root) if not path.name.lower().endswith(own)]
    if not there:
        return BenchError(f"expected {expected} in {root}, found none", hint)
    shown = ", ".join(str(path.relative_to(root)) for path in there[:3])
    more = f" and {len(there) - 3:,} more" if len(there) > 3 else ""
    tables = all(path.name.lower().endswith(_TABLES) for path in there)
    advice = (
        "tables of the Hub aren't read: get the files of the publication"
        if tables
        else f"unpack {'it' if len(there) == 1 else 'them'} in {root}"
    )
    return BenchError(f"expected {expected} in {root}, found {shown}{more}", f"{advice}; {hint}")
