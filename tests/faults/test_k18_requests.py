"""Wrong requests: one line that says what to do, exit code 2, and never an unexpected error."""

from pathlib import Path

import pytest
import torch

import bench
from bench import api
from bench.base import torch_setup
from bench.base.errors import RequestError
from bench.spec import task as tasks
from bench.submissions import template
from bench.submissions.checks import Submission

RUN = "run --task reben-mlc --model timm:test_resnet/s1"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (f"{RUN} --seed -1", "--seed -1: expected 0 to 4294967295"),
        (f"{RUN} --seed {2**70}", "expected 0 to 4294967295"),
        (f"{RUN} --seed abc", "--seed"),
        (f"{RUN} --devices -3", "--devices -3: expected at least 1"),
        (f"{RUN} --nodes 0", "--nodes 0: expected at least 1"),
        (f"{RUN} --limit x", "--limit"),
        (f"{RUN} --precision odd", "unknown precision"),
        (f"{RUN} --track real", "unknown track"),
        ("run --task reben-mlc --model mynet.py", "python:mynet:FACTORY --allow-python"),
        ("run --task reben-mlc --model nets/mynet.py:make", "python:mynet:make --allow-python"),
        ("run --task reben-mlc --model timm:xcit_nano_12_p16_224", "--size 224"),
    ],
)
def test_a_wrong_request_is_told_and_ends_with_2(bench, typed, told):
    done = bench.in_process(typed, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": "3"}, "seed is '3', expected an integer"),
        ({"ids": "S2A_1"}, "expected a list of ids"),
        ({"contract": "s1"}, "contract is given with"),
        ({"seed": -1}, "expected 0 to"),
        ({"track": "real"}, "unknown track"),
        ({"precision": "odd"}, "unknown precision"),
    ],
)
def test_a_wrong_call_is_a_request_error_as_well(options, told):
    with pytest.raises(RequestError, match=told):
        bench.run("reben-mlc", "timm:test_resnet/s1", **options)


@pytest.mark.parametrize(
    ("task", "model", "told"),
    [
        ("reben-mcl", "resnet18", "did you mean reben-mlc"),
        (7, "resnet18", "task is 7, expected a name"),
        ("reben-mlc", "resnet81", "did you mean resnet18"),
        ("reben-mlc", 7, "model is 7, expected a name, a path, a bench.Entry"),
        ("reben-mlc", torch.nn.ReLU, "give an instance of it"),
        ("reben-mlc", Path("nowhere"), "no entry folder at"),
    ],
)
def test_a_wrong_name_is_a_request_error_with_the_nearest_ones(task, model, told):
    with pytest.raises(bench.RequestError, match=told):
        bench.run(task, model)


def test_the_network_that_users_train_is_the_one_that_is_built():
    network = api.build("timm:test_resnet/s1", task="reben-mlc")
    assert next(network.parameters()).shape[1] == 2
    with pytest.raises(RequestError, match="unknown timm model"):
        api.build("timm:resnet5O", task="reben-mlc")


def test_an_entry_of_another_architecture_and_size_is_written(tmp_path):
    task = tasks.load("reben-mlc")
    folder = template.write(
        tmp_path / "mine", task, predicted=False, architecture="timm:levit_128s", size=224
    )
    entry = Submission(folder, task, dry_run=False).declare()
    assert entry.model.architecture == "timm:levit_128s"
    assert entry.input == task.input("s2").model_copy(update={"size": 224})


def test_doctor_says_how_a_mismatched_torchvision_is_mended(monkeypatch):
    monkeypatch.setattr(torch_setup, "_STATE", "mismatched: operators declared")
    told = torch_setup.torchvision_advice()
    assert "import bench.base.torch_setup" in told
    assert "pip install --force-reinstall torch==" in told
    monkeypatch.setattr(torch_setup, "_STATE", "matching")
    assert torch_setup.torchvision_advice() == "matching"
