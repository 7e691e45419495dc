"""What a shell offers for the values of options: names of tasks, models, datasets, runs.

Names are read from files; nothing that is slow to import is imported.
"""

from collections.abc import Iterable

import typer

Offered = list[str]


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
        known = list(declared.folders_of(task.get("baselines") or task["name"], task["kind"]))
    else:
        known = [folder.name for folder in shipped("baselines").iterdir()]
    found = {name for name, _, _ in declared.baselines_of(*known)}
    sources = [*SOURCES, *plugins.offered("sources", SOURCES)]
    return _fitting({*found, *(f"{source}:" for source in sources)}, incomplete)


SOURCES = (
    *("blip2", "efficientnet_lite", "embeddings", "galileo", "hf", "open_clip", "predictions"),
    *("presto", "python", "timm", "torchgeo", "transformers"),
)


def runs(context: typer.Context, incomplete: str) -> Offered:
    """Ids of the runs in the results folder that was typed, or else in the default one."""
    from bench.base.paths import results_root

    folder = results_root(context.params.get("results")) / "runs"
    return _fitting((path.parent.name for path in folder.glob("*/run.json")), incomplete)


def entries(context: typer.Context, incomplete: str) -> Offered:
    """Names of the entries that have runs there."""
    return _fitting({run.split(".")[1] for run in runs(context, "") if "." in run}, incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> Offered:
    return sorted(name for name in names if name.startswith(incomplete))
