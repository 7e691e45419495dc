"""How far pixel signatures deviate from their own time series.

T. Burgert, B. Demir: On the physical consistency of channel augmentations (IGARSS 2024,
arXiv:2403.14547) compares original and augmented signatures with the time series of their pixels.
Its exact definition isn't public; this one is a reconstruction. With B bands, the dates s other
than t, and y standardised per band, a signature v of date t has the deviations

- ``l1``: mean over s of |v - y_s|_1 / B;
- ``l2``: mean over s of |v - y_s|_2 / sqrt(B);
- ``angle``: mean over s of the angle between v and y_s in degrees, of reflectance and not
  standardised; 90 degrees where one of them is all zero;
- ``nearest``: the least over s of what ``l1`` averages;
- ``z``: mean over bands of |v - mean over s of y_s| / sigma, where sigma squared is the variance
  over s (n - 1), mean over the pixels of the location. Undefined with fewer than three dates, or
  where a band doesn't change at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


from bench.metrics.deviation_ratios import DISTANCES, ORIGINAL

__all__ = ["DISTANCES", "deviations", "sums_over"]

_PIXELS = 1024
"""Pixels at once: what is made of four dates of ten bands of so many stays in a core's cache."""


def deviations(
    candidates: Sequence[torch.Tensor], series: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    """Of signatures from the other dates of their pixel.

    Args:
        candidates: A of float32 [T, B, P]: reflectance, date by date in place of the original,
            which may be one of them.
        series: float32 [T, B, P]: reflectance on T >= 2 dates in B bands of P pixels.
        std: float32 [B], what reflectance is divided by; where it is centred doesn't matter.

    Returns:
        float32 [A, T, distances, P] in the order of `DISTANCES`; NaN where undefined.
    """
    import torch

    pixels = series.shape[-1]
    size = math.ceil(pixels / math.ceil(pixels / _PIXELS))
    work = _Work(series, std, size)
    sums: list[list[torch.Tensor]] = [[] for _ in candidates]
    for start in range(0, pixels, size):
        part = slice(start, start + size)
        work.compare_with(series[..., part])
        for candidate, found in zip(candidates, sums, strict=True):
            found.append(work.sums(candidate[..., part]))
    # One by one: what is equal stays so to the last bit.
    return torch.stack([_means(torch.cat(found, dim=-1), series.shape[1]) for found in sums])


def sums_over(found: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of deviations over areas, and of the squares of those of the original.

    Args:
        found: [1 + M, T, distances, P], the original before M magnitudes, as `deviations` gives.
        masks: bool [A, P], the pixels of each area.

    Returns:
        float64 [T, A, 1 + M, distances] and [T, A, distances]; NaN where undefined.
    """
    import torch

    weights = masks.T.to(torch.float64)
    exact = found.to(torch.float64)
    # [1 + M, T, D, A] -> [T, A, 1 + M, D], and [T, D, A] -> [T, A, D].
    sums = (exact @ weights).permute(1, 3, 0, 2)
    return sums, (exact[ORIGINAL].square() @ weights).permute(0, 2, 1)


def _means(sums: torch.Tensor, bands: int) -> torch.Tensor:
    """From sums over bands, as `_Work.sums` gives them, to deviations [T, distances, P]."""
    import torch

    others = len(sums) // 3
    squared, absolute, apart, z = torch.split(sums, [others, others, others, 1])
    # W. Kahan: 2 atan2(|u - v|, |u + v|) is exact for small angles, arccos isn't. Of unit vectors
    # the squares of both add up to 4.
    angle = torch.atan2(apart.sqrt(), (4 - apart).clamp_(min=0).sqrt_())
    means = {
        "l1": absolute.mean(dim=0) / bands,
        "l2": squared.sqrt().mean(dim=0) / math.sqrt(bands),
        "angle": angle.mean(dim=0) * (360 / math.pi),
        "nearest": absolute.amin(dim=0) / bands,
        "z": z[0] / bands,
    }
    return torch.stack([means[name] for name in DISTANCES], dim=1)


class _Work:
    """Sums over bands, block after block of pixels, in memory that is asked for once.

    A weighted sum over bands is a product of matrices: torch is twice as fast at it as at a sum,
    and many times as fast as at a norm.

    Args:
        series, std: as for `deviations`.
        size: pixels of a block, at most.
    """

    def __init__(self, series: torch.Tensor, std: torch.Tensor, size: int) -> None:
        import torch

        self.dates, bands = series.shape[:2]
        pairs = self.dates * (self.dates - 1), 1, -1
        self._scaled = (1 / std).expand(pairs)
        self._squared = (1 / std.square()).expand(pairs)
        self._equal = torch.ones(bands + 1, dtype=std.dtype, device=std.device).expand(pairs)
        self._spread = 1 / _spread(series)[:, None]
        # The dates, and again all but the last, so that every rotation of them is a view.
        self._values = series.new_empty((2 * self.dates - 1, bands, size))
        self._other_units = series.new_empty((2 * self.dates - 1, bands + 1, size))
        self._means = series.new_empty((self.dates, bands, size))
        self._units = series.new_empty((self.dates, bands + 1, size))
        self._room = series.new_empty((self.dates - 1) * self.dates * (bands + 1) * size)

    def compare_with(self, series: torch.Tensor) -> None:
        """Take the block [T, B, p] of the series, whose other dates `sums` will compare with."""
        import torch

        dates, pixels = self.dates, series.shape[-1]
        if pixels < self._means.shape[-1]:
            for name in ("_values", "_other_units", "_means", "_units"):
                setattr(self, name, getattr(self, name)[..., :pixels].contiguous())
        self._values[:dates] = series
        self._values[dates:] = series[:-1]
        self._fill_units(series, self._other_units[:dates])
        self._other_units[dates:] = self._other_units[: dates - 1]
        torch.sub(series.sum(dim=0), series, out=self._means).div_(dates - 1)

    def sums(self, reflectance: torch.Tensor) -> torch.Tensor:
        """Of a block [T, B, p] of a candidate, [3 (T - 1) + 1, T, p].

        For each other date the squared and the absolute differences, both weighted, and the squared
        differences of unit vectors; and the weighted differences from the mean of the other dates.
        """
        import torch

        dates, bands, pixels = reflectance.shape
        others = dates - 1
        out = reflectance.new_empty((3 * others + 1, dates, pixels))
        squared, absolute, apart, z = torch.split(out, [others, others, others, 1])
        room = self._room[: others * dates * bands * pixels].view(others, dates, bands, pixels)
        torch.sub(reflectance, _rotations(self._values), out=room)
        _sum(self._scaled, room.abs_(), absolute)
        _sum(self._squared, room.square_(), squared)
        torch.sub(reflectance, self._means, out=room[0])
        _sum(self._spread, room[:1].abs_(), z)
        self._fill_units(reflectance, self._units)
        room = self._room[: others * dates * (bands + 1) * pixels]
        room = room.view(others, dates, bands + 1, pixels)
        torch.sub(self._units, _rotations(self._other_units), out=room)
        _sum(self._equal, room.square_(), apart)
        return out

    def _fill_units(self, signatures: torch.Tensor, out: torch.Tensor) -> None:
        """Signatures [T, B, p] of length 1, with a band more that is 1 where all others are 0.

        So nothing is at a right angle to something, and at none to nothing.
        """
        import torch

        bands = signatures.shape[1]
        torch.mul(signatures, signatures, out=out[:, :bands])
        lengths = out[:, :bands].sum(dim=1).sqrt_()
        torch.eq(lengths, 0, out=out[:, bands])
        lengths += out[:, bands]
        torch.div(signatures, lengths[:, None], out=out[:, :bands])


def _rotations(values: torch.Tensor) -> torch.Tensor:
    """[2 T - 1, ...] -> views [T - 1, T, ...] of the other dates of each date."""
    dates = (len(values) + 1) // 2
    return values.unfold(0, dates, 1).movedim(-1, 1)[1:]


def _sum(weights: torch.Tensor, values: torch.Tensor, out: torch.Tensor) -> None:
    """[S * T, 1, B] and [S, T, B, p] -> [S, T, p]."""
    import torch

    torch.bmm(
        weights[: out.shape[0] * out.shape[1]],
        values.flatten(0, 1),
        out=out.view(-1, 1, out.shape[2]),
    )


def _spread(series: torch.Tensor) -> torch.Tensor:
    """For each date sigma of the others, [T, B]; NaN for all if it is unknown or 0 for any."""
    import torch

    dates, bands, pixels = series.shape
    others = dates - 1
    squares = series.new_zeros((dates, dates, bands), dtype=torch.float64)
    for start in range(0, pixels, _PIXELS):
        part = series[..., start : start + _PIXELS]
        for date in range(1, dates):
            squares[date, :date] += (part[:date] - part[date]).square_().sum(dim=2)
    # The variance of n values is the sum of the squares of their differences over n (n - 1).
    whole = squares.sum(dim=(0, 1))
    without = whole - squares.sum(dim=0) - squares.sum(dim=1)
    # What is left where as much is taken away as there was is rounding.
    known = others > 1 and bool((without > 1e-12 * whole).all())
    if not known:
        return series.new_full((dates, bands), torch.nan)
    return (without / (others * (others - 1) * pixels)).sqrt().to(series.dtype)
