"""The architectures that see depth: the U-Net of MagicBathyNet and the log ratio."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d, relu

from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.models import baseline


@pytest.fixture(scope="module")
def module():
    return baseline._load("architectures.bathymetry")


def test_the_unet_has_the_published_size(module):
    count = sum(p.numel() for p in module.MagicBathyUNet(3, 1, 256).parameters())
    assert count == 1_925_601


def written_out(weights, images):
    """The published forward pass, layer by layer, of weights in the order of the checkpoints."""
    given = iter(weights)

    def take():
        return next(given), next(given)

    def double(values):
        for _ in range(2):
            values = relu(conv2d(values, *take(), padding=1))
        return values

    kept = [double(images)]
    for _ in range(3):
        kept.append(double(max_pool2d(kept[-1], 2)))
    features = kept.pop()
    while kept:
        skip, features = kept.pop(), conv_transpose2d(features, *take(), stride=2)
        features = double(torch.cat([skip, features], dim=1))
    return conv2d(features, *take())


def test_the_unet_computes_what_was_published(module):
    torch.manual_seed(0)
    model = module.MagicBathyUNet(3, 1, 32, scale=30.443)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        found, expected = model(images), written_out(model.parameters(), images)
    torch.testing.assert_close(found, 30.443 * expected)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in model.modules())


@pytest.mark.parametrize("size", [8, 18, 30, 45])
def test_the_unet_keeps_the_size_and_learns(module, size):
    torch.manual_seed(0)
    model = module.MagicBathyUNet(3, 1, size, scale=11.0)
    depths = model(torch.rand(1, 3, size, size))
    assert depths.shape == (1, 1, size, size)
    depths.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_unet_clips_its_images(module):
    torch.manual_seed(0)
    model = module.MagicBathyUNet(3, 1, 16).eval()
    images = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(model(images), model(images.clamp(0, 1)))
    assert not torch.equal(model(images), model(images.clamp(0, 0.5)))


def test_the_released_test_mirrors_and_does_not_clip(module):
    torch.manual_seed(0)
    model = module.MagicBathyUNet(3, 1, 40, released=True)
    images = 1.5 * torch.rand(2, 3, 40, 40)
    around = np.pad(images.numpy(), ((0, 0), (0, 0), (32, 32), (32, 32)), mode="reflect")
    with torch.no_grad():
        trained, found = model(images), model.eval()(images)
        expected = written_out(model.parameters(), torch.from_numpy(around))
        torch.testing.assert_close(trained, written_out(model.parameters(), images.clamp(0, 1)))
    torch.testing.assert_close(found, expected[..., 32:-32, 32:-32])
    with pytest.raises(ValueError, match="32 px can't be mirrored"):
        module.MagicBathyUNet(3, 1, 32, released=True)


@pytest.mark.parametrize(("size", "scale"), [(7, 1.0), (16, 0.0), (16, float("nan"))])
def test_the_unet_refuses(module, size, scale):
    with pytest.raises(ValueError, match=r"8 px|positive"):
        module.MagicBathyUNet(3, 1, size, scale)


def water(count=6, side=20, seed=0):
    """Images whose log ratio is linear in depth, with 3 channels: green, other, blue."""
    generator = torch.Generator().manual_seed(seed)
    depths = torch.rand(count, side, side, generator=generator) * 10
    green = 0.05 + 0.3 * torch.rand(count, side, side, generator=generator)
    ratio = 1.05 + 0.01 * depths
    blue = torch.exp(ratio * torch.log(1000 * green)) / 1000
    images = torch.stack([green, torch.rand(count, side, side, generator=generator), blue], dim=1)
    return images, depths, torch.rand(count, side, side, generator=generator) < 0.7


def batches(images, depths, valid, size=2):
    """As training gives them: depths are NaN where they don't count."""
    names = [str(index) for index in range(len(images))]
    whole = Batch(names, images, depths.masked_fill(~valid, torch.nan))
    return [
        whole.pick(range(start, min(start + size, len(names))))
        for start in range(0, len(names), size)
    ]


def test_the_log_ratio_finds_what_made_the_images(module):
    images, depths, valid = water()
    model = module.Stumpf(3, 1, 20, blue=2, green=0)
    model.fit(batches(images, depths, valid))
    assert model.slope.item() == pytest.approx(100, rel=1e-3)
    assert model.intercept.item() == pytest.approx(105, rel=1e-3)
    found = model(images)
    assert found.shape == (6, 1, 20, 20)
    torch.testing.assert_close(found[:, 0], depths, atol=2e-3, rtol=1e-3)


def test_the_fit_is_numpys_least_squares_of_what_counts(module):
    images, depths, valid = water()
    depths = depths + torch.randn(depths.shape, generator=torch.Generator().manual_seed(1))
    model = module.Stumpf(3, 1, 20, blue=2, green=0)
    model.fit(iter(batches(images, depths, valid, size=1)))
    chosen = images.double().numpy()[:, :, :, :].transpose(0, 2, 3, 1)[valid.numpy()]
    ratio = np.log(1000 * chosen[:, 2]) / np.log(1000 * chosen[:, 0])
    slope, offset = np.polyfit(ratio, depths.double().numpy()[valid.numpy()], 1)
    assert model.slope.item() == pytest.approx(slope, rel=1e-4)
    assert model.intercept.item() == pytest.approx(-offset, rel=1e-4)


def test_a_common_factor_is_part_of_the_gain(module):
    images, depths, valid = water()
    first = module.Stumpf(3, 1, 20, blue=2, green=0, gain=1000.0)
    second = module.Stumpf(3, 1, 20, blue=2, green=0, gain=4000.0)
    first.fit(batches(images, depths, valid))
    second.fit(batches(images / 4, depths, valid))
    torch.testing.assert_close(first(images), second(images / 4), rtol=1e-4, atol=1e-3)


def test_dark_pixels_stay_finite(module):
    model = module.Stumpf(3, 1, 4, blue=0, green=1)
    model.slope.data.fill_(10.0)
    images = torch.tensor([0.0, -1.0, 1e-9])[None, :, None, None].expand(1, 3, 4, 4)
    assert model(images).isfinite().all()


def test_the_log_ratio_can_be_trained_and_saved_too(module):
    images, depths, _ = water()
    model = module.Stumpf(3, 1, 20, blue=2, green=0)
    (model(images)[:, 0] - depths).square().mean().backward()
    assert all(float(p.grad.abs()) > 0 for p in model.parameters())
    assert set(model.state_dict()) == {"slope", "intercept"}


def test_the_log_ratio_refuses(module):
    images, depths, valid = water(1, 4)
    with pytest.raises(ValueError, match="1 output"):
        module.Stumpf(3, 2, 4, blue=0, green=1)
    for blue, green in ((0, 0), (0, 3), (-1, 1)):
        with pytest.raises(ValueError, match="aren't two of 3"):
            module.Stumpf(3, 1, 4, blue=blue, green=green)
    model = module.Stumpf(3, 1, 4, blue=0, green=1)
    for given, found in (
        ([], "found none"),
        (batches(images, depths, valid & False), "found none"),
        (batches(images * 0, depths, valid), r"found \d+ with one ratio"),
    ):
        with pytest.raises(BenchError, match=found):
            model.fit(given)


def test_depths_of_a_coarser_grid_are_fitted_too(module):
    images, depths, valid = water()
    images = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    model = module.Stumpf(3, 1, 40, blue=2, green=0)
    model.fit(batches(images, depths, valid))
    assert model.slope.item() == pytest.approx(100, rel=1e-3)
