"""The kind segmentation: maps of another size than images, void pixels, pictures."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError
from scipy.ndimage import zoom
from sklearn.metrics import (
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    jaccard_score,
    log_loss,
)
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_calibration_error

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.predicted import beside
from bench.kinds.segmentation import VOID, Options
from bench.metrics.calibration import risk_coverage
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe

SEABED = "magicbathy-seabed-agia-napa"
CALIBRATION = {"ece_micro", "brier_micro", "nll_micro", "aurc_micro"}


@pytest.fixture(scope="module")
def task():
    return tasks.load(SEABED)


class Maps:
    def __init__(self, side, classes=4, seed=0):
        self.map = np.random.default_rng(seed).integers(0, classes, (side, side)).astype(np.uint8)
        self.map[0, 0] = VOID
        self.asked = []

    def read(self, sample, bands):
        return {band: np.full((18, 18), 100, np.uint16) for band in bands}

    def reference_map(self, sample, bands):
        self.asked.append(tuple(bands))
        return self.map


class Echo(torch.nn.Module):
    """Logits that say the first channel, a class."""

    def forward(self, images):
        return -(images[:, :1] - torch.arange(4.0).view(1, 4, 1, 1)).abs()


@pytest.mark.parametrize("side", [18, 30, 720])
def test_maps_have_the_class_of_the_nearest_pixel(task, side):
    maps = Maps(side)
    loaded = kinds.of(task).load(maps, InputPipeline(task.input("s2"), task.bands), ["a"])
    assert maps.asked == [("S2-B02", "S2-B03", "S2-B04")]
    assert loaded.targets.shape == (1, 256, 256)
    # Corners lie on corners, as those of bilinear images do.
    places = np.arange(256) * (side - 1) / 255
    nearest = np.abs(places[:, None] - np.arange(side)).argmin(axis=1)
    np.testing.assert_array_equal(loaded.targets[0].numpy(), maps.map[np.ix_(nearest, nearest)])


def test_maps_of_the_grids_size_stay_as_they_are(task):
    maps = Maps(256)
    loaded = kinds.of(task).load(maps, InputPipeline(task.input("s2"), task.bands), ["a"])
    np.testing.assert_array_equal(loaded.targets[0].numpy(), maps.map)


def test_without_a_declared_grid_sizes_must_agree(task):
    bare = task.model_copy(update={"settings": {}})
    with pytest.raises(BenchError, match=r"18 x 18 px, the contract brings images to 256 x 256 px"):
        kinds.of(bare).load(Maps(18), InputPipeline(task.input("s2"), task.bands), ["a"])


def test_logits_are_brought_to_the_grid(task):
    ramp = torch.linspace(0, 3, 4).expand(1, 3, 4, 4)
    targets = torch.tensor([0, 0, 1, 1, 2, 2, 3], dtype=torch.uint8).expand(1, 7, 7)
    found = kinds.of(task).logits(Echo(), Batch(["a"], ramp, targets)).argmax(1)[0, 3]
    assert found[::2].tolist() == [0, 1, 2, 3]
    assert found.shape == (7,)


@torch.no_grad()
def test_void_is_not_scored_and_every_prediction_is_a_class(task):
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(0, 4, (3, 20, 20), generator=generator).to(torch.uint8)
    guess = torch.where(torch.rand(true.shape, generator=generator) < 0.6, true, 1).float()
    true[torch.rand(true.shape, generator=generator) < 0.3] = VOID
    given = Batch(["a", "b", "c"], guess[:, None].expand(-1, 3, -1, -1), true)
    columns = kinds.of(task).observe(Echo(), given)
    assert columns["confusion"].sum() == (true != VOID).sum()
    table = pa.table(
        {"sample": given.samples, **{name: list(v.numpy()) for name, v in columns.items()}},
        schema=kinds.of(task).schema(),
    )
    found = kinds.of(task).measure(table)
    known = true != VOID
    y, p = true[known].numpy(), guess[known].numpy().astype(int)
    expected = {
        "accuracy_micro": (y == p).mean(),
        "recall_macro": balanced_accuracy_score(y, p),
        "iou_macro": jaccard_score(y, p, average="macro"),
        "f1_macro": f1_score(y, p, average="macro"),
        "kappa_micro": cohen_kappa_score(y, p),
        "iou_classes": jaccard_score(y, p, average=None),
        "f1_classes": f1_score(y, p, average=None),
    }
    assert set(found) == set(expected) | CALIBRATION
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)


class Given(torch.nn.Module):
    """Logits as they are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


@torch.no_grad()
def test_calibration_is_that_of_all_labelled_pixels(task):
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(3, 4, 20, 20, generator=generator)
    true = torch.randint(0, 4, (3, 20, 20), generator=generator).to(torch.uint8)
    true[:, :5] = VOID
    given = Batch(["a", "b", "c"], torch.zeros(3, 3, 20, 20), true)
    kind = kinds.of(task)
    columns = kind.observe(Given(logits), given)
    known = {name: values.numpy() for name, values in columns.items()}
    table = beside(kind.schema(), pa.table({"sample": given.samples}), known)
    found = kind.measure(table)
    scores = logits.movedim(1, 3)[true != VOID].double()
    target = true[true != VOID].long()
    probabilities = scores.softmax(1)
    ece = multiclass_calibration_error(probabilities, target, 4, n_bins=15)
    assert found["ece_micro"] == pytest.approx(ece.item(), abs=1e-6)
    assert found["nll_micro"] == pytest.approx(log_loss(target, probabilities), rel=1e-6)
    squared = (probabilities - torch.eye(4)[target]).square().sum(1).mean()
    assert found["brier_micro"] == pytest.approx(squared.item(), rel=1e-6)
    exact = risk_coverage(
        probabilities.amax(1).numpy(),
        (probabilities.argmax(1) != target).numpy(),
        np.ones((1, len(target)), np.uint16),
    )
    assert found["aurc_micro"] == pytest.approx(exact[0], abs=0.01)
    # Replicates are the metrics of the samples that a resample holds.
    counts = np.array([[2, 0, 1]], np.uint16)
    replicated = kind.replicate(table, [counts])
    again = kind.measure(table.take([0, 0, 2]))
    for name in CALIBRATION:
        assert replicated[name] == pytest.approx(again[name][None]), name


@torch.no_grad()
def test_logits_that_are_far_apart_give_finite_sums(task):
    logits = torch.full((1, 4, 2, 2), -3e38)
    logits[:, 0] = 3e38
    true = torch.ones(1, 2, 2, dtype=torch.uint8)
    columns = kinds.of(task).observe(Given(logits), Batch(["a"], torch.zeros(1, 3, 2, 2), true))
    assert torch.isfinite(columns["calibration"]).all()


def test_maps_and_earlier_runs_are_scored_without_calibration(task):
    kind = kinds.of(task)
    known = {"confusion": np.eye(4, dtype=np.int32).reshape(1, -1)}
    maps = beside(kind.schema(), pa.table({"sample": ["a"]}), known)
    assert maps["calibration"].null_count == 1
    for table in (maps, maps.drop_columns(["calibration"])):
        assert kind.remarks(table)[0].startswith("no ECE, Brier score, NLL or AURC")
        assert not CALIBRATION & set(kind.measure(table))
        assert not CALIBRATION & set(kind.replicate(table, [np.ones((2, 1), np.uint16)]))


class Stored(Maps):
    """Images that say the place of each pixel: rows in the first band, columns in the second."""

    def read(self, sample, bands):
        rows, columns = np.indices(self.map.shape).astype(np.uint16)
        return dict(zip(bands, (rows, columns, rows), strict=True))


def recipe(**options):
    base = Recipe.model_validate(entries.recipes(tasks.load(SEABED))["sample"])
    return base.model_copy(update={"options": options, "flips": False})


def prepared(task, maps, **options):
    contract = task.input("s2").model_copy(update={"mean": (0.0,) * 3, "std": (1.0,) * 3})
    pipeline, kind = InputPipeline(contract, task.bands), kinds.of(task)
    return kind, kind.prepare(recipe(**options), maps, pipeline, ["a"], None).load(["a", "b"])


def test_windows_are_cut_of_stored_pixels_and_enlarged_as_scipy_does(task):
    maps = Stored(18)
    kind, batch = prepared(task, maps, window=16, enlarged=256)
    assert batch.inputs.shape == (2, 3, 18, 18)
    found = kind.augment(recipe(window=16, enlarged=256), batch, torch.Generator().manual_seed(1))
    assert found.inputs.shape == (2, 3, 256, 256)
    corners = set()
    for image, target in zip(found.inputs, found.targets, strict=True):
        top, left = int(image[0].min()), int(image[1].min())
        corners.add((top, left))
        window = maps.map[top : top + 16, left : left + 16]
        np.testing.assert_array_equal(target.numpy(), zoom(window, 16, order=0))
        for channel, axis in zip(image, (0, 1), strict=False):
            places = np.indices((16, 16))[axis] + (top, left)[axis]
            np.testing.assert_array_equal(channel.numpy(), zoom(places, 16, order=0))
    drawn = [
        kind.augment(recipe(window=16), batch, torch.Generator().manual_seed(seed))
        for seed in range(40)
    ]
    places = {(int(one.inputs[0, 0].min()), int(one.inputs[0, 1].min())) for one in drawn}
    assert len(places) == 9
    assert all(one.targets.shape == (2, 16, 16) for one in drawn)


def test_a_window_is_no_larger_than_an_image(task):
    kind, batch = prepared(task, Stored(18), window=384)
    found = kind.augment(recipe(window=384), batch, torch.Generator())
    assert torch.equal(found.inputs, batch.inputs)
    assert torch.equal(found.targets, batch.targets)


@pytest.mark.parametrize("weights", ["1 0.5 2 0", "1 1 1 1"])
def test_classes_are_weighted_as_torch_does(task, weights):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 8, 8, generator=generator)
    true = torch.randint(0, 4, (2, 8, 8), generator=generator).to(torch.uint8)
    true[:, :2] = VOID
    batch, kind = Batch(["a", "b"], torch.zeros(2, 3, 8, 8), true), kinds.of(task)
    seen = kind.augment(recipe(weights=weights), batch, torch.Generator())
    expected = cross_entropy(
        logits, true.long(), torch.tensor([float(w) for w in weights.split()]), ignore_index=VOID
    )
    torch.testing.assert_close(kind.loss(Given(logits), seen), expected)
    plain = cross_entropy(logits, true.long(), ignore_index=VOID)
    torch.testing.assert_close(kind.loss(Given(logits), batch), plain)
    void = kind.augment(
        recipe(weights=weights), Batch(["a"], batch.inputs[:1], true[:1] * 0 + VOID), generator
    )
    assert kind.loss(Given(logits[:1]), void) == 0


def test_recipes_that_cannot_be_followed_are_refused(task):
    with pytest.raises(RequestError, match="3 weights for 4 classes"):
        prepared(task, Stored(18), weights="1 1 1")
    given = recipe(window=16).model_copy(update={"select": "loss"})
    with pytest.raises(RequestError, match="windows are cut of training images only"):
        kinds.of(task).prepare(given, Stored(18), None, ["a"], None)
    for wrong in ("1,1", "a", "1 -1", " "):
        with pytest.raises(ValidationError):
            Options(weights=wrong)


class Grey:
    """A dataset whose samples are grey."""

    def read(self, sample, bands):
        return {band: np.full((16, 16), 100, np.uint16) for band in bands}


@torch.no_grad()
def test_maps_are_drawn_in_the_declared_colours(task):
    true = torch.tensor([[0, 1], [VOID, 3]], dtype=torch.uint8).repeat_interleave(8, dim=0)
    true = true.repeat_interleave(8, dim=1)[None]
    images = torch.full((1, 3, 16, 16), 2.0)
    drawn = kinds.of(task).draw(Grey(), Echo(), Batch(["9"], images, true))
    (picture,) = drawn.values()
    # The image, of 128 px with a gap of 8, comes first.
    picture = picture[:, 136:]
    assert list(drawn) == ["sample-9"]
    colours = task.declaration["colours"]
    expected = [[colours["seagrass"], colours["rock"]], [[255, 255, 255], colours["sand"]]]
    # Each of 16 pixels is shown as 8 x 8, below the title.
    shown = picture[14 : 14 + 128, :128]
    assert shown.shape == (128, 128, 3)
    np.testing.assert_array_equal(shown[::64, ::64], expected)
    np.testing.assert_array_equal(shown[63::64, 63::64], expected)


def test_a_dataset_without_colours_is_not_drawn():
    assert kinds.of(tasks.load("reben-pixel")).draw(None, Echo(), None) == {}


def test_settings_leave_other_tasks_as_they_were():
    assert tasks.load("reben-pixel").settings == {}
