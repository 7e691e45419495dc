"""Simulated scenes of land use from above: what is in them is known, and so can be told in words.

`view` makes the picture of a scene, `twins` also the same scene in Sentinel-2's bands, and `later`
the same place years after, with or without a change.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.canvas import Canvas, Light, Mask, light, multispectral, photograph
from bench.data.simulate.noise import generator
from bench.data.simulate.painters import KINDS, ROADSIDE, WOODED, Things, plant, road


@dataclass(frozen=True)
class Scene:
    """A simulated scene.

    Attributes:
        key: names it.
        kind: of land use, out of `KINDS`.
        canvas: the ground.
        things: that can be counted.
        around: what else is there: ``road``, ``trees``.
        light: of the day.
    """

    key: tuple[str | int, ...]
    kind: str
    canvas: Canvas
    things: tuple[Things, ...]
    around: tuple[str, ...]
    light: Light


@dataclass(frozen=True)
class Change:
    """What happened between two dates: nothing, or things or a road came, or trees went.

    Attributes:
        what: ``nothing``, ``built``, ``road`` or ``felled``.
        things: that were built.
        where: the part of the picture, such as ``upper left``.
    """

    what: str
    things: Things | None = None
    where: str = ""


def scene(kind: str, *key: str | int) -> Scene:
    """A scene of a kind of land use; it depends on the arguments alone.

    Raises:
        KeyError: there is no painter of this kind.
    """
    canvas = Canvas(*key, kind)
    things = tuple(some for some in KINDS[kind](canvas) if some.count)
    around = []
    if kind in ROADSIDE and canvas.rng.random() < 0.35:
        road(canvas)
        around.append("road")
    if kind in WOODED and canvas.rng.random() < 0.5:
        plant(canvas, int(canvas.rng.integers(12, 40)))
        around.append("trees")
    return Scene(key, kind, canvas, things, tuple(around), light(generator(*key, "light")))


def view(of: Scene) -> NDArray[np.uint8]:
    """The picture of a scene, uint8 [H, W, 3]."""
    return photograph(of.canvas, of.light, generator(*of.key, "camera"))


def twins(of: Scene) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.uint16]]]:
    """A scene as a picture, uint8 [H, W, 3], and as 12 bands of Sentinel-2, uint16 [H, W] each.

    The bands are in reflectance x 10,000, on the pixels of the picture.
    """
    return view(of), multispectral(of.canvas, of.light, generator(*of.key, "sentinel-2"))


def later(before: Scene, changes: bool) -> tuple[Scene, Change]:
    """The same place years later, under another light, and what has changed."""
    key = (*before.key, before.kind, "later")
    canvas = before.canvas.copy()
    canvas.rng = generator(*key, "change")
    change = _change(canvas, before.kind) if changes else Change("nothing")
    # Nothing looks as it did years ago, though nothing has changed: plants are more or less green.
    canvas.gain *= np.exp(0.04 * canvas.field(0.15))
    after = Scene(
        key, before.kind, canvas, before.things, before.around, light(generator(*key, "light"))
    )
    return after, change


CHANGING = ("bare land", "farmland", "forest", "meadow")
"""Kinds of land use on which `later` can change something."""


def _change(canvas: Canvas, kind: str) -> Change:
    rng = canvas.rng
    what = rng.choice(["built", "built", "road", "felled" if kind == "forest" else "built"])
    down, right = int(rng.integers(2)), int(rng.integers(2))
    where = f"{('upper', 'lower')[down]} {('left', 'right')[right]}"
    quarter: Mask = (canvas.row > 0.5) == bool(down)
    quarter &= (canvas.column > 0.5) == bool(right)
    if what == "felled":
        stand = quarter & (canvas.field(0.1) > -1.2)
        canvas.paint(stand, "bright soil", np.exp(0.1 * canvas.field(0.02)))
        return Change("felled", where=where)
    large = rng.random() < 0.4
    colour = str(rng.choice(["white", "blue", "grey"] if large else ["red", "white", "grey"]))
    size = 0.17 if large else 0.1
    places = canvas.places(int(rng.integers(1, 4 if large else 6)), 0.6 * size, quarter)
    if what == "road" or not places:
        road(canvas)
        return Change("road")
    for at in places:
        ground = canvas.box(at, 1.6 * size, 1.4 * size)
        canvas.paint(ground, "bright soil")
        canvas.put(canvas.box(at, size, 0.75 * size), colour)
    return Change("built", Things("building" if large else "house", len(places), colour), where)
