"""Pictures of cards: what the best run of each task kept of a sample, made small.

Where no run kept any, the data set's picture stands in for it. A kept picture comes from a run's
folder, so that it is a stranger's: it is decoded only where it is what the run noted, has the size
of a picture that a run keeps, and is a PNG.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.images import NAME, noted
from bench.report.leaderboard.read import Result
from bench.report.leaderboard.text import shown
from bench.spec.floors import is_floor

SAMPLES = Path(__file__).parent / "samples"
"""Pictures of data sets, made by ``scripts/sample_pictures.py`` from their simulated data."""

SIZE = (400, 200)
"""Most pixels of a card's picture, width and height."""

LARGEST = 500_000
"""Bytes of a kept picture that is looked at."""

_SAMPLE = "sample-"
_PIXELS = 4_000_000
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
    names = noted(result.facts.get("pictures", ""))
    kept: list[Image.Image] = []
    for name in sorted(names, key=lambda name: (not name.startswith(_SAMPLE), name)):
        path = results / "runs" / result.run / "pictures" / name
        if not NAME.fullmatch(name) or "/" in result.run or not path.is_file():
            continue
        full = bool(kept) and (_shape(kept) >= SIZE[0] / SIZE[1] or not name.startswith(_SAMPLE))
        if full:
            break
        picture = _kept(path, names)
        if picture is not None:
            kept.append(picture)
    if not kept:
        return None
    simulated = " (simulated)" if result.track == "sample" else ""
    says = f"Samples{simulated} as {shown(result.entry)} answers them"
    return {**encoded(_beside(kept)), "says": says}


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


def _kept(path: Path, names: Mapping[str, object]) -> Image.Image | None:
    """A kept picture; None for what isn't the picture that was noted."""
    with path.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST or hashlib.sha256(content).hexdigest() != names[path.name]:
        return None
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.width * picture.height > _PIXELS:
                return None
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return None


def encoded(picture: Image.Image) -> dict[str, Any]:
    """A picture as the page carries it: WebP of at most `SIZE`."""
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=78, method=6)
    image = base64.b64encode(stream.getvalue()).decode()
    return {"image": image, "width": picture.width, "height": picture.height}
