"""Tables of results in the terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.base import display
from bench.cli._console import (
    interval,
    number,
    print_line,
    print_table,
)
from bench.results import trainings

if TYPE_CHECKING:
    from bench.report.folds import Summary
    from bench.report.leaderboard.floors import FloorComparison
    from bench.spec.score import Score


_RUNS = 25


_CUT = 200


def print_results(
    rows: Sequence[dict[str, Any]],
    beside: Sequence[dict[str, Any]],
    floors: "Mapping[str, FloorComparison]",
) -> None:
    """A table for each task, version and track; published numbers in tables of their own.

    Args:
        rows: results.
        beside: published numbers.
        floors: by run, how its entrant compares with the best floor of its board.
    """
    tables: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    primary: dict[str, str] = {}
    for row in rows:
        group = (row["task"], row["task_version"], row["task_digest"], row["track"])
        unverified = row["checked"] == "unverified"
        subset = row["subset"] != ""
        apart = unverified, row["partial"], row["altered"], row["degradation"], subset
        tables.setdefault((group, apart), []).append(row)
        primary[row["task"]] = row["metric"]
    if not rows and not beside:
        print_line("no results; `bench run --task reben-mlc --model resnet18` makes one")
    for (group, apart), members in tables.items():
        task, version, digest, track = group
        unverified, partial, altered, degradation, subset = apart
        part = ", unverified split (not ranked with verified ones)" if unverified else ""
        part += ", partial runs (not ranked)" if partial else ""
        part += ", altered runs (not ranked)" if altered else ""
        if subset:
            curves = f"`bench curves --labels --task {cut(task)}`"
            part += f", subsets of the labels (not ranked; {curves})"
        part += f", images {cut(degradation)} (not ranked)" if degradation else ""
        print_line(f"\n{cut(task)} version {version} ({cut(digest)[:12]}), {track} track{part}")
        _print_ours(members, floors)
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in beside:
        if not row["related"]:
            by_task.setdefault(row["task"], []).append(row)
    for task, members in by_task.items():
        same = [row for row in members if row["metric"] == primary.get(task)] or members
        print_line(
            f"\n{cut(task)}, reported by publications, under protocols of their own (not ranked)"
        )
        _print_reported(same)
    _print_related([row for row in beside if row["related"]])
    missing = {row["source"]: row["leaves_out"] for row in beside if row["leaves_out"]}
    for source, text in missing.items():
        print_line(f"not shown of {source}: {cut(text)}")


def _print_related(rows: Sequence[dict[str, Any]]) -> None:
    """A table for each experiment that is no task here, with why it is none."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["why"], *row["related"]), []).append(row)
    for (experiment, why, *tasks), members in groups.items():
        of = " and ".join(map(cut, tasks))
        print_line(f"\n{cut(experiment)}, related to {of} (not ranked): {cut(why)}")
        _print_reported(members)


def print_folds(found: "Sequence[Summary]") -> None:
    """Means over the folds of tasks."""
    tables: dict[tuple[str, str, str, bool], list[Summary]] = {}
    for summary in found:
        group = (summary.task, summary.track, summary.metric, summary.verified)
        tables.setdefault(group, []).append(summary)
    for (task, track, metric, verified), members in tables.items():
        part = "" if verified else ", unverified splits"
        print_line(f"\n{task} over its {members[0].of} folds, {track} track{part}")
        print_table(
            ["entry", f"mean {metric}", "std over folds", "folds", "inputs", "division", "trust"],
            [
                [
                    cut(summary.entry),
                    number(summary.mean),
                    number(summary.std),
                    f"{summary.folds} of {summary.of}",
                    cut(summary.inputs),
                    summary.division,
                    summary.trust,
                ]
                for summary in members
            ],
            right=[1, 2],
        )
        for summary in members:
            if summary.note:
                print_line(f"{cut(summary.entry)}: {summary.note}")


def _print_ours(members: Sequence[dict[str, Any]], floors: "Mapping[str, FloorComparison]") -> None:
    metric = members[0]["metric"]
    made = (trainings.Made(row["model"] or "", row["trained_seed"]) for row in members)
    names = trainings.told_apart(
        [(row["entry"], one) for row, one in zip(members, made, strict=True)]
    )
    headings = ["entry", metric, "95 % interval", "samples", "inputs", "division", "trust", "seed"]
    marks = [floors[row["run"]].mark if row["run"] in floors else "" for row in members[:_RUNS]]
    # A column of nothing would only make lines longer.
    marked = any(marks)
    print_table(
        [*headings, *(["floor"] if marked else []), "run"],
        [
            [
                cut(name),
                number(row["value"]),
                interval(row["low"], row["high"]),
                f"{row['samples']:,}",
                cut(row["inputs"]),
                row["division"],
                row["trust"],
                row["seed"],
                *([cut(mark)] if marked else []),
                cut(row["run"]),
            ]
            for name, row, mark in zip(names[:_RUNS], members[:_RUNS], marks, strict=True)
        ],
        right=[1, 3, 7],
    )
    if len(members) > _RUNS:
        print_line(f"{len(members) - _RUNS:,} more; --json and --csv show all")


def _print_reported(members: Iterable[dict[str, Any]]) -> None:
    print_table(
        ["entry", "metric", "value", "split, setting", "inputs", "trust", "source", "differs"],
        [
            [
                cut(row["entry"]),
                row["metric"] + (f" {cut(row['label'])}" if row["label"] else ""),
                _as_published(row),
                cut(row["split"] + (f", {row['setting']}" if row["setting"] else "")),
                cut(row["inputs"]),
                row["trust"],
                f"{row['source']}, {cut(row['place'])}",
                cut("; ".join(filter(None, (row["differs"], row["doubt"])))),
            ]
            for row in members
        ],
        right=[2],
    )


def _as_published(row: dict[str, Any]) -> str:
    if row["published_unit"] == "million":
        return f"{row['published']:g} million"
    return f"{row['value']:.4g}"


def cut(value: Any) -> str:
    """Text of any origin, printable and of bounded length."""
    return display.shown("" if value is None else value, _CUT)


def print_worst_groups(scores: "Iterable[tuple[str, str, Score]]") -> None:
    """The worst group of each run by each declared attribute; nothing where there is none.

    Args:
        scores: each with its run and the name of its entry.
    """
    from bench.spec.score import GAP, WORST

    by_slice = {(run, entry, score.slice): score for run, entry, score in scores if score.slice}
    rows, names = [], set()
    for (run, entry, part), worst in by_slice.items():
        if not part.endswith(WORST):
            continue
        attribute = part.removesuffix(WORST)
        gap = by_slice.get((run, entry, attribute + GAP))
        names.add(worst.name)
        rows.append(
            [
                cut(entry),
                cut(f"{attribute} {worst.label}"),
                number(worst.value),
                interval(worst.low, worst.high),
                number(gap.value if gap else None),
                interval(gap.low, gap.high) if gap else "-",
                f"{worst.samples:,}",
            ]
        )
    if not rows:
        return
    print_line()
    headings = ["entry", "worst group", ", ".join(sorted(names)), "95 % interval"]
    more = ["less the rest", "95 % interval", "samples"]
    print_table([*headings, *more], rows[:_RUNS], right=[2, 4, 6])
    if len(rows) > _RUNS:
        print_line(f"{len(rows) - _RUNS:,} more; `bench results export` writes all")
