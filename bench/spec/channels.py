"""Which band of a dataset feeds which channel of an encoder.

A channel is named by what it sees: the wavelength of an optical one, the polarisation of a radar
one. A band feeds it if it sees the same; nothing is replaced by zeros.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import RequestError
from bench.spec.contract import Band

WAVELENGTHS = {
    "B01": 442.7,
    "B02": 492.4,
    "B03": 559.8,
    "B04": 664.6,
    "B05": 704.1,
    "B06": 740.5,
    "B07": 782.8,
    "B08": 832.8,
    "B8A": 864.7,
    "B09": 945.1,
    "B10": 1373.5,
    "B11": 1613.7,
    "B12": 2202.4,
}
"""Central wavelengths in nm of Sentinel-2A (ESA, Sentinel-2 spectral response functions)."""

_COLOURS = {"R": 660.0, "G": 560.0, "B": 485.0, "N": 840.0}
"""Nominal ones of red, green, blue and near infrared, where a sensor's own aren't published."""

_NEAR = 40.0
"""A band feeds a channel at most so many nm away; between two it is the nearer one."""


class Channel(BaseModel):
    """What one input channel of an encoder sees, and how its values are normalised.

    Attributes:
        name: as the encoder's authors call it.
        wavelength: the centre in nm, of an optical channel.
        polarisation: such as ``VV``, of a radar channel.
        unit: that ``mean`` and ``std`` are in: a unit of `bench.spec.contract.InputContract`.
        mean, std: the encoder gets ``(x - mean) / std``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    wavelength: float | None = None
    polarisation: str = ""
    unit: str = "fraction"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 1.0


def wavelength_of(name: str, band: Band) -> float | None:
    """The central wavelength in nm of a dataset's band; None of radar and of what isn't known."""
    if band.wavelength is not None:
        return band.wavelength
    last = re.split(r"[-_]", name)[-1]
    if band.sensor.startswith("sentinel-2"):
        number = re.fullmatch(r"B(\d{1,2}A?)", last)
        return WAVELENGTHS.get(f"B{number[1].zfill(2)}") if number else None
    if band.sensor.startswith("sentinel-1"):
        return None
    return _COLOURS.get(re.sub(r"\d$", "", last))


def polarisation_of(name: str, band: Band) -> str:
    """The polarisation of a dataset's band, such as ``VV``; empty of other sensors."""
    last = re.split(r"[-_]", name)[-1]
    return last if band.sensor.startswith("sentinel-1") and re.fullmatch(r"[VH]{2}", last) else ""


def match(
    channels: Sequence[Channel], bands: Mapping[str, Band], encoder: str, *, some: bool = False
) -> dict[str, str]:
    """The band that feeds each channel.

    Args:
        channels: of the encoder.
        bands: those of the input that it is given.
        encoder: what to call it in an error.
        some: whether it can do without some of its channels; those have no band then.

    Returns:
        Names of bands by name of channel, in the order of the channels.

    Raises:
        RequestError: a channel that is needed has no band, or none at all has one.
    """
    found: dict[str, str] = {}
    missing = []
    for channel in channels:
        rivals = [
            (distance, bands[name].gsd, name)
            for name in bands
            if name not in found.values()
            and (distance := _distance(channel, name, bands[name])) is not None
        ]
        if rivals:
            found[channel.name] = min(rivals)[2]
        else:
            missing.append(channel)
    if not found or (missing and not some):
        lacking = ", ".join(map(_described, missing[:8])) + (
            " and more" if len(missing) > 8 else ""
        )
        raise RequestError(
            f"{encoder} needs {lacking}, which none of {', '.join(list(bands)[:16])} is",
            "choose another input of the task (--input NAME) or another encoder; bands that "
            "are missing are never replaced",
        )
    return found


def _distance(channel: Channel, name: str, band: Band) -> float | None:
    """How far a band is from what a channel sees, in nm; None if it can't feed it."""
    if channel.polarisation:
        return 0.0 if polarisation_of(name, band) == channel.polarisation else None
    centre = wavelength_of(name, band)
    if channel.wavelength is None or centre is None:
        return 0.0 if channel.name == name else None
    distance = abs(centre - channel.wavelength)
    return distance if distance <= max(_NEAR, 0.05 * channel.wavelength) else None


def _described(channel: Channel) -> str:
    if channel.polarisation:
        return f"{channel.name} (radar, {channel.polarisation})"
    if channel.wavelength is not None:
        return f"{channel.name} ({channel.wavelength:.0f} nm)"
    return channel.name
