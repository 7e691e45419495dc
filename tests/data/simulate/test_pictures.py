"""Simulated scenes: what is told is what is there, and models can learn from it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.base.files import new_folder
from bench.data.simulate import words
from bench.data.simulate.image import PAINT, SIZE, SceneImage
from bench.data.simulate.noise import generator
from bench.data.simulate.pictures import CHANGING, Change, later, scene, view
from bench.data.simulate.renderers import KINDS, Objects

PER_KIND = 12
LAGS = (1, 2, 3, 4, 6, 8, 12)


def colours(picture: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each channel: what stays when pixels are shuffled."""
    plain = picture.reshape(-1, 3).astype(float)
    return np.concatenate([plain.mean(0), plain.std(0)])


def arrangement(picture: np.ndarray) -> np.ndarray:
    """How much pixels at some distances differ, of a picture without its colours."""
    grey = picture.mean(axis=2)
    grey = (grey - grey.mean()) / grey.std()
    found = []
    for lag in LAGS:
        down, right = grey[lag:] - grey[:-lag], grey[:, lag:] - grey[:, :-lag]
        found += sorted(np.abs(way).mean() for way in (down, right))
        found.append((down**2).mean() + (right**2).mean())
    return np.array(found)


def test_kinds_are_told_by_the_arrangement_of_pixels_more_than_by_their_colours() -> None:
    made = [view(scene(kind, 7, number)) for kind in KINDS for number in range(PER_KIND)]
    kinds = np.repeat(np.arange(len(KINDS)), PER_KIND)
    train = np.arange(len(made)) % PER_KIND < 8

    def accuracy(describe: Callable[[np.ndarray], np.ndarray]) -> float:
        x = np.array([describe(picture) for picture in made])
        x = np.column_stack([(x - x.mean(0)) / x.std(0), np.ones(len(x))])
        of_train = x[train]
        weights = np.linalg.solve(
            of_train.T @ of_train + 3 * np.eye(x.shape[1]),
            of_train.T @ np.eye(len(KINDS))[kinds[train]],
        )
        return float(((x[~train] @ weights).argmax(1) == kinds[~train]).mean())

    # Chance is 1 in 22.
    assert accuracy(colours) < 0.3
    assert accuracy(arrangement) > accuracy(colours) + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_depend_on_their_key_alone(kind: str) -> None:
    one, again, other = scene(kind, 1, 2), scene(kind, 1, 2), scene(kind, 1, 3)
    assert np.array_equal(view(one), view(again))
    assert one.objects == again.objects
    assert not np.array_equal(view(one), view(other))
    assert view(one).shape == (SIZE, SIZE, 3)
    assert view(one).dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "colour", "above"),
    [
        ("storage tanks", "white", 200),
        ("tennis courts", "blue", None),
        ("industrial area", "white", 200),
    ],
)
def test_what_is_counted_is_seen(kind: str, colour: str, above: int | None) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    agree = []
    for number in range(24):
        made = scene(kind, 3, number)
        (objects,) = made.objects or (Objects("", 0),)
        if objects.colour != colour:
            continue
        picture = view(made).astype(int)
        if above is not None:
            seen = picture.min(axis=2) > above
        else:
            seen = picture[..., 2] > picture[..., 0] + 40
            seen = ndimage.binary_closing(seen, iterations=2)
        labels, _ = ndimage.label(seen)
        areas = np.bincount(labels.ravel())[1:]
        agree.append((areas > 8).sum() == objects.count)
    assert len(agree) >= 5
    assert np.mean(agree) > 0.6


def test_five_captions_that_are_true_and_vary() -> None:
    numbers = ["no", "one", "two", "three", "four", "five", "six"]
    distinct, repeated, shared = set(), 0, {}
    for index, kind in enumerate(list(KINDS) * 4):
        made = scene(kind, 5, index)
        told = words.captions(made, generator(5, index, "words"))
        assert len(told) == words.CAPTIONS
        repeated += len(set(told)) < len(told)
        distinct |= set(told)
        for text in told:
            shared.setdefault(text, set()).add(index)
            assert text.endswith(" .")
            spoken = [word for word in text.split() if word in numbers]
            counts = [numbers[some.count] for some in made.objects if some.count < 7]
            assert all(word in counts for word in spoken)
            for thing in made.objects:
                spoken = [colour for colour in PAINT if f"{colour} {thing.noun}" in text]
                assert spoken in ([], [thing.colour])
            assert "road" not in text.split() or "road" in made.around
    assert len(distinct) > 120
    assert repeated > 20
    assert any(len(owners) > 1 for owners in shared.values())


def test_captions_tell_kinds_apart() -> None:
    told = {
        kind: {
            word
            for number in range(4)
            for text in words.captions(scene(kind, 9, number), generator(9, number, kind))
            for word in text.split()
        }
        for kind in KINDS
    }
    for kind, own in told.items():
        others = set().union(*(set(words_) for other, words_ in told.items() if other != kind))
        assert own - others, kind


@pytest.mark.parametrize("kind", CHANGING)
def test_changes_are_seen_where_there_are_some(kind: str) -> None:
    differences: dict[bool, list[float]] = {True: [], False: []}
    for number in range(12):
        before = scene(kind, 11, number)
        for changes in (True, False):
            after, change = later(before, changes)
            assert (change.what == "nothing") != changes
            told = words.changes(change, kind, generator(11, number))
            assert len(told) == words.CAPTIONS
            assert (tuple(told) == words.UNCHANGED) == (not changes)
            one, two = (view(which).astype(float) for which in (before, after))
            # Light differs between the dates; what stays after the mean is taken off is structure.
            one, two = one - one.mean((0, 1)), two - two.mean((0, 1))
            differences[changes].append(float(np.abs(one - two).max(axis=2).max()))
    assert np.mean(differences[True]) > 1.5 * np.mean(differences[False])


def test_the_place_before_is_left_as_it_was() -> None:
    before = scene("meadow", 1, 1)
    picture = view(before)
    later(before, True)
    assert np.array_equal(view(before), picture)


def test_what_was_built_is_told() -> None:
    change = Change("built", Objects("house", 3, "red"), "upper left")
    told = " ".join(words.changes(change, "meadow", generator(0)))
    assert "three red houses" in told
    one = Change("built", Objects("building", 1, "blue"), "lower right")
    texts = [t for n in range(9) for t in words.changes(one, "forest", generator(n))]
    assert not any("buildings" in text or "one blue building are" in text for text in texts)


def test_what_lies_beside_is_where_the_words_say() -> None:
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
    across = {
        "to the left of": "left",
        "to the right of": "right",
        "above": "top",
        "below": "bottom",
    }
    ends: dict[str, list[float]] = {"near": [], "far": []}
    for number in range(40):
        made = scene("bare land", 13, number)
        if made.beside != "the sea":
            continue
        picture = view(made).astype(float).mean(axis=2)
        edges = {"left": picture[:, 0], "right": picture[:, -1], "top": picture[0]}
        edges["bottom"] = picture[-1]
        ends["near"].append(edges[made.side].mean())
        ends["far"].append(edges[opposite[made.side]].mean())
        for text in words.captions(made, generator(number)):
            for relation, side in across.items():
                first, found, _ = text.partition(f" {relation} ")
                if found:
                    assert side == (made.side if "sea" in first else opposite[made.side]), text
    assert len(ends["near"]) > 4
    # Water is darker than land under any light.
    assert np.mean(np.array(ends["near"]) < np.array(ends["far"])) > 0.8


def test_places_keep_their_distance() -> None:
    image = SceneImage("places")
    found = image.places(20, 0.08)
    assert 5 < len(found) <= 20
    apart = [np.hypot(a - c, b - d) for a, b in found for c, d in found if (a, b) != (c, d)]
    assert min(apart) > 0.16
    image.keep_free(np.ones_like(image.free))
    assert image.places(3, 0.1) == []


def test_a_folder_appears_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "x") as folder:
        (folder / "part").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "x") as folder:
        (folder / "part").touch()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["part"]
    with pytest.raises(BenchError, match="expected no folder"), new_folder(tmp_path / "x"):
        pass
