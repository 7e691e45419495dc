"""Pictures of cards: what the best run of each task kept of a sample, made small.

Where no run kept any, the data set's picture stands in for it.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.images import SAMPLE, in_order, kept
from bench.report.leaderboard.read import Result
from bench.report.leaderboard.text import shown
from bench.spec.floors import is_floor

SAMPLES = Path(__file__).parent / "samples"
"""Pictures of data sets, made by ``scripts/sample_pictures.py`` from their simulated data."""

SIZE = (400, 200)
"""Most pixels of a card's picture, width and height."""

_TRACKS = ("official", "unverified", "sample")


def thumbnails(results: Path, boards: Sequence[Board], room: int) -> dict[str, dict[str, Any]]:
    """A picture for each task that a ranked run kept one of, by name of the task.

    Args:
        results: the results folder, whose run folders hold the pictures.
        boards: what the page shows, of the present meaning of tasks.
        room: bytes that they may take together.

    Returns:
        ``image``, a WebP in base64; ``width`` and ``height`` in pixels; ``says``, a text for those
        who don't see it.
    """
    found: dict[str, dict[str, Any]] = {}
    for track in _TRACKS:
        for board in boards:
            if board.track != track or board.task in found:
                continue
            made = next(filter(None, (_of_run(results, run) for run in _models_first(board))), None)
            if made and len(made["image"]) <= room:
                room -= len(made["image"])
                found[board.task] = made
    return found


def of_datasets(names: Iterable[str], room: int) -> dict[str, dict[str, Any]]:
    """The pictures of simulated samples that ship, by name of the data set, as `thumbnails`."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(set(names)):
        path = SAMPLES / f"{name}.webp"
        if not path.is_file():
            continue
        image = base64.b64encode(path.read_bytes()).decode()
        if len(image) <= room:
            room -= len(image)
            says = f"Simulated samples of {name}, in natural colours"
            found[name] = {"image": image, "width": SIZE[0], "height": SIZE[1], "says": says}
    return found


def _models_first(board: Board) -> Iterable[Result]:
    """The runs of a board, those of floors last, of which few kept a picture worth showing."""
    rows = sorted(board.ranked, key=lambda row: is_floor(row.result.entry))
    return (row.result for row in rows)


def _of_run(results: Path, result: Result) -> dict[str, Any] | None:
    """What a run kept of samples, side by side until a card is full; of anything else one."""
    chosen: list[Image.Image] = []
    for name in in_order(result):
        if chosen and (_shape(chosen) >= SIZE[0] / SIZE[1] or not name.startswith(SAMPLE)):
            break
        found = kept(results, result, name)
        if found is not None:
            chosen.append(found[1])
    if not chosen:
        return None
    simulated = " (simulated)" if result.track == "sample" else ""
    says = f"Samples{simulated} as {shown(result.entry)} answers them"
    return {**encoded(_beside(chosen)), "says": says}


def _shape(pictures: Sequence[Image.Image]) -> float:
    """Width by height of pictures side by side."""
    return sum(one.width for one in pictures) / max(one.height for one in pictures)


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    size = (sum(one.width for one in pictures), max(one.height for one in pictures))
    sheet = Image.new("RGB", size, "white")
    left = 0
    for one in pictures:
        sheet.paste(one, (left, 0))
        left += one.width
    return sheet


def encoded(picture: Image.Image) -> dict[str, Any]:
    """A picture as the page carries it: WebP of at most `SIZE`."""
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=62, method=6)
    image = base64.b64encode(stream.getvalue()).decode()
    return {"image": image, "width": picture.width, "height": picture.height}
