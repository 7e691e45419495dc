"""Painters: what each kind of land use looks like from above, and what can be counted on it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.simulate.canvas import Canvas, Mask


@dataclass(frozen=True)
class Things:
    """Some things of one sort: what one is called, how many there are, and of which colour."""

    noun: str
    count: int
    colour: str = ""


def _count(canvas: Canvas, low: int, high: int) -> int:
    return int(canvas.rng.integers(low, high + 1))


def _colour(canvas: Canvas, *colours: str) -> str:
    return str(canvas.rng.choice(colours))


def _angle(canvas: Canvas) -> float:
    return float(canvas.rng.uniform(0, math.pi))


def road(canvas: Canvas) -> None:
    """Lay a winding road across the plot."""
    band = canvas.band(0.05, 0.02)
    canvas.paint(band, "asphalt", 1.3)
    canvas.keep_free(band, 0.02)


def plant(canvas: Canvas, count: int) -> None:
    """Plant up to so many trees where there is room."""
    for at in canvas.places(count, 0.022):
        canvas.put(canvas.disc(at, canvas.rng.uniform(0.018, 0.03)), "green", 0.0)
        canvas.paint(canvas.disc(at, 0.02), "broadleaf", float(canvas.rng.uniform(0.7, 1.1)))


def _boats(canvas: Canvas, water: Mask, low: int, high: int) -> list[Things]:
    colour = _colour(canvas, "white", "white", "red")
    places = canvas.places(_count(canvas, low, high), 0.05, water)
    for at in places:
        canvas.put(canvas.box(at, 0.085, 0.035, _angle(canvas)), colour)
    return [Things("boat", len(places), colour)]


def _land(canvas: Canvas, *materials: str) -> None:
    canvas.cover(str(canvas.rng.choice(materials)), 0.08 * canvas.field(0.015))
    canvas.gain *= np.exp(0.1 * canvas.field(0.12))


def _water(canvas: Canvas, where: Mask) -> None:
    material = _colour(canvas, "clear water", "clear water", "turbid water")
    canvas.paint(where, material, np.exp(0.06 * canvas.field(0.05)))


def _airport(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "straw")
    angle = _angle(canvas)
    runway = (canvas.rng.uniform(0.15, 0.35), 0.5)
    canvas.paint(canvas.box(runway, 2.0, 0.1, 0.25 * angle), "asphalt", 0.9)
    canvas.paint(canvas.box(runway, 2.0, 0.012, 0.25 * angle), "metal", 1.6)
    apron = canvas.box((0.72, 0.5), 0.95, 0.42)
    canvas.paint(apron, "asphalt", 2.2)
    colour = _colour(canvas, "white", "white", "grey")
    places = canvas.places(_count(canvas, 1, 6), 0.09, apron)
    for at in places:
        turn = _angle(canvas)
        canvas.put(canvas.box(at, 0.15, 0.035, turn) | canvas.box(at, 0.035, 0.14, turn), colour)
    return [Things("plane", len(places), colour)]


def _bare_land(canvas: Canvas) -> list[Things]:
    _land(canvas, "bright soil", "dark soil")
    canvas.gain *= np.exp(0.12 * canvas.field(0.03))
    return []


def _beach(canvas: Canvas) -> list[Things]:
    _land(canvas, "sand")
    along, _ = canvas.turned((0.5, 0.5), canvas.rng.uniform(0, 2 * math.pi))
    shore = along + 0.04 * canvas.field(0.1) + canvas.rng.uniform(-0.15, 0.15)
    canvas.paint(shore > 0.28, "grass", np.exp(0.1 * canvas.field(0.02)))
    water = shore < 0
    _water(canvas, water)
    canvas.paint(np.abs(shore) < 0.015, "snow", 0.9)
    return _boats(canvas, water, 0, 3)


def _bridge(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "litter")
    along, across = canvas.turned((0.5, 0.5), _angle(canvas))
    water = np.abs(across + 0.02 * canvas.field(0.1)) < canvas.rng.uniform(0.17, 0.27)
    _water(canvas, water)
    deck = np.abs(along) < 0.05
    canvas.paint(deck, "asphalt", 2.4)
    canvas.paint(np.abs(along) < 0.006, "metal", 1.8)
    canvas.keep_free(deck, 0.06)
    return _boats(canvas, water, 0, 3)


def _chaparral(canvas: Canvas) -> list[Things]:
    _land(canvas, "bright soil", "sand")
    canvas.paint(canvas.field(0.018) > 0.6, "shrub", 0.8)
    return []


def _desert(canvas: Canvas) -> list[Things]:
    _land(canvas, "sand")
    _, across = canvas.turned((0.5, 0.5), _angle(canvas))
    dunes = np.sin(2 * math.pi * (across + 0.05 * canvas.field(0.12)) / 0.11)
    canvas.gain *= np.exp(0.16 * dunes) * 1.25
    return []


def _farmland(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass")
    number, border = canvas.fields(canvas.rng.uniform(0.16, 0.26), _angle(canvas))
    kinds = canvas.rng.choice(
        ["crop", "crop", "grass", "straw", "bright soil"], int(number.max()) + 1
    )
    gains = canvas.rng.uniform(0.8, 1.3, kinds.size)
    for index, material in enumerate(kinds):
        canvas.paint(number == index, str(material), float(gains[index]))
    canvas.gain *= np.exp(0.05 * canvas.field(0.01))
    canvas.paint(border < 0.008, "broadleaf", 0.8)
    return []


def _football_field(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "asphalt")
    along, across = canvas.turned((0.5, 0.5), _angle(canvas))
    outer = np.hypot(np.clip(np.abs(along) - 0.2, 0, None), across)
    canvas.paint(outer < 0.31, "tiles", 2.0)
    pitch = (np.abs(along) < 0.25) & (np.abs(across) < 0.17)
    canvas.paint(outer < 0.23, "grass", 1.3)
    edge = (np.abs(along) > 0.235) | (np.abs(across) > 0.155) | (np.abs(along) < 0.01)
    canvas.paint(pitch & edge, "metal", 1.9)
    canvas.keep_free(outer < 0.33)
    return [Things("football field", 1, "green")]


def _forest(canvas: Canvas) -> list[Things]:
    canvas.cover(_colour(canvas, "broadleaf", "conifer", "evergreen"), 0.35 * canvas.field(0.014))
    if canvas.rng.random() < 0.35:
        at = (canvas.rng.uniform(0.25, 0.75), canvas.rng.uniform(0.25, 0.75))
        hole = canvas.disc(at, canvas.rng.uniform(0.1, 0.17))
        canvas.paint(hole, "bright soil", np.exp(0.1 * canvas.field(0.02)))
        return [Things("clearing", 1, "brown")]
    return []


def _freeway(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "straw", "litter")
    at, angle = (canvas.rng.uniform(0.35, 0.65), 0.5), _angle(canvas)
    along, across = canvas.turned(at, angle)
    canvas.paint(np.abs(across) < 0.15, "asphalt", 1.4)
    canvas.paint(np.abs(across) < 0.02, "grass", 1.0)
    lanes = (np.abs(np.abs(across) - 0.085) < 0.006) & ((along * 10) % 1 < 0.5)
    canvas.paint(lanes, "metal", 1.8)
    colour = _colour(canvas, "white", "red", "dark")
    lane = np.abs(np.abs(across) - 0.05) < 0.012
    lane |= np.abs(np.abs(across) - 0.12) < 0.012
    places = canvas.places(_count(canvas, 1, 6), 0.05, lane)
    for car in places:
        canvas.put(canvas.box(car, 0.06, 0.032, angle), colour)
    canvas.keep_free(np.abs(across) < 0.17)
    return [Things("car", len(places), colour)]


def _harbour(canvas: Canvas) -> list[Things]:
    canvas.cover("clear water", 0.06 * canvas.field(0.05))
    canvas.paint(canvas.row > 0.82, "asphalt", 2.0)
    piers = np.zeros_like(canvas.free)
    for column in np.linspace(0.2, 0.8, _count(canvas, 2, 3)):
        piers |= (np.abs(canvas.column - column) < 0.02) & (canvas.row > 0.3)
    canvas.paint(piers, "metal", 0.8)
    canvas.keep_free(piers | (canvas.row > 0.8), 0.05)
    return _boats(canvas, canvas.row < 0.8, 3, 9)


def _industrial(canvas: Canvas) -> list[Things]:
    _land(canvas, "asphalt", "dark soil")
    canvas.gain *= 1.3
    colour, angle = _colour(canvas, "white", "blue", "grey"), 0.3 * _angle(canvas)
    places = canvas.places(_count(canvas, 2, 5), 0.14)
    for at in places:
        length = canvas.rng.uniform(0.2, 0.27)
        canvas.put(canvas.box(at, length, 0.17, angle), colour, 0.03)
    return [Things("building", len(places), colour)]


def _lake(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "litter", "broadleaf")
    at = (canvas.rng.uniform(0.4, 0.6), canvas.rng.uniform(0.4, 0.6))
    away = np.hypot(canvas.row - at[0], canvas.column - at[1]) + 0.05 * canvas.field(0.1)
    water = away < canvas.rng.uniform(0.2, 0.36)
    _water(canvas, water)
    boats = _boats(canvas, water, 0, 3)
    canvas.keep_free(water, 0.02)
    return boats


def _meadow(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "crop")
    canvas.gain *= np.exp(0.15 * canvas.field(0.2))
    return []


def _mountain(canvas: Canvas) -> list[Things]:
    canvas.cover("rock")
    height = canvas.field(0.12) + 0.4 * canvas.field(0.04)
    down, right = np.gradient(height)
    canvas.paint(height < -0.6, "evergreen", 1.1)
    canvas.paint(height > 1.0, "snow", 0.8)
    canvas.gain *= np.clip(1 + 6 * (down + right), 0.25, 1.8)
    return []


def _orchard(canvas: Canvas) -> list[Things]:
    _land(canvas, "bright soil", "straw")
    along, across = canvas.turned((0.5, 0.5), _angle(canvas))
    spacing = canvas.rng.uniform(0.055, 0.075)
    crowns = np.cos(2 * math.pi * along / spacing) + np.cos(2 * math.pi * across / spacing)
    canvas.paint(crowns > 0.5, "broadleaf", np.exp(0.1 * canvas.field(0.02)))
    return []


def _park(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass")
    for _ in range(_count(canvas, 2, 3)):
        path = canvas.band(0.025, 0.06)
        canvas.paint(path, "sand", 1.3)
        canvas.keep_free(path, 0.02)
    ponds = canvas.places(_count(canvas, 1, 2), 0.12)
    for at in ponds:
        pond = canvas.disc(at, canvas.rng.uniform(0.08, 0.12))
        canvas.paint(pond, "clear water", 1.3)
        canvas.keep_free(pond, 0.02)
    plant(canvas, 30)
    return [Things("pond", len(ponds), "blue")]


def _parking(canvas: Canvas) -> list[Things]:
    _land(canvas, "asphalt")
    angle, cars = 0.15 * _angle(canvas), 0
    for row in np.arange(0.12, 0.95, 0.19):
        for column in np.arange(0.1, 0.95, 0.075):
            if canvas.rng.random() < 0.75:
                colour = _colour(canvas, "white", "grey", "red", "dark", "blue")
                canvas.put(canvas.box((row, column), 0.045, 0.09, angle), colour, 0.0)
                cars += 1
    return [Things("car", cars)]


def _residential(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass")
    spacing = canvas.rng.uniform(0.28, 0.36)
    street = (canvas.row + canvas.rng.uniform(0, 1)) % spacing < 0.05
    street |= (canvas.column + canvas.rng.uniform(0, 1)) % (1.6 * spacing) < 0.05
    canvas.paint(street, "asphalt", 1.5)
    canvas.keep_free(street, 0.03)
    colour = _colour(canvas, "red", "red", "grey", "white")
    places = canvas.places(_count(canvas, 8, 30), 0.055)
    for at in places:
        canvas.put(canvas.box(at, 0.095, 0.075), colour)
    return [Things("house", len(places), colour)]


def _river(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "broadleaf", "litter")
    water = canvas.band(canvas.rng.uniform(0.14, 0.24), 0.07)
    _water(canvas, water)
    boats = _boats(canvas, water, 0, 2)
    canvas.keep_free(water, 0.02)
    return boats


def _storage_tanks(canvas: Canvas) -> list[Things]:
    _land(canvas, "bright soil", "grass", "asphalt")
    colour = _colour(canvas, "white", "white", "grey")
    radius = canvas.rng.uniform(0.07, 0.1)
    places = canvas.places(_count(canvas, 2, 7), 1.2 * radius)
    for at in places:
        canvas.put(canvas.disc(at, radius), colour)
    return [Things("storage tank", len(places), colour)]


def _tennis_court(canvas: Canvas) -> list[Things]:
    _land(canvas, "grass", "asphalt")
    colour, angle = _colour(canvas, "red", "blue"), 0.2 * _angle(canvas)
    places = canvas.places(_count(canvas, 1, 4), 0.17)
    for at in places:
        along, across = canvas.turned(at, angle)
        canvas.put(canvas.box(at, 0.3, 0.2, angle), colour)
        inside = (np.abs(along) < 0.11) & (np.abs(across) < 0.07)
        line = (np.abs(along) > 0.098) | (np.abs(across) > 0.058) | (np.abs(along) < 0.008)
        canvas.paint(inside & line, "metal", 1.9)
    return [Things("tennis court", len(places), colour)]


KINDS: dict[str, Callable[[Canvas], Sequence[Things]]] = {
    "airport": _airport,
    "bare land": _bare_land,
    "beach": _beach,
    "bridge": _bridge,
    "chaparral": _chaparral,
    "desert": _desert,
    "farmland": _farmland,
    "football field": _football_field,
    "forest": _forest,
    "freeway": _freeway,
    "harbour": _harbour,
    "industrial area": _industrial,
    "lake": _lake,
    "meadow": _meadow,
    "mountain": _mountain,
    "orchard": _orchard,
    "park": _park,
    "parking lot": _parking,
    "residential area": _residential,
    "river": _river,
    "storage tanks": _storage_tanks,
    "tennis courts": _tennis_court,
}
"""The painter of each kind of land use; it returns what it put there."""

ROADSIDE = frozenset({"bare land", "desert", "farmland", "forest", "meadow", "orchard"})
WOODED = frozenset(
    {"football field", "lake", "meadow", "residential area", "storage tanks", "tennis courts"}
)
