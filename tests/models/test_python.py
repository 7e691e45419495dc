import os

import pytest
import torch

from bench import models
from bench.base.errors import RequestError
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.models import python
from bench.spec import task as tasks
from bench.submissions.check import check
from tests.made_submissions import declare, words

TASK = tasks.load("reben-mlc")
CODE = """
import torch

def make(in_channels, outputs, size, wide=False):
    return torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(in_channels, outputs)
    )

def wrong(**arguments):
    return 7

import pathlib
pathlib.Path(__file__).with_name("ran").touch()
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user's in the current folder, by a name of its own."""
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    monkeypatch.delenv(python.ALLOWED, raising=False)
    # So that what a test allows is taken back after it.
    monkeypatch.setitem(os.environ, python.ALLOWED, "")
    return name


def test_without_the_flag_nothing_is_imported(mine, tmp_path):
    with pytest.raises(RequestError, match="code from outside") as refused:
        models.find(f"python:{mine}:make", TASK)
    assert "--allow-python" in refused.value.hint
    assert not (tmp_path / "ran").exists()


def test_with_the_flag_the_factory_is_called_as_baselines_are(mine):
    python.allow(f"python:{mine}:make/s1")
    entry = models.find(f"python:{mine}:make/s1", TASK)
    assert entry.name == "python-make-s1"
    assert models.build(entry, 19)(torch.zeros(2, 2, 120, 120)).shape == (2, 19)


def test_the_flag_allows_what_the_command_line_names_and_nothing_else(mine, tmp_path):
    python.allow(f"python:{mine}:make")
    with pytest.raises(RequestError, match="code from outside"):
        models.find("python:os:system", TASK)
    model = {"architecture": "python:os:system"}
    folder = declare(tmp_path / "theirs", words("reben-mlc", input="s1", model=model))
    with pytest.raises(RequestError, match="code from outside"):
        models.build(models.find(str(folder), TASK), 19)
    for other in ("resnet18", "hf:a/b", str(folder)):
        with pytest.raises(RequestError, match="is for --model python"):
            python.allow(other)


def test_a_submission_with_python_is_refused_even_where_it_is_allowed(mine, tmp_path):
    python.allow(f"python:{mine}:make")
    model = {"architecture": f"python:{mine}:make", "learns": False}
    folder = declare(tmp_path / "entry", words("reben-mlc", input="s1", model=model))
    found = {f.id for f in check(folder, None, dry_run=False) if not f.passed}
    assert found == {"model.architecture"}
    assert not (tmp_path / "ran").exists()


def test_code_that_changed_is_another_entry_and_its_weights_are_not_taken(
    mine, tmp_path, monkeypatch
):
    python.allow(f"python:{mine}:make")
    before = models.find(f"python:{mine}:make", TASK)
    (tmp_path / f"{mine}.py").write_text(CODE + "# changed\n")
    assert models.find(f"python:{mine}:make", TASK).digest() != before.digest()
    with pytest.raises(RequestError, match="another source"):
        models.build(before, 19)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("{}:nothing", "unknown function"),
        ("{}:wrong", "returned int"),
        ("{}_gone:make", "can't be imported"),
        ("{}", "names no code"),
        ("../x:make", "names no code"),
    ],
)
def test_what_is_no_factory_is_refused(mine, name, fault):
    asked = name.format(mine)

    def built():
        python.allow(f"python:{asked}")
        models.build(models.find(f"python:{asked}", TASK), 19)

    with pytest.raises(RequestError, match=fault):
        built()


def test_a_model_of_the_users_is_trained_and_run(mine, tmp_path, sample_data, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(sample_data))
    python.allow(f"python:{mine}:make/s1")
    asked = Request(task="reben-mlc", model=f"python:{mine}:make/s1", track="sample")
    manifest = evaluate.run(Request(**(vars(asked) | {"results": tmp_path / "results"}))).content()
    assert manifest["entry"]["model"]["architecture"].startswith(f"python:{mine}:make@")
    assert manifest["trust"] == "rerun"
