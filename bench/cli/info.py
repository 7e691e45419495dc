"""``bench info``: one task, or one published checkpoint."""

import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import RequestError, unknown
from bench.cli import _complete as complete
from bench.cli._console import (
    Json,
    Results,
    number,
    print_json,
    print_line,
    print_table,
    results_folder,
)

if TYPE_CHECKING:
    from bench.spec.task import Task


def verb(
    task: Annotated[
        str,
        typer.Argument(
            help="Name of a task, or path of its TOML file; or published:NAME.",
            autocompletion=complete.described,
        ),
    ],
    schema_only: Annotated[
        bool, typer.Option("--schema", help="Show what a file of predictions holds.")
    ] = False,
    ids: Annotated[
        bool, typer.Option("--ids", help="Print the ids of a split's samples, one a line.")
    ] = False,
    split: Annotated[
        str | None, typer.Option("--split", help="Of --ids.  [default: the split that is scored]")
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            "--track",
            help="Of --ids.  [default: official where its data is]",
            autocompletion=complete.tracks,
        ),
    ] = None,
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts", help="Print the sentences that name the classes, a line each; ranked set."
        ),
    ] = False,
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Show a task: what is asked, the protocol, the data, the models, the observation schema.

    Of a published checkpoint: where it is got, its licence, and what it is fed.
    """
    if task.startswith("published:"):
        if schema_only or ids or prompts or split is not None or track is not None:
            raise RequestError(f"{task} is no task", "leave the other options away")
        from bench.cli import _published

        _published.show(task, as_json)
        return
    from bench import data, kinds
    from bench.models import entries
    from bench.report.floors import floors_of
    from bench.report.standing import recorded
    from bench.spec import task as tasks
    from bench.spec.floors import is_floor

    asked = tasks.load(task)
    if ids:
        _print_ids(asked, split, track, as_json)
        return
    if prompts:
        _print_prompts(asked, as_json)
        return
    if split is not None or track is not None:
        raise RequestError("--split and --track are of --ids, which isn't there", "add --ids")
    if schema_only:
        _show_predictions(asked, as_json)
        return
    kind = kinds.of(asked)
    declared = asked.declaration
    schema = {field.name: str(field.type) for field in kind.schema()}
    baselines = entries.baseline_names(asked)
    known = recorded(asked.name, asked.digest, results_folder(results))
    seen = {track: one.visible for track, one in known.items() if one.visible is not None}
    best = {track: one.floor for track, one in known.items() if one.floor is not None}
    if as_json:
        print_json(
            asked.model_dump(mode="json")
            | {
                "digest": asked.digest,
                "classes": asked.classes,
                "interface": kind.interface,
                "observation": schema,
                "checked": {name: asked.checked(name) for name in asked.splits},
                "published": {name: asked.published(name).model_dump() for name in asked.splits},
                "baselines": baselines,
                "floors": {one.model: one.value for one in floors_of(asked)},
                "licence": declared["licence"],
                "citation": declared["citation"],
                "url": declared["url"],
                "contracts": {name: asked.input(name).model_dump() for name in asked.inputs},
                "recipes": entries.recipes(asked),
                "visible": seen,
                "best_floors": {
                    track: {"floor": one.floor, "value": one.value} for track, one in best.items()
                },
            }
        )
        return
    print_line(f"{asked.name} version {asked.version}: {asked.title}\n")
    for text in (asked.about, asked.protocol):
        for line in textwrap.wrap(text.strip(), 100):
            print_line(line)
        print_line()
    if asked.superseded_by:
        print_line(f"superseded by {asked.superseded_by}\n")
    splits = ", ".join(
        f"{name}{f' {size:,}' if (size := asked.published(name).size) else ''} "
        f"({asked.checked(name)})"
        for name in asked.splits
    )
    print_table(
        ["", ""],
        [
            ["kind", asked.kind],
            ["a model is", kind.interface],
            ["primary metric", asked.primary],
            *([["worst group by", ", ".join(asked.groups)]] if asked.groups else []),
            ["classes", f"{len(asked.classes)}: " + "; ".join(asked.classes)],
            ["splits", f"{splits}; scored: {asked.split}"],
            ["observation", "; ".join(f"{name}: {form}" for name, form in schema.items())],
            *([f"input {name}", " ".join(asked.input(name).bands)] for name in asked.inputs),
            ["baselines", ", ".join(name for name in baselines if not is_floor(name))],
            ["floors", _floors(asked)],
            *(
                [f"best floor, {track}", f"{one.floor} {number(one.value)}, recorded here"]
                for track, one in best.items()
            ),
            *(
                [f"on the {track} track", f"differences below {number(least)} can't be seen"]
                for track, least in seen.items()
            ),
            ["dataset", f"{declared['title']}, {declared['licence']}, {declared['size']}"],
            *(
                [["without data", " ".join(declared["missing"].split())]]
                if "missing" in declared
                else []
            ),
            ["where", declared["url"]],
            ["its folder", data.official_root(asked.dataset)],
            ["cite", " ".join(declared["citation"].split())],
            ["digest", asked.digest],
        ],
    )


def _floors(task: "Task") -> str:
    """The floors of a task, the best first, each with the score that is expected of it."""
    from bench.report.floors import floors_of

    known = floors_of(task)
    if not known:
        return f"none; one is a baseline of {task.name} whose name begins with floor-"
    said = [one.model + ("" if one.value is None else f" {number(one.value)}") for one in known]
    scored = any(one.value is not None for one in known)
    return ", ".join(said) + (f"; {task.primary} expected on the sample track" if scored else "")


def _show_predictions(task: "Task", as_json: bool) -> None:
    from bench.evaluate import predictions
    from bench.models import embeddings

    columns, example = list(predictions.columns(task)), predictions.example(task)
    if as_json:
        print_json({"task": task.name, "columns": columns, "example": example})
        return
    print_line(
        f"predictions.parquet for {task.name}: a row for each sample of split {task.split}\n"
    )
    print_table(
        ["column", "type", "range", "what"],
        [[c["column"], c["type"], c["range"], c["about"]] for c in columns],
    )
    print_line(f"\na row: {json.dumps(example)}")
    kind = predictions.kind_of(task)
    if embeddings.answered(kind):
        splits = ", ".join(dict.fromkeys((task.training, task.validation, task.split)))
        print_line(
            f"or embeddings of splits {splits}, by --model embeddings:FOLDER with --method; "
            "docs/submit.md says what the folder holds"
        )
    if predictions.claimed(task):
        print_line("nothing of it can be computed here: a result is marked as reported")


def _print_ids(task: "Task", split: str | None, track: str | None, as_json: bool) -> None:
    from bench import data

    if track not in (None, "official", "sample"):
        raise RequestError(f"unknown track {track!r}", "use official or sample")
    if split is not None and split not in task.splits:
        raise unknown("split", split, task.splits)
    split = split or task.split
    root = data.official_root(task.dataset)
    track = track or ("official" if data.is_there(root) else "sample")
    if track == "sample":
        root = data.ensure_sample(task.dataset, lambda text: print_line(text, to_stderr=True))
    else:
        data.require(root, task.dataset)
    dataset = data.reader(task.dataset).open_dataset(root)
    found = data.scored_ids(dataset, task.dataset, split, task.input(task.inputs[0]).bands)
    if as_json:
        print_json({"task": task.name, "track": track, "split": split, "ids": found})
        return
    for sample in found:
        print_line(sample)


def _print_prompts(task: "Task", as_json: bool) -> None:
    from bench import kinds

    kind = kinds.of(task)
    if kind.embedding_schema() is None:
        raise RequestError(
            f"no sentences name the classes of {task.name}",
            "those of kind zeroshot have such: `bench list --kind zeroshot`",
        )
    sets = kind.sentences()
    if as_json:
        print_json({"task": task.name, "prompts": sets})
        return
    for sentences in next(iter(sets.values())):
        for sentence in sentences:
            print_line(sentence)
