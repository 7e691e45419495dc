"""Rate-distortion curves against the library bjontegaard, published curves and closed forms."""

import json
import math

import bjontegaard
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.metrics.rate_distortion import (
    POINTS_NEEDED,
    bd_psnr,
    bd_rate,
    mean_quality,
    pareto,
    psnr,
)

METHODS = list(POINTS_NEEDED)

# The example of bjontegaard's README: x265 with two settings.
X265 = (
    [9487.76, 4593.60, 2486.44, 1358.24],
    [40.037, 38.615, 36.845, 34.851],
    [9787.80, 4469.00, 2451.52, 1356.24],
    [40.121, 38.651, 36.970, 34.987],
)
RATES = np.array([0.25, 0.5, 1, 2, 4])
QUALITY = np.array([30, 33.5, 36, 38, 39.5])


def test_psnr():
    assert psnr(1e-4) == pytest.approx(40)
    assert psnr([0.25, 1], peak=10) == pytest.approx([10 * math.log10(400), 20])
    assert psnr(0) == math.inf
    assert math.isnan(psnr(math.nan))
    for mse, peak in [(-1e-9, 1), (0.1, 0), (0.1, -1), (0.1, math.nan)]:
        with pytest.raises(BenchError, match="expected squared errors"):
            psnr(mse, peak)


def test_pareto_drops_what_costs_more_and_is_no_better():
    rates, quality = [4.0, 1.0, 2.0, 3.0, 2.0], [43.3, 40.0, 43.7, 43.5, 43.6]
    assert pareto(rates, quality).tolist() == [1, 2]


def test_pareto_keeps_the_first_of_equal_points():
    assert pareto([2, 1, 1, 1], [8, 7, 7, 6]).tolist() == [1, 0]
    assert pareto([2], [math.inf]).tolist() == [0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(-3, 3)), min_size=1, max_size=9))
def test_pareto_equals_comparing_all_pairs(points):
    def beats(other: int, one: int) -> bool:
        (r0, q0), (r1, q1) = points[other], points[one]
        no_worse = r0 <= r1 and q0 >= q1
        return no_worse and (points[other] != points[one] or other < one)

    everyone = range(len(points))
    expected = [one for one in everyone if not any(beats(other, one) for other in everyone)]
    found = pareto(*zip(*points, strict=True)).tolist()
    assert sorted(found) == expected
    assert [points[one][0] for one in found] == sorted(points[one][0] for one in found)


def test_pareto_refuses_points_without_a_place():
    for rates, quality in [([0, 1], [1, 2]), ([1, math.nan], [1, 2]), ([1, 2], [1, math.nan])]:
        with pytest.raises(BenchError, match="expected"):
            pareto(rates, quality)


@pytest.mark.parametrize(
    ("method", "rate", "gain"),
    [
        ("cubic", -4.420463, 0.120409),
        ("pchip", -4.417485, 0.119693),
        ("akima", -4.425245, 0.119409),
    ],
)
def test_the_x265_example(method, rate, gain):
    assert bd_rate(*X265, method).value == pytest.approx(rate, abs=6e-7)
    assert bd_psnr(*X265, method).value == pytest.approx(gain, abs=6e-7)


@pytest.mark.parametrize(
    ("anchor", "codec", "expected"),
    [
        (
            "jpeg",
            "jpeg2000",
            {"cubic": (-36.555, 2.4230), "pchip": (-35.855, 2.4002), "akima": (-35.886, 2.4010)},
        ),
        (
            "jpeg",
            "compressai-bmshj2018-factorized_mse_cuda",
            {"cubic": (-44.951, 3.2290), "pchip": (-44.519, 3.2069), "akima": (-44.551, 3.2068)},
        ),
        (
            "jpeg",
            "compressai-mbt2018-mean_mse_cuda",
            {"cubic": (-58.204, 4.8767), "pchip": (-57.957, 4.8586), "akima": (-57.956, 4.8577)},
        ),
        (
            "jpeg2000",
            "compressai-bmshj2018-hyperprior_mse_cuda",
            {"cubic": (-32.482, 1.8293), "pchip": (-32.657, 1.8247), "akima": (-32.643, 1.8246)},
        ),
        (
            "compressai-bmshj2018-factorized_mse_cuda",
            "compressai-bmshj2018-hyperprior_mse_cuda",
            {"cubic": (-21.149, 1.1510), "pchip": (-21.130, 1.1479), "akima": (-21.107, 1.1473)},
        ),
    ],
)
def test_the_kodak_curves_of_compressai(real_data, anchor, codec, expected):
    curves = []
    for name in (anchor, codec):
        path = real_data / "compressai_kodak_rd" / f"{name}.json"
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        curves += [results["bpp"], results["psnr-rgb"]]
    for method, (rate, gain) in expected.items():
        assert bd_rate(*curves, method).value == pytest.approx(rate, abs=6e-4)
        assert bd_psnr(*curves, method).value == pytest.approx(gain, abs=6e-5)


@pytest.mark.parametrize(
    ("method", "rate", "gain"),
    [("cubic", -24.5, 1.219), ("pchip", -27.6, 1.216), ("akima", -26.8, 1.217)],
)
def test_hycot_beside_1d_cae_on_hyspecnet(method, rate, gain):
    # PSNR as published by git.tu-berlin.de/rsim/hycot; 202 bands, 32 bits a latent value.
    bpppc = 32 * np.array([51, 26, 13, 7]) / 202
    cae, hycot = [54.85, 53.90, 52.38, 48.95], [56.29, 55.38, 53.20, 50.26]
    assert bd_rate(bpppc, cae, bpppc, hycot, method).value == pytest.approx(rate, abs=0.06)
    delta = bd_psnr(bpppc, cae, bpppc, hycot, method)
    assert delta.value == pytest.approx(gain, abs=6e-4)
    assert delta.overlap == 1


@pytest.mark.parametrize("method", METHODS)
def test_parallel_lines_have_their_distance(method):
    # 10 dB a decade, and 2 dB above that.
    rates, others = np.geomspace(1, 100, 5), np.geomspace(10, 1000, 6)
    line, higher = 10 * np.log10(rates), 10 * np.log10(others) + 2
    gain = bd_psnr(rates, line, others, higher, method)
    assert gain.value == pytest.approx(2)
    assert gain.overlap == pytest.approx(1 / 3)
    saved = bd_rate(rates, line, others, higher, method)
    assert saved.value == pytest.approx(100 * (10**-0.2 - 1))
    assert saved.overlap == pytest.approx((20 - 12) / (32 - 0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_curves_apart_have_no_delta(method):
    gain = bd_psnr(RATES, QUALITY, 100 * RATES, QUALITY, method)
    assert math.isnan(gain.value)
    assert gain.overlap == 0
    assert bd_rate(RATES, QUALITY, 100 * RATES, QUALITY, method).value == pytest.approx(9900)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "quality",
    [
        [30, 33.5, 36, 38, math.nan],
        [30, 33.5, 36, 38, math.inf],
        [30, 36, 33.5, 38, 39.5],
        [30, 30, 36, 38, 39.5],
    ],
)
def test_no_bd_rate_where_quality_does_not_rise(method, quality):
    delta = bd_rate(RATES, QUALITY, RATES, quality, method)
    assert math.isnan(delta.value)
    assert math.isnan(delta.overlap)
    finite = np.isfinite(quality).all()
    # A least-squares cubic passes over one point that is too high.
    rises = finite and (quality[1] == quality[0] or method == "cubic")
    assert np.isfinite(bd_psnr(RATES, QUALITY, RATES, quality, method).value) == rises
    assert np.isfinite(mean_quality(RATES, quality, 0.5, 2, method)) == finite


@pytest.mark.parametrize("method", METHODS)
def test_too_few_points_are_not_a_curve(method):
    needed = POINTS_NEEDED[method]
    for count in range(1, 5):
        points = RATES[:count], QUALITY[:count]
        enough = count >= needed
        assert np.isfinite(bd_psnr(RATES, QUALITY, *points, method).value) == enough
        assert np.isfinite(bd_rate(*points, RATES, QUALITY, method).value) == enough
        assert np.isfinite(mean_quality(*points, 0.25, RATES[count - 1] + 1e-12, method)) == enough


@pytest.mark.parametrize("method", METHODS)
def test_two_points_of_one_rate_are_not_a_curve(method):
    rates = [0.25, 0.5, 0.5, 2, 4]
    assert math.isnan(bd_psnr(RATES, QUALITY, rates, QUALITY, method).value)
    assert math.isnan(mean_quality(rates, QUALITY, 0.5, 2, method))


@pytest.mark.parametrize("method", METHODS)
def test_mean_qualities_differ_by_bd_psnr(method):
    rng = np.random.default_rng(0)
    for _ in range(20):
        curves = []
        for points in (5, 7):
            inner = rng.uniform(0.2, 6, points - 2)
            quality = np.cumsum(rng.uniform(0.2, 3, points))
            curves += [np.sort([0.125, *inner, 8]), quality]
        expected = bjontegaard.bd_psnr(
            *curves, method, require_matching_points=False, min_overlap=0
        )
        first, second = (
            mean_quality(*curve, 0.125, 8, method) for curve in (curves[:2], curves[2:])
        )
        assert second - first == pytest.approx(expected, abs=1e-9)
        found = bd_psnr(*curves, method).value
        assert math.isnan(found) or found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_mean_quality_of_a_line_is_that_of_its_middle(method):
    rates = np.geomspace(0.1, 100, 7)
    found = mean_quality(rates, 5 * np.log10(rates) + 40, 0.5, 8, method)
    assert found == pytest.approx(5 * math.log10(2) + 40)


@pytest.mark.parametrize("method", METHODS)
def test_mean_quality_extrapolates_nothing(method):
    covered = [(0.25, 4), (0.25 * (1 - 5e-10), 4 * (1 + 5e-10)), (1, 1.5)]
    for low, high in covered:
        assert 30 < mean_quality(RATES, QUALITY, low, high, method) < 40
    for low, high in [(0.2499, 4), (0.25, 4.001), (0.01, 0.02), (5, 6)]:
        assert math.isnan(mean_quality(RATES, QUALITY, low, high, method))


@pytest.mark.parametrize("method", METHODS)
def test_replicates_are_curves_one_by_one(method):
    rng = np.random.default_rng(3)
    rates = RATES * np.exp(0.05 * rng.standard_normal((2, 6, 5)))
    quality = QUALITY + 0.2 * rng.standard_normal((2, 6, 5))
    gain, saved = (f(RATES, QUALITY, rates, quality, method) for f in (bd_psnr, bd_rate))
    mean = mean_quality(rates, quality, 0.3, 3, method)
    assert gain.value.shape == gain.overlap.shape == saved.value.shape == mean.shape == (2, 6)
    for index in np.ndindex(2, 6):
        curve = rates[index], quality[index]
        arguments = (RATES, QUALITY, *curve, method)
        assert gain.value[index] == bjontegaard.bd_psnr(*arguments, min_overlap=0)
        assert saved.value[index] == pytest.approx(bjontegaard.bd_rate(*arguments, min_overlap=0))
        assert mean[index] == mean_quality(*curve, 0.3, 3, method)


def test_rates_of_all_replicates_may_be_the_same():
    quality = QUALITY + np.arange(4)[:, None]
    assert mean_quality(RATES, quality, 1, 2) == pytest.approx(
        mean_quality(RATES, QUALITY, 1, 2) + np.arange(4)
    )
    assert bd_psnr(RATES, quality, RATES, QUALITY).value == pytest.approx(-np.arange(4.0))


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_points_does_not_matter(method):
    mixed = np.array([3, 0, 4, 1, 2])
    gain = bd_psnr(RATES, QUALITY, 2 * RATES[mixed], QUALITY[mixed], method)
    assert gain == bd_psnr(RATES, QUALITY, 2 * RATES, QUALITY, method)
    assert mean_quality(RATES[mixed], QUALITY[mixed], 1, 2, method) == mean_quality(
        RATES, QUALITY, 1, 2, method
    )


def test_refuses_what_is_no_curve():
    for rates, quality in [
        ([0, 1, 2], [1, 2, 3]),
        ([-1, 1, 2], [1, 2, 3]),
        ([1, 2, math.inf], [1, 2, 3]),
        ([1, 2, math.nan], [1, 2, 3]),
        ([1, 2], [1, 2, 3]),
        (1, 2),
        ([], []),
    ]:
        with pytest.raises(BenchError, match="expected"):
            bd_rate(RATES, QUALITY, rates, quality)
        with pytest.raises(BenchError, match="expected"):
            mean_quality(rates, quality, 1, 2)
    for low, high in [(0, 1), (2, 1), (1, 1), (math.nan, 1)]:
        with pytest.raises(BenchError, match="expected an interval"):
            mean_quality(RATES, QUALITY, low, high)


def test_refuses_a_method_that_is_none():
    with pytest.raises(RequestError, match="akima"):
        bd_psnr(*X265, "akimaa")
    with pytest.raises(RequestError, match="pchip"):
        mean_quality(RATES, QUALITY, 1, 2, "pchi")
