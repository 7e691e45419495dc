"""The kind depth: grids, masks, pooled sums, slices, refusals."""

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.ndimage import zoom
from sklearn.metrics import r2_score, root_mean_squared_error

from bench import kinds
from bench.base.errors import BenchError
from bench.kinds import depth
from bench.kinds.common import depth_maps, scoring
from bench.kinds.common.batch import Batch
from bench.metrics.depth import EDGES
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe

NAPA = "magicbathy-bathymetry-agia-napa"
RANGES = ["0-2 m", "2-5 m", "5-10 m", "10-15 m", "over 15 m"]


@pytest.fixture(scope="module")
def task():
    return tasks.load(NAPA)


class Constant(torch.nn.Module):
    """Says the first channel of its input, in tens of metres."""

    def forward(self, images):
        return 10 * images[:, :1]


class Sea:
    """A dataset of arrays that are made on the way."""

    def __init__(self, **depths):
        self.depths = depths
        self.asked = []

    def read(self, sample, bands):
        return {band: np.full((18, 18), 100, np.uint16) for band in bands}

    def depth(self, sample, bands):
        self.asked.append(tuple(bands))
        return self.depths[sample]


def batch(count=6, side=12, seed=0, deepest=20.0):
    generator = torch.Generator().manual_seed(seed)
    true = deepest * torch.rand(count, side, side, generator=generator)
    true[torch.rand(true.shape, generator=generator) < 0.2] = torch.nan
    images = torch.rand(count, 3, side, side, generator=generator)
    return Batch([f"p{index}" for index in range(count)], images, true)


def observed(task, given):
    columns = kinds.of(task).observe(Constant(), given)
    rows = {name: list(values.numpy()) for name, values in columns.items()}
    return pa.table({"sample": list(given.samples), **rows}, schema=kinds.of(task).schema())


def test_training_resamples_by_nearest_where_the_recipe_says_so(task):
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 20, (18, 18)).astype(np.float32)
    values[3, 4] = np.nan
    kind, pipeline = kinds.of(task), InputPipeline(task.input("s2"), task.bands)
    recipe = Recipe.model_validate(entries.recipes(task)["official"])
    assert recipe.options == {"resampling": "nearest"}
    found = kind.prepare(recipe, Sea(a=values), pipeline, ["a"], None).load(["a"])
    index = torch.arange(256) * 18 // 256
    expected = torch.from_numpy(values)[index[:, None], index]
    torch.testing.assert_close(found.targets[0], expected, equal_nan=True)
    assert torch.equal(
        found.inputs[0],
        torch.full((3, 256, 256), np.float32(100) / np.float32(pipeline.contract.std[0])),
    )
    plain = kind.prepare(
        recipe.model_copy(update={"options": {}}), Sea(a=values), pipeline, ["a"], None
    ).load(["a"])
    torch.testing.assert_close(
        plain.targets, kind.load(Sea(a=values), pipeline, ["a"]).targets, equal_nan=True
    )


def test_depths_lie_on_the_declared_grid_as_scipy_zooms_them(task):
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 20, (18, 18)).astype(np.float32)
    sea = Sea(a=values)
    loaded = kinds.of(task).load(sea, InputPipeline(task.input("s2"), task.bands), ["a"])
    assert sea.asked == [("S2-B02", "S2-B03", "S2-B04")]
    assert loaded.inputs.shape == (1, 3, 256, 256)
    expected = zoom(values.astype(np.float64), 256 / 18, order=1)
    np.testing.assert_allclose(loaded.targets[0].numpy(), expected, rtol=1e-4)


def test_a_pixel_counts_only_between_known_depths(task):
    values = np.full((18, 18), 3, np.float32)
    values[9, 4] = np.nan
    (true,) = (
        kinds.of(task)
        .load(Sea(a=values), InputPipeline(task.input("s2"), task.bands), ["a"])
        .targets
    )
    places = np.linspace(0, 17, 256)
    near = np.abs(places[:, None] - 9) < 1, np.abs(places[None] - 4) < 1
    np.testing.assert_array_equal(true.isnan().numpy(), near[0] & near[1])
    # Not one is drawn towards a depth that stands for none.
    assert (true[~true.isnan()] - 3).abs().max() < 1e-4


def test_depths_of_the_grids_own_size_stay_as_they_are():
    values = np.random.default_rng(0).uniform(1, 9, (16, 16)).astype(np.float32)
    values[0, :3] = np.nan
    np.testing.assert_array_equal(depth_maps.on_grid(values, 16).numpy(), values)


def test_scores_are_those_of_all_pixels_together(task):
    given = batch()
    found = kinds.of(task).measure(observed(task, given))
    true = given.targets.double().numpy()
    guess = 10 * given.inputs[:, 0].double().numpy()
    for row, (low, high) in enumerate(zip(EDGES, [*EDGES[1:], np.inf], strict=True)):
        chosen = (true >= low) & (true < high)
        for name, score in (("rmse", root_mean_squared_error), ("r2", r2_score)):
            expected = score(true[chosen], guess[chosen])
            assert found[f"{name}_depths"][row] == pytest.approx(expected, rel=1e-6)
    known = ~np.isnan(true)
    error = (guess - true)[known]
    expected = {
        "rmse_pixels": math.sqrt(np.mean(error**2)),
        "mae_pixels": np.abs(error).mean(),
        "bias_pixels": error.mean(),
        "std_pixels": error.std(),
        "r2_pixels": r2_score(true[known], guess[known]),
        "max_error_pixels": np.abs(error).max(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_replicates_are_scores_of_repeated_images(task):
    table = observed(task, batch())
    counts = np.array([[1, 1, 1, 1, 1, 1], [0, 3, 0, 1, 0, 2]], np.uint16)
    found = kinds.of(task).replicate(table, iter([counts[:1], counts[1:]]))
    repeated = table.take(np.repeat(np.arange(6), counts[1]))
    for row, rows in enumerate((table, repeated)):
        for name, value in kinds.of(task).measure(rows).items():
            if name != "max_error_pixels":
                np.testing.assert_allclose(found[name][row], value, rtol=1e-9)
    assert np.isnan(found["max_error_pixels"]).all()
    assert list(kinds.of(task).replicate(table, [counts], ["rmse_pixels"])) == ["rmse_pixels"]


def test_every_score_has_an_interval_and_every_range_its_slice(task):
    attributes = pa.table({"sample": [f"p{i}" for i in range(24)], "mean_depth": ["0-5 m"] * 24})
    scores = scoring.score(kinds.of(task), observed(task, batch(24)), attributes).scores
    whole = {s.name: s for s in scores if not (s.slice or s.label)}
    assert whole["rmse_pixels"].low < whole["rmse_pixels"].value < whole["rmse_pixels"].high
    assert whole["max_error_pixels"].low is None
    slices = {s.slice: s for s in scores if s.slice}
    assert list(slices) == [*(f"depth={name}" for name in RANGES), "mean_depth=0-5 m"]
    labelled = {s.label: s for s in scores if s.name == "rmse_depths"}
    assert list(labelled) == RANGES
    for name in RANGES:
        part = slices[f"depth={name}"]
        assert part.name == "rmse_pixels"
        assert part.samples == 24
        assert part.value == labelled[name].value
        assert part.low < part.value < part.high


def test_a_slice_holds_only_images_with_such_depths(task):
    given = batch(deepest=1.9)
    given.targets[2:4] = 6.0
    given.targets[5] = torch.nan
    found = kinds.of(task).parts(observed(task, given))
    assert {name: part["sample"].to_pylist() for name, part in found.items()} == {
        "depth=0-2 m": ["p0", "p1", "p4"],
        "depth=5-10 m": ["p2", "p3"],
    }
    for part in found.values():
        assert part.schema == kinds.of(task).schema()
        assert np.isfinite(kinds.of(task).measure(part)["rmse_pixels"])
    scores = kinds.of(task).sample_scores(observed(task, given))
    assert (scores[:5] < 0).all()
    assert np.isnan(scores[5])
    assert kinds.of(task).measure(observed(task, given.pick([5])))["rmse_pixels"] != 0


def test_without_any_known_depth_nothing_is_a_number(task):
    given = batch(2)
    given.targets[:] = torch.nan
    for values in kinds.of(task).measure(observed(task, given)).values():
        assert np.isnan(values).all()


def test_the_loss_is_the_root_of_each_images_mean_square(task):
    given = batch(2, deepest=5)
    error = (10 * given.inputs[:, 0] - given.targets).double().numpy()
    expected = np.mean([math.sqrt(np.nanmean(one**2)) for one in error])
    assert kinds.of(task).loss(Constant(), given).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("unknown", [True, False])
def test_the_loss_has_a_slope_where_nothing_is_known_or_nothing_is_wrong(task, unknown):
    given = batch(2)
    given.inputs.requires_grad_()
    given.targets[:] = torch.nan if unknown else 10 * given.inputs[:, 0].detach()
    loss = kinds.of(task).loss(Constant(), given)
    loss.backward()
    assert loss.item() < 1e-5
    assert given.inputs.grad.isfinite().all()


def test_images_and_depths_are_mirrored_together(task):
    given = batch(8)
    joint = Batch(given.samples, given.inputs, 10 * given.inputs[:, 0])
    recipe = SimpleNamespace(flips=True)
    changed = kinds.of(task).augment(recipe, joint, torch.Generator().manual_seed(0))
    assert not torch.equal(changed.inputs, joint.inputs)
    torch.testing.assert_close(changed.targets, 10 * changed.inputs[:, 0])
    assert kinds.of(task).augment(SimpleNamespace(flips=False), joint, None) is joint


def test_what_a_model_says_is_brought_to_the_grid(task):
    given = batch(1, side=9)
    ramp = torch.linspace(0, 1, 5).expand(1, 3, 5, 5)
    found = depth._predicted(Constant(), Batch(given.samples, ramp, given.targets))
    torch.testing.assert_close(found[0, 4], torch.linspace(0, 10, 9))


def test_other_shapes_are_refused(task):
    model = torch.nn.Conv2d(3, 2, 1)
    with pytest.raises(BenchError, match=r"expected depths of shape \[6, 1, 12, 12\], .* \[6, 2,"):
        kinds.of(task).observe(model, batch())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("true", [math.nan, 2.0])
def test_nan_is_refused_whether_the_depth_is_known_or_not(task, value, true):
    given = batch()
    given.targets[3, 0, 0] = true
    given.inputs[3, 0, 0, 0] = value
    with pytest.raises(BenchError, match="NaN or infinity for sample p3"):
        kinds.of(task).observe(Constant(), given)


class Grey:
    """A dataset whose samples are grey."""

    def read(self, sample, bands):
        return {band: np.full((16, 16), 100, np.uint8) for band in bands}


@torch.no_grad()
def test_it_draws_what_it_knows(task):
    given = batch(3)
    given.targets[1] = torch.nan
    drawn = kinds.of(task).draw(Grey(), Constant(), given)
    assert list(drawn) == ["depth", "sample-p0", "sample-p2"]
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in drawn.values())
    given.targets[:] = torch.nan
    assert kinds.of(task).draw(Grey(), Constant(), given) == {}
    # Points of all images, maps of the first, the middle and the last.
    many = kinds.of(task).draw(Grey(), Constant(), batch(9))
    assert list(many) == ["depth", "sample-p0", "sample-p4", "sample-p8"]


@pytest.mark.parametrize("name", [NAPA, "magicbathy-bathymetry-puck-lagoon"])
def test_the_tasks_declare_what_the_kind_needs(name):
    found = tasks.load(name)
    assert type(kinds.of(found)) is depth.Depth
    assert kinds.of(found).outputs() == 1
    assert found.primary in kinds.of(found).measure(observed(found, batch(2)))
    assert "metres" in depth.Depth.interface
