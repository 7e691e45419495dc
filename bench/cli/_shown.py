"""How a run is shown: what matters in about ten lines, or every score."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.paths import shown
from bench.cli._console import interval, number, p_value, print_line, print_table
from bench.cli._results_tables import print_worst_groups

if TYPE_CHECKING:
    from bench.report.leaderboard.floors import FloorComparison
    from bench.report.standing import PublishedRange, Standing
    from bench.results.manifest import Manifest
    from bench.results.records import CostRecord
    from bench.spec.score import Score
    from bench.spec.task import Task

Full = Annotated[bool, typer.Option("--full", help="Print every score: by class, point and depth.")]

_REMARKS = 3
"""So many remarks are shown of a run; the others with all scores."""


def show(manifest: "Manifest", results: Path, *, full: bool) -> None:
    """A complete run of a results folder: every score of it, or about ten lines."""
    if full:
        _show_all(manifest, results)
    else:
        _show_summary(manifest, results)


def _show_summary(manifest: "Manifest", results: Path) -> None:
    """A run in about ten lines: what was run, how well, among whom, at what cost, where it is."""
    from bench.report import standing

    task, primary = manifest.task, manifest.primary
    lines = []
    if primary is None or primary.value is None:
        lines.append((task.primary, f"undefined, not ranked: {_unranked(manifest, results)}"))
    else:
        lines.append((task.primary, _in_words(primary, manifest.scores)))
        if manifest.entry.trained is not None:
            unknown = "one training, so that the spread over seeds is unknown"
            lines.append(("seed", f"{manifest.seed}; {unknown}"))
    if found := standing.published(task.name, task.primary, results):
        lines.append(("published", _published(found, manifest.track)))
    place = standing.standing(manifest.run, task.name, results)
    if floor := _floor(manifest, place.floor if place else None, results):
        lines.insert(1, ("floor", floor))
    if place:
        lines.append(("here", _place(place)))
        if place.visible is not None:
            lines.append(("visible", _visible(place.visible)))
    if cost := _cost(manifest.cost):
        lines.append(("cost", cost))
    lines += [("note", remark) for remark in manifest.remarks[:_REMARKS]]
    if (left := len(manifest.remarks) - _REMARKS) > 0:
        lines.append(("", f"and {left} more, with --full"))
    lines.append(("run", f"{manifest.run} in {shown(results / 'runs')}"))
    count = len(manifest.scores)
    lines.append(
        ("more", f"--full prints all {count} scores; `bench leaderboard` writes the page of all")
    )
    print_line(_what(manifest))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print_line(f"{name:<{width}}   {text}")


def _visible(least: float) -> str:
    return f"differences below {number(least)} can't be seen (power 0.8)"


def show_seeds(manifests: "Sequence[Manifest]") -> None:
    """Runs of one entry with several seeds: each of them, and their mean with its errors."""
    from bench.report.estimate import estimate, of_manifest
    from bench.results import trainings

    first = manifests[0]
    print_line(_what(first))
    primary = first.task.primary
    print_table(
        ["seed", primary, "95 % interval", "run"],
        [
            [
                str(one.seed),
                number(one.primary.value if one.primary else None),
                interval(one.primary.low, one.primary.high) if one.primary else "-",
                one.run,
            ]
            for one in manifests
        ],
        right=[0, 1],
    )
    models = trainings.by_model(manifests, trainings.made)
    if len(models) < len(manifests):
        print_line(
            f"\n{len(manifests)} seeds led to {len(models)} different sets of weights: equal ones "
            "count once"
        )
    runs = [run for same in models.values() if (run := of_manifest(same[-1])) is not None]
    if len(runs) < len(models):
        print_line(f"{primary} is undefined for some of them")
        return
    mean = estimate(primary, runs)
    unit = (first.primary.sampling_unit if first.primary else "sample") + "s"
    print_line(
        f"\nmean {number(mean.value)}, 95 % interval {interval(mean.low, mean.high)} over {unit}"
        f"{' and seeds' if mean.trainings > 1 else ''}"
    )
    of_seeds = "unknown" if mean.seed_error is None else number(mean.seed_error)
    print_line(
        f"standard error {number(mean.unit_error)} over {unit}, {of_seeds} over "
        f"{mean.trainings} trainings"
    )


def show_label_curves(manifests: "Sequence[Manifest]", names: "Sequence[str]" = ()) -> None:
    """Entries that were trained on subsets of several sizes: a table for each."""
    from bench.report.label_curves import curves
    from bench.spec import task as tasks

    first = manifests[0]
    task = tasks.load(first.task.file or first.task.name)
    for curve in curves(manifests, task, first.track, names):
        print_line(f"{curve.entry} on {task.name}, {first.track} track")
        print_table(
            ["labels", "samples", "draws", task.primary, "95 % interval"],
            [
                [
                    point.size,
                    f"{point.samples:,.0f}",
                    str(point.draws),
                    number(point.value),
                    interval(point.low, point.high),
                ]
                for point in curve.points
            ],
            right=[1, 2, 3],
        )
        if curve.area is not None:
            print_line(
                f"area under the curve over log10(samples) {number(curve.area)}, 95 % interval "
                f"{interval(curve.low, curve.high)}\n"
            )


def _in_words(score: "Score", scores: "Sequence[Score]") -> str:
    """A score with unit, interval and what it is a mean over, where classes are absent."""
    from bench.metrics.scales import scale

    known = scale(score.metric)
    unit = "" if known.unit in ("fraction", "ratio", "score") else f" {known.unit}"
    bounds = interval(score.low, score.high)
    text = number(score.value) + unit
    text += ", no interval" if bounds == "-" else f", 95 % interval {bounds}"
    if not known.higher_is_better:
        text += ", lower is better"
    labels = {s.label for s in scores if s.average == "classes"}
    if score.classes is not None and score.classes < len(labels):
        text += f", mean over the {score.classes} of {len(labels)} classes that occur"
    return text


def _published(found: "PublishedRange", track: str) -> str:
    """The range of published values, and why they can't be compared, where they can't."""
    values = "1 value" if found.count == 1 else f"{found.count} values"
    span = f"{found.low:.4g}" if found.low == found.high else f"{found.low:.4g} to {found.high:.4g}"
    doubts = [] if found.comparable else ["under protocols of their own"]
    doubts += ["on the published data, not on this"] if track == "sample" else []
    doubts += [] if found.whole else ["some sources are shown in part"]
    return f"{span} ({'; '.join([values, *doubts])})"


def _place(found: "Standing") -> str:
    """The rank among what is recorded, and the ranks that uncertainty leaves open."""
    place = found.place
    if place is None:
        return f"not ranked: {found.reason}"
    if found.entrants == 1:
        return "the only entry that is recorded here"
    text = f"rank {place.rank} of the {found.entrants} recorded"
    if place.best < place.worst:
        text += f" ({place.best} to {place.worst} within uncertainty)"
    return f"{text}, tier {place.tier}"


def _floor(manifest: "Manifest", found: "FloorComparison | None", results: Path) -> str:
    """How a run compares with the best floor that is recorded, and what is expected of another."""
    from bench.report.floors import better, floors_of

    if manifest.partial or manifest.degradation:
        return ""
    known = floors_of(_task(manifest, results), manifest.data.data_sha256)
    first = known[0] if known else None
    command = f"bench run --task {manifest.task.name} --model {first.model}" if first else ""
    if found is None:
        if first is None:
            return ""
        if first.value is None:
            return f"none is recorded: {command}"
        return f"none is recorded; {number(first.value)} is expected of {command}"
    if found.verdict != "floor":
        verdict = _AGAINST_FLOOR[found.verdict]
        text = f"{number(found.value)} by {found.floor}; this is {verdict} ({p_value(found.p)})"
    elif found.floor == manifest.entry.name:
        text = "this is the best one recorded"
    else:
        text = f"the best one recorded is {found.floor}, {number(found.value)}"
    if (
        first
        and first.value is not None
        and better(manifest.task.primary, first.value, found.value)
    ):
        text += f"; {number(first.value)} is expected of {command}"
    return text


_AGAINST_FLOOR = {"better": "better", "worse": "worse", "tied": "not told apart from it"}


def _show_all(manifest: "Manifest", results: Path) -> None:
    """Every score of a run as tables, and where it is."""
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
    print_worst_groups([(manifest.run, manifest.entry.name, score) for score in scores])
    print_line(f"\n{_what(manifest)}")
    if cost := _cost(manifest.cost):
        print_line(cost)
    print_line(f"run {manifest.run} in {shown(results / 'runs')}")


def _what(manifest: "Manifest") -> str:
    """What was run on what, in one line."""
    part = " of a part of the samples: never ranked" if manifest.partial else ""
    part += f", images {manifest.degradation.name}: never ranked" if manifest.degradation else ""
    return (
        f"{manifest.entry.name} on {manifest.task.name}, {manifest.track} track{part}: "
        f"{manifest.data.samples:,} samples, {manifest.inputs}, "
        f"{manifest.division} division, {manifest.trust}"
    )


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


def _cost(cost: "CostRecord") -> str:
    """What the model costs, as far as it was measured."""
    known = [
        (cost.parameters, 1e6, ".2f", "M parameters"),
        (cost.macs, 1e9, ".2f", "GMACs"),
        (cost.latency_ms, 1, ".1f", "ms for one sample"),
        (cost.samples_per_second, 1, ".0f", "samples/s"),
        (cost.peak_memory, 2**30, ".2f", "GiB peak"),
        (cost.bytes_per_sample, 1, ",.0f", "bytes for one sample"),
        (cost.bytes_per_km2, 1, ",.0f", "bytes for a square kilometre"),
    ]
    return ", ".join(
        f"{value / unit:{form}} {what}" for value, unit, form, what in known if value is not None
    )


def _unranked(manifest: "Manifest", results: Path) -> str:
    from bench import kinds

    return kinds.of(_task(manifest, results)).unranked


def _task(manifest: "Manifest", results: Path) -> "Task":
    from bench.results import integrity
    from bench.results.runs import Run

    return integrity.task_of(Run(results / "runs" / manifest.run), manifest)


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
