"""``bench list``: the tasks."""

import tomllib

from bench.cli._console import Json, print_json, print_table


def verb(as_json: Json = False) -> None:
    """List the tasks: kind, primary metric, and which tracks are ready here."""
    from bench import data
    from bench.paths import shipped

    rows = []
    for path in sorted(shipped("tasks").glob("*.toml")):
        task = tomllib.loads(path.read_text(encoding="utf-8"))
        official = data.is_there(data.official_root(task["dataset"]))
        rows.append(
            {
                "task": task["name"],
                "version": task["version"],
                "kind": task["kind"],
                "primary": task["primary"],
                "dataset": task["dataset"],
                "tracks": ["official", "sample"] if official else ["sample"],
                "title": task["title"],
            }
        )
    if as_json:
        print_json({"tasks": rows})
        return
    print_table(
        ["task", "kind", "primary", "tracks ready", "title"],
        [
            [row["task"], row["kind"], row["primary"], " + ".join(row["tracks"]), row["title"]]
            for row in rows
        ],
    )
