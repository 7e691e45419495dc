"""What an encoder makes of the samples of a task: images, or series of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate
from torch.utils._pytree import tree_map_only

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError, RequestError, in_words
from bench.base.files import sha256_json
from bench.kinds.crops import series_of
from bench.models import encoders
from bench.spec.encoder import Encoder, Level

_widths: dict[str, int] = {}
_SEASONS = 4
_YEAR = 366


def extracted(network: nn.Module, declared: Encoder, inputs: Any, level: Level) -> torch.Tensor:
    """The features that an encoder gives a batch of its kind of a task.

    Args:
        network: of the encoder.
        declared: the encoder.
        inputs: images float32 [N, channels, height, width], or series by name with their days.
        level: of the features.

    Raises:
        BenchError: the encoder returns something else than features.
    """
    if not isinstance(inputs, Mapping):
        found = network.features(_brought(inputs, declared.side), level)  # type: ignore[operator]
        return _checked(found, declared, level, len(inputs))
    series = _padded(inputs)
    count = len(next(iter(series.values()))[0])
    if declared.series:
        return _checked(network.features(series, level), declared, level, count)  # type: ignore[operator]
    parts = [_by_season(network, declared, pixels, days, level) for pixels, days in series.values()]
    return torch.cat(parts, dim=1)


def _padded(inputs: Mapping[str, Any]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Series as (pixels, days), however a kind gives them."""
    if any(isinstance(one, tuple) for one in inputs.values()):
        return dict(inputs)
    return series_of(inputs)


def _by_season(
    network: nn.Module, declared: Encoder, pixels: torch.Tensor, days: torch.Tensor, level: Level
) -> torch.Tensor:
    """Mean features of the dates in each quarter of a year, [N, 4 F, ...].

    Of a quarter without any date it is the mean of all dates.
    """
    there = days[..., 1] >= 0
    flat = network.features(_brought(pixels[there], declared.side), level)  # type: ignore[operator]
    flat = _checked(flat, declared, level, int(there.sum()))
    rows = torch.arange(len(pixels), device=pixels.device)[:, None].expand_as(there)[there]
    season = (days[..., 1][there] * _SEASONS // _YEAR).clamp(max=_SEASONS - 1)
    sums = flat.new_zeros(len(pixels) * _SEASONS, *flat.shape[1:])
    sums.index_add_(0, rows * _SEASONS + season, flat)
    counts = torch.bincount(rows * _SEASONS + season, minlength=len(sums)).to(flat)
    shape = (len(pixels), _SEASONS, *[1] * (flat.ndim - 1))
    sums, counts = sums.view(len(pixels), _SEASONS, *flat.shape[1:]), counts.view(shape)
    whole = sums.sum(dim=1, keepdim=True) / counts.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(counts > 0, sums / counts.clamp(min=1), whole).flatten(1, 2)


def _brought(images: torch.Tensor, side: int | None) -> torch.Tensor:
    if side is None or images.shape[-2:] == (side, side):
        return images
    return interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def _checked(found: torch.Tensor, declared: Encoder, level: Level, count: int) -> torch.Tensor:
    form = 4 if level == "map" else 2
    if not isinstance(found, torch.Tensor) or found.ndim != form or len(found) != count:
        shape = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        wanted = "[N, F, rows, columns]" if level == "map" else "[N, F]"
        raise BenchError(
            f"{declared.name} gives {level} features of shape {shape} for {count} images, expected "
            f"{wanted}",
            "see `features` in bench.models.encoders.Network",
        )
    return found


def width(encoder: Encoder, level: Level, inputs: Any) -> int:
    """The number F of features of an encoder, found with made-up inputs.

    On the meta device, where values cost nothing, if the network can be followed there.

    Args:
        encoder: the encoder.
        level: of its features.
        inputs: of one sample, as its kind of a task gives them.

    Raises:
        RequestError: it fails on them.
    """
    key = sha256_json([encoder.identity(), level])
    if key in _widths:
        return _widths[key]
    _widths[key] = found = _width(encoder, level, inputs)
    return found


def _width(encoder: Encoder, level: Level, inputs: Any) -> int:
    def found(device: str) -> int:
        with torch.device(device), torch.no_grad():
            network = encoders.built(encoder).eval()
            there = tree_map_only(torch.Tensor, lambda tensor: tensor.to(device), inputs)
            return int(extracted(network, encoder, there, level).shape[1])

    with torch.random.fork_rng(devices=[]):
        try:
            return found("meta")
        # Not every network can be followed without values.
        except Exception:  # noqa: BLE001
            try:
                return found("cpu")
            except BenchError:
                raise
            # Networks are other people's code.
            except Exception as error:
                raise RequestError(
                    f"{encoder.name} fails on {len(encoder.input.bands)} channels of "
                    f"{encoder.input.size or 'any'} px: {in_words(error)}",
                    "choose another input of the task (--input NAME) or another encoder",
                ) from error
