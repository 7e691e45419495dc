"""The two drawings of the concepts: ``python -m scripts.docs.diagrams`` writes them to docs/images.

The rooms and their order are those that import-linter holds the package to, with the words of
CONTRIBUTING; the stages are those of the table in docs/words.md.
"""

import re
import textwrap
import tomllib
from html import escape
from pathlib import Path

from scripts.docs.links import ROOT

FOLDER = ROOT / "docs" / "images"

_STYLE = """\
  <style>
    text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1c2b33; }
    .name { font-weight: 600; }
    .small { font-size: 12px; fill: #44555f; }
    .box { fill: #e6f4f1; stroke: #00796b; }
    .line { stroke: #00796b; stroke-width: 1.5; fill: none; }
  </style>
  <defs>
    <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
orient="auto"><path d="M0 0 8 4 0 8z" fill="#00796b"/></marker>
  </defs>
"""


def stages() -> str:
    """The stages of a run, from left to right, with what each reads and leaves on disk."""
    rows = re.findall(
        r"^\| (\w+) \| (.+?) \| (.+?) \|$", _after("docs/words.md", "| stage |"), re.M
    )
    width, gap, parts = 150, 26, []
    for number, (name, given, made) in enumerate(rows):
        left = 16 + number * (width + gap)
        parts.append(_box(left, 40, width, 44, name))
        if number:
            parts.append(_line(left - gap + 2, 62, left - 2, 62))
        for row, line in enumerate(
            [*textwrap.wrap(f"from: {given}", 24), *textwrap.wrap(f"to: {made}", 24)]
        ):
            parts.append(_text(left, 106 + 16 * row, line, "small"))
    said = "Each stage reads from disk what the one before left, and can be repeated alone."
    whole = 16 + len(rows) * (width + gap)
    return _drawing(whole, 176, "The stages of a run", [_text(16, 24, said), *parts])


def rooms() -> str:
    """The rooms of the package, in the order in which they may import."""
    layers = _layers()
    words = dict(re.findall(r"^\| `bench/(\w+)/` \| (.+?) \|$", _text_of("CONTRIBUTING.md"), re.M))
    parts, top = [_text(16, 24, "A room imports only from those below it.")], 40
    for name in layers:
        lines = textwrap.wrap(words.get(name, "").replace("`", ""), 88) or [""]
        height = 16 + 16 * len(lines)
        parts.append(_box(40, top, 120, height, name))
        for row, line in enumerate(lines):
            parts.append(_text(176, top + 20 + 16 * row, line, "small"))
        top += height + 8
    parts.append(_line(24, 44, 24, top - 12))
    return _drawing(800, top + 8, "The rooms of the package bench", parts)


def _layers() -> list[str]:
    """The rooms from the one that imports most to the one that imports nothing."""
    declared = tomllib.loads(_text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in declared if one["type"] == "layers")
    return [name for name in layers if not name.startswith("_")]


def _text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _after(page: str, start: str) -> str:
    """The rows of a table below its heading."""
    return _text_of(page).partition(start)[2].partition("\n\n")[0]


def _box(left: int, top: int, width: int, height: int, name: str) -> str:
    middle = f'x="{left + width // 2}" y="{top + height // 2 + 5}"'
    return (
        f'  <rect class="box" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>\n'
        f'  <text class="name" {middle} text-anchor="middle">{escape(name)}</text>\n'
    )


def _line(x1: int, y1: int, x2: int, y2: int) -> str:
    return f'  <path class="line" d="M{x1} {y1} {x2} {y2}" marker-end="url(#tip)"/>\n'


def _text(left: int, base: int, words: str, look: str = "") -> str:
    looks = f' class="{look}"' if look else ""
    return f'  <text{looks} x="{left}" y="{base}">{escape(words)}</text>\n'


def _drawing(width: int, height: int, title: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n'
        f"  <title>{escape(title)}</title>\n{_STYLE}"
        f'  <rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>\n'
        + "".join(parts)
        + "</svg>\n"
    )


DRAWINGS = {"stages.svg": stages, "rooms.svg": rooms}


def write(folder: Path = FOLDER) -> None:
    """Write all drawings into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in DRAWINGS.items():
        (folder / name).write_text(drawn(), encoding="utf-8")


if __name__ == "__main__":
    write()
