"""Markdown made of values: tables, code and text that may hold any sign."""

import re
from collections.abc import Iterable, Sequence


def plain(text: object) -> str:
    """Text from a declaration, in which nothing is markup and nothing ends a cell."""
    found = " ".join(str(text).split())
    return re.sub(r"([\\`*_|\[\]<>])", r"\\\1", found)


def code(text: object) -> str:
    """A span of code; empty for nothing. A bar would end the cell of a table."""
    found = " ".join(str(text).split()).replace("`", "'").replace("|", r"\|")
    return f"`{found}`" if found else ""


def block(lines: str, language: str = "") -> str:
    """A block of code, fenced by more backticks than it holds."""
    longest = max(map(len, re.findall(r"`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines.rstrip()}\n{fence}\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; nothing without rows."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]) + "\n"


def page(*parts: str) -> str:
    """Parts of a page, a blank line between them; empty ones are left out."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
