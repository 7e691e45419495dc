"""The tables of the results database and how runs and published numbers become their rows.

The schema is documented in ``results/README.md``.
"""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from bench.results.integrity import Checked
    from bench.results.manifest import Manifest

VERSION = 4
"""Version of the schema below."""

REPORTED = """
create table reported (
  source varchar not null, title varchar not null, authors varchar not null, year integer,
  arxiv varchar not null, doi varchar not null, url varchar not null,
  task varchar not null, entry varchar not null, inputs varchar not null, setting varchar not null,
  metric varchar not null, average varchar not null, label varchar not null,
  split varchar not null, value double not null, std double, unit varchar not null,
  published double not null, published_unit varchar not null, seeds integer,
  higher_is_better boolean not null, place varchar not null, trust varchar not null,
  differs varchar not null, doubt varchar not null, related varchar[] not null,
  why varchar not null, leaves_out varchar not null, best_shown boolean not null
);
"""
"""What makes the table of published numbers."""

SCHEMA = f"""
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
  manifest json not null, checked varchar not null, left_out double[] not null
);
create table metrics (
  run varchar not null, metric varchar not null, average varchar not null, label varchar not null,
  value double, low double, high double, samples bigint not null, slice varchar not null,
  is_primary boolean not null, classes integer, units integer, sampling_unit varchar not null
);
{REPORTED}
create table reported_files (sha256 varchar not null);
"""
"""What makes the empty tables."""


def refresh_reported(connection: duckdb.DuckDBPyConnection, results: Path) -> None:
    """Let the table hold what the files hold; costs a hash where it does already."""
    from bench.results import reported

    digest = reported.digest(results)
    if connection.execute("select sha256 from reported_files").fetchone() == (digest,):
        return
    numbers, _ = reported.load(results)
    for table in ("reported", "reported_files"):
        connection.execute(f"delete from {table}")
    _fill(connection, "reported", [list(vars(number).values()) for number in numbers])
    connection.execute("insert into reported_files values (?)", [digest])


def insert(connection: duckdb.DuckDBPyConnection, checked: "Iterable[Checked]") -> None:
    """Add runs and their scores."""
    runs, metrics = [], []
    for one in checked:
        manifest = one.manifest
        runs.append(_run_row(manifest, altered=bool(one.altered)))
        for s in manifest.scores:
            is_primary = s.name == manifest.task.primary and not s.slice
            values = [s.metric, s.average, s.label, s.value, s.low, s.high, s.samples, s.slice]
            of_units = s.units, s.sampling_unit
            metrics.append([manifest.run, *values, is_primary, s.classes, *of_units])
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


def _run_row(manifest: "Manifest", *, altered: bool) -> list[Any]:
    from bench.results import verification

    task, entry, made = manifest.task, manifest.entry, manifest.harness
    samples, cost = manifest.data, manifest.cost
    started = datetime.datetime.fromisoformat(manifest.started)
    if started.tzinfo is not None:
        started = started.astimezone(datetime.UTC).replace(tzinfo=None)
    return [
        manifest.run,
        *(task.name, task.version, task.digest, task.kind),
        *(manifest.track, manifest.partial),
        *(entry.name, entry.digest, entry.weights_sha256),
        *(manifest.inputs, manifest.division, manifest.trust),
        *(manifest.seed, manifest.device, manifest.precision),
        *(samples.samples, samples.ids_sha256, samples.data_sha256),
        *(made.version, made.commit, made.dirty),
        started,
        manifest.seconds,
        *(cost.parameters, cost.macs, cost.latency_ms, cost.samples_per_second, cost.peak_memory),
        altered,
        manifest.text(),
        verification.of_run(manifest),
        list(manifest.left_out),
    ]
