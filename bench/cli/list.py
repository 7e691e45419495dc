"""``bench list``: the tasks."""

from typing import Annotated

import typer

from bench.base.errors import unknown
from bench.cli._console import Json, print_json, print_line, print_table


def verb(
    kind: Annotated[str | None, typer.Option(help="Only the tasks of one kind.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Only their names, a line each.")] = False,
    as_json: Json = False,
) -> None:
    """List the tasks: kind, primary metric, and which tracks are ready here.

    One model on all tasks of a kind:

    for t in $(bench list --kind retrieval --names); do bench run --task $t --model MODEL; done
    """
    from bench import data
    from bench.spec import declared

    rows = []
    for task in declared.tasks().values():
        if kind not in (None, task["kind"]):
            continue
        official = data.is_there(data.official_root(task["dataset"]))
        rows.append(
            {
                "task": task["name"],
                "version": task["version"],
                "kind": task["kind"],
                "primary": task["primary"],
                "dataset": task["dataset"],
                "checked": {
                    split: data.checked(task["dataset"], split, own)
                    for split, own in task["splits"].items()
                },
                "tracks": ["official", "sample"] if official else ["sample"],
                "title": task["title"],
            }
        )
    if kind is not None and not rows:
        from bench import kinds

        raise unknown("kind", kind, kinds.names(), "of which there are tasks")
    if as_json:
        print_json({"tasks": rows})
        return
    if names:
        for row in rows:
            print_line(row["task"])
        return
    print_table(
        ["task", "kind", "primary", "tracks ready", "title"],
        [
            [row["task"], row["kind"], row["primary"], " + ".join(row["tracks"]), row["title"]]
            for row in rows
        ],
    )
