"""Weights: every fault of a file is named, and equal weights are equal bytes."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from bench.base import weights
from bench.base.errors import BenchError


def _model(seed: int, channels: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    weights.save(_model(1), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def _changed(stored: Path, name: str, tensor: torch.Tensor | None) -> Path:
    tensors = load_file(stored)
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, stored)
    return stored


def test_what_was_saved_comes_back(stored: Path) -> None:
    model = _model(2)
    weights.fill(model, stored)
    for (name, found), (_, expected) in zip(
        model.state_dict().items(), _model(1).state_dict().items(), strict=True
    ):
        assert torch.equal(found, expected), name


def test_bytes_depend_on_values_alone(stored: Path, tmp_path: Path) -> None:
    other = _model(1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    weights.save(other, tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == stored.read_bytes()


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    weights.save(model, tmp_path / "tied")
    weights.fill(model, tmp_path / "tied")


def test_a_prefix_is_declared(stored: Path, tmp_path: Path) -> None:
    save_file({f"a.b.{k}": v for k, v in load_file(stored).items()}, tmp_path / "prefixed")
    model = _model(2)
    weights.fill(model, tmp_path / "prefixed", "a.b.")
    assert torch.equal(model.state_dict()["0.weight"], _model(1).state_dict()["0.weight"])
    with pytest.raises(BenchError, match=r"9 missing .* and 9 unexpected \(first a\.b\.0\.bias\)"):
        weights.fill(model, tmp_path / "prefixed")


def test_missing_and_unexpected_tensors(stored: Path) -> None:
    with pytest.raises(BenchError, match=r"1 missing \(first 3\.bias\)"):
        weights.fill(_model(2), _changed(stored, "3.bias", None))
    extra = _changed(stored, "3.bias", torch.zeros(2))
    with pytest.raises(BenchError, match=r"found 1 unexpected \(first head\)"):
        weights.fill(_model(2), _changed(extra, "head", torch.zeros(2)))


def test_wrong_shape_and_dtype(stored: Path) -> None:
    with pytest.raises(BenchError, match=r"3\.bias has shape \[5\], expected \[2\] \(do arch"):
        weights.fill(_model(2), _changed(stored, "3.bias", torch.zeros(5)))
    half = _changed(stored, "3.bias", torch.zeros(2, dtype=torch.float16))
    with pytest.raises(BenchError, match=r"3\.bias has dtype F16, expected F32"):
        weights.fill(_model(2), half)


def test_other_channels_point_to_the_contract(stored: Path) -> None:
    with pytest.raises(BenchError, match=r"take 3 channels, the input contract has 10"):
        weights.fill(_model(2, channels=10), stored)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite(value: float, stored: Path) -> None:
    with pytest.raises(BenchError, match=r"1\.running_var holds 1 values that are NaN"):
        weights.fill(
            _model(2), _changed(stored, "1.running_var", torch.tensor([1.0, value, 1.0, 1.0]))
        )


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_a_truncated_file(keep: int, stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:keep])
    with pytest.raises(BenchError, match="not a whole safetensors file"):
        weights.fill(_model(2), stored)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    torch.save(_model(1).state_dict(), tmp_path / "pickle")
    with pytest.raises(BenchError, match="not a whole safetensors file"):
        weights.fill(_model(2), tmp_path / "pickle")
    with pytest.raises(BenchError, match=r"absent can't be read: No such file"):
        weights.fill(_model(2), tmp_path / "absent")
    with pytest.raises(BenchError, match="can't be read"):
        weights.fill(_model(2), tmp_path)


def test_a_header_is_not_read_when_it_is_too_long(tmp_path: Path) -> None:
    header = weights.MAX_HEADER + 1
    with (tmp_path / "long").open("wb") as stream:
        stream.write(struct.pack("<Q", header))
        stream.truncate(header + 100)
    with pytest.raises(BenchError, match=f"header has {header} bytes"):
        weights.fill(_model(2), tmp_path / "long")


def test_a_header_that_lies_about_offsets(tmp_path: Path) -> None:
    text = json.dumps({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "lie").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(BenchError, match="not a whole safetensors file"):
        weights.fill(_model(2), tmp_path / "lie")
