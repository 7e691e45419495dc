"""``bench curves``: codecs beside an anchor."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli._console import (
    Json,
    Quiet,
    Results,
    interval,
    number,
    p_value,
    print_json,
    print_line,
    print_table,
    reporting,
    results_folder,
)

if TYPE_CHECKING:
    from bench.report.curves import Interval


_FAR = 10_000
"""A BD-rate beyond this many percent only says that the curves hardly meet."""


def verb(
    task: options.Task,
    entries: Annotated[
        list[str] | None,
        typer.Argument(
            help="The anchor, then others: entries with results, or run ids.",
            autocompletion=complete.entries_and_runs,
        ),
    ] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Scores against the number of labels, of any kind of task; of several entries "
            "also their differences to the first, paired by subset and sample.",
        ),
    ] = False,
    noise: Annotated[
        bool,
        typer.Option(
            "--noise",
            help="Scores of trainings by maps with errors, which `bench robustness --noise` makes, "
            "against how wrong these make labels; beside them methods without maps.",
        ),
    ] = False,
    rate: Annotated[
        str,
        typer.Option(
            help="actual (bytes of the streams) or nominal (float32 latents).",
            autocompletion=complete.one_of("actual", "nominal"),
        ),
    ] = "actual",
    method: Annotated[
        str,
        typer.Option(
            help="akima, pchip or cubic.",
            autocompletion=complete.one_of("akima", "pchip", "cubic"),
        ),
    ] = "akima",
    track: Annotated[
        str | None,
        typer.Option(
            help="official or sample.  [default: official where all have it]",
            autocompletion=complete.tracks,
        ),
    ] = None,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Rate-distortion curves with BD-rate and BD-PSNR; scores over labels, or errors of maps.

    Works on stored observations, the former of tasks of kind compression. Intervals are over
    images. Examples:

    bench curves cae1d-enmap202 hycot-enmap202 --task hyspecnet-compression --rate nominal

    bench curves --task rsscn7 --labels

    bench curves --task reben-cutmix --noise
    """
    import dataclasses

    if labels and noise:
        raise RequestError("--labels and --noise are both given", "they are curves of their own")
    if noise:
        _of_noise(entries or [], task, track, results_folder(results), as_json=as_json)
        return
    if labels:
        _of_labels(entries or [], task, track, results_folder(results), as_json=as_json)
        return
    if not entries:
        raise RequestError("no entry is named", "write bench curves ENTRY ENTRY --task TASK")
    from bench.report.curves import against

    if rate not in ("actual", "nominal"):
        raise RequestError(f"unknown rate {rate!r}", "use actual or nominal")
    with reporting(quiet) as report:
        found = against(
            entries,
            task,
            results_folder(results),
            rate=rate,  # type: ignore[arg-type]
            method=method,
            track=track,
            progress=report.progress,
        )
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    unit = "bpppc" if found.rate == "actual" else "nominal bpppc"
    part = ", a part of the samples" if found.partial else ""
    print_line(
        f"{found.task} version {found.version} ({found.digest[:12]}), {found.track} track{part}: "
        f"{found.samples:,} images, {found.rate} rate, {found.method} interpolation"
    )
    for curve in found.curves:
        print_line()
        columns = zip(curve.points, curve.rates, curve.psnr, strict=True)
        print_table(
            [curve.entry, unit, "psnr", "95 % interval"],
            [[point, f"{bits:.4f}", *_shown(quality, 2, "")] for point, bits, quality in columns],
            right=[1, 2],
        )
    print_line()
    anchor, *others = found.curves
    print_table(
        [f"against {anchor.entry}", "BD-rate", "", "overlap", "BD-PSNR", "", "overlap"],
        [
            [
                curve.entry,
                *_shown(curve.bd_rate, 2, " %"),
                _share(curve.bd_rate_overlap),
                *_shown(curve.bd_psnr, 3, " dB"),
                _share(curve.bd_psnr_overlap),
            ]
            for curve in others
        ],
        right=[1, 3, 4, 6],
    )
    for curve in others:
        for name, why in (
            ("BD-rate", curve.bd_rate_undefined),
            ("BD-PSNR", curve.bd_psnr_undefined),
        ):
            if why:
                print_line(f"{curve.entry} has no {name}: {why}")
    for text in found.remarks:
        print_line(text)
    if found.track == "sample":
        print_line("sample track: these numbers are for simulated data")


def _of_labels(
    names: list[str], task: str, track: str | None, results: Path, *, as_json: bool
) -> None:
    """Label curves of entries that were trained on subsets."""
    import dataclasses

    from bench.cli._shown import show_label_curves
    from bench.report import label_curves, label_differences
    from bench.spec import task as tasks

    asked = tasks.load(task)
    manifests = [one for one in label_curves.of_results(results) if one.task.name == asked.name]
    tracks = {one.track for one in manifests if one.entry.labels is not None}
    chosen = track or min(tracks, default="sample")
    shown = [one for one in manifests if one.track == chosen]
    found = label_curves.curves(shown, asked, chosen, names)
    paired = label_differences.differences(shown, asked, chosen, names) if names[1:] else []
    if as_json:
        curves = [dataclasses.asdict(one) for one in found]
        differences = [dataclasses.asdict(one) for one in paired]
        print_json({"curves": curves, "differences": differences})
        return
    show_label_curves(shown, names)
    if paired:
        print_table(
            [f"above {names[0]}", "labels", "draws", "difference", "95 % interval", "p"],
            [
                [
                    one.entry,
                    one.size,
                    str(one.draws),
                    number(one.value),
                    interval(one.low, one.high),
                    p_value(one.p),
                ]
                for one in paired
            ],
            right=[2, 3],
        )


def _of_noise(
    names: list[str], task: str, track: str | None, results: Path, *, as_json: bool
) -> None:
    """Curves of trainings by maps with errors."""
    import dataclasses

    from bench.report import label_curves, noise_curves
    from bench.spec import task as tasks

    asked = tasks.load(task)
    manifests = [one for one in label_curves.of_results(results) if one.task.name == asked.name]
    chosen = track or min({one.track for one in manifests}, default="sample")
    found = noise_curves.curves(manifests, asked, chosen, names)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    print_line(f"{asked.name} version {asked.version} ({asked.digest[:12]}), {chosen} track")
    headings = ["added", "removed", "wrong labels", asked.primary, "95 % interval"]
    for curve in found.curves:
        print_line()
        print_table(
            [f"{curve.entry}, {curve.noise}", *headings, "difference", "95 % interval", "p"],
            [
                [
                    f"{point.magnitude:g}",
                    *(number(share) for share in (point.added, point.removed, point.wrong)),
                    number(point.value),
                    interval(point.low, point.high),
                    number(point.difference),
                    interval(point.difference_low, point.difference_high),
                    "-" if point.p is None else p_value(point.p),
                ]
                for point in curve.points
            ],
            right=[0, 1, 2, 3, 4, 6],
        )
    if found.levels:
        print_line()
        print_table(
            ["without maps", asked.primary, "95 % interval"],
            [[one.entry, number(one.value), interval(one.low, one.high)] for one in found.levels],
            right=[1],
        )
    print_line()
    print_line(
        "difference: to maps without errors, paired by the units of the test, p adjusted for all "
        "(Holm); added, removed, wrong: shares of labels, before images are mixed"
    )
    if chosen == "sample":
        print_line("sample track: these numbers are for simulated data")


def _shown(number: "Interval", digits: int, unit: str) -> list[str]:
    if number.value is None:
        return ["-", "-"]
    if number.value > _FAR:
        return [f"over {_FAR:,}{unit}", "-"]
    if number.low is None or number.high is None:
        return [f"{number.value:.{digits}f}{unit}", "-"]
    return [
        f"{number.value:.{digits}f}{unit}",
        f"[{number.low:.{digits}f}, {number.high:.{digits}f}]",
    ]


def _share(overlap: float | None) -> str:
    return "-" if overlap is None else f"{overlap:.0%}"
