"""``bench list``: the tasks, and what plug-ins there are."""

from typing import Annotated

import typer

from bench.base.errors import BenchError, unknown
from bench.cli._console import Json, print_json, print_line, print_table


def verb(
    kind: Annotated[str | None, typer.Option(help="Only the tasks of one kind.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Only their names, a line each.")] = False,
    plugins: Annotated[
        bool,
        typer.Option("--plugins", help="The installed plug-ins instead, each tried."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the tasks: kind, primary metric, and which tracks are ready here.

    One model on all tasks of a kind:

    for t in $(bench list --kind retrieval --names); do bench run --task $t --model MODEL; done
    """
    if plugins:
        _show_plugins(as_json)
        return
    from bench import data
    from bench.spec import declared

    rows = []
    for task in declared.tasks().values():
        if kind not in (None, task["kind"]):
            continue
        try:
            official = data.is_there(data.official_root(task["dataset"]))
        except BenchError as error:
            # Of a plug-in, whose dataset may be another's that isn't installed.
            print_line(f"task {task['name']} left out: {error.message}", to_stderr=True)
            continue
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


def _show_plugins(as_json: bool) -> None:
    from bench.cli import _plugins

    rows = _plugins.rows()
    if as_json:
        print_json({"plugins": rows})
        return
    if not rows:
        print_line("no plug-ins are installed")
        return
    print_table(
        ["group", "name", "distribution", "version", "state"],
        [
            [row["group"], row["name"], row["distribution"], row["version"], row["state"]]
            for row in rows
        ],
    )
