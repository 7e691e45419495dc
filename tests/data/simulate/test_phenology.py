"""The seasons of vegetation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.simulate.phenology import green

KINDS = ["deciduous", "evergreen", "grass", "winter crop", "summer crop", "heath", "marsh"]


@given(
    st.sampled_from(KINDS),
    st.floats(1, 366),
    st.floats(-30, 40),
    st.floats(0, 1),
)
def test_green_is_a_share(kind: str, day: float, late: float, dry: float) -> None:
    assert 0 <= green(kind, day, late=late, dry=dry) <= 1


def test_leaves_come_in_spring_and_go_in_autumn() -> None:
    assert green("deciduous", 200) > 0.95
    assert green("deciduous", 20) < 0.1
    assert green("deciduous", 350) < 0.1
    half_out, half_out_late = (
        next(day for day in range(60, 200) if green("deciduous", day, late=late) > 0.5)
        for late in (0, 20)
    )
    assert half_out_late - half_out == 20


def test_crops_take_turns() -> None:
    assert green("winter crop", 140) > green("summer crop", 140) + 0.5
    assert green("summer crop", 220) > green("winter crop", 220) + 0.5


def test_evergreens_stay_green() -> None:
    assert min(green("evergreen", day) for day in range(1, 367)) > 0.8


def test_grass_of_a_dry_climate_withers_in_summer() -> None:
    assert green("grass", 200) > 0.9
    assert green("grass", 200, dry=1) < 0.2
    assert green("grass", 20, dry=1) > 0.8


def test_the_year_has_no_jumps() -> None:
    for kind in KINDS:
        for dry in (0.0, 1.0):
            curve = np.array([green(kind, day, dry=dry) for day in range(1, 366)])
            assert np.abs(np.diff(curve)).max() < 0.06
            assert abs(curve[0] - curve[-1]) < 0.06


def test_unknown_vegetation() -> None:
    with pytest.raises(KeyError):
        green("plastic", 100)
