"""Floors of maps and depths, against independent ways to the same numbers."""

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.models import baseline

VOID = 255


@pytest.fixture(scope="module")
def module():
    return baseline._load("architectures.floors_dense")


def scenes(count=6, side=12, bands=3, classes=3):
    """Images whose classes overlap in each band, some pixels without label; in batches of two."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, (count, side, side))
    levels = rng.uniform(0.2, 0.6, (classes, bands))
    images = levels[labels] + rng.normal(0, 0.1, (count, side, side, bands))
    labels[rng.random(labels.shape) < 0.1] = VOID
    images = torch.from_numpy(images).float().movedim(-1, 1)
    labels = torch.from_numpy(labels).to(torch.uint8)
    return [Batch(list("ab"), images[i : i + 2], labels[i : i + 2]) for i in range(0, count, 2)]


def test_the_prior_is_how_often_classes_are_labelled(module):
    batches = scenes()
    model = module.ClassPrior(3, 4, 12)
    model.fit(batches)
    labels = torch.cat([batch.targets for batch in batches])
    count = torch.bincount(labels[labels != VOID].long(), minlength=4)
    logits = model(batches[0].inputs)
    assert logits.shape == (2, 4, 12, 12)
    assert torch.equal(logits.argmax(dim=1), count.argmax().expand(2, 12, 12))
    found = logits[0, :, 0, 0].exp()
    torch.testing.assert_close(found[:3], (count[:3] / count.sum()).float())
    assert 0 < found[3] < 1 / count.sum()
    series = {"S2": (torch.zeros(1, 5, 10, 8, 9), torch.zeros(1, 5, 2))}
    assert model(series).shape == (1, 4, 8, 9)


def test_pixels_are_classified_as_by_scikit_learn(module):
    batches = scenes()
    model = module.PixelClassifier(3, 3, 12)
    model.fit(batches)
    pixels = torch.cat([batch.inputs.movedim(1, -1).flatten(0, 2) for batch in batches]).numpy()
    labels = torch.cat([batch.targets.flatten() for batch in batches]).numpy()
    first, second = np.triu_indices(3)
    features = np.concatenate([pixels, pixels[:, first] * pixels[:, second]], axis=1)
    known = labels != VOID
    reference = LinearDiscriminantAnalysis(solver="lsqr")
    reference.fit(features[known].astype(np.float64), labels[known])
    found = torch.cat([model(batch.inputs) for batch in batches]).movedim(1, -1).reshape(-1, 3)
    expected = reference.predict_log_proba(features.astype(np.float64))
    np.testing.assert_allclose(found.log_softmax(dim=1).detach(), expected, atol=0.02)
    agreed = (found.argmax(dim=1).numpy() == reference.predict(features))[known].mean()
    assert agreed > 0.995


def test_a_pixel_is_classified_without_its_surroundings(module):
    batches = scenes()
    model = module.PixelClassifier(3, 3, 12)
    model.fit(batches)
    images = batches[0].inputs
    order = torch.randperm(144, generator=torch.Generator().manual_seed(1))
    shuffled = images.flatten(2)[..., order].reshape(images.shape)
    torch.testing.assert_close(model(shuffled).flatten(2), model(images).flatten(2)[..., order])


def test_classes_and_bands_that_never_occur_do_no_harm(module):
    batches = [
        Batch(b.samples, b.inputs * torch.tensor([1, 0, 1])[:, None, None], b.targets)
        for b in scenes()
    ]
    model = module.PixelClassifier(3, 5, 12)
    model.fit(batches)
    found = model(batches[0].inputs)
    assert found.isfinite().all()
    assert found.argmax(dim=1).max() < 3


def water(count=4, side=15):
    """Depths under two kinds of bottom, as three bands see them; a tenth isn't known."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.5, 12, (count, side, side))
    dark = rng.random(depth.shape) < 0.3
    lost = np.array([0.05, 0.08, 0.5])[:, None, None]
    bands = (1 - 0.3 * dark)[:, None] * np.exp(-2 * lost * depth[:, None])
    depth[rng.random(depth.shape) < 0.1] = np.nan
    images, depths = torch.from_numpy(bands).float(), torch.from_numpy(depth).float()
    return [Batch(list("ab"), images[i : i + 2], depths[i : i + 2]) for i in range(0, count, 2)]


def test_the_mean_depth_is_that_of_known_pixels(module):
    batches = water()
    model = module.MeanDepth(3, 1, 15)
    model.fit(batches)
    depths = torch.cat([batch.targets for batch in batches])
    assert model.depth.item() == pytest.approx(float(depths[~depths.isnan()].mean()), rel=1e-5)
    found = model(batches[0].inputs)
    assert found.shape == (2, 1, 15, 15)
    assert (found == model.depth).all()


def test_one_band_is_the_best_line_of_all_bands(module):
    batches = water()
    model = module.OneBand(3, 1, 15)
    model.fit(batches)
    depths = torch.cat([batch.targets for batch in batches]).numpy()
    images = torch.cat([batch.inputs for batch in batches]).numpy().transpose(0, 2, 3, 1)
    known = ~np.isnan(depths)
    lines = [
        LinearRegression().fit(np.log(images[known][:, [band]]).astype(np.float64), depths[known])
        for band in range(3)
    ]
    residuals = [
        np.square(line.predict(np.log(images[known][:, [band]])) - depths[known]).mean()
        for band, line in enumerate(lines)
    ]
    best = int(np.argmin(residuals))
    assert int(model.band) == best
    assert model.slope.item() == pytest.approx(float(lines[best].coef_[0]), rel=1e-3)
    assert model.intercept.item() == pytest.approx(float(lines[best].intercept_), rel=1e-3)
    found = torch.cat([model(batch.inputs) for batch in batches])[:, 0].detach().numpy()
    assert np.square(found - depths)[known].mean() == pytest.approx(residuals[best], rel=1e-3)


def test_a_fit_without_truth_is_refused(module):
    (batch, *_), (depths, *_) = scenes(), water()
    unlabelled = Batch(batch.samples, batch.inputs, torch.full_like(batch.targets, VOID))
    unsounded = Batch(depths.samples, depths.inputs, torch.full_like(depths.targets, torch.nan))
    for model, given in (
        (module.ClassPrior(3, 3, 12), unlabelled),
        (module.PixelClassifier(3, 3, 12), unlabelled),
        (module.MeanDepth(3, 1, 15), unsounded),
        (module.OneBand(3, 1, 15), unsounded),
    ):
        with pytest.raises(BenchError, match="found none"):
            model.fit([given])
    for architecture in (module.MeanDepth, module.OneBand):
        with pytest.raises(ValueError, match="1 output"):
            architecture(3, 2, 15)
