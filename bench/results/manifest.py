"""The manifest of a run, ``run.json``: its fields, and the only functions that read or write it.

Fields that earlier versions of rs-bench didn't write have defaults. Fields that aren't known here
are kept as they are, so that a file can be written again without loss.
``manifest.schema.json`` describes the same as JSON Schema; ``make schema`` writes it.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    JsonValue,
    Strict,
    ValidationError,
    model_validator,
)

from bench.base import bounded_json
from bench.base.errors import BenchError
from bench.base.files import sha256_json, write_json
from bench.results.records import (
    CostRecord,
    Count,
    DataRecord,
    DegradationRecord,
    DeterminismRecord,
    EntryRecord,
    HardwareRecord,
    HarnessRecord,
    Identity,
    Record,
    TaskRecord,
    Text,
    Texts,
    Trust,
)
from bench.spec.score import Score
from bench.spec.task import Division, in_one_line

SCHEMA = 1
"""Version of the format of ``run.json`` that is written, and the newest that is read."""

MAX_BYTES = 8 << 20
"""Largest ``run.json`` that is opened, in bytes."""


def _time(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


class Scored(NamedTuple):
    """What comes of scoring the observations of a run: fields of `Manifest`."""

    parts: dict[str, str]
    observations_sha256: str
    scores: tuple[Score, ...]
    remarks: tuple[str, ...]
    scored_by: HarnessRecord
    left_out: tuple[float, ...]


class Manifest(Record):
    """What was run, on what, with what, and what came of it.

    Attributes:
        schema: version of this format.
        run: the run id, which is the name of the run's folder.
        status: ``predicting`` until all is there; then ``complete``.
        identity: what the run is recognised by.
        task: that was run.
        track: ``official``, or ``sample`` for simulated data.
        partial: whether only a part of the split was scored; such a run is never ranked.
        trust: how the scores came to be: ``rerun`` where the model ran here, ``rescored`` from
            predictions, ``reported`` where all that is observed was handed in.
        division: ``closed`` for a model that was trained by the task's rules, else ``open``.
        inputs: the sensors a model was fed with, in words.
        entry: that was run.
        data: that was scored.
        degradation: what was done to the images; None where nothing was. A run on degraded images
            is never ranked.
        seed: of training.
        device: such as ``cpu`` or ``cuda:0``; ``not declared`` for predictions made elsewhere.
        precision: such as ``32-true``; ``not declared`` for predictions made elsewhere.
        harness: that predicted.
        arithmetic: versions of Python and of the packages that can change a number, None for those
            that aren't installed, and ``threads``, the number of threads of torch.
        hardware: that predicted.
        started: when, in ISO 8601.
        determinism: None for predictions made elsewhere.
        parts: the SHA-256 of each file of observations, by name.
        observations_sha256: of what was observed, without columns that measure the machine.
        scores: all of them; empty before the run is complete.
        left_out: the primary score without each of the independent units that the attributes name,
            or group of them; two entries are compared by these. Empty where it is undefined, there
            are too few units, and in runs of earlier versions.
        remarks: what could not be computed or checked, in words.
        scored_by: the harness that computed the scores last.
        seconds: that predicting took; None before the run is complete.
        predicted_here: samples that the last process predicted; an interrupted run is continued.
        cost: of the model.
        pictures: the SHA-256 of each picture of predictions, by name of its file.
        sha256: of all other fields of a complete run; tells that the file was edited.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    run: Text
    status: Literal["predicting", "complete"]
    identity: Identity | None = None
    task: TaskRecord
    track: Literal["official", "sample"]
    partial: bool
    trust: Trust
    division: Division
    inputs: Text
    entry: EntryRecord
    data: DataRecord
    degradation: DegradationRecord | None = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    device: Text
    precision: Text
    harness: HarnessRecord
    arithmetic: dict[str, str | int | None] = Field(default_factory=dict)
    hardware: HardwareRecord = HardwareRecord()
    started: Annotated[str, AfterValidator(_time)]
    determinism: DeterminismRecord | None = None
    parts: dict[str, str] = Field(default_factory=dict)
    observations_sha256: str | None = None
    scores: Annotated[tuple[Score, ...], Strict(False)] = ()
    left_out: Annotated[tuple[FiniteFloat, ...], Strict(False)] = ()
    remarks: Texts = ()
    scored_by: HarnessRecord | None = None
    seconds: FiniteFloat | None = None
    predicted_here: Count | None = None
    cost: CostRecord = CostRecord()
    pictures: dict[str, str] = Field(default_factory=dict)
    sha256: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = sorted({"scores", "seconds", "cost"} - self.model_fields_set)
        if self.status == "complete" and missing:
            raise ValueError(f"a complete run needs {', '.join(missing)}")
        return self

    def predicted_by(self, determinism: DeterminismRecord) -> "Manifest":
        """The manifest with what was set before predicting."""
        return self.model_copy(update={"determinism": determinism})

    def started_at(self, started: str) -> "Manifest":
        """The manifest of an interrupted run that is continued, with the time of its start."""
        return self.model_copy(update={"started": started})

    def completed(
        self,
        scored: Scored,
        *,
        seconds: float,
        predicted_here: int,
        cost: CostRecord,
        pictures: Mapping[str, str] | None = None,
    ) -> "Manifest":
        """The manifest of the complete run; the arguments are its fields."""
        update: dict[str, object] = {
            "status": "complete",
            **scored._asdict(),
            "seconds": seconds,
            "predicted_here": predicted_here,
            "cost": cost,
        }
        if pictures is not None:
            update["pictures"] = dict(pictures)
        return self.model_copy(update=update)

    def rescored(
        self,
        scores: Sequence[Score],
        remarks: Sequence[str],
        scored_by: HarnessRecord,
        left_out: Sequence[float] = (),
    ) -> "Manifest":
        """The manifest with other scores of the same observations; the arguments are its fields."""
        update = {
            "scores": tuple(scores),
            "remarks": tuple(remarks),
            "scored_by": scored_by,
            "left_out": tuple(left_out),
        }
        return self.model_copy(update=update)

    def labelled_as(self, now: "Manifest") -> "Manifest":
        """The manifest with what ``now`` says of entry, trust, division and inputs."""
        update = {
            "entry": now.entry,
            "trust": now.trust,
            "division": now.division,
            "inputs": now.inputs,
        }
        return self.model_copy(update=update)

    def taken_in(self, run: str, identity: Identity) -> "Manifest":
        """The manifest of a submission's run under another name, with where its entry is from."""
        entry = self.entry.model_copy(update={"source": identity.source})
        return self.model_copy(update={"run": run, "identity": identity, "entry": entry})

    def degraded_by(self, degradation: DegradationRecord) -> "Manifest":
        """The manifest of a run on degraded images, which is of the open division."""
        return self.model_copy(update={"degradation": degradation, "division": "open"})

    @property
    def primary(self) -> Score | None:
        """The score over all samples that the task ranks by; None where there is none."""
        named = (s for s in self.scores if s.name == self.task.primary and not s.slice)
        return next(named, None)

    def text(self) -> str:
        """The JSON text of `content`, in one line.

        Raises:
            ValueError: it holds NaN or infinity, which JSON can't.
        """
        return json.dumps(self.content(), allow_nan=False)


def read(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        BenchError: it is missing, larger than `MAX_BYTES`, no JSON as `bench.base.bounded_json`
            takes it, of a newer format, or a field has another type than `Manifest` says.
    """
    return _read(path)[0]


def read_noting_edits(path: Path) -> tuple[Manifest, bool]:
    """The manifest in a file, and whether the file was edited since rs-bench wrote it.

    The hash that tells is no signature: whoever writes a whole file writes its hash as well.

    Raises:
        BenchError: as `read`; or it holds text or numbers that no hash can be computed of.
    """
    manifest, content = _read(path)
    try:
        own = sha256_json({key: value for key, value in content.items() if key != "sha256"})
    except ValueError as error:
        raise _unfit(_named(path), f"it holds NaN, infinity or broken text: {error}") from error
    return manifest, manifest.sha256 != own


def write(manifest: Manifest, path: Path) -> Manifest:
    """Replace a file by a manifest, which gets the SHA-256 of its content if it is complete.

    Returns:
        The manifest as it stands in the file.

    Raises:
        ValueError: it holds NaN or infinity, which JSON can't.
    """
    content = manifest.content()
    content.pop("sha256", None)
    if manifest.status == "complete":
        content["sha256"] = sha256_json(content)
    write_json(path, content)
    return manifest.model_copy(update={"sha256": content.get("sha256")})


def parse(text: str, name: str) -> Manifest:
    """The manifest in a JSON text, as `Manifest.text` gives it.

    Raises:
        BenchError: as `read`.
    """
    return _model(bounded_json.parse(text, name), name)


def _read(path: Path) -> tuple[Manifest, dict[str, JsonValue]]:
    content = bounded_json.read(path, MAX_BYTES, "restore the file or remove the run's folder")
    return _model(content, _named(path)), content


def _named(path: Path) -> str:
    return f"{path.name} of run {path.parent.name}"


def _model(content: JsonValue, name: str) -> Manifest:
    _check_version(content, name)
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise _unfit(name, in_one_line(error)) from error


def _check_version(content: JsonValue, name: str) -> None:
    """Refuse other formats than the present one."""
    found = content.get("schema") if isinstance(content, dict) else content
    if type(found) is int and found > SCHEMA:
        raise BenchError(
            f"{name} has schema {found!r:.40}, expected {SCHEMA}: a newer rs-bench wrote it",
            "update rs-bench: pip install --upgrade rs-bench",
        )
    if type(found) is not int or found != SCHEMA or not isinstance(content, dict):
        raise BenchError(
            f"{name} has schema {found!r:.40}, expected {SCHEMA}",
            "it is no run.json of rs-bench: restore the file or remove the run's folder",
        )


def _unfit(name: str, fault: str) -> BenchError:
    return BenchError(
        f"{name} can't be read: {fault}",
        "restore the file, or repeat the run with --force",
    )
