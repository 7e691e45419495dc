"""Pictures: what is where, sizes, and the same bytes every time."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.kinds.common import pictures


def read_back(content):
    image = Image.open(io.BytesIO(content))
    return image.mode, np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(("colours", "mode"), [(5, "P"), (4000, "RGB")])
def test_a_png_holds_the_very_pixels(colours, mode):
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (colours, 3)).astype(np.uint8)
    picture = palette[rng.integers(0, colours, (60, 70))]
    content = pictures.png(picture)
    assert content == pictures.png(picture.copy())
    found, pixels = read_back(content)
    assert found == mode
    np.testing.assert_array_equal(pixels, picture)


def test_a_map_of_classes_is_small():
    indices = (np.indices((256, 256)).sum(axis=0) // 40 % 4).astype(np.uint8)
    colours = [(0, 128, 0), (0, 0, 255), (255, 0, 0), (255, 128, 0)]
    picture = pictures.classes(indices, colours)
    assert tuple(picture[0, 45]) == colours[1]
    assert len(pictures.png(picture)) < 4000
    assert pictures.classes(np.array([[200]], np.uint8), colours).tolist() == [[[255, 255, 255]]]


def test_shades_fall_from_light_to_dark_and_are_grey_without_a_value():
    values = np.array([[0.0, 2.5, 5.0, 7.5, 10.0, np.nan, 99.0]])
    picture = pictures.shades(values, 0, 10)[0].astype(int)
    light = picture @ [0.299, 0.587, 0.114]
    assert (np.diff(light[:5]) < 0).all()
    assert picture[5].tolist() == [128, 128, 128]
    assert picture[6].tolist() == picture[4].tolist()
    assert pictures.shades(np.full((2, 2), 3.0), 3, 3).shape == (2, 2, 3)


def test_differences_have_a_sign():
    low, none, high = pictures.differences(np.array([[-1.0, 0, 1]]), 1)[0].astype(int)
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert abs(none - 247).max() < 12


def plot(picture):
    """What lies within the frame, at least a pixel away from it."""
    return picture[7 : 6 + 255, 27 : 26 + 255].astype(int)


def test_a_density_is_dark_where_many_points_are():
    x = np.concatenate([np.full(1000, 2.0), np.full(1, 8.0)])
    y = np.concatenate([np.full(1000, 8.0), np.full(1, 2.0)])
    inside = plot(pictures.density(x, y, 0, 10))
    # The y axis points upwards.
    many, one, none = inside[49, 49], inside[204, 204], inside[128, 20]
    assert none.tolist() == [255, 255, 255]
    assert many.sum() < one.sum() < none.sum()


def test_errors_are_drawn_above_and_below_the_line():
    x = np.linspace(0, 10, 10_000)
    inside = plot(pictures.errors(x, np.where(x < 5, 1.0, -1.0), 0, 10))
    line = (inside == (213, 94, 0)).all(axis=2)
    rows = [np.flatnonzero(line[:, column]).mean() for column in (60, 190)]
    assert rows[0] < 20
    assert rows[1] > 230


@settings(max_examples=25, deadline=None)
@given(
    x=st.lists(st.floats(-5, 30), min_size=1, max_size=30),
    shift=st.floats(-50, 50),
)
def test_any_points_can_be_drawn(x, shift):
    x = np.array(x)
    low, high = x.min(), x.max()
    for picture in (
        pictures.density(x, x + shift, low, high),
        pictures.errors(x, np.full_like(x, shift), low, high),
    ):
        assert picture.dtype == np.uint8
        assert picture.shape == (256 + 22, 256 + 34, 3)


@given(low=st.floats(-100, 100), width=st.floats(1e-5, 1000))
def test_ticks_are_few_and_within(low, width):
    ticks = pictures._ticks(low, low + width)
    assert 2 <= len(ticks) <= 8
    assert all(low - 1e-6 * width - 1e-9 <= t <= low + width * (1 + 1e-6) + 1e-9 for t in ticks)


def test_panels_stand_beside_each_other_below_their_titles():
    red, blue = np.zeros((20, 30, 3), np.uint8), np.zeros((40, 10, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    picture = pictures.panels({"one": red, "a title that is much longer → than this": blue})
    assert picture.shape[0] == 14 + 40
    np.testing.assert_array_equal(picture[14:34, :30], red)
    wide = picture.shape[1]
    assert wide > 30 + 10 + 100
    np.testing.assert_array_equal(picture[14:, 38:48], blue)


def test_a_legend_names_every_colour():
    colours = {"sand": (255, 128, 0), "rock": (0, 0, 255)}
    picture = pictures.legend(colours)
    assert picture[6, 6].tolist() == [255, 128, 0]
    assert picture[20, 6].tolist() == [0, 0, 255]
    assert (picture[:, 17:] != 255).any()


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [(10, 3, [0, 4, 9]), (9, 3, [0, 4, 8]), (2, 3, [0, 1]), (1, 3, [0]), (0, 3, []), (5, 1, [0])],
)
def test_items_are_spread_from_first_to_last(count, most, places):
    assert pictures.spread(range(count), most) == places
