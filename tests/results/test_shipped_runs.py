"""The runs that come with the project: whole, small, and their scores are those of today's code."""

import math
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import kinds
from bench.kinds.common import scoring
from bench.results import integrity
from bench.results.runs import Run
from bench.spec.score import Score

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 10_000_000


def _shipped() -> list[str]:
    """The files of runs that are part of the project; runs made here since are not."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "results/runs"], cwd=ROOT, capture_output=True, check=False
    )
    return [name for name in done.stdout.decode().split("\0") if name]


FILES = _shipped()
RUNS = sorted({name.split("/")[2] for name in FILES})

pytestmark = pytest.mark.skipif(not RUNS, reason="not a clone: git lists no runs")


def test_they_are_small() -> None:
    assert sum((ROOT / name).stat().st_size for name in FILES) <= LARGEST


def test_they_name_no_folder_of_a_machine() -> None:
    named = re.compile(r"(?<![\w.])/(?:home|root|tmp|usr|opt|mnt|work|Users)/")
    manifests = [ROOT / name for name in FILES if name.endswith("run.json")]
    assert [p.parent.name for p in manifests if named.search(p.read_text("utf-8"))] == []


def test_official_runs_and_those_of_every_kind_are_there() -> None:
    tracks = {integrity.check(Run(ROOT / "results/runs" / name)).manifest.track for name in RUNS}
    assert tracks == {"official", "sample"}
    assert {_task(name).kind for name in RUNS} == set(kinds.names())


def _task(name: str) -> Any:
    run = Run(ROOT / "results/runs" / name)
    return integrity.task_of(run, integrity.check(run).manifest)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_whole_and_scores_as_it_did(name: str) -> None:
    run = Run(ROOT / "results/runs" / name)
    checked = integrity.check(run)
    assert not checked.altered
    again = scoring.score(kinds.of(_task(name)), run.observations(), run.attributes())
    before, after = (_values(scores) for scores in (checked.manifest.scores, again.scores))
    assert after == pytest.approx(before, rel=1e-6, abs=1e-9, nan_ok=True)


def _values(scores: Any) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for score in scores:
        assert isinstance(score, Score)
        key = (score.metric, score.average, score.label, score.slice)
        for part in ("value", "low", "high"):
            value = getattr(score, part)
            found[(*key, part)] = math.nan if value is None else value
    return found
