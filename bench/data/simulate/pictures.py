"""Simulated scenes of land use from above: what is in them is known, and so can be told in words.

`view` makes the picture of a scene, and `later` the same place years after, with or without a
change.

Kinds of land use share their ground and their colours and differ in shapes, textures and what is on
them; what lies beside them is on one side or another. So statistics of colours tell little.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.image import Light, Mask, SceneImage, light, photograph
from bench.data.simulate.noise import generator
from bench.data.simulate.renderers import (
    BESIDE,
    KINDS,
    LIKE,
    ROADSIDE,
    WOODED,
    Objects,
    plant,
    road,
)

SIDES = ("left", "right", "top", "bottom")
"""Sides of a picture."""

_SHARE_BESIDE = 0.75


@dataclass(frozen=True)
class Scene:
    """A simulated scene.

    Attributes:
        key: names it.
        kind: of land use, out of `KINDS`.
        image: the ground.
        objects: that can be counted.
        around: what else is there: ``road``, ``trees``.
        beside: what lies along one side, out of `BESIDE`; nothing where it is empty.
        side: of the picture where that is, out of `SIDES`.
        light: of the day.
    """

    key: tuple[str | int, ...]
    kind: str
    image: SceneImage
    objects: tuple[Objects, ...]
    around: tuple[str, ...]
    beside: str
    side: str
    light: Light


@dataclass(frozen=True)
class Change:
    """What happened between two dates: nothing, or objects or a road came, or trees went.

    Attributes:
        what: ``nothing``, ``built``, ``road`` or ``felled``.
        things: that were built.
        where: the part of the picture, such as ``upper left``.
    """

    what: str
    objects: Objects | None = None
    where: str = ""


def scene(kind: str, *key: str | int) -> Scene:
    """A scene of a kind of land use; it depends on the arguments alone.

    Raises:
        KeyError: there is no renderer of this kind.
    """
    image, draw = SceneImage(*key, kind), generator(*key, kind, "layout")
    turns = int(draw.integers(4))
    side = str(draw.choice(SIDES))
    beside = ""
    if draw.random() < _SHARE_BESIDE:
        beside = str(draw.choice([name for name in BESIDE if name not in LIKE.get(kind, ())]))
        # Nothing is counted that is covered afterwards.
        image.keep_free(np.rot90(_strip(image, side, 0.3), -turns))
    objects = tuple(some for some in KINDS[kind](image) if some.count)
    around = []
    if kind in ROADSIDE and image.rng.random() < 0.35:
        road(image)
        around.append("road")
    if kind in WOODED and image.rng.random() < 0.5:
        plant(image, int(image.rng.integers(12, 40)))
        around.append("trees")
    image.turn(turns)
    if beside:
        BESIDE[beside](image, _strip(image, side, float(draw.uniform(0.2, 0.3))))
    of = light(generator(*key, "light"))
    return Scene(key, kind, image, objects, tuple(around), beside, side, of)


def _strip(image: SceneImage, side: str, width: float) -> Mask:
    """What is nearer to a side than ``width``."""
    away = {
        "left": image.column,
        "right": 1 - image.column,
        "top": image.row,
        "bottom": 1 - image.row,
    }[side]
    strip: Mask = away < width
    return strip


def view(of: Scene) -> NDArray[np.uint8]:
    """The picture of a scene, uint8 [H, W, 3]."""
    return photograph(of.image, of.light, generator(*of.key, "camera"))


def later(before: Scene, changes: bool) -> tuple[Scene, Change]:
    """The same place years later, under another light, and what has changed."""
    key = (*before.key, before.kind, "later")
    image = before.image.copy()
    image.rng = generator(*key, "change")
    change = _change(image, before.kind) if changes else Change("nothing")
    # Nothing looks as it did years ago, though nothing has changed: plants are more or less green.
    image.gain *= np.exp(0.04 * image.field(0.15))
    return replace(before, key=key, image=image, light=light(generator(*key, "light"))), change


CHANGING = ("bare land", "farmland", "forest", "meadow")
"""Kinds of land use on which `later` can change something."""


def _change(image: SceneImage, kind: str) -> Change:
    rng = image.rng
    what = rng.choice(["built", "built", "road", "felled" if kind == "forest" else "built"])
    down, right = int(rng.integers(2)), int(rng.integers(2))
    where = f"{('upper', 'lower')[down]} {('left', 'right')[right]}"
    quarter: Mask = (image.row > 0.5) == bool(down)
    quarter &= (image.column > 0.5) == bool(right)
    if what == "felled":
        stand = quarter & (image.field(0.1) > -1.2)
        image.paint(stand, "bright soil", np.exp(0.1 * image.field(0.02)))
        return Change("felled", where=where)
    large = rng.random() < 0.4
    colour = str(rng.choice(["white", "blue", "grey"] if large else ["red", "white", "grey"]))
    size = 0.17 if large else 0.1
    places = image.places(int(rng.integers(1, 4 if large else 6)), 0.6 * size, quarter)
    if what == "road" or not places:
        road(image)
        return Change("road")
    for at in places:
        ground = image.box(at, 1.6 * size, 1.4 * size)
        image.paint(ground, "bright soil")
        image.put(image.box(at, size, 0.75 * size), colour)
    return Change("built", Objects("building" if large else "house", len(places), colour), where)
