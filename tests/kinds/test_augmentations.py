"""Augmentations of many bands, against torchvision on what it knows and against their formulas."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as library

from bench.base.errors import RequestError
from bench.kinds.common import augmentations
from bench.kinds.common.augmentations import KNOWN, apply
from bench.spec import task as tasks

BANDS = 6
IDENTITY = {name: 0.0 for name, known in KNOWN.items() if name not in ("posterize", "solarize")}


def images(count=2, side=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, BANDS, side, side, generator=generator) * 0.9 + 0.02


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", KNOWN)
def test_shape_range_and_repetition(name):
    before = images()
    kept = before.clone()
    for magnitude in (KNOWN[name].low, min(KNOWN[name].high, BANDS)):
        made = apply(name, before, float(magnitude), draw())
        assert made.shape == before.shape
        assert made.dtype == torch.float32
        assert made.min() >= 0 and made.max() <= 1
        assert torch.equal(made, apply(name, before, float(magnitude), draw()))
    assert torch.equal(before, kept)


@pytest.mark.parametrize("name", IDENTITY)
def test_nothing_at_zero(name):
    torch.testing.assert_close(apply(name, images(), 0.0, draw()), images(), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "magnitude", "function"),
    [
        ("brightness", 0.4, lambda band: library.adjust_brightness(band, 1.4)),
        ("contrast", -0.3, lambda band: library.adjust_contrast(band, 0.7)),
        ("sharpness", 2.0, lambda band: library.adjust_sharpness(band, 3.0)),
        ("gaussian-blur", 1.5, lambda band: library.gaussian_blur(band, 11, 1.5)),
        ("solarize", 0.6, lambda band: library.solarize(band, 0.6)),
        ("posterize", 3.0, lambda band: library.posterize(band, 3)),
    ],
)
def test_each_band_as_torchvision_has_it(name, magnitude, function):
    before = images()
    made = apply(name, before, magnitude, draw())
    for image, changed in zip(before, made, strict=True):
        for band, found in zip(image, changed, strict=True):
            torch.testing.assert_close(found[None], function(band[None]), rtol=0, atol=1e-6)


def test_formulas():
    before = images(1)
    torch.testing.assert_close(apply("brightness", before, -0.5, draw()), before / 2)
    mean = before.mean(dim=(2, 3), keepdim=True)
    expected = (mean + 0.5 * (before - mean)).clamp(0, 1)
    torch.testing.assert_close(apply("contrast", before, -0.5, draw()), expected)
    gray = before.mean(dim=1, keepdim=True).expand_as(before)
    torch.testing.assert_close(apply("grayscale", before, 1.0, draw()), gray)
    kept = torch.floor(before * 4) / 4
    torch.testing.assert_close(apply("posterize", before, 2.0, draw()), kept)
    inverted = torch.where(before >= 0.5, 1 - before, before)
    torch.testing.assert_close(apply("solarize", before, 0.5, draw()), inverted)


def test_noise_has_its_deviation():
    flat = torch.full((1, 4, 200, 200), 0.5)
    noise = apply("gaussian-noise", flat, 0.05, draw()) - flat
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("count", range(BANDS + 1))
def test_so_many_bands_are_dropped_or_change_places(count):
    before = images(20)
    dropped = apply("channel-drop", before, float(count), draw(1))
    assert ((dropped == 0).all(dim=(2, 3)).sum(dim=1) == count).all()
    shuffled = apply("channel-shuffle", before, float(count), draw(1))
    moved = (shuffled != before).any(dim=3).any(dim=2).sum(dim=1)
    assert (moved == (count if count > 1 else 0)).all()
    for one, other in zip(before, shuffled, strict=True):
        assert {band.sum().item() for band in one} == {band.sum().item() for band in other}


@pytest.mark.parametrize(
    ("name", "magnitude", "match"),
    [
        ("brightness", 1.5, "brightness: expected a magnitude from -1 to 1, found 1.5"),
        ("brightness", float("nan"), "found nan"),
        ("posterize", 2.5, "expected a whole number from 1 to 8, found 2.5"),
        ("channel-drop", 7, "expected a whole number from 0 to 6, found 7"),
        ("brigthness", 0, "did you mean brightness"),
    ],
)
def test_what_is_outside_its_range(name, magnitude, match):
    with pytest.raises(RequestError, match=match):
        apply(name, images(), magnitude, draw())


def test_half_of_a_training_batch_is_augmented_between_the_bounds():
    task = tasks.load("augmentation-benefit")
    contract = task.input("s2")
    bounds = task.declaration["statistics"]["bounds"]
    reflectance = torch.rand(40, 10, 4, 4, generator=draw()) * 12_000
    mean, std, top = (
        torch.tensor(values)[:, None, None]
        for values in (contract.mean, contract.std, [bounds[band][1] for band in contract.bands])
    )
    inputs = (reflectance - mean) / std
    made = augmentations.in_training(inputs, contract, bounds, "brightness", -0.5, draw())
    found = made * std + mean
    changed = (made != inputs).flatten(1).any(dim=1)
    assert 8 < changed.sum() < 32
    # Below the bound half of it goes; above, half of the bound.
    expected = reflectance - reflectance.clamp(max=top) / 2
    np.testing.assert_allclose(found[changed], expected[changed], rtol=1e-3, atol=0.5)
    assert torch.equal(made[~changed], inputs[~changed])
    same = augmentations.in_training(inputs, contract, bounds, "contrast", 0.0, draw())
    torch.testing.assert_close(same, inputs, rtol=0, atol=1e-5)
