"""Whether a run folder is what the harness wrote: shape, numbers and hashes.

The hashes find what was damaged, or edited by hand. They are no signature: whoever writes a whole
run folder writes its hashes as well.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
)

from bench.base.errors import BenchError
from bench.base.files import sha256_json
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.task import in_one_line

_Text = Annotated[str, StringConstraints(max_length=500)]
_Count = Annotated[int, Field(ge=0, lt=1 << 63)]


def _time(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Task(_Part):
    name: _Text
    version: Annotated[int, Field(ge=0, lt=1 << 31)]
    digest: _Text
    kind: _Text
    primary: _Text


class _Entry(_Part):
    name: _Text
    digest: _Text
    weights_sha256: _Text


class _Data(_Part):
    samples: _Count
    ids_sha256: _Text
    data_sha256: _Text
    # Runs of earlier versions don't say.
    checked: Literal["fingerprint", "count", "unverified", "simulated"] = "unverified"


class _Harness(_Part):
    version: _Text
    commit: _Text | None
    dirty: bool | None


class _Cost(_Part):
    parameters: _Count | None = None
    macs: _Count | None = None
    latency_ms: FiniteFloat | None = None
    samples_per_second: FiniteFloat | None = None
    peak_memory: _Count | None = None


class _Score(_Part):
    metric: _Text
    average: _Text
    label: _Text
    value: FiniteFloat | None
    low: FiniteFloat | None
    high: FiniteFloat | None
    samples: _Count
    slice: _Text


class _Manifest(_Part):
    run: _Text
    task: _Task
    track: Literal["official", "sample"]
    partial: bool
    trust: Literal["reported", "rescored", "rerun"]
    division: Literal["closed", "open"]
    inputs: _Text
    entry: _Entry
    data: _Data
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    device: _Text
    precision: _Text
    harness: _Harness
    started: Annotated[str, AfterValidator(_time)]
    seconds: FiniteFloat
    cost: _Cost
    scores: list[_Score]


@dataclass(frozen=True)
class Checked:
    """A complete run that can be recorded.

    Attributes:
        manifest: its ``run.json``.
        altered: what isn't as it was when the run was scored, in words; empty for a run as it was.
    """

    manifest: dict[str, Any]
    altered: list[str]


def check(run: Run) -> Checked:
    """Read a run folder and check it.

    Raises:
        BenchError: it is not complete, or ``run.json`` doesn't hold what a record needs: a part is
            missing, of another type, or a score is NaN or infinite.
    """
    manifest = run.manifest()
    if manifest.get("status") != "complete":
        raise BenchError(f"run {run.name} is not complete", "repeat its `bench run`: it continues")
    try:
        _Manifest.model_validate(manifest)
        own = sha256_json({key: value for key, value in manifest.items() if key != "sha256"})
    except ValidationError as error:
        raise _unfit(run, in_one_line(error)) from error
    except ValueError as error:
        raise _unfit(run, f"it holds NaN, infinity or broken text: {error}") from error
    if manifest["run"] != run.name:
        raise _unfit(run, f"it names run {manifest['run']!r:.100}")
    return Checked(manifest, _altered(run, manifest, own))


def _unfit(run: Run, fault: str) -> BenchError:
    return BenchError(
        f"run.json of run {run.name} can't be recorded: {fault}",
        "restore the file, or repeat the run with --force",
    )


def _altered(run: Run, manifest: dict[str, Any], own: str) -> list[str]:
    found = ["run.json was edited"] if manifest.get("sha256") != own else []
    noted = manifest.get("parts")
    noted, there = noted if isinstance(noted, dict) else {}, run.hashes()
    for name in sorted({*noted, *there}):
        if name not in there:
            found.append(f"{name} is missing")
        elif name not in noted:
            found.append(f"{name} was added")
        elif noted[name] != there[name]:
            found.append(f"{name} has other content")
    return found


def task_of(run: Run, manifest: Mapping[str, Any]) -> tasks.Task:
    """The task of a run; only that of a run made here may be a file of the user's.

    Raises:
        RequestError: it isn't here, or is malformed.
    """
    about = manifest["task"]
    path = "" if run.imported else str(about.get("file") or "")
    return tasks.load(path) if path else tasks.named(str(about["name"]))
