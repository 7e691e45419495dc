"""Spectral transform coding: a Karhunen-Loeve transform per image, quantised and range coded.

All components share one quantisation step, which is reverse water-filling: the same slope of
distortion over rate everywhere (T. M. Cover, J. A. Thomas: Elements of Information Theory, 2nd ed.,
10.3.3). A component is kept where it lowers distortion by more than its bits are worth at that
slope. Pixels are coded independently of their neighbours.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..codecs import entropy, klt
from ..codecs.classical import RateCodec
from ..codecs.quantise import dequantise, quantise
from ..codecs.rates import largest_within
from ..codecs.stream import Stream, pack

_LEVELS = entropy.MAX_LEVELS
_FILLED = 0.97
"""A budget with this share used has no room for one more component."""


class KLT(RateCodec):
    """Streams of means, basis vectors and quantised components; see `RateCodec`."""

    codec = "klt"

    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """Search for the step; where one more component is too much, for its own too."""
        transform = klt.fit(image)
        peak = float(np.abs(transform.components).max()) or 1.0
        beyond: list[tuple[int, float, NDArray[np.bool_]]] = []

        def step(quality: float) -> float:
            # From one where all components are zero to one where all levels are used.
            return 2 * peak / 2**quality

        def encode(quality: float) -> bytes:
            kept = _worth(transform, step(quality))
            stream = _encode(transform, image.shape, step(quality), kept)
            if len(stream) > most_bytes:
                beyond.append((len(stream), quality, kept))
            return stream

        best = largest_within(encode, 0, 16, most_bytes)
        if len(best) < _FILLED * most_bytes and beyond:
            _, highest, kept = min(beyond, key=lambda tried: tried[0])
            coarser = largest_within(
                lambda quality: _encode(transform, image.shape, step(quality), kept),
                0,
                highest,
                most_bytes,
            )
            return max(best, coarser, key=len) if len(coarser) <= most_bytes else best
        return best

    def image(self, stream: Stream) -> NDArray[np.float32]:
        """Means, basis and components put together."""
        channels, height, width = stream.shape
        k = stream.integer("k", 0, channels)
        step = stream.real("step", 0, math.sqrt(channels) * 2)
        symbols = entropy.decode(stream.payload, k, height * width, _LEVELS)
        transform = klt.Transform(
            klt.decode_means(stream.blob("means"), channels),
            klt.decode_basis(stream.blob("basis"), channels, k),
            dequantise(symbols, step, _LEVELS),
        )
        return klt.inverse(transform, stream.shape)


def _worth(transform: klt.Transform, step: float) -> NDArray[np.bool_]:
    """Which components [k] lower distortion by more than their bits are worth."""
    kept = np.abs(transform.components).max(axis=1) > step / 2
    components = transform.components[kept]
    symbols = quantise(components, step, _LEVELS)
    coded = dequantise(symbols, step, _LEVELS)
    bits = entropy.entropy_bits(symbols)
    bits += len(transform.basis) * np.log2(1 + _precision(coded, step))
    gains = np.sum(components**2 - (components - coded) ** 2, axis=1)
    # At high resolution D = step^2 / 12, which a bit more divides by 4: -dD/dR = ln(2) step^2 / 6.
    kept[kept] = gains > math.log(2) * step**2 / 6 * bits
    return kept


def _encode(
    transform: klt.Transform, shape: tuple[int, int, int], step: float, kept: NDArray[np.bool_]
) -> bytes:
    symbols = quantise(transform.components[kept], step, _LEVELS)
    precision = _precision(dequantise(symbols, step, _LEVELS), step)
    fields = {
        "k": int(kept.sum()),
        "step": step,
        "means": klt.code_means(transform.means),
        "basis": klt.code_basis(transform.basis[:, kept], precision),
    }
    return pack(KLT.codec, shape, fields, entropy.code(symbols, _LEVELS))


def _precision(components: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    precision: NDArray[np.float64] = np.sqrt(np.sum(components**2, axis=1)) / step
    return precision
