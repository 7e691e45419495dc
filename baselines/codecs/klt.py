"""The Karhunen-Loeve transform (principal components) of one image's spectra, and its bits.

The transform is fitted to the image, so a stream pays for it: means with 16 bits and, of every
component kept, a basis vector. With S = diag(sigma_j sqrt(n)) the image is U S V^T; at one slope of
distortion over rate all entries of U S and of S V^T have the same quantisation step (reverse
water-filling). A basis vector's own step is therefore that of the components over
sigma_j sqrt(n), rounded down to a power of two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

from . import entropy
from .quantise import dequantise, quantise

_LEVELS = entropy.MAX_LEVELS
_MAX_BITS = 15
MEAN = 65_535.0
"""What a mean of 1 is stored as."""


@dataclass(frozen=True)
class Transform:
    """An image [C, n] as ``basis @ components + means``.

    Attributes:
        means: uint16 [C], in units of 1/65,535.
        basis: float64 [C, k], orthonormal columns.
        components: float64 [k, n], by falling energy.
    """

    means: NDArray[np.uint16]
    basis: NDArray[np.float64]
    components: NDArray[np.float64]


def fit(image: NDArray[np.float32]) -> Transform:
    """The transform of an image [C, H, W] in [0, 1], with k = min(C, H W) components."""
    spectra = image.reshape(len(image), -1).astype(np.float64)
    means = np.rint(spectra.mean(axis=1) * MEAN).astype(np.uint16)
    spectra -= means[:, None] / MEAN
    _, vectors = np.linalg.eigh(spectra @ spectra.T)
    basis = vectors[:, ::-1][:, : spectra.shape[1]]
    # Of the two signs that are right, the one that doesn't depend on the library.
    basis = basis * np.where(basis[np.abs(basis).argmax(axis=0), range(basis.shape[1])] < 0, -1, 1)
    return Transform(means, basis, basis.T @ spectra)


def inverse(transform: Transform, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """The image [C, H, W], clipped to [0, 1]."""
    image = transform.basis @ transform.components + transform.means[:, None] / MEAN
    return np.clip(image, 0, 1).astype(np.float32).reshape(shape)


def code_basis(basis: NDArray[np.float64], precision: NDArray[np.float64]) -> bytes:
    """Basis vectors [C, k] with a step of at most ``1 / precision`` [k] each."""
    bits = np.clip(np.ceil(np.log2(np.maximum(precision, 2))), 1, _MAX_BITS).astype(np.uint8)
    symbols = quantise(basis.T, np.ldexp(1.0, -bits.astype(int))[:, None], _LEVELS)
    return bits.tobytes() + entropy.code(symbols, _LEVELS)


def decode_basis(coded: bytes, channels: int, k: int) -> NDArray[np.float64]:
    """The basis vectors [channels, k].

    Raises:
        BenchError: the bytes aren't of so many vectors.
    """
    bits = np.frombuffer(coded[:k], np.uint8).astype(int)
    if bits.size != k or (k and not 1 <= bits.min() <= bits.max() <= _MAX_BITS):
        raise BenchError(
            f"expected {k} basis vectors of 1 to {_MAX_BITS} bits, found others",
            "compress the image again",
        )
    symbols = entropy.decode(coded[k:], k, channels, _LEVELS)
    return dequantise(symbols, np.ldexp(1.0, -bits)[:, None], _LEVELS).T


def code_means(means: NDArray[np.uint16]) -> bytes:
    """Two bytes a channel."""
    return means.astype("<u2").tobytes()


def decode_means(coded: bytes, channels: int) -> NDArray[np.uint16]:
    """The means of ``channels`` channels.

    Raises:
        BenchError: there are more or fewer.
    """
    if len(coded) != 2 * channels:
        raise BenchError(
            f"expected {2 * channels} bytes of means, found {len(coded)}",
            "compress the image again",
        )
    return np.frombuffer(coded, "<u2").astype(np.uint16)
