"""Small pictures of samples in red, green and blue."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench import data, kinds
from bench.base.errors import BenchError
from bench.kinds.common import photographs, pictures
from bench.spec import task as tasks
from bench.spec.contract import Band, InputPipeline


def stored(layers: dict[str, Any]) -> Any:
    """A dataset of one sample."""
    return SimpleNamespace(read=lambda sample, bands: {band: layers[band] for band in bands})


def of_bands(**units: str) -> Any:
    bands = {name: Band(sensor="rgb", gsd=1, unit=unit) for name, unit in units.items()}
    return SimpleNamespace(bands=bands, declaration={})


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("reben-mlc", ("B04", "B03", "B02")),
        ("rsscn7", ("R", "G", "B")),
        ("levir-cc-retrieval", ("R1", "G1", "B1")),
        ("pastis-r-crop-mapping", ("B04", "B03", "B02")),
    ],
)
def test_red_green_and_blue_are_found_by_wavelength(task: str, expected: tuple[str, ...]) -> None:
    assert photographs.visible(tasks.load(task).bands) == expected


def test_the_finest_of_several_sensors_is_shown() -> None:
    bands = tasks.load("magicbathy-bathymetry-agia-napa").bands
    finest = min(band.gsd for band in bands.values())
    assert {bands[name].gsd for name in photographs.visible(bands)} == {finest}


def test_radar_has_no_colours() -> None:
    assert photographs.visible({"VV": Band(sensor="sentinel-1-grd", gsd=10, unit="dB")}) == ()


def test_values_of_8_bits_stay() -> None:
    task = of_bands(R="8 bit", G="8 bit", B="8 bit")
    layers = {
        band: np.full((200, 100), value, np.uint8)
        for band, value in {"R": 10, "G": 120, "B": 250}.items()
    }
    picture = photographs.photograph(task, stored(layers), "a")
    assert picture is not None
    assert picture.shape == (128, 64, 3)
    np.testing.assert_array_equal(picture[5, 5], [10, 120, 250])


def test_dark_values_of_8_bits_are_stretched() -> None:
    task = of_bands(R="8 bit", G="8 bit", B="8 bit")
    layer = np.linspace(0, 40, 64 * 64).reshape(64, 64).astype(np.uint8)
    picture = photographs.photograph(task, stored(dict.fromkeys("RGB", layer)), "a")
    assert picture is not None
    assert picture.max() >= 250


def test_reflectance_is_stretched_and_nan_is_black() -> None:
    task = of_bands(R="fraction", G="fraction", B="fraction")
    layer = np.linspace(0.1, 0.2, 64 * 64, dtype=np.float32).reshape(64, 64)
    layer[0, 0] = np.nan
    picture = photographs.photograph(task, stored(dict.fromkeys("RGB", layer)), "a")
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture.min() == 0
    assert picture.max() >= 250
    nothing = dict.fromkeys("RGB", np.full((4, 4), np.nan, np.float32))
    assert photographs.photograph(task, stored(nothing), "a") is None


def test_a_copy_without_these_bands_shows_nothing() -> None:
    def read(sample: str, bands: Any) -> Any:
        raise BenchError("no such bands here", "fetch them")

    task = of_bands(R="8 bit", G="8 bit", B="8 bit")
    dataset: Any = SimpleNamespace(read=read)
    assert photographs.photograph(task, dataset, "a") is None
    assert photographs.panel(task, dataset, "a", 128) == {}


@pytest.mark.parametrize("name", ["pastis-r-crop-mapping", "eoekoland-crop-mapping"])
def test_of_a_series_the_median_of_its_dates_is_shown(name: str) -> None:
    task = tasks.load(name)
    dataset: Any = data.reader(task.dataset).open_dataset(
        data.ensure_sample(task.dataset, lambda said: None)
    )
    sample = dataset.ids(task.split)[0]
    (series,) = dataset.series(sample, photographs.visible(task.bands))
    height, width = series.pixels.shape[-2:]
    picture = photographs.photograph(task, dataset, sample)
    assert picture is not None
    times = 128 // max(height, width)
    assert picture.shape == (times * height, times * width, 3)
    # Where the median is brightest the picture is; where it is darkest, too.
    red = np.median(series.pixels[:, 0], axis=0)
    shown = picture[::times, ::times, 0].astype(int)
    assert np.corrcoef(red.ravel(), shown.ravel())[0, 1] > 0.9


def test_long_lines_are_broken_below_a_picture() -> None:
    white = np.full((128, 128, 3), 255, np.uint8)
    short = pictures.captioned(white, ["a"])
    long = pictures.captioned(white, ["a word " * 40])
    assert short.shape == (128 + 14, 128, 3)
    # Five lines at most.
    assert long.shape == (128 + 5 * 14, 128, 3)
    assert (long[128:] < 255).any()


@pytest.mark.parametrize("name", ["reben-mlc", "reben-federated", "rsscn7"])
def test_what_is_there_and_what_is_predicted_stand_below(name: str) -> None:
    task = tasks.load(name)
    kind = kinds.of(task)
    dataset = data.reader(task.dataset).open_dataset(data.ensure_sample(task.dataset, print))
    pipeline = InputPipeline(task.input(task.inputs[0]), task.bands)
    batch = kind.load(dataset, pipeline, dataset.ids(task.split)[:3])

    def model(images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images), len(task.classes)), -1.0)

    found = kind.draw(dataset, _Module(model), batch)
    assert sorted(found) == sorted(f"sample-{sample}" for sample in batch.samples)


class _Module(torch.nn.Module):
    """A function as a network."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """What the function makes of them."""
        found: torch.Tensor = self.function(images)
        return found


@pytest.mark.parametrize("name", ["rsscn7", "reben-mlc", "rsicd-captioning", "rsicd-retrieval"])
def test_samples_of_the_sample_track_are_small_pictures(name: str) -> None:
    task = tasks.load(name)
    root = data.ensure_sample(task.dataset, print)
    dataset = data.reader(task.dataset).open_dataset(root)
    sample = dataset.ids(task.split)[0]
    found = photographs.described(task, dataset, {sample: ["reference: x", "predicted: y"]})
    (content,) = [pictures.png(picture) for picture in found.values()]
    assert len(content) < 20_000
    assert kinds.of(task).drawn > 0
