"""What is expected of baselines: the scores that are committed beside each.

``baselines/<task>/<name>/expected.toml`` holds for an input what a run on the sample track gave:
the primary score with its interval, the hash of its observations, and the arithmetic (packages,
threads, processor) it was made with. Where several tasks share the baseline, these tables lie in
one of the task's name. `bench.evaluate.regress` compares with them.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base import bounded_toml
from bench.base.errors import RequestError, unknown
from bench.base.paths import shipped
from bench.spec import declared
from bench.spec.task import in_one_line

FILE = "expected.toml"


class Expected(BaseModel):
    """What a run of a baseline gave when it was committed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    task_digest: str
    data_sha256: str
    value: float
    low: float
    high: float
    observations_sha256: str
    arithmetic: dict[str, str | int]


def expectations(
    task: str | None = None, model: str | None = None
) -> dict[tuple[str, str], Expected]:
    """What is committed, by task and model.

    Args:
        task: only of this task.
        model: only of this baseline, with its input, such as ``resnet18-s1``.

    Raises:
        RequestError: nothing is committed for what was asked, or a file is malformed.
    """
    found: dict[tuple[str, str], Expected] = {}
    for path in sorted(shipped("baselines").glob(f"*/*/{FILE}")):
        try:
            for of_task, tables in by_task(path).items():
                for key, raw in tables.items():
                    name = key if has_variants(path.parent) else f"{path.parent.name}-{key}"
                    found[of_task, name] = Expected.model_validate(raw)
        except ValidationError as error:
            raise RequestError(f"{path} holds no expectations: {in_one_line(error)}") from error
    for what, asked, known in (
        ("task with expectations", task, {key[0] for key in found}),
        ("model with expectations", model, {key[1] for key in found}),
    ):
        if asked is not None and asked not in known:
            raise unknown(what, asked, known)
    return {
        key: expected
        for key, expected in found.items()
        if task in (None, key[0]) and model in (None, key[1])
    }


def by_task(path: Path) -> dict[str, dict[str, Any]]:
    """What a file of expectations holds, by task."""
    raw = bounded_toml.read(path)
    own = {key: table for key, table in raw.items() if "seed" in table}
    others = {key: table for key, table in raw.items() if key not in own}
    return ({path.parent.parent.name: own} if own else {}) | others


def has_variants(folder: Path) -> bool:
    """Whether expectations are named by model; those of a single baseline are by input."""
    return list(declared.with_variants(folder / "entry.toml")) != [folder.name]
