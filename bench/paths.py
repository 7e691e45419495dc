"""Where things are: what the package carries, the user's datasets, the results."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """A folder that ships with the harness: ``tasks``, ``baselines`` or ``results/reported``.

    In a checkout these stand beside the package; in a wheel they are inside it.
    """
    beside = _PACKAGE.parent / name
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return _PACKAGE / "_shipped" / name


def data_root() -> Path:
    """The folder of datasets: ``$BENCH_DATA``, or ``rs-bench`` in the user's cache folder."""
    if named := os.environ.get("BENCH_DATA"):
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "rs-bench"


def results_root(named: Path | None = None) -> Path:
    """The folder of results: the one named, else ``$BENCH_RESULTS``, else ``results`` here."""
    return named or Path(os.environ.get("BENCH_RESULTS", "results"))
