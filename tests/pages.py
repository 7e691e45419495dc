"""The pages of the documentation as text, for the tests that compare them with the program."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md")),
    ROOT / "submissions" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)
"""README, the other pages beside it, and all of ``docs``."""


def text(page: str | Path) -> str:
    """The text of a page, named by its path from the root of the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str | Path, language: str = "") -> list[str]:
    """The blocks of code on a page that are marked with a language, or with none."""
    found = re.findall(r"^```([a-z]*)\n(.*?)^```$", text(page), re.M | re.S)
    return [code for marked, code in found if marked == language]


def without_blocks(page: str | Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text(page), flags=re.M | re.S)


def rows(page: str | Path) -> list[list[str]]:
    """The cells of every row of every table on a page, headings included."""
    lines = re.findall(r"^\| (.*) \|$", without_blocks(page), re.M)
    return [re.split(r" \| ", line) for line in lines]


def commands(page: str | Path) -> list[str]:
    """Every command ``bench ...`` on a page, in blocks and in the middle of sentences.

    What stands behind two spaces or ``#`` on the line of a block says what the command does.
    """
    lines = [
        re.split(r" {2,}|#", line.strip())[0]
        for block in re.findall(r"^```(?:bash)?\n(.*?)^```$", text(page), re.M | re.S)
        for line in block.splitlines()
    ]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", without_blocks(page))]
    parts = (part for found in [*lines, *spans] for part in re.split(r"; do |; |\$\(|\)", found))
    begun = (re.match(r"(?:\.venv/bin/)?bench ((?:\[|-)?[a-z-].*)", part) for part in parts)
    return [found[1] for found in begun if found]
