"""Presto, a transformer for pixel time series of several sensors: ``presto:default``.

G. Tseng et al., "Lightweight, pre-trained transformers for remote sensing timeseries",
arXiv:2304.14065. The published weights are a pickle, of which ``bench convert FILE --encoder
presto:default`` makes safetensors. ``presto:random`` is the same network with random weights.

It is fed as its code does (github.com/nasaharvest/presto, commit 13173d0): Sentinel-1 in decibels,
``(x + 25) / 25``, Sentinel-2 as reflectance, and NDVI where it has red and near infrared. What the
data lack is masked, never replaced: ERA5, SRTM and Dynamic World always, a group of bands where one
of it is missing. The place is left out, as nasaharvest/galileo does where it compares with Presto
(src/eval/baseline_models/presto, commit 0f0b5b9), and a single image is of July, its default there.
A series is averaged by months, the step of Presto's own training.

A token is a pixel: images are averaged over blocks of 8 x 8 px first, as its authors average
patches of EuroSAT; ``presto:default/4`` is of 4 x 4 px, ``presto:default/1`` of each pixel.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import RequestError, unknown
from bench.models._groups import GROUPS
from bench.models.encoders import Checkpoint, Pickled
from bench.spec.channels import WAVELENGTHS, Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen

if TYPE_CHECKING:
    import torch

_COMMIT = "13173d028f035abcbcc3b13829314323a5c15d02"
_PUBLISHED = Pickled(
    "presto-default",
    f"https://github.com/nasaharvest/presto/raw/{_COMMIT}/data/default_model.pt",
    "559c9d76f525bdf2dd3774da8b1e7f1510769b73baacac12e9e4d8d5c67fbe65",
)

_BLOCK = 8
_SAFETENSORS = "d59aeba80647a680d709c4e3e7ae0a16c8d91a05ef55dd7372b37f7d028d96f6"
"""Of what `bench convert` makes of them."""


def checkpoint(rest: str) -> Checkpoint:
    """What there is to know of ``default`` or ``random``, with the side of a block or without.

    Raises:
        RequestError: it is another name.
    """
    name, side = _named(rest)
    return Checkpoint(
        channels=[
            Channel(name=band, polarisation=band, unit="dB", mean=-25, std=25)
            if band[0] == "V"
            else Channel(name=band, wavelength=WAVELENGTHS[f"B{band[1:]:0>2}"], unit="reflectance")
            for group in GROUPS.values()
            for band in group
        ],
        some=True,
        together=list(GROUPS.values()),
        statistics=f"nasaharvest/presto {_COMMIT[:7]}",
        series=True,
        pickled=_PUBLISHED if name == "default" else None,
        sha256=_SAFETENSORS if name == "default" else "",
        arguments={"block": side},
        pretraining=["Sentinel-1, Sentinel-2, ERA5, SRTM and Dynamic World of 2020 and 2021"],
        licence="MIT",
        url="https://github.com/nasaharvest/presto",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """Presto's encoder with random weights."""
    from bench.models._presto import Presto

    scale = zip(contract.mean, contract.std, strict=True)
    return Presto(dict(zip(channels, scale, strict=True)), int(arguments["block"]))


def tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of Presto's encoder, without those of its decoder."""
    from bench.base.weights import read

    return {
        name.removeprefix("encoder."): tensor
        for name, tensor in read(file).items()
        if name.startswith("encoder.")
    }


def _named(rest: str) -> tuple[str, int]:
    name, _, side = rest.partition("/")
    if name not in ("default", "random"):
        raise unknown("weights of presto", name, ["default", "random"])
    if side and not re.fullmatch(r"[1-9]\d?", side):
        raise RequestError(
            f"presto:{rest}: {side} is no side of a block in pixels", "write presto:default/4"
        )
    return name, int(side or _BLOCK)
