"""A federation small enough to be trained many times."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.kinds.common.batch import Batch
from bench.spec.recipe import Federated
from bench.train.federated.clients import Client
from bench.train.federated.steps import FederatedSetup

SAMPLES, INPUTS, CLASSES = 24, 6, 3
RECIPE = Federated(
    method="federated",
    scenario="ds2",
    algorithm="fedavg",
    rounds=3,
    local_epochs=2,
    batch=4,
    learning_rate=1e-2,
    matmul_precision="highest",
)
MOON = {"algorithm": "moon", "mu": 1.0, "temperature": 0.5}


class Tiny(nn.Module):
    """Two layers with running statistics and dropout, whose classifier has a name as in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(INPUTS, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(8, CLASSES)

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.drop(self.body(inputs)))
        return logits


def recipe(**changes: Any) -> Federated:
    return Federated.model_validate(RECIPE.model_dump() | changes)


def setup(inputs: torch.Tensor | None = None, seed: int = 3, **changes: Any) -> FederatedSetup:
    """A lesson on samples in memory; which classes occur follows from the inputs."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(SAMPLES, INPUTS, generator=draw) if inputs is None else inputs
    targets = (images[:, :CLASSES] > 0).float()
    torch.manual_seed(1)
    return FederatedSetup(
        recipe(**changes),
        Tiny(),
        lambda network, batch: nn.functional.binary_cross_entropy_with_logits(
            network(batch.inputs), batch.targets
        ),
        partial(_read, images, targets),
        seed,
        "32-true",
    )


def _read(images: torch.Tensor, targets: torch.Tensor, rows: list[int]) -> Batch:
    return Batch([f"s{row}" for row in rows], images[rows], targets[rows])


def clients(*sizes: int) -> list[Client]:
    ends = np.cumsum(sizes)
    return [
        Client(f"c{number}", number, np.arange(end - size, end))
        for number, (end, size) in enumerate(zip(ends, sizes, strict=True))
    ]
