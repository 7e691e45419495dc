"""What counts as one model, and what as several trainings of one entry.

A seed says nothing of a model that wasn't trained here, and weights evaluated four times are one
training, not four. Runs are told apart by what decides their predictions: the digest of
architecture, arguments, input and weights, or, of predictions handed in, what they came to.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from bench.results.manifest import Manifest

SHOWN = 8
"""Digits of a digest that tell models of one name apart."""

T = TypeVar("T")


class Made(NamedTuple):
    """What a run says of its model.

    Attributes:
        model: what decides its predictions, as a SHA-256.
        seed: that of its training here; None for what was trained elsewhere, or learns nothing.
    """

    model: str
    seed: int | None


def made(manifest: "Manifest") -> Made:
    """What a run's manifest says of its model."""
    handed_in = manifest.trust != "rerun" and manifest.observations_sha256
    trained = manifest.entry.trained
    return Made(handed_in or manifest.entry.digest, trained.seed if trained else None)


def by_model(runs: Iterable[T], made_of: Callable[[T], Made]) -> dict[str, list[T]]:
    """Runs by their model, in the order in which they come."""
    found: dict[str, list[T]] = {}
    for run in runs:
        found.setdefault(made_of(run).model, []).append(run)
    return found


def latest(runs: "Iterable[Manifest]") -> "list[Manifest]":
    """Of runs of one entry the newest for each seed of training, in the order of their start."""
    ordered = sorted(runs, key=lambda one: one.started)
    newest = {made(one).seed: one for one in ordered}
    return [one for one in ordered if newest[made(one).seed] is one]


def differ(models: Sequence[Made]) -> bool:
    """Whether models of one name are different ones, not one entry trained with several seeds.

    Args:
        models: each once.
    """
    seeds = [one.seed for one in models]
    return len(models) > 1 and (None in seeds or len(set(seeds)) < len(seeds))


def longer(name: str, model: str) -> str:
    """A name that tells a model from others of its name."""
    return f"{name}@{model[:SHOWN]}"


def told_apart(named: Sequence[tuple[str, Made]]) -> list[str]:
    """Names of entries beside each other, in the longer form where one stands for several models.

    Args:
        named: of each row the name and the model.
    """
    models: dict[str, set[Made]] = {}
    for name, one in named:
        models.setdefault(name, set()).add(one)
    return [longer(name, one.model) if differ(list(models[name])) else name for name, one in named]
