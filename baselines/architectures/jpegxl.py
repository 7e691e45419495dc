"""JPEG XL of single 16-bit bands at one distance (ISO/IEC 18181; encoder: libjxl)."""

import numpy as np
from numpy.typing import NDArray

from ..codecs import jpegxl
from ..codecs.classical import RateCodec
from ..codecs.rates import largest_within
from ..codecs.stream import Stream, pack

_PEAK = 65_535
_EFFORT = 5


class JPEGXL(RateCodec):
    """Reflectance x 65,535, every band a codestream of its own; see `RateCodec`."""

    codec = "jpegxl"

    def within(self, image: NDArray[np.float32], most_bytes: int) -> bytes:
        """Search for the distance, from 25 to 0.01."""
        bands = np.rint(image.astype(np.float64) * _PEAK).astype(np.uint16)

        def encode(quality: float) -> bytes:
            payload = jpegxl.encode(bands, 2**-quality, _EFFORT)
            return pack(self.codec, image.shape, {}, payload)

        return largest_within(encode, -np.log2(25), -np.log2(0.01), most_bytes)

    def image(self, stream: Stream) -> NDArray[np.float32]:
        """Bands divided by 65,535."""
        bands = jpegxl.decode(stream.payload, stream.shape)
        return (bands / _PEAK).astype(np.float32)
