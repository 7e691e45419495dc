"""How much errors of maps cost a training that relies on maps.

An entry is trained again for each kind and size of error; each is an entry of its own, with a run
like any other. How wrong the maps make labels is measured in training and kept with the entry.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import kinds
from bench.base.errors import RequestError, unknown
from bench.evaluate import stages as evaluate
from bench.evaluate.reporting import SILENT, Report
from bench.evaluate.request import Request
from bench.kinds.common.kind import Kind
from bench.kinds.multilabel.map_noise import NOISES
from bench.models import entries
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.entry import Entry
from bench.spec.recipe import Recipe

_BY_MAPS = "cutmix-lp-map"


@dataclass(frozen=True)
class Point:
    """A training with maps of one quality.

    Attributes:
        noise, magnitude: of the errors, see `bench.kinds.multilabel.map_noise`; ``none`` and 0
            without.
        added, removed, wrong: shares of the labels that the maps give unmixed training images; see
            `bench.kinds.multilabel.map_noise.LabelErrors`.
        value, low, high: the primary metric and its 95 % interval over samples; None where they
            are undefined.
        run: where the number is from.
    """

    noise: str
    magnitude: float
    added: float
    removed: float
    wrong: float
    value: float | None
    low: float | None
    high: float | None
    run: str


def points(
    request: Request, grid: Mapping[str, Sequence[float]], report: Report = SILENT
) -> list[Point]:
    """Train and score an entry without errors of its maps, and with each of some.

    What is recorded already isn't repeated.

    Args:
        request: which entry on which task; its recipe propagates labels by maps.
        grid: magnitudes by the name of the noise.
        report: where news goes.

    Returns:
        The point without errors, then the others in the order of the grid.

    Raises:
        RequestError: a noise is unknown, a magnitude is out of range, or the entry uses no maps.
    """
    task = tasks.load(request.task)
    entry = request.find_model(task)
    if not isinstance(entry, Entry) or not any(map(_by_maps, entry.recipe.values())):
        raise RequestError(
            f"{request.model} isn't trained by maps",
            f'name an entry whose recipe has the option strategy = "{_BY_MAPS}"',
        )
    variants = [
        (noise, size, _noisy(entry, noise, size, kinds.of(task)))
        for noise, sizes in grid.items()
        for size in sizes
    ]
    found = [_point("none", 0, evaluate.run(request, report))]
    for noise, size, variant in variants:
        folder = request.results / "noisy" / task.name / variant.name
        folder.mkdir(parents=True, exist_ok=True)
        entries.save(variant, folder)
        manifest = evaluate.run(dataclasses.replace(request, model=str(folder)), report)
        found.append(_point(noise, size, manifest))
    return found


def _by_maps(recipe: object) -> bool:
    return isinstance(recipe, Recipe) and recipe.options.get("strategy") == _BY_MAPS


def _noisy(entry: Entry, noise: str, magnitude: float, kind: Kind[Any, Any]) -> Entry:
    """An entry with errors in its maps."""
    from bench.train import check_options

    if noise not in NOISES:
        raise unknown("noise of maps", noise, NOISES)
    name = f"{entry.name}-{noise}-{magnitude:g}"
    recipes = dict(entry.recipe)
    for track, recipe in entry.recipe.items():
        if isinstance(recipe, Recipe) and _by_maps(recipe):
            options = recipe.options | {"noise": noise, "magnitude": magnitude}
            recipes[track] = asked = recipe.model_copy(update={"options": options})
            check_options(entry, kind, asked)
    return entry.model_copy(update={"name": name, "recipe": recipes})


def _point(noise: str, magnitude: float, manifest: Manifest) -> Point:
    trained, score = manifest.entry.trained, manifest.primary
    assert trained is not None
    assert score is not None
    return Point(
        noise=noise,
        magnitude=magnitude,
        **{what: float(trained.facts[f"labels_{what}"]) for what in ("added", "removed", "wrong")},
        value=score.value,
        low=score.low,
        high=score.high,
        run=manifest.run,
    )
