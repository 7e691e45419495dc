"""The learning rate of a recipe, step by step."""

import math

from bench.spec.recipe import Recipe


def last_step(recipe: Recipe, samples: int) -> int:
    """The step at which the cosine ends: ``int(epochs * samples / batch)``, as published.

    An epoch leaves its incomplete batch out, so training ends a little before it.
    """
    return int(recipe.epochs * samples / recipe.batch)


def factor(step: int, recipe: Recipe, last: int) -> float:
    """What the learning rate of a recipe is multiplied with at a step.

    It grows linearly from ``start_factor`` to 1 over ``warmup_steps``, then falls along half a
    cosine to ``end_factor`` at ``last`` and stays there. It is multiplied by ``gamma`` for each of
    the ``milestones`` that is behind.

    Args:
        step: steps done so far.
        recipe: of the entry.
        last: the step at which the cosine ends.
    """
    warmup = recipe.warmup_steps
    drop = recipe.gamma ** sum(step >= share * last for share in recipe.milestones)
    if step < warmup:
        return drop * (recipe.start_factor + (1 - recipe.start_factor) * step / warmup)
    done = min(1.0, (step - warmup) / max(1, last - warmup))
    cosine = (1 + math.cos(math.pi * done)) / 2
    return drop * (recipe.end_factor + (1 - recipe.end_factor) * cosine)
