"""The simulated data of a sample track on the disk: whole, and as it was made.

Beside the data lie ``SHA256``, the hash that stands for it in every run, and ``.files.json``, the
size, time and hash of every file, which is written last. Sizes and times are compared at every use;
a file whose time differs is read and hashed. Where either note is missing, everything is hashed.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.base import locks
from bench.base.errors import BenchError, os_error
from bench.base.files import new_folder, scratch, sha256_file, sweep, write_bytes, write_json
from bench.data.listing import is_left_behind

HASH = "SHA256"
_NOTES = ".files.json"
_SIMULATING_S = 1800.0
_HEXADECIMAL = 64

Noted = Mapping[str, tuple[int, int, str]]
"""Path to size in bytes, time of change in nanoseconds, and SHA-256."""


def ensure(
    name: str, root: Path, write: Callable[[Path], None], say: Callable[[str], None]
) -> None:
    """Make the data where it isn't there, or isn't as it was made.

    What is there and whole is neither locked nor written to, so it may be another user's or on a
    file system that can only be read.

    Args:
        name: of the dataset.
        root: where its data is.
        write: writes it into an empty folder.
        say: told what is made, and why.

    Raises:
        BenchError: the folder can't be written, holds files of somebody else, or another process
            makes the data and takes too long.
    """
    if _fault(root) is None:
        # Perhaps the data got its name from a process that was killed a moment later.
        sweep(root.parent, root.name)
        return
    lock = root.with_name(f".{root.name}.lock")
    with locks.held(lock, f"is simulating the sample data of {name}", _SIMULATING_S, say):
        fault = _fault(root)
        if fault is None:
            return
        if fault:
            say(f"the sample data of {name} isn't as it was made, {fault}: it is made again")
            _discard(root)
        say(f"simulating the sample data of {name} into {root}")
        with new_folder(root) as folder:
            write(folder)
            _seal(folder, _hashed(folder))


def sha256(root: Path) -> str:
    """The hash of the data, as noted when it was made."""
    return (root / HASH).read_text(encoding="ascii").strip()


def _fault(root: Path) -> str | None:
    """What is wrong with the data, in words; empty where there is none, None where it is whole."""
    there = _files(root)
    if not there:
        return ""
    noted, known = _read_notes(root), _read_hash(root)
    if noted is None or known is None or _tree(noted) != known:
        found = _hashed(root)
        if known is None and (noted is None or _tree(found) != _tree(noted)):
            return f"its {HASH} is missing"
        if known is not None and _tree(found) != known:
            return f"its files have another hash than {HASH} says"
        # It may be somebody else's, and then is hashed every time.
        with contextlib.suppress(BenchError):
            _seal(root, found)
        return None
    if added := sorted({*there} - {*noted}):
        raise BenchError(
            f"{root} holds {len(added)} files that aren't of the sample data, first {added[0]}",
            "move them away, or remove the whole folder: it is made again",
        )
    differ = [path for path in noted if path not in there or there[path][0] != noted[path][0]]
    touched = [path for path in noted if path in there and there[path][1] != noted[path][1]]
    differ += [
        path
        for path in touched
        if path not in differ and sha256_file(root / path) != noted[path][2]
    ]
    if differ:
        return f"{len(differ)} of its {len(noted)} files are damaged, first {min(differ)}"
    if touched:
        with contextlib.suppress(BenchError):
            _seal(root, {path: (*there[path], noted[path][2]) for path in noted})
    return None


def _files(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, by its path with slashes."""
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_left_behind(name)]
        for name in files:
            path = Path(folder, name)
            within = path.relative_to(root).as_posix()
            if not is_left_behind(name) and within != HASH:
                status = path.stat()
                found[within] = status.st_size, status.st_mtime_ns
    return found


def _hashed(root: Path) -> Noted:
    return {path: (*found, sha256_file(root / path)) for path, found in _files(root).items()}


def _tree(noted: Noted) -> str:
    """The hash of the whole, as `bench.base.files.tree_sha256` has it."""
    digest = hashlib.sha256()
    for path in sorted(noted, key=Path):
        digest.update(f"{path} {noted[path][2]}\n".encode())
    return digest.hexdigest()


def _seal(root: Path, noted: Noted) -> None:
    write_bytes(root / HASH, _tree(noted).encode())
    write_json(root / _NOTES, noted)


def _read_notes(root: Path) -> Noted | None:
    try:
        noted = json.loads((root / _NOTES).read_bytes())
        return {str(path): (int(s), int(t), str(h)) for path, (s, t, h) in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _read_hash(root: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        if len(text := sha256(root)) == _HEXADECIMAL and text.isalnum():
            return text
    return None


def _discard(root: Path) -> None:
    try:
        # Out of sight at once: who reads the old files goes on, and who looks finds none.
        with scratch(root.parent, root.name) as folder:
            root.replace(folder / "discarded")
    except OSError as error:
        raise os_error(f"could not remove {root}", error) from error
