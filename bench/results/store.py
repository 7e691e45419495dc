"""The results database: an index over run folders and reported numbers, made again at any time.

The schema is documented in ``results/README.md``. There are no keys and no indexes on
purpose: they make a DuckDB file harder to recover, and a hundred thousand rows need none.

Reading needs DuckDB and nothing else; what writing needs is imported there.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from bench.base import locks
from bench.base.errors import BenchError, os_error
from bench.base.files import move, scratch, sweep
from bench.results.tables import REPORTED, SCHEMA, VERSION, insert, refresh_reported

if TYPE_CHECKING:
    from bench.results.integrity import Checked
    from bench.results.runs import Run

_WAIT_SECONDS = 60.0
_EARLIER = (1, 2, 3)  # schemas that are brought to the present one
_POLL_SECONDS = 0.05


_Setting = str | bool | int | float | list[str]


class _InUseError(BenchError):
    """Somebody holds the database for too long."""


def database(results: Path) -> Path:
    """Where the database of a results folder is."""
    return results / "results.duckdb"


def exists(results: Path) -> bool:
    """Whether there is a database; where there are only complete runs, it is made of them first.

    So it is in a clone, whose runs come without it, and in a folder that was copied without it.

    Raises:
        BenchError: it can't be made.
    """
    path = database(results)
    if not path.is_file() and _complete(results):
        rebuild(results)
    return path.is_file()


def _complete(results: Path, besides: Collection[str] = ()) -> bool:
    """Whether a run is complete besides some."""
    from bench.results.runs import all_runs

    for run in all_runs(results):
        with contextlib.suppress(BenchError):
            if run.name not in besides and run.complete():
                return True
    return False


@contextmanager
def connect(results: Path, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for a moment; for writing it is created where it doesn't exist.

    Waits up to a minute for another process that holds it.

    Raises:
        BenchError: it is held by another process or by another connection of this one, damaged,
            absent, or of another schema.
    """
    path = database(results)
    if not write and not exists(results):
        raise BenchError(
            f"no results at {path}", "`bench run` makes some; or name a folder with --results"
        )
    with _writing(path) if write else contextlib.nullcontext():
        if write and not path.is_file():
            _make(path, [])
        connection = _open(path, read_only=not write)
        if _version(connection, path) in _EARLIER:
            connection.close()
            with contextlib.nullcontext() if write else _writing(path):
                _upgrade(path)
            connection = _open(path, read_only=not write)
        try:
            _check_version(connection, path)
            yield connection
        finally:
            connection.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The one lock of all that writes the database or replaces it."""
    with locks.held(path.with_name(f".{path.name}.lock"), f"is writing {path}", _WAIT_SECONDS):
        # What an earlier version left when it was killed.
        for pattern in (".new-*", ".rebuild-*", ".import-*"):
            for left in path.parent.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)
        sweep(path.parent)
        yield


def _make(path: Path, checked: "Sequence[Checked]") -> None:
    """Put a database of these runs in place of the one there is, once it is whole on the disk.

    The caller holds the lock.

    Raises:
        BenchError: the disk is full or fails; the database that is there stays as it is.
    """
    with _replacing(path) as fresh:
        with duckdb.connect(str(fresh)) as connection:
            connection.execute(SCHEMA)
            insert(connection, checked)
            refresh_reported(connection, path.parent)
            numbers = _counts(connection)
            # Closing does so as well, but is silent where it fails.
            connection.execute("checkpoint")
        with duckdb.connect(str(fresh), read_only=True) as connection:
            found = _counts(connection)
        if found != numbers or found[1] != len(checked):
            raise BenchError(
                f"the new {path} holds {found[1]} runs, expected {len(checked)}",
                "look at the disk; the database that was there is as before",
            )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Where a database is made that takes the place of another when the block ends well."""
    try:
        with scratch(path.parent, path.name) as folder:
            yield folder / path.name
            move(folder / path.name, path)
    except duckdb.Error as error:
        full = "space" in str(error).lower() or isinstance(error, duckdb.OutOfMemoryException)
        raise BenchError(
            f"could not write {path}: {_first_line(error)}",
            ("free disk space, " if full else "look at the disk, ")
            + "then `bench results rebuild`; the database that was there is as before",
        ) from error
    except OSError as error:
        raise os_error(f"could not write {path}", error, "`bench results rebuild`") from error


def _counts(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The number of rows of every table: of schemas, runs, metrics, published numbers."""
    tables = ("schema_version", "runs", "metrics", "reported", "reported_files")
    query = " union all ".join(
        f"select {n}, count(*) from {table}" for n, table in enumerate(tables)
    )
    return [count for _, count in sorted(connection.execute(query).fetchall())]


def _open(
    path: Path, *, read_only: bool, config: "dict[str, _Setting] | None" = None
) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=config or {})
        except duckdb.Error as error:
            holder = _holder(error)
            if holder is None:
                _check_rights(path, write=not read_only)
                raise _damaged(path, error) from error
            if time.monotonic() > deadline:
                raise _InUseError(
                    f"{path} is in use by {holder}",
                    "close it and repeat; a run just made is safe in its folder and "
                    "`bench results rebuild` lists it",
                ) from error
            time.sleep(_POLL_SECONDS)


def _check_rights(path: Path, *, write: bool) -> None:
    try:
        with path.open("r+b" if write else "rb"):
            pass
    except OSError as error:
        raise os_error(f"could not open {path}", error) from error


def _holder(error: duckdb.Error) -> str | None:
    """Who keeps the database from being opened; None where nobody does."""
    text = str(error)
    if isinstance(error, duckdb.ConnectionException) and "configuration" in text:
        return f"another connection of this process ({os.getpid()})"
    if isinstance(error, duckdb.IOException) and "lock" in text.lower():
        found = re.search(r"held in (.*?)\.? (?:See|However|$)", text)
        return found.group(1) if found else "another process"
    return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _damaged(path: Path, error: Exception) -> BenchError:
    return BenchError(
        f"{path} can't be opened: {_first_line(error)}",
        "`bench results rebuild` makes it again from the run folders; nothing is lost",
    )


def _upgrade(path: Path) -> None:
    """Bring a database of an earlier schema to the present one.

    Schema 1 didn't say what splits were held to nor how many classes stand behind a mean; neither 1
    nor 2 what the independent units of a score are, nor 3 what published numbers are related to.
    What a run's folder doesn't hold stays unknown: `bench score` adds it.

    A changed copy takes its place, so that a killed process leaves the one or the other. The
    caller holds the lock.
    """
    from bench.results import verification
    from bench.results.manifest import parse

    _settle(path)
    with _replacing(path) as fresh:
        shutil.copyfile(path, fresh)
        with duckdb.connect(str(fresh)) as connection:
            # Another process may have done it meanwhile.
            found = _version(connection, path)
            if found == 1:
                known = connection.execute("select run, manifest from runs").fetchall()
                connection.execute("alter table runs add column checked varchar")
                connection.execute("alter table metrics add column classes integer")
                connection.executemany(
                    "update runs set checked = ? where run = ?",
                    [[verification.of_run(parse(text, f"run {run}")), run] for run, text in known]
                    or [["", ""]],
                )
            if found in (1, 2):
                connection.execute("alter table runs add column left_out double[] default []")
                connection.execute("alter table metrics add column units integer")
                connection.execute(
                    "alter table metrics add column sampling_unit varchar default 'sample'"
                )
            if found in _EARLIER:
                connection.execute(f"drop table reported; delete from reported_files; {REPORTED}")
                connection.execute(f"update schema_version set version = {VERSION}")
                refresh_reported(connection, path.parent)
                connection.execute("checkpoint")


def _version(connection: duckdb.DuckDBPyConnection, path: Path) -> int | None:
    try:
        found = connection.execute("select max(version) from schema_version").fetchall()
    except duckdb.Error as error:
        connection.close()
        raise _damaged(path, error) from error
    return found[0][0] if found else None


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    version = _version(connection, path)
    if version != VERSION:
        raise BenchError(
            f"{path} has schema {version}, this version of rs-bench expects {VERSION}",
            "`bench results rebuild` makes it again from the run folders",
        )


def record(results: Path, *runs: "Run") -> None:
    """Enter complete runs, in place of what was entered of them before.

    Raises:
        BenchError: a run is not complete, or holds NaN or infinity.
    """
    from bench.results import integrity

    checked = [integrity.check(run) for run in runs]
    names = [run.name for run in runs]
    if not database(results).is_file() and _complete(results, names):
        rebuild(results)
    with connect(results, write=True) as connection:
        connection.begin()
        for table in ("runs", "metrics"):
            connection.execute(f"delete from {table} where run in (select unnest(?))", [names])
        insert(connection, checked)
        refresh_reported(connection, results)
        connection.commit()


def rebuild(results: Path) -> tuple[int, list[str]]:
    """Make the database again from the run folders and the files of reported numbers.

    Runs that others record meanwhile are entered as well.

    Returns:
        The number of runs entered, and why others, or reported numbers, were left out.

    Raises:
        BenchError: the database is in use, or the disk is full; it stays as it is.
    """
    from bench.results import integrity, reported, untrusted
    from bench.results.runs import all_runs

    known: dict[tuple[object, ...], Checked | BenchError] = {}

    def look() -> "list[Checked | BenchError]":
        found = []
        for run in all_runs(results):
            if (key := _state(run)) not in known:
                try:
                    known[key] = checked = integrity.check(run)
                    # It may be a folder of others, copied by hand. What was altered is only listed.
                    if not checked.altered:
                        untrusted.check_observations(run, checked.manifest)
                except BenchError as error:
                    known[key] = error
            found.append(known[key])
        return found

    # Hashing all observations takes its time, in which others may record.
    look()
    path = database(results)
    with _writing(path):
        found = look()
        _settle(path)
        _make(path, checked := [one for one in found if not isinstance(one, BenchError)])
        _log(path).unlink(missing_ok=True)
    faults = [str(one) for one in found if isinstance(one, BenchError)]
    return len(checked), reported.check(results) + faults


def _state(run: "Run") -> tuple[object, ...]:
    """What changes when a run folder does."""
    paths = (run.folder / "run.json", run.attributes_path(), *run.parts())
    files = [(path.name, path.stat()) for path in paths if path.is_file()]
    return run.name, *((name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in files)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _settle(path: Path) -> None:
    """See to it that nobody holds the old database and no log of it is left.

    Raises:
        BenchError: another program holds it.
    """
    log = _log(path)
    if path.is_file():
        try:
            # Other settings than anybody's: a connection of this process is noticed as well.
            logged = log.exists()
            with _open(path, read_only=not logged, config={"custom_user_agent": "rebuild"}) as old:
                if logged:
                    old.execute("checkpoint")
        except _InUseError:
            raise
        except BenchError:
            pass
        except duckdb.Error:
            # Perhaps the disk is full: as long as there is no new database the log is needed.
            return
    # That of a process killed in the middle belongs to the old file, not to the new one.
    log.unlink(missing_ok=True)
