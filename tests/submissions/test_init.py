import re

import numpy as np
import pytest

from bench import kinds
from bench.base.errors import RequestError
from bench.evaluate import predictions
from bench.spec import task as tasks
from bench.submissions import template
from bench.submissions.check import check
from tests import made_submissions as submissions
from tests.tiny import tiny

OPEN = {"declaration.licence", "declaration.authors", "declaration.training_data"}


@pytest.fixture(autouse=True)
def _data(sample_data, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(sample_data))


def failed(folder):
    return {f.id for f in check(folder, None) if not f.passed}


def filled(folder):
    path = folder / "entry.toml"
    text = path.read_text()
    for empty, full in (
        ("authors = []", 'authors = ["A. Author"]'),
        ('licence = ""', 'licence = "MIT"'),
        ("training_data = []", 'training_data = ["reben/train"]'),
    ):
        assert empty in text
        text = text.replace(empty, full)
    path.write_text(text)
    return folder


@pytest.mark.parametrize("name", tasks.names())
def test_for_every_task_only_what_must_be_filled_in_is_missing(tmp_path, name):
    task = tasks.load(name)
    folder = template.write(tmp_path / "mine", task, predicted=False)
    assert failed(folder) == OPEN | {"model.weights_there"}
    if kinds.of(task).prediction_schema() is not None:
        folder = template.write(tmp_path / "theirs", task, predicted=True)
        assert failed(folder) == OPEN | {"predictions.columns"}


def test_a_filled_in_model_passes(tmp_path):
    folder = filled(template.write(tmp_path / "mine", tasks.load("reben-mlc"), predicted=False))
    text = (folder / "entry.toml").read_text()
    text = re.sub(r'architecture = "[^"]*"', 'architecture = "timm:test_resnet"', text)
    text = re.sub(r"arguments = \{[^}]*\}", "arguments = {}", text)
    (folder / "entry.toml").write_text(text.replace('input = "s2"', 'input = "s1"'))
    (tiny(tmp_path / "tiny") / "model.safetensors").rename(folder / "model.safetensors")
    assert failed(folder) == set()


@pytest.mark.parametrize("name", ["reben-mlc", "reben-pixel"])
def test_the_code_in_the_card_writes_predictions_that_pass(tmp_path, monkeypatch, name):
    folder = filled(template.write(tmp_path / "mine", tasks.load(name), predicted=True))
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    ids, _ = submissions.samples(name)
    value = np.zeros(19, np.float32) if name == "reben-mlc" else bytes(14400)
    column = predictions.schema(tasks.load(name)).names[1]
    monkeypatch.chdir(folder)
    exec(code, {"predicted": {sample: {column: value} for sample in ids}})
    assert failed(folder) == set()


def test_nothing_is_overwritten_and_names_are_those_of_entries(tmp_path):
    task = tasks.load("reben-mlc")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    with pytest.raises(RequestError, match="is there already"):
        template.write(tmp_path / "full", task, predicted=False)
    with pytest.raises(RequestError, match="name: String should match"):
        template.write(tmp_path / "a b", task, predicted=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]
