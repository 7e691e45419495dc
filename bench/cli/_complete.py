"""What a shell offers for the values of options: names of tasks, models, datasets, runs.

Names are read from files; nothing that is slow to import is imported.
"""

from collections.abc import Iterable

import typer

Offered = list[str]


def tasks(incomplete: str) -> Offered:
    """Names of the tasks that ship with the harness."""
    from bench.base.paths import shipped

    return _fitting((path.stem for path in shipped("tasks").glob("*.toml")), incomplete)


def datasets(incomplete: str) -> Offered:
    """Names of the datasets."""
    from bench import data

    return _fitting(data.declared(), incomplete)


def models(context: typer.Context, incomplete: str) -> Offered:
    """Names of the baselines of the task that was typed, or of all; sources of other models."""
    from bench.base import bounded_toml
    from bench.base.paths import shipped

    folder, task = "*", context.params.get("task")
    declaration = shipped("tasks") / f"{task}.toml"
    if task and declaration.is_file():
        declared = bounded_toml.read(declaration)
        folder = declared.get("baselines", declared["name"])
    found = {path.parent.name for path in shipped("baselines").glob(f"{folder}/*/entry.toml")}
    return _fitting({*found, *(f"{source}:" for source in SOURCES)}, incomplete)


SOURCES = ("blip2", "hf", "open_clip", "predictions", "python", "timm")


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
