"""Pictures of predictions, drawn with numpy and Pillow alone: small, and the same bytes every time.

A picture is uint8 [height, width, 3].
"""

import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Colour = tuple[int, int, int]
Item = TypeVar("Item")

SIDE = 256
"""Pixels of a side of what is plotted."""

_PAPER, _INK, _QUIET, _LINE = (255, 255, 255), (40, 40, 40), (190, 190, 190), (213, 94, 0)
_UNKNOWN: Colour = (128, 128, 128)
_STEPS = 48
"""Colours of a scale; few, so that a picture compresses well."""

# Viridis by S. van der Walt and N. Smith (CC0) at five places, from shallow to deep.
_SHADES = ((253, 231, 37), (94, 201, 98), (33, 145, 140), (59, 82, 139), (68, 1, 84))
_DIVERGING = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))
_LEFT, _TOP, _BOTTOM, _GAP, _TITLE = 26, 6, 16, 8, 14
_BINS = 24
_LINES = 5


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many items, evenly spread from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items)))
    return [items[place] for place in np.rint(places).astype(int)]


def png(picture: Picture) -> bytes:
    """A picture as PNG, with a palette where it has 256 colours at most."""
    codes = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, index = np.unique(codes, return_inverse=True)
    if len(colours) <= 256:
        image = Image.fromarray(index.reshape(codes.shape).astype(np.uint8))
        image.putpalette([byte for code in colours.tolist() for byte in code.to_bytes(3)])
    else:
        image = Image.fromarray(picture)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def panels(titled: Mapping[str, Picture]) -> Picture:
    """Pictures side by side, each below its title."""
    height = _TITLE + max(len(picture) for picture in titled.values())
    columns = []
    for title, picture in titled.items():
        wide = max(picture.shape[1], _length(title)) + _GAP
        column = _paper(height, wide)
        column[_TITLE : _TITLE + len(picture), : picture.shape[1]] = picture
        columns.append(_drawn(column, partial(_write, place=(0, 0), text=title)))
    return np.concatenate(columns, axis=1)


def captioned(picture: Picture, lines: Sequence[str]) -> Picture:
    """A picture above lines of text, each broken where it is wider than the picture."""
    wide = max(picture.shape[1], SIDE // 2)
    broken = [part for line in lines for part in _broken(line, wide)]
    sheet = _paper(len(picture) + _TITLE * len(broken), wide)
    sheet[: len(picture), : picture.shape[1]] = picture

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for row, text in enumerate(broken):
            _write(pen, (0, len(picture) + 2 + row * _TITLE), text)

    return _drawn(sheet, draw)


def shades(values: Floats, low: float, high: float) -> Picture:
    """Values [height, width] from light (low) to dark (high), grey where there are none."""
    return _coloured(values, low, high, _SHADES)


def differences(values: Floats, reach: float) -> Picture:
    """Signed values [height, width]: blue at -reach, white at 0, red at reach, grey for none."""
    return _coloured(values, -reach, reach, _DIVERGING)


def classes(indices: NDArray[np.uint8], colours: Sequence[Colour]) -> Picture:
    """Classes [height, width] in their colours; white where an index has none."""
    table = np.full((256, 3), _PAPER, np.uint8)
    table[: len(colours)] = colours
    return table[indices]


def enlarged(picture: Picture, side: int = SIDE // 2) -> Picture:
    """A small picture, each pixel of which becomes a square, as large as fits into ``side``.

    Args:
        picture: of any size; one larger than half of ``side`` stays as it is.
        side: pixels.
    """
    times = max(1, side // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def legend(colours: Mapping[str, Colour]) -> Picture:
    """Names beside their colours, a line each."""
    line = 14
    wide = 18 + max(_length(name) for name in colours)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for row, (name, colour) in enumerate(colours.items()):
            pen.rectangle((0, row * line + 1, 11, row * line + 11), fill=colour, outline=_INK)
            _write(pen, (17, row * line), name)

    return _drawn(_paper(line * len(colours), wide), draw)


def density(x: Floats, y: Floats, low: float, high: float) -> Picture:
    """How many points lie where, on a logarithmic scale, with the line of equality.

    Args:
        x: [N], within the bounds.
        y: [N]; beyond the bounds it is drawn on them.
        low: where both axes begin.
        high: where they end.
    """
    high = max(high, low + 1e-6)
    cells = SIDE // 2
    counts, _, _ = np.histogram2d(np.clip(y, low, high), x, bins=cells, range=[[low, high]] * 2)
    shown = np.where(counts > 0, np.log1p(counts), np.nan)
    plot = _coloured(shown, 0.0, float(np.log1p(counts.max())), _SHADES, unknown=_PAPER)
    plot = plot[::-1].repeat(2, axis=0).repeat(2, axis=1)
    plot = _drawn(plot, lambda pen: pen.line((0, SIDE - 1, SIDE - 1, 0), fill=_LINE))
    return _framed(plot, (low, high), (low, high))


def errors(x: Floats, error: Floats, low: float, high: float) -> Picture:
    """The mean error and its standard deviation on both sides, over x.

    Args:
        x: [N].
        error: [N].
        low: where the x axis begins.
        high: where it ends.
    """
    high = max(high, low + 1e-6)
    place = np.clip((_BINS * (x - low) / (high - low)).astype(np.int64), 0, _BINS - 1)
    count, total, squares = (
        np.bincount(place, weights, _BINS) for weights in (np.ones_like(x), error, error * error)
    )
    there = count > 0
    mean = total[there] / count[there]
    spread = np.sqrt(np.clip(squares[there] / count[there] - mean**2, 0, None))
    reach = max(0.1, 1.1 * float((np.abs(mean) + spread).max()))

    def row(value: float) -> float:
        return (SIDE - 1) * (reach - value) / (2 * reach)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        middles = [SIDE * (index + 0.5) / _BINS for index in np.flatnonzero(there)]
        for middle, centre, width in zip(middles, mean, spread, strict=True):
            half = SIDE / _BINS / 2 - 1
            bounds = (middle - half, row(centre + width), middle + half, row(centre - width))
            pen.rectangle(bounds, fill=_QUIET)
        pen.line((0, row(0), SIDE - 1, row(0)), fill=_INK)
        points = [(middle, row(centre)) for middle, centre in zip(middles, mean, strict=True)]
        for start, end in pairwise(points):
            # Nothing is known where there are no points.
            if end[0] - start[0] < 1.5 * SIDE / _BINS:
                pen.line((*start, *end), fill=_LINE, width=2)

    return _framed(_drawn(_paper(SIDE, SIDE), draw), (low, high), (-reach, reach))


def _coloured(
    values: Floats,
    low: float,
    high: float,
    anchors: Sequence[Colour],
    unknown: Colour = _UNKNOWN,
) -> Picture:
    steps = np.linspace(0, len(anchors) - 1, _STEPS)
    table = np.stack(
        [np.interp(steps, range(len(anchors)), channel) for channel in zip(*anchors, strict=True)],
        axis=1,
    )
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    known = np.isfinite(share)
    index = np.clip(np.where(known, share, 0) * _STEPS, 0, _STEPS - 1).astype(np.int64)
    picture: Picture = np.rint(table).astype(np.uint8)[index]
    picture[~known] = unknown
    return picture


def _framed(plot: Picture, x: tuple[float, float], y: tuple[float, float]) -> Picture:
    """A plot with a frame and the numbers of its axes."""
    height, width, _ = plot.shape
    sheet = _paper(_TOP + height + _BOTTOM, _LEFT + width + _GAP)
    sheet[_TOP : _TOP + height, _LEFT : _LEFT + width] = plot

    def draw(pen: ImageDraw.ImageDraw) -> None:
        right, bottom = _LEFT + width - 1, _TOP + height - 1
        pen.rectangle((_LEFT, _TOP, right, bottom), outline=_INK)
        for tick in _ticks(*x):
            at = _LEFT + (width - 1) * (tick - x[0]) / (x[1] - x[0])
            pen.line((at, bottom, at, bottom + 3), fill=_INK)
            text = f"{tick:g}"
            _write(pen, (at - _length(text) / 2, bottom + 3), text)
        for tick in _ticks(*y):
            at = bottom - (height - 1) * (tick - y[0]) / (y[1] - y[0])
            pen.line((_LEFT - 3, at, _LEFT, at), fill=_INK)
            text = f"{tick:g}"
            _write(pen, (_LEFT - 5 - _length(text), at - 6), text)

    return _drawn(sheet, draw)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, at most seven."""
    size = 10.0 ** math.floor(math.log10((high - low) / 6))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 6 >= high - low)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 10) + 0.0 for index in range(first, last + 1)]


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _PAPER, np.uint8)


def _drawn(picture: Picture, draw: Callable[[ImageDraw.ImageDraw], None]) -> Picture:
    image = Image.fromarray(picture)
    draw(ImageDraw.Draw(image))
    return np.asarray(image)


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str) -> None:
    pen.text((round(place[0]), round(place[1])), _latin(text), fill=_INK, font=_font())


def _length(text: str) -> int:
    return math.ceil(_font().getlength(_latin(text)))


def _broken(text: str, wide: int) -> list[str]:
    """A text in lines of so many pixels, `_LINES` at most."""
    letters = wide // _length("m")
    return textwrap.wrap(text, letters, max_lines=_LINES, placeholder=" ...")


def _latin(text: str) -> str:
    """What the bitmap font can write of a text."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _font() -> ImageFont.ImageFont:
    """Pillow's bitmap font: an outline font would be drawn another way by another FreeType."""
    return ImageFont.load_default_imagefont()
