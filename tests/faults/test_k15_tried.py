"""A model is tried on a made-up sample when it is built, not guessed at: what can't run is refused
before data is made, read or trained on, in words that say which model, which input, and what to do.
"""

import pytest
import torch

from bench import data, kinds, models
from bench.base.errors import BenchError, RequestError
from bench.evaluate import trial
from bench.evaluate.reporting import SILENT
from bench.evaluate.request import Request, resolve
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import answering
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline

TASK = tasks.load("reben-mlc")


def attempt(name, task=TASK):
    entry = models.find(name, task)
    trial.attempt(entry, task, "sample")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("botnet26t_256", "256 px and no others"),  # raises an AssertionError without a word
        ("levit_128s", "224 px"),
        ("xcit_nano_12_p16_224", "224 px"),  # can't be built
        ("vit_tiny_patch16_224", "224 px"),  # would leave a margin out
    ],
)
def test_a_family_that_does_not_take_the_size_is_refused_with_its_own(name, size):
    with pytest.raises(RequestError) as refused:
        attempt(f"timm:{name}/s1")
    assert f"timm:{name}" in refused.value.message
    assert "120" in refused.value.message
    assert not refused.value.message.rstrip().endswith(":")
    assert size in refused.value.hint


@pytest.mark.parametrize("name", ["test_resnet", "vgg11", "mixer_b16_224"])
def test_a_family_that_takes_it_is_not(name):
    attempt(f"timm:{name}/s1")


def test_a_family_is_taken_at_its_own_size():
    entry = models.find("timm:levit_128s/s1", TASK)
    own = entry.input.model_copy(update={"size": 224})
    trial.attempt(entry.model_copy(update={"input": own}), TASK, "sample")


def test_nothing_was_read_or_made_before(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(RequestError) as refused:
        resolve(Request(task="reben-mlc", model="timm:botnet26t_256", results=tmp_path), SILENT)
    assert "fails on the input of task reben-mlc, float32 [1, 10, 120, 120]" in str(refused.value)
    assert "--size 256" in refused.value.hint
    assert not list(tmp_path.iterdir())


NETS = """
import torch
from torch import nn

class Raises(nn.Module):
    def forward(self, images):
        assert images.shape[1] == 3
        return images

class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(2, width)
    def forward(self, images):
        return self.head(images.mean((2, 3)))

class Looks(Wide):
    def forward(self, images):
        # On values, which the meta device has none of.
        return super().forward(images) * float(images.mean())

def raises(in_channels, outputs, size): return Raises()
def wide(in_channels, outputs, size): return Wide(outputs + 1)
def looks(in_channels, outputs, size): return Looks(outputs)
def text(in_channels, outputs, size): return "a network"
def broken(in_channels, outputs, size): return {}["missing"]
def other(channels): return Wide(19)
"""


@pytest.mark.parametrize(
    ("factory", "told", "advised"),
    [
        (
            "raises",
            "AssertionError at `assert images.shape[1] == 3`",
            "logits float32 [N, classes]",
        ),
        ("wide", "the model returned [1, 20]", "one logit per image and class"),
        ("text", "returned str", ""),
        ("broken", "KeyError: 'missing'", ""),
        ("other", "can't be called: missing a required argument: 'channels'", "in_channels"),
        ("looks", None, None),
    ],
)
def test_a_network_of_the_user_is_tried_as_well(tmp_path, monkeypatch, factory, told, advised):
    (tmp_path / "nets_of_k15.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"python:nets_of_k15:{factory}/s1"
    monkeypatch.setenv("BENCH_ALLOWED_PYTHON", f"nets_of_k15:{factory}")
    if told is None:
        attempt(name)
        return
    with pytest.raises(RequestError) as refused:
        attempt(name)
    assert told in refused.value.message
    assert advised in refused.value.hint


def test_a_model_without_the_abilities_of_a_kind_is_told_what_the_kind_wants():
    with pytest.raises(RequestError) as refused:
        attempt("timm:test_resnet", tasks.load("whu-rs19-zeroshot"))
    assert "encode_image" in refused.value.message
    assert "open_clip:" in refused.value.hint
    assert "recipe" not in str(refused.value)


FOLDER = """
name = "mine"
task = "reben-mlc"
input = "s1"

[model]
architecture = "{architecture}"
"""


@pytest.mark.parametrize(
    ("architecture", "told"),
    [
        ("timm:levit_128s", "timm:levit_128s"),
        # A codec where logits are asked for.
        ("baseline:architectures.pca.PCA", "baseline:architectures.pca.PCA"),
        ("open_clip:ViT-B-32", "takes pictures in RGB"),
    ],
)
def test_an_entry_in_a_folder_is_tried_whatever_its_source(tmp_path, architecture, told):
    (tmp_path / "entry.toml").write_text(FOLDER.format(architecture=architecture))
    with pytest.raises(RequestError) as refused:
        attempt(str(tmp_path))
    assert told in refused.value.message
    assert refused.value.hint or "contract" in refused.value.message


def test_towers_that_cannot_be_are_refused():
    task = tasks.load("whu-rs19-zeroshot")
    entry = models.find("open_clip:ViT-B-32", task)
    trial.attempt(entry, task, "sample")
    # Of 512 numbers.
    wrong = entry.model.model_copy(update={"arguments": {"text_cfg.heads": 7}})
    with pytest.raises(RequestError, match="open_clip:ViT-B-32"):
        trial.attempt(entry.model_copy(update={"model": wrong}), task, "sample")


LOSS = """
import torch
from torch import nn

class Captioner(nn.Module):
    def __init__(self, fails):
        super().__init__()
        self.fails, self.scale = fails, nn.Parameter(torch.ones(()))
    def caption(self, images):
        return ["a river"] * len(images)
    def loss(self, images, captions):
        if self.fails:
            raise IndexError("no such word")
        return self.scale * images.mean()

def fails(in_channels, outputs, size): return Captioner(True)
def learns(in_channels, outputs, size): return Captioner(False)
"""


def test_a_training_that_would_fail_at_its_first_batch_is_refused(tmp_path, monkeypatch):
    (tmp_path / "captioners_of_k15.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    task = tasks.load("rsicd-captioning")
    monkeypatch.setenv("BENCH_ALLOWED_PYTHON", "captioners_of_k15:learns")
    attempt("python:captioners_of_k15:learns", task)
    monkeypatch.setenv("BENCH_ALLOWED_PYTHON", "captioners_of_k15:fails")
    with pytest.raises(RequestError, match="IndexError: no such word"):
        attempt("python:captioners_of_k15:fails", task)


@pytest.mark.parametrize("name", ["reben-mlc", "reben-pixel", "s2-compression"])
def test_a_made_up_sample_is_like_one_that_is_read(name, sample_data):
    task = tasks.load(name)
    contract, kind = task.input(task.inputs[0]), kinds.of(task)
    dataset = data.reader(task.dataset).open_dataset(data.sample_root(task.dataset))
    read = kind.load(dataset, InputPipeline(contract, task.bands), dataset.ids("test")[:1])
    made = kind.blank(contract)
    assert [(t.shape, t.dtype) for t in made.tensors()] == [
        (t.shape, t.dtype) for t in read.tensors()
    ]


def test_what_fails_on_later_samples_says_on_which():
    batch = Batch(["a", "b"], torch.zeros(2, 3, 8, 8), None)
    told = r"float32 \[2, 3, 8, 8\], first of them a: KeyError: 'x'"
    with pytest.raises(BenchError, match=told), answering(batch):
        raise KeyError("x")
    with pytest.raises(BenchError, match="too little memory") as refused, answering(batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    assert "smaller" in refused.value.hint


def test_random_numbers_of_the_caller_are_not_drawn(monkeypatch):
    monkeypatch.setattr(trial, "_tried", set())
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    with pytest.raises(RequestError):
        attempt("timm:levit_128s/s1")
    assert torch.equal(torch.rand(1), wanted)
