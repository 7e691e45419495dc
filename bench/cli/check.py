"""``bench check``: is a submission as it must be."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import _complete as complete
from bench.cli._console import Json, print_json, print_line, print_table


def verb(
    submission: Annotated[
        Path, typer.Argument(metavar="ENTRY|FILE", help="An entry's folder, or predictions.")
    ],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Name of a task.  [default: what entry.toml says]",
            autocompletion=complete.tasks,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a submission: every fault at once, each with how to mend it.

    A model is run on a few samples of the sample track. Example:

    bench check my-entry
    """
    from dataclasses import asdict

    from bench.base.errors import BenchError
    from bench.spec import task as tasks
    from bench.submissions.check import check

    findings = check(submission, tasks.load(task) if task else None)
    failed = [finding for finding in findings if not finding.passed]
    if as_json:
        print_json(
            {
                "submission": str(submission),
                "passed": not failed,
                "findings": [asdict(finding) for finding in findings],
            }
        )
    else:
        marked = [["ok" if f.passed else "FAILED", f.id, f.found] for f in findings]
        print_table(["", "check", "found"], marked)
        for finding in failed:
            print_line(f"\n{finding.id}: {finding.hint}")
    if failed:
        raise BenchError(
            f"{len(failed)} of {len(findings)} checks of {submission} failed: "
            f"{', '.join(finding.id for finding in failed)}",
            "mend what they say and check again",
        )
