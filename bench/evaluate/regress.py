"""Regression of baselines: the sample track again, against the scores committed beside each.

On the arithmetic that an expectation was made with (`bench.spec.expected`) the observations must be
equal to the bit. On another, rounding grows through training as a change of seed does, and the
score must lie in the committed 95 % interval: nearer than what the choice of test samples explains.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from bench.base.errors import BenchError, RequestError
from bench.base.files import write_bytes
from bench.base.paths import shipped
from bench.base.version import __version__
from bench.evaluate import stages as evaluate
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request
from bench.models import entries
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.expected import FILE, Expected, by_task, has_variants


@dataclass(frozen=True)
class Finding:
    """A baseline beside what is expected of it.

    Attributes:
        task, model: what was run.
        expected, found: the primary score.
        bound: how far apart they may be; 0 on the same arithmetic.
        passed: whether they aren't.
        verdict: in words.
    """

    task: str
    model: str
    expected: float
    found: float
    bound: float
    passed: bool
    verdict: str


def check(
    chosen: dict[tuple[str, str], Expected], results: Path, report: Report = SILENT
) -> Iterator[Finding]:
    """Run baselines on the sample track and compare.

    Args:
        chosen: as `expectations` gives them.
        results: where the runs go; a run that is there already is not repeated.
        report: where news goes.
    """
    for (task, model), expected in chosen.items():
        request = Request(
            task=task,
            model=model,
            track="sample",
            seed=expected.seed,
            device="cpu",
            results=results,
        )
        yield _compare(task, model, expected, observed(evaluate.run(request, report)))


def update(task: str, model: str, results: Path, report: Report = SILENT) -> Expected:
    """Run a baseline on the sample track and make what it gives the expectation."""
    name, _, given = model.rpartition("-")
    own = shipped("baselines")
    places = {
        known: path
        for known, path, _ in entries.baselines(tasks.load(task))
        if path.is_relative_to(own)
    }
    if name not in places:
        raise RequestError(
            f"{model} is no baseline of {task} with its input", "such as resnet18-s1"
        )
    request = Request(task=task, model=model, track="sample", device="cpu", results=results)
    expected = observed(evaluate.run(request, report))
    path = places[name].with_name(FILE)
    found = by_task(path) if path.is_file() else {}
    key = model if has_variants(path.parent) else given
    found.setdefault(task, {})[key] = expected.model_dump()
    # The task that the folder is named after needs no table around its own.
    whole = found.pop(path.parent.parent.name, {}) | dict(sorted(found.items()))
    write_bytes(path, tomli_w.dumps(whole).encode())
    return expected


def observed(manifest: Manifest) -> Expected:
    """What a run gave, in the form of an expectation."""
    primary = manifest.primary
    if primary is None or primary.value is None or primary.low is None or primary.high is None:
        raise BenchError(
            f"run {manifest.run} has no {manifest.task.primary} with an interval",
            "an expectation is made of it: choose a baseline whose run has one",
        )
    if manifest.observations_sha256 is None:
        raise BenchError(f"run {manifest.run} names no observations_sha256", "repeat it")
    arithmetic = manifest.arithmetic | {"processor": manifest.hardware.processor}
    return Expected(
        seed=manifest.seed,
        task_digest=manifest.task.digest,
        data_sha256=manifest.data.data_sha256,
        value=primary.value,
        low=primary.low,
        high=primary.high,
        observations_sha256=manifest.observations_sha256,
        arithmetic={name: value for name, value in arithmetic.items() if value is not None},
    )


def _compare(task: str, model: str, expected: Expected, found: Expected) -> Finding:
    for what in ("task_digest", "data_sha256"):
        if getattr(expected, what) != getattr(found, what):
            raise BenchError(
                f"{model} on {task}: expectations were made with {what} "
                f"{getattr(expected, what)[:12]}, this is {getattr(found, what)[:12]}",
                f"if the change is meant: bench regress --update --task {task} --model {model}",
            )
    if expected.arithmetic == found.arithmetic:
        passed = expected.observations_sha256 == found.observations_sha256
        verdict = "equal to the bit" if passed else "REGRESSION: other bits on the same versions"
        bound = 0.0
    else:
        passed = expected.low <= found.value <= expected.high
        other = sorted(
            name
            for name in expected.arithmetic.keys() | found.arithmetic.keys()
            if expected.arithmetic.get(name) != found.arithmetic.get(name)
        )
        inside = "inside" if passed else "REGRESSION: outside"
        verdict = f"{inside} the committed interval (other {', '.join(other)})"
        edge = expected.high if found.value > expected.value else expected.low
        bound = abs(edge - expected.value)
    return Finding(task, model, expected.value, found.value, bound, passed, verdict)


def revision() -> str:
    """Which state of the expectations this is: the last commit that touched them, if known."""
    folder = shipped("baselines")
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%h of %cs", "--", f"*/{FILE}"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return f"as shipped with rs-bench {__version__}"
    return done.stdout.strip() or "not committed yet"
