"""Simulated scenes: what is told is what is there, and models can learn from it."""

from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.base.files import new_folder
from bench.data.simulate import words
from bench.data.simulate.image import PAINT, SIZE, SceneImage
from bench.data.simulate.noise import generator
from bench.data.simulate.optics import SENTINEL_2
from bench.data.simulate.pictures import CHANGING, Change, later, scene, twins, view
from bench.data.simulate.renderers import KINDS, Objects


def colours(picture: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each channel, and of its differences between pixels."""
    plain = picture.reshape(-1, 3).astype(float)
    rough = np.abs(np.diff(picture.astype(float), axis=0)).mean(axis=(0, 1))
    return np.concatenate([plain.mean(0), plain.std(0), rough])


@pytest.fixture(scope="module")
def learned() -> tuple[np.ndarray, np.ndarray]:
    made = [
        (colours(view(scene(kind, 7, number))), index)
        for index, kind in enumerate(KINDS)
        for number in range(8)
    ]
    return np.array([x for x, _ in made]), np.array([y for _, y in made])


def test_mean_colours_tell_kinds_apart(learned: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = learned
    x = (x - x.mean(0)) / x.std(0)
    train = np.arange(len(y)) % 8 < 6
    centres = np.stack([x[train & (y == kind)].mean(0) for kind in range(len(KINDS))])
    found = np.linalg.norm(x[~train, None] - centres, axis=2).argmin(1)
    # Chance is 1 in 22.
    assert (found == y[~train]).mean() > 0.4


def test_a_linear_probe_does_better(learned: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = learned
    x = (x - x.mean(0)) / x.std(0)
    # Least squares on the classes, with squares and products of the nine features.
    x = np.column_stack([np.ones(len(x)), x, x**2, x[:, :3] * x[:, 6:]])
    train = np.arange(len(y)) % 8 < 6
    weights, *_ = np.linalg.lstsq(x[train], np.eye(len(KINDS))[y[train]], rcond=None)
    assert ((x[~train] @ weights).argmax(1) == y[~train]).mean() > 0.5


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


def test_twins_show_one_scene() -> None:
    made = scene("beach", 1, 4)
    picture, bands = twins(made)
    assert np.array_equal(picture, view(made))
    assert list(bands) == list(SENTINEL_2)
    assert {(band.shape, band.dtype.name) for band in bands.values()} == {((SIZE, SIZE), "uint16")}
    for channel, band in enumerate(("B04", "B03", "B02")):
        # The camera's tone curve undone: the same reflectance, but for noise and rounding.
        reflectance = 10_000 * (picture[..., channel] / 255.0) ** 2.2 / 2
        shown = picture[..., channel] < 255
        assert np.median(np.abs(reflectance - bands[band])[shown]) < 60
    # Plants are bright in the near infrared, water is not: what the picture doesn't show.
    assert scene("forest", 1, 1).kind == "forest"
    _, forest = twins(scene("forest", 1, 1))
    assert forest["B08"].mean() > 5 * forest["B04"].mean()
    assert bands["B08"].min() < 500


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
