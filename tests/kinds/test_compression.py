"""Compression: what is observed of a codec, and what follows from it."""

import json
import math
from itertools import count
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

import bench
from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.kinds.common import scoring
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.models import entries
from bench.report.curves import against
from bench.results.runs import Run
from bench.results.store import connect
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe
from tests import run_json

TASK = tasks.load("hyspecnet-compression")
SHAPE = (5, 16, 12)


class Stepped(nn.Module):
    """Values rounded to so many bits, stored plainly."""

    points = ("2", "4", "8", "16")

    def encode(self, image, point):
        levels = (1 << int(point)) - 1
        whole = (image * levels).round().to(torch.int64).numpy().astype("<u2")
        packed = np.packbits(
            np.unpackbits(whole.reshape(-1, 1).byteswap().view(np.uint8), axis=1)[:, -int(point) :]
        )
        return json.dumps([point, *image.shape]).encode() + b"\n" + packed.tobytes()

    def decode(self, stream):
        head, _, packed = stream.partition(b"\n")
        point, *shape = json.loads(head)
        bits = np.unpackbits(np.frombuffer(packed, np.uint8))[: math.prod(shape) * int(point)]
        weights = 1 << np.arange(int(point))[::-1]
        whole = bits.reshape(-1, int(point)).astype(np.int64) @ weights
        values = whole.reshape(shape) / ((1 << int(point)) - 1)
        return torch.from_numpy(values.astype(np.float32))

    def latents(self, point, shape):
        return None


class Exact(Stepped):
    """Nothing is lost."""

    points = ("raw",)

    def encode(self, image, point):
        return json.dumps(list(image.shape)).encode() + b"\n" + image.numpy().tobytes()

    def decode(self, stream):
        head, _, packed = stream.partition(b"\n")
        return torch.from_numpy(np.frombuffer(packed, "<f4").reshape(json.loads(head)).copy())

    def latents(self, point, shape):
        return math.prod(shape)


def batch(images=4, seed=0, shape=SHAPE):
    draw = torch.Generator().manual_seed(seed)
    scale = torch.linspace(0.2, 1, images)[:, None, None, None]
    pixels = torch.rand(images, *shape, generator=draw) * scale
    surfaces = torch.randint(0, 2, (images, *shape[1:]), generator=draw).to(torch.uint8)
    surfaces[0] = 0
    surfaces[:, 0] = 255
    return Batch([f"s{i}" for i in range(images)], pixels, surfaces)


def observed(model, given):
    schema = kinds.of(TASK).schema()
    with torch.inference_mode():
        return observe(kinds.of(TASK), model, [given], torch.device("cpu"), schema)


def by_hand(given, model):
    """[N, R] mean squared errors, and the bytes."""
    errors, sizes = [], []
    for image in given.inputs:
        streams = [model.encode(image, point) for point in model.points]
        made = [model.decode(stream) for stream in streams]
        errors.append([float(((m - image).double() ** 2).mean()) for m in made])
        sizes.append([len(stream) for stream in streams])
    return np.array(errors), np.array(sizes)


def test_scores_follow_from_the_streams():
    given, model = batch(), Stepped()
    found = kinds.of(TASK).measure(observed(model, given))
    errors, sizes = by_hand(given, model)
    values = math.prod(SHAPE)
    np.testing.assert_allclose(found["psnr_points"], (-10 * np.log10(errors)).mean(0), rtol=1e-9)
    np.testing.assert_allclose(found["pooled_psnr_points"], -10 * np.log10(errors.mean(0)))
    np.testing.assert_allclose(found["bpppc_points"], 8 * sizes.sum(0) / (4 * values))
    np.testing.assert_allclose(found["cr_points"], 16 / found["bpppc_points"])
    assert np.isnan(found["nominal_bpppc_points"]).all()
    assert np.isnan(found["psnr_nominalcurve"])
    assert found["psnr_nominal"].shape == (0,)
    largest = [
        max(float((model.decode(model.encode(i, p)) - i).abs().max()) for i in given.inputs)
        for p in model.points
    ]
    np.testing.assert_allclose(found["error_points"], largest, rtol=1e-5)
    bands = found["band_psnr_bands"].reshape(4, 5)
    per_band = [
        -10 * math.log10(float(((model.decode(model.encode(i, "4")) - i)[2].double() ** 2).mean()))
        for i in given.inputs[:1]
    ]
    alone = kinds.of(TASK).measure(observed(model, given.pick([0])))
    np.testing.assert_allclose(alone["band_psnr_bands"].reshape(4, 5)[1, 2], per_band[0])
    assert np.isfinite(bands).all()


def test_the_curve_is_the_mean_over_log_rate_between_the_bounds():
    from scipy.interpolate import Akima1DInterpolator

    table = observed(Stepped(), batch())
    found = kinds.of(TASK).measure(table)
    wide = TASK.model_copy(update={"settings": TASK.settings | {"bpppc": (3.0, 15.0)}})
    line = Akima1DInterpolator(np.log10(found["bpppc_points"]), found["psnr_points"])
    low, high = np.log10([3.0, 15.0])
    expected = line.integrate(low, high) / (high - low)
    assert float(kinds.of(wide).measure(table)["psnr_curve"]) == pytest.approx(float(expected))
    beyond = TASK.model_copy(update={"settings": TASK.settings | {"bpppc": (16.5, 40.0)}})
    level = kinds.of(beyond).measure(table)["psnr_curve"]
    line = Akima1DInterpolator(
        np.log10([*found["bpppc_points"], 40.0]), [*found["psnr_points"], found["psnr_points"][-1]]
    )
    low, high = np.log10([16.5, 40.0])
    assert float(level) == pytest.approx(float(line.integrate(low, high) / (high - low)))
    assert np.isnan(found["psnr_curve"])  # Its rates begin above those that rank.


def test_resampled_scores_are_the_scores_of_the_resampled_table():
    table = observed(Stepped(), batch())
    counts = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 0, 0, 4]], np.uint16)
    found = kinds.of(TASK).replicate(table, [counts[:2], counts[2:]])
    for row, weights in enumerate(counts):
        repeated = table.take(np.repeat(np.arange(4), weights))
        alone = kinds.of(TASK).measure(repeated)
        for name in set(found) - {"error_points"}:
            np.testing.assert_allclose(found[name][row], alone[name], err_msg=name)


def test_land_and_water_are_scored_on_their_own_pixels():
    given, model = batch(), Stepped()
    slices = kinds.of(TASK).parts(observed(model, given))
    assert set(slices) == {"pixels=land", "pixels=water"}
    water = slices["pixels=water"]
    assert water.column("sample").to_pylist() == ["s1", "s2", "s3"]
    found = kinds.of(TASK).measure(water)
    for point, name in enumerate(model.points):
        expected = []
        for image, surfaces in zip(given.inputs[1:], given.targets[1:], strict=True):
            lost = (model.decode(model.encode(image, name)) - image).double() ** 2
            expected.append(-10 * math.log10(float(lost[:, surfaces == 1].mean())))
        assert found["psnr_points"][point] == pytest.approx(np.mean(expected), rel=1e-9)


def test_a_lossless_codec_has_its_rate_and_no_finite_quality():
    given = batch()
    found = kinds.of(TASK).measure(observed(Exact(), given))
    assert np.isnan(found["psnr_points"]).all()
    assert np.isinf(kinds.of(TASK).sample_scores(observed(Exact(), given))).all()
    assert found["error_points"].tolist() == [0.0]
    assert found["sa_points"].tolist() == [0.0]
    assert found["nominal_cr_points"].tolist() == [1.0]
    assert np.isnan(found["psnr_curve"])
    scores = scoring.score(kinds.of(TASK), observed(Exact(), given)).scores
    assert {s.value for s in scores if s.metric == "psnr"} == {None}


NAMES = ("psnr", "pooled_psnr", "sa", "cr", "error")


class Other(Stepped):
    """The same codec at other points."""

    points = ("3", "5", "7", "12")


def recorded(results, name, model, images):
    """A complete run of a codec."""
    table = observed(model, batch(images))
    run = Run(results / "runs" / f"{TASK.name}.{name}.sample.0")
    run.write_part(0, table)
    task = {"name": TASK.name, "digest": TASK.digest, "kind": TASK.kind, "primary": TASK.primary}
    about = {"name": name, "digest": name}
    run_json.write(run, run_json.complete(run.name, of_task=task, about=about))
    return table


def test_points_and_curves_have_intervals_over_images(tmp_path):
    table = recorded(tmp_path, "stepped", Stepped(), 24)
    found = [s for s in scoring.score(kinds.of(TASK), table).scores if not s.slice]
    points = {name: [s for s in found if s.name == f"{name}_points"] for name in NAMES}
    for name in ("psnr", "pooled_psnr", "sa"):
        assert len(points[name]) == 4
        assert all(s.low < s.value < s.high for s in points[name]), name
    for score in points["cr"]:  # the same for every image
        assert (score.low, score.high) == pytest.approx((score.value, score.value))
    assert {(s.low, s.high) for s in points["error"]} == {(None, None)}  # a maximum
    recorded(tmp_path, "other", Other(), 24)
    anchor, other = against(["stepped", "other"], TASK.name, tmp_path, rate="actual").curves
    nothing = anchor.bd_psnr
    assert (nothing.low, nothing.value, nothing.high) == pytest.approx((0, 0, 0), abs=1e-9)
    assert other.bd_psnr.low < other.bd_psnr.value < other.bd_psnr.high
    assert other.bd_rate.low < other.bd_rate.value < other.bd_rate.high
    assert all(one.low < one.value < one.high for one in other.psnr)


def test_points_and_rates_name_the_scores():
    table = observed(Stepped(), batch())
    assert list(kinds.of(TASK).labels(table, "points")) == ["2", "4", "8", "16"]
    actual = kinds.of(TASK).labels(table, "actual")
    assert all(label.startswith("bpppc=") for label in actual)
    assert len(kinds.of(TASK).labels(table, "bands")) == 20
    assert list(kinds.of(TASK).labels(table, "nominal")) == []
    nominal = kinds.of(TASK).labels(observed(Exact(), batch()), "nominal")
    assert list(nominal) == ["nominal bpppc=32"]


class Aliased(Exact):
    """Looks at the image that it was given, behind the back of the stream."""

    kept: ClassVar[list] = []

    def encode(self, image, point):
        Aliased.kept.append(image)
        return super().encode(image, point)[:20]

    def decode(self, stream):
        return Aliased.kept[-1]


class Remembering(Exact):
    """Keeps the image in the object that encodes."""

    image = None

    def encode(self, image, point):
        self.image = image.clone()
        return b"-"

    def decode(self, stream):
        if self.image is None:
            raise BenchError("nothing was encoded by this codec")
        return self.image


def test_an_image_that_is_kept_behind_the_streams_back_is_of_no_use():
    found = kinds.of(TASK).measure(observed(Aliased(), batch()))
    assert found["psnr_points"][0] < 20  # Zeros: the image was wiped before decoding.
    with pytest.raises(BenchError, match="nothing was encoded"):
        observed(Remembering(), batch())


class Drawing(Exact):
    numbers = count()

    def encode(self, image, point):
        return super().encode(image, point) + bytes([next(self.numbers) % 256])


class Cropping(Exact):
    def decode(self, stream):
        return super().decode(stream)[:, 1:]


class Doubling(Exact):
    def decode(self, stream):
        return super().decode(stream).double()


class Listing(Exact):
    def encode(self, image, point):
        return list(super().encode(image, point))


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Drawing, "twice gave two streams"),
        (Cropping, r"of shape \[5, 16, 12\], decode returned \[5, 15, 12\]"),
        (Doubling, "decode returned float64"),
        (Listing, "encode returned list"),
    ],
)
def test_a_codec_that_breaks_its_word_is_named(model, fault):
    with pytest.raises(BenchError, match=fault):
        observed(model(), batch())


def test_other_points_for_another_image_are_refused():
    one, other = observed(Stepped(), batch(1)), observed(Exact(), batch(1))
    with pytest.raises(BenchError, match="same rate points"):
        kinds.of(TASK).labels(pa.concat_tables([one, other]), "points")


def recipe(**options):
    return Recipe(
        epochs=1,
        batch=2,
        learning_rate=1e-3,
        weight_decay=0,
        warmup_steps=0,
        start_factor=1,
        end_factor=1,
        patience=1,
        flips=False,
        matmul_precision="highest",
        options=options,
    )


def test_a_random_subset_keeps_whole_spectra_of_distinct_pixels():
    given = batch()
    draw = torch.Generator().manual_seed(3)
    chosen = kinds.of(TASK).augment(recipe(pixels=6), given, draw)
    assert chosen.inputs.shape == (4, 5, 6, 6)
    for image, subset in zip(given.inputs, chosen.inputs, strict=True):
        spectra = {tuple(s) for s in image.flatten(1).T.tolist()}
        drawn = {tuple(s) for s in subset.flatten(1).T.tolist()}
        assert len(drawn) == 36
        assert drawn <= spectra
    again = kinds.of(TASK).augment(recipe(pixels=6), given, torch.Generator().manual_seed(3))
    assert torch.equal(again.inputs, chosen.inputs)


def test_a_window_is_a_part_of_the_image():
    given = batch()
    chosen = kinds.of(TASK).augment(recipe(crop=8), given, torch.Generator().manual_seed(1))
    assert chosen.inputs.shape == (4, 5, 8, 8)
    for image, window in zip(given.inputs, chosen.inputs, strict=True):
        assert any(
            torch.equal(image[:, row : row + 8, column : column + 8], window)
            for row in range(9)
            for column in range(5)
        )


def test_the_loss_is_the_sum_over_networks():
    given = batch()

    class Two(nn.Module):
        def forward(self, images):
            return torch.stack([images + 0.1, images - 0.2])

    assert float(kinds.of(TASK).loss(Two(), given)) == pytest.approx(0.05, rel=1e-5)
    with pytest.raises(BenchError, match="expected reconstructions"):
        kinds.of(TASK).loss(nn.Identity(), given)


class Scenes:
    """Four bands that hold what they are told."""

    def __init__(self, value):
        self.value = value

    def read(self, sample, bands):
        return {band: np.full((6, 6), self.value, np.float32) for band in bands}

    def regions(self, sample):
        return np.zeros((6, 6), np.uint8)


def test_values_out_of_range_are_clipped_and_nan_is_refused():
    pipeline = InputPipeline(TASK.input("enmap202"), TASK.bands)
    loaded = kinds.of(TASK).load(Scenes(12_000.0), pipeline, ["a"])
    assert loaded.inputs.shape == (1, 202, 6, 6)
    assert loaded.inputs.unique().tolist() == [1.0]
    with pytest.raises(BenchError, match="image a holds 7272 values that are NaN"):
        kinds.of(TASK).load(Scenes(np.nan), pipeline, ["a"])


@pytest.fixture(scope="module")
def results(tmp_path_factory, sample_data):
    """A learned and a classical codec on a few images of the sample track."""
    folder = tmp_path_factory.mktemp("compression")
    brief = recipe(crop=8).model_copy(update={"select": "loss", "clip_norm": 1.0, "batch": 10})
    for name, base, arguments, recipes in (
        ("brief", "cae3d", {"rates": "32", "bits": "6"}, {"sample": brief}),
        ("finer", "pca", {"components": "8 16 32 64"}, {}),
    ):
        found = entries.baseline(base, TASK)
        model = found.model.model_copy(update={"arguments": arguments})
        update = {"name": name, "model": model, "recipe": recipes}
        entries.save(found.model_copy(update=update), folder / name)
    return folder, {
        name: evaluate.run(request(folder, model)).content()
        for name, model in (
            ("brief", str(folder / "brief")),
            ("finer", str(folder / "finer")),
            ("pca", "pca"),
        )
    }


def request(folder, model, **changes):
    return Request(
        task=TASK.name, model=model, track="sample", limit=1, results=folder / "results", **changes
    )


def test_learned_and_classical_codecs_run_end_to_end(results):
    folder, manifests = results
    learned = manifests["brief"]
    points = {s["label"] for s in learned["scores"] if s["average"] == "points"}
    assert points == {"cr32", "cr32-6bit"}
    drawn = [s for s in learned["scores"] if s["average"] == "actual" and not s["slice"]]
    assert len(drawn) == 2
    assert all(s["value"] > 0 for s in drawn)
    assert {s["low"] for s in learned["scores"]} == {None}
    assert any(text.startswith("too few for an interval") for text in learned["remarks"])
    assert learned["entry"]["trained"]["recipe"]["options"] == {"crop": 8}
    # Nothing is learnt by principal components: no entry was trained for them.
    trained = (folder / "results/entries").glob("*/[!.]*")
    assert {path.name.split("-")[0] for path in trained} == {"brief"}
    table = Run(folder / "results/runs" / learned["run"]).observations()
    assert table.schema.equals(kinds.of(TASK).schema())
    with connect(folder / "results", write=False) as connection:
        found = connection.execute("select count(*) from runs where partial").fetchone()
    assert found == (3,)


def test_observations_are_recognised_whatever_time_they_took(results):
    folder, manifests = results
    run = Run(folder / "results/runs" / manifests["pca"]["run"])
    again = evaluate.run(request(folder, "pca", force=True)).content()
    assert again["observations_sha256"] == manifests["pca"]["observations_sha256"]
    volatile = run.observations().column("encode_seconds").combine_chunks().flatten()
    other = Run(folder / "results/runs" / again["run"]).observations()
    assert volatile != other.column("encode_seconds").combine_chunks().flatten()


def test_curves_are_drawn_against_an_anchor(results):
    folder, _ = results
    asked = (TASK.name, folder / "results")
    found = against(["pca-enmap202", "finer"], *asked, rate="nominal")
    anchor, finer = found.curves
    assert anchor.bd_rate.value == pytest.approx(0, abs=1e-9)
    assert anchor.bd_psnr.value == pytest.approx(0, abs=1e-9)
    assert anchor.bd_psnr_overlap == pytest.approx(1)
    # The same codec at other points lies on the same curve, or nearly.
    assert finer.bd_psnr.value == pytest.approx(0, abs=1)
    assert (finer.bd_psnr.low, finer.bd_psnr.high) == (None, None)  # one image
    assert 0.8 < finer.bd_psnr_overlap < 1
    assert list(anchor.rates) == sorted(anchor.rates)
    frame = bench.curves(
        "pca-enmap202", "finer", task=TASK.name, rate="nominal", results=folder / "results"
    )
    assert frame["entry"].tolist() == [one.entry for one in found.curves for _ in one.points]
    assert frame["rate"].tolist() == [rate for one in found.curves for rate in one.rates]
    lows = [np.nan if psnr.low is None else psnr.low for one in found.curves for psnr in one.psnr]
    assert np.array_equal(frame["psnr_low"].to_numpy(float), lows, equal_nan=True)
    assert set(frame.loc[frame["entry"] == "finer", "bd_psnr"]) == {finer.bd_psnr.value}
    assert (frame.attrs["track"], frame.attrs["samples"]) == ("sample", found.samples)
    with pytest.raises(RequestError, match="unknown method"):
        against(["pca-enmap202", "finer"], *asked, method="spline")
    with pytest.raises(RequestError, match="kind multilabel, which has no rates"):
        against(["a", "b"], "reben-mlc", folder / "results")
