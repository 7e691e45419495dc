"""Trainings with several settings, of which the validation split chooses one."""

import dataclasses
import itertools
import math
import shutil
from typing import Any

from bench.metrics.scales import direction
from bench.models import entries
from bench.spec.entry import Entry, Searched
from bench.spec.recipe import Recipe
from bench.train.context import TrainingContext
from bench.train.folder import WorkFolder
from bench.train.steps import by_steps


def search(context: TrainingContext, recipe: Recipe) -> Entry:
    """Train with every combination of the values that a recipe names, and keep the best.

    Each is a training of its own, with the same seed, that continues after a kill; of several as
    good the first is kept. What all of them scored is part of the entry.

    Raises:
        RequestError: as `bench.train.steps.by_steps`.
        BenchError: as there.
    """
    names: list[str] = list(recipe.search)
    found: list[tuple[Entry, Searched]] = []
    for number, values in enumerate(itertools.product(*recipe.search.values())):
        setting: dict[str, Any] = dict(zip(names, values, strict=True))
        one = _trained(context, recipe.model_copy(update=setting | {"search": {}}), number)
        assert one.trained is not None
        words = ", ".join(f"{name} {value:g}" for name, value in setting.items())
        found.append((one, Searched(setting=words, validation=one.trained.validation)))
    sign = -1.0 if recipe.select == "loss" else float(direction(context.task.primary))
    best, _ = max(found, key=lambda pair: _rank(pair[1], sign))
    assert best.trained is not None
    assert best.folder is not None
    whole = best.model_copy(
        update={
            "folder": context.work_folder.target,
            "trained": best.trained.model_copy(update={"searched": [tried for _, tried in found]}),
        }
    )
    folder = context.work_folder.folder
    for path in best.folder.iterdir():
        if path.name != "entry.toml":
            shutil.copy2(path, folder / path.name)
    # Last, as it says that the rest is there.
    entries.save(whole, folder)
    context.work_folder.deliver()
    return whole


def _trained(context: TrainingContext, recipe: Recipe, number: int) -> Entry:
    """The training with one of the settings, in a folder of its own."""
    target = context.work_folder.folder / f"setting-{number}"
    if (target / "entry.toml").is_file():
        return entries.load(target, context.task)
    trained = context.trained | {"recipe": recipe.model_dump()}
    work_folder = WorkFolder(target, context.work_folder.digest)
    work_folder.open()
    if work_folder.is_finished():
        work_folder.deliver()
        return entries.load(target, context.task)
    return by_steps(dataclasses.replace(context, trained=trained, work_folder=work_folder), recipe)


def _rank(tried: Searched, sign: float) -> float:
    if tried.validation is None or not math.isfinite(tried.validation):
        return -math.inf
    return sign * tried.validation
