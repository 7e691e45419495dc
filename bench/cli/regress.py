"""``bench regress``: the baselines against their committed scores."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import _complete as complete
from bench.cli._console import Json, Quiet, number, print_json, print_line, print_table, reporting


def verb(
    task: Annotated[
        str | None,
        typer.Option("--task", help="Only of one task.", autocompletion=complete.tasks),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Only one baseline with its input: resnet18-s1.",
            autocompletion=complete.models,
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Make what it gives now the expectation.")
    ] = False,
    as_json: Json = False,
    results: Annotated[
        Path | None,
        typer.Option(help="Keep the runs there.  [default: a temporary folder]", metavar="DIR"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run the sample-track baselines and compare with the scores committed beside each.

    On the versions of the commit the observations must be equal to the bit, on others the score
    must lie in the committed interval. Exit code 1 on a regression.

    bench regress --task reben-mlc --model resnet18-s1
    """
    from bench.base.errors import BenchError, RequestError
    from bench.evaluate import regress
    from bench.spec.expected import expectations

    with tempfile.TemporaryDirectory() as temporary, reporting(quiet) as report:
        folder = results or Path(temporary)
        if update:
            if task is None or model is None:
                raise RequestError("--update needs --task and --model")
            regress.update(task, model, folder, report)
        chosen = expectations(task, model)
        findings = list(regress.check(chosen, folder, report))
    if as_json:
        rows = [dataclasses.asdict(finding) for finding in findings]
        print_json({"expectations": regress.revision(), "findings": rows})
    else:
        print_table(
            ["task", "model", "expected", "found", "bound", "verdict"],
            [
                [f.task, f.model, number(f.expected), number(f.found), number(f.bound), f.verdict]
                for f in findings
            ],
            right=[2, 3, 4],
        )
        print_line(f"expectations: {regress.revision()}")
    failed = [f"{finding.model} on {finding.task}" for finding in findings if not finding.passed]
    if failed:
        raise BenchError(
            f"{len(failed)} of {len(findings)} baselines regressed: {', '.join(failed)}",
            "find the change that did it, or, if it is meant, repeat with --update and commit",
        )
