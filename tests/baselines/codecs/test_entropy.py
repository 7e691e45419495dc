"""Entropy coding and quantisation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baselines.codecs.entropy import MAX_LEVELS, code, decode, entropy_bits
from baselines.codecs.quantise import dequantise, quantise
from bench.base.errors import BenchError

RNG = np.random.default_rng(5)


def _rounded(values: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.clip(np.rint(values) + 32_768, 0, 65_535).astype(np.int32)


@settings(max_examples=200)
@given(st.data())
def test_symbols_come_back(data: st.DataObject) -> None:
    levels = data.draw(st.sampled_from([1, 2, 3, 255, 256, 1_000, 65_535, 65_536]))
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40))
    dtype = data.draw(st.sampled_from([np.int32, np.uint16, np.int64]))
    symbols = data.draw(hnp.arrays(dtype, shape, elements=st.integers(0, levels - 1)))
    found = decode(code(symbols, levels), *shape, levels)
    assert found.shape == shape
    np.testing.assert_array_equal(found, symbols)


# One bin costs its gap, its count and what three bits of a count lose; measured with some room.
@pytest.mark.parametrize(
    ("symbols", "overhead", "side_bytes"),
    [
        (_rounded(RNG.laplace(0, 0.2, (16, 16_384))), 0.002, 20),
        (_rounded(RNG.normal(0, 1, (16, 16_384))), 0.002, 20),
        (_rounded(RNG.laplace(0, 10, (16, 16_384))), 0.005, 20),
        (_rounded(RNG.normal(0, 100, (16, 16_384))), 0.006, 20),
        (_rounded(RNG.standard_cauchy((16, 16_384))), 0.02, 60),
        (RNG.integers(0, 256, (16, 16_384)), 0.001, 20),
        (7 * RNG.integers(0, 9, (16, 16_384)), 0.002, 20),
        (np.full((200, 16_384), 300), 0.0, 2),
    ],
    ids=["laplace .2", "normal 1", "laplace 10", "normal 100", "cauchy", "uniform", "comb", "one"],
)
def test_rates_are_near_the_entropy(
    symbols: NDArray[np.integer], overhead: float, side_bytes: int
) -> None:
    payload = code(symbols, MAX_LEVELS)
    least = entropy_bits(symbols).sum() / 8
    assert len(payload) <= least * (1 + overhead) + side_bytes * len(symbols) + 32
    assert len(payload) >= least
    np.testing.assert_array_equal(decode(payload, *symbols.shape, MAX_LEVELS), symbols)


def test_many_values_of_a_wide_distribution_cost_no_histogram() -> None:
    # More values than samples: the empirical entropy is far below the true one.
    symbols = RNG.integers(0, 65_536, (2, 16_384))
    assert len(code(symbols, MAX_LEVELS)) < 2 * 2 * 16_384 + 100


def test_an_outlier_costs_a_few_bytes() -> None:
    symbols = np.full((1, 10_000), 30_000)
    without = len(code(symbols, MAX_LEVELS))
    symbols[0, 17] = 65_535
    assert len(code(symbols, MAX_LEVELS)) <= without + 16


def test_entropy_of_known_distributions() -> None:
    symbols = np.array([[3, 3, 3, 3], [0, 1, 0, 1], [0, 1, 2, 3]])
    np.testing.assert_allclose(entropy_bits(symbols), [0, 4, 8])


def test_another_process_decodes(tmp_path: Path) -> None:
    symbols = _rounded(RNG.laplace(0, 30, (3, 500)))
    (tmp_path / "payload").write_bytes(code(symbols, MAX_LEVELS))
    program = (
        "import sys; from pathlib import Path; from baselines.codecs.entropy import decode\n"
        "payload = Path(sys.argv[1]).read_bytes()\n"
        "print(decode(payload, 3, 500, 65_536).tobytes().hex())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "payload"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert bytes.fromhex(found.stdout) == symbols.tobytes()


GOOD = code(np.clip(RNG.laplace(512, 30, (4, 100)), 0, 1_023).astype(int), 1_024)


@settings(max_examples=150)
@given(st.binary(max_size=400))
def test_random_payloads_decode_to_symbols_or_are_refused(payload: bytes) -> None:
    _decodes_or_is_refused(payload)


@settings(max_examples=150)
@given(st.integers(0, 8 * len(GOOD) - 1), st.integers(0, len(GOOD)))
def test_flipped_and_cut_payloads_decode_to_symbols_or_are_refused(bit: int, size: int) -> None:
    payload = bytearray(GOOD)
    payload[bit // 8] ^= 1 << bit % 8
    _decodes_or_is_refused(bytes(payload))
    _decodes_or_is_refused(bytes(payload[:size]))
    _decodes_or_is_refused(GOOD[:size])


def _decodes_or_is_refused(payload: bytes) -> None:
    try:
        found = decode(payload, 4, 100, 1_024)
    except BenchError as error:
        assert error.message.startswith("expected")
        assert "\n" not in str(error)
    else:
        assert found.shape == (4, 100)
        assert 0 <= found.min() <= found.max() < 1_024


@pytest.mark.parametrize("more", [b"\1", b"\1" * 8, b"\1" * 400])
def test_more_than_the_payload_is_refused(more: bytes) -> None:
    with pytest.raises(BenchError, match="expected"):
        decode(GOOD + more, 4, 100, 1_024)


@pytest.mark.parametrize(
    ("symbols", "levels"),
    [([[5]], 5), ([[-1]], 5), ([[0]], 0), ([[0]], 65_537)],
)
def test_symbols_out_of_bounds_are_not_coded(symbols: list, levels: int) -> None:
    with pytest.raises(ValueError):
        code(np.array(symbols), levels)
    with pytest.raises(ValueError):
        decode(b"", 4_097, 1, 2)


@given(
    hnp.arrays(np.float64, 20, elements=st.floats(-100, 100)),
    st.floats(0.01, 10),
    st.sampled_from([2, 3, 256, 65_536]),
)
def test_quantisation_is_within_half_a_step_or_clips(
    values: NDArray[np.float64], step: float, levels: int
) -> None:
    symbols = quantise(values, step, levels)
    assert symbols.min() >= 0
    assert symbols.max() < levels
    lowest, highest = -(levels // 2) * step, (levels - 1 - levels // 2) * step
    reached = np.clip(values, lowest, highest)
    assert np.abs(dequantise(symbols, step, levels) - reached).max() <= step * (0.5 + 1e-9)


def test_zero_is_a_symbol_and_steps_broadcast() -> None:
    values = np.array([[0.0, 1.0], [0.0, 1.0]])
    symbols = quantise(values, np.array([[1.0], [0.25]]), 256)
    np.testing.assert_array_equal(symbols, [[128, 129], [128, 132]])
    np.testing.assert_array_equal(dequantise(symbols, np.array([[1.0], [0.25]]), 256), values)
