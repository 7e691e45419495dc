"""Architectures of timm, by name, and its pretrained weights.

``--model timm:NAME`` is any timm model fed with the task's first input and trained by the task's
recipe; ``timm:NAME/INPUT`` chooses another input, such as ``timm:resnet18/s1``. With ``--method``
it is an encoder, whose weights ``timm:NAME@TAG`` names: ``timm:resnet50@a1_in1k``.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench.base.torch_setup  # noqa: F401
from bench.base.errors import BenchError, RequestError, in_words, unknown
from bench.models import entries
from bench.models._remarks import LEAVES_A_MARGIN
from bench.models._snapshot import fetch, only
from bench.models._timm_features import TimmEncoder
from bench.models.encoders import Checkpoint
from bench.spec.channels import Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen
from bench.spec.entry import Entry
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

_WHERE_ACCEPTED = frozenset({"img_size", "drop_rate", "drop_path_rate"})
"""What a model may refuse: the protocol asks for it only where the architecture knows it."""

_OWNED = re.compile(
    r"model_name|pretrained.*|checkpoint_path|cache_dir|num_classes|in_chans|img_size"
)
"""What the harness decides itself, and what would open files or the network."""

_RGB = (("red", 660.0), ("green", 560.0), ("blue", 485.0))
"""The channels of timm's pretrained models, with nominal wavelengths in nm."""

_PRETRAINING = {"in1k": "ImageNet-1k", "in12k": "ImageNet-12k", "in21k": "ImageNet-21k"}
"""What the last part of a tag says of the images."""

_CLASSIFIERS = ("fc", "head_dist", "classifier")
_CLASSIFIER = re.compile(r"head(\.fc)?\.(weight|bias)$")
"""The names of classifiers in timm's files of weights, which an encoder is without."""

_UNEXPECTED = re.compile(r"got (?:an )?unexpected keyword argument(?:\(s\):)? \[?'(\w+)'")
"""As Python says it, and as MetaFormer of timm does."""


def entry(rest: str, task: Task) -> Entry:
    """The untrained entry ``timm-NAME-INPUT`` for ``NAME`` or ``NAME/INPUT``.

    Raises:
        RequestError: timm has no such model, or the task no such input.
    """
    name, _, given = rest.partition("/")
    if "@" in name:
        raise RequestError(
            f"timm:{name} names pretrained weights, which a method makes use of",
            "add --method finetune, ridge, knn, ...; or leave the tag away to train from scratch",
        )
    _check_name(name)
    given = given or task.inputs[0]
    return Entry.model_validate(
        {
            "name": f"timm-{name}-{given}",
            "title": name,
            "authors": ["timm"],
            "task": task.name,
            "input": task.input(given),
            "model": {"architecture": f"timm:{name}"},
            "recipe": entries.recipes(task),
        }
    )


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> "torch.nn.Module":
    """The timm model ``rest`` with random weights.

    The image size and the drop rates are left away one by one where the model doesn't know them,
    as in the training scripts of reBEN; nothing else is.

    Raises:
        RequestError: timm has no such model, or the model doesn't take an argument or the size.
    """
    from timm import create_model

    _check_name(rest)
    for name in arguments:
        if _OWNED.fullmatch(name):
            raise RequestError(
                f"argument {name} of timm:{rest} is not for an entry to choose",
                "the harness derives it from task and contract; weights come from safetensors",
            )
    wanted = {"img_size": contract.size, **arguments}
    while True:
        try:
            model: torch.nn.Module = create_model(
                rest, pretrained=False, num_classes=outputs, in_chans=len(contract.bands), **wanted
            )
        except TypeError as error:
            refused = _UNEXPECTED.search(str(error))
            if refused is None or refused[1] not in wanted:
                raise
            if refused[1] not in _WHERE_ACCEPTED:
                raise RequestError(
                    f"timm:{rest} takes no argument {refused[1]}", "remove it from entry.toml"
                ) from error
            del wanted[refused[1]]
        except (AssertionError, RuntimeError, ValueError) as error:
            raise RequestError(
                f"timm:{rest} can't be built for {len(contract.bands)} channels of "
                f"{contract.size} px with {dict(arguments)}: {in_words(error)}",
                advice(rest),
            ) from error
        else:
            _check_patches(rest, model, contract.size)
            return model


def advice(rest: str) -> str:
    """Which size a timm model wants, by timm's own configuration of it."""
    from timm.models import get_pretrained_cfg

    stated = get_pretrained_cfg(rest, allow_unregistered=True)
    if stated is None or not stated.input_size:
        return "choose another architecture, such as timm:resnet18, which takes any size"
    side, fixed = stated.input_size[-1], "and no others" if stated.fixed_input_size else ""
    least = f"at least {stated.min_input_size[-1]} px" if stated.min_input_size else ""
    return (
        f"timm publishes it for images of {side} px{' ' * bool(fixed)}{fixed}"
        f"{', ' * bool(least)}{least}: choose one that takes any size, such as timm:resnet18, or "
        f"write an entry of that size: bench init NAME --task TASK --architecture timm:{rest} "
        f"--size {side}"
    )


def checkpoint(rest: str) -> Checkpoint:
    """What timm says of ``NAME`` or ``NAME@TAG``.

    Raises:
        RequestError: timm has no such model, or no such weights of it.
    """
    from timm.models import get_pretrained_cfg, list_pretrained

    name, _, tag = rest.partition("@")
    _check_name(name)
    if not tag:
        found = get_pretrained_cfg(name, allow_unregistered=True)
        side = found.input_size[-1] if found and found.fixed_input_size else None
        return Checkpoint(size=side, multiple=_multiple(name))
    tags = [full.partition(".")[2] for full in list_pretrained(f"{name}.*")]
    if tag not in tags:
        raise unknown(f"weights of timm:{name}", tag, tags)
    stated = get_pretrained_cfg(f"{name}.{tag}")
    assert stated is not None
    repository = stated.hf_hub_id
    if repository and repository.endswith("/"):
        repository += f"{name}.{tag}"
    return Checkpoint(
        channels=[
            Channel(name=colour, wavelength=centre, mean=mean, std=std)
            for (colour, centre), mean, std in zip(_RGB, stated.mean, stated.std, strict=True)
        ],
        size=stated.input_size[-1],
        resampling="bicubic" if stated.interpolation == "bicubic" else "bilinear",
        fit="crop",
        statistics=f"timm {name}.{tag}",
        fetch=partial(_fetched, repository, f"timm:{rest}"),
        pretraining=[_PRETRAINING.get(tag.rpartition("_")[2], tag)],
        licence=stated.license or "",
        url=f"https://huggingface.co/{repository}",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """The timm model ``rest`` without its classifier, with random weights.

    Raises:
        RequestError: as `build`.
    """
    return TimmEncoder(build(rest, arguments, contract, 0))


def tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of one of timm's files of weights, without those of its classifier."""
    from bench.base.weights import read

    return {
        f"network.{name}": tensor
        for name, tensor in read(file).items()
        if name.partition(".")[0] not in _CLASSIFIERS and not _CLASSIFIER.match(name)
    }


def _fetched(repository: str | None, name: str) -> tuple[Path, str]:
    if not repository:
        raise BenchError(
            f"the weights of {name} aren't on the Hugging Face Hub",
            "`python -c 'import timm; print(timm.list_pretrained())'` lists others",
        )
    found = fetch(repository, None, lambda asked, sizes: only(asked, sizes, "model.safetensors"))
    return found.folder / "model.safetensors", found.name


def _multiple(name: str) -> int:
    """The side in pixels of the patches that a transformer cuts images into; 1 of other models."""
    found = re.search(r"patch(\d+)", name)
    return int(found[1]) if found else 1


def _check_patches(name: str, model: "torch.nn.Module", size: int | None) -> None:
    """Refuse patches that leave a margin of each image out, which timm does in silence."""
    patch = _patch(model)
    published = patch[0] == LEAVES_A_MARGIN.get(name.partition(".")[0])
    if size is not None and not published and any(size % side for side in patch):
        raise RequestError(
            f"timm:{name} cuts images into patches of {patch[0]} px, "
            f"which {size} px is no multiple of",
            f"patches of 8 px fit 120 px, as in timm:vit_base_patch8_224; {advice(name)}",
        )


def _patch(model: "torch.nn.Module") -> tuple[int, ...]:
    """The sides of patches that don't overlap, where a model cuts its images into such."""
    from torch import nn

    for name, first in model.named_modules():
        if isinstance(first, nn.Conv2d):
            padded: Any = getattr(
                model.get_submodule(name.rpartition(".")[0]), "dynamic_img_pad", 0
            )
            cut = first.kernel_size == first.stride and not any(map(bool, first.padding))
            return first.stride if cut and not padded else (1, 1)
    return (1, 1)


def _check_name(name: str) -> None:
    from timm import is_model, list_models

    # A tag such as resnet50.a1_in1k only names pretrained weights, which are never used.
    if not is_model(name.partition(".")[0]):
        raise unknown("timm model", name, list_models())
