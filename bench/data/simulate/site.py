"""The structures that the ground of a location is drawn with: crowns, clumps, rows, streets."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.data.simulate.landscape import Landscape
from bench.data.simulate.noise import Floats, Ints, generator, per_cell, rotated, smooth_field
from bench.data.simulate.phenology import Climate, green


class Site:
    """A location on a day, as the recipes see it. Each structure is computed when first asked for.

    Attributes:
        land: the landscape.
        day: of the year.
        climate: of the region.
        bright: share of bright soil here.
        vigour: factor on how green things are here.
        murk: how turbid inland water is here, 0 to 1.
    """

    def __init__(
        self, key: tuple[str | int, ...], land: Landscape, day: float, climate: Climate
    ) -> None:
        self.key, self.land, self.day, self.climate = key, land, day, climate
        rng = generator(*key, "site")
        self.bright = float(np.clip(climate.bright + 0.25 * rng.standard_normal(), 0, 1))
        self.vigour = float(np.clip(0.9 + 0.08 * rng.standard_normal(), 0.6, 1))
        self.murk = float(np.clip(rng.beta(1.2, 1.8), 0, 1))

    def green(self, kind: str) -> float:
        """The green share of a kind of vegetation here and on this day."""
        return green(kind, self.day, late=self.climate.late, dry=self.climate.dry)

    def _field(self, name: str, scale: float) -> Floats:
        return smooth_field(generator(*self.key, "ground", name), self.land.size, scale)

    @cached_property
    def fine(self) -> Floats:
        """Differences between pixels."""
        return self._field("fine", 0.7)

    @cached_property
    def crowns(self) -> Floats:
        """Single trees and bushes."""
        return self._field("crowns", 1.0)

    @cached_property
    def clumps(self) -> Floats:
        """Groups of trees, pools, outcrops."""
        return self._field("clumps", 3.0)

    @cached_property
    def broad(self) -> Floats:
        """Changes of soil and ground over some 100 m."""
        return self._field("broad", 9.0)

    def draw(self, name: str, cell: Ints) -> Floats:
        """A static uniform number per field or lot."""
        return per_cell(generator(*self.key, "ground", name), cell)

    @cached_property
    def rows(self) -> Floats:
        """Planted rows some 30 m apart, 0 to 1."""
        _, across = rotated(self.land.size, self.land.angle)
        bend = 1.2 * self.broad
        rows: Floats = 0.5 + 0.5 * np.sin(2 * np.pi * (across + bend) / 3.1)
        return rows

    @cached_property
    def streets(self) -> NDArray[np.bool_]:
        """A street grid, bent a little."""
        along, across = rotated(self.land.size, self.land.angle)
        bend = 2.0 * self.broad
        streets: NDArray[np.bool_] = ((along + bend) % 9 < 1.2) | ((across - bend) % 6 < 1.2)
        return streets
