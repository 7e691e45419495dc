"""Models of open_clip: two towers, one for pictures and one for sentences.

``--model open_clip:NAME/TAG`` is a model with weights that open_clip knows by a tag, such as
``open_clip:ViT-B-32/openai``; they are fetched from the Hub, as safetensors. ``open_clip:NAME``
names an architecture, whose weights come from a recipe or from ``bench convert``. As an encoder its
tower of pictures is ``open_clip:NAME``, with random weights, or ``open_clip:NAME@TAG``.

A pair of pictures of two dates is embedded without training as the sum of the unit embeddings of
both.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import bench.base.torch_setup  # noqa: F401  # isort: skip
import open_clip  # type: ignore[import-untyped]
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch.nn.functional import normalize

from bench.base import bounded_json, weights
from bench.base.errors import BenchError, RequestError, unknown
from bench.models import _open_clip_features
from bench.models._checkpoint import Checkpoint
from bench.models._snapshot import MAX_BYTES, Snapshot, fetch, only
from bench.spec.channels import Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen
from bench.spec.entry import Entry
from bench.spec.task import Task, in_one_line

KINDS = ("retrieval", "zeroshot")
"""Kinds whose interface these models have."""

_CONFIG, _WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_RGB = 3
_COLOURS = (("red", 660.0), ("green", 560.0), ("blue", 485.0))
"""The channels of pictures, with nominal wavelengths in nm."""

_CHOOSABLE = re.compile(
    r"embed_dim|quick_gelu|init_logit_scale|init_logit_bias"
    r"|(vision|text)_cfg\.(?!hf_|timm_model|image_size|pretrained)[a-z_]{1,40}"
)


class _Preprocessing(BaseModel):
    """What is read of the ``preprocess_cfg`` of a published model."""

    mean: tuple[float, float, float] = open_clip.OPENAI_DATASET_MEAN
    std: tuple[float, float, float] = open_clip.OPENAI_DATASET_STD
    interpolation: str = Field(default="bicubic", pattern="^(bicubic|bilinear)$")
    resize_mode: str = "shortest"


class _Published(BaseModel):
    """What is read of ``open_clip_config.json``."""

    model_config = ConfigDict(protected_namespaces=())

    model_cfg: dict[str, Any]
    preprocess_cfg: _Preprocessing = _Preprocessing()


class _Towers:
    """What open_clip's models are not: they read sentences, and pairs of pictures."""

    tokenizer: Any

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings [n, width] of n sentences."""
        tokens = self.tokenizer(list(texts)).to(self.logit_scale.device)  # type: ignore[attr-defined]
        found: torch.Tensor = super().encode_text(tokens)  # type: ignore[misc]
        return found

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, width] of images [N, 3, size, size], or of pairs [N, 6, size, size]."""
        encode = super().encode_image  # type: ignore[misc]
        if images.shape[1] == _RGB:
            found: torch.Tensor = encode(images)
            return found
        dates = images.reshape(len(images), -1, _RGB, *images.shape[2:]).unbind(dim=1)
        return torch.stack([normalize(encode(date), dim=-1) for date in dates]).sum(dim=0)


class Clip(_Towers, open_clip.CLIP):  # type: ignore[misc]
    """A model of open_clip that reads sentences."""


class CustomTextClip(_Towers, open_clip.CustomTextCLIP):  # type: ignore[misc]
    """A model of open_clip with a text tower of its own that reads sentences."""


def entry(rest: str, task: Task) -> Entry:
    """The entry of ``NAME/TAG``, its weights fetched; for ``NAME`` one without weights.

    Raises:
        RequestError: open_clip has no such model or weights, or the task is no matter of sentences.
        BenchError: the weights can't be fetched, or are only published as a pickle.
    """
    name, _, tag = rest.partition("/")
    config = _config(name)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not tag:
        return _entry(
            task,
            name=f"open_clip-{name}",
            note=f"write open_clip:{name}/TAG for published weights, such as "
            f"{', '.join(tags[:3]) or 'none'}; its own are random",
            input=_contract(task, config, _Preprocessing()),
            model={"architecture": f"open_clip:{name}"},
        )
    found = published(fetch(_repository(name, tag), None), task)
    return found.model_copy(update={"name": f"open_clip-{name}-{tag}"})


def published(snapshot: Snapshot, task: Task) -> Entry:
    """The entry in a repository that open_clip pushed to the Hub.

    Raises:
        RequestError: the task is no matter of sentences.
        BenchError: the repository isn't whole, or its architecture can't be named.
    """
    try:
        content = bounded_json.read(
            snapshot.folder / _CONFIG, MAX_BYTES[_CONFIG], "get the repository again"
        )
        stated = _Published.model_validate(content)
        name, arguments = _named(stated.model_cfg)
    except ValidationError as error:
        raise BenchError(f"{snapshot.name}: {_CONFIG}: {in_one_line(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{snapshot.name}: {_CONFIG} can't be used: {error}") from error
    if not (snapshot.folder / _WEIGHTS).is_file():
        raise BenchError(
            f"{snapshot.name} holds no {_WEIGHTS}",
            "if you trust its pickled weights, fetch them and use `bench convert`",
        )
    squashed = stated.preprocess_cfg.resize_mode != "shortest"
    return _entry(
        task,
        name=snapshot.repo.partition("/")[2],
        url=f"https://huggingface.co/{snapshot.repo}",
        note="pictures that aren't square are cropped, not squashed" if squashed else "",
        source=snapshot.name,
        input=_contract(task, stated.model_cfg, stated.preprocess_cfg),
        model={
            "architecture": f"open_clip:{name}",
            "arguments": arguments,
            "weights": _WEIGHTS,
        },
        folder=snapshot.folder,
    )


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> torch.nn.Module:
    """The towers ``rest`` of open_clip for pictures in RGB, or for pairs of them; see `towers`.

    Raises:
        RequestError: the contract is of something else; or as `towers`.
        BenchError: as `towers`.
    """
    if len(contract.bands) not in (_RGB, 2 * _RGB) or contract.size is None:
        raise RequestError(
            f"open_clip:{rest} takes pictures in RGB, or pairs of them, of one size, the contract "
            f"has {len(contract.bands)} bands of {contract.size or 'any'} px"
        )
    return towers(rest, contract.size, arguments)


def towers(name: str, size: int, arguments: Mapping[str, Any]) -> torch.nn.Module:
    """A model of open_clip that reads sentences and pictures, with random weights.

    Args:
        name: of its configuration.
        size: of pictures, in pixels.
        arguments: what differs from that configuration, such as ``"vision_cfg.layers"``;
            ``pretrained`` is the tag of the weights that a training begins with, and with
            ``frozen_text`` it leaves all but the tower of pictures as it is.

    Raises:
        RequestError: open_clip has no such model, or it doesn't take an argument or the size.
        BenchError: its tokenizer or the weights it begins with can't be fetched.
    """
    given = dict(arguments)
    tag, frozen = given.pop("pretrained", ""), given.pop("frozen_text", False)
    config = configured(name, given)
    config["vision_cfg"]["image_size"] = size
    own_text = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    length = config["text_cfg"].get("context_length")
    try:
        model: torch.nn.Module = (CustomTextClip if own_text else Clip)(**config)
        tokenizer = open_clip.get_tokenizer(name, context_length=length)
    except (OSError, ImportError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BenchError(
            f"open_clip:{name} needs what must be fetched from the Hub: {first}",
            "is the Hub reachable?",
        ) from error
    except (TypeError, ValueError, AssertionError, RuntimeError, ArithmeticError) as error:
        raise RequestError(
            f"open_clip:{name} can't be built for {size} px with {given}: {error}",
            "arguments are those of open_clip's configurations, such as vision_cfg.layers",
        ) from error
    model.tokenizer = tokenizer
    if tag:
        weights.fill(model, fetch(_repository(name, str(tag)), None).folder / _WEIGHTS)
    if frozen:
        model.requires_grad_(False)
        model.visual.requires_grad_(True)
    return model


def configured(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's configuration of a model, changed.

    Raises:
        RequestError: there is no such model, or an argument isn't for an entry to choose.
    """
    config = _config(name)
    for key, value in arguments.items():
        if not _CHOOSABLE.fullmatch(key):
            raise RequestError(
                f"argument {key} of open_clip:{name} is not for an entry to choose",
                "arguments are sizes of its towers, such as vision_cfg.layers",
            )
        section, _, leaf = key.rpartition(".")
        (config[section] if section else config)[leaf] = value
    return config


def checkpoint(rest: str) -> Checkpoint:
    """What open_clip says of the tower of pictures of ``NAME`` or ``NAME@TAG``.

    Raises:
        RequestError: open_clip has no such model or weights.
        BenchError: the weights are only published as a pickle.
    """
    name, _, tag = rest.partition("@")
    config = _config(name)
    side = config["vision_cfg"].get("image_size", 224)
    size = side if isinstance(side, int) else side[0]
    repository = _repository(name, tag) if tag else ""
    stated = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    given = _Preprocessing.model_validate(stated)
    return Checkpoint(
        channels=[
            Channel(name=colour, wavelength=centre, mean=mean, std=std)
            for (colour, centre), mean, std in zip(_COLOURS, given.mean, given.std, strict=True)
        ],
        size=size,
        resampling="bilinear" if given.interpolation == "bilinear" else "bicubic",
        fit="crop" if given.resize_mode == "shortest" else "stretch",
        statistics=f"open_clip {tag or name}",
        fetch=partial(_fetched, repository) if tag else None,
        arguments={"quick_gelu": True} if stated.get("quick_gelu") else {},
        pretraining=[tag] if tag else [],
        url=f"https://huggingface.co/{repository}" if tag else "",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> torch.nn.Module:
    """The tower of pictures of the model ``rest``, with random weights.

    Raises:
        RequestError: open_clip has no such model.
    """
    config = configured(rest, arguments)
    config["vision_cfg"]["image_size"] = contract.size
    return _open_clip_features.build(config)


def tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of the tower of pictures in a published file."""
    return _open_clip_features.renamed(weights.read(file))


def _fetched(repository: str) -> tuple[Path, str]:
    found = fetch(repository, None, lambda asked, sizes: only(asked, sizes, _WEIGHTS))
    return found.folder / _WEIGHTS, found.name


def _config(name: str) -> dict[str, Any]:
    if name not in open_clip.list_models():
        raise unknown("open_clip model", name, open_clip.list_models())
    config: dict[str, Any] = deepcopy(open_clip.get_model_config(name))
    if "multimodal_cfg" in config:
        raise RequestError(
            f"open_clip:{name} writes captions besides", "use one of two towers, such as ViT-B-32"
        )
    # Weights are never fetched by the way.
    if "timm_model_name" in config["vision_cfg"]:
        config["vision_cfg"]["timm_model_pretrained"] = False
    if "hf_model_name" in config["text_cfg"]:
        config["text_cfg"]["hf_model_pretrained"] = False
    return config


def _repository(name: str, tag: str) -> str:
    """Where the Hub has the weights that open_clip knows by a tag."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag not in tags:
        raise unknown(f"weights of open_clip:{name}", tag, tags)
    known = open_clip.get_pretrained_cfg(name, tag)
    repository = str(known.get("hf_hub", "")).rpartition("/")[0]
    if not repository:
        raise BenchError(
            f"open_clip:{name}/{tag} is only published as a pickle, at {known.get('url')}",
            "if you trust it, fetch it and use `bench convert`",
        )
    return repository


def _entry(task: Task, **fields: Any) -> Entry:
    return Entry.model_validate(
        {"title": fields["name"], "authors": ["open_clip"], "task": task.name, **fields}
    )


def _contract(task: Task, config: Mapping[str, Any], given: _Preprocessing) -> InputContract:
    """The first input of a task at the size and with the statistics of a model.

    Raises:
        RequestError: the task is no matter of sentences, or its first input isn't RGB.
    """
    if task.kind not in KINDS:
        raise RequestError(
            f"task {task.name} is of kind {task.kind}, which models of pictures and sentences "
            "don't answer",
            f"they answer {' and '.join(KINDS)}: `bench list`",
        )
    own = task.input(task.inputs[0])
    dates, rest = divmod(len(own.bands), _RGB)
    side = config["vision_cfg"].get("image_size", 224)
    if rest or not isinstance(side, int):
        raise RequestError(
            f"input {task.inputs[0]} of task {task.name} has {len(own.bands)} bands, pictures of "
            f"{side} px: expected RGB and a square"
        )
    found = own.model_copy(
        update={
            "size": side,
            "resampling": given.interpolation,
            "fit": "crop",
            "mean": given.mean * dates,
            "std": given.std * dates,
        }
    )
    return own if found == own else found.model_copy(update={"statistics": "open_clip"})


def _named(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of a configuration, and how it differs from open_clip's of that name.

    Raises:
        ValueError: it differs from all of them in more than an entry may choose.
    """
    wanted = _leaves(config)
    best: tuple[str, dict[str, Any]] | None = None
    for name in open_clip.list_models():
        known = _leaves(open_clip.get_model_config(name))
        changes = {key: value for key, value in wanted.items() if known.get(key) != value}
        expressible = all(
            _CHOOSABLE.fullmatch(key)
            and isinstance(value, bool | int | float | str)
            and not isinstance(known.get(key), list)
            for key, value in changes.items()
        )
        fits = expressible and set(known) <= set(wanted)
        if fits and (best is None or len(changes) < len(best[1])):
            best = name, changes
    if best is None:
        raise ValueError("its model_cfg is like none of open_clip's")
    return best


def _leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= _leaves(value, f"{prefix}{key}.")
        elif value is not None and f"{prefix}{key}" != "vision_cfg.image_size":
            found[f"{prefix}{key}"] = value
    return found
