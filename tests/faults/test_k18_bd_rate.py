"""Bjontegaard's deltas of curves that swing between their points are none, and it is said why."""

import math

import numpy as np
import pytest

from bench.metrics.rate_distortion import POINTS_NEEDED, Delta, bd_psnr, bd_rate, undefined

RATES = np.array([0.25, 0.5, 1, 2, 4])
QUALITY = np.array([30, 33.5, 36, 38, 39.5])
# Points that rise, and at the end cost much for little.
SATURATED = np.array([0.1, 1.0, 1.1, 40.0]), np.array([30.0, 39.0, 39.1, 39.2])


def why(function, rates, quality, method):
    delta = function(RATES, QUALITY, rates, quality, method)
    assert isinstance(delta, Delta)
    return undefined(delta, len(rates), method)


def test_a_cubic_that_swings_has_no_bd_rate():
    delta = bd_rate(RATES, QUALITY, *SATURATED, "cubic")
    assert math.isnan(delta.value)
    assert delta.overlap > 0.5
    assert "cubic curve of the points rises and falls" in why(bd_rate, *SATURATED, "cubic")
    # What doesn't swing has one, of a size that means something.
    assert -90 < bd_rate(RATES, QUALITY, *SATURATED, "pchip").value < 900
    assert not why(bd_rate, *SATURATED, "pchip")


@pytest.mark.parametrize("method", ["akima", "pchip"])
def test_quality_that_falls_has_no_bd_psnr(method):
    quality = [30, 36, 33.5, 38, 39.5]
    assert "rises and falls" in why(bd_psnr, RATES, quality, method)
    assert "same rate or quality" in why(bd_rate, RATES, quality, method)


@pytest.mark.parametrize("method", POINTS_NEEDED)
def test_two_points_of_one_rate_have_no_bd_psnr(method):
    assert "same rate or quality" in why(bd_psnr, [1, 1, 2, 3, 4], QUALITY, method)


def test_akima_swings_too():
    rates, quality = 10.0 ** np.array([0, 0.01, 1, 1.01, 2]), [30, 33, 33.1, 36, 36.1]
    assert "akima curve" in why(bd_psnr, rates, quality, "akima")
    assert not why(bd_psnr, rates, quality, "pchip")


@pytest.mark.parametrize("method", POINTS_NEEDED)
@pytest.mark.parametrize(
    ("rates", "quality", "told"),
    [
        (RATES[:2], QUALITY[:2], "points, a curve has 2"),
        (RATES, QUALITY + 50, "the curves don't overlap"),
        (RATES, np.full(5, 30.0), "same rate or quality"),
        (RATES, [30, 31, math.nan, 33, 34], "without a finite value"),
        (RATES, [30, 31, 32, 33, math.inf], "without a finite value"),
    ],
)
def test_every_other_reason_is_told(method, rates, quality, told):
    assert told in why(bd_rate, rates, quality, method)


@pytest.mark.parametrize("method", POINTS_NEEDED)
def test_curves_that_rise_keep_their_figures(method):
    assert bd_rate(RATES, QUALITY, 2 * RATES, QUALITY, method).value == pytest.approx(100)
    assert not why(bd_rate, 2 * RATES, QUALITY, method)
