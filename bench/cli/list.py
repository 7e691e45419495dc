"""``bench list``: the tasks, published checkpoints, and what plug-ins there are."""

from typing import Annotated

import typer

from bench.base.errors import unknown
from bench.cli import _complete as complete
from bench.cli._console import Json, print_json, print_line, print_table


def verb(
    kind: Annotated[
        str | None,
        typer.Option(help="Only the tasks of one kind.", autocompletion=complete.kinds),
    ] = None,
    suites: Annotated[bool, typer.Option("--suites", help="The suites instead.")] = False,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="The published checkpoints instead, which --model published:NAME runs.",
        ),
    ] = False,
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
    if suites:
        _show_suites(as_json)
        return
    if published:
        _show_published(kind, names, as_json)
        return
    from bench.spec import listed

    rows, left_out = listed.rows(kind)
    for fault in left_out:
        # Of a plug-in, whose dataset may be another's that isn't installed.
        print_line(fault, to_stderr=True)
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


def _show_suites(as_json: bool) -> None:
    from bench.spec import suite

    found = [suite.load(name) for name in suite.names()]
    if as_json:
        print_json({"suites": [one.model_dump(mode="json") for one in found]})
        return
    print_table(
        ["suite", "tasks", "title"],
        [[one.name, str(len(one.tasks)), one.title] for one in found],
        right=[1],
    )


def _show_published(kind: str | None, only_names: bool, as_json: bool) -> None:
    from bench.cli import _published

    rows = _published.rows(kind)
    if as_json:
        print_json({"published": rows})
    elif only_names:
        for row in rows:
            print_line(row["model"])
    else:
        print_table(
            ["model", "title", "tasks", "licence", "weights"],
            [
                [row["model"], row["title"], _in_short(row["tasks"]), row["licence"], row["state"]]
                for row in rows
            ],
        )


def _in_short(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


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
