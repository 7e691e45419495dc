"""JPEG 2000 of 16-bit bands, and of the components of a Karhunen-Loeve transform.

Q. Du, J. E. Fowler: Hyperspectral Image Compression Using JPEG2000 and Principal Component
Analysis. IEEE GRSL 4(2), 2007, doi:10.1109/LGRS.2006.888109. As there, one rate control allocates
bits over all components. Standard: ISO/IEC 15444-1; encoder: OpenJPEG.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ..codecs import jpeg2000, klt
from ..codecs.classical import RateCodec
from ..codecs.rates import largest_within
from ..codecs.stream import Stream, pack

_PEAK = 65_535
_LOWEST, _HIGHEST = 20.0, 110.0
"""PSNR in dB below the peak of 16 bits."""


class JPEG2000(RateCodec):
    """Reflectance x 65,535, every band a component of one codestream; see `RateCodec`."""

    codec = "jpeg2000"

    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """Search for the PSNR."""
        bands = np.rint(image.astype(np.float64) * _PEAK).astype(np.uint16)

        def encode(psnr: float) -> bytes:
            return pack(self.codec, image.shape, {}, _codestream(bands, psnr))

        return largest_within(encode, _LOWEST, _HIGHEST, most_bytes)

    def image(self, stream: Stream) -> NDArray[np.float32]:
        """Bands divided by 65,535."""
        bands = jpeg2000.decode(stream.payload, stream.shape)
        return (bands / _PEAK).astype(np.float32)


class KLTJPEG2000(RateCodec):
    """Components of 16 bits with one scale, so that errors weigh the same; see `RateCodec`."""

    codec = "klt-jpeg2000"

    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """Search for the PSNR; components with less energy than its error are left out."""
        transform = klt.fit(image)
        peak = float(np.abs(transform.components).max())
        scale = 2 * peak / (_PEAK - 1) or 1.0
        integers = np.rint(transform.components / scale + _PEAK // 2).astype(np.uint16)
        energies = np.sum(transform.components**2, axis=1)

        def encode(psnr: float) -> bytes:
            error = (scale * _PEAK) ** 2 * 10 ** (-psnr / 10)
            kept = energies > error * integers.shape[1]
            # Uniform quantisation with the same error has this step.
            precision = np.sqrt(energies[kept] / (12 * error))
            components = integers[kept].reshape(-1, *image.shape[1:])
            fields = {
                "k": len(components),
                "scale": scale,
                "means": klt.code_means(transform.means),
                "basis": klt.code_basis(transform.basis[:, kept], precision),
            }
            payload = _codestream(components, psnr) if len(components) else b""
            return pack(self.codec, image.shape, fields, payload)

        return largest_within(encode, _LOWEST, _HIGHEST, most_bytes)

    def image(self, stream: Stream) -> NDArray[np.float32]:
        """Means, basis and components put together."""
        channels, height, width = stream.shape
        k = stream.integer("k", 0, channels)
        scale = stream.real("scale", 0, math.sqrt(channels))
        integers = np.zeros((0, height, width), np.uint16)
        if k:
            integers = jpeg2000.decode(stream.payload, (k, height, width))
        components = (integers.reshape(k, height * width) - float(_PEAK // 2)) * scale
        transform = klt.Transform(
            klt.decode_means(stream.blob("means"), channels),
            klt.decode_basis(stream.blob("basis"), channels, k),
            components,
        )
        return klt.inverse(transform, stream.shape)


def _codestream(components: NDArray[np.uint16], psnr: float) -> bytes:
    # Without a target at the end: OpenJPEG's search for one fails on flat images.
    return jpeg2000.encode(components, psnr if psnr < _HIGHEST else math.inf)
