"""Datasets whose images are degraded as they are read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench import kinds
from bench.base.errors import RequestError
from bench.data.series import Series
from bench.kinds.common.batch import images
from bench.kinds.common.degraded import DegradedDataset, check, fingerprint, statistics
from bench.spec import task as tasks
from bench.spec.contract import InputContract, InputPipeline, native_statistics
from bench.spec.degradation import Degradation, parse

TASK = tasks.load("reben-mlc")
BOTH = TASK.input("s1s2")
SIZES = {10: 120, 20: 60, 60: 20}


class Made:
    """A dataset of noise, seeded by the sample."""

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for band in bands:
            rng = np.random.default_rng([*map(ord, sample + band)])
            size = SIZES[int(TASK.bands[band].gsd)]
            values = rng.normal(2000, 300, (size, size))
            radar = band in ("VV", "VH")
            found[band] = (values / 100).astype("f4") if radar else values.astype(np.uint16)
        return found

    def multilabels(self, samples: Sequence[str]) -> Any:
        return np.zeros((len(samples), 19), np.uint8)

    def series(self, sample: str, bands: Sequence[str]) -> list[Series]:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 3000, (3, len(bands), 24, 24)).astype(np.int16)
        return [Series("S2", bands, pixels, np.zeros((3, 2), np.int64))]


def one(text: str) -> Degradation:
    (found,) = parse(text)
    return found


def read(text: str, sample: str = "a", contract: InputContract = BOTH) -> tuple[Any, Any]:
    """The bands of a sample before and after."""
    clean = Made()
    degraded = DegradedDataset(clean, TASK, contract, one(text))
    bands = contract.bands
    return clean.read(sample, bands), degraded.read(sample, bands)


def changed(before: Any, after: Any) -> set[str]:
    return {band for band in before if (before[band] != after[band]).any()}


def test_a_dropped_band_is_0_after_the_tasks_normalisation_and_others_stay() -> None:
    before, after = read("drop=B11,VV")
    assert changed(before, after) == {"B11", "VV"}
    pipeline = InputPipeline(BOTH, TASK.bands)
    out = np.empty(pipeline.shape(after), np.float32)
    pipeline.apply(after, out)
    channel = dict(zip(BOTH.bands, out, strict=True))
    std = dict(zip(BOTH.bands, BOTH.std, strict=True))
    assert abs(channel["VV"]).max() < 1e-5
    # A whole digital number, as the dataset stores it.
    assert abs(channel["B11"]).max() <= 0.5 / std["B11"] + 1e-6


def test_clouds_cover_all_optical_bands_alike_and_no_radar() -> None:
    before, after = read("cloud=0.4")
    assert changed(before, after) == set(BOTH.bands) - {"VV", "VH"}
    white = np.where(after["B02"] != before["B02"], 1.0, 0.0)
    coarse = np.where(after["B11"] != before["B11"], 1.0, 0.0)
    assert np.corrcoef(white[::2, ::2].ravel(), coarse.ravel())[0, 1] > 0.8
    assert 4000 <= after["B02"].max() <= 7600
    assert after["B11"].max() == pytest.approx(0.55 * after["B02"].max(), abs=2)


def test_noise_is_in_standard_deviations_of_the_band() -> None:
    before, after = read("noise=0.5")
    std = dict(zip(BOTH.bands, BOTH.std, strict=True))
    for band in ("VV", "B03"):
        noise = after[band].astype(float) - before[band]
        inside = noise[after[band] > 0] if band == "B03" else noise
        assert abs(inside.std() / (0.5 * std[band]) - 1) < 0.1


def test_bands_as_coarse_as_asked_for_stay() -> None:
    before, after = read("gsd=20")
    finer = {band for band in BOTH.bands if TASK.bands[band].gsd < 20}
    assert changed(before, after) == finer
    blocks = before["B02"].reshape(60, 2, 60, 2).mean(axis=(1, 3))
    assert after["B02"][::2, ::2] == pytest.approx(blocks, abs=0.5)
    assert changed(*read("gsd=120")) == set(BOTH.bands)


def test_a_band_stored_on_finer_pixels_than_it_was_measured_on_is_averaged_by_its_area() -> None:
    """EuroSAT stores bands of 20 and 60 m on pixels of 10 m."""
    task = tasks.load("eurosat")
    contract = task.input(task.inputs[0])
    rng = np.random.default_rng(0)
    stored = {band: rng.integers(0, 3000, (64, 64)).astype("f4") for band in contract.bands}

    class Stored:
        def read(self, sample: str, bands: Sequence[str]) -> Any:
            return {band: stored[band] for band in bands}

    found = DegradedDataset(Stored(), task, contract, one("gsd=40")).read("a", contract.bands)
    assert (found["B01"] == stored["B01"]).all()
    for band in ("B02", "B11"):
        expected = stored[band].reshape(16, 4, 16, 4).mean(axis=(1, 3))
        assert found[band][::4, ::4] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("text", ["cloud=0.3", "noise=0.5"])
def test_what_is_random_depends_on_the_sample_alone(text: str) -> None:
    pipeline = InputPipeline(BOTH, TASK.bands)
    dataset: Any = DegradedDataset(Made(), TASK, BOTH, one(text))
    forward = images(dataset, pipeline, ["a", "b", "c"])
    assert (images(dataset, pipeline, ["c", "a"]) == forward[[2, 0]]).all()
    fewer = DegradedDataset(Made(), TASK, TASK.input("s2"), one(text)).read("a", ["B02"])
    assert (fewer["B02"] == dataset.read("a", BOTH.bands)["B02"]).all()


def test_each_date_of_a_series_is_degraded_by_itself() -> None:
    task = tasks.load("pastis-r-crop-mapping")
    contract = task.input("s2")
    dataset = DegradedDataset(Made(), task, contract, one("cloud=0.5"))
    (before,), (after,) = Made().series("a", contract.bands), dataset.series("a", contract.bands)
    assert (after.pixels.dtype, after.pixels.shape) == (before.pixels.dtype, before.pixels.shape)
    covered = after.pixels[:, 0] != before.pixels[:, 0]
    assert (covered[0] != covered[1]).any()
    (again,) = dataset.series("a", contract.bands)
    assert (again.pixels == after.pixels).all()


def test_targets_stay_as_they_are() -> None:
    dataset = DegradedDataset(Made(), TASK, BOTH, one("cloud=1"))
    assert dataset.multilabels(["a"]).shape == (1, 19)
    with pytest.raises(AttributeError):
        _ = dataset.captions


def test_statistics_are_those_of_the_task_in_the_unit_of_the_dataset() -> None:
    """Whatever the model is normalised by: all models meet the same images."""
    own = BOTH.model_copy(
        update={"mean": (0.0,) * len(BOTH.bands), "std": (9.0,) * len(BOTH.bands)}
    )
    assert statistics(TASK, own, one("noise=1")) == statistics(TASK, BOTH, one("noise=1"))
    pictures = tasks.load("rsicd-retrieval")
    found = native_statistics(pictures.input("clip"), pictures.bands)
    assert found["R"] == pytest.approx((255 * 0.48145466, 255 * 0.26862954))


def test_a_fingerprint_covers_what_decides_the_images() -> None:
    asked = [one(text) for text in ("cloud=0.1", "cloud=0.2", "noise=0.1", "drop=B02")]
    assert len({fingerprint(TASK, BOTH, each) for each in asked}) == 4


@pytest.mark.parametrize(
    ("task", "given", "text", "expected"),
    [
        ("reben-mlc", "s2", "drop=B13", "unknown band 'B13'"),
        ("reben-mlc", "s2", "drop=VV", "only bands that the model is fed"),
        ("reben-mlc", "s2", "gsd=10", "changes nothing: the finest band that the model is fed has"),
        ("reben-mlc", "s1", "cloud=0.3", "fed no optical band"),
        ("hyspecnet-compression", "enmap202", "noise=0.1", "kind compression can't be degraded"),
        ("augmentation-consistency", "s2", "noise=0.1", "kind consistency can't be degraded"),
        ("magicbathy-bathymetry-agia-napa", "s2", "cloud=0.1", "whose unit is digital number"),
    ],
)
def test_what_changes_nothing_or_cannot_be_had_is_refused(
    task: str, given: str, text: str, expected: str
) -> None:
    known = tasks.load(task)
    with pytest.raises(RequestError, match=expected):
        check(kinds.of(known), known.input(given), one(text))


@pytest.mark.parametrize("kind", ["multilabel", "classification", "segmentation", "depth", "crops"])
def test_image_tasks_can_be_degraded(kind: str) -> None:
    known = [tasks.load(name) for name in tasks.names()]
    for task in (task for task in known if task.kind == kind):
        for given in task.inputs:
            check(kinds.of(task), task.input(given), one("noise=0.1"))
