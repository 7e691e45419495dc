"""A plot of ground that pictures are taken of: one material and a brightness at every point.

Coordinates are shares of the side, rows first, so that nothing depends on the resolution.
"""

import math
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.noise import Floats, Ints, cells, generator, rotated, smooth_field
from bench.data.simulate.optics import SENTINEL_2
from bench.data.simulate.spectra import MATERIALS, band_reflectance

SIZE = 64
"""Pixels on a side of a picture."""

Mask = NDArray[np.bool_]
Point = tuple[float, float]

PAINT: dict[str, tuple[str, float]] = {
    "white": ("metal", 1.9),
    "grey": ("metal", 0.55),
    "red": ("tiles", 2.2),
    "blue": ("clear water", 5.0),
    "dark": ("asphalt", 0.55),
    "brown": ("dark soil", 1.2),
    "green": ("grass", 1.2),
}
"""Colours of artificial objects: a material that looks so, and how much brighter it is."""

_FINE = 2  # points along a pixel
_SIDE = SIZE * _FINE
_VISIBLE = {name: SENTINEL_2[name][:2] for name in ("B04", "B03", "B02")}
_INDEX = {name: index for index, name in enumerate(MATERIALS)}


class SceneImage:
    """A plot of ground.

    Args:
        key: names it: the same key gives the same random structures.

    Attributes:
        rng: for whatever is drawn on it.
        free: where objects may still be put.
    """

    def __init__(self, *key: str | int) -> None:
        self.rng = generator(*key)
        self.row, self.column = (np.mgrid[:_SIDE, :_SIDE] + 0.5) / _SIDE
        self.material: NDArray[np.uint8] = np.zeros((_SIDE, _SIDE), np.uint8)
        self.gain: Floats = np.ones((_SIDE, _SIDE))
        self.free: Mask = np.ones((_SIDE, _SIDE), bool)

    def copy(self) -> Self:
        """Another plot that looks the same and can be changed; it draws on from the same state."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.material, twin.gain, twin.free = (
            self.material.copy(),
            self.gain.copy(),
            self.free.copy(),
        )
        return twin

    def turn(self, quarters: int) -> None:
        """Turn all that is drawn by so many quarters of a circle."""
        for name in ("material", "gain", "free"):
            setattr(self, name, np.rot90(getattr(self, name), quarters).copy())

    def cover(self, material: str, texture: Floats | float = 0.0, gain: float = 1.0) -> None:
        """Cover all of the plot; ``texture`` has about unit variance."""
        self.paint(np.ones_like(self.free), material, gain)
        self.gain *= np.exp(texture)

    def paint(self, where: Mask, material: str, gain: Floats | float = 1.0) -> None:
        """Cover a part of the plot."""
        self.material[where] = _INDEX[material]
        self.gain[where] = gain[where] if isinstance(gain, np.ndarray) else gain

    def put(self, where: Mask, colour: str, margin: float = 0.02) -> None:
        """Put a made thing of a colour, with a shadow to the north-west."""
        material, gain = PAINT[colour]
        shadow = np.zeros_like(where)
        shadow[:-1, :-1] = where[1:, 1:]
        self.gain[shadow & ~where] *= 0.55
        self.paint(where, material, gain)
        self.keep_free(where, margin)

    def keep_free(self, where: Mask, margin: float = 0.0) -> None:
        """Let nothing be put here, or nearer than ``margin``."""
        self.free &= ~where
        for step in range(1, round(margin * _SIDE) + 1):
            self.free[step:] &= ~where[:-step]
            self.free[:-step] &= ~where[step:]
            self.free[:, step:] &= ~where[:, :-step]
            self.free[:, :-step] &= ~where[:, step:]

    def field(self, scale: float) -> Floats:
        """A smooth random field of unit variance; ``scale`` is a share of the side."""
        coarse = smooth_field(self.rng, SIZE, scale * SIZE)
        return coarse.repeat(_FINE, axis=0).repeat(_FINE, axis=1)

    def fields(self, size: float, angle: float, stretch: float = 1.5) -> tuple[Ints, Floats]:
        """Fields of a farm: the number of each point's, and the distance to its border."""
        along, across = rotated(_SIDE, angle, stretch)
        number, border = cells(self.rng, along / _SIDE, across / _SIDE, size)
        return number, border

    def box(self, at: Point, length: float, width: float, angle: float = 0.0) -> Mask:
        """A rectangle around a point, its length turned by ``angle`` from the columns."""
        near = self._near(at, math.hypot(length, width) / 2)
        along, across = self.turned(at, angle, near)
        box = np.zeros_like(self.free)
        box[near] = (np.abs(along) < length / 2) & (np.abs(across) < width / 2)
        return box

    def disc(self, at: Point, radius: float) -> Mask:
        """A disc around a point."""
        near = self._near(at, radius)
        down, right = self.row[near] - at[0], self.column[near] - at[1]
        disc = np.zeros_like(self.free)
        disc[near] = down**2 + right**2 < radius**2
        return disc

    def _near(self, at: Point, reach: float) -> tuple[slice, slice]:
        """The window of all that is within ``reach`` of a point; the rest needs no work."""
        rows, columns = (
            slice(max(0, int((x - reach) * _SIDE)), max(0, math.ceil((x + reach) * _SIDE)))
            for x in at
        )
        return rows, columns

    def turned(
        self, at: Point, angle: float, within: tuple[slice, ...] = ()
    ) -> tuple[Floats, Floats]:
        """Coordinates along and across a direction, from a point, in a window if one is given."""
        down, right = self.row[within] - at[0], self.column[within] - at[1]
        along: Floats = down * math.sin(angle) + right * math.cos(angle)
        across: Floats = down * math.cos(angle) - right * math.sin(angle)
        return along, across

    def band(self, width: float, bend: float = 0.0, at: Point | None = None) -> Mask:
        """A band across the whole plot in a random direction, ``bend`` shares to and fro."""
        if at is None:
            at = (self.rng.uniform(0.3, 0.7), self.rng.uniform(0.3, 0.7))
        _, across = self.turned(at, self.rng.uniform(0, math.pi))
        winding = bend * self.field(0.2) if bend else 0.0
        band: Mask = np.abs(across + winding) < width / 2
        return band

    def places(self, count: int, room: float, within: Mask | None = None) -> list[Point]:
        """Up to ``count`` points where there is free room around, apart from each other."""
        allowed = self.free if within is None else self.free & within
        inside = (np.abs(self.row - 0.5) < 0.5 - room) & (np.abs(self.column - 0.5) < 0.5 - room)
        candidates = np.flatnonzero(allowed & inside)
        found: list[Point] = []
        for spot in self.rng.permutation(candidates)[:400]:
            at = (float(self.row.flat[spot]), float(self.column.flat[spot]))
            if len(found) == count:
                break
            if all(math.dist(at, other) > 2 * room for other in found):
                found.append(at)
        return found


class Light(NamedTuple):
    """The light of a day, and the camera that sees it.

    Attributes:
        factor: on the illumination, about 1.
        haze: at 550 nm, as a share of the light.
        balance: factors on what is shown of red, green and blue. Pictures of a set come from many
            cameras and providers, so that colours alone tell little.
        contrast: exponent of the tone curve.
    """

    factor: float
    haze: float
    balance: tuple[float, float, float]
    contrast: float


def light(rng: np.random.Generator) -> Light:
    """The light of a day."""
    factor, haze = float(rng.normal(1.0, 0.08)), float(abs(rng.normal(0.01, 0.01)))
    red, green, blue = np.exp(rng.normal(0.0, 0.4) + rng.normal(0.0, 0.3, 3)).tolist()
    return Light(factor, haze, (red, green, blue), float(rng.uniform(0.3, 0.7)))


def photograph(image: SceneImage, of: Light, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera shows of a plot, uint8 [SIZE, SIZE, 3]: red, green, blue."""
    pure = _pure(tuple(_VISIBLE.values()))
    seen = np.empty((SIZE, SIZE, 3))
    for channel, ((centre, _), spectrum) in enumerate(zip(_VISIBLE.values(), pure, strict=True)):
        fine = spectrum[image.material] * image.gain
        coarse = sum(fine[i::_FINE, j::_FINE] for i, j in np.ndindex(_FINE, _FINE)) / _FINE**2
        path = of.haze * (centre / 550.0) ** -1.5
        band = of.factor * coarse + path * (1 - coarse)
        seen[..., channel] = band + (0.002 + 0.02 * band) * rng.standard_normal(band.shape)
    seen *= of.balance
    # A camera's tone curve: display values go with about the square root of the light.
    tone: NDArray[np.uint8] = np.rint(255 * (2.0 * seen).clip(0, 1) ** of.contrast)
    return tone.astype(np.uint8)


@lru_cache(maxsize=1)
def _pure(bands: tuple[tuple[float, float], ...]) -> Floats:
    return band_reflectance([centre for centre, _ in bands], [width for _, width in bands])
