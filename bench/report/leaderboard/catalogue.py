"""What a card says of a task besides its results: question, sensors, data set."""

import re
from typing import Any

from bench.report.leaderboard.words import Words
from bench.spec.task import Task

_QUESTION = re.compile(r"[^?]*\?")
_SENTENCE = re.compile(r".*?[.:](?=\s|$)")
_LEVEL = re.compile(r"-(l\d[a-z]?|grd|slc|toa|boa)$")


def described(task: Task | None, words: Words) -> dict[str, Any]:
    """The question, sensors and data set of a task, as the page carries them.

    Args:
        task: its declaration; None where it doesn't ship with the harness.
        words: where texts go.
    """
    if task is None:
        return {"question": words(""), "sensors": [], "dataset": words(""), "data": words("")}
    return {
        "question": words(question(task.about), 240),
        "sensors": [[words(key), words(name)] for key, name in sensors(task).items()],
        "dataset": words(task.dataset),
        "data": words(task.declaration["title"]),
    }


def question(about: str) -> str:
    """The question that a task's description asks first; its first sentence where it asks none."""
    text = " ".join(about.split())
    found = _QUESTION.match(text) or _SENTENCE.match(text)
    return found.group().strip() if found else text


def sensors(task: Task) -> dict[str, str]:
    """The sensors that a task's models may be fed, by family: key and name.

    Levels of processing are left out of a family: ``sentinel-2-l2a`` is of ``sentinel-2``. A name
    is spelt as the descriptions of task and data set spell it.
    """
    text = " ".join((task.title, task.about, task.declaration["title"], task.declaration["about"]))
    families = {_LEVEL.sub("", sensor) for name in task.inputs for sensor in task.input(name).units}
    return {family: _spelt(family, text) for family in sorted(families)}


def _spelt(family: str, text: str) -> str:
    pattern = r"\b" + re.escape(family).replace(r"\-", "[- ]") + r"(?![a-z])"
    found = re.search(pattern, text, re.IGNORECASE)
    if found:
        return found.group()
    parts = family.split("-")
    name = " ".join(part.upper() if len(part) < 4 else part for part in parts)
    return name[0].upper() + name[1:]
