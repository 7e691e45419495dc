"""Embeddings instead of a model: ``embeddings:FOLDER``, with a method for the head.

A folder holds ``entry.toml`` and the files that it names.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import kinds
from bench.base import bounded_toml
from bench.base.errors import RequestError, unknown
from bench.models import entries, heads
from bench.spec.embedded import Embedded
from bench.spec.entry import MAX_DECLARATION
from bench.spec.labels import Labels
from bench.spec.task import Task

if TYPE_CHECKING:
    from bench.kinds.common.kind import Kind

_LONGEST_NAME = 96


def entry(rest: str, task: Task) -> Embedded:
    """The entry in a folder of embeddings, for a task; it has no method yet.

    Raises:
        RequestError: there is no such folder, its ``entry.toml`` is missing or malformed, or it was
            made for other tasks.
    """
    path = Path(rest) / "entry.toml"
    if not path.is_file():
        raise RequestError(
            f"embeddings:{rest} is no folder with an entry.toml",
            "docs/submit.md, Embeddings as a submission, shows what it holds",
        )
    found = declared(bounded_toml.read(path, MAX_DECLARATION), path)
    named = [*found.tasks, *([found.task] if found.task else [])]
    if named and task.name not in named:
        raise RequestError(
            f"{path} is an entry for {', '.join(named)}, not {task.name}",
            f"run it with --task {named[0]}",
        )
    return found.model_copy(update={"task": task.name})


def answered(kind: "Kind[Any, Any] | type[Kind[Any, Any]]") -> bool:
    """Whether heads on embeddings answer the tasks of a kind: an image has labels or a value."""
    return kind.probes in ("labels", "class", "value") and not kind.dense


def declared(raw: dict[str, object], path: Path) -> Embedded:
    """What an ``entry.toml`` of embeddings holds.

    Raises:
        RequestError: it is malformed, or names a method or labels, which are asked for by options.
    """
    if "embeddings" not in raw:
        raise RequestError(
            f"{path} names no embeddings", 'add a table [embeddings] with files = ["NAME.parquet"]'
        )
    chosen = sorted({"method", "labels"} & set(raw))
    if chosen:
        raise RequestError(
            f"{path} declares {' and '.join(chosen)}",
            f"leave it out, and give --{chosen[0]} with `bench run`",
        )
    return entries.validated(Embedded, raw | {"folder": path.parent}, path)


def probed(found: Embedded, task: Task, method: str, labels: Labels | None = None) -> Embedded:
    """An entry of embeddings with the method of its head and the number of labels it learns from.

    Raises:
        RequestError: no method is named, it isn't one of `bench.models.heads.METHODS`, or tasks of
            this kind have no target for an image as a whole.
    """
    known = ", ".join(heads.METHODS)
    if not method:
        raise RequestError(
            f"embeddings of {found.name} need a method for the head that is fitted on them",
            f"add --method, one of: {known}",
        )
    if method not in heads.METHODS:
        raise unknown("method of embeddings", method, heads.METHODS)
    kind = kinds.of(task)
    if not answered(kind):
        fitting = [name for name in kinds.own() if answered(kinds.find(name))]
        raise RequestError(
            f"tasks of kind {task.kind} take no embeddings with --method: no head answers them",
            f"kinds that do: {', '.join(fitting)}",
        )
    parts = [found.name, method]
    if labels is not None:
        parts.append(labels.name.replace("%", "pct"))
    end = "-".join(parts[1:])
    name = f"{found.name[: _LONGEST_NAME - 1 - len(end)]}-{end}"
    changed = {"name": name, "method": method, "labels": labels, "task_digest": task.digest}
    return found.model_copy(update=changed)
