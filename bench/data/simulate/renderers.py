"""Renderers: what each kind of land use looks like from above, and what can be counted on it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.data.simulate.image import Mask, SceneImage


@dataclass(frozen=True)
class Objects:
    """Objects of one sort: what one is called, how many there are, and of which colour."""

    noun: str
    count: int
    colour: str = ""


def _count(image: SceneImage, low: int, high: int) -> int:
    return int(image.rng.integers(low, high + 1))


def _colour(image: SceneImage, *colours: str) -> str:
    return str(image.rng.choice(colours))


def _angle(image: SceneImage) -> float:
    return float(image.rng.uniform(0, math.pi))


def road(image: SceneImage) -> None:
    """Lay a winding road across the plot."""
    band = image.band(0.05, 0.02)
    image.paint(band, "asphalt", 1.3)
    image.keep_free(band, 0.02)


def plant(image: SceneImage, count: int) -> None:
    """Plant up to so many trees where there is room."""
    for at in image.places(count, 0.022):
        image.put(image.disc(at, image.rng.uniform(0.018, 0.03)), "green", 0.0)
        image.paint(image.disc(at, 0.02), "broadleaf", float(image.rng.uniform(0.7, 1.1)))


def _boats(image: SceneImage, water: Mask, low: int, high: int) -> list[Objects]:
    colour = _colour(image, "white", "white", "red")
    places = image.places(_count(image, low, high), 0.05, water)
    for at in places:
        image.put(image.box(at, 0.085, 0.035, _angle(image)), colour)
    return [Objects("boat", len(places), colour)]


_GROUND = ("grass", "straw", "litter", "bright soil", "sand", "crop")


def _land(image: SceneImage, *materials: str) -> None:
    """Ground of one of the materials; by default any, so that it tells nothing of what is on it."""
    image.cover(str(image.rng.choice(materials or _GROUND)), 0.08 * image.field(0.015))
    image.gain *= np.exp(0.1 * image.field(0.12))


def _water(image: SceneImage, where: Mask) -> None:
    material = _colour(image, "clear water", "clear water", "turbid water")
    image.paint(where, material, np.exp(0.06 * image.field(0.05)))


def _airport(image: SceneImage) -> list[Objects]:
    _land(image)
    angle = _angle(image)
    runway = (image.rng.uniform(0.15, 0.35), 0.5)
    image.paint(image.box(runway, 2.0, 0.1, 0.25 * angle), "asphalt", 0.9)
    image.paint(image.box(runway, 2.0, 0.012, 0.25 * angle), "metal", 1.6)
    apron = image.box((0.72, 0.5), 0.95, 0.42)
    image.paint(apron, "asphalt", 2.2)
    colour = _colour(image, "white", "white", "grey")
    places = image.places(_count(image, 1, 6), 0.09, apron)
    for at in places:
        turn = _angle(image)
        image.put(image.box(at, 0.15, 0.035, turn) | image.box(at, 0.035, 0.14, turn), colour)
    return [Objects("plane", len(places), colour)]


def _bare_land(image: SceneImage) -> list[Objects]:
    _land(image, "bright soil", "dark soil")
    image.gain *= np.exp(0.12 * image.field(0.03))
    return []


def _beach(image: SceneImage) -> list[Objects]:
    _land(image, "sand")
    along, _ = image.turned((0.5, 0.5), image.rng.uniform(0, 2 * math.pi))
    shore = along + 0.04 * image.field(0.1) + image.rng.uniform(-0.15, 0.15)
    image.paint(shore > 0.28, "grass", np.exp(0.1 * image.field(0.02)))
    water = shore < 0
    _water(image, water)
    image.paint(np.abs(shore) < 0.015, "snow", 0.9)
    return _boats(image, water, 0, 3)


def _bridge(image: SceneImage) -> list[Objects]:
    _land(image)
    along, across = image.turned((0.5, 0.5), _angle(image))
    water = np.abs(across + 0.02 * image.field(0.1)) < image.rng.uniform(0.17, 0.27)
    _water(image, water)
    deck = np.abs(along) < 0.05
    image.paint(deck, "asphalt", 2.4)
    image.paint(np.abs(along) < 0.006, "metal", 1.8)
    image.keep_free(deck, 0.06)
    return _boats(image, water, 0, 3)


def _chaparral(image: SceneImage) -> list[Objects]:
    _land(image)
    image.paint(image.field(0.018) > 0.6, "shrub", 0.8)
    return []


def _desert(image: SceneImage) -> list[Objects]:
    _land(image, "sand")
    _, across = image.turned((0.5, 0.5), _angle(image))
    dunes = np.sin(2 * math.pi * (across + 0.05 * image.field(0.12)) / 0.11)
    image.gain *= np.exp(0.16 * dunes) * 1.25
    return []


def _farmland(image: SceneImage) -> list[Objects]:
    _land(image)
    number, border = image.fields(image.rng.uniform(0.16, 0.26), _angle(image))
    kinds = image.rng.choice(
        ["crop", "crop", "grass", "straw", "bright soil"], int(number.max()) + 1
    )
    gains = image.rng.uniform(0.8, 1.3, kinds.size)
    for index, material in enumerate(kinds):
        image.paint(number == index, str(material), float(gains[index]))
    image.gain *= np.exp(0.05 * image.field(0.01))
    image.paint(border < 0.008, "broadleaf", 0.8)
    return []


def _football_field(image: SceneImage) -> list[Objects]:
    _land(image)
    along, across = image.turned((0.5, 0.5), _angle(image))
    outer = np.hypot(np.clip(np.abs(along) - 0.2, 0, None), across)
    image.paint(outer < 0.31, "tiles", 2.0)
    pitch = (np.abs(along) < 0.25) & (np.abs(across) < 0.17)
    image.paint(outer < 0.23, "grass", 1.3)
    edge = (np.abs(along) > 0.235) | (np.abs(across) > 0.155) | (np.abs(along) < 0.01)
    image.paint(pitch & edge, "metal", 1.9)
    image.keep_free(outer < 0.33)
    return [Objects("football field", 1, "green")]


def _forest(image: SceneImage) -> list[Objects]:
    image.cover(_colour(image, "broadleaf", "conifer", "evergreen"), 0.35 * image.field(0.014))
    if image.rng.random() < 0.35:
        at = (image.rng.uniform(0.25, 0.75), image.rng.uniform(0.25, 0.75))
        hole = image.disc(at, image.rng.uniform(0.1, 0.17))
        image.paint(hole, "bright soil", np.exp(0.1 * image.field(0.02)))
        return [Objects("clearing", 1, "brown")]
    return []


def _freeway(image: SceneImage) -> list[Objects]:
    _land(image)
    at, angle = (image.rng.uniform(0.35, 0.65), 0.5), _angle(image)
    along, across = image.turned(at, angle)
    image.paint(np.abs(across) < 0.15, "asphalt", 1.4)
    image.paint(np.abs(across) < 0.02, "grass", 1.0)
    lanes = (np.abs(np.abs(across) - 0.085) < 0.006) & ((along * 10) % 1 < 0.5)
    image.paint(lanes, "metal", 1.8)
    colour = _colour(image, "white", "red", "dark")
    lane = np.abs(np.abs(across) - 0.05) < 0.012
    lane |= np.abs(np.abs(across) - 0.12) < 0.012
    places = image.places(_count(image, 1, 6), 0.05, lane)
    for car in places:
        image.put(image.box(car, 0.06, 0.032, angle), colour)
    image.keep_free(np.abs(across) < 0.17)
    return [Objects("car", len(places), colour)]


def _harbour(image: SceneImage) -> list[Objects]:
    image.cover("clear water", 0.06 * image.field(0.05))
    image.paint(image.row > 0.82, "asphalt", 2.0)
    piers = np.zeros_like(image.free)
    for column in np.linspace(0.2, 0.8, _count(image, 2, 3)):
        piers |= (np.abs(image.column - column) < 0.02) & (image.row > 0.3)
    image.paint(piers, "metal", 0.8)
    image.keep_free(piers | (image.row > 0.8), 0.05)
    return _boats(image, image.row < 0.8, 3, 9)


def _industrial(image: SceneImage) -> list[Objects]:
    _land(image)
    image.gain *= 1.3
    colour, angle = _colour(image, "white", "blue", "grey"), 0.3 * _angle(image)
    places = image.places(_count(image, 2, 5), 0.14)
    for at in places:
        length = image.rng.uniform(0.2, 0.27)
        image.put(image.box(at, length, 0.17, angle), colour, 0.03)
    return [Objects("building", len(places), colour)]


def _lake(image: SceneImage) -> list[Objects]:
    _land(image)
    at = (image.rng.uniform(0.4, 0.6), image.rng.uniform(0.4, 0.6))
    away = np.hypot(image.row - at[0], image.column - at[1]) + 0.05 * image.field(0.1)
    water = away < image.rng.uniform(0.2, 0.36)
    _water(image, water)
    boats = _boats(image, water, 0, 3)
    image.keep_free(water, 0.02)
    return boats


def _meadow(image: SceneImage) -> list[Objects]:
    _land(image, "grass", "crop")
    image.gain *= np.exp(0.15 * image.field(0.2))
    return []


def _mountain(image: SceneImage) -> list[Objects]:
    image.cover("rock")
    height = image.field(0.12) + 0.4 * image.field(0.04)
    down, right = np.gradient(height)
    image.paint(height < -0.6, "evergreen", 1.1)
    image.paint(height > 1.0, "snow", 0.8)
    image.gain *= np.clip(1 + 6 * (down + right), 0.25, 1.8)
    return []


def _orchard(image: SceneImage) -> list[Objects]:
    _land(image)
    along, across = image.turned((0.5, 0.5), _angle(image))
    spacing = image.rng.uniform(0.055, 0.075)
    crowns = np.cos(2 * math.pi * along / spacing) + np.cos(2 * math.pi * across / spacing)
    image.paint(crowns > 0.5, "broadleaf", np.exp(0.1 * image.field(0.02)))
    return []


def _park(image: SceneImage) -> list[Objects]:
    _land(image)
    for _ in range(_count(image, 2, 3)):
        path = image.band(0.025, 0.06)
        image.paint(path, "sand", 1.3)
        image.keep_free(path, 0.02)
    ponds = image.places(_count(image, 1, 2), 0.12)
    for at in ponds:
        pond = image.disc(at, image.rng.uniform(0.08, 0.12))
        image.paint(pond, "clear water", 1.3)
        image.keep_free(pond, 0.02)
    plant(image, 30)
    return [Objects("pond", len(ponds), "blue")]


def _parking(image: SceneImage) -> list[Objects]:
    _land(image, "asphalt")
    angle, cars = 0.15 * _angle(image), 0
    for row in np.arange(0.12, 0.95, 0.19):
        for column in np.arange(0.1, 0.95, 0.075):
            if image.rng.random() < 0.75:
                colour = _colour(image, "white", "grey", "red", "dark", "blue")
                image.put(image.box((row, column), 0.045, 0.09, angle), colour, 0.0)
                cars += 1
    return [Objects("car", cars)]


def _residential(image: SceneImage) -> list[Objects]:
    _land(image)
    spacing = image.rng.uniform(0.28, 0.36)
    street = (image.row + image.rng.uniform(0, 1)) % spacing < 0.05
    street |= (image.column + image.rng.uniform(0, 1)) % (1.6 * spacing) < 0.05
    image.paint(street, "asphalt", 1.5)
    image.keep_free(street, 0.03)
    colour = _colour(image, "red", "red", "grey", "white")
    places = image.places(_count(image, 8, 30), 0.055)
    for at in places:
        image.put(image.box(at, 0.095, 0.075), colour)
    return [Objects("house", len(places), colour)]


def _river(image: SceneImage) -> list[Objects]:
    _land(image)
    water = image.band(image.rng.uniform(0.14, 0.24), 0.07)
    _water(image, water)
    boats = _boats(image, water, 0, 2)
    image.keep_free(water, 0.02)
    return boats


def _storage_tanks(image: SceneImage) -> list[Objects]:
    _land(image)
    colour = _colour(image, "white", "white", "grey")
    radius = image.rng.uniform(0.07, 0.1)
    places = image.places(_count(image, 2, 7), 1.2 * radius)
    for at in places:
        image.put(image.disc(at, radius), colour)
    return [Objects("storage tank", len(places), colour)]


def _tennis_court(image: SceneImage) -> list[Objects]:
    _land(image)
    colour, angle = _colour(image, "red", "blue"), 0.2 * _angle(image)
    places = image.places(_count(image, 1, 4), 0.17)
    for at in places:
        along, across = image.turned(at, angle)
        image.put(image.box(at, 0.3, 0.2, angle), colour)
        inside = (np.abs(along) < 0.11) & (np.abs(across) < 0.07)
        line = (np.abs(along) > 0.098) | (np.abs(across) > 0.058) | (np.abs(along) < 0.008)
        image.paint(inside & line, "metal", 1.9)
    return [Objects("tennis court", len(places), colour)]


KINDS: dict[str, Callable[[SceneImage], Sequence[Objects]]] = {
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
"""The renderer of each kind of land use; it returns what it put there."""

ROADSIDE = frozenset({"bare land", "desert", "farmland", "forest", "meadow", "orchard"})
WOODED = frozenset(
    {"football field", "lake", "meadow", "residential area", "storage tanks", "tennis courts"}
)


def _trees(image: SceneImage, where: Mask) -> None:
    image.paint(where, _colour(image, "broadleaf", "conifer"), np.exp(0.35 * image.field(0.014)))


def _houses(image: SceneImage, where: Mask) -> None:
    image.paint(where, "asphalt", 1.5)
    colour, (down, right) = _colour(image, "red", "grey", "white"), image.rng.uniform(0, 0.12, 2)
    for row in np.arange(down, 1.0, 0.12):
        for column in np.arange(right, 1.0, 0.12):
            image.put(image.box((row, column), 0.08, 0.07) & where, colour)


def _rows(image: SceneImage, where: Mask) -> None:
    _, across = image.turned((0.5, 0.5), _angle(image))
    image.paint(where, _colour(image, "bright soil", "straw"))
    image.paint(where & (np.cos(2 * math.pi * across / 0.08) > 0), "crop")


def _sea(image: SceneImage, where: Mask) -> None:
    _water(image, where)
    _, across = image.turned((0.5, 0.5), _angle(image))
    waves = np.sin(2 * math.pi * (across + 0.03 * image.field(0.1)) / 0.1)
    image.gain[where] *= np.exp(0.12 * waves)[where]


BESIDE: dict[str, Callable[[SceneImage, Mask], None]] = {
    "a forest": _trees,
    "some fields": _rows,
    "some houses": _houses,
    "the sea": _sea,
}
"""Renderers of what can lie beside a kind of land use, in a part of the picture."""

LIKE = {
    "beach": ("the sea",),
    "bridge": ("the sea",),
    "chaparral": ("a forest",),
    "farmland": ("some fields",),
    "forest": ("a forest",),
    "harbour": ("the sea",),
    "lake": ("the sea",),
    "mountain": ("the sea",),
    "orchard": ("some fields", "a forest"),
    "residential area": ("some houses",),
    "river": ("the sea",),
}
"""What doesn't lie beside a kind of land use, as one couldn't be told from the other."""
