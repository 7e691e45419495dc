"""Find, read and write entries: a task's baselines and folders with ``entry.toml``."""

from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ValidationError

from bench.base import bounded_toml
from bench.base.errors import RequestError, unknown
from bench.base.files import write_bytes
from bench.spec import declared
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.entry import MAX_DECLARATION, Entry, Predicted
from bench.spec.recipe import method_of
from bench.spec.task import Task, in_one_line

_Form = TypeVar("_Form", bound=BaseModel)


def baselines(task: Task) -> list[tuple[str, Path, dict[str, Any]]]:
    """Name, file and declaration of each baseline of a task: its own, shared ones, its kind's."""
    return declared.baselines_of(*_folders(task))


def _folders(task: Task) -> tuple[str, ...]:
    return declared.folders_of(task.name, task.baselines, task.kind)


def baseline_names(task: Task) -> list[str]:
    """The names that ``--model`` takes for the baselines of a task."""
    names = []
    for name, _, raw in baselines(task):
        names += [name, *(f"{name}-{given}" for given in raw.get("inputs", task.inputs))]
    return names


def baseline(name: str, task: Task) -> Entry:
    """A baseline of a task.

    Raises:
        RequestError: the task has no baseline of this name, or two plug-ins have one.
    """
    for own, path, raw in baselines(task):
        inputs = raw.pop("inputs", task.inputs)
        for given in inputs:
            full = f"{own}-{given}"
            if name == full or (name == own and given == inputs[0]):
                declared.check_single(own, *_folders(task))
                recipe = _completed(raw.pop("recipe", {}), recipes(task))
                if options := raw.pop("options", {}):
                    # What distinguishes it from others with the same recipes.
                    for track, one in recipe.items():
                        recipe[track] = one | {"options": one.get("options", {}) | options}
                return _entry(
                    raw
                    | {"name": full, "task": task.name, "task_digest": task.digest}
                    | {"input": given, "recipe": recipe},
                    path,
                    task,
                )
    raise unknown(
        f"model for task {task.name}",
        name,
        baseline_names(task),
        "or timm:NAME, hf:OWNER/NAME, or the path of an entry",
    )


def recipes(task: Task) -> dict[str, Any]:
    """The recipes of a task by track: what a model is trained with that brings none."""
    path = declared.recipes_of(task.baselines or task.name)
    return _read(path) if path else {}


def _completed(own: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """The recipes of a baseline by track, and the shared ones of its task where it has none.

    A federated one takes from a shared one what it doesn't say itself: scenarios and algorithms
    are compared under one schedule.
    """
    federated = {
        track: shared[track] | recipe
        for track, recipe in own.items()
        if track in shared and method_of(recipe) == method_of(shared[track]) == "federated"
    }
    return shared | own | federated


def load(folder: Path, task: Task) -> Entry:
    """The entry in a folder.

    Raises:
        RequestError: ``entry.toml`` is missing, malformed, or made for another task.
    """
    path = folder / "entry.toml"
    if not path.is_file():
        raise RequestError(f"{folder} holds no entry.toml", "`bench info TASK` shows an example")
    raw = _read(path)
    if "predictions" in raw:
        raise RequestError(
            f"{folder} holds predictions, not a model", f"write --model predictions:{folder}"
        )
    if "embeddings" in raw:
        raise RequestError(
            f"{folder} holds embeddings, not a model",
            f"write --model embeddings:{folder} --method ridge",
        )
    return for_task(_entry(raw, path, task), task)


def load_predicted(folder: Path, task: Task) -> Predicted:
    """The entry in a folder that brings predictions.

    Raises:
        RequestError: ``entry.toml`` is missing, malformed, or made for another task.
    """
    path = folder / "entry.toml"
    if not path.is_file():
        raise RequestError(f"{folder} holds no entry.toml", "`bench init` writes one")
    entry = validated(Predicted, _read(path) | {"folder": folder}, path)
    if entry.task != task.name:
        raise RequestError(
            f"{path} is an entry for task {entry.task}, not {task.name}",
            f"run it with --task {entry.task}",
        )
    return entry


def for_task(entry: Entry, task: Task) -> Entry:
    """An entry as it is run on a task: one for another task, if its kind runs such entries.

    Contracts that differ in nothing but whose words they are become the task's own, and so do those
    that differ in Sentinel-2's level of processing alone: what learnt from Level-2A can be run on
    Level-1C, as A. Zavras et al. do (ISPRS Journal 2025, arXiv:2402.09816).

    Raises:
        RequestError: it can't be run on this task.
    """
    from bench import kinds

    if entry.task == task.name:
        return entry
    accepted = kinds.of(task).accepts
    if entry.task not in tasks.names() or tasks.load(entry.task).kind not in accepted:
        named = entry.name if entry.folder is None else entry.folder / "entry.toml"
        raise RequestError(
            f"{named} is an entry for task {entry.task}, not {task.name}",
            f"run it with --task {entry.task}",
        )
    for known in map(task.input, task.inputs):
        words = {"statistics": known.statistics, "units": known.units}
        if known == entry.input.model_copy(update=words) and _alike(entry.input, known):
            return entry.model_copy(update={"input": known})
    return entry


def _alike(one: InputContract, other: InputContract) -> bool:
    """Whether two contracts have their values in the same units from the same instruments.

    What Sentinel-2 measures may be of another level of processing.
    """
    units = [
        {sensor.replace("-l1c", "-l2a"): unit for sensor, unit in contract.units.items()}
        for contract in (one, other)
    ]
    return units[0] == units[1]


def save(entry: Entry, folder: Path) -> None:
    """Write ``entry.toml`` into a folder, atomically."""
    raw = entry.model_dump(mode="json", exclude_none=True)
    write_bytes(folder / "entry.toml", tomli_w.dumps(raw).encode())


def _read(path: Path) -> dict[str, Any]:
    return bounded_toml.read(path, MAX_DECLARATION)


def _entry(raw: dict[str, Any], path: Path, task: Task) -> Entry:
    given, encoder = raw.get("input"), raw.get("encoder")
    stored = encoder.get("weights") if isinstance(encoder, dict) else None
    if isinstance(stored, dict) and "file" in stored:
        raise RequestError(
            f"{path} names a file for the weights of its encoder",
            "leave it away: they are found by the encoder's name, and held to their hash",
        )
    if isinstance(given, str):
        raw = raw | {"input": task.input(given).model_dump()}
    return validated(Entry, raw | {"folder": path.parent}, path)


def validated(form: type[_Form], raw: dict[str, Any], path: Path) -> _Form:
    """What was read from a file of TOML, as what it declares.

    Raises:
        RequestError: it is malformed; names every fault.
    """
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        raise RequestError(f"{path} is no entry: {in_one_line(error)}") from error
