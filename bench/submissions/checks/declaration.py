"""What ``entry.toml`` says."""

from typing import Any

from bench.base.errors import BenchError
from bench.spec import floors
from bench.spec import task as tasks
from bench.spec.entry import Entry
from bench.spec.task import Task
from bench.spec.training_data import includes
from bench.submissions.checks import Submission


def toml(submission: Submission) -> str | None:
    """It is TOML, of bounded size and nesting."""
    return None if submission.alone else f"{len(submission.read())} keys"


def task(submission: Submission) -> str:
    """It is for a task that is known, and for the one asked for."""
    return submission.find_task().name


def task_digest(submission: Submission) -> str | None:
    """It was made for what the task means today."""
    if submission.alone or ("embeddings" in submission.raw and not submission.raw.get("task")):
        return None
    wanted, found = submission.task, submission.raw.get("task_digest")
    if found != wanted.digest:
        made = f"digest {found!r:.20}" if found else "no digest"
        raise BenchError(
            f"it names {made} of task {wanted.name}, whose digest is {wanted.digest[:12]}",
            f'read `bench info {wanted.name}` again, then write task_digest = "{wanted.digest}"',
        )
    return f"{wanted.digest[:12]}, version {wanted.version}"


def fields(submission: Submission) -> str | None:
    """Every field is known and as it must be; the input has a check of its own."""
    return None if submission.alone else submission.declare().name


def name(submission: Submission) -> str | None:
    """It isn't called as floors are, which are the baselines that others are compared with."""
    named = submission.path.stem if submission.alone else submission.raw.get("name")
    # That it is there and well-formed is of `fields`.
    if isinstance(named, str):
        floors.check_name(named)
    return None


def licence(submission: Submission) -> str | None:
    """A licence is named."""
    if submission.alone:
        return None
    found = submission.raw.get("licence")
    if not isinstance(found, str) or not found.strip():
        raise BenchError("no licence", 'write licence = "Apache-2.0", or another SPDX identifier')
    return found


def authors(submission: Submission) -> str | None:
    """Authors are named."""
    if submission.alone:
        return None
    named = _texts(submission.raw.get("authors"))
    if not named:
        raise BenchError("no authors", 'write authors = ["First Last", ...]')
    return ", ".join(named)


def training_data(submission: Submission) -> str | None:
    """What was learnt from is declared, and the scored split isn't among it."""
    if submission.alone:
        return None
    scored = submission.task
    named = _texts(submission.raw.get("training_data")) + _trained_here(submission)
    for text in named:
        if includes(text, scored.dataset, scored.split):
            raise BenchError(
                f"training data {text!r:.100} includes what is scored: "
                f"{scored.dataset}/{scored.split}",
                f'train on {scored.dataset}/{scored.training}, and write "{scored.dataset}/'
                f'{scored.training}" rather than the dataset as a whole',
            )
    model = None if {"predictions", "embeddings"} & set(submission.raw) else submission.model
    if not named and (model is None or model.model.learns):
        raise BenchError(
            "no training data declared",
            f'write training_data = ["{scored.dataset}/{scored.training}", "ImageNet-1k", ...]: '
            "all that anything was learnt from, as DATASET/SPLIT or in words",
        )
    return ", ".join(named) or "nothing was learnt"


def _trained_here(submission: Submission) -> list[str]:
    """The splits that the harness itself trained an entry on."""
    if "trained" not in submission.raw:
        return []
    found = submission.model
    if not isinstance(found, Entry) or not found.trained or found.trained.task not in tasks.names():
        return []
    learnt: Task = tasks.load(found.trained.task)
    return [f"{learnt.dataset}/{split}" for split in (learnt.training, learnt.validation)]


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str) and item.strip()]
