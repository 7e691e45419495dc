"""What five people might write about a simulated scene, or about what has changed in it.

As in the published sets, some sentences are vague, some are exact, and people repeat each other.
"""

from collections.abc import Sequence

import numpy as np

from bench.data.simulate.pictures import Change, Scene
from bench.data.simulate.renderers import Objects

CAPTIONS = 5
"""Sentences for each picture."""

UNCHANGED = (
    "there is no difference",
    "the two scenes seem identical",
    "the scene is the same as before",
    "no change has occurred",
    "almost nothing has changed",
)
"""The five sentences that every pair without change has in LEVIR-CC."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_EXACT = 6  # up to which people count

# What each kind of land use is called, briefly and at length, and where objects in it are.
_PHRASES: dict[str, tuple[str, str, str]] = {
    "airport": ("an airport", "an airport with a runway", "at the airport"),
    "bare land": ("a piece of bare land", "some bare land", "on the bare land"),
    "beach": ("a beach", "a beach with white waves", "near the beach"),
    "bridge": ("a bridge", "a bridge over a river", "near the bridge"),
    "chaparral": ("a piece of chaparral", "some chaparral", "in the chaparral"),
    "desert": ("a desert", "a yellow desert with dunes", "in the desert"),
    "farmland": ("a piece of farmland", "some farmland with many fields", "on the farmland"),
    "football field": ("a stadium", "a stadium with a red track", "in the stadium"),
    "forest": ("a forest", "a dense green forest", "in the forest"),
    "freeway": ("a freeway", "a freeway with marking lines", "on the freeway"),
    "harbour": ("a harbour", "a harbour with piers", "in the harbour"),
    "industrial area": ("an industrial area", "a busy industrial area", "in the industrial area"),
    "lake": ("a lake", "a small lake", "on the lake"),
    "meadow": ("a meadow", "a green meadow", "on the meadow"),
    "mountain": ("a mountain", "a rocky mountain", "on the mountain"),
    "orchard": ("an orchard", "an orchard with rows of trees", "in the orchard"),
    "park": ("a park", "a park with paths", "in the park"),
    "parking lot": ("a parking lot", "a crowded parking lot", "in the parking lot"),
    "residential area": ("a residential area", "some streets of houses", "in the residential area"),
    "river": ("a river", "a winding river", "on the river"),
    "storage tanks": ("a tank farm", "a tank farm of a refinery", "in the tank farm"),
    "tennis courts": ("a sports ground", "a small sports ground", "on the sports ground"),
}


# Where something is that lies along a side of the picture, and where all else is.
_RELATIONS = {
    "left": ("to the left of", "to the right of"),
    "right": ("to the right of", "to the left of"),
    "top": ("above", "below"),
    "bottom": ("below", "above"),
}


def captions(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Five sentences about a scene; some of them may be the same."""
    short, long, there = _PHRASES[scene.kind]
    place = there.split(" ", 1)[1]
    pool = [f"this is {short} .", f"it is {long} .", f"there is {short} in the picture ."]
    for objects in scene.objects:
        exact, vague = _some(objects), _many(objects)
        be = "is" if objects.count == 1 else "are"
        pool += [
            f"{exact} {be} {there} .",
            f"there {be} {exact} {there} .",
            f"{vague} {be} {there} .",
            f"it is {short} with {exact} .",
            f"{exact} can be seen {there} .",
        ]
    if "road" in scene.around:
        pool += [f"a road crosses {place} .", f"{short} is crossed by a grey road ."]
    if "trees" in scene.around:
        pool += [f"many green trees are around {place} .", f"{place} is surrounded by trees ."]
    if scene.beside:
        be = "are" if scene.beside.endswith("s") else "is"
        here, there = _RELATIONS[scene.side]
        pool += [
            f"{scene.beside} {be} {here} {place} .",
            f"{place} is {there} {scene.beside} .",
            f"{short} {there} {scene.beside} .",
            f"{scene.beside} {here} {short} .",
        ]
    return _chosen(pool, rng)


def changes(change: Change, kind: str, rng: np.random.Generator) -> list[str]:
    """Five sentences about what has changed on a kind of land."""
    where = f"in the {change.where} of the scene"
    if change.what == "nothing":
        return list(UNCHANGED)
    if change.what == "road":
        pool = [
            f"a road is built across the {kind}",
            f"a new road appears on the {kind}",
            f"a road now crosses the {kind}",
            "a grey road has been constructed",
            "a road appears in the scene",
        ]
    elif change.what == "felled":
        pool = [
            f"the trees {where} have been removed",
            f"part of the {kind} is replaced by bare land",
            f"bare land appears {where}",
            f"the {kind} is cut down {where}",
            "some trees are gone and the ground is bare",
        ]
    else:
        objects = change.objects or Objects("house", 1)
        exact, vague = _some(objects), _many(objects)
        is_are, has = ("is", "has") if objects.count == 1 else ("are", "have")
        pool = [
            f"{exact} {is_are} built on the {kind}",
            f"{exact} {has} been built {where}",
            f"{vague} appear{'s' if objects.count == 1 else ''} on the {kind}",
            f"{vague} {is_are} constructed {where}",
            f"the {kind} {where} is replaced by {exact}",
        ]
    return _chosen(pool, rng)


def _chosen(pool: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Five of the sentences; who writes last may repeat somebody."""
    first = rng.permutation(len(pool))[: CAPTIONS - int(rng.integers(3))]
    again = rng.choice(first, CAPTIONS - len(first))
    return [pool[int(index)] for index in (*first, *again)]


def _some(objects: Objects) -> str:
    """The objects with their number, as far as people count, and their colour."""
    if objects.count > _EXACT:
        return _many(objects)
    return f"{_NUMBERS[objects.count]} {_noun(objects)}"


def _many(objects: Objects) -> str:
    """The objects without their number."""
    how = {1: "a", 2: "two"}.get(objects.count, "some" if objects.count <= _EXACT else "many")
    return f"{how} {_noun(objects)}"


def _noun(objects: Objects) -> str:
    plural = objects.noun if objects.count == 1 else f"{objects.noun}s"
    return f"{objects.colour} {plural}".strip()
