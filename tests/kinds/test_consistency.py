"""Consistency of augmentations, from observations to scores."""

import datetime
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import data, kinds, models
from bench.base.errors import BenchError, RequestError
from bench.data.reben import simulate as simulated
from bench.data.reben import simulate_series as reben_series
from bench.data.reben.reben_series import Locations
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.kinds.common.batch import Batch
from bench.kinds.consistency.scores import RECONSTRUCTION
from bench.metrics.consistency import DISTANCES
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline

TASK = tasks.load("augmentation-consistency")
CONTRACT = TASK.input("s2")
BANDS = len(CONTRACT.bands)
MONTHS = (1, 4, 7, 10)


def entry(name, magnitudes=None, contract=CONTRACT):
    found = models.find(name, TASK)
    if magnitudes is not None:
        arguments = found.model.arguments | {"magnitudes": magnitudes}
        model = found.model.model_copy(update={"arguments": arguments})
        found = found.model_copy(update={"model": model})
    return found.model_copy(update={"input": contract})


def model(name="none", magnitudes=None):
    return models.build(entry(name, magnitudes), 0)


def batch(images, classes=None, sample="33UUP_10_10"):
    """A location with images [T, C, H, W] in [0, 1]."""
    images = torch.as_tensor(images, dtype=torch.float32)
    if classes is None:
        classes = np.zeros(images.shape[2:])
    dates = [datetime.date(2018, month, 1) for month in MONTHS[: len(images)]]
    maps = torch.as_tensor(np.asarray(classes, np.uint8))[None]
    return Batch([sample], images[None], {"classes": maps, "dates": [dates]})


def observed(*batches, by=None):
    rows = {"sample": []}
    for number, one in enumerate(batches):
        rows["sample"].append(f"{one.samples[0]}-{number}")
        for name, values in kinds.of(TASK).observe(by or model(), one).items():
            rows.setdefault(name, []).extend(values)
    return pa.table(rows, schema=kinds.of(TASK).schema())


def series(dates=3, side=6, seed=0):
    return np.random.default_rng(seed).uniform(0.05, 0.9, (dates, BANDS, side, side))


class Places:
    """A dataset of one location."""

    def __init__(self, images, side=120):
        self._images = images
        self._side = side

    def images(self, sample, bands):
        dates = [datetime.date(2018, month, 1) for month in MONTHS]
        return [
            (date, dict(zip(bands, image, strict=True)))
            for date, image in zip(dates, self._images, strict=False)
        ]

    def reference_map(self, sample, bands=()):
        return np.zeros((self._side, self._side), np.uint8)


def loaded(images, side=120, contract=CONTRACT):
    return kinds.of(TASK).load(
        Places(images, side), InputPipeline(contract, TASK.bands), ["33UUP_10_10"]
    )


def test_a_constant_series_deviates_by_nothing():
    constant = np.repeat(series(1), 3, axis=0)
    found = kinds.of(TASK).measure(observed(batch(constant)))
    for name in ("l1", "l2", "nearest"):
        assert found[f"s_noaug_{name}"] == found[f"s_aug_{name}"] == found[f"spread_{name}"] == 0
        assert np.isnan(found[f"ratio_{name}"])
        assert found[f"consistent_{name}"] == 1
    assert np.isnan(found["s_noaug_z"])


def test_a_known_shift_of_two_dates():
    images = np.full((2, BANDS, 4, 4), 0.4)
    images[1] = 0.5
    tops = np.array(CONTRACT.std)
    std = np.array([TASK.declaration["statistics"]["120_nearest"][b][1] for b in CONTRACT.bands])
    apart = float(np.mean(0.1 * tops / std))
    found = kinds.of(TASK).measure(observed(batch(images), by=model("brightness", "0.5")))
    assert found["s_noaug_l1"] == pytest.approx(apart)
    # 0.4 becomes 0.6, which is 0.1 from 0.5; 0.5 becomes 0.75, which is 0.35 from 0.4.
    assert found["s_aug_l1"] == pytest.approx(apart * (1 + 3.5) / 2, rel=1e-5)
    assert found["ratio_l1"] == pytest.approx(2.25, rel=1e-5)
    assert found["consistent_l1"] == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 4), st.integers(1, 7), st.integers(0, 1 << 16))
def test_no_augmentation_has_a_ratio_of_exactly_one(dates, side, seed):
    images = torch.rand(dates, BANDS, side, side, generator=torch.Generator().manual_seed(seed))
    found = kinds.of(TASK).measure(observed(batch(images)))
    for name in DISTANCES:
        if name != "z" or dates > 2:
            assert found[f"ratio_{name}"] == 1
            assert found[f"consistent_{name}"] == 1


def test_areas_and_seasons_are_parts():
    classes = np.zeros((6, 6), np.uint8)
    classes[:, 3:] = 4
    classes[0, 0] = 255
    images, other = series(), series(seed=1)
    table = observed(batch(images, classes), batch(other), by=model("brightness", "0.2 0.4"))
    parts = kinds.of(TASK).parts(table)
    assert set(parts) == {
        f"class={TASK.classes[0]}",
        f"class={TASK.classes[4]}",
        "season=winter",
        "season=spring",
        "season=summer",
    }
    second = parts[f"class={TASK.classes[4]}"]
    assert second["sample"].to_pylist() == table["sample"].to_pylist()[:1]
    # Of the grid of every second pixel, those of the class by themselves.
    found = kinds.of(TASK).measure(second)
    alone = images[:, :, ::2, 4:5]
    expected = kinds.of(TASK).measure(
        observed(batch(np.repeat(np.repeat(alone, 2, 2), 2, 3)), by=model("brightness", "0.2 0.4")),
    )
    np.testing.assert_allclose(found["s_noaug_l1"], expected["s_noaug_l1"], rtol=1e-5)
    np.testing.assert_allclose(found["ratio_points"], expected["ratio_points"], rtol=1e-5)
    # Seasons part the dates: their sums are those of all.
    whole = kinds.of(TASK).measure(table)["s_noaug_l1"]
    seasons = [parts[f"season={name}"] for name in ("winter", "spring", "summer")]
    means = [kinds.of(TASK).measure(part)["s_noaug_l1"] for part in seasons]
    assert np.mean(means) == pytest.approx(whole)


def test_resamples_are_those_of_locations():
    table = observed(*(batch(series(2 + s % 3, seed=s)) for s in range(5)), by=model("grayscale"))
    counts = np.array([[1, 1, 1, 1, 1], [2, 0, 1, 0, 2]], np.uint16)
    found = kinds.of(TASK).replicate(table, [counts[:1], counts[1:]])
    for name, values in kinds.of(TASK).measure(table).items():
        np.testing.assert_allclose(found[name][0], values)
    drawn = table.take([0, 0, 2, 4, 4])
    for name, values in kinds.of(TASK).measure(drawn).items():
        np.testing.assert_allclose(found[name][1], values)
    only = kinds.of(TASK).replicate(table, [counts], ["ratio_l1"])
    assert list(only) == ["ratio_l1"]


def test_scores_of_samples_and_remarks():
    table = observed(
        batch(series()), batch(np.repeat(series(1), 2, axis=0)), by=model("brightness", "0.1 0.9")
    )
    scores = kinds.of(TASK).sample_scores(table)
    alone = kinds.of(TASK).measure(table.slice(0, 1))["ratio_l1"]
    assert scores[0] == pytest.approx(-alone)
    assert np.isnan(scores[1])
    assert kinds.of(TASK).labels(table, "points") == ["0.1", "0.9"]
    first, second = kinds.of(TASK).remarks(table)
    assert first == RECONSTRUCTION
    assert "10%" in second and "0.9 inconsistent" in second


def test_what_is_random_is_the_same_each_time():
    images = batch(series())
    noisy = model("gaussian-noise", "0.1")
    assert observed(images, by=noisy).equals(observed(images, by=noisy))


def test_images_are_held_between_the_bounds():
    stored = np.random.default_rng(0).integers(0, 20_000, (2, BANDS, 120, 120), np.uint16)
    found = loaded(stored).inputs[0]
    expected = np.clip(stored / np.array(CONTRACT.std)[:, None, None], 0, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (np.nan, "2018-04-01 holds 1 values that are NaN or infinite"),
        (np.inf, "2018-04-01 holds 1 values that are NaN or infinite"),
    ],
)
def test_a_value_that_is_not_finite(spoil, match):
    images = np.ones((3, BANDS, 120, 120), np.float32)
    images[1, 3, 5, 5] = spoil
    with pytest.raises(BenchError, match=match):
        loaded(images)


def test_a_map_of_another_size():
    with pytest.raises(BenchError, match="the map of 33UUP_10_10 has"):
        loaded(np.ones((2, BANDS, 120, 120), np.float32), side=60)


def test_another_contract():
    foreign = CONTRACT.model_copy(update={"std": (1.0,) * BANDS})
    with pytest.raises(RequestError, match="in bounds of its own"):
        loaded(np.ones((2, BANDS, 120, 120), np.float32), contract=foreign)


class Spoilt(torch.nn.Module):
    points = ("1",)

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, images, point, generator):
        return self.change(images)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda images: images[:, :3], r"of shape \[3, 10, 6, 6\].*\[3, 3, 6, 6\]"),
        (lambda images: images.double(), "returned float64"),
        (lambda images: images / 0 - images / 0, "returned NaN or infinity"),
    ],
)
def test_an_augmentation_that_returns_something_else(change, match):
    with pytest.raises(BenchError, match=match):
        observed(batch(series()), by=Spoilt(change))


def test_different_magnitudes_cannot_be_scored_together():
    table = pa.concat_tables(
        [observed(batch(series()), by=model("grayscale", given)) for given in ("0.5", "1")]
    )
    with pytest.raises(BenchError, match="expected the same magnitudes"):
        kinds.of(TASK).measure(table)


@pytest.mark.parametrize(
    ("magnitudes", "match"),
    [
        ("2", "expected a magnitude from -1 to 1, found 2"),
        ("", "expected different"),
        ("0 0", "0 0"),
    ],
)
def test_magnitudes_out_of_range_are_refused_before_anything_is_read(magnitudes, match):
    with pytest.raises(RequestError, match=match):
        model("brightness", magnitudes)


def test_nothing_is_trained():
    with pytest.raises(RequestError, match="nothing to learn"):
        kinds.of(TASK).loss(model(), batch(series()))


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A few locations of the sample, one of them with a single date."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(root))
        planned = reben_series.plan()
        dates = Counter(one.patch_id[-11:] for one in planned)
        single = next(p for p in planned if dates[p.patch_id[-11:]] == 1)
        wanted = {p.patch_id[-11:] for p in planned[:4]} | {single.patch_id[-11:]}
        chosen = [p for p in planned if p.patch_id[-11:] in wanted]
        simulated.write(data.sample_root("reben-series"), planned=chosen)
    return root, single.patch_id[-11:]


def test_an_entry_from_one_command(sample, tmp_path, monkeypatch):
    root, single = sample
    monkeypatch.setenv("BENCH_DATA", str(root))
    request = Request(task=TASK.name, model="grayscale", track="sample", results=tmp_path)
    manifest = evaluate.run(request).content()
    dataset = Locations(data.sample_root("reben-series"))
    samples = dataset.ids("test")
    assert manifest["data"]["samples"] == len(samples)
    assert single not in samples and single in dataset.present(["B02"])
    assert RECONSTRUCTION in manifest["remarks"]
    # The score from its definition, with NumPy alone.
    tops = np.array(CONTRACT.std)
    std = np.array([TASK.declaration["statistics"]["120_nearest"][b][1] for b in CONTRACT.bands])
    original, gray, pixels = 0.0, 0.0, 0
    for name in samples:
        found = dataset.images(name, CONTRACT.bands)
        bands = [[np.kron(v, np.ones((120 // len(v),) * 2)) for v in a.values()] for _, a in found]
        images = np.clip(np.array(bands) / tops[:, None, None], 0, 1)[..., ::2, ::2]
        turned = np.broadcast_to(images.mean(axis=1, keepdims=True), images.shape)
        scale = (tops / std)[:, None, None]
        for t in range(len(images)):
            others = [s for s in range(len(images)) if s != t]
            pixels += images[t, 0].size
            for s in others:
                original += np.abs((images[t] - images[s]) * scale).mean(0).sum() / len(others)
                gray += np.abs((turned[t] - images[s]) * scale).mean(0).sum() / len(others)
    scores = {
        (s["metric"], s["average"], s["label"]): s for s in manifest["scores"] if not s["slice"]
    }
    assert scores["s_noaug", "l1", ""]["value"] == pytest.approx(original / pixels, rel=1e-5)
    ratio = scores["ratio", "points", "1"]
    assert ratio["value"] == pytest.approx(gray / original, rel=1e-5)
    assert ratio["low"] <= ratio["value"] <= ratio["high"]
    slices = {s["slice"] for s in manifest["scores"]}
    assert any(s.startswith("class=") for s in slices)
    assert any(s.startswith("season=") for s in slices)
    assert any(s.startswith("dates=") for s in slices)
    assert Run(tmp_path / "runs" / manifest["run"]).observations().num_rows == len(samples)


def test_a_location_with_one_date_is_refused_by_name(sample, tmp_path, monkeypatch):
    root, single = sample
    monkeypatch.setenv("BENCH_DATA", str(root))
    request = Request(task=TASK.name, model="none", track="sample", results=tmp_path, ids=[single])
    with pytest.raises(BenchError, match=f"dates or more, found 1 .*{single}"):
        evaluate.run(request)


def test_a_real_series_of_two_dates(real_data, tmp_path, monkeypatch):
    (tmp_path / "data" / "ssl4eo-s12").mkdir(parents=True)
    (tmp_path / "data" / "ssl4eo-s12" / "s2a").symlink_to(real_data / "ssl4eo_s12" / "s2a")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    found = {}
    for name in ("none", "grayscale", "brightness"):
        request = Request(
            task="augmentation-consistency-ssl4eo",
            model=name,
            results=tmp_path / "results",
            limit=1,
        )
        manifest = evaluate.run(request).content()
        assert manifest["track"] == "official"
        scores = [s for s in manifest["scores"] if not s["slice"]]
        found[name] = {(s["metric"], s["average"], s["label"]): s["value"] for s in scores}
    assert found["none"]["ratio", "l1", ""] == 1
    assert found["none"]["s_noaug", "l1", ""] == found["grayscale"]["s_noaug", "l1", ""] > 0.1
    # June to August in the Punjab, from bare soil to crops: brighter still is farther away.
    brighter = [found["brightness"]["ratio", "points", at] for at in ("0.1", "0.2", "0.4")]
    assert brighter == sorted(brighter)
    # Two dates leave no variance to one of them.
    assert found["none"]["s_noaug", "z", ""] is None


def test_the_kind_is_complete():
    kind = kinds.of(TASK)
    assert kind.outputs() == 0
    assert kind.augment(None, "batch", None) == "batch"
