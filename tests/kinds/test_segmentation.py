"""The kind segmentation: maps of another size than images, void pixels, pictures."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score, jaccard_score

from bench import kinds
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.kinds.segmentation import VOID
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline

SEABED = "magicbathy-seabed-agia-napa"


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
        {"sample": given.samples, "confusion": list(columns["confusion"].numpy())},
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
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)


@torch.no_grad()
def test_maps_are_drawn_in_the_declared_colours(task):
    true = torch.tensor([[0, 1], [VOID, 3]], dtype=torch.uint8).repeat_interleave(8, dim=0)
    true = true.repeat_interleave(8, dim=1)[None]
    images = torch.full((1, 3, 16, 16), 2.0)
    drawn = kinds.of(task).draw(None, Echo(), Batch(["9"], images, true))
    (picture,) = drawn.values()
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
