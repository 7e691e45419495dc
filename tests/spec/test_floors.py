"""Which entries are floors, and that no other is called like one."""

import pytest
import tomli_w
import torch

from bench import models
from bench.base.errors import RequestError
from bench.models import live
from bench.spec import floors
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")


def test_a_floor_is_told_by_its_name():
    assert floors.is_floor("floor-statistics-s2")
    assert not floors.is_floor("resnet18-s2")
    assert not floors.is_floor("flooring")


def folder(tmp_path, **more):
    declared = {"name": "floor-mine", "task": TASK.name} | more
    (tmp_path / "entry.toml").write_text(tomli_w.dumps(declared), encoding="utf-8")
    return tmp_path


def test_no_folder_is_called_like_a_floor(tmp_path):
    model = {"architecture": "timm:resnet18", "weights": "model.safetensors"}
    with pytest.raises(RequestError, match="called floor-mine") as caught:
        models.find(str(folder(tmp_path, model=model, input="s2")), TASK)
    assert "another name" in caught.value.hint


def test_no_predictions_are_called_like_a_floor(tmp_path):
    (tmp_path / "Floor-mine.parquet").write_bytes(b"")
    for rest in (folder(tmp_path, predictions={"file": "p.parquet"}), "Floor-mine.parquet"):
        with pytest.raises(RequestError, match="kept for the baselines"):
            models.find(f"predictions:{tmp_path / rest}", TASK)


def test_no_module_of_a_user_is_called_like_a_floor():
    with pytest.raises(RequestError, match="kept for the baselines"):
        live.untrained(torch.nn.Linear(1, 1), TASK, TASK.input("s2"), "floor-linear", ())
