"""The kind of crop mapping: batches without padding, windows, scores over crops."""

from types import SimpleNamespace

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_jaccard_index,
)

from bench import kinds
from bench.base.errors import BenchError
from bench.data.series import Series
from bench.kinds.common.batch import Batch
from bench.kinds.common.predicted import beside
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from tests.resampled import resampled

TASK = tasks.load("pastis-r-crop-mapping")
CONTRACT = TASK.input("s1s2")
DOOR = InputPipeline(CONTRACT, TASK.bands)
CLASSES = len(TASK.classes)
SIDE = 6
LENGTHS = {"a": (3, 2, 4), "b": (5, 2, 4), "c": (3, 2, 4), "d": (2, 6, 3)}
BANDS = dict(
    zip(
        ("S2", "S1A", "S1D"),
        (CONTRACT.bands[:10], CONTRACT.bands[10:13], CONTRACT.bands[13:]),
        strict=True,
    )
)


class Dataset:
    """Series that tell themselves: a pixel's value depends on sample, sensor, date and band."""

    def __init__(self, spoilt=None, side=SIDE):
        self.spoilt, self.side = spoilt, side

    def series(self, sample, bands):
        assert bands == CONTRACT.bands
        found = []
        for place, (name, own) in enumerate(BANDS.items()):
            dates = LENGTHS[sample][place]
            rng = np.random.default_rng([ord(sample), place])
            pixels = rng.normal(0, 1000, (dates, len(own), SIDE, SIDE))
            pixels = pixels.astype(np.int16 if name == "S2" else np.float32)
            if (sample, name) == self.spoilt:
                pixels[1, 2, 3, 4] = np.nan
            days = np.sort(rng.choice(365, dates, replace=False))
            found.append(Series(name, own, pixels, np.stack([days + 7, days], axis=1)))
        return found

    def longest(self, bands):
        return dict(zip(BANDS, np.max(list(LENGTHS.values()), axis=0).tolist(), strict=True))

    def reference_map(self, sample, bands):
        rng = np.random.default_rng(ord(sample))
        classes = rng.integers(0, CLASSES, (self.side, self.side)).astype(np.uint8)
        classes[0, 0] = 255
        return classes


class Watched(torch.nn.Module):
    """Logits that depend on every date, and a note of what was seen."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(CLASSES, 16))
        self.seen = []

    def forward(self, series):
        self.seen.append({name: tuple(pixels.shape) for name, (pixels, _) in series.items()})
        for pixels, days in series.values():
            assert (days >= 0).all()
            assert pixels.shape[:2] == days.shape[:2]
        means = [
            (pixels * days[..., 1, None, None, None].cos()).sum(dim=1)
            for pixels, days in series.values()
        ]
        return torch.einsum("kc,nchw->nkhw", self.weight, torch.cat(means, dim=1))


@pytest.fixture
def batch():
    return kinds.of(TASK).load(Dataset(), DOOR, list(LENGTHS))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Watched()


def logits_of(model, sample):
    return kinds.of(TASK).logits(model, kinds.of(TASK).load(Dataset(), DOOR, [sample]))


def test_series_are_brought_to_the_contract(batch):
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (CONTRACT.mean, CONTRACT.std))
    for row, sample in enumerate(LENGTHS):
        start = 0
        for series in Dataset().series(sample, CONTRACT.bands):
            bands = slice(start, start := start + len(series.bands))
            own, days = batch.inputs[series.name][row], batch.inputs[f"{series.name} days"][row]
            dates = len(series.days)
            expected = (series.pixels.astype(np.float32) - mean[bands]) / std[bands]
            np.testing.assert_array_equal(own[:dates].numpy(), expected)
            assert np.array_equal(days[:dates].numpy(), series.days)
            assert (own[dates:] == 0).all()
            assert (days[dates:] == -1).all()
    assert batch.targets.shape == (4, SIDE, SIDE)


def test_a_model_meets_no_padding(batch, model):
    found = kinds.of(TASK).logits(model, batch)
    assert sorted(seen["S2"][:2] for seen in model.seen) == [(1, 2), (1, 5), (2, 3)]
    for row, sample in enumerate(LENGTHS):
        torch.testing.assert_close(found[row : row + 1], logits_of(model, sample))


def test_batches_can_be_joined_and_picked(batch, model):
    from bench.kinds.common.batch import joined

    parts = [kinds.of(TASK).load(Dataset(), DOOR, [sample]) for sample in LENGTHS]
    whole = joined(parts).pick([3, 1])
    assert list(whole.samples) == ["d", "b"]
    found = kinds.of(TASK).logits(model, whole)
    torch.testing.assert_close(found, kinds.of(TASK).logits(model, batch)[[3, 1]])


def test_one_confusion_matrix_is_observed_per_patch(batch, model):
    found = kinds.of(TASK).observe(model, batch)["confusion"].numpy()
    guesses = kinds.of(TASK).logits(model, batch).argmax(dim=1)
    for row in range(4):
        known = batch.targets[row] != 255
        expected = confusion_matrix(
            batch.targets[row][known], guesses[row][known], labels=range(CLASSES)
        )
        assert np.array_equal(found[row].reshape(CLASSES, CLASSES), expected)


def test_loss_is_the_mean_over_labelled_pixels(batch, model):
    logits = kinds.of(TASK).logits(model, batch)
    expected = cross_entropy(logits, batch.targets.long(), ignore_index=255)
    found = kinds.of(TASK).loss(model, batch)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert model.weight.grad.abs().sum() > 0


def test_another_shape_is_refused(batch):
    with pytest.raises(BenchError, match=r"expected logits of shape \[1, 19, 6, 6\]"):
        kinds.of(TASK).observe(lambda series: torch.zeros(1, 20, SIDE, SIDE), batch)


def test_nan_is_refused_with_its_place():
    with pytest.raises(BenchError, match="S1A of b holds NaN or infinity on its date 2"):
        kinds.of(TASK).load(Dataset(spoilt=("b", "S1A")), DOOR, ["a", "b"])


def test_maps_of_another_size_are_refused():
    with pytest.raises(BenchError, match="reference maps are 7 x 7 px, the contract brings"):
        kinds.of(TASK).load(Dataset(side=7), DOOR, ["a"])


def recipe(flips=False, **options):
    return SimpleNamespace(flips=flips, options=options)


def test_windows_are_cut_out_of_series_and_maps_alike(batch):
    draw = torch.Generator().manual_seed(3)
    found = kinds.of(TASK).augment(recipe(window=4, windows=5), batch, draw)
    assert list(found.samples) == [sample for sample in LENGTHS for _ in range(5)]
    assert found.targets.shape == (20, 4, 4)
    assert torch.equal(found.inputs["S2 days"], batch.inputs["S2 days"].repeat_interleave(5, 0))
    places = set()
    for row in range(20):
        whole, part = batch.inputs["S2"][row // 5], found.inputs["S2"][row]
        at = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if torch.equal(whole[..., y : y + 4, x : x + 4], part)
        ]
        assert len(at) == 1
        ((y, x),) = at
        assert torch.equal(batch.targets[row // 5, y : y + 4, x : x + 4], found.targets[row])
        places.add((y, x))
    assert len(places) > 4


def test_mirroring_keeps_days_and_pairs(batch):
    found = kinds.of(TASK).augment(recipe(flips=True), batch, torch.Generator().manual_seed(1))
    assert torch.equal(found.inputs["S1A days"], batch.inputs["S1A days"])
    turned = 0
    for row in range(4):
        axes = [
            chosen
            for chosen in ([], [-1], [-2], [-1, -2])
            if torch.equal(batch.targets[row].flip(chosen), found.targets[row])
        ]
        assert len(axes) == 1
        assert torch.equal(batch.inputs["S2"][row].flip(axes[0]), found.inputs["S2"][row])
        turned += bool(axes[0])
    assert turned


def test_without_options_a_batch_stays_as_it_is(batch):
    assert kinds.of(TASK).augment(recipe(), batch, torch.Generator()) is batch


def observed(targets, guesses):
    matrices = [
        confusion_matrix(t[t != 255], g[t != 255], labels=range(CLASSES)).ravel()
        for t, g in zip(targets, guesses, strict=True)
    ]
    samples = pa.table({"sample": [str(i) for i in range(len(targets))]})
    return beside(kinds.of(TASK).schema(), samples, {"confusion": np.stack(matrices)})


@pytest.fixture(scope="module")
def maps():
    rng = np.random.default_rng(5)
    targets = rng.integers(0, CLASSES, (6, 40)).astype(np.uint8)
    guesses = np.where(rng.random((6, 40)) < 0.6, targets, rng.integers(0, CLASSES, (6, 40)))
    targets[rng.random((6, 40)) < 0.1] = 255
    guesses[targets == 255] = 0
    return targets, guesses.astype(np.uint8)


def test_scores_without_background_are_those_of_torchmetrics(maps):
    targets, guesses = maps
    found = kinds.of(TASK).measure(observed(targets, guesses))
    known = targets != 255
    true, guess = (torch.from_numpy(v[known]).long() for v in (targets, guesses))
    assert found["accuracy_micro"] == pytest.approx(np.mean(targets[known] == guesses[known]))
    iou = multiclass_jaccard_index(guess, true, CLASSES, average="macro", ignore_index=0)
    assert found["iou_crops"] == pytest.approx(iou.item(), abs=1e-6)
    micro = multiclass_accuracy(guess, true, CLASSES, average="micro", ignore_index=0)
    assert found["accuracy_crops"] == pytest.approx(micro.item(), abs=1e-6)
    by_class = multiclass_accuracy(guess, true, CLASSES, average="none", ignore_index=0)
    assert found["recall_crops"] == pytest.approx(by_class[1:].mean().item(), abs=1e-6)


def test_a_crop_taken_for_background_is_an_error_and_background_for_a_crop_is_not():
    targets = np.array([[0, 0, 1, 1]], np.uint8)
    taken = kinds.of(TASK).measure(observed(targets, np.array([[0, 0, 0, 1]], np.uint8)))
    assert (taken["accuracy_crops"], taken["iou_crops"]) == (0.5, 0.5)
    free = kinds.of(TASK).measure(observed(targets, np.array([[1, 0, 1, 1]], np.uint8)))
    assert (free["accuracy_crops"], free["iou_crops"], free["recall_crops"]) == (1, 1, 1)
    assert free["accuracy_micro"] == 0.75


def test_without_crops_there_is_no_score_over_them():
    found = kinds.of(TASK).measure(observed(np.zeros((1, 4), np.uint8), np.zeros((1, 4), np.uint8)))
    assert found["iou_macro"] == 1
    assert all(np.isnan(found[f"{m}_crops"]) for m in ("accuracy", "recall", "iou"))


def test_resamples_are_what_measuring_them_gives(maps):
    observations = observed(*maps)
    counts = np.split(resampled(6, 5), [2, 4])
    found = kinds.of(TASK).replicate(observations, counts)
    some = kinds.of(TASK).replicate(observations, counts, ["iou_crops"])
    assert list(some) == ["iou_crops"]
    np.testing.assert_array_equal(some["iou_crops"], found["iou_crops"])
    for row, weights in enumerate(np.concatenate(counts)):
        repeated = observations.take(np.repeat(np.arange(6), weights))
        for name, value in kinds.of(TASK).measure(repeated).items():
            np.testing.assert_allclose(found[name][row], value, err_msg=name)


@pytest.mark.parametrize("name", [n for n in tasks.names() if n.startswith("pastis")])
def test_tasks_are_of_disjoint_official_splits(name):
    task = tasks.load(name)
    assert task.primary == "iou_macro"
    assert {task.training, task.validation, task.split} == set(task.splits)
    assert len(task.splits) == 3


def test_a_batch_is_counted_whole(batch):
    assert isinstance(batch, Batch)
    assert len(list(batch.tensors())) == 7
