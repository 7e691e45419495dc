"""Pickled weights to entries: what is taken, and that nothing of them is run."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.entry import Entry, Model
from bench.submissions import pickled
from tests.models.test_open_clip import SMALL, small
from tests.typed import Prompt

TASK = tasks.load("rsicd-retrieval")


@pytest.fixture
def untrained() -> Entry:
    found = models.find("open_clip:ViT-B-32", TASK)
    assert isinstance(found, Entry)
    model = Model(architecture="open_clip:ViT-B-32", arguments=SMALL | {"pretrained": "openai"})
    return found.model_copy(update={"model": model})


@pytest.mark.parametrize("form", ["state", "old checkpoint", "halves of a replica"])
def test_tensors_come_back_under_the_declaration(
    form: str, tmp_path: Path, untrained: Entry
) -> None:
    state: dict[str, Any] = small(224).state_dict()
    content = {
        "state": state,
        "old checkpoint": {"state_dict": state, "epoch": 3},
        "halves of a replica": {
            "state_dict": {f"module.{name}": tensor.half() for name, tensor in state.items()}
        },
    }[form]
    file = tmp_path / "weights.pt"
    torch.save(content, file, _use_new_zipfile_serialization="old" not in form)
    made = pickled.convert(file, untrained, TASK, tmp_path / "out")
    found = entries.load(tmp_path / "out", TASK)
    assert found.model == made.model
    assert "pretrained" not in found.model.arguments
    assert found.source.startswith("weights.pt, SHA-256 ")
    network = models.build(found, 0)
    assert found.weights is not None
    weights.fill(network, found.weights)
    for name, tensor in network.state_dict().items():
        expected = state[name].half().float() if "halves" in form else state[name]
        assert torch.equal(tensor, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "weights.pt"]
    with pytest.raises(RequestError, match="exists already"):
        pickled.convert(file, untrained, TASK, tmp_path / "out")


class Evil:
    """A pickle that writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "was here")


def test_a_program_is_not_run(tmp_path: Path, untrained: Entry) -> None:
    trace = tmp_path / "trace"
    pickle.loads(pickle.dumps(Evil(trace)))
    assert trace.read_text() == "was here"
    trace.unlink()
    torch.save({"weight": torch.zeros(2), "more": Evil(trace)}, tmp_path / "evil.pt")
    with pytest.raises(BenchError, match="can't be converted") as caught:
        pickled.convert(tmp_path / "evil.pt", untrained, TASK, tmp_path / "out")
    assert "\n" not in caught.value.message
    assert not trace.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can't be converted"),
        (b"no pickle at all", "can't be converted"),
        ([1, 2], "list without tensors"),
        ({}, "dict without tensors"),
        ({"state_dict": {"weight": 3}}, "'weight' is int, no tensor"),
        ({"weight": torch.zeros(3)}, "missing .* and .* unexpected"),
    ],
)
def test_other_content_is_refused(
    content: Any, message: str, tmp_path: Path, untrained: Entry
) -> None:
    file = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(BenchError, match=message):
        pickled.convert(file, untrained, TASK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nan_is_refused(tmp_path: Path, untrained: Entry) -> None:
    state = small(224).state_dict()
    state["logit_scale"] = torch.tensor(torch.nan)
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(BenchError, match="NaN"):
        pickled.convert(tmp_path / "weights.pt", untrained, TASK, tmp_path / "out")


def test_it_is_opened_on_the_users_word_only(bench: Prompt) -> None:
    (bench.folder / "weights.pt").write_bytes(b"x")
    asked = f"convert weights.pt --task {TASK.name} --model remoteclip-vit-b-32 --out out"
    assert "--i-trust-this-file" in bench.in_process(asked, code=2).stderr


def test_published_pickles_are_named_by_baselines_that_cannot_be_trained() -> None:
    for name, architecture in (
        ("remoteclip-rn50", "RN50"),
        ("remoteclip-vit-b-32", "ViT-B-32"),
        ("remoteclip-vit-l-14", "ViT-L-14"),
        ("georsclip-vit-b-32", "ViT-B-32"),
    ):
        found = entries.baseline(name, TASK)
        assert found.model.architecture == f"open_clip:{architecture}"
        assert not found.recipe
        assert "bench convert" in found.note
        assert name in found.note
