"""Architectures that ship with the harness."""

import sys

import pytest
import torch

from bench import models
from bench.base.errors import RequestError
from bench.models import baseline
from bench.spec import task as tasks
from bench.spec.entry import Entry, Model

TASK = tasks.load("reben-mlc")
UNET = "architectures.unet.UNet"


def _entry(architecture: str = UNET, size: int = 120, **arguments: int) -> Entry:
    contract = TASK.input("s1").model_copy(update={"size": size})
    model = Model(architecture=f"baseline:{architecture}", arguments=dict(arguments))
    return Entry(name="unet", task=TASK.name, input=contract, model=model)


@pytest.mark.parametrize("size", [16, 31, 120])
def test_unet_keeps_the_size(size: int) -> None:
    torch.manual_seed(0)
    model = models.build(_entry(size=size, width=4), 20)
    logits = model(torch.randn(2, 2, size, size))
    assert logits.shape == (2, 20, size, size)
    logits.square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_unet_sees_what_is_around_a_pixel() -> None:
    model = models.build(_entry(size=48, width=4, depth=3), 1).eval()
    images = torch.randn(1, 2, 48, 48, requires_grad=True)
    model(images)[0, 0, 24, 24].backward()
    assert images.grad is not None
    reach = images.grad.abs().sum((0, 1)).nonzero()
    assert (reach.amax(0) - reach.amin(0)).min() > 32


def test_depth_and_width_change_the_size() -> None:
    def parameters(**arguments: int) -> int:
        return sum(p.numel() for p in models.build(_entry(**arguments), 20).parameters())

    assert parameters(depth=2) < parameters(depth=3)
    assert parameters(width=8) < parameters(width=16)


def test_no_package_of_the_user_is_imported() -> None:
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_ours(name)}
    try:
        models.build(_entry(width=4), 1)
        assert {name for name in sys.modules if _is_ours(name)} >= {
            "bench_baselines.architectures.unet"
        }
        assert not {"baselines", "architectures"} & sys.modules.keys()
    finally:
        sys.modules.update(before)


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("bench_baselines", "baselines", "architectures")


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("architectures.unett.UNet", r"unknown baseline architecture.*did you mean architectures"),
        ("UNet", "unknown baseline architecture"),
        ("os.path", "unknown baseline architecture"),
        ("architectures.unet.Unet", r"unknown architecture in architectures\.unet.*UNet"),
        ("architectures.unet.nn", "unknown architecture in"),
    ],
)
def test_unknown_architectures(architecture: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        models.build(_entry(architecture), 1)


def test_arguments_are_checked() -> None:
    with pytest.raises(RequestError, match=r"doesn't take the arguments .*wings"):
        models.build(_entry(wings=2), 1)
    with pytest.raises(RequestError, match="depth of 4 needs images of 16 px, not 8"):
        models.build(_entry(size=8), 1)


def test_build_is_what_the_room_calls() -> None:
    contract = TASK.input("s1s2")
    model = baseline.build(UNET, {"width": 4}, contract, 3)
    assert model(torch.zeros(2, 12, 120, 120)).shape == (2, 3, 120, 120)
