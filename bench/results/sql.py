"""Questions in SQL: one read-only statement over the database and the stored observations.

Besides the tables of the database a question can name

- ``observations_<task>`` (dashes as underscores): every observation of the recorded runs of a task,
  with ``task``, ``run``, ``entry`` and ``track``, and what the sample can be grouped by;
- ``classes``: ``task``, ``number`` (counted from 1, as SQL counts the items of a list), ``class``.

A question comes from anywhere. The database is opened read-only, only one ``select`` is accepted,
and of all files and addresses only the observations of the named tasks can be read.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from bench.base.errors import BenchError, RequestError
from bench.results import received, store
from bench.results.runs import Run
from bench.spec import task as tasks

_LOCKED = (
    "set temp_directory = ''",
    "set python_enable_replacements = false",
    "set autoload_known_extensions = false",
    "set autoinstall_known_extensions = false",
    "set allow_persistent_secrets = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


@dataclass(frozen=True)
class Answer:
    """Names of the columns, rows, whether there were more, and which runs were left out and why."""

    names: list[str]
    rows: list[tuple[Any, ...]]
    more: bool
    left_out: Sequence[str]


def ask(results: Path, question: str, limit: int | None = None) -> Answer:
    """Answer one ``select`` statement.

    Args:
        results: the results folder.
        question: SQL.
        limit: at most so many rows.

    Raises:
        RequestError: it is not one select statement, or the database refuses it.
        BenchError: there is no database.
    """
    with store.connect(results, write=False) as connection:
        left_out = _expose(connection, results, question)
        for setting in _LOCKED:
            connection.execute(setting)
        try:
            statements = connection.extract_statements(question)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise RequestError(
                    "expected one select statement, found "
                    + (", ".join(s.type.name.lower() for s in statements) or "none"),
                    "the database is an index: change what runs and files hold, then "
                    "`bench results rebuild`",
                )
            found = connection.execute(statements[0])
            names = [column[0] for column in found.description or []]
            rows = found.fetchall() if limit is None else found.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise RequestError(
                " ".join(str(error).split("\n\n")[0].split()),
                "tables: runs, metrics, reported, classes, observations_<task>; "
                "results/README.md describes their columns",
            ) from error
    more = limit is not None and len(rows) > limit
    return Answer(names, rows[:limit] if more else rows, more, left_out)


def view_name(task: str) -> str:
    """The name under which the observations of a task can be asked for."""
    return "observations_" + re.sub(r"\W", "_", task.lower())


def _expose(connection: duckdb.DuckDBPyConnection, results: Path, question: str) -> list[str]:
    """Make the observations that the question names readable, and nothing else.

    Returns:
        Which runs were left out and why: one that can't be read doesn't spoil the others.
    """
    asked = question.lower()
    recorded = connection.execute(
        "select task, run, manifest ->> '$.task.file', task_digest from runs order by task, run"
    ).fetchall()
    files: list[Path] = []
    left_out: list[str] = []
    classes: list[tuple[str, int, str]] = []
    for name in dict.fromkeys(task for task, *_ in recorded):
        view = view_name(name)
        if not re.search(rf"\b{view}\b", asked):
            continue
        named = [Run(results / "runs" / run) for task, run, *_ in recorded if task == name]
        folders, faults = _readable(named)
        left_out += faults
        parts = [path.absolute() for run in folders for path in run.parts()]
        grouped = [path for run in folders if (path := run.attributes_path().absolute()).is_file()]
        if not parts:
            raise RequestError(
                "; ".join([f"no run of task {name} has its observations in {results}", *faults]),
                "repeat the run with --force",
            )
        connection.execute(_view(view, parts, grouped))
        files += parts + grouped
    if "classes" in asked:
        declared: dict[tuple[str, str, str], None] = {}
        for task, run, file, digest in recorded:
            # A path in the manifest of a run that was made elsewhere is a stranger's.
            own = file and not Run(results / "runs" / run).imported
            declared[(task, file, digest) if own else (task, "", "")] = None
        for name, file, digest in declared:
            classes += _classes(name, file, digest)
    connection.execute("create temp table classes (task varchar, number integer, class varchar)")
    if classes:
        connection.executemany("insert into classes values (?, ?, ?)", classes)
    connection.execute(f"set allowed_paths = {_listed(files)}")
    return left_out


def _readable(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs whose observations can be read together, and why the others can't.

    Where the types of a column differ, the most common one counts.
    """
    faults: list[str] = []
    forms: dict[Run, dict[str, str]] = {}
    for run in runs:
        try:
            found = {received.footer(path) for path in run.parts()}
            if run.attributes_path().is_file():
                received.footer(run.attributes_path())
        except BenchError as error:
            faults.append(f"run {run.name}: {error.message}")
            continue
        if len(found) > 1:
            faults.append(f"run {run.name}: its parts have different columns")
        elif found:
            forms[run] = {field.name: str(field.type) for field in found.pop()}
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for form in forms.values():
        for column, kind in form.items():
            counted[column][kind] += 1
    usual = {column: kinds.most_common(1)[0][0] for column, kinds in counted.items()}
    fitting = []
    for run, form in forms.items():
        other = [column for column, kind in form.items() if kind != usual[column]]
        if other:
            faults.append(f"run {run.name}: other types than most runs in {', '.join(other)}")
        else:
            fitting.append(run)
    return fitting, faults


def _classes(name: str, file: str, digest: str) -> list[tuple[str, int, str]]:
    """The classes of a task that is here, or of a file that still means what was run."""
    try:
        task = tasks.load(file) if file else tasks.named(name)
        # A run folder of others that was copied by hand isn't known as one.
        if file and (task.name, task.digest) != (name, digest):
            return []
        return [(name, n, label) for n, label in enumerate(task.classes, 1)]
    except (BenchError, OSError, KeyError):
        # A run of a task that isn't here can still be asked about by number.
        return []


def _view(view: str, parts: Sequence[Path], grouped: Sequence[Path]) -> str:
    observed = (
        "select parse_path(filename)[-2] as run, * exclude (filename) "
        f"from read_parquet({_listed(parts)}, filename = true, union_by_name = true)"
    )
    of_runs = "select run, task, entry, track from runs"
    if not grouped:
        return (
            f'create temp view "{view}" as select * from ({of_runs}) join ({observed}) using (run)'
        )
    attributes = (
        "select parse_path(filename)[-2] as run, * exclude (filename) "
        f"from read_parquet({_listed(grouped)}, filename = true, union_by_name = true)"
    )
    return (
        f'create temp view "{view}" as select * from ({of_runs}) join ({observed}) using (run) '
        f"left join ({attributes}) using (run, sample)"
    )


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
