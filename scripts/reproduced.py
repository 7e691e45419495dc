"""Write docs/findings/reproduced.md: the claims of the publications held against recorded runs.

    python scripts/reproduced.py [--track TRACK] [--results DIR] [--out FILE]

Runs nothing: `bench reproduce PAPER` of each publication comes before.
"""

import argparse
import datetime
from pathlib import Path

from bench.cli._console import interval, number, p_value
from bench.evaluate import reproduce
from bench.evaluate.request import Request
from bench.report.reproduction import Judged, Reproduction, reproduction
from bench.results.manifest import Manifest
from bench.spec import paper as papers

HEAD = """\
# Claims of the ten papers, run again

`bench reproduce PAPER` runs the rows of a publication's main experiment and judges its claims: a
claim *holds* where every pair of it differs in its direction by paired tests, corrected by Holm's
method for the pairs of the claim, *doesn't hold* where one differs in the other direction, and
*can't be told* otherwise. `by` is the margin that a claim states. [The papers](../papers.md) says
what of each is reconstructed.

{about}
"""

SIMULATED = """\
These are runs on the **sample track: simulated data** that two processor cores can train on, with
recipes shortened for them, one seed each. A verdict says what comes out there; it says nothing
about whether the paper is right. Written by `python scripts/reproduced.py` on {day}, on {machine}.
"""

OFFICIAL = "Official track, written by `python scripts/reproduced.py` on {day}, on {machine}.\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--track", default="sample", choices=("sample", "official"))
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path, default=Path("docs/findings/reproduced.md"))
    asked = parser.parse_args()
    outcomes, manifests = [], []
    for name in papers.names():
        paper = papers.load(name)
        task, model = paper.planned[0]
        request = Request(task=task, model=model, track=asked.track, results=asked.results)
        rows = reproduce.recorded(paper, request)
        manifests += [one for runs in rows.found.values() for one in runs]
        outcomes.append(reproduction(paper, asked.track, rows.found, rows.refused))
    about = SIMULATED if asked.track == "sample" else OFFICIAL
    text = HEAD.format(
        about=about.format(day=datetime.date.today().isoformat(), machine=machines(manifests))
    )
    text += f"\n{summary(outcomes)}\n" + "".join(f"\n{section(one)}" for one in outcomes)
    asked.out.write_text(text, encoding="utf-8")


def machines(manifests: list[Manifest]) -> str:
    """The processors that the runs were made on."""
    named = {one.hardware.processor for one in manifests}
    return ", ".join(sorted(named)) or "no machine: nothing is recorded"


def summary(outcomes: list[Reproduction]) -> str:
    """How many claims of each paper came out how."""
    kinds = ("holds", "doesn't hold", "can't be told", "not run")
    rows = [f"| paper | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for one in outcomes:
        counts = [sum(claim.verdict == kind for claim in one.claims) for kind in kinds]
        rows.append(
            f"| [{one.paper}](#{one.paper}) | {' | '.join(str(n) if n else '' for n in counts)} |"
        )
    return "\n".join(rows) + "\n"


def section(found: Reproduction) -> str:
    """One paper."""
    lines = [f"## {found.paper}", "", f"{found.title}, [arXiv:{found.arxiv}]({found.url}).", ""]
    lines += [
        "| task | model | metric | rerun, 95 % interval | published |",
        "|---|---|---|---|---|",
    ]
    for one in found.lines:
        rerun = (
            "not run" if one.value is None else f"{number(one.value)} {bounds(one.low, one.high)}"
        )
        published = "" if one.published is None else f"{number(one.published)} ({one.place})"
        lines.append(f"| `{one.task}` | `{one.model}` | `{one.metric}` | {rerun} | {published} |")
    for claim in found.claims:
        lines += ["", *judged(claim)]
    if found.absent:
        lines += ["", "Not part of it:", ""]
        lines += [f"- {what}: {why}." for what, why in found.absent]
    return "\n".join(lines) + "\n"


def judged(claim: Judged) -> list[str]:
    """A claim, its verdict and what decides it."""
    margin = f", by {claim.by:g}" if claim.by else ""
    lines = [f"**{claim.verdict}**: {claim.says} *{claim.where}{margin}*"]
    other = "over `{}`" if claim.compares else "{}"
    pairs = [
        f"- `{one.first}` {other.format(one.second)}: {number(one.value)} "
        f"{bounds(one.low, one.high)}, {p_value(one.p)}: {one.verdict}"
        for one in claim.pairs
    ]
    if claim.missing:
        pairs.append(f"- without a run: {', '.join(f'`{name}`' for name in claim.missing)}")
    return [*lines, "", *pairs] if pairs else lines


def bounds(low: float | None, high: float | None) -> str:
    """An interval, or nothing."""
    return "" if low is None else interval(low, high)


if __name__ == "__main__":
    main()
