"""Pictures of ranked runs: all of the best ones, then the first of the others, as there is room.

A picture comes from a run's folder, so that it is a stranger's: it is decoded only where it is what
the run noted, has the size of a picture that a run keeps, and is a PNG.
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.read import Result

LARGEST = 500_000
"""Bytes of a kept picture that is looked at."""

EACH = 4
"""Most pictures of a run."""

_WIDTH, _PIXELS = 800, 4_000_000
_BEST = 3
"""How many rows of a board have more than one picture."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.png")
"""Of the files that hold pictures of a run."""

SAMPLE = "sample-"
"""What the name of a picture of a sample begins with."""

Carried = tuple[str, str, str]
"""What it shows in words, the type of the image, the image in base64."""


def embedded(results: Path, boards: Sequence[Board], most: int) -> list[dict[str, list[Carried]]]:
    """Pictures of ranked runs: first one of every board's best run, its others, then further runs.

    Args:
        results: the results folder, whose run folders hold the pictures.
        boards: what the page shows.
        most: bytes of pictures there is room for.

    Returns:
        For each board, by the number of a row, its pictures.
    """
    found: list[dict[str, list[Carried]]] = [{} for _ in boards]
    longest = max((len(board.rows) for board in boards), default=0)
    for index in range(longest):
        for number in range(EACH if index < _BEST else 1):
            for board, carried in zip(boards, found, strict=True):
                if index >= len(board.rows) or board.rows[index].place is None:
                    continue
                picture = _picture(results, board.rows[index].result, number)
                if picture and len(picture[2]) <= most:
                    most -= len(picture[2])
                    carried.setdefault(str(index), []).append(picture)
    return found


def _picture(results: Path, result: Result, number: int) -> Carried | None:
    """A picture as its run noted it; None where there is none that may be shown."""
    names = in_order(result)
    found = kept(results, result, names[number]) if number < len(names) else None
    if found is None:
        return None
    kind, small = _smaller(*found)
    title = names[number].removesuffix(".png").replace("_", " ").replace(SAMPLE, "sample ")
    return title, kind, base64.b64encode(small).decode()


def in_order(result: Result) -> list[str]:
    """The names of the pictures that a run noted, those of samples first."""
    named = noted(result.facts.get("pictures", ""))
    return sorted(named, key=lambda name: (not name.startswith(SAMPLE), name))


def kept(results: Path, result: Result, name: str) -> tuple[bytes, Image.Image] | None:
    """A picture of a run: its bytes and its pixels; None for what isn't as it was noted."""
    named = noted(result.facts.get("pictures", ""))
    path = results / "runs" / result.run / "pictures" / name
    if "/" in result.run or not NAME.fullmatch(name) or not path.is_file():
        return None
    with path.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST or hashlib.sha256(content).hexdigest() != named.get(name):
        return None
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.width * picture.height > _PIXELS:
                return None
            return content, picture.convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return None


def _smaller(content: bytes, picture: Image.Image) -> tuple[str, bytes]:
    """The picture as WebP, or as it is where that is smaller and not wide."""
    wide = picture.width > _WIDTH
    picture.thumbnail((_WIDTH, _WIDTH), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=75, method=4)
    small = stream.getvalue()
    return ("webp", small) if wide or len(small) < len(content) else ("png", content)


def noted(text: str) -> dict[str, object]:
    """The pictures that a run noted in its manifest: SHA-256 by name of the file."""
    try:
        noted = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}
