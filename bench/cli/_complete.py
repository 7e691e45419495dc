"""What a shell offers for the values of options: names of tasks, models, datasets, runs, metrics.

Names are read from files; nothing that is slow to import is imported.
"""

import json
import os
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

import typer

Offered = list[str]

_LARGEST = 8 << 20
"""Bytes of a manifest that is read for names of metrics."""


def tasks(incomplete: str) -> Offered:
    """Names of the tasks."""
    from bench.spec import declared

    return _fitting(declared.tasks(), incomplete)


def datasets(incomplete: str) -> Offered:
    """Names of the datasets."""
    from bench import data

    return _fitting(data.declared(), incomplete)


def models(context: typer.Context, incomplete: str) -> Offered:
    """Names of the baselines of the task that was typed, or of all; sources of other models."""
    from bench.base import plugins
    from bench.base.paths import shipped
    from bench.spec import declared

    if task := declared.tasks().get(context.params.get("task", "")):
        known = list(declared.folders_of(task["name"], task.get("baselines", ""), task["kind"]))
    else:
        known = [folder.name for folder in shipped("baselines").iterdir()]
    found = {name for name, _, _ in declared.baselines_of(*known)}
    sources = [*SOURCES, *plugins.offered("sources", SOURCES)]
    if incomplete.startswith(_PUBLISHED):
        return _fitting(_checkpoints(task or {}), incomplete)
    return _fitting({*found, *(f"{source}:" for source in sources)}, incomplete)


_PUBLISHED = "published:"

SOURCES = (
    *("blip2", "efficientnet_lite", "embeddings", "galileo", "hf", "open_clip", "predictions"),
    *("presto", "published", "python", "timm", "torchgeo", "transformers"),
)


def _checkpoints(task: dict[str, Any]) -> list[str]:
    """Published checkpoints as ``--model`` takes them: those of a task, or all."""
    from bench.spec import declared

    return [
        f"{_PUBLISHED}{name}"
        for name, _, _, raw in declared.published()
        if not task or task["name"] in raw.get("tasks", ()) or task["kind"] in raw.get("kinds", ())
    ]


def described(incomplete: str) -> Offered:
    """What ``bench info`` describes: tasks, and published checkpoints."""
    if incomplete.startswith(_PUBLISHED):
        return _fitting(_checkpoints({}), incomplete)
    return [*tasks(incomplete), *_fitting([_PUBLISHED], incomplete)]


def key_maps(incomplete: str) -> Offered:
    """Names of the key maps."""
    from bench.spec import declared

    return _fitting(declared.key_maps(), incomplete)


def runs(context: typer.Context, incomplete: str) -> Offered:
    """Ids of the runs in the results folder that was typed, or else in the default one."""
    from bench.base.paths import results_root

    folder = results_root(context.params.get("results")) / "runs"
    return _fitting((path.parent.name for path in folder.glob("*/run.json")), incomplete)


def entries(context: typer.Context, incomplete: str) -> Offered:
    """Names of the entries that have runs there."""
    return _fitting({run.split(".")[1] for run in runs(context, "") if "." in run}, incomplete)


def entries_and_runs(context: typer.Context, incomplete: str) -> Offered:
    """Names of the entries that have runs there; ids of these runs once a task is begun."""
    named = entries(context, incomplete)
    return named or runs(context, incomplete)


def runs_and_tasks(context: typer.Context, incomplete: str) -> Offered:
    """Ids of runs, and names of tasks."""
    return [*tasks(incomplete), *runs(context, incomplete)]


def metrics(context: typer.Context, incomplete: str) -> Offered:
    """Metrics of the task that was typed: those of a run of it, or the one that ranks."""
    from bench.base.paths import results_root
    from bench.spec import declared

    known = declared.tasks()
    asked = context.params.get("task") or _typed_task(known)
    found = {one["primary"] for name, one in known.items() if asked in ("", name)}
    folder = results_root(context.params.get("results")) / "runs"
    for path in sorted(folder.glob(f"{asked}.*/run.json") if asked in known else ()):
        if of_run := _metrics_of(path):
            return _fitting(found | of_run, incomplete)
    return _fitting(found, incomplete)


def line() -> str:
    """What is typed so far, as the shell says it; empty where none asks."""
    return os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""


def _typed_task(known: Container[str]) -> str:
    """The task among the words so far, or that of a run, whose id begins with it.

    Arguments aren't parsed yet where the value of an option is completed.
    """
    begins = (word.partition(".")[0] for word in line().split())
    return next((word for word in begins if word in known), "")


def _metrics_of(path: Path) -> set[str]:
    """The names of the aggregate scores in a manifest; nothing where it can't be read."""
    try:
        with path.open("rb") as stream:
            scores = json.loads(stream.read(_LARGEST))["scores"]
        return {f"{one['metric']}_{one['average']}" for one in scores if not one["label"]}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return set()


def kinds(incomplete: str) -> Offered:
    """Names of the kinds of tasks."""
    from bench.spec import declared

    return _fitting({task["kind"] for task in declared.tasks().values()}, incomplete)


def suites(incomplete: str) -> Offered:
    """Names of the suites."""
    from bench.base.paths import shipped

    return _fitting((path.stem for path in shipped("tasks").glob("suites/*.toml")), incomplete)


def papers(incomplete: str) -> Offered:
    """Names of the publications."""
    from bench.base.paths import shipped

    return _fitting((path.stem for path in shipped("tasks").glob("papers/*.toml")), incomplete)


def inputs(context: typer.Context, incomplete: str) -> Offered:
    """Names of the inputs of the task that was typed."""
    from bench.spec import declared

    task = declared.tasks().get(context.params.get("task") or "", {})
    return _fitting(task.get("inputs", ()), incomplete)


def figures(incomplete: str) -> Offered:
    """Kinds of figures."""
    from bench.report import plots

    return _fitting(plots.kinds(), incomplete)


def one_of(*values: str) -> Callable[[str], Offered]:
    """Values that never change."""

    def offered(incomplete: str) -> Offered:
        return _fitting(values, incomplete)

    return offered


METHODS = (
    *("scratch", "finetune", "lora", "knn", "ridge", "logistic", "linear", "attentive"),
    "upernet",
)
tracks = one_of("official", "sample")
methods = one_of(*METHODS)
devices = one_of("auto", "cpu", "cuda")
precisions = one_of("32-true", "16-mixed", "bf16-mixed")
normalisations = one_of("checkpoint", "task")


def _fitting(names: Iterable[str], incomplete: str) -> Offered:
    return sorted(name for name in names if name.startswith(incomplete))
