"""What README shows of the first run is what the commands print."""

import re

from tests import pages
from tests.tiny import brief

FIGURE = re.compile(r"\d[\d,.]*(?:e-?\d+)?")


def shown() -> list[str]:
    """The lines of README, made by the command before them."""
    (block,) = (block for block in pages.blocks("README.md") if "ap_macro" in block)
    return block.splitlines()


def printed(bench, model) -> list[str]:
    """What README's two commands print, on stdout and stderr."""
    lines = []
    for typed in (f"run --task reben-mlc --model {model}", "leaderboard"):
        found = bench(typed)
        lines += [*found.stderr.splitlines(), *found.stdout.splitlines()]
    return lines


def form(line: str) -> str:
    """A line without its figures, units, names, and what is recorded beside it."""
    if line.startswith(("floor", "here")):
        return line.split(maxsplit=1)[0]
    line = re.sub(r"resnet50-s2|brief", "ENTRY", line)
    line = re.sub(r"(open|closed) division", "DIVISION", line)
    line = re.sub(r"sentinel-\d(-\w+)+", "INPUT", line)
    line = re.sub(r"sample\.\w+ in", "sample.RUN in", line)
    line = re.sub(r"\b(kB|MB|GiB|MiB|k|M|G|GMACs|MMACs|ms|µs|s)\b", "UNIT", line)
    return " ".join(FIGURE.sub("#", line).replace("# UNIT", "#").split())


def test_every_line_of_the_readme_is_printed(bench, sample_data) -> None:
    """By the smallest network: the same lines in the same order, with figures of its own."""
    brief(bench.folder / "my-entry", epochs=1)
    lines = [form(line) for line in printed(bench, "my-entry")]
    following = iter(lines)
    for line in map(form, shown()):
        assert line in following, "\n".join([line, *lines])
