"""Training: an entry and its recipe to an entry with weights, by Lightning's Trainer.

The weights depend on nothing but entry, task, data, seed, precision, packages and hardware, and a
training that was killed and started again ends with the same ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import ValidationError

from bench import models
from bench.base import provenance
from bench.base.errors import BenchError, RequestError
from bench.base.files import sha256_json
from bench.data import Dataset, ids_sha256, scored_ids
from bench.kinds.common.kind import Kind
from bench.models import entries
from bench.spec.entry import Entry
from bench.spec.recipe import Federated, Fit, Recipe
from bench.spec.task import Task, in_one_line
from bench.train import labels
from bench.train.closed import fit
from bench.train.context import TrainingContext
from bench.train.features import Features
from bench.train.folder import WorkFolder
from bench.train.loop import Progress
from bench.train.search import search
from bench.train.steps import by_steps


def train(
    entry: Entry,
    task: Task,
    kind: Kind[Any, Any],
    dataset: Dataset,
    *,
    track: Literal["official", "sample"],
    seed: int,
    folder: Path,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    progress: Progress,
    start: Entry | None = None,
    teacher: Entry | None = None,
    features: Sequence[Features] = (),
    checked: Mapping[str, str] = MappingProxyType({}),
    log: Sequence[str] = (),
) -> Entry:
    """Follow the recipe of an entry and leave the best epoch as an entry with weights.

    Args:
        entry: what is trained, with a recipe for the track; it needs no folder.
        task: what it is trained for.
        kind: of the task.
        dataset: of the task.
        track: whose recipe is followed.
        seed: of initial weights, order, mirroring and dropout.
        folder: where the entry will lie. Until it is whole it is built in a folder beside it
            whose name ends with ``.partial``; the same call continues there.
        device: ``cpu``, ``cuda`` or ``cuda:INDEX``.
        devices: how many of each node; they share the batches of the recipe.
        nodes: how many machines; the command runs on each, as Lightning documents it.
        precision: ``32-true``, ``16-mixed`` or ``bf16-mixed``.
        progress: called after every step by the first process.
        start: the trained entry whose weights it begins with, where it names one.
        teacher: the trained entry that `bench.kinds.common.kind.Kind.teacher` names, where it does.
        features: of both splits, where the entry builds on a frozen encoder.
        checked: what its splits were held to, by name, on the official track.
        log: what the training is logged to besides, as `bench.train.log.parse` takes it.

    Returns:
        The entry in ``folder``.

    Raises:
        RequestError: the devices or the precision aren't there, the recipe doesn't fit them,
            ``folder`` exists, or there is nothing to log.
        BenchError: samples are missing, or the loss became NaN.
    """
    recipe = entry.recipe[track]
    if isinstance(recipe, Recipe) and recipe.arguments:
        arguments = entry.model.arguments | recipe.arguments
        model = entry.model.model_copy(update={"arguments": arguments})
        entry = entry.model_copy(update={"model": model})
    training, validation = _samples(dataset, entry, task)
    if entry.labels is not None:
        training = labels.subset(
            training, labels.strata(kind.strata(dataset, training)), entry.labels
        )
    trained = {
        "task": task.name,
        "track": track,
        "seed": seed,
        "recipe": recipe.model_dump(),
        "data": ids_sha256([*training, *validation]),
        "harness": provenance.made_with(precision),
    }
    if entry.labels is not None:
        trained["facts"] = {"samples": len(training), "samples_sha256": ids_sha256(training)}
    if start is not None:
        trained["start"] = start.weights_sha256()
    work_folder = WorkFolder(
        folder, _digest(entry, task, dataset, trained | _teacher_weights(teacher))
    )
    if checked:
        trained["checked"] = dict(checked)
    work_folder.open()
    if work_folder.is_finished():
        work_folder.deliver()
        return entries.load(folder, task)
    context = TrainingContext(
        entry=entry,
        task=task,
        kind=kind,
        dataset=dataset,
        training=training,
        validation=validation,
        trained=trained,
        work_folder=work_folder,
        device=device,
        devices=devices,
        nodes=nodes,
        precision=precision,
        progress=progress,
        start=start,
        teacher=teacher,
        features=features,
        log=log,
    )
    if log and not isinstance(recipe, Recipe):
        raise RequestError(
            f"entry {entry.name} isn't trained epoch by epoch: there is nothing to log",
            "leave --log away",
        )
    if isinstance(recipe, Fit):
        return fit(context, recipe)
    if isinstance(recipe, Federated):
        # A room that stands on this one.
        from bench.train.federated.training import federate

        return federate(context, recipe)
    check_options(entry, kind, recipe)
    return search(context, recipe) if recipe.search else by_steps(context, recipe)


def _teacher_weights(teacher: Entry | None) -> dict[str, str]:
    """What a training that learns from a trained entry depends on besides."""
    return {"teacher": teacher.weights_sha256()} if teacher else {}


def check_options(entry: Entry, kind: Kind[Any, Any], recipe: Recipe) -> None:
    """Refuse what the kind doesn't let a recipe say.

    Raises:
        RequestError: an option is unknown or out of range.
    """
    try:
        kind.Options.model_validate(recipe.options)
    except ValidationError as error:
        raise RequestError(
            f"the recipe of entry {entry.name} has bad options: {in_one_line(error)}",
            f"known options: {', '.join(kind.Options.model_fields) or 'none'}",
        ) from error


def _samples(dataset: Dataset, entry: Entry, task: Task) -> tuple[list[str], list[str]]:
    present = set(dataset.present(entry.input.bands))
    splits = []
    for name in (task.training, task.validation):
        samples = scored_ids(dataset, task.dataset, name, entry.input.bands)
        missing = [sample for sample in samples if sample not in present]
        if missing or not samples:
            raise BenchError(
                f"the {name} split has {len(samples)} samples, of which {len(missing)} are not on "
                f"disk{', first ' + missing[0] if missing else ''}",
                "training needs the whole split: complete the dataset",
            )
        splits.append(samples)
    return splits[0], splits[1]


def _digest(entry: Entry, task: Task, dataset: Dataset, trained: dict[str, Any]) -> str:
    return sha256_json(
        {
            "model": entry.model.model_dump(mode="json"),
            "input": entry.input.model_dump(mode="json"),
            **({"encoder": entry.encoder.identity()} if entry.encoder else {}),
            "task": task.digest,
            "dataset": dataset.fingerprint(),
            "trained": trained,
            "packages": provenance.packages() | models.plugins_of(task, entry),
        }
    )
