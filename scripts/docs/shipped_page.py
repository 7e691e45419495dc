"""The runs that ship with the repository, as tables."""

import subprocess
from collections.abc import Sequence
from itertools import groupby

from bench.metrics.scales import direction
from bench.metrics.titles import meaning, title
from bench.results import integrity
from bench.results.manifest import Manifest
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.score import Score
from scripts.docs import task_pages
from scripts.docs.links import ROOT
from scripts.docs.words import code, page, plain, table


def shipped() -> list[Manifest]:
    """The manifests of the runs that git knows; outside a clone, of all that are there."""
    folder = ROOT / "results" / "runs"
    there = {path.name for path in folder.glob("*") if (path / "run.json").is_file()}
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "results/runs"], cwd=ROOT, capture_output=True, check=True
        )
        names = listed.stdout.decode().split("\0")[:-1]
        there &= {name.split("/")[2] for name in names}
    return [integrity.check(Run(folder / name)).manifest for name in sorted(there)]


def runs(manifests: Sequence[Manifest]) -> str:
    """A table for each task and track, best first; then the machines."""
    machines = sorted({_machine(one) for one in manifests})
    parts = []
    order = sorted(manifests, key=lambda one: (one.track, one.task.name, _rank(one)))
    for track, of_track in groupby(order, key=lambda one: one.track):
        parts.append(f"## {'Published data' if track == 'official' else 'Simulated data'}")
        for name, found in groupby(of_track, key=lambda one: one.task.name):
            rows = [_row(one, machines) for one in found]
            primary = tasks.load(name).primary
            link = f"[{code(name)}](../{task_pages.address(tasks.load(name))})"
            parts.append(f"{link}: {title(primary)}, {meaning(primary)}.")
            heads = ["entry", code(primary), "95 % interval", "samples", "trust", "day", "machine"]
            parts.append(table(heads, rows))
    numbered = [[str(number + 1), plain(one)] for number, one in enumerate(machines)]
    if not parts:
        return "None is there."
    return page(*parts, "## Machines", table(["machine", "what it was"], numbered))


def _primary(one: Manifest) -> Score | None:
    """The score that ranks; None where a run has none, such as a codec of one rate."""
    for score in one.scores:
        named = f"{score.metric}_{score.average}"
        if named == one.task.primary and not score.label and not score.slice:
            return score
    return None


def _rank(one: Manifest) -> float:
    score = _primary(one)
    if score is None or score.value is None:
        return float("inf")
    return -direction(one.task.primary) * score.value


def _row(one: Manifest, machines: list[str]) -> list[str]:
    score = _primary(one)
    value = score.value if score else None
    low, high = (score.low, score.high) if score else (None, None)
    return [
        code(one.entry.name),
        "none" if value is None else f"{value:.3f}",
        "none" if low is None or high is None else f"{low:.3f} to {high:.3f}",
        f"{score.samples:,}" if score else "",
        one.trust,
        one.started[:10],
        str(machines.index(_machine(one)) + 1),
    ]


def _machine(one: Manifest) -> str:
    hardware = one.hardware
    parts = [
        hardware.processor,
        f"{hardware.cores} cores" if hardware.cores else "",
        hardware.accelerator or "",
        f"torch {one.arithmetic.get('torch')}" if one.arithmetic.get("torch") else "",
    ]
    return ", ".join(part for part in parts if part) or "not declared"
