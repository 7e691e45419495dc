"""Entropy coding of integers, channel by channel, with a model that the payload pays for.

A symbol is parted into its upper and its lower bits. The upper bits are range coded with the
channel's own histogram, of which only the bins that occur are sent, with counts of three
significant bits; the lower bits go as they are. How many bits are lower is chosen per channel by
the bytes that result: none where few symbols occur, so that any distribution is met, and some where
a histogram of all symbols would cost more than it saves. An outlier costs one more bin.

The range coder is that of `constriction` (R. Bamler: Understanding Entropy Coding With Asymmetric
Numeral Systems, arXiv:2201.01741). Models are integers on both sides, so that they are the same on
every machine.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bench.base import extras
from bench.base.errors import BenchError

stream = extras.load("constriction", "compression", "entropy coding").stream

MAX_LEVELS = 1 << 16
MAX_CHANNELS = 4_096
MAX_SYMBOLS = 1 << 31

_MAX_BINS = 4_096
_MAX_BINS_IN_ALL = 1 << 22
_SIDE_BITS = 5.0
"""What one more bin costs, roughly, when splits are compared."""

_LENGTHS = 18
"""Bit lengths of the integers in the side information: 0 to 17."""

_OCTAVES = 24
"""Octaves of their counts: 0 to 23."""


def code(symbols: NDArray[np.integer[Any]], levels: int) -> bytes:
    """Entropy-code symbols, each channel with its own model.

    Args:
        symbols: [channels, n], from 0 to ``levels`` - 1.
        levels: at most 65,536.

    Raises:
        ValueError: a symbol or a size is out of bounds.
    """
    channels, n = symbols.shape
    _check(channels, n, levels)
    if symbols.size and not 0 <= symbols.min() <= symbols.max() < levels:
        raise ValueError(f"symbols must be from 0 to {levels - 1}")
    if not symbols.size:
        return b""
    splits = [_split(channel, _max_bins(channels)) for channel in symbols]
    encoder = stream.queue.RangeEncoder()
    _encode_integers(encoder, [split.shift for split in splits])
    _encode_integers(encoder, [split.bins.size - 1 for split in splits])
    _encode_integers(encoder, np.concatenate([_gaps(split.bins) for split in splits]))
    _encode_integers(encoder, np.concatenate([_zigzag(_steps(split.tiers)) for split in splits]))
    for channel, split in zip(symbols, splits, strict=True):
        if split.bins.size > 1:
            places = np.zeros(split.bins[-1] + 1, np.int32)
            places[split.bins] = range(split.bins.size)
            encoder.encode(places[channel >> split.shift], _model(split.tiers))
        if split.shift:
            lower = channel & (1 << split.shift) - 1
            encoder.encode(lower.astype(np.int32), stream.model.Uniform(1 << split.shift))
    payload: bytes = encoder.get_compressed().astype("<u4").tobytes()
    return payload


def decode(payload: bytes, channels: int, n: int, levels: int) -> NDArray[np.int32]:
    """The symbols [channels, n] that `code` made a payload of.

    Memory and time are bounded by ``channels * n`` and the length of the payload.

    Raises:
        BenchError: no symbols of this shape have this payload.
        ValueError: a size is out of bounds.
    """
    _check(channels, n, levels)
    if len(payload) % 4:
        _refuse("whole words", f"{len(payload)} bytes")
    if not channels * n:
        if payload:
            _refuse("no payload for no symbols", f"{len(payload)} bytes")
        return np.zeros((channels, n), np.int32)
    decoder = stream.queue.RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))
    try:
        symbols = _decode(decoder, channels, n, levels)
    except AssertionError as error:  # constriction: no symbol has these bits
        raise _damaged("an entropy-coded payload", "bits that no symbol has") from error
    if not decoder.maybe_exhausted():
        _refuse("a payload that ends with its last symbol", "more of it")
    return symbols


def entropy_bits(symbols: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The zero-order empirical entropy of each channel of symbols [channels, n], in bits.

    Without the cost of saying what the distributions are: no static model of single symbols does
    with less.
    """
    bits = np.zeros(len(symbols))
    for index, channel in enumerate(symbols):
        _, counts = _histogram(channel)
        bits[index] = np.sum(counts * np.log2(channel.size / counts))
    return bits


class _Split:
    """How a channel is parted: lower bits, the bins of the upper bits, their count tiers."""

    def __init__(self, shift: int, bins: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        self.shift = shift
        self.bins = bins
        self.tiers = _tier(counts)


def _histogram(
    channel: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values that occur, sorted, and how often; several times as fast as sorting them all."""
    lowest = channel.min()
    counts = np.bincount(channel - lowest)
    values = np.flatnonzero(counts)
    return values + int(lowest), counts[values]


def _max_bins(channels: int) -> int:
    return min(_MAX_BINS, _MAX_BINS_IN_ALL // channels)


def _split(channel: NDArray[np.integer[Any]], most: int) -> _Split:
    """The split into at most so many bins that takes the fewest bits, estimated."""
    values, counts = _histogram(channel)
    best, fewest = None, np.inf
    for shift in range(MAX_LEVELS.bit_length()):
        bins, start = np.unique(values >> shift, return_index=True)
        if bins.size <= most:
            sums = np.add.reduceat(counts, start)
            weights = _weight(_tier(sums))
            bits = float(np.sum(sums * (shift + np.log2(weights.sum() / weights))))
            bits += _SIDE_BITS * bins.size
            if bits < fewest:
                best, fewest = _Split(shift, bins, sums), bits
        if bins.size == 1:
            break
    assert best is not None  # a shift of 16 leaves one bin
    return best


def _decode(decoder: Any, channels: int, n: int, levels: int) -> NDArray[np.int32]:
    shifts = _decode_integers(decoder, channels)
    sizes = _decode_integers(decoder, channels) + 1
    if shifts.max() >= MAX_LEVELS.bit_length() or sizes.max() > min(n, _max_bins(channels)):
        _refuse("models of single channels", f"{sizes.max()} bins of {shifts.max()} bits")
    ends = np.cumsum(sizes)[:-1]
    gaps = np.split(_decode_integers(decoder, int(sizes.sum())), ends)
    steps = np.split(_decode_integers(decoder, int(sizes.sum())), ends)
    symbols = np.zeros((channels, n), np.int32)
    for index, (shift, gap, step) in enumerate(zip(shifts.tolist(), gaps, steps, strict=True)):
        bins = np.cumsum(gap + 1) - 1
        tiers = np.cumsum(_unzigzag(step))
        if bins[-1] >= MAX_LEVELS >> shift or tiers.min() < 1 or tiers.max() > _MAX_TIER:
            _refuse(f"bins of {levels} levels", "others")
        places = decoder.decode(_model(tiers), n) if bins.size > 1 else 0
        symbols[index] = bins[places] << shift
        if shift:
            symbols[index] += decoder.decode(stream.model.Uniform(1 << shift), n)
    if symbols.max() >= levels:
        _refuse(f"symbols below {levels}", f"{symbols.max()}")
    return symbols


def _model(tiers: NDArray[np.int64]) -> Any:
    # Integers below 2^53 and their sums are exact, and the rest is IEEE arithmetic.
    return stream.model.Categorical(_weight(tiers).astype(np.float64), perfect=False)


def _tier(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts from 1 to their three significant bits: exact below 8, then four tiers an octave."""
    shift = np.maximum(np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 3, 0)
    tiers: NDArray[np.int64] = 4 * shift + (counts >> shift)
    return tiers


def _weight(tiers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The middle of the counts that have a tier."""
    shift = np.maximum(tiers // 4 - 1, 0)
    weights: NDArray[np.int64] = (tiers - 4 * shift << shift) + (1 << shift >> 1)
    return weights


_MAX_TIER = int(_tier(np.array([MAX_SYMBOLS]))[0])


def _gaps(bins: NDArray[np.int64]) -> NDArray[np.int64]:
    gaps: NDArray[np.int64] = np.diff(bins, prepend=-1) - 1
    return gaps


def _steps(tiers: NDArray[np.int64]) -> NDArray[np.int64]:
    steps: NDArray[np.int64] = np.diff(tiers, prepend=0)
    return steps


def _zigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(values < 0, -2 * values - 1, 2 * values)


def _unzigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(values & 1, -(values + 1 >> 1), values >> 1)


def _encode_integers(encoder: Any, values: "Sequence[int] | NDArray[np.int64]") -> None:
    """Integers from 0 to 2^17 - 1: bit lengths by their histogram, then the bits below the top."""
    values = np.asarray(values, np.int64)
    lengths = np.frexp(values.astype(np.float64))[1]
    # A count is sent as its octave, 0 where a length doesn't occur.
    octaves = np.frexp(np.bincount(lengths).astype(np.float64))[1]
    encoder.encode(octaves.size - 1, stream.model.Uniform(_LENGTHS))
    encoder.encode(octaves.astype(np.int32), stream.model.Uniform(_OCTAVES))
    if np.count_nonzero(octaves) > 1:
        encoder.encode(lengths.astype(np.int32), _lengths_model(octaves))
    for length in range(2, octaves.size):
        rest = values[lengths == length] - (1 << length - 1)
        if rest.size:
            encoder.encode(rest.astype(np.int32), stream.model.Uniform(1 << length - 1))


def _decode_integers(decoder: Any, n: int) -> NDArray[np.int64]:
    octaves = decoder.decode(
        stream.model.Uniform(_OCTAVES), decoder.decode(stream.model.Uniform(_LENGTHS)) + 1
    )
    if not octaves.any():
        _refuse("bit lengths that occur", "none")
    if np.count_nonzero(octaves) > 1:
        lengths = decoder.decode(_lengths_model(octaves), n).astype(np.int64)
    else:
        lengths = np.full(n, np.argmax(octaves))
    values: NDArray[np.int64] = (1 << lengths) >> 1
    for length in range(2, octaves.size):
        chosen = lengths == length
        if chosen.any():
            rest = stream.model.Uniform(1 << length - 1)
            values[chosen] += decoder.decode(rest, int(chosen.sum()))
    return values


def _lengths_model(octaves: NDArray[np.int32]) -> Any:
    weights = np.where(octaves > 0, np.ldexp(0.75, octaves), 0.0)
    return stream.model.Categorical(weights, perfect=False)


def _check(channels: int, n: int, levels: int) -> None:
    if not (
        0 <= channels <= MAX_CHANNELS
        and n >= 0
        and channels * n <= MAX_SYMBOLS
        and 1 <= levels <= MAX_LEVELS
    ):
        raise ValueError(f"no payload holds {channels} x {n} symbols of {levels} levels")


def _damaged(expected: str, found: str) -> BenchError:
    return BenchError(f"expected {expected}, found {found}", "compress the image again")


def _refuse(expected: str, found: str) -> NoReturn:
    raise _damaged(expected, found)
