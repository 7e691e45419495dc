"""The networks that MagicBathyNet was published with for the seabed."""

import numpy as np
import pytest
import torch

from bench.models import baseline

MODULE = baseline._load("architectures.seabed")
NETWORKS = [
    lambda **given: MODULE.PublishedUNet(3, 4, 96, width=4, **given),
    lambda **given: MODULE.PublishedSegFormer(3, 4, 96, encoder="b0", **given),
]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_the_unet_has_the_size_of_the_released_one():
    """17,267,653 with the output for undefined, counted on the released code."""
    count = sum(p.numel() for p in MODULE.PublishedUNet(3, 5, 256).parameters())
    assert count == 17_267_653


def windows_summed(network, image, window, stride):
    """As the released test does it: window by window, moved inside where it would leave."""
    _, height, width = image.shape
    summed = np.zeros((4, height, width))
    for row in range(0, height, stride):
        for column in range(0, width, stride):
            x, y = min(row, height - window), min(column, width - window)
            part = image[None, :, x : x + window, y : y + window]
            summed[:, x : x + window, y : y + window] += network._logits(part)[0].numpy()
    return summed


@pytest.mark.parametrize("build", NETWORKS)
@torch.no_grad()
def test_evaluation_sums_the_logits_of_windows(build):
    network = build(window=64, stride=32).eval()
    images = 1.5 * torch.rand(2, 3, 96, 112) - 0.2
    found = network(images)
    for image, logits in zip(images.clamp(0, 1), found, strict=True):
        expected = windows_summed(network, image, 64, 32)
        np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("build", NETWORKS)
@torch.no_grad()
def test_images_of_a_window_are_seen_once_for_each_start(build):
    network = build(window=96, stride=48).eval()
    images = torch.rand(1, 3, 96, 96)
    torch.testing.assert_close(network(images), 4 * network._logits(images))


def test_training_sees_no_zeros_and_nothing_beyond_1():
    seen = []
    network = NETWORKS[0]()
    network.enter.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    images = torch.tensor([-1.0, 0.0, 0.3, 7.0]).view(1, 1, 1, 4).repeat(2, 3, 32, 8)
    logits = network(images)
    assert seen[0][0, 0, 0, :4].tolist() == pytest.approx([0.5, 0.5, 0.3, 1.0])
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("side", [16, 45, 50])
def test_the_unet_keeps_odd_sizes(side):
    network = MODULE.PublishedUNet(3, 4, side, width=4)
    assert network(torch.rand(2, 3, side, side)).shape == (2, 4, side, side)


def test_what_is_too_small_is_refused():
    with pytest.raises(ValueError, match="16 px, not 8"):
        MODULE.PublishedUNet(3, 4, 8)
    with pytest.raises(ValueError, match="32 px"):
        MODULE.PublishedSegFormer(3, 4, 288, window=16)
