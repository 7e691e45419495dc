"""The results database: an index over run folders and reported numbers, made again at any time.

The schema, version 2, is documented in ``results/README.md``. There are no keys and no indexes on
purpose: they make a DuckDB file harder to recover, and a hundred thousand rows need none.

Reading needs DuckDB and nothing else; what writing needs is imported there.
"""

import datetime
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.integrity import Checked
    from bench.runs import Run

VERSION = 2
"""Version of the schema below."""

_SCHEMA = f"""
create table schema_version (version integer not null);
insert into schema_version values ({VERSION});
create table runs (
  run varchar not null, task varchar not null, task_version integer not null,
  task_digest varchar not null, kind varchar not null, track varchar not null,
  partial boolean not null, entry varchar not null, entry_digest varchar not null,
  weights_sha256 varchar not null, inputs varchar not null, division varchar not null,
  trust varchar not null, seed bigint not null, device varchar not null, precision varchar not null,
  samples bigint not null, ids_sha256 varchar not null, data_sha256 varchar not null,
  harness_version varchar not null, harness_commit varchar, harness_dirty boolean,
  started timestamp not null, seconds double not null, parameters bigint, macs bigint,
  latency_ms double, samples_per_second double, peak_memory bigint, altered boolean not null,
  manifest json not null, checked varchar not null
);
create table metrics (
  run varchar not null, metric varchar not null, average varchar not null, label varchar not null,
  value double, low double, high double, samples bigint not null, slice varchar not null,
  is_primary boolean not null
);
create table reported (
  source varchar not null, title varchar not null, authors varchar not null, year integer,
  arxiv varchar not null, doi varchar not null, url varchar not null,
  task varchar not null, entry varchar not null, inputs varchar not null, setting varchar not null,
  metric varchar not null, average varchar not null, label varchar not null,
  split varchar not null, value double not null, std double, unit varchar not null,
  published double not null, published_unit varchar not null, seeds integer,
  higher_is_better boolean not null, place varchar not null, trust varchar not null,
  differs varchar not null, doubt varchar not null
);
create table reported_files (sha256 varchar not null);
"""

_SCORE = ("metric", "average", "label", "value", "low", "high", "samples", "slice")

_WAIT_SECONDS = 10.0


def database(results: Path) -> Path:
    """Where the database of a results folder is."""
    return results / "results.duckdb"


@contextmanager
def connect(results: Path, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for a moment; for writing it is created where it doesn't exist.

    Waits up to ten seconds for another process that holds it.

    Raises:
        BenchError: it is held by another process, damaged, absent, or of another schema.
    """
    path = database(results)
    if not path.is_file():
        if not write:
            raise BenchError(
                f"no results at {path}", "`bench run` makes some; or name a folder with --results"
            )
        _create(path)
    connection = _open(path, read_only=not write)
    if _version(connection, path) == 1:
        connection.close()
        _upgrade(path)
        connection = _open(path, read_only=not write)
    try:
        _check_version(connection, path)
        yield connection
    finally:
        connection.close()


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        with duckdb.connect(str(fresh)) as connection:
            connection.execute(_SCHEMA)
            _refresh_reported(connection, path.parent)
        try:
            # A link, unlike a rename, doesn't replace what another process made meanwhile.
            os.link(fresh, path)
        except FileExistsError:
            return


def _open(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            text = str(error)
            if "lock" not in text.lower():
                raise _damaged(path, error) from error
            if time.monotonic() > deadline:
                holder = re.search(r"held in (.*?)\.? (?:See|However|$)", text)
                raise BenchError(
                    f"{path} is in use by {holder.group(1) if holder else 'another process'}",
                    "close that program and repeat; a run just made is safe in its folder and "
                    "`bench results rebuild` lists it",
                ) from error
            time.sleep(0.1)
        except duckdb.Error as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BenchError:
    first = str(error).splitlines()[0]
    return BenchError(
        f"{path} can't be opened: {first}",
        "`bench results rebuild` makes it again from the run folders; nothing is lost",
    )


def _upgrade(path: Path) -> None:
    """Bring a database of schema 1, which didn't say what splits were held to, to the present one.

    A changed copy takes its place, so that a killed process leaves the one or the other.
    """
    from bench import verification

    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
            fresh = Path(folder) / path.name
            for file in (path, path.with_name(path.name + ".wal")):
                if file.is_file():
                    shutil.copyfile(file, Path(folder) / file.name)
            with duckdb.connect(str(fresh)) as connection:
                known = connection.execute("select run, manifest from runs").fetchall()
                connection.execute("alter table runs add column checked varchar")
                connection.executemany(
                    "update runs set checked = ? where run = ?",
                    [[verification.of_run(json.loads(text)), run] for run, text in known]
                    or [["", ""]],
                )
                connection.execute(f"update schema_version set version = {VERSION}")
                connection.execute("checkpoint")
            fresh.replace(path)
            path.with_name(path.name + ".wal").unlink(missing_ok=True)
    except OSError as error:
        raise BenchError(
            f"{path} has schema 1 and can't be brought to {VERSION}: {error.strerror}",
            "`bench results rebuild` makes it again from the run folders",
        ) from error


def _version(connection: duckdb.DuckDBPyConnection, path: Path) -> int | None:
    try:
        found = connection.execute("select max(version) from schema_version").fetchone()
    except duckdb.Error as error:
        connection.close()
        raise _damaged(path, error) from error
    return found[0] if found else None


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
    from bench import integrity

    checked = [integrity.check(run) for run in runs]
    with connect(results, write=True) as connection:
        connection.begin()
        for table in ("runs", "metrics"):
            names = [run.name for run in runs]
            connection.execute(f"delete from {table} where run in (select unnest(?))", [names])
        _insert(connection, checked)
        _refresh_reported(connection, results)
        connection.commit()


def rebuild(results: Path) -> tuple[int, list[str]]:
    """Make the database again from the run folders and the files of reported numbers.

    Returns:
        The number of runs entered, and why others, or reported numbers, were left out.
    """
    from bench import integrity, reported
    from bench.runs import all_runs

    checked, faults = [], reported.check(results)
    for run in all_runs(results):
        try:
            checked.append(integrity.check(run))
        except BenchError as error:
            faults.append(str(error))
    path = database(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rebuild-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        with duckdb.connect(str(fresh)) as connection:
            connection.execute(_SCHEMA)
            _insert(connection, checked)
            _refresh_reported(connection, results)
        # The log of a process killed in the middle belongs to the old file, not to this one.
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
        fresh.replace(path)
    return len(checked), faults


def _refresh_reported(connection: duckdb.DuckDBPyConnection, results: Path) -> None:
    """Let the table hold what the files hold; costs a hash where it does already."""
    from bench import reported

    digest = reported.digest(results)
    if connection.execute("select sha256 from reported_files").fetchone() == (digest,):
        return
    numbers, _ = reported.load(results)
    for table in ("reported", "reported_files"):
        connection.execute(f"delete from {table}")
    _fill(connection, "reported", [list(vars(number).values()) for number in numbers])
    connection.execute("insert into reported_files values (?)", [digest])


def _insert(connection: duckdb.DuckDBPyConnection, checked: "Iterable[Checked]") -> None:
    runs, metrics = [], []
    for one in checked:
        manifest = one.manifest
        runs.append(_run_row(manifest, altered=bool(one.altered)))
        primary = manifest["task"]["primary"]
        for score in manifest["scores"]:
            named = f"{score['metric']}_{score['average']}"
            is_primary = named == primary and not score["slice"]
            metrics.append([manifest["run"], *(score[key] for key in _SCORE), is_primary])
    _fill(connection, "runs", runs)
    _fill(connection, "metrics", metrics)


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    import pyarrow as pa

    if rows:
        # By columns: row-wise insertion is a hundred times slower.
        names = [f"c{i}" for i in range(len(rows[0]))]
        columns = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
        connection.register("fresh", columns)
        connection.execute(f"insert into {table} select * from fresh")
        connection.unregister("fresh")


def _run_row(manifest: dict[str, Any], *, altered: bool) -> list[Any]:
    from bench import verification

    task, entry, made = manifest["task"], manifest["entry"], manifest["harness"]
    samples, cost = manifest["data"], manifest["cost"]
    started = datetime.datetime.fromisoformat(manifest["started"])
    if started.tzinfo is not None:
        started = started.astimezone(datetime.UTC).replace(tzinfo=None)
    return [
        manifest["run"],
        *(task[key] for key in ("name", "version", "digest", "kind")),
        *(manifest[key] for key in ("track", "partial")),
        *(entry[key] for key in ("name", "digest", "weights_sha256")),
        *(manifest[key] for key in ("inputs", "division", "trust", "seed", "device", "precision")),
        *(samples[key] for key in ("samples", "ids_sha256", "data_sha256")),
        *(made[key] for key in ("version", "commit", "dirty")),
        started,
        float(manifest["seconds"]),
        *(
            cost.get(key)
            for key in ("parameters", "macs", "latency_ms", "samples_per_second", "peak_memory")
        ),
        altered,
        json.dumps(manifest, allow_nan=False),
        verification.of_run(manifest),
    ]
