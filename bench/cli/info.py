"""``bench info``: one task."""

import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli._console import Json, print_json, print_table

if TYPE_CHECKING:
    from bench.task import Task


def verb(
    task: Annotated[str, typer.Argument(help="Name of a task, or path of its TOML file.")],
    schema_only: Annotated[
        bool, typer.Option("--schema", help="Show what a file of predictions holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a task: what is asked, the protocol, the data, the models, the observation schema."""
    from bench import data, entry, kinds
    from bench import task as tasks

    asked = tasks.load(task)
    if schema_only:
        _show_predictions(asked, as_json)
        return
    kind = kinds.kind_of(asked)
    declared = asked.declaration
    schema = {field.name: str(field.type) for field in kind.schema(asked)}
    baselines = entry.baseline_names(asked)
    if as_json:
        print_json(
            asked.model_dump(mode="json")
            | {
                "digest": asked.digest,
                "classes": asked.classes,
                "interface": kind.INTERFACE,
                "observation": schema,
                "baselines": baselines,
                "licence": declared["licence"],
                "citation": declared["citation"],
                "url": declared["url"],
                "contracts": {name: asked.input(name).model_dump() for name in asked.inputs},
                "recipes": entry.recipes(asked),
            }
        )
        return
    print(f"{asked.name} version {asked.version}: {asked.title}\n")
    for text in (asked.about, asked.protocol):
        print(textwrap.fill(text.strip(), 100) + "\n")
    if asked.superseded_by:
        print(f"superseded by {asked.superseded_by}\n")
    splits = ", ".join(
        f"{name} {split.size:,}" if split.size else name for name, split in asked.splits.items()
    )
    print_table(
        ["", ""],
        [
            ["kind", asked.kind],
            ["a model is", kind.INTERFACE],
            ["primary metric", asked.primary],
            ["classes", f"{len(asked.classes)}: " + "; ".join(asked.classes)],
            ["splits", f"{splits}; scored: {asked.split}"],
            ["observation", "; ".join(f"{name}: {form}" for name, form in schema.items())],
            *([f"input {name}", " ".join(asked.input(name).bands)] for name in asked.inputs),
            ["baselines", ", ".join(baselines)],
            ["dataset", f"{declared['title']}, {declared['licence']}, {declared['size']}"],
            ["where", declared["url"]],
            ["its folder", data.official_root(asked.dataset)],
            ["cite", " ".join(declared["citation"].split())],
            ["digest", asked.digest],
        ],
    )


def _show_predictions(task: "Task", as_json: bool) -> None:
    from bench import predictions

    columns, example = list(predictions.told(task)), predictions.example(task)
    if as_json:
        print_json({"task": task.name, "columns": columns, "example": example})
        return
    print(f"predictions.parquet for {task.name}: a row for each sample of split {task.split}\n")
    print_table(
        ["column", "type", "range", "what"],
        [[c["column"], c["type"], c["range"], c["about"]] for c in columns],
    )
    print(f"\na row: {json.dumps(example)}")
    if predictions.claimed(task):
        print("nothing of it can be computed here: a result is marked as reported")
