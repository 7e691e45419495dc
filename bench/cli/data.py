"""``bench data``: the datasets."""

from typing import Annotated, Any

import typer

from bench.cli import _complete as complete
from bench.cli._console import Json, Quiet, print_json, print_line, print_table

app = typer.Typer(no_args_is_help=True, help="Datasets: where they are, are they whole.")

Name = Annotated[str, typer.Argument(help="Name of a dataset.", autocompletion=complete.datasets)]


@app.command("list")
def show(
    name: Annotated[
        str | None,
        typer.Argument(help="Of one dataset only.", autocompletion=complete.datasets),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the datasets: where to get them, how large they are, where they are looked for."""
    from bench import data

    rows = []
    for dataset in data.declared() if name is None else (name,):
        declared = data.declaration(dataset)
        rows.append(
            {
                "dataset": dataset,
                "title": declared["title"],
                "licence": declared["licence"],
                "size": declared["size"],
                "url": declared["url"],
                "layout": declared["layout"],
                "folder": str(data.official_root(dataset)),
                "official": data.is_there(data.official_root(dataset)),
                "sample": data.is_there(data.sample_root(dataset)),
            }
        )
    if as_json:
        print_json({"datasets": rows})
        return
    for row in rows:
        print_line(f"{row['dataset']}: {row['title']}, {row['licence']}, {row['size']}")
        print_line(f"  get it from {row['url']} and unpack it into {row['folder']}:")
        for line in row["layout"].strip().splitlines():
            print_line(f"    {line}")
        state = "here" if row["official"] else "not here"
        command = f"bench data sample {row['dataset']}"
        made = "made" if row["sample"] else f"made on first use, or by `{command}`"
        print_line(f"  official data: {state}; sample data: {made}")


@app.command()
def sample(name: Name) -> None:
    """Make the simulated data of the sample track."""
    from bench import data

    root = data.ensure_sample(name, lambda text: print_line(text, to_stderr=True))
    print_line(f"{root} ({data.sample_sha256(root)[:12]})")


@app.command()
def prepare(
    name: Name,
    workers: Annotated[
        int, typer.Option(help="Processes that read.  [default: one for each core]")
    ] = 0,
    quiet: Quiet = False,
) -> None:
    """Turn the official layout into the fast store. Killed, it continues where it stopped."""
    import os

    from bench import data
    from bench.cli._console import reporting

    reader, root = data.reader(name), data.official_root(name)
    data.require(root, name)
    with reporting(quiet) as report:
        made = reader.prepare(
            root,
            workers or os.cpu_count() or 1,
            lambda done, total: report.progress("prepare", done, total),
        )
    print_line(f"prepared {made}")


@app.command()
def verify(
    name: Name,
    pixels: Annotated[int, typer.Option(help="Samples whose pixels are read.")] = 1000,
    track: Annotated[
        str, typer.Option(help="official or sample.", autocompletion=complete.tracks)
    ] = "official",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check a dataset against its declaration: counts, splits, a sample of the pixels."""
    from bench import data
    from bench.base.errors import BenchError, RequestError
    from bench.cli._console import reporting

    if track not in ("official", "sample"):
        raise RequestError(f"unknown track {track!r}", "use official or sample")
    reader = data.reader(name)
    root = data.official_root(name) if track == "official" else data.sample_root(name)
    data.require(root, name)
    checks: list[Any] = []
    with reporting(quiet) as report:
        checks += reader.verify(
            root, pixels, lambda done, total: report.progress("verify", done, total)
        )
    if as_json:
        print_json({"dataset": name, "checks": [vars(check) for check in checks]})
    else:
        print_table(
            ["", "check", "found"],
            [["ok" if check.passed else "FAILED", check.name, check.found] for check in checks],
        )
    failed = [check.name for check in checks if not check.passed]
    if failed:
        raise BenchError(
            f"{len(failed)} of {len(checks)} checks of {name} failed: {', '.join(failed)}",
            f"compare {root} with `bench data list`",
        )
