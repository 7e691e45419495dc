"""What a model costs."""

from copy import deepcopy

import bench.base.torch_setup  # noqa: F401  # isort: skip
import pytest
import timm
import torch

from bench import kinds
from bench.evaluate import cost
from bench.kinds.common.batch import Batch
from bench.kinds.federated.rounds import Rounds
from bench.spec import task as tasks
from tests.tiny import TASK


class Odd(torch.nn.Module):
    """Uses weights in every way that architectures do."""

    def __init__(self):
        super().__init__()
        self.called = torch.nn.Conv2d(2, 3, 1)
        self.attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        self.recurrent = torch.nn.GRU(4, 5, batch_first=True)
        self.table = torch.nn.Embedding(7, 4)
        self.wide = torch.nn.Linear(6, 4, bias=False)
        self.head = torch.nn.Linear(3, 19)
        self.never = torch.nn.Linear(100, 100)
        self.token = torch.nn.Parameter(torch.zeros(11))

    def forward(self, images):
        tokens = self.table.weight[:3].expand(len(images), -1, -1)
        tokens = self.attention(tokens, tokens, tokens)[0]
        tokens = self.recurrent(tokens)[0].mean() + (self.wide.weight.T @ tokens[0].T).mean()
        device = self.never.weight.device
        features = self.called(images).mean(dim=(2, 3)).to(device) + self.token.sum() + tokens
        return self.head(features)


def test_parameters_count_where_a_result_depends_on_them():
    task, model = tasks.load(TASK), Odd().eval()
    batch = Batch(["a", "b"], torch.randn(2, 2, 8, 8), torch.zeros(2, 19))
    found = cost.measure(kinds.of(task), task, model, batch)
    unused = sum(p.numel() for p in model.never.parameters())
    assert found["parameters"] == sum(p.numel() for p in model.parameters()) - unused


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_all_of_a_usual_network_counts(name):

    task = tasks.load(TASK)
    model = timm.create_model(name, in_chans=2, num_classes=19).eval()
    size = model.default_cfg["input_size"][-1]
    batch = Batch(["a"], torch.randn(1, 2, size, size), torch.zeros(1, 19))
    found = cost.measure(kinds.of(task), task, model, batch)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    assert found["macs"] > 0


def test_a_federation_costs_what_its_last_network_does():
    task = tasks.load("reben-federated")
    model = timm.create_model("test_resnet", in_chans=10, num_classes=19).eval()
    targets = {"labels": torch.zeros(1, 19), "client": ["Austria"]}
    batch = Batch(["a"], torch.randn(1, 10, 32, 32), targets)
    alone, whole = (cost.measure(kinds.of(task), task, m, batch) for m in (model, Rounds(model, 3)))
    assert (whole["parameters"], whole["macs"]) == (alone["parameters"], alone["macs"])


class Copied(torch.nn.Module):
    """Does half of its work in a copy of itself."""

    def __init__(self):
        super().__init__()
        self.body, self.head = torch.nn.Conv2d(2, 4, 1), torch.nn.Linear(4, 19)

    def forward(self, images):
        copied = deepcopy(self)
        return copied.head(self.body(images).mean(dim=(2, 3)))


def test_a_copy_counts_once():
    task, model = tasks.load(TASK), Copied().eval()
    batch = Batch(["a"], torch.randn(1, 2, 8, 8), torch.zeros(1, 19))
    found = cost.measure(kinds.of(task), task, model, batch)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
