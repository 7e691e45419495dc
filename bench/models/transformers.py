"""Encoders of images in the layout of transformers: ``transformers:OWNER/NAME[@REVISION]``.

A repository on the Hugging Face Hub with ``config.json``, ``preprocessor_config.json`` and
``model.safetensors``, pinned to a commit: DINOv2 and v3, I-JEPA, ViT, BEiT, Swin, ConvNeXt, and the
towers of pictures of CLIP and SigLIP. Statistics, size and resampling are those of
``preprocessor_config.json``. Code in a repository is never run, pickled weights never opened.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

import bench.base.torch_setup  # noqa: F401
from bench.base import bounded_json, extras
from bench.base.errors import BenchError, RequestError
from bench.models._checkpoint import Checkpoint
from bench.models._snapshot import WEIGHTS, Snapshot, fetch, only
from bench.spec.channels import Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen
from bench.spec.task import in_one_line

if TYPE_CHECKING:
    import torch

_CONFIG, _PROCESSOR = "config.json", "preprocessor_config.json"
_MAX_TEXT = 1 << 20
_REPOSITORY = re.compile(r"([\w.-]{1,96}/[\w.-]{1,96})(?:@([\w./-]{1,255}))?", re.A)
_RGB = (("red", 660.0), ("green", 560.0), ("blue", 485.0))
_RESAMPLING = {0: "nearest", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers."""

KINDS = frozenset(
    (
        *("beit", "clip", "clip_vision_model", "convnext", "convnextv2", "dinov2"),
        *("dinov2_with_registers", "dinov3_convnext", "dinov3_vit", "ijepa", "siglip"),
        *("siglip_vision_model", "swin", "swinv2", "vit", "vit_msn"),
    )
)
"""The ``model_type`` of configurations whose networks give features of images."""


class _Size(BaseModel):
    height: int | None = None
    shortest_edge: int | None = None


class _Tower(BaseModel):
    """What is read of ``config.json`` before transformers sees it."""

    num_channels: int = 3
    image_size: int | list[int] | None = None
    patch_size: int | list[int] = 1


class _Config(_Tower):
    model_type: str
    vision_config: _Tower | None = None


class _Processor(BaseModel):
    """What is read of ``preprocessor_config.json``."""

    image_mean: Annotated[list[float], Field(min_length=3, max_length=3)] = [0.0] * 3
    image_std: Annotated[list[float], Field(min_length=3, max_length=3)] = [1.0] * 3
    do_normalize: bool = True
    rescale_factor: float = 1 / 255
    do_center_crop: bool = False
    size: _Size | int | None = None
    crop_size: _Size | int | None = None
    resample: int = 2


def checkpoint(rest: str) -> Checkpoint:
    """What a repository says of its encoder; its configuration is fetched, its weights are not.

    Raises:
        RequestError: transformers isn't installed, or the repository holds no encoder of pictures.
        BenchError: it can't be fetched, or a file is damaged.
    """
    extras.load("transformers", "encoders", f"transformers:{rest}")
    snapshot = _texts(rest)
    config = _read(snapshot, _CONFIG, _Config)
    given = _read(snapshot, _PROCESSOR, _Processor)
    if config.model_type not in KINDS:
        raise RequestError(
            f"{snapshot.name} is of type {config.model_type[:50]}, which isn't known to give "
            "features of images",
            f"types that do: {', '.join(sorted(KINDS))}",
        )
    tower = config.vision_config or config
    if tower.num_channels != len(_RGB):
        raise RequestError(
            f"{snapshot.name} takes {tower.num_channels} channels and doesn't say which",
            "encoders of colour pictures can be used",
        )
    if abs(given.rescale_factor * 255 - 1) > 1e-3 or given.resample not in _RESAMPLING:
        raise RequestError(
            f"{snapshot.name}: pictures scaled by {given.rescale_factor} and resampled by "
            f"{given.resample} can't be made",
            "a factor of 1/255, and nearest, bilinear or bicubic resampling can",
        )
    mean = given.image_mean if given.do_normalize else [0.0] * 3
    std = given.image_std if given.do_normalize else [1.0] * 3
    side = _side(given.crop_size if given.do_center_crop else given.size) or _first(
        tower.image_size
    )
    whole = given.do_center_crop or (isinstance(given.size, _Size) and not given.size.height)
    return Checkpoint(
        channels=[
            Channel(name=colour, wavelength=centre, mean=m, std=s)
            for (colour, centre), m, s in zip(_RGB, mean, std, strict=True)
        ],
        size=side or 224,
        multiple=_first(tower.patch_size) or 1,
        resampling=_RESAMPLING[given.resample],  # type: ignore[arg-type]
        fit="crop" if whole and given.resample else "stretch",
        statistics=f"{snapshot.name}, {_PROCESSOR}"[:200],
        fetch=partial(_weights, snapshot),
        arguments={"commit": snapshot.commit},
        url=f"https://huggingface.co/{snapshot.repo}",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """The network that a repository configures, with random weights.

    Raises:
        RequestError: transformers isn't installed, or doesn't take the configuration.
        BenchError: the configuration can't be fetched.
    """
    extras.load("transformers", "encoders", f"transformers:{rest}")
    from bench.models import _transformers

    snapshot = _texts(f"{rest}@{arguments['commit']}")
    _read(snapshot, _CONFIG, _Config)
    return _transformers.build(snapshot.folder, snapshot.name)


def tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a file of weights beside its configuration, named as in the network.

    Raises:
        BenchError: some are missing, or have another shape than the configuration says.
    """
    from bench.models import _transformers

    return _transformers.stored(file.parent)


def _texts(rest: str) -> Snapshot:
    """The configuration of a repository and of its preprocessing."""
    asked = _REPOSITORY.fullmatch(rest)
    if asked is None:
        raise RequestError(
            f"transformers:{rest[:200]} is no repository",
            "write transformers:OWNER/NAME[@REVISION]",
        )
    return fetch(asked[1], asked[2], lambda name, sizes: only(name, sizes, _CONFIG, _PROCESSOR))


def _weights(snapshot: Snapshot) -> tuple[Path, str]:
    found = fetch(
        snapshot.repo,
        snapshot.commit,
        lambda name, sizes: only(name, sizes, _CONFIG, WEIGHTS),
    )
    return found.folder / WEIGHTS, found.name


def _read(snapshot: Snapshot, file: str, form: Any) -> Any:
    content = bounded_json.read(snapshot.folder / file, _MAX_TEXT, "get the repository again")
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"{snapshot.name}: {file}: {in_one_line(error)}") from error


def _side(given: _Size | int | None) -> int | None:
    return (given.height or given.shortest_edge) if isinstance(given, _Size) else given


def _first(given: int | list[int] | None) -> int | None:
    return given[0] if isinstance(given, list) else given
