"""Presto: what it is fed with, and that it computes what its authors' code does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import BenchError, RequestError
from bench.models import encoders, extraction, presto
from bench.models._feeding import matched
from bench.spec import task as tasks
from tests.typed import Prompt

REBEN, PASTIS = tasks.load("reben-mlc"), tasks.load("pastis-r-crop-mapping")
FILE = "weights/presto_default_model.pt"


@pytest.fixture(scope="module")
def converted(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of converted weights."""
    folder = tmp_path_factory.mktemp("weights")
    if not (real_data / FILE).is_file():
        pytest.skip(f"no real samples at {real_data / FILE}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_WEIGHTS", str(folder))
        encoders.convert("presto:default", real_data / FILE)
    return folder


@pytest.fixture
def weights(converted: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BENCH_WEIGHTS", str(converted))
    yield converted


def made(*shape: int) -> torch.Tensor:
    """Values that are the same everywhere."""
    return torch.sin(torch.arange(torch.Size(shape).numel()) * 0.7).reshape(shape) / 2


@pytest.mark.parametrize("given", ["s2", "s1", "s1s2"])
def test_images_of_reben_feed_it_in_its_own_units(given: str) -> None:
    found = encoders.find("presto:random", REBEN, given=given)
    assert found.input.statistics == "nasaharvest/presto 13173d0"
    assert set(found.input.units.values()) <= {"dB", "reflectance"}
    assert len(found.channels) == {"s2": 10, "s1": 2, "s1s2": 12}[given]
    assert found.channels.get("VV", "VV") == "VV"
    assert found.channels.get("B8A", "B8A") == "B8A"
    network = encoders.network(found)
    images = made(2, len(found.channels), 20, 20)
    with torch.inference_mode():
        grid = network.features(images, "map")  # type: ignore[operator]
        pooled = network.features(images, "pooled")  # type: ignore[operator]
    # Blocks of 8 px: the third of 20 px has four.
    assert grid.shape == (2, 128, 3, 3)
    torch.testing.assert_close(pooled, grid.mean(dim=(2, 3)))
    assert extraction.width(found, "map", images) == 128


def test_series_of_pastis_and_eoekoland_feed_it() -> None:
    found = encoders.find("presto:random", PASTIS)
    assert found.channels["VV"] == "S1A_VV"
    assert found.unseen == ("S1A_RATIO", "S1D_VV", "S1D_VH", "S1D_RATIO")
    found = encoders.find("presto:random", tasks.load("eoekoland-crop-mapping"), given="s1s2")
    assert (len(found.channels), found.unseen) == (12, ())
    # VH stands first in the dataset: what Presto gets is in the order of its channels.
    assert found.input.bands[:2] == ("VV", "VH")


def test_a_group_of_which_a_band_is_missing_is_masked() -> None:
    stated = presto.checkpoint("random")
    bands = {name: band for name, band in REBEN.bands.items() if name != "B03"}
    found = matched(stated, bands, "presto:random", REBEN)
    assert not {"B2", "B3", "B4"} & set(found)
    assert {"VV", "B5", "B8"} <= set(found)
    contract = REBEN.input("s2").model_copy(
        update={
            "bands": tuple(found.values()),
            "mean": (0.0,) * len(found),
            "std": (1.0,) * len(found),
        }
    )
    network: Any = presto.encoder("random", {"block": 8}, contract, found, {})
    assert list(network.groups) == ["S1", "S2_Red_Edge", "S2_NIR_10m", "S2_NIR_20m", "S2_SWIR"]
    with pytest.raises(RequestError, match=r"needs all of VV\+VH or of B2\+B3\+B4"):
        matched(stated, {"B03": REBEN.bands["B03"]}, "presto:random", REBEN)


def test_features_of_an_image_are_those_of_its_authors_code(weights: Path) -> None:
    # Computed with nasaharvest/presto (commit 13173d0) on the mean of the image, month 6.
    found = encoders.find("presto:default", REBEN, given="s2")
    with torch.inference_mode():
        pooled = encoders.network(found).features(made(1, 10, 8, 8), "pooled")  # type: ignore[operator]
    expected = torch.tensor([-0.130993, 1.834402, -0.315438, -1.235649])
    torch.testing.assert_close(pooled[0, :4], expected, atol=2e-5, rtol=0)


def test_features_of_a_series_are_those_of_its_authors_code(weights: Path) -> None:
    # Sentinel-1 in November and January, Sentinel-2 twice in November and in December; computed
    # with the same code on the means of each month, what is missing masked.
    days: dict[str, Any] = {
        "s1a": [[[61, 304], [122, 0]]],
        "s2": [[[70, 313], [80, 323], [91, 334]]],
    }
    found = encoders.find("presto:default", PASTIS)
    inputs = {
        "s1a": (made(1, 2, 2, 8, 8), torch.tensor(days["s1a"])),
        "s2": (made(1, 3, 10, 8, 8), torch.tensor(days["s2"])),
    }
    network: Any = encoders.network(found)
    expected = torch.tensor([-2.842357, -2.170523, 0.528820, -1.290530])
    with torch.inference_mode():
        pooled = network.features(inputs, "pooled")
        torch.testing.assert_close(pooled[0, :4], expected, atol=2e-5, rtol=0)
        # Beside a sample with other months, padded, it is the same.
        more = {
            name: (
                torch.cat([pixels, made(*pixels.shape)]),
                torch.cat([when, torch.full_like(when, -1)]),
            )
            for name, (pixels, when) in inputs.items()
        }
        more["s1a"][1][1, 0] = torch.tensor([0, 243])
        together = network.features(more, "pooled")
    torch.testing.assert_close(together[:1], pooled, atol=2e-5, rtol=0)
    assert torch.isfinite(together).all()


def test_dates_of_more_than_two_years_are_refused() -> None:
    network: Any = encoders.network(encoders.find("presto:random", PASTIS, given="s2"))
    days = torch.tensor([[[0, 243], [900, 48]]])
    with pytest.raises(RequestError, match=r"dates lie in 30 months, at most 24"):
        network.features({"s2": (made(1, 2, 10, 8, 8), days)}, "pooled")


def test_missing_weights_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(BenchError, match=r"nasaharvest/presto/raw/13173d0.*default_model.pt") as it:
        encoders.find("presto:default", REBEN)
    assert "bench convert default_model.pt --encoder presto:default --i-trust" in str(it.value.hint)
    with pytest.raises(RequestError, match=r"unknown weights of presto 'defualt'.*did you mean"):
        encoders.find("presto:defualt", REBEN)
    with pytest.raises(RequestError, match="no side of a block"):
        encoders.find("presto:default/0", REBEN)


def test_other_weights_are_refused(
    converted: Path, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Prompt
) -> None:
    content = bytearray((converted / "presto-default.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "presto-default.safetensors").write_bytes(content)
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(BenchError, match="expected d59aeba80647a680"):
        encoders.find("presto:default", REBEN)
    changed = bytearray((real_data / FILE).read_bytes())
    changed[-1] ^= 1
    (tmp_path / "changed.pt").write_bytes(changed)
    line = f"convert {tmp_path / 'changed.pt'} --encoder presto:default"
    assert "isn't opened unless you say so" in bench.in_process(line, code=2).stderr
    shown = bench.in_process(f"{line} --i-trust-this-file", code=1)
    assert "the weights of presto:default have 559c9d76f525bdf2" in shown.stderr
    shown = bench.in_process(f"{line} --i-trust-this-file --task reben-mlc", code=2)
    assert "--encoder stands in place of" in shown.stderr
    shown = bench.in_process("convert --i-trust-this-file", code=2)
    assert "or --encoder" in shown.stderr
