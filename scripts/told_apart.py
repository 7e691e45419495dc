"""Can the sample track tell models apart? Every claim of told_apart.toml by a paired test.

    python scripts/told_apart.py [--task TASK] [--results DIR]

Trains and runs what isn't recorded yet, on the sample track with seed 0, compares, and prints a
table. Exits with 1 if a claim doesn't hold with p < 0.01.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import bench

LEVEL = 0.01


def main() -> int:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", help="only the claims on this task")
    parser.add_argument("--results", help="the results folder")
    asked = parser.parse_args()
    claims = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["rows"]
    claims = [claim for claim in claims if asked.task in (None, claim["task"])]
    if not claims:
        print(f"told_apart.toml has no claim on task {asked.task}", file=sys.stderr)
        return 2
    print("| claim | task | better | worse | difference | 95 % interval | p | holds |")
    print("|---|---|---|---|---|---|---|---|")
    failed = 0
    for claim in claims:
        task, better, worse = claim["task"], claim["better"], claim["worse"]
        runs = [
            bench.run(task, name, track="sample", results=asked.results) for name in (better, worse)
        ]
        found = bench.compare(*runs, task=task, results=asked.results)
        pair = found.pairs[0]
        holds = pair.verdict == "better" and pair.p is not None and pair.p < LEVEL
        failed += not holds
        numbers = (pair.value, pair.low, pair.high)
        value, low, high = ("-" if number is None else f"{number:.3f}" for number in numbers)
        p = "-" if pair.p is None else "< 0.0001" if pair.p < 1e-4 else f"{pair.p:.4f}"
        cells = claim["claim"], task, better, worse, f"{value} {found.metric}", f"{low} to {high}"
        print("|", " | ".join([*cells, p, "yes" if holds else "NO"]), "|", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
