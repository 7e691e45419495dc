"""The input contract of a model, and the pipeline that brings native pixels to it.

A contract names bands in order, the unit of each sensor, the size, the resampling and the
normalisation. `InputPipeline` turns the native arrays of a dataset into exactly that, or refuses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.base.errors import BenchError, RequestError, unknown

Resampling = Literal["nearest", "bilinear", "bicubic"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Band:
    """A band as a dataset stores it.

    Attributes:
        sensor: such as ``sentinel-2-l2a``.
        gsd: ground sampling distance in metres.
        unit: of its values.
        wavelength: the centre in nm, where the name of the band doesn't tell it.
    """

    sensor: str
    gsd: float
    unit: str
    wavelength: float | None = None


def _decibel_to_linear(values: Floats) -> Floats:
    linear: Floats = np.power(np.float32(10), values / np.float32(10), dtype=np.float32)
    return linear


def _linear_to_decibel(values: Floats) -> Floats:
    tiny = np.finfo(np.float32).tiny
    return np.multiply(np.log10(np.maximum(values, tiny)), np.float32(10), dtype=np.float32)


_CONVERSIONS: dict[tuple[str, str], Callable[[Floats], Floats]] = {
    ("reflectance x 10000", "reflectance"): lambda values: values / np.float32(10_000),
    ("reflectance", "reflectance x 10000"): lambda values: values * np.float32(10_000),
    ("8 bit", "fraction"): lambda values: values / np.float32(255),
    # A picture of what Sentinel-2 measured, as A. Zavras et al. make it (ISPRS Journal 2025,
    # arXiv:2402.09816): white is a reflectance of 0.2, and so is everything brighter.
    ("reflectance x 10000", "fraction"): lambda values: np.clip(
        values / np.float32(2000), np.float32(0), np.float32(1)
    ),
    ("dB x 100", "dB"): lambda values: values / np.float32(100),
    ("dB", "linear power"): _decibel_to_linear,
    ("linear power", "dB"): _linear_to_decibel,
}


class InputContract(BaseModel):
    """What a model wants to be fed.

    Attributes:
        bands: band names of the dataset, in the order of the model's channels.
        units: for every sensor the bands come from, the unit of its values.
        size: height and width in pixels; None to leave images as they are stored.
        resampling: how a band of another size is brought to ``size``. Nearest as in
            ``torch.nn.functional.interpolate``; bilinear and bicubic with ``align_corners=True``.
        fit: ``stretch`` brings both sides to ``size``; ``crop`` brings the shorter side to it,
            antialiased, and takes the centre, as the preprocessing published with CLIP does.
        constants: ``files`` if mean and std are of files that lie with the data. They are 0 and 1
            until these are read: see `with_constants`.
        mean, std: per channel, in the contract's unit; the model gets ``(x - mean) / std``.
        statistics: where mean and std come from, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bands: Annotated[tuple[str, ...], Field(min_length=1, max_length=4096)]
    units: dict[str, str]
    size: Annotated[int, Field(ge=1, le=16_384)] | None = None
    resampling: Resampling
    # Absent from declarations, and so from digests, where it changes nothing.
    fit: Annotated[Literal["stretch", "crop"], Field(exclude_if=lambda fit: fit == "stretch")] = (
        "stretch"
    )
    constants: Annotated[
        Literal["declared", "files"], Field(exclude_if=lambda constants: constants == "declared")
    ] = "declared"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    statistics: str = ""

    @property
    def unread(self) -> bool:
        """Whether mean and std are of files that weren't read yet."""
        unset = set(self.mean) == {0.0} and set(self.std) == {1.0}
        return self.constants == "files" and unset

    def with_constants(self, moments: Mapping[str, tuple[float, float]], source: str) -> Self:
        """The contract with mean and standard deviation of each band as they were read.

        Args:
            moments: by band.
            source: where they come from, in words.
        """
        mean, std = zip(*(moments[band] for band in self.bands), strict=True)
        return self.model_validate(
            self.model_dump() | {"mean": mean, "std": std, "statistics": source}
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.bands)) != len(self.bands):
            raise ValueError(f"bands are named twice: {', '.join(self.bands)}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != len(self.bands):
                raise ValueError(f"{len(self.bands)} bands but {len(values)} values of {name}")
            if not all(np.isfinite(values)):
                raise ValueError(f"{name} holds values that are not finite")
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        if self.fit == "crop" and (self.size is None or self.resampling == "nearest"):
            raise ValueError("fit = crop needs a size, and bilinear or bicubic resampling")
        return self


class InputPipeline:
    """Bring native arrays of a dataset to the input contract of a model.

    Args:
        contract: what the model wants.
        bands: what the dataset has.

    Raises:
        RequestError: the dataset lacks a band, a band's sensor is not in the contract, or a unit
            can't be converted. A missing band is never replaced.
        BenchError: the contract's constants are those of files that weren't read.
    """

    def __init__(self, contract: InputContract, bands: Mapping[str, Band]) -> None:
        if contract.unread:
            raise BenchError(
                "expected mean and standard deviation of the dataset's own files, found none",
                "they are read where the dataset lies: `bench run` and `bench train` do that",
            )
        self.contract = contract
        self._channels: list[tuple[str, Callable[[Floats], Floats] | None, Any, Any]] = []
        for name, mean, std in zip(contract.bands, contract.mean, contract.std, strict=True):
            if name not in bands:
                raise unknown("band", name, bands, "the contract asks for it, the dataset lacks it")
            convert = _conversion(name, bands[name], contract.units)
            self._channels.append((name, convert, np.float32(mean), np.float32(std)))
        self._normalised = any(m != 0 or s != 1 for _, _, m, s in self._channels)

    def shape(self, arrays: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
        """Channels, height and width of what the pipeline returns for a sample's native arrays."""
        size = self.contract.size
        sides = (size, size) if size else arrays[self.contract.bands[0]].shape
        return len(self._channels), *sides

    def apply(self, arrays: Mapping[str, NDArray[Any]], out: Floats) -> None:
        """Bring one sample's native arrays to the contract.

        Args:
            arrays: band name to a two-dimensional array in the dataset's unit.
            out: float32 of the `shape` for these arrays, written in place.

        Raises:
            BenchError: the contract leaves images as they are, and the bands differ in size.
        """
        resampling = self.contract.resampling
        for channel, (name, convert, mean, std) in zip(out, self._channels, strict=True):
            values = arrays[name]
            if self.contract.fit == "crop":
                values = _cropped(values, len(channel), resampling)
            if convert is not None:
                values = convert(values.astype(np.float32))
            if values.shape == channel.shape:
                channel[:] = values
                self._normalise(channel, mean, std)
            elif self.contract.size is None:
                raise BenchError(
                    f"band {name} has {values.shape} px, {self.contract.bands[0]} {channel.shape}",
                    "a contract without size needs bands of one size",
                )
            elif resampling == "nearest":
                # Normalising commutes with nearest resampling, and is cheaper before it.
                values = values.astype(np.float32)
                self._normalise(values, mean, std)
                _nearest(values, channel)
            else:
                _interpolate(values.astype(np.float32), channel, resampling)
                self._normalise(channel, mean, std)

    def _normalise(self, values: Floats, mean: Any, std: Any) -> None:
        if self._normalised:
            values -= mean
            values /= std


def _conversion(
    name: str, band: Band, units: Mapping[str, str]
) -> Callable[[Floats], Floats] | None:
    if band.sensor not in units:
        raise RequestError(
            f"band {name} comes from {band.sensor}, for which the contract states no unit",
            f'add {band.sensor} = "{band.unit}" to the units of the contract',
        )
    wanted = units[band.sensor]
    if wanted == band.unit:
        return None
    if (band.unit, wanted) not in _CONVERSIONS:
        possible = sorted(to for source, to in _CONVERSIONS if source == band.unit)
        raise RequestError(
            f"band {name} is stored as {band.unit} and can't be given as {wanted}",
            "possible units: " + ", ".join([band.unit, *possible]),
        )
    return _CONVERSIONS[band.unit, wanted]


def _nearest(values: Floats, out: Floats) -> None:
    height, width = values.shape
    size = out.shape[0]
    if size % height == 0 and height == width:
        factor = size // height
        for offset in range(factor):
            out[::factor, offset::factor] = values
        for offset in range(1, factor):
            out[offset::factor] = out[::factor]
    else:
        source_rows, columns = (_nearest_index(n, size) for n in (height, width))
        out[:] = values[source_rows[:, None], columns]


def _nearest_index(source: int, target: int) -> NDArray[np.int64]:
    return np.arange(target) * source // target


def _interpolate(values: Floats, out: Floats, resampling: Resampling) -> None:
    import torch
    from torch.nn.functional import interpolate

    source = torch.from_numpy(values)[None, None]
    result = interpolate(source, size=out.shape, mode=resampling, align_corners=True)
    out[:] = result[0, 0].numpy()


def _cropped(values: NDArray[Any], side: int, resampling: Resampling) -> NDArray[Any]:
    """The centre of an image whose shorter side was brought to ``side``, in its own dtype.

    Pillow's resampling, as in the preprocessing published with CLIP: 8-bit images are rounded to 8
    bits again.
    """
    from PIL import Image

    # The longer side is cut off to whole pixels, as torchvision's Resize does.
    height, width = (side * length // min(values.shape) for length in values.shape)
    source = Image.fromarray(values if values.dtype == np.uint8 else values.astype(np.float32))
    resized = np.asarray(source.resize((width, height), Image.Resampling[resampling.upper()]))
    top, left = (round((length - side) / 2) for length in resized.shape)
    return resized[top : top + side, left : left + side]


def native_statistics(
    contract: InputContract, bands: Mapping[str, Band]
) -> dict[str, tuple[float, float]]:
    """The mean and standard deviation of each band of a contract in the unit of the dataset.

    Bands without statistics (mean 0 and std 1) are left out, as are those whose units no straight
    line connects.
    """
    found = {}
    for name, mean, std in zip(contract.bands, contract.mean, contract.std, strict=True):
        wanted = contract.units[bands[name].sensor]
        convert = _conversion(name, bands[name], contract.units)
        curved = convert is not None and "linear power" in (wanted, bands[name].unit)
        if (mean, std) == (0, 1) or curved:
            continue
        step = 1.0 if convert is None else float(convert(np.ones(1, np.float32))[0])
        found[name] = (mean / step, std / step)
    return found


def inputs_of(bands: Sequence[str], available: Mapping[str, Band]) -> str:
    """The sensors behind ``bands`` in words, such as ``sentinel-1-grd + sentinel-2-l2a``."""
    return " + ".join(sorted({available[name].sensor for name in bands}))
