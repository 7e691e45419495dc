"""A made-up sample through a model, before any data is read: what can be built may still not run.

First without values, on PyTorch's meta device, where even a large network costs next to nothing.
What can't be followed there, or fails, is tried on real numbers, and what fails there as well is a
wrong request.
"""

from collections.abc import Mapping
from typing import Any

import torch

from bench import kinds, models
from bench.base.errors import BenchError, RequestError, in_words
from bench.base.files import sha256_json
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import described
from bench.spec.entry import Entry
from bench.spec.recipe import Fit, Recipe
from bench.spec.task import Task

_FETCHED = ("pretrained", "base")
"""Arguments that name weights: those that are learnt from, and those that stay as they are."""

_tried: set[str] = set()


def attempt(entry: Entry, task: Task, track: str) -> None:
    """Build the model of an entry with random weights and show it one made-up sample.

    What has nothing to learn, or has learnt already, is followed on the meta device alone unless it
    fails there: its first batch comes at once, and a codec takes its time for an image.

    Args:
        entry: as it is on the track.
        task: whose input it is shown, and whose output it must give.
        track: whose recipe it would be trained by.

    Raises:
        RequestError: it can't be built, fails on the input, or returns something else.
    """
    untrained = entry.weights is None and entry.model.learns
    recipe = entry.recipe.get(track) if untrained else None  # type: ignore[call-overload]
    bare = _bare(entry, recipe.arguments if isinstance(recipe, Recipe) else {})
    key = sha256_json(
        [
            task.digest,
            bare.model.model_dump(mode="json"),
            bare.input.model_dump(mode="json"),
            bare.encoder and bare.encoder.identity(),
        ]
    )
    if key in _tried:
        return
    kind = kinds.of(task)
    # What a user's module keeps between two calls must not be without values.
    own = bare.model.architecture.startswith(("python:", "live:"))
    # Whoever calls this draws from the same generators afterwards.
    with torch.random.fork_rng(devices=[]):
        batch = kind.blank(bare.input)
        if batch is None:
            return
        # What is fitted in one go has nothing to answer with before.
        answers, trains = not isinstance(recipe, Fit), recipe is not None
        if own or not _without_values(bare, kind, batch, answers=answers, trains=trains):
            _with_values(bare, kind, batch, answers=answers, trains=trains)
    _tried.add(key)


def _bare(entry: Entry, arguments: Mapping[str, Any]) -> Entry:
    """An entry that nothing is fetched or read for."""
    given = {k: v for k, v in {**entry.model.arguments, **arguments}.items() if k not in _FETCHED}
    model = entry.model.model_copy(update={"arguments": given, "weights": "", "start": None})
    encoder = entry.encoder and entry.encoder.model_copy(update={"weights": None})
    return entry.model_copy(update={"model": model, "folder": None, "encoder": encoder})


def _without_values(
    entry: Entry, kind: Kind[Any, Any], batch: Batch, *, answers: bool, trains: bool
) -> bool:
    """Whether nothing goes wrong on the meta device."""
    try:
        with torch.device("meta"):
            model = models.build(entry, kind.outputs()).eval()
    # Whatever it is, it is tried again on real numbers.
    except Exception:  # noqa: BLE001
        return False
    if not answers:
        return True
    empty = batch.each(lambda tensor: tensor.to("meta"))
    # With gradients, as in training: there nobody looks at single values.
    try:
        kind.loss(model, empty)
    except Exception:  # noqa: BLE001
        if trains:
            return False
    else:
        return True
    try:
        kind.observe(model, empty)
    except Exception as error:  # noqa: BLE001
        # It looks at values, which a meta tensor doesn't have: it came as far as that.
        return "meta" in str(error)
    return True


def _with_values(
    entry: Entry, kind: Kind[Any, Any], batch: Batch, *, answers: bool, trains: bool
) -> None:
    with torch.no_grad():
        model = models.build(entry, kind.outputs()).eval()
        if not answers:
            return
        try:
            kind.observe(model, batch)
            if trains:
                kind.loss(model, batch)
        except Exception as error:
            raise _refused(entry, kind, batch, error) from error


def _refused(entry: Entry, kind: Kind[Any, Any], batch: Batch, error: Exception) -> RequestError:
    name, task = entry.model.architecture, kind.task
    interface = f"a model of kind {task.kind} is: {kind.interface}"
    if kind.example:
        interface += f"; such as {kind.example}"
    if isinstance(error, BenchError):
        return RequestError(f"{name} on task {task.name}: {error.message}", error.hint or interface)
    message = (
        f"{name} fails on the input of task {task.name}, {described(batch)}: {in_words(error)}"
    )
    if isinstance(error, AttributeError | NotImplementedError | TypeError):
        return RequestError(message, interface)
    return RequestError(message, models.advice(entry) or interface)
