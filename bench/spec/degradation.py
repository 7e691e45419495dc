"""How images are degraded before a model sees them in a test of its robustness.

A degradation is asked for as ``KIND=VALUES``; `parse` reads that. What it does to an image is in
`bench.data.degrade`; who does it, to which samples, in `bench.kinds.common.degraded`.
"""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import RequestError, unknown

Kind = Literal["drop", "cloud", "noise", "gsd"]

DEFINITION = 1
"""Raised when what a degradation does to an image changes; part of what a run is recognised by."""

UNITS: dict[Kind, str] = {
    "drop": "bands",
    "cloud": "share of the image",
    "noise": "standard deviations of the band",
    "gsd": "m",
}
"""The unit of the magnitude, by kind."""

_EXAMPLES = "such as drop=B8A,B11, cloud=0.1,0.3, noise=0.5 or gsd=20,40"
_MOST = 50


class Degradation(BaseModel):
    """One degradation of one magnitude.

    Attributes:
        kind: ``drop`` replaces bands by their mean; ``cloud`` covers a share of the image by opaque
            clouds; ``noise`` adds Gaussian noise; ``gsd`` averages over coarser pixels.
        magnitude: in the unit that `UNITS` names: how many bands, the share (above 0, at most 1),
            the standard deviation of the noise in standard deviations of the band, or metres.
        bands: that ``drop`` replaces, in the order in which they were asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    magnitude: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    bands: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The one name of it: ``drop=B8A,B11``, ``cloud=0.3``."""
        return f"{self.kind}={','.join(self.bands) or f'{self.magnitude:.12g}'}"

    @property
    def meaning(self) -> str:
        """What was done, in words with units."""
        size = f"{self.magnitude:.12g}"
        return {
            "drop": f"{', '.join(self.bands)} carry no information: each of their pixels holds the "
            "mean of the band's statistics",
            "cloud": f"simulated opaque clouds cover a share of {size} of each image, optical "
            "bands only",
            "noise": f"Gaussian noise of {size} standard deviations of its statistics is added to "
            "each band",
            "gsd": f"bands finer than {size} m are averaged over pixels of {size} m, and brought "
            "back by nearest neighbour",
        }[self.kind]


def parse(text: str) -> list[Degradation]:
    """The degradations that ``KIND=VALUES`` asks for.

    Args:
        text: ``drop=BAND,BAND`` for one that drops these bands together; ``cloud``, ``noise`` or
            ``gsd`` with one magnitude or several, each a degradation of its own.

    Returns:
        Them, by rising magnitude.

    Raises:
        RequestError: the text has another form, a value is named twice, or a magnitude is out of
            its range.
    """
    kind, _, rest = text.partition("=")
    if kind not in UNITS:
        raise unknown("degradation", kind, UNITS, f"write one {_EXAMPLES}")
    values = [value.strip() for value in rest.split(",")]
    if not all(values) or len(set(values)) < len(values) or len(values) > _MOST:
        raise RequestError(
            f"--degrade {text[:80]!r}: expected up to {_MOST} different values after {kind}=",
            _EXAMPLES,
        )
    if kind == "drop":
        return [Degradation(kind=kind, magnitude=len(values), bands=tuple(values))]
    found = sorted({_magnitude(kind, value, text) for value in values})
    return [Degradation(kind=kind, magnitude=size) for size in found]


def _magnitude(kind: str, value: str, text: str) -> float:
    try:
        size = float(value)
    except ValueError:
        size = math.nan
    high = 1.0 if kind == "cloud" else math.inf
    if not 0 < size <= high or math.isinf(size):
        limits = "above 0 and at most 1" if kind == "cloud" else "above 0"
        raise RequestError(
            f"--degrade {text[:80]!r}: expected numbers {limits}, found {value[:40]!r}",
            f"{_EXAMPLES}; the clean images are scored as well",
        )
    return size
