"""Rate-distortion curves of codecs against that of an anchor: BD-rate and BD-PSNR."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench import kinds
from bench.base.errors import RequestError
from bench.kinds.common.units import units
from bench.metrics import rate_distortion, stats
from bench.metrics.rate_distortion import Delta
from bench.report import competitors
from bench.report.competitors import Competitor
from bench.spec import task as tasks
from bench.spec.task import Task

Floats = NDArray[np.float64]
Rate = Literal["actual", "nominal"]

_RATES = {"actual": "bpppc_points", "nominal": "nominal_bpppc_points"}


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval over images; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """A codec beside the anchor.

    Attributes:
        entry, runs: whose it is.
        points: names of the rate points on the curve, by rising rate.
        rates: bits per pixel and channel of each.
        psnr: dB of each, mean over images.
        bd_rate: how much more rate it needs than the anchor for the same PSNR, in percent.
        bd_rate_overlap: on which share of the range of PSNR that both span together.
        bd_psnr: how many dB it is above the anchor at the same rate.
        bd_psnr_overlap: on which share of the range of log rate.
        bd_rate_undefined, bd_psnr_undefined: why there is none; empty where there is one.
    """

    entry: str
    runs: tuple[str, ...]
    points: tuple[str, ...]
    rates: tuple[float, ...]
    psnr: tuple[Interval, ...]
    bd_rate: Interval
    bd_rate_overlap: float | None
    bd_psnr: Interval
    bd_psnr_overlap: float | None
    bd_rate_undefined: str = ""
    bd_psnr_undefined: str = ""


@dataclass(frozen=True)
class Curves:
    """Codecs beside an anchor, which comes first.

    Attributes:
        task, version, digest, track, partial, samples: what they were run on.
        rate: ``actual``, from bytes, or ``nominal``, 32 bits for each float32 latent.
        method: how curves are interpolated.
        remarks: what a reader should know besides.
        curves: the anchor's, then the others'.
    """

    task: str
    version: int
    digest: str
    track: str
    partial: bool
    samples: int
    rate: Rate
    method: str
    remarks: tuple[str, ...]
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Point:
    """A rate point of a codec: its name, bits per pixel and channel, and dB, mean over images."""

    name: str
    rate: float
    psnr: Interval


@dataclass(frozen=True)
class _Drawn:
    """The points of one codec, of all images and without each unit."""

    points: tuple[str, ...]
    rates: Floats  # [1 + G, P], of all images first
    psnr: Floats  # [1 + G, P]


def against(
    names: Sequence[str],
    task: str,
    results: Path,
    *,
    rate: Rate = "actual",
    method: str = "akima",
    track: str | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, whole: None,
) -> Curves:
    """Draw codecs beside an anchor from their stored observations.

    Intervals are those of the jackknife over images, or over tiles where the dataset names enough
    of them, for all codecs alike. Rate points that another point of the same codec beats are left
    out of its curve. Of several seeds the mean is drawn.

    Args:
        names: the anchor, then others: entries or runs, as for `bench.report.compare.compare`.
        task: name or path of a task of the kind compression.
        results: the results folder.
        rate: which of the two rates; they are never mixed.
        method: ``akima``, ``pchip`` or ``cubic``.
        track: ``official`` or ``sample``; by default official where all have it.
        progress: told the stage, how much is done, and how much there is.

    Raises:
        RequestError: the task has no rates, a name or the method is unknown, or a codec has no
            point at such a rate.
    """
    asked = tasks.load(task)
    if asked.kind != "compression":
        raise RequestError(
            f"task {asked.name} is of kind {asked.kind}, which has no rates",
            "`bench list` shows the tasks of kind compression",
        )
    entries, remarks = competitors.find(names, asked, results, track)
    drawn = []
    for number, one in enumerate(entries):
        progress("curves", number, len(entries))
        drawn.append(_draw(asked, one, rate))
    progress("curves", len(entries), len(entries))
    manifest = entries[0].manifests[0]
    return Curves(
        task=asked.name,
        version=asked.version,
        digest=asked.digest,
        track=manifest.track,
        partial=manifest.partial,
        samples=manifest.data.samples,
        rate=rate,
        method=method,
        remarks=tuple(remarks),
        curves=tuple(
            _curve(entry, one, drawn[0], method) for entry, one in zip(entries, drawn, strict=True)
        ),
    )


def points(task: Task, entry: Competitor, rate: Rate) -> list[Point]:
    """The rate points of one codec by rising rate, without those that another one beats.

    Raises:
        RequestError: it has none at such a rate.
    """
    drawn = _draw(task, entry, rate)
    return [
        Point(name, float(bits), _interval(psnr))
        for name, bits, psnr in zip(drawn.points, drawn.rates[0], drawn.psnr.T, strict=True)
    ]


def _draw(task: Task, entry: Competitor, rate: Rate) -> _Drawn:
    kind, wanted = kinds.of(task), [_RATES[rate], "psnr_points"]
    rates, psnr, points = [], [], list[str]()
    for run in entry.runs:
        observations = run.observations()
        independent = units(run.attributes(), observations.num_rows)
        found = kind.replicate(observations, independent.left_out(), wanted)
        points = list(kind.labels(observations, "points"))
        rates.append(found[wanted[0]])
        psnr.append(found[wanted[1]])
    mean_rates, mean_psnr = np.mean(rates, axis=0), np.mean(psnr, axis=0)
    known = np.flatnonzero(np.isfinite(mean_rates[0]) & np.isfinite(mean_psnr[0]))
    if not len(known):
        raise RequestError(
            f"{entry.name} has no point with {'an' if rate == 'actual' else 'a'} {rate} rate and "
            "a finite PSNR",
            "a nominal rate counts float32 latents; codecs of bytes have the actual one only",
        )
    kept = known[rate_distortion.pareto(mean_rates[0, known], mean_psnr[0, known])]
    return _Drawn(tuple(points[i] for i in kept), mean_rates[:, kept], mean_psnr[:, kept])


def _curve(entry: Competitor, drawn: _Drawn, anchor: _Drawn, method: str) -> Curve:
    lines = (anchor.rates, anchor.psnr, drawn.rates, drawn.psnr)
    bd_rate = rate_distortion.bd_rate(*lines, method)
    bd_psnr = rate_distortion.bd_psnr(*lines, method)
    return Curve(
        entry=entry.name,
        runs=tuple(run.name for run in entry.runs),
        points=drawn.points,
        rates=tuple(drawn.rates[0].tolist()),
        psnr=tuple(_interval(column) for column in drawn.psnr.T),
        bd_rate=_interval(bd_rate.value),
        bd_rate_overlap=_overlap(bd_rate),
        bd_psnr=_interval(bd_psnr.value),
        bd_psnr_overlap=_overlap(bd_psnr),
        bd_rate_undefined=_undefined(bd_rate, drawn, anchor, method),
        bd_psnr_undefined=_undefined(bd_psnr, drawn, anchor, method),
    )


def _undefined(delta: Delta, drawn: _Drawn, anchor: _Drawn, method: str) -> str:
    estimate = Delta(delta.value[0], delta.overlap[0])
    return rate_distortion.undefined(estimate, min(len(drawn.points), len(anchor.points)), method)


def _interval(values: Floats) -> Interval:
    """A number of all images [0] and without each unit [1:] as one with an interval."""
    low = high = np.array(np.nan)
    if len(values) > stats.FEWEST_UNITS:
        spread = stats.spread_over_units(values[1:])
        low, high = stats.interval(values[0], spread, stats.bias(values[0], values[1:]))
    return Interval(*(float(n) if np.isfinite(n) else None for n in (values[0], low, high)))


def _overlap(delta: Delta) -> float | None:
    share = float(delta.overlap[0])
    return share if np.isfinite(share) else None
