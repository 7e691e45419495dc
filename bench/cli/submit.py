"""``bench submit``: an entry to the Hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli._console import (
    Json,
    Results,
    print_json,
    print_line,
    print_table,
    results_folder,
)

if TYPE_CHECKING:
    from bench.submissions.submit import Plan


def verb(
    entry: Annotated[Path, typer.Argument(help="Folder of the entry.")],
    repo: Annotated[
        str, typer.Option("--repo", metavar="OWNER/NAME", help="Model repository on the Hub.")
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR", help="Folder of submissions for a small entry, without the Hub."
        ),
    ] = None,
    leaderboard: Annotated[
        str,
        typer.Option(
            "--leaderboard",
            metavar="OWNER/NAME",
            envvar="BENCH_LEADERBOARD",
            help="Dataset repository on the Hub that is asked to list it, by a pull request.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show every file and call; send nothing.")
    ] = False,
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Check an entry and publish it with its run's scores, on the Hub or into a folder.

    Repeating it sends only what changed; on the Hub that is one commit. The token is the one that
    `hf auth login` stored, or $HF_TOKEN; a Hub of your own is $HF_ENDPOINT. Example:

    bench submit my-entry --repo me/my-entry --dry-run
    """
    from bench.base.paths import shown
    from bench.submissions import submit

    folder = results_folder(results)
    plan = submit.plan(entry, repo, folder, leaderboard, to)
    if dry_run:
        _show(plan, as_json)
        return
    done = submit.submit(plan, folder)
    if as_json:
        print_json(
            {
                "submission": done.submission.model_dump(mode="json"),
                "changed": done.changed,
                "manifest": str(done.manifest),
                "pull_request": done.request,
            }
        )
        return
    state = f"changed {', '.join(done.changed)}" if done.changed else "was there already"
    if plan.to:
        print_line(f"{shown(plan.to / plan.entry.name)}: {state}")
    else:
        print_line(f"hf:{done.submission.repo}@{done.submission.revision}: {state}")
    if done.request:
        print_line(f"pull request {done.request}")
    what = f"this file and {plan.entry.name}/" if plan.to else "this file"
    manifest = shown(done.manifest)
    print_line(f"manifest {manifest}: for a leaderboard on GitHub, a pull request with {what}")


def _show(plan: "Plan", as_json: bool) -> None:
    from bench.base.hub import sha256

    files: list[dict[str, Any]] = [
        {
            "path": path,
            "bytes": len(content) if isinstance(content, bytes) else content.stat().st_size,
            "sha256": sha256(content),
        }
        for path, content in plan.files.items()
    ]
    if as_json:
        print_json({"repo": plan.repo, "run": plan.run.name, "files": files, "calls": plan.calls})
        return
    print_table(
        ["file", "bytes", "SHA-256"],
        [[file["path"], f"{file['bytes']:,}", file["sha256"]] for file in files],
        right=[1],
    )
    print_line(f"\nclaims the scores of run {plan.run.name}")
    for call in plan.calls:
        print_line(f"would {call}")
