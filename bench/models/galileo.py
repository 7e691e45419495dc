"""Galileo, a transformer for images and image series of several sensors: ``galileo:nano``.

G. Tseng et al., "Galileo: learning global & local features of many remote sensing modalities",
ICML 2025, arXiv:2502.09356. The published weights are a pickle; ``bench convert FILE --encoder
galileo:nano`` makes safetensors of it. ``galileo:nano-random`` is the same network with random
weights, and so are ``galileo:tiny-random`` and ``galileo:base-random`` of the larger ones.

It is fed as its code does (github.com/nasaharvest/galileo, commit 0f0b5b9): Sentinel-1 in decibels
and Sentinel-2 in digital numbers, ``(x - (mean - 2 std)) / (4 std)`` with the statistics of its
training data (config/normalization.json). What the data lack is masked, never replaced: NDVI,
weather, terrain, land cover and place always, as its ``construct_galileo_input`` does, and a group
of bands where one of it is missing. A single image is of June, the default there; pixels are taken
to be of 10 m. A series is averaged by months, the step of Galileo's own training, and attended to
in windows of 4 x 4 patches, the size that it was trained on with twelve dates.

Patches are of 8 x 8 px; ``galileo:nano/4`` has those of 4 x 4 px.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.base.errors import RequestError, unknown
from bench.models._groups import GROUPS
from bench.models.encoders import Checkpoint, Pickled
from bench.spec.channels import WAVELENGTHS, Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen

if TYPE_CHECKING:
    import torch

_COMMIT = "0f0b5b95ac81acef4b74cf4686dc877202f4541b"
_PUBLISHED = Pickled(
    "galileo-nano",
    f"https://github.com/nasaharvest/galileo/raw/{_COMMIT}/data/models/nano/encoder.pt",
    "eab6acacf527886a508a555bc24efe4b4a2cf91b162e84cd1c4a1807e942180c",
)
SIZES = {"nano": (128, 4, 8), "tiny": (192, 12, 3), "base": (768, 12, 12)}
"""Width, depth and heads (config/models)."""

_STATISTICS = {
    "VV": (-11.728724389184965, 4.887145774840316),
    "VH": (-18.85558188024017, 5.730270320384293),
    "B2": (1395.3408730676722, 917.7041440370853),
    "B3": (1338.4026921784578, 913.2988423581528),
    "B4": (1343.09883810357, 1092.678723527555),
    "B5": (1543.8607982512297, 1047.2206083460424),
    "B6": (2186.2022069512263, 1048.0101611156767),
    "B7": (2525.0932853316694, 1143.6903026819996),
    "B8": (2410.3377187373408, 1098.979177731649),
    "B8A": (2750.2854646886753, 1204.472755085893),
    "B11": (2234.911100061487, 1145.9774063078878),
    "B12": (1474.5311266077113, 980.2429840007796),
}
"""Mean and std of its training data (config/normalization.json)."""

_PATCH = 8
_SAFETENSORS = "82c2f8949b0854ffe6c1006617e3a55f6593e85e7b3fe2d8856cbebca1a50bc2"
"""Of what `bench convert` makes of them."""


def checkpoint(rest: str) -> Checkpoint:
    """What there is to know of ``nano``, ``nano-random``, ..., with the side of a patch or without.

    Raises:
        RequestError: it is another name.
    """
    name, patch = _named(rest)
    published = name == "nano"
    return Checkpoint(
        channels=[_channel(band) for group in GROUPS.values() for band in group],
        some=True,
        together=list(GROUPS.values()),
        multiple=patch,
        statistics=f"nasaharvest/galileo {_COMMIT[:7]}, config/normalization.json",
        series=True,
        pickled=_PUBLISHED if published else None,
        sha256=_SAFETENSORS if published else "",
        arguments={"patch": patch},
        pretraining=["127,155 places of Sentinel-1, Sentinel-2 and seven other products"],
        licence="MIT",
        url="https://github.com/nasaharvest/galileo",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """Galileo's encoder with random weights."""
    from bench.models._galileo import Galileo

    name, _ = _named(rest)
    return Galileo(list(channels), int(arguments["patch"]), *SIZES[name.removesuffix("-random")])


def _channel(band: str) -> Channel:
    mean, std = _STATISTICS[band]
    given: dict[str, Any] = {"name": band, "mean": mean - 2 * std, "std": 4 * std}
    if band[0] == "V":
        return Channel(polarisation=band, unit="dB", **given)
    wavelength = WAVELENGTHS[f"B{band[1:]:0>2}"]
    return Channel(wavelength=wavelength, unit="reflectance x 10000", **given)


def _named(rest: str) -> tuple[str, int]:
    name, _, patch = rest.partition("/")
    known = ["nano", *(f"{size}-random" for size in SIZES)]
    if name not in known:
        raise unknown("weights of galileo", name, known)
    if patch and not re.fullmatch(f"[1-{_PATCH}]", patch):
        raise RequestError(
            f"galileo:{rest}: patches have 1 to {_PATCH} px a side", "write galileo:nano/4"
        )
    return name, int(patch or _PATCH)
