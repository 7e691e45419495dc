"""The learning rate against its closed form."""

import math

import numpy as np
import pytest
import torch

from bench.models import entries
from bench.spec import task as tasks
from bench.spec.recipe import Recipe
from bench.train.schedule import factor, last_step

OFFICIAL = Recipe.model_validate(entries.recipes(tasks.load("reben-mlc"))["official"])
TRAINING = 237_871


def test_the_published_number_of_steps() -> None:
    assert last_step(OFFICIAL, TRAINING) == 46_459


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.1),
        (500, 0.55),
        (1_000, 1.0),
        (1_000 + (46_459 - 1_000) // 2, 0.55),
        (46_459, 0.1),
        (50_000, 0.1),
    ],
)
def test_the_published_schedule(step: int, expected: float) -> None:
    assert factor(step, OFFICIAL, 46_459) == pytest.approx(expected, abs=1e-4)


def test_the_cosine_is_that_of_torch() -> None:
    recipe = OFFICIAL.model_copy(update={"warmup_steps": 0})
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.1)
    for step in range(51):
        assert factor(step, recipe, 50) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        reference.step()


def test_milestones_are_those_of_torch() -> None:
    recipe = OFFICIAL.model_copy(
        update={"warmup_steps": 0, "end_factor": 1.0, "milestones": (0.5, 0.9), "gamma": 0.1}
    )
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimizer, [25, 45], gamma=0.1)
    for step in range(51):
        assert factor(step, recipe, 50) == pytest.approx(reference.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("area", ["agia-napa", "puck-lagoon"])
def test_the_last_tenth_of_bathymetry_has_a_tenth_of_the_rate(area: str) -> None:
    """The published schedule steps before each of ten epochs of 10,000 draws."""
    recipe = Recipe.model_validate(
        entries.recipes(tasks.load(f"magicbathy-bathymetry-{area}"))["official"]
    )
    last = last_step(recipe, {"agia-napa": 22, "puck-lagoon": 1_806}[area])
    assert last == pytest.approx(100_000, rel=0.01)
    rates = [recipe.learning_rate * factor(step, recipe, last) for step in range(0, last, 999)]
    assert set(np.round(rates, 12)) == {1e-4, 1e-5}
    assert np.mean(np.isclose(rates, 1e-5)) == pytest.approx(0.1, abs=0.01)


def test_milestones_are_absent_from_recipes_without() -> None:
    assert {"milestones", "gamma"}.isdisjoint(OFFICIAL.model_dump())


def test_a_training_shorter_than_its_warm_up_only_warms_up() -> None:
    factors = [factor(step, OFFICIAL, 300) for step in range(300)]
    assert factors == sorted(factors)
    assert factors[-1] == pytest.approx(0.1 + 0.9 * 299 / 1_000)
    assert math.isfinite(factor(1_000, OFFICIAL, 1_000))
