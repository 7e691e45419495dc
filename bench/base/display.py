"""Text of any origin where it is shown: in a terminal, a table, a page, CSV or JSON.

A name or a note may hold what moves the cursor, reorders or hides what stands around it, or is a
formula to a spreadsheet. Everything that the harness shows goes through one of these functions.
"""

import csv
import datetime
import io
import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Letters, marks and a pattern that show nothing, yet count as printable."""

_BEYOND_ASCII = re.compile(r"[^\n -~]")
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_NUMBERS = (bool, int, float, Decimal, datetime.date, datetime.time)


def plain(text: str) -> str:
    """Text as one line of characters that show themselves.

    Ends of lines and tabs become spaces. Terminal codes, other control characters, direction marks
    and characters of no width become the replacement character.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if _shows(c) else " " if c in "\r\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def shown(text: object, limit: int) -> str:
    """Text as `plain` gives it, without spaces around it, of at most ``limit`` characters."""
    # Twice the limit is enough to see whether something was cut; the rest may be megabytes.
    head = plain(" ".join(str(text)[: 2 * limit + 64].split()))
    return head if len(head) <= limit else head[: limit - 1].rstrip() + "…"


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with a heading; numbers and dates as they are, text as `csv_text` gives it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(csv_text, names))
    for row in rows:
        writer.writerow(
            cell if cell is None or isinstance(cell, _NUMBERS) else csv_text(str(cell))
            for cell in row
        )
    return out.getvalue()


def csv_text(text: str) -> str:
    """Text for a cell: as `plain` gives it, after an apostrophe where it would be a formula."""
    text = plain(text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def as_json(value: Any, *, ascii_only: bool = False) -> str:
    """Indented JSON without an end of line; characters that don't show themselves as escapes.

    Args:
        value: what JSON can hold.
        ascii_only: all other characters become escapes as well.

    Raises:
        ValueError: ``value`` holds NaN or infinity.
    """
    text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, indent=1)
    return _BEYOND_ASCII.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character if _shows(character) else json.dumps(character)[1:-1]


def _shows(character: str) -> bool:
    return character.isprintable() and not _HIDDEN.match(character)
