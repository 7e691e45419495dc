"""What models of image time series share: resampling in time, early fusion, windows.

A model is given a mapping of series, such as S2 and S1A, each a pair: pixels float32
[N, dates, channels, height, width] and days int64 [N, dates, 2], the days since the first day of
the dataset and the day of the year from 0.
"""

from collections.abc import Callable, Mapping

import torch

from bench.base.errors import BenchError

Series = Mapping[str, tuple[torch.Tensor, torch.Tensor]]

_WINDOWS_AT_ONCE = 32


def at_days(pixels: torch.Tensor, days: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Pixels [N, T, ...] of rising days [N, T] on wanted days [N, S], interpolated linearly.

    Before the first and after the last day it is theirs.
    """
    days, wanted = days.contiguous(), wanted.contiguous()
    after = torch.searchsorted(days, wanted).clamp(1, days.shape[1] - 1)
    first, last = days.gather(1, after - 1), days.gather(1, after)
    share = ((wanted - first) / (last - first)).clamp(0, 1).to(pixels.dtype)
    rows = torch.arange(len(pixels), device=pixels.device)[:, None]
    share = share.view(*share.shape, *[1] * (pixels.ndim - 2))
    return torch.lerp(pixels[rows, after - 1], pixels[rows, after], share)


def aligned(series: Series) -> Series:
    """Every series on the dates of the first one."""
    _, days = next(iter(series.values()))
    return {
        name: (at_days(pixels, own[..., 0], days[..., 0]) if own is not days else pixels, days)
        for name, (pixels, own) in series.items()
    }


def early(series: Series) -> tuple[torch.Tensor, torch.Tensor]:
    """Early fusion: one series of the channels of all, on the dates of the first one.

    PASTIS-R's early fusion (V. S. F. Garnot et al., ISPRS Journal 187, 2022, arXiv:2112.07558).
    """
    together = aligned(series)
    _, days = next(iter(together.values()))
    return torch.cat([pixels for pixels, _ in together.values()], dim=2), days


def by_window(
    logits: Callable[[Series], torch.Tensor], series: Series, window: int
) -> torch.Tensor:
    """Logits [N, classes, height, width] of a network that sees square windows.

    Windows lie side by side; where they don't fill the image the last ones are moved back inside,
    and what they share with their neighbours is theirs.

    Raises:
        BenchError: the image is smaller than a window.
    """
    pixels, _ = next(iter(series.values()))
    count, *_, height, width = pixels.shape
    if (height, width) == (window, window):
        return logits(series)
    if min(height, width) < window:
        raise BenchError(
            f"expected images of at least {window} px, the window of the network, found "
            f"{height} x {width} px",
            "give the baseline a smaller window, or leave training windows at its size",
        )
    places = [(top, left) for top in _starts(height, window) for left in _starts(width, window)]
    whole = None
    per_call = max(1, _WINDOWS_AT_ONCE // count)
    for begin in range(0, len(places), per_call):
        chosen = places[begin : begin + per_call]
        parts = {
            name: (
                torch.cat([p[..., y : y + window, x : x + window] for y, x in chosen]),
                days.repeat(len(chosen), 1, 1),
            )
            for name, (p, days) in series.items()
        }
        found = logits(parts).unflatten(0, (len(chosen), count))
        if whole is None:
            whole = found.new_empty(count, found.shape[2], height, width)
        for (y, x), part in zip(chosen, found, strict=True):
            whole[..., y : y + window, x : x + window] = part
    assert whole is not None
    return whole


def _starts(side: int, window: int) -> list[int]:
    starts = list(range(0, side - window + 1, window))
    return starts if side % window == 0 else [*starts, side - window]
