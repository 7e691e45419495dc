"""How far decoded images are from their originals: squared error, spectral angle, SSIM.

``distortion`` keeps sums, so that any PSNR and any mean angle follows from it: of one image, of a
test set, of one kind of ground (``bench.metrics.rate_distortion.psnr``).

An image is float32 [C, H, W]: C bands, reflectance with 1.0 as the peak.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError

Image = NDArray[np.float32]
Floats = NDArray[np.float64]

NO_REGION = 255
"""The value of pixels that belong to no region."""

# Smaller blocks are more calls, larger ones of 200 bands in double precision leave the caches.
_PIXELS_PER_BLOCK = 512
_THREADS = min(4, os.cpu_count() or 1)

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


@dataclass(frozen=True)
class Distortion:
    """Sums over the pixels of an image [...] = [], or of each of its regions [...] = [R].

    Every field but ``largest`` adds up over images and regions; 0 where there is no pixel.

    Attributes:
        squared_error: [..., C] float64, the sum over pixels of (decoded - original)^2 per band.
        largest: [...] float64, the largest |decoded - original| of any pixel and band.
        angle: [...] float64, the sum over pixels of the spectral angle, in radians.
        pixels: [...] int64; every pixel has an angle.
    """

    squared_error: Floats
    largest: Floats
    angle: Floats
    pixels: NDArray[np.int64]


def distortion(
    original: Image, decoded: Image, regions: NDArray[np.uint8], region_count: int
) -> tuple[Distortion, Distortion]:
    """What a decoded image lost, over all pixels and by region.

    The spectral angle of a pixel (Kruse et al. 1993, SAM) is the angle between its two spectra x
    and y, here atan2(sqrt(|x|^2 |y|^2 - <x, y>^2), <x, y>). It needs no clamp, and with sums in
    double precision, in which products of float32 are exact, it is within 1e-5 degrees: arccos of
    a float32 cosine knows nothing below 0.02 degrees.

    A spectrum of zeros has no direction. Two of them are equal, angle 0; beside one alone the
    angle is 90 degrees. Then <x, y> is 0, no angle fits the limits from all directions better, and
    for spectra without negative values it is the largest there is: a codec that loses a spectrum
    altogether isn't rewarded by leaving the pixel out of its mean.

    Both images are read once, in blocks of rows that stay in cache. Beside them it takes some
    blocks (10 MiB for 200 bands) and 32 bytes per pixel and 8 per pixel and region.

    Args:
        original: [C, H, W] float32.
        decoded: [C, H, W] float32.
        regions: [H, W] uint8, the region of every pixel, 0 to R - 1, or ``NO_REGION``.
        region_count: R, up to 255.

    Returns:
        The distortion of the whole image, pixels of no region included, and that by region.

    Raises:
        BenchError: shapes or dtypes aren't as above, a region is R or more, or a value is NaN or
            infinite.
    """
    _check(original, decoded)
    bands, height, width = original.shape
    inside = _membership(regions, region_count, (height, width))
    step = max(1, _PIXELS_PER_BLOCK // width)
    original_square, decoded_square, product, largest_square = np.empty((4, height * width))
    ones = np.ones(bands)

    def read(row: int) -> Floats:
        rows, pixels = slice(row, row + step), slice(row * width, (row + step) * width)
        x = np.ascontiguousarray(original[:, rows], np.float64).reshape(bands, -1)
        y = np.ascontiguousarray(decoded[:, rows], np.float64).reshape(bands, -1)
        with np.errstate(invalid="ignore"):
            # Summing over bands as a product with ones takes less time than einsum does.
            terms = x * x
            np.dot(ones, terms, out=original_square[pixels])
            np.multiply(y, y, out=terms)
            np.dot(ones, terms, out=decoded_square[pixels])
            np.multiply(x, y, out=terms)
            np.dot(ones, terms, out=product[pixels])
            y -= x
            y *= y
            np.max(y, axis=0, out=largest_square[pixels])
            errors: Floats = y @ inside[pixels]
        return errors

    # Blocks are summed in their order: the result doesn't depend on the number of threads.
    with ThreadPoolExecutor(_THREADS) as pool:
        squared_error = sum(pool.map(read, range(0, height, step)), np.zeros((bands, 1)))
    for name, squares in [("original", original_square), ("decoded", decoded_square)]:
        if not np.isfinite(squares).all():
            raise _not_finite(name)

    sine = np.sqrt(np.maximum(original_square * decoded_square - product * product, 0))
    # A product of zeros can be -0, whose angle would be 180 degrees.
    angle = np.arctan2(sine, product + 0.0)
    angle[(original_square == 0) != (decoded_square == 0)] = math.pi / 2
    by_region = Distortion(
        squared_error=squared_error.T[:-1],
        largest=np.sqrt((largest_square[:, None] * inside).max(axis=0))[:-1],
        angle=(angle @ inside)[:-1],
        pixels=inside.sum(axis=0).astype(np.int64)[:-1],
    )
    whole = Distortion(
        squared_error=squared_error.sum(axis=1),
        largest=np.sqrt(largest_square.max()),
        angle=angle.sum(),
        pixels=np.asarray(angle.size),
    )
    return whole, by_region


def ssim(original: Image, decoded: Image) -> float:
    """The structural similarity of Wang et al. (2004), the mean over bands and window positions.

    Gaussian windows of 11 x 11 pixels with sigma 1.5 that lie within the image, K = (0.01, 0.03),
    data range 1: ``pytorch_msssim.SSIM(data_range=1, channel=C)``. Values are not clipped, so a
    decoded image may leave [0, 1]. Memory: some twenty arrays of the size
    of a band for each of up to four threads.

    Args:
        original: [C, H, W] float32.
        decoded: [C, H, W] float32.

    Returns:
        A number up to 1, or NaN where a side is shorter than the window.

    Raises:
        BenchError: shapes or dtypes aren't as above, or a value is NaN, infinite, or so large that
            its square is.
    """
    _check(original, decoded)
    bands, *sides = original.shape
    if min(sides) < _WINDOW:
        return math.nan

    def similarity(band: int) -> float:
        x, y = original[band], decoded[band]
        with np.errstate(over="ignore", invalid="ignore"):
            mean_x, mean_y, of_product, of_squares = _window_means(
                np.stack([x, y, x * y, x * x + y * y])
            )
            product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
            quality = (2 * product + _C1) * (2 * (of_product - product) + _C2)
            quality /= (squares + _C1) * (of_squares - squares + _C2)
        return float(quality.mean(dtype=np.float64))

    with ThreadPoolExecutor(_THREADS) as pool:
        mean: float = sum(pool.map(similarity, range(bands))) / bands
    if not math.isfinite(mean):
        raise _not_finite("original or decoded")
    return mean


def _window_means(maps: Image) -> Image:
    """[..., H - 10, W - 10] the mean under every window that lies within the maps [..., H, W]."""
    half = _WINDOW // 2
    weights = np.exp(-((np.arange(_WINDOW) - half) ** 2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    # Columns, then rows: the window is the product of two, and each of them is symmetric.
    for _ in range(2):
        shifted = np.lib.stride_tricks.sliding_window_view(maps, _WINDOW, axis=-2)
        means = shifted[..., half] * np.float32(weights[half])
        for before in range(half):
            pair = shifted[..., before] + shifted[..., _WINDOW - 1 - before]
            pair *= np.float32(weights[before])
            means += pair
        maps = means.swapaxes(-1, -2)
    return maps


def _membership(regions: NDArray[np.uint8], count: int, shape: tuple[int, int]) -> Floats:
    """[H W, R + 1], 1 where a pixel is of a region; the last column is for those of none."""
    if regions.shape != shape or regions.dtype != np.uint8 or not 0 <= count <= NO_REGION:
        raise BenchError(
            f"expected regions as uint8 {list(shape)} and up to {NO_REGION} of them, "
            f"found {regions.dtype} {list(regions.shape)} and {count}"
        )
    known = regions[regions != NO_REGION]
    if known.max(initial=0) >= max(count, 1) or (known.size and not count):
        raise BenchError(
            f"expected every region to be below {count}, found {known.max()}",
            f"pixels of no region have the value {NO_REGION}",
        )
    columns = np.append(np.arange(count), NO_REGION)
    inside: Floats = np.equal(regions.reshape(-1, 1), columns).astype(np.float64)
    return inside


def _check(original: Image, decoded: Image) -> None:
    if original.ndim != 3 or original.shape != decoded.shape or not original.size:
        raise BenchError(
            "expected original and decoded image of one shape [C, H, W], "
            f"found {list(original.shape)} and {list(decoded.shape)}"
        )
    if original.dtype != np.float32 or decoded.dtype != np.float32:
        raise BenchError(
            f"expected images as float32, found {original.dtype} and {decoded.dtype}",
            "scale to reflectance first",
        )


def _not_finite(name: str) -> BenchError:
    return BenchError(
        f"expected finite reflectances, found NaN or infinity in the {name} image",
        "mask the pixels without data before compressing them",
    )
