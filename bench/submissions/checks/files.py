"""The files of a folder, before any of them is opened."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from bench.base import parquet
from bench.base.errors import BenchError
from bench.spec.entry import MAX_DECLARATION
from bench.submissions import content
from bench.submissions.checks import Submission

MAX_FILES = 1000
"""The most files in the folder of an entry."""

MAX_HIDDEN = 20_000
"""The most files in all folders below it, hidden ones of version control included."""

MAX_BYTES = {
    ".toml": MAX_DECLARATION,
    ".md": content.MAX_TEXT,
    ".safetensors": 16 << 30,
    ".parquet": parquet.MAX_FILE,
}
"""The largest files by suffix, in bytes."""

MAX_OTHER = 64 << 20
"""The largest file of another suffix, in bytes."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.A)

_VERSION_CONTROL = (".git/", ".hg/", ".svn/")
"""Its files are compressed or scripts of its own; none of them is published or opened."""

# Opening one of these, or importing it, may run whatever its author wanted.
_PROGRAMS = re.compile(
    r"\.(bin|ckpt|dill|h5|joblib|keras|npy|npz|pickle|pkl|pt|pth|pyc?|sh|so)$", re.IGNORECASE
)


def plain(submission: Submission) -> str | None:
    """Plain files with plain names: no links, devices or folders, and no two alike but for case."""
    if submission.alone:
        return None
    faults, seen = [], set()
    for entry in _entries(submission.path):
        if not _NAME.fullmatch(entry.name):
            faults.append(f"{entry.name!r:.100} is no plain name")
        if entry.name.lower() in seen:
            faults.append(f"{entry.name!r:.100} is there twice but for its case")
        seen.add(entry.name.lower())
        if entry.is_symlink() and not _is_from_hub(Path(entry.path)):
            faults.append(f"{entry.name!r:.100} is a link")
        elif not stat.S_ISREG(entry.stat().st_mode):
            faults.append(f"{entry.name!r:.100} is no plain file")
    if faults:
        raise BenchError(
            "; ".join(faults[:8]), "an entry is a flat folder of plain files: copy what is linked"
        )
    return f"{len(seen)} files"


def formats(submission: Submission) -> str | None:
    """Nothing in a format that can run code, by its name and by its content, hidden or not."""
    if submission.alone:
        return None
    faults = []
    for path in _everything(submission.path):
        name = path.relative_to(submission.path).as_posix()
        if name.startswith(_VERSION_CONTROL):
            found = "a pickle" if content.fault(path) == "a pickle" else ""
        elif _PROGRAMS.search(name):
            found = "can run code"
        else:
            found = content.fault(path)
        if found:
            faults.append(f"{name!r:.100} ({found})")
    if faults:
        more = f" and {len(faults) - 8} more" if len(faults) > 8 else ""
        raise BenchError(
            f"files that can run code, or may: {', '.join(sorted(faults)[:8])}{more}",
            "save weights with safetensors.torch.save_file; beside them an entry holds text, "
            "Parquet and pictures; keep code in a repository of its own",
        )
    return "no pickles, no programs"


def sizes(submission: Submission) -> str:
    """No file is larger than what is opened."""
    paths = (
        [submission.path] if submission.alone else [Path(e.path) for e in _entries(submission.path)]
    )
    faults, total = [], 0
    for path in paths:
        size = path.stat().st_size if path.is_file() else 0
        total += size
        limit = MAX_BYTES.get(path.suffix.lower(), MAX_OTHER)
        if size > limit:
            faults.append(f"{path.name!r:.100} has {size:,} bytes, at most {limit:,}")
    if faults:
        raise BenchError("; ".join(faults[:8]), "leave out what the entry doesn't need")
    return f"{total:,} bytes"


def readme(submission: Submission) -> str | None:
    """There is a README.md."""
    if submission.alone:
        return None
    path = submission.path / "README.md"
    if not path.is_file() or not path.stat().st_size:
        raise BenchError("no README.md", "say what it is and how it was made; `bench init` helps")
    return f"{path.stat().st_size:,} bytes"


def _everything(folder: Path) -> Iterator[Path]:
    """All plain files at any depth, hidden ones as well; links only into the Hub's cache."""
    count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            count += 1
            if count > MAX_HIDDEN:
                raise BenchError(
                    f"more than {MAX_HIDDEN:,} files, hidden ones counted",
                    "leave out what isn't needed",
                )
            path = Path(place, name)
            if path.is_file() and (not path.is_symlink() or _is_from_hub(path)):
                yield path


def _entries(folder: Path) -> "Iterator[os.DirEntry[str]]":
    """What is in a folder; hidden names are those of version control."""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= MAX_FILES:
                raise BenchError(f"more than {MAX_FILES} files", "leave out what isn't needed")
            if not entry.name.startswith("."):
                yield entry


def _is_from_hub(path: Path) -> bool:
    """Whether a link is one of the Hub's cache: of a snapshot, into the blobs beside it."""
    return path.resolve().parent == path.parent.parent.parent.resolve() / "blobs"
