"""Errors that maps of classes have, simulated.

Each function returns a changed copy of a map uint8 [height, width] of class indices, `VOID` where a
pixel has no label, and draws from the generator alone. None of them changes which pixels are
labelled, but for `shift`, which moves them. Which errors maps have in the publication isn't known
here; these are common ones, and how wrong they make labels is measured by `label_errors`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.uint8]

VOID = 255
"""A pixel without a class."""

MOST_PIXELS = 512
"""The largest magnitude of noise in pixels."""


@dataclass(frozen=True)
class Noise:
    """A kind of error.

    Attributes:
        change: (map, magnitude, number of classes, generator) to the wrong map.
        share: whether the magnitude is a share, from 0 to 1, else a whole number of pixels.
    """

    change: Callable[[Map, float, int, np.random.Generator], Map]
    share: bool


@dataclass(frozen=True)
class LabelErrors:
    """How wrong labels are.

    Attributes:
        added: of the labels that are not set, the share that is set by mistake.
        removed: of the labels that are set, the share that is missing.
        wrong: of all labels, set or not, the share that is wrong.
    """

    added: float
    removed: float
    wrong: float


def dilate(classes: Map, magnitude: float, count: int, draw: np.random.Generator) -> Map:
    """One class of the map, chosen at random, grows by so many pixels over its neighbours.

    A pixel's neighbours are the four beside it.
    """
    changed = classes.copy()
    one = _any_class(classes, draw)
    for _ in range(int(magnitude)):
        changed[_beside(changed == one) & (changed != VOID)] = one
    return changed


def erode(classes: Map, magnitude: float, count: int, draw: np.random.Generator) -> Map:
    """One class of the map, chosen at random, shrinks by so many pixels.

    Its border takes the class of a neighbour, looked for above, below, left and right in turn. A
    map of one class alone stays.
    """
    changed = classes.copy()
    one = _any_class(classes, draw)
    for _ in range(int(magnitude)):
        before = np.pad(changed, 1, constant_values=VOID)
        open_, border = changed == one, np.full_like(changed, VOID)
        for around in (before[:-2, 1:-1], before[2:, 1:-1], before[1:-1, :-2], before[1:-1, 2:]):
            taken = open_ & (border == VOID) & (around != one)
            border[taken] = around[taken]
        changed = np.where(border == VOID, changed, border)
    return changed


def shift(classes: Map, magnitude: float, count: int, draw: np.random.Generator) -> Map:
    """The map lies so many pixels away, in a random direction; what it lacks repeats its edge."""
    angle = draw.uniform(0, 2 * np.pi)
    moves = np.rint(magnitude * np.array([np.sin(angle), np.cos(angle)])).astype(int)
    rows, columns = (
        np.clip(np.arange(side) + move, 0, side - 1)
        for side, move in zip(classes.shape, moves, strict=True)
    )
    moved: Map = classes[rows[:, None], columns]
    return moved


def swap(classes: Map, magnitude: float, count: int, draw: np.random.Generator) -> Map:
    """Each class of the map is taken for another one, anywhere on it, with this probability."""
    names = np.arange(VOID + 1, dtype=np.uint8)
    present = np.unique(classes[classes != VOID])
    mistaken = present[draw.random(len(present)) < magnitude]
    names[mistaken] = _another(mistaken, count, draw)
    return names[classes]


def flip(classes: Map, magnitude: float, count: int, draw: np.random.Generator) -> Map:
    """Each labelled pixel has another class with this probability."""
    mistaken = (draw.random(classes.shape) < magnitude) & (classes != VOID)
    changed = classes.copy()
    changed[mistaken] = _another(classes[mistaken], count, draw)
    return changed


NOISES: Mapping[str, Noise] = {
    "dilate": Noise(dilate, share=False),
    "erode": Noise(erode, share=False),
    "shift": Noise(shift, share=False),
    "swap": Noise(swap, share=True),
    "flip": Noise(flip, share=True),
}
"""Every kind of error by name."""


def label_errors(true: NDArray[np.bool_], found: NDArray[np.bool_]) -> LabelErrors:
    """Compare labels with the true ones.

    Args:
        true: bool [N, classes].
        found: bool [N, classes].

    Returns:
        Shares; 0 where there is nothing that could be wrong.
    """
    added, removed = int((found & ~true).sum()), int((true & ~found).sum())
    there = int(true.sum())
    return LabelErrors(
        added=added / max(1, true.size - there),
        removed=removed / max(1, there),
        wrong=(added + removed) / max(1, true.size),
    )


def _any_class(classes: Map, draw: np.random.Generator) -> np.uint8:
    """A class of the map, each as likely; VOID of a map without any."""
    present = np.unique(classes[classes != VOID])
    return np.uint8(draw.choice(present)) if len(present) else np.uint8(VOID)


def _beside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels with one of these above, below, left or right of them."""
    near = np.zeros_like(mask)
    near[1:] |= mask[:-1]
    near[:-1] |= mask[1:]
    near[:, 1:] |= mask[:, :-1]
    near[:, :-1] |= mask[:, 1:]
    return near


def _another(classes: Map, count: int, draw: np.random.Generator) -> Map:
    """Another class for each of some, all others as likely; of a single class the same."""
    if count == 1:
        return classes
    steps = draw.integers(1, count, len(classes))
    return ((classes + steps) % count).astype(np.uint8)
