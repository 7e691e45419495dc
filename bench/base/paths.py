"""Where things are: what the package carries, the user's datasets, the results.

What a user names is made absolute where a request is made: the processes that work on it, such as
those of a sandbox, stand in folders of their own.
"""

import os
from pathlib import Path

from bench.base.errors import RequestError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of the package ``bench``."""


def shipped(name: str) -> Path:
    """A folder that ships with the harness: ``tasks``, ``baselines`` or ``results/reported``.

    In a checkout these stand beside the package; in a wheel they are inside it.
    """
    beside = PACKAGE.parent / name
    if (PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return PACKAGE / "_shipped" / name


def absolute(path: Path | str) -> Path:
    """The path that means the same in every process, with ``~`` as the user's home.

    Symbolic links are kept: their names can be what is meant.

    Raises:
        RequestError: it is relative, and the current folder was removed.
    """
    try:
        return Path(os.path.expanduser(path)).absolute()  # noqa: PTH111  pathlib's fails on ~x
    except FileNotFoundError as error:
        raise RequestError(
            f"{path} is relative, and the current folder was removed",
            "change into a folder that is there, or give an absolute path",
        ) from error


def shown(path: Path) -> str:
    """A path as its user would type it: relative where it is below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)


def data_root() -> Path:
    """The folder of datasets: ``$BENCH_DATA``, or ``rs-bench`` in the user's cache folder."""
    if named := os.environ.get("BENCH_DATA"):
        return absolute(named)
    # Of a relative one its specification says that it is ignored.
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else absolute("~/.cache")) / "rs-bench"


def weights_root() -> Path:
    """The folder of converted weights: ``$BENCH_WEIGHTS``, or ``weights`` beside the datasets."""
    if named := os.environ.get("BENCH_WEIGHTS"):
        return absolute(named)
    return data_root() / "weights"


def results_root(named: Path | str | None = None) -> Path:
    """The folder of results: the one named, else ``$BENCH_RESULTS``, else ``results`` here.

    Raises:
        RequestError: its path has a question mark, which DuckDB takes for the end of a file's name.
    """
    root = absolute(named or os.environ.get("BENCH_RESULTS") or "results")
    if "?" in str(root):
        raise RequestError(
            f"the database can't be kept in {root}, as there is a ? in this path",
            "choose another --results",
        )
    return root
