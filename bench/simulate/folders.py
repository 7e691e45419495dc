"""Folders that appear as a whole."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError


@contextmanager
def whole_folder(root: Path) -> Iterator[Path]:
    """A temporary folder beside ``root`` that becomes ``root`` when the block ends well.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BenchError(f"expected no folder at {root}, found one", "remove it, then repeat")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", suffix=".tmp", dir=root.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            temporary.replace(root)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise BenchError(
            f"could not write {root}: {error.strerror or error}",
            "free disk space or choose another folder, then repeat",
        ) from error
