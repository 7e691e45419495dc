"""Modules of the caller's: evaluated as they are, hashed with all that decides their outputs."""

import copy
import functools
import threading

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.models import _structure, live
from bench.spec import task as tasks
from tests.tiny import tiny

TASK = tasks.load("reben-mlc")
ASKED = {"track": "sample", "limit": 4, "device": "cpu"}
FACTOR = 1.0


def scaled(values):
    return FACTOR * values


class Means(nn.Module):
    """Band means to logits; `gain` is an attribute that no state_dict holds."""

    def __init__(self, bands=2, outputs=19, gain=1.0):
        super().__init__()
        self.norm = nn.BatchNorm2d(bands)
        self.head = nn.Linear(bands, outputs)
        self.register_buffer("offset", torch.zeros(1), persistent=False)
        self.gain = gain

    def forward(self, images):
        return scaled(self.gain * self.head(self.norm(images).mean((2, 3))) + self.offset)


def means(**options):
    torch.manual_seed(0)
    return Means(**options)


def digest(module):
    found, unread = _structure.structure(module)
    assert unread == []
    return found


def test_a_module_gives_what_an_entry_of_its_network_gives(sample_data, tmp_path):
    folder = tiny(tmp_path / "tiny")
    module = bench.build(folder, "reben-mlc").train()
    runs = [
        bench.run("reben-mlc", model, results=tmp_path / "results", **ASKED, **options)
        for model, options in ((folder, {}), (module, {"contract": "s1"}))
    ]
    assert runs[0] != runs[1]
    assert runs[0].table().equals(runs[1].table())
    assert runs[0].primary == runs[1].primary


def test_a_module_is_left_as_it_was(sample_data, tmp_path):
    module = means().train()
    module.head.weight.requires_grad_(False)
    module.head.bias.grad = torch.ones(19)
    before = copy.deepcopy(module)
    pointers = {name: tensor.data_ptr() for name, tensor in module.state_dict().items()}
    bench.run("reben-mlc", module, contract="s1", results=tmp_path, **ASKED)
    assert all(part.training for part in module.modules())
    assert {name: tensor.data_ptr() for name, tensor in module.state_dict().items()} == pointers
    assert not module.head.weight.requires_grad
    assert module.head.bias.requires_grad
    assert torch.equal(module.head.bias.grad, torch.ones(19))
    assert all(map(torch.equal, module.state_dict().values(), before.state_dict().values()))
    assert set(vars(module)) == set(vars(before))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"runs"}


def test_its_manifest_says_what_it_is_and_that_nobody_can_repeat_it(sample_data, tmp_path):
    run = bench.run(
        "reben-mlc",
        means(),
        contract=TASK.input("s1"),
        name="my-means",
        training_data=["reben/train"],
        results=tmp_path,
        **ASKED,
    )
    manifest = run.manifest.content()
    assert run.entry == "my-means"
    assert (manifest["division"], manifest["trust"], manifest["partial"]) == ("open", "rerun", True)
    assert manifest["entry"]["training_data"] == ["reben/train"]
    assert manifest["entry"]["model"]["architecture"].startswith("live:Means@")
    assert "test_live.Means, file with SHA-256 " in manifest["entry"]["source"]
    assert any("unverified code, which can't be run again" in one for one in manifest["remarks"])
    assert len(manifest["entry"]["weights_sha256"]) == 64


def test_a_run_is_found_again_only_by_the_same_weights_and_code(sample_data, tmp_path):
    def run(module):
        return bench.run("reben-mlc", module, contract="s1", results=tmp_path, **ASKED).name

    first = run(means())
    assert run(means()) == first
    module = means()
    with torch.no_grad():
        module.head.bias += 1e-3
    assert run(module) != first
    assert run(means(gain=2.0)) != first


def test_the_digest_covers_what_decides_outputs(monkeypatch):
    first = digest(means())
    assert digest(means()) == first
    assert digest(means().eval()) == first
    assert digest(means(gain=2.0)) != first
    changed = means()
    changed.offset += 1
    assert digest(changed) != first
    hooked = means()
    hooked.register_forward_hook(lambda module, given, made: made + 1)
    assert digest(hooked) != first
    monkeypatch.setitem(scaled.__globals__, "FACTOR", 2.0)
    assert digest(means()) != first


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.ReLU(), nn.GELU()),
        (nn.Dropout(0.1), nn.Dropout(0.2)),
        (nn.Softmax(0), nn.Softmax(1)),
    ],
)
def test_containers_of_layers_without_weights_differ(one, other):
    assert digest(nn.Sequential(one)) == digest(nn.Sequential(copy.deepcopy(one)))
    assert digest(nn.Sequential(one)) != digest(nn.Sequential(other))


def test_code_and_values_of_all_sorts_are_read():
    def made(number, texts):
        module = nn.Identity()
        module.held = {
            "partial": functools.partial(lambda x, y: x * y + number, y=3),
            "array": np.arange(number),
            "texts": set(texts),
            "nested": [(number, None), torch.float16, torch.ones(2)],
        }
        return module

    assert digest(made(3, "ab")) == digest(made(3, "ba")) != digest(made(4, "ab"))
    source = "class Net(torch.nn.Module):\n    def forward(self, x):\n        return {}\n"
    found = []
    for body in ("x + 1", "x + 1", "x + 2", "torch.tanh(x)"):
        space = {"torch": torch, "__name__": "__main__"}
        exec(source.format(body), space)
        found.append(digest(space["Net"]()))
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_what_cannot_be_read_is_never_found_again(sample_data, tmp_path):
    module = means()
    module.lock = type("Opaque", (), {"__reduce_ex__": lambda self, n: 1 / 0})()
    (first, unread), (second, _) = (_structure.structure(module) for _ in range(2))
    assert unread == ["Means.lock"]
    assert first != second
    module.lock = _Copied(threading.Lock())
    runs = [
        bench.run("reben-mlc", module, contract="s1", results=tmp_path, **ASKED) for _ in range(2)
    ]
    assert runs[0] != runs[1]
    assert any("holds nothing of Means.lock" in one for one in runs[0].manifest.remarks)


class _Copied:
    """Holds what can't be pickled, but lets itself be copied."""

    def __init__(self, held):
        self.held = held

    def __deepcopy__(self, memo):
        return self


class Wrong(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, images):
        return self.answer(images)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda images: images.new_zeros(len(images), 7), r"\[1, 19\]"),
        (lambda images: images.new_full((len(images), 19), float("nan")), "NaN or infinity"),
        (lambda images: ["no"], "list"),
        (lambda images: images @ images.new_zeros(3, 3), "fails on the input of task reben-mlc"),
    ],
)
def test_wrong_outputs_are_told_as_those_of_any_model(sample_data, tmp_path, answer, told):
    with pytest.raises(bench.BenchError, match=told):
        bench.run("reben-mlc", Wrong(answer), contract="s1", results=tmp_path, **ASKED)
    assert not (tmp_path / "results.duckdb").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"contract": "s3"}, "did you mean s2 or s1"),
        ({"contract": 7}, "contract is int, expected the name of an input"),
        ({"name": "a b/c"}, "can't be that of an entry"),
        ({"devices": 2}, "a module of this process runs on one device"),
    ],
)
def test_wrong_options_of_a_module_are_told(sample_data, tmp_path, options, told):
    with pytest.raises(bench.RequestError, match=told):
        bench.run("reben-mlc", means(), results=tmp_path, **({"contract": "s1"} | options))


def test_modules_that_cannot_be_evaluated_are_told(sample_data, tmp_path):
    spoilt = means()
    spoilt.head.weight.data[0, 0] = float("nan")
    waiting = nn.Sequential(nn.LazyConv2d(3, 3))
    tied = means()
    tied.kept = tied.head(torch.zeros(1, 2))
    frozen = means().requires_grad_(False)
    for module, call, told in (
        (spoilt, bench.run, "head.weight of Means holds NaN or infinity"),
        (waiting, bench.run, "has no values yet"),
        (tied, bench.run, "Means can't be copied"),
        (frozen, bench.train, "no parameter of it requires a gradient"),
    ):
        with pytest.raises(bench.RequestError, match=told):
            call("reben-mlc", module, contract="s1", track="sample", results=tmp_path)


def test_a_compiled_or_parallel_module_is_what_it_wraps():
    module = means()
    wrapped = nn.DataParallel(module)
    assert live._unwrapped(wrapped) is module
    assert live._unwrapped(torch.compile(module)) is module


def test_a_copy_is_trained_and_the_entry_can_be_run_and_built(sample_data, tmp_path):
    module = means()
    before = copy.deepcopy(module.state_dict())
    asked = {"contract": "s1", "track": "sample", "device": "cpu", "results": tmp_path}
    stages = set()
    entry = bench.train(
        "reben-mlc", module, progress=lambda stage, done, total: stages.add(stage[:5]), **asked
    )
    assert stages == {"train"}
    assert all(map(torch.equal, module.state_dict().values(), before.values()))
    assert entry.trained.validation > 0
    trained = bench.build(entry, "reben-mlc")
    assert not torch.equal(trained.head.weight, module.head.weight)
    run = bench.run("reben-mlc", entry, results=tmp_path, **ASKED)
    assert run.manifest.division == "open"
    assert run.manifest.entry.trained.seed == 0
    other = bench.run("reben-mlc", trained.train(), contract="s1", results=tmp_path, **ASKED)
    assert other.primary == run.primary
    # Trained from other weights it is another training.
    with torch.no_grad():
        module.head.bias += 1
    with pytest.raises(bench.RequestError, match="was changed after its entry was made"):
        bench.build(entry.model_copy(update={"folder": None}), "reben-mlc")


def test_an_entry_of_another_process_is_refused(tmp_path, sample_data):
    entry = live.untrained(means(), TASK, TASK.input("s1"), None, ())
    elsewhere = entry.model.model_copy(update={"architecture": "live:Means@0123456789abcdef"})
    with pytest.raises(bench.RequestError, match="isn't in this one"):
        bench.build(entry.model_copy(update={"model": elsewhere}), "reben-mlc")
    with pytest.raises(bench.RequestError, match="unknown model source 'live'"):
        bench.run("reben-mlc", "live:Means", results=tmp_path)
