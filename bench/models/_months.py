"""Image series of several sensors on one axis of months, for encoders trained on monthly images.

In front of such an encoder the dates of a month are averaged; a month without a date is masked, and
so is a sensor that has none in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from bench.base.errors import RequestError

MOST = 24
"""The most months that an encoder here can tell apart."""

_FIRST_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
"""The first day of each month, of the year from 0; in a leap year a day off from March on."""


class Monthly(NamedTuple):
    """Channels on an axis of months.

    Attributes:
        pixels: by channel, float32 [N, months, H, W].
        seen: by channel, whether a month has a date, bool [N, months].
        months: the month of the year from 0, int64 [N, months].
    """

    pixels: dict[str, torch.Tensor]
    seen: dict[str, torch.Tensor]
    months: torch.Tensor


def of_image(images: torch.Tensor, channels: Sequence[str], month: int) -> Monthly:
    """Images float32 [N, channels, H, W] of one month."""
    known = torch.ones(len(images), 1, dtype=torch.bool, device=images.device)
    return Monthly(
        {name: images[:, place, None] for place, name in enumerate(channels)},
        dict.fromkeys(channels, known),
        torch.full((len(images), 1), month, device=images.device),
    )


def of_series(
    series: Mapping[str, tuple[torch.Tensor, torch.Tensor]], channels: Sequence[str]
) -> Monthly:
    """The monthly means of image series.

    Args:
        series: pixels float32 [N, dates, C, H, W] and days int64 [N, dates, 2] of each.
        channels: the names of all their channels, in their order.

    Raises:
        RequestError: there are other channels, or dates of more months than `MOST`.
    """
    if sum(pixels.shape[2] for pixels, _ in series.values()) != len(channels):
        counts = ", ".join(f"{pixels.shape[2]} of {name}" for name, (pixels, _) in series.items())
        raise RequestError(f"expected {len(channels)} channels, found {counts}")
    sides = [tuple(pixels.shape[3:]) for pixels, _ in series.values()]
    if len(set(sides)) > 1:
        raise RequestError(f"expected series of one size, found {sides}")
    elapsed = [_month(days) for _, days in series.values()]
    given = torch.cat([days[..., 0] >= 0 for _, days in series.values()], dim=1)
    together = torch.cat(elapsed, dim=1)
    first = together.masked_fill(~given, torch.iinfo(torch.int64).max).amin(dim=1)
    last = together.masked_fill(~given, 0).amax(dim=1)
    steps = int((last - first).max()) + 1
    if steps > MOST:
        raise RequestError(
            f"dates lie in {steps} months, at most {MOST} can be told apart",
            "choose another encoder",
        )
    pixels, seen, place = {}, {}, 0
    for (dates, days), month in zip(series.values(), elapsed, strict=True):
        step = month - first[:, None]
        member = (step[..., None] == torch.arange(steps, device=step.device)) & (days[..., :1] >= 0)
        share = member / member.sum(dim=1, keepdim=True).clamp(min=1)
        mean = torch.einsum("nds,ndchw->nschw", share.to(dates.dtype), dates)
        for index in range(dates.shape[2]):
            pixels[channels[place]] = mean[:, :, index]
            seen[channels[place]] = member.any(dim=1)
            place += 1
    months = (first[:, None] + torch.arange(steps, device=first.device)) % 12
    return Monthly(pixels, seen, months)


def _month(days: torch.Tensor) -> torch.Tensor:
    """Months of days int64 [N, dates, 2] since some January, int64 [N, dates]."""
    elapsed, of_year = days.unbind(dim=-1)
    bounds = torch.tensor(_FIRST_DAYS[1:], device=days.device)
    month = torch.bucketize(of_year.clamp(min=0), bounds, right=True)
    # The first day of the dataset lies anywhere in its year: 0 is the January of that year.
    years = torch.round((elapsed - of_year) / 365.25).to(torch.int64)
    return 12 * (years + 1) + month


def ratio(monthly: Monthly, high: str, low: str, scale: Mapping[str, tuple[float, float]]) -> None:
    """Add the channel ``NDVI`` = (high - low) / (high + low), 0 where that sum isn't positive.

    Args:
        monthly: gets the channel.
        high: near infrared.
        low: red.
        scale: the mean and std by which each was normalised.
    """
    first, second = (monthly.pixels[name] * scale[name][1] + scale[name][0] for name in (high, low))
    total = first + second
    positive = total > 0
    monthly.pixels["NDVI"] = torch.where(
        positive, (first - second) / torch.where(positive, total, 1), 0.0
    )
    monthly.seen["NDVI"] = monthly.seen[high] & monthly.seen[low]
