"""The options that ``run`` and ``train`` share, and how a result is shown."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import RequestError
from bench.base.paths import shown
from bench.cli import _complete as complete
from bench.cli._console import interval, number, print_line, print_table, results_folder

if TYPE_CHECKING:
    from bench.evaluate.request import Request
    from bench.results.manifest import Manifest
    from bench.results.records import CostRecord
    from bench.spec.score import Score

Task = Annotated[
    str,
    typer.Option(
        "--task",
        help="Name of a task, or path of its TOML file.",
        autocompletion=complete.tasks,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="A baseline's name, timm:NAME[/INPUT], open_clip:NAME[/WEIGHTS], "
        "hf:OWNER/NAME[@REVISION], blip2:OWNER/NAME, an entry's folder, predictions:FILE, or "
        "python:MODULE:FACTORY, called as FACTORY(in_channels=, outputs=, size=, **arguments).",
        autocompletion=complete.models,
    ),
]
Track = Annotated[
    str | None,
    typer.Option("--track", help="official or sample.  [default: official where its data is]"),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Devices = Annotated[int, typer.Option("--devices", help="How many devices share the work.")]
Nodes = Annotated[int, typer.Option("--nodes", help="How many machines train together.")]
Precision = Annotated[str, typer.Option("--precision", help="32-true, 16-mixed or bf16-mixed.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of training.")]
AllowPython = Annotated[
    bool, typer.Option("--allow-python", help="Run the code that --model python:... names.")
]
Force = Annotated[bool, typer.Option("--force", help="Repeat what is recorded already.")]


def request(
    task: str,
    model: str,
    track: str | None,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    seed: int,
    force: bool,
    results: Path | None,
    limit: int | None = None,
    ids: Path | None = None,
    *,
    allow_python: bool = False,
) -> "Request":
    """The request that the options make.

    Raises:
        RequestError: an option has a value it can't have.
    """
    from bench.evaluate.request import Request

    if allow_python:
        from bench.models import python

        python.allow(model)
    return Request(
        task=task,
        model=model,
        track=track,  # type: ignore[arg-type]
        device=device,
        devices=devices,
        nodes=nodes,
        precision=precision,
        seed=seed,
        force=force,
        limit=limit,
        ids=None if ids is None else _lines(ids),
        results=results_folder(results),
    )


def _lines(path: Path) -> list[str]:
    """The sample ids in a file, one a line as it is; empty lines are passed over."""
    from bench.base import text

    hint = "write one sample id a line: `bench info TASK --ids` prints them"
    return [line for line in text.lines(text.read(path, error=RequestError, hint=hint)) if line]


def show(manifest: "Manifest", results: Path) -> None:
    """A run's scores as tables, and where they are."""
    scores, task = manifest.scores, manifest.task
    _scores("metric", [s for s in scores if not (s.label or s.slice)], task.primary)
    _absent(scores)
    if not any(s.value is not None for s in scores if s.name == task.primary):
        print_line(
            f"\nnot ranked, {task.primary} is undefined: {_unranked(manifest, results)}",
        )
    for remark in manifest.remarks:
        print_line(f"\n{remark}")
    for heading in ("point", "depth"):
        _by_label(heading, [s for s in scores if s.average == f"{heading}s" and not s.slice])
    main = task.primary.rpartition("_")[0]
    of_classes = [s for s in scores if s.average == "classes" and s.metric == main]
    if of_classes:
        _scores(f"{main} by class", of_classes, "")
    part = " of a part of the samples: never ranked" if manifest.partial else ""
    print_line(
        f"\n{manifest.entry.name} on {task.name}, {manifest.track} track{part}: "
        f"{manifest.data.samples:,} samples, {manifest.inputs}, "
        f"{manifest.division} division, {manifest.trust}"
    )
    _cost(manifest.cost)
    print_line(f"run {manifest.run} in {shown(results / 'runs')}")


def _absent(scores: "Sequence[Score]") -> None:
    """How many classes a mean is over, where not all of them occur."""
    labels = {s.label for s in scores if s.average == "classes"}
    behind = {s.classes for s in scores if not s.slice and s.classes is not None}
    if labels and behind and min(behind) < len(labels):
        counts = " or ".join(map(str, sorted(behind)))
        print_line(
            f"\nmeans over classes are over the {counts} of {len(labels)} that occur among these "
            "samples"
        )


def _cost(cost: "CostRecord") -> None:
    """What the model costs, as far as it was measured."""
    known = [
        (cost.parameters, 1e6, ".2f", "M parameters"),
        (cost.macs, 1e9, ".2f", "GMACs"),
        (cost.latency_ms, 1, ".1f", "ms for one sample"),
        (cost.samples_per_second, 1, ".0f", "samples/s"),
        (cost.peak_memory, 2**30, ".2f", "GiB peak"),
    ]
    parts = [
        f"{value / unit:{form}} {what}" for value, unit, form, what in known if value is not None
    ]
    if parts:
        print_line(", ".join(parts))


def _unranked(manifest: "Manifest", results: Path) -> str:
    from bench import kinds
    from bench.results import integrity
    from bench.results.runs import Run

    run = Run(results / "runs" / manifest.run)
    return kinds.of(integrity.task_of(run, manifest)).unranked


def _by_label(heading: str, scores: "Sequence[Score]") -> None:
    """What is known of each point of a curve, or range of depth: a line each, a column a metric."""
    labels = list(dict.fromkeys(score.label for score in scores))
    metrics = list(dict.fromkeys(score.metric for score in scores))
    if not labels:
        return
    value = {(score.label, score.metric): number(score.value) for score in scores}
    rows = [[label, *(value.get((label, metric), "") for metric in metrics)] for label in labels]
    print_table([heading, *metrics], rows, right=list(range(1, len(metrics) + 1)))


def _scores(heading: str, scores: "Sequence[Score]", primary: str) -> None:
    rows = []
    for score in scores:
        name = score.label or score.name
        mark = "  (ranks)" if name == primary else ""
        rows.append([name + mark, number(score.value), interval(score.low, score.high)])
    print_table([heading, "value", "95 % interval"], rows, right=[1])
