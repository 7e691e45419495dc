"""Make the runs of `results/runs` again, where they are missing: those of shipped.toml.

    python scripts/shipped.py [--task TASK] [--results DIR]

Trains and runs on the sample track with seed 0, hours on two cores. The official runs of
WHU-RS19 come from `scripts/whu_rs19_embeddings.py`.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import bench

LARGEST = 10_000_000
"""Bytes of all run folders together."""


def main() -> int:
    """Run what is missing, and print how large everything is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", help="only this task")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the results folder")
    asked = parser.parse_args()
    declared = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    for task, models in declared["tasks"].items():
        if asked.task in (None, task):
            for model in models:
                run = bench.run(task, model, track="sample", results=asked.results)
                print(run.name)
    size = sum(f.stat().st_size for f in (asked.results / "runs").rglob("*") if f.is_file())
    print(f"{size / 1e6:.1f} MB of {LARGEST / 1e6:.0f}")
    return int(size > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
