"""``bench run --suite``: many models on many tasks."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.base.errors import RequestError
from bench.cli._console import number, print_json, print_line, print_table, reporting

if TYPE_CHECKING:
    from bench.evaluate.request import Request
    from bench.evaluate.suites import Outcome


def run(
    name: str,
    request: "Request",
    *,
    model: str | None,
    labels: str | None,
    draws: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the rows of a suite, or one model on its tasks, and show a table of encoders and tasks.

    Raises:
        RequestError: there is no such suite, or it has no models of its own and none is named.
    """
    from bench.evaluate import suites
    from bench.spec import suite as declared

    found = declared.load(name)
    rows = found.rows
    if model is not None:
        rows = (
            declared.Row(
                models=(model,),
                methods=(request.method,) if request.method else (),
                labels=tuple(labels.split(",")) if labels else (),
                draws=draws,
                input=request.given,
            ),
        )
    if not rows:
        raise RequestError(f"suite {name} declares no models", "name one by --model")
    with reporting(quiet) as report:
        outcomes = list(suites.run(found, request, rows, report))
    if as_json:
        print_json([_json(one) for one in outcomes])
        return
    _show(outcomes)


def _json(outcome: "Outcome") -> dict[str, object]:
    raw = dataclasses.asdict(dataclasses.replace(outcome, manifests=()))
    return raw | {"manifests": [one.content() for one in outcome.manifests]}


def _show(outcomes: "Sequence[Outcome]") -> None:
    """A row for each model, method and number of labels; a column for each task."""
    tasks = list(dict.fromkeys(one.task for one in outcomes))
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for one in outcomes:
        named = f"{one.model} (trained: {one.trained})" if one.trained else one.model
        cells = rows.setdefault((named, one.method, one.labels), {})
        cells[one.task] = _cell(one)
    several = [any(key[place] for key in rows) for place in (1, 2)]
    print_table(
        ["model", *(["method"] * several[0]), *(["labels"] * several[1]), *tasks],
        [
            [
                model,
                *([method] * several[0]),
                *([labels] * several[1]),
                *(cells.get(task, "") for task in tasks),
            ]
            for (model, method, labels), cells in rows.items()
        ],
    )
    reasons: dict[str, list[str]] = {}
    for one in outcomes:
        if one.refused:
            reasons.setdefault(one.refused, []).append(f"{one.model} {one.method}".strip())
    for reason, models in reasons.items():
        named = ", ".join(dict.fromkeys(models))
        print_line(f"-: {reason:.300} ({named:.200})")


def _cell(outcome: "Outcome") -> str:
    from bench.report.estimate import estimate, of_manifest

    known = [one for one in map(of_manifest, outcome.manifests) if one is not None]
    if not known:
        return "-"
    found = estimate(outcome.manifests[0].task.primary, known)
    if found.low is None or found.high is None:
        return number(found.value)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
