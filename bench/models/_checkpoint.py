"""What a source says of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.models._converted import Pickled
from bench.spec.channels import Channel
from bench.spec.encoder import Seen
from bench.spec.recipe import Scalar


@dataclass(frozen=True)
class Checkpoint:
    """What a source says of an encoder before it loads anything.

    Attributes:
        channels: what it must be fed, in its order; empty for one that takes any bands.
        some: whether it can do without some of its channels; `encoder` is told which it has.
        together: channels that it can only use together; where one is missing, none is fed.
        size: the side of its images in pixels; None: that of the task's input.
        multiple: what a side must be a multiple of.
        resampling: how images are brought to ``size``.
        fit: as in `bench.spec.contract.InputContract`.
        statistics: where the channels' mean and std come from, in words; empty where they have
            none of their own, and are normalised by the task's.
        check: is given the bands that it would be fed with, and raises `RequestError` where it
            can't be.
        series: whether it takes image series with their dates; others see one date at a time.
        fetch: gets its file of weights, with its source in words; None: it has random weights.
        pickled: its weights, where they are only published as a pickle; in place of ``fetch``.
        sha256: that the file must have, where it is published.
        arguments: of the architecture.
        pretraining, licence, url: as in `bench.spec.encoder.Encoder`.
    """

    channels: Sequence[Channel] = ()
    some: bool = False
    together: Sequence[Sequence[str]] = ()
    size: int | None = None
    multiple: int = 1
    resampling: Literal["nearest", "bilinear", "bicubic"] = "bilinear"
    fit: Literal["stretch", "crop"] = "stretch"
    statistics: str = ""
    check: Callable[[Mapping[str, Seen]], None] | None = None
    series: bool = False
    fetch: Callable[[], tuple[Path, str]] | None = None
    pickled: Pickled | None = None
    sha256: str = ""
    arguments: Mapping[str, Scalar] | None = None
    pretraining: Sequence[str] = ()
    licence: str = ""
    url: str = ""
