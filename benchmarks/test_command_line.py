"""What a user waits for: the command line's start, and the main job on an empty machine."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = shutil.which("bench", path=Path(sys.executable).parent)


def bench(*arguments, **environment):
    done = subprocess.run(
        [BENCH, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["list"]], ids=" ".join)
def test_start(benchmark, arguments):
    assert "reben" in benchmark.pedantic(bench, arguments, rounds=9, warmup_rounds=1) or (
        arguments == ["--help"]
    )
    benchmark.extra_info.update(
        name=f"bench {' '.join(arguments)}",
        peer="-",
        value=f"{benchmark.stats.stats.median:.3f} s",
        target="0.25 s",
        limit="imports of typer and rich; no torch, no numpy",
    )


def test_completion(benchmark):
    """A tab behind the beginning of a model's name, as bash asks for it."""
    words = "bench run --task reben-mlc --model re"
    asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "5"}
    assert "resnet50" in benchmark.pedantic(bench, (), asked, rounds=9, warmup_rounds=1)
    benchmark.extra_info.update(
        name="completion of a model's name",
        peer="-",
        value=f"{benchmark.stats.stats.median:.3f} s",
        target="0.15 s",
        limit="imports of typer; TOML files of the task's baselines",
    )


def test_main_job(benchmark, tmp_path):
    """`make run` once its environment exists: simulate, train, predict, score, record."""
    arguments = ["run", "--task", "reben-mlc", "--model", "resnet50", "--track", "sample"]
    printed = benchmark.pedantic(
        bench,
        [*arguments, "--json", "--results", str(tmp_path / "results")],
        {"BENCH_DATA": str(tmp_path / "data")},
        rounds=1,
    )
    primary = json.loads(printed)["scores"][0]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    benchmark.extra_info.update(
        name="make run, environment ready",
        peer="-",
        value=f"{benchmark.stats.stats.median:.0f} s, {peak:.2f} GiB",
        target="180 s, 4 GiB",
        limit="convolutions of ResNet-50 forward and backward on the processor",
        primary=primary,
    )
