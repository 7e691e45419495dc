"""Methods: how an encoder becomes an entry that answers a task.

A frozen encoder is one whose weights stay as they are. What is learnt on its features is a head:
``knn``, ``ridge`` and ``logistic`` are fitted at once, and of several solutions the validation
split chooses one; others learn by steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench import kinds, models
from bench.base.errors import RequestError, unknown
from bench.base.text import plain_name
from bench.models import encoders, entries
from bench.spec.encoder import Encoder, Level, Normalisation
from bench.spec.entry import Entry
from bench.spec.recipe import method_of
from bench.spec.task import Task

if TYPE_CHECKING:
    from bench.kinds.common.kind import Kind

LONGEST = 70
"""The most characters in the name of such an entry; a number of labels may come behind."""

SOURCE = "adapted"
"""What stands before the colon of the architecture of such an entry."""


@dataclass(frozen=True)
class Method:
    """How a head is learnt, and what becomes of the encoder.

    Attributes:
        about: in words.
        learns: which weights of the encoder are learnt: ``all``, low-rank ``adapters``, or none.
        cached: whether features are extracted once, so that a head sees no image.
        fitted: whether the head is fitted at once, not by steps.
        places: whether an image of a kind that isn't dense is seen as a map, not pooled.
        dense: whether it is for kinds whose every pixel has a target; None: for all.
        recipe: what differs from the recipe of the task, of a method that learns by steps.
        sample: what differs from that on the sample track.
        search: learning rates that are tried.
    """

    about: str
    learns: Literal["all", "adapters", "none"] = "none"
    cached: bool = False
    fitted: bool = False
    places: bool = False
    dense: bool | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)
    search: tuple[float, ...] = ()


_DEFAULTS: dict[str, dict[str, Any]] = {
    "official": {
        "epochs": 50,
        "batch": 64,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "warmup_steps": 100,
        "start_factor": 0.1,
        "end_factor": 0.01,
        "patience": 10,
        "flips": True,
        "matmul_precision": "high",
    },
    "sample": {
        "epochs": 10,
        "batch": 16,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "warmup_steps": 20,
        "start_factor": 0.1,
        "end_factor": 0.1,
        "patience": 5,
        "flips": True,
        "matmul_precision": "highest",
    },
}
"""What a task without a recipe of its own is learnt by."""

_HEAD = {"batch": 64, "weight_decay": 0.0, "warmup_steps": 20, "flips": False, "optimizer": "adamw"}

METHODS: dict[str, Method] = {
    "scratch": Method("random weights, all learnt by the task's recipe", "all"),
    "finetune": Method(
        "all weights learnt from the pretrained ones",
        "all",
        recipe={"epochs": 20, "batch": 32, "warmup_steps": 10},
        sample={"epochs": 6},
        search=(1e-4, 1e-3),
    ),
    "lora": Method(
        "low-rank adapters of the linear layers learnt", "adapters", search=(1e-3, 3e-3)
    ),
    "knn": Method("nearest neighbours among the training features", cached=True, fitted=True),
    "ridge": Method("ridge regression", cached=True, fitted=True),
    "logistic": Method("logistic regression", cached=True, fitted=True),
    "linear": Method(
        "a linear layer learnt by steps", cached=True, recipe=_HEAD, search=(1e-3, 1e-2)
    ),
    "attentive": Method(
        "attention over places and a linear layer, learnt by steps",
        cached=True,
        places=True,
        dense=False,
        recipe=_HEAD,
        search=(3e-4, 3e-3),
    ),
    "upernet": Method(
        "a UPerNet decoder over the maps of features, learnt by steps",
        dense=True,
        recipe={"arguments": {"width": 256}},
        sample={"arguments": {"width": 32}},
        search=(1e-3,),
    ),
}


def of(entry: Entry) -> Method | None:
    """The method of an entry; None of one that isn't an encoder's."""
    return METHODS[entry.method] if entry.method else None


def entry(
    model: str | Encoder,
    task: Task,
    method: str,
    *,
    given: str | None = None,
    normalisation: Normalisation = "checkpoint",
) -> Entry:
    """The entry, not trained yet, that a method makes of an encoder on a task.

    Args:
        model: the encoder: ``SOURCE:NAME``, a trained entry as ``--model`` takes it, or declared.
        task: what it is to answer.
        method: one of `METHODS`.
        given: the input of the task that it is fed; by default the first that it can take.
        normalisation: whose statistics images are normalised by.

    Raises:
        RequestError: there is no such method or encoder, the method doesn't fit the kind of the
            task, or the task has nothing to feed the encoder with.
        BenchError: weights can't be fetched.
    """
    # It imports torch, which scoring does without.
    from bench.models import extraction

    if method not in METHODS:
        raise unknown("method", method, METHODS)
    chosen, kind = METHODS[method], kinds.of(task)
    _check_fits(method, kind)
    if isinstance(model, Encoder):
        encoder = model
    else:
        encoder = _found(model, task, kind, given, normalisation)
    if method == "scratch":
        encoder = encoder.model_copy(update={"weights": None, "pretraining": ()})
    level: Level = "map" if kind.dense or chosen.places else "pooled"
    blank = kind.blank(encoder.input)
    assert blank is not None
    arguments = {
        "level": level,
        "targets": kind.probes,
        "features": extraction.width(encoder, level, blank.inputs),
    }
    return Entry.model_validate(
        {
            "name": _name(encoder, method, normalisation),
            "title": f"{encoder.name}, {method}",
            "task": task.name,
            "task_digest": task.digest,
            "training_data": list(encoder.pretraining),
            "licence": encoder.licence,
            "url": encoder.url,
            "note": f"{chosen.about[0].upper()}{chosen.about[1:]}.",
            "input": encoder.input,
            "model": {"architecture": f"{SOURCE}:{method}", "arguments": arguments},
            "recipe": _recipes(task, chosen),
            "encoder": encoder,
            "method": method,
        }
    )


def _found(
    model: str, task: Task, kind: "Kind[Any, Any]", given: str | None, normalisation: Normalisation
) -> Encoder:
    """The encoder that ``--model`` names."""
    source, colon, _ = model.partition(":")
    if colon and source in models.sources() and models.offers(source, "checkpoint"):
        return encoders.find(
            model, task, given=given, normalisation=normalisation, dense=kind.dense
        )
    found = models.find(model, task)
    if not isinstance(found, Entry):
        raise RequestError(f"{model} holds predictions, no encoder", "leave --method away")
    if given is not None or normalisation != "checkpoint":
        raise RequestError(
            f"{model} is fed as it was trained", "leave --input and --normalisation away"
        )
    return encoders.of_entry(found, task)


def _check_fits(method: str, kind: "Kind[Any, Any]") -> None:
    chosen = METHODS[method]
    if not kind.probes:
        fitting = [name for name in kinds.own() if kinds.find(name).probes]
        raise RequestError(
            f"--method {method}: nothing is learnt from features on tasks of kind {kind.task.kind}",
            f"kinds that methods answer: {', '.join(fitting)}; leave --method away to run a model "
            "as it is",
        )
    if kind.probes == "caption" and method != "knn":
        raise RequestError(
            f"--method {method} doesn't fit tasks of kind {kind.task.kind}, whose answers are text",
            "use --method knn, the caption of the nearest training image",
        )
    if chosen.dense is not None and chosen.dense != kind.dense:
        what = "every pixel has" if kind.dense else "an image as a whole has"
        fits = [name for name, other in METHODS.items() if other.dense in (None, kind.dense)]
        raise RequestError(
            f"--method {method} doesn't fit tasks of kind {kind.task.kind}, where {what} a target",
            f"use one of: {', '.join(fits)}",
        )


def _name(encoder: Encoder, method: str, normalisation: str) -> str:
    """Such as ``timm-resnet18-a1_in1k-s2-ridge``."""
    rest = [encoder.given, method]
    if normalisation == "task" and encoder.channels:
        rest.append("task-statistics")
    suffix = "-".join(rest)
    # The method is never cut off: entries of one name are taken for trainings of one.
    return f"{plain_name(encoder.name, LONGEST - 1 - len(suffix))}-{suffix}"


def _recipes(task: Task, method: Method) -> dict[str, Any]:
    """The recipes by track."""
    if method.fitted:
        return {"official": {"method": "fit"}, "sample": {"method": "fit"}}
    found, stated = {}, entries.recipes(task)
    for track, default in _DEFAULTS.items():
        given = stated.get(track, {})
        shared = default | (given if method_of(given) == "steps" else {})
        own = dict(method.recipe) | (dict(method.sample) if track == "sample" else {})
        if method.search:
            own |= {"learning_rate": method.search[0], "search": {"learning_rate": method.search}}
        if method.cached:
            own["options"] = {}
        found[track] = shared | own
    return found
