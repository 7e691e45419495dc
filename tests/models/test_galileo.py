"""Galileo: what it is fed with, and that it computes what its authors' code does."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import RequestError
from bench.models import encoders, galileo
from bench.spec import task as tasks
from tests.models.test_presto import made

REBEN, PASTIS = tasks.load("reben-mlc"), tasks.load("pastis-r-crop-mapping")
FILE = "weights/galileo_nano_encoder.pt"


@pytest.fixture(scope="module")
def converted(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of converted weights."""
    folder = tmp_path_factory.mktemp("weights")
    if not (real_data / FILE).is_file():
        pytest.skip(f"no real samples at {real_data / FILE}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_WEIGHTS", str(folder))
        encoders.convert("galileo:nano", real_data / FILE)
    return folder


EXPECTED = {
    8: [-0.043754, -0.021099, 0.184657, 0.026758],
    4: [0.056033, 0.040936, 0.202363, 0.033895],
}


@pytest.mark.parametrize("patch", [8, 4])
def test_features_of_an_image_are_those_of_its_authors_code(
    patch: int, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last patch of its single_file_galileo.py (commit 0f0b5b9), month 5.
    monkeypatch.setenv("BENCH_WEIGHTS", str(converted))
    found = encoders.find(f"galileo:nano/{patch}", REBEN, given="s1s2")
    network: Any = encoders.network(found)
    images = made(1, 12, 24, 24)
    with torch.inference_mode():
        grid = network.features(images, "map")
        pooled = network.features(images, "pooled")
    side = 24 // patch
    assert grid.shape == (1, 128, side, side)
    torch.testing.assert_close(pooled, grid.mean(dim=(2, 3)))
    expected = torch.tensor(EXPECTED[patch])
    torch.testing.assert_close(grid[0, :4, -1, -1], expected, atol=2e-5, rtol=0)


def test_it_is_fed_by_the_statistics_of_its_training_data() -> None:
    found = encoders.find("galileo:nano-random", REBEN, given="s1s2")
    assert found.input.units == {
        "sentinel-1-grd": "dB",
        "sentinel-2-l2a": "reflectance x 10000",
    }
    # mean - 2 std and 4 std of B2.
    place = list(found.channels).index("B2")
    assert found.input.mean[place] == pytest.approx(1395.3408730676722 - 2 * 917.7041440370853)
    assert found.input.std[place] == pytest.approx(4 * 917.7041440370853)
    assert found.input.size == 120
    assert encoders.find("galileo:nano-random/7", REBEN).input.size == 126
    with pytest.raises(RequestError, match="1 to 8 px a side"):
        encoders.find("galileo:nano/9", REBEN)
    with pytest.raises(RequestError, match="unknown weights of galileo 'tiny'"):
        encoders.find("galileo:tiny", REBEN)


@pytest.mark.parametrize(("name", "millions"), [("nano", 1.04), ("tiny", 5.71), ("base", 86.5)])
def test_sizes(name: str, millions: float) -> None:
    found = encoders.find(f"galileo:{name}-random", REBEN)
    with torch.device("meta"):
        network = galileo.encoder(
            f"{name}-random", found.arguments, found.input, found.channels, {}
        )
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.02)


def test_series_are_attended_to_in_windows() -> None:
    network: Any = encoders.network(encoders.find("galileo:nano-random", PASTIS))
    days = torch.tensor([[[61, 304], [122, 0]]])
    inputs = {
        "s1a": (made(1, 2, 2, 40, 40), days),
        "s2": (made(1, 2, 10, 40, 40), days + torch.tensor([5, 5])),
    }
    with torch.inference_mode():
        grid = network.features(inputs, "map")
        assert grid.shape[2:] == (5, 5)
        corner = {name: (pixels[..., :32, :32], when) for name, (pixels, when) in inputs.items()}
        torch.testing.assert_close(grid[..., :4, :4], network.features(corner, "map"))
        # Sentinel-2 of both months in reversed order of the dates is the same series.
        turned = {name: (pixels.flip(1), when.flip(1)) for name, (pixels, when) in inputs.items()}
        torch.testing.assert_close(network.features(turned, "map"), grid)
    assert torch.isfinite(grid).all()
