"""Pictures of ranked runs: the first of each, as long as there is room."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.read import Result

LARGEST = 20_000
"""Bytes of a picture that a page carries."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.png")
"""Of the files that hold pictures of a run."""

_PNG = b"\x89PNG\r\n\x1a\n"


def embedded(results: Path, boards: Sequence[Board], most: int) -> list[dict[str, str]]:
    """The first picture of ranked runs, the best ones of every board first.

    Args:
        results: the results folder, whose run folders hold the pictures.
        boards: what the page shows.
        most: bytes of pictures there is room for.

    Returns:
        For each board, by the number of a row: a PNG in base64.
    """
    found: list[dict[str, str]] = [{} for _ in boards]
    for index in range(max((len(board.rows) for board in boards), default=0)):
        for board, carried in zip(boards, found, strict=True):
            if index < len(board.rows) and board.rows[index].place is not None:
                text = base64.b64encode(_first(results, board.rows[index].result)).decode()
                if text and len(text) <= most:
                    most -= len(text)
                    carried[str(index)] = text
    return found


def _first(results: Path, result: Result) -> bytes:
    """The picture as its run noted it; empty where there is none that may be shown."""
    named = noted(result.facts.get("pictures", ""))
    name = min(named, default="")
    path = results / "runs" / result.run / "pictures" / name
    if not NAME.fullmatch(name) or "/" in result.run or not path.is_file():
        return b""
    with path.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    right = content.startswith(_PNG) and len(content) <= LARGEST
    return content if right and hashlib.sha256(content).hexdigest() == named[name] else b""


def noted(text: str) -> dict[str, object]:
    """The pictures that a run noted in its manifest: SHA-256 by name of the file."""
    try:
        noted = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}
