"""Encoders of torchgeo, by name: ``torchgeo:NAME`` and ``torchgeo:NAME@WEIGHTS``.

Without a tag a network has random weights. ``WEIGHTS`` is a name of torchgeo's lists of weights,
such as ``torchgeo:resnet50@SENTINEL1_ALL_MOCO``; bands, sizes and statistics are what torchgeo
says of them. They are published as pickles on the Hugging Face Hub: ``bench convert --encoder
torchgeo:NAME@WEIGHTS --i-trust-this-file`` fetches one at its pinned revision and makes
safetensors of it.

ResNet, ViT and Swin take the bands that their weights were trained with; DOFA and Panopticon any
whose wavelengths or polarisations are known; CROMA both bands of Sentinel-1, twelve of Sentinel-2,
or both; Copernicus-FM any of Sentinel-1 and -2; Scale-MAE red, green and blue, and their GSD as the
dataset states it, whatever size images are brought to. DOFA, Panopticon and CROMA have no
statistics of their own: their inputs are normalised by the task's.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench.base.torch_setup  # noqa: F401
from bench.base import extras
from bench.base.errors import RequestError, unknown
from bench.models._checkpoint import Checkpoint
from bench.models._converted import Pickled
from bench.spec.channels import WAVELENGTHS, Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen

if TYPE_CHECKING:
    import torch

_STATISTICS = {
    # Mean and std in dB and in digital numbers that Copernicus-FM is trained with
    # (github.com/zhu-xlab/Copernicus-FM, commit da95635, Copernicus-FM/src/main_pretrain.py).
    **{"VV": (-12.59, 5.26), "VH": (-20.26, 5.91)},
    **{"B1": (1612.9, 791.0), "B2": (1397.6, 854.3), "B3": (1322.3, 878.7)},
    **{"B4": (1373.1, 1144.9), "B5": (1561.0, 1127.5), "B6": (2108.4, 1164.2)},
    **{"B7": (2390.7, 1276.0), "B8": (2318.7, 1249.5), "B8A": (2581.0, 1345.9)},
    **{"B9": (837.7, 577.5), "B10": (22.0, 47.5), "B11": (2195.2, 1340.0)},
    "B12": (1537.4, 1142.9),
}

_CROMA_OPTICAL = (*(f"B{n}" for n in range(1, 9)), "B8A", "B9", "B11", "B12")
"""The twelve bands of CROMA, those of Sentinel-2 without B10 (its README)."""

_SENTINEL_2 = re.compile(
    r"SENTINEL2_(ALL|RGB)_(MOCO|DINO|MAE|FGMAE|DECUR|SOFTCON|CLOSP|GEOCLOSP|SECO_ECO)"
)
_SENTINEL_1 = re.compile(r"SENTINEL1_(ALL|GRD)_(MOCO|MAE|FGMAE|DECUR|SOFTCON)")
_COLOURS = re.compile(r"FMOW_RGB(_GASSL)?")
"""Weights whose unit is known: digital numbers, dB, and 8 bit."""

_RGB = (("red", 660.0), ("green", 560.0), ("blue", 485.0))
_HASH = re.compile(r"-([0-9a-f]{8})\.\w+$")
_KNOWN = re.compile(r"(resnet|vit|swin|croma|dofa|panopticon|copernicusfm|scalemae)_?.*")
"""Names of torchgeo that are encoders of images."""

_FREE = re.compile(r"resnet|swin")
"""Those that take images of any size."""


def checkpoint(rest: str) -> Checkpoint:
    """What torchgeo says of ``NAME`` or ``NAME@WEIGHTS``.

    Raises:
        RequestError: torchgeo isn't installed or has no such encoder or weights, or doesn't say
            what these are fed with.
    """
    name, _, tag = rest.partition("@")
    api = extras.load("torchgeo.models", "encoders", f"torchgeo:{rest}")
    known = [one for one in api.list_models() if _KNOWN.fullmatch(one)]
    if name not in known:
        raise unknown("encoder of torchgeo", name, known)
    given: dict[str, Any] = {}
    if name.startswith(("dofa", "panopticon")):
        given["check"] = _any_sensor
    elif name.startswith("croma"):
        radar = [_channel(band, None, None) for band in ("VV", "VH")]
        optical = [_channel(band, None, None) for band in _CROMA_OPTICAL]
        given |= {
            "channels": [*radar, *optical],
            "some": True,
            "together": [("VV", "VH"), _CROMA_OPTICAL],
        }
    elif name.startswith("copernicusfm"):
        given |= {
            "channels": [_channel(band, *stated) for band, stated in _STATISTICS.items()],
            "some": True,
            "statistics": "zhu-xlab/Copernicus-FM da95635, main_pretrain.py",
        }
    patch = int(found[1]) if (found := re.search(r"(?:patch|vitb)(\d+)", name)) else 1
    given |= {"size": _side(name), "multiple": 8 if name.startswith("croma") else patch}
    if tag:
        given |= _weights(api, name, tag)
    return Checkpoint(**given)


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """The encoder ``rest`` with random weights.

    Raises:
        RequestError: torchgeo isn't installed.
    """
    extras.load("torchgeo.models", "encoders", f"torchgeo:{rest}")
    from bench.models import _torchgeo

    return _torchgeo.build(rest, contract, list(channels), bands)


def tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of one of torchgeo's files of weights, named as in the network here."""
    from bench.base.weights import read
    from bench.models import _torchgeo

    return _torchgeo.renamed(read(file))


def _side(name: str) -> int | None:
    """The side of images in pixels that a network was published for, where it takes no other."""
    if _FREE.match(name):
        return None
    return 120 if name.startswith("croma") else 224


def _weights(api: Any, name: str, tag: str) -> dict[str, Any]:
    """What torchgeo says of published weights."""
    try:
        members = {one.name: one for one in api.get_model_weights(name)}
    except KeyError:
        members = {}
    if tag not in members:
        raise unknown(f"weights of torchgeo:{name}", tag, list(members))
    stated = members[tag]
    digits = _HASH.search(stated.url)
    found: dict[str, Any] = {
        "pickled": Pickled(
            f"torchgeo-{name}-{tag}", stated.url, digits[1] if digits else "", part="model"
        ),
        "pretraining": [str(stated.meta.get("dataset", tag))],
        "url": str(stated.meta.get("repo", stated.url)),
    }
    if name.startswith(("dofa", "panopticon", "croma", "copernicusfm")):
        return found
    bands = [str(band).upper() for band in stated.meta.get("bands", ())]
    mean, std = _normalisation(stated.transforms, int(stated.meta.get("in_chans", len(bands))))
    if _COLOURS.fullmatch(tag):
        # In torchgeo colours have 8 bits, in a contract they are fractions of 255.
        channels = [
            Channel(name=colour, wavelength=centre, mean=m / 255, std=s / 255)
            for (colour, centre), m, s in zip(_RGB, mean, std, strict=True)
        ]
    elif bands and (_SENTINEL_1.fullmatch(tag) or _SENTINEL_2.fullmatch(tag)):
        channels = [_channel(band, m, s) for band, m, s in zip(bands, mean, std, strict=True)]
    else:
        usable = [
            one
            for one in members
            if any(known.fullmatch(one) for known in (_SENTINEL_1, _SENTINEL_2, _COLOURS))
        ]
        raise RequestError(
            f"torchgeo doesn't say which bands, in which unit, {tag} of {name} is fed with",
            f"weights of it that can be used: {', '.join(usable) or 'none'}",
        )
    return found | {
        "channels": channels,
        "statistics": f"torchgeo {tag}",
        "size": _side(name) or _cropped(stated.transforms),
        "fit": "stretch",
    }


def _channel(band: str, mean: float | None, std: float | None) -> Channel:
    """A band of Sentinel-1 or -2, in dB or digital numbers."""
    given: dict[str, Any] = {"name": band}
    if mean is not None and std is not None:
        given |= {"mean": mean, "std": std}
    if band in ("VV", "VH"):
        return Channel(polarisation=band, unit="dB", **given)
    return Channel(wavelength=WAVELENGTHS[f"B{band[1:]:0>2}"], unit="reflectance x 10000", **given)


def _normalisation(transforms: Any, channels: int) -> tuple[list[float], list[float]]:
    """The mean and std that a chain of torchvision's normalisations amounts to."""
    mean, std = [0.0] * channels, [1.0] * channels
    steps = transforms if hasattr(transforms, "__iter__") else [transforms]
    for step in steps:
        if type(step).__name__ != "Normalize":
            continue
        for index in range(channels):
            m, s = (values[index % len(values)] for values in (step.mean, step.std))
            # ((x - mean) / std - m) / s
            mean[index] += float(m) * std[index]
            std[index] *= float(s)
    return mean, std


def _cropped(transforms: Any) -> int | None:
    """The side in pixels that a chain of torchvision's transforms leaves."""
    sides = [int(step.size[0]) for step in transforms if hasattr(step, "size")]
    return sides[-1] if sides else None


def _any_sensor(bands: Mapping[str, Seen]) -> None:
    """Refuse bands of which neither wavelength nor polarisation is known."""
    blind = [
        name for name, seen in bands.items() if seen.wavelength is None and not seen.polarisation
    ]
    if blind:
        raise RequestError(
            f"the wavelength of {', '.join(blind[:8])} isn't known",
            "choose another input of the task (--input NAME) or another encoder",
        )
