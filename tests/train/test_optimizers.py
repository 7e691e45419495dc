"""The optimisers that a recipe may name, against their formulas."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench import kinds
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.recipe import Recipe
from bench.train.loop import TrainingModule, TrainingSetup

TASK = tasks.load("magicbathy-seabed-agia-napa")
PUBLISHED = Recipe.model_validate(entries.recipes(TASK)["official"])


def optimizer_of(recipe: Recipe) -> tuple[torch.nn.Parameter, Any]:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 2.0)
    setup = TrainingSetup(
        task=TASK,
        kind=kinds.of(TASK),
        recipe=recipe,
        seed=0,
        precision="32-true",
        training=22,
        validation=6,
        read_validation=lambda index: SimpleNamespace(index=index),  # type: ignore[arg-type,return-value]
    )
    return network.weight, TrainingModule(network, setup).configure_optimizers()["optimizer"]


def test_sgd_has_momentum_and_decay_in_the_gradient() -> None:
    recipe = PUBLISHED.model_copy(update={"learning_rate": 0.1, "weight_decay": 0.5})
    weight, optimizer = optimizer_of(recipe)
    expected, velocity = 2.0, 0.0
    for gradient in (1.0, -0.5, 0.25):
        weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        velocity = 0.9 * velocity + gradient + 0.5 * expected
        expected -= 0.1 * velocity
        assert weight.item() == pytest.approx(expected, rel=1e-6)


def test_the_published_recipe_of_the_seabed_is_followed() -> None:
    _, optimizer = optimizer_of(PUBLISHED)
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, torch.optim.SGD)
    assert (group["momentum"], group["weight_decay"], group["lr"]) == (0.9, 5e-4, 1e-6)
    # 100 epochs of 10,000 windows, 20 a step.
    assert PUBLISHED.epochs * (22 // PUBLISHED.batch) == 100 * 10_000 // 20


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW")])
def test_the_others_are_those_of_torch(name: str, kind: str) -> None:
    _, optimizer = optimizer_of(PUBLISHED.model_copy(update={"optimizer": name}))
    assert type(optimizer).__name__ == kind
