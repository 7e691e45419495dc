"""Published checkpoints: ``published:NAME``, declared in ``baselines/published``.

The files of a checkpoint are turned into safetensors once, under the names of the architecture
(`bench.models.released`), and kept in ``$BENCH_WEIGHTS/published/NAME`` with a record of what they
were made of. From then on only that is read. A file whose hash is published is held to it; of
another one the hash that was seen first is kept, and a file of another hash is refused.

A pickle is a program, which is read on the user's word only and by a process of its own.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench import kinds, models
from bench.base import bounded_toml
from bench.base.errors import BenchError, RequestError
from bench.base.files import move, scratch, sha256_file, write_bytes
from bench.base.paths import absolute, shown, weights_root
from bench.models import _published_statistics, released
from bench.spec import published
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.embedded import AnyEntry
from bench.spec.entry import Entry, Model
from bench.spec.published import File, Published
from bench.spec.task import Task, in_one_line

WEIGHTS = "model.safetensors"
_RECORD = "record.toml"
_PREFIX = "published:"


class _Seen(BaseModel):
    """A file that weights were made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: int


class Record(BaseModel):
    """What is kept of a checkpoint beside its weights.

    Attributes:
        checkpoint: its name.
        files: what the weights were made of.
        source: where these came from.
        commit: on the Hub; empty where they were given.
        meaning: of the declaration that they were made by, as `Published.meaning`.
        mean, std: of the input, where they were read from a file.
        first_seen: the day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    checkpoint: str
    files: tuple[_Seen, ...]
    source: str
    commit: str = ""
    meaning: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    first_seen: datetime.date


def entry(rest: str, task: Task) -> AnyEntry:
    """The entry of a published checkpoint, as it is run on a task.

    Files of safetensors on the Hub are fetched; others must have been taken in before, by `keep`.

    Raises:
        RequestError: there is no such checkpoint, or it isn't run on this task.
        BenchError: its weights aren't here, or were made by another declaration.
    """
    stated = published.find(rest)
    _check_task(stated, task)
    if stated.same:
        return models.find(stated.same, task)
    if record_of(stated) is None and _fetchable(stated):
        keep(rest, task=task)
    record = record_of(stated)
    if record is None:
        raise _absent(stated)
    if record.meaning != stated.meaning():
        raise BenchError(
            f"the weights of {stated.model} in {shown(folder_of(stated))} were made by another "
            "declaration of it than that of this version",
            f"make them again: {_command(stated, task)}",
        )
    architecture, arguments = stated.built
    found = Entry(
        name=stated.name,
        title=stated.title,
        authors=stated.authors,
        licence=stated.licence,
        url=stated.url,
        note=stated.note,
        training_data=stated.training_data,
        task=task.name,
        source=record.source[:500],
        input=_contract(stated, task, record),
        model=Model(architecture=architecture, arguments=arguments, weights=WEIGHTS),
        folder=folder_of(stated),
    )
    return found


def keep(
    name: str,
    given: Path | None = None,
    *,
    trusted: bool = False,
    task: Task | None = None,
) -> Path:
    """Take the files of a published checkpoint in: check them and keep their weights.

    Args:
        name: of the checkpoint.
        given: its file, or a folder of its files; None to look in ``$BENCH_WEIGHTS/NAME`` and then
            to fetch them from the Hub.
        trusted: whether a pickle may be opened.
        task: that it is wanted for; None for the first that it is run on.

    Returns:
        The folder of the weights.

    Raises:
        RequestError: there is no such checkpoint, a file is missing, or pickles aren't trusted.
        BenchError: a file is another one than was published or seen first, holds more than tensors,
            or not those of the architecture.
    """
    stated = published.find(name)
    if stated.same:
        raise RequestError(
            f"{stated.model} is {stated.same}, whose files are fetched when it is run",
            f"bench run --task {stated.runs_on()[0]} --model {stated.model}",
        )
    if task is None:
        task = tasks.load(stated.runs_on()[0])
    _check_task(stated, task)
    if any(released.is_pickle(Path(file.name)) for file in stated.files) and not trusted:
        raise RequestError(
            f"the weights of {stated.model} are a pickle, which is a program: it isn't opened "
            "unless you say so",
            f"if you trust {stated.url}, add --i-trust-this-file; it is then read in a process of "
            "its own that makes nothing but tensors",
        )
    files, commit = _files(stated, given)
    seen = [_checked(stated, one, file) for one, file in zip(stated.files, files, strict=True)]
    mean, std = _published_statistics.read(stated, task, given)
    record = Record(
        checkpoint=stated.name,
        files=tuple(seen),
        source=_source(stated, seen, commit),
        commit=commit,
        meaning=stated.meaning(),
        mean=mean,
        std=std,
        first_seen=_first_seen(stated),
    )
    architecture, arguments = stated.built
    bare = Entry(
        name=stated.name,
        task=task.name,
        input=_contract(stated, task, record),
        model=Model(architecture=architecture, arguments=arguments),
    )
    network = models.build(bare, kinds.of(task).outputs())
    target = folder_of(stated)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent, target.name) as folder:
        made = folder / "made"
        made.mkdir()
        released.write(files, network, architecture, made / WEIGHTS, folder)
        write_bytes(made / _RECORD, tomli_w.dumps(record.model_dump(mode="json")).encode())
        if target.is_dir():
            move(target, folder / "before")
        move(made, target)
    return target


def take_in(name: str, task: Task, given: Path | None, *, trusted: bool) -> None:
    """As `keep`, where the weights aren't here yet or files are given.

    Raises:
        RequestError, BenchError: as `keep`.
    """
    stated = published.find(name)
    if given is None:
        record = None if stated.same else record_of(stated)
        if stated.same or (record is not None and record.meaning == stated.meaning()):
            return
    keep(name, given, trusted=trusted, task=task)


def folder_of(stated: Published) -> Path:
    """Where the weights of a checkpoint are kept."""
    return weights_root() / "published" / stated.name


def record_of(stated: Published) -> Record | None:
    """What is kept of a checkpoint; None where its weights aren't here.

    Raises:
        BenchError: the record is damaged.
    """
    path = folder_of(stated) / _RECORD
    if not path.is_file() or not (folder_of(stated) / WEIGHTS).is_file():
        return None
    try:
        raw = bounded_toml.read(path)
        return Record.model_validate(raw)
    except (RequestError, ValidationError) as error:
        said = in_one_line(error) if isinstance(error, ValidationError) else error.message
        raise BenchError(
            f"{shown(path)} is damaged: {said}",
            f"remove {shown(path.parent)}, and take the weights of {stated.model} in again",
        ) from error


def contract_of(stated: Published, task: Task) -> InputContract | None:
    """What a checkpoint is fed on a task; None where that is read from a file that isn't here.

    Raises:
        RequestError: the task can't feed it.
    """
    if stated.input is not None and stated.input.file is not None:
        record = record_of(stated)
        return None if record is None else _contract(stated, task, record)
    return _contract(stated, task, None)


def _contract(stated: Published, task: Task, record: Record | None) -> InputContract:
    if stated.input is None:
        return task.input(stated.given)
    mean, std = stated.input.mean, stated.input.std
    if stated.input.file is not None and record is not None:
        mean, std = record.mean, record.std
    made = stated.input.contract(task, mean, std)
    # One that differs from an input of the task in nothing but words is that input.
    for known in map(task.input, task.inputs):
        if known == made.model_copy(update={"statistics": known.statistics}):
            return known
    return made


def _check_task(stated: Published, task: Task) -> None:
    if not stated.fits(task.name, task.kind):
        known = stated.runs_on()
        shown_ = ", ".join(known[:6]) + (f" and {len(known) - 6} more" if len(known) > 6 else "")
        raise RequestError(
            f"{stated.model} isn't run on task {task.name}", f"it is run on {shown_}"
        )


def _fetchable(stated: Published) -> bool:
    """Whether its files are safetensors on the Hub, which need nobody's word."""
    return stated.hub is not None and not any(
        released.is_pickle(Path(file.name)) for file in stated.files
    )


def _command(stated: Published, task: Task | None = None) -> str:
    named = "" if stated.hub else " FILE" if len(stated.files) == 1 else " FOLDER"
    return f"bench convert{named} --model {stated.model} --i-trust-this-file"


def _absent(stated: Published) -> BenchError:
    where = f"the Hub's {stated.hub.repository}" if stated.hub else stated.url
    listed = ", ".join(file.name for file in stated.files)
    return BenchError(
        f"the weights of {stated.model} aren't in {shown(folder_of(stated))}: {listed}, from "
        f"{where}",
        ("if you trust them: " if stated.hub else "fetch them and, if you trust them: ")
        + f"{_command(stated)}, or add --weights FILE --i-trust-this-file",
    )


def _files(stated: Published, given: Path | None) -> tuple[list[Path], str]:
    """The files of a checkpoint in the order of its declaration, and the commit on the Hub."""
    if given is not None:
        return _given(stated, absolute(given)), ""
    place = weights_root() / stated.name
    found = [place / file.name for file in stated.files]
    lacking = [file.name for file in found if not file.is_file()]
    if not lacking:
        return found, ""
    if stated.hub is None:
        raise _missing(stated, lacking, place)
    from bench.models._snapshot import fetch, only

    paths = [file.path or file.name for file in stated.files]
    before = record_of(stated)
    revision = stated.hub.revision or (before.commit if before else "") or None
    snapshot = fetch(
        stated.hub.repository, revision, lambda asked, sizes: only(asked, sizes, *paths)
    )
    return [snapshot.folder / path for path in paths], snapshot.commit


def _given(stated: Published, given: Path) -> list[Path]:
    if given.is_dir():
        found = [given / file.name for file in stated.files]
        lacking = [file.name for file in found if not file.is_file()]
        if lacking:
            raise _missing(stated, lacking, given)
        return found
    if not given.is_file():
        raise RequestError(
            f"there is no file {shown(given)}", f"{stated.model} is got from {stated.url}"
        )
    if len(stated.files) > 1:
        raise RequestError(
            f"{stated.model} is of {len(stated.files)} files, one was given",
            f"name a folder that holds {', '.join(file.name for file in stated.files)}",
        )
    return [given]


def _missing(stated: Published, lacking: Sequence[str], folder: Path) -> RequestError:
    return RequestError(
        f"{stated.model}: {', '.join(lacking)} isn't in {shown(folder)}",
        f"get it from {stated.url} and name the file, or the folder of several",
    )


def _checked(stated: Published, stated_file: File, file: Path) -> _Seen:
    """A file, held to what is published of it, or else to what was seen first.

    Raises:
        BenchError: it is another one.
    """
    size = file.stat().st_size
    if stated_file.size is not None and size != stated_file.size:
        raise BenchError(
            f"{file} has {size:,} bytes, {stated_file.name} of {stated.model} has "
            f"{stated_file.size:,}",
            f"get it from {stated.url} again",
        )
    found = sha256_file(file)
    if stated_file.sha256:
        if found != stated_file.sha256:
            raise BenchError(
                f"{file} has SHA-256 {found[:16]}, {stated_file.name} of {stated.model} has "
                f"{stated_file.sha256[:16]}",
                f"get it from {stated.url} again",
            )
    elif (before := record_of(stated)) is not None:
        known = {seen.name: seen.sha256 for seen in before.files}
        if (wanted := known.get(stated_file.name)) not in (None, found):
            raise BenchError(
                f"{file} has SHA-256 {found[:16]}, the {stated_file.name} that was taken for "
                f"{stated.model} on {before.first_seen} had {str(wanted)[:16]}",
                f"no hash of it is published: if {stated.url} has another file now, remove "
                f"{shown(folder_of(stated))} first",
            )
    return _Seen(name=stated_file.name, sha256=found, size=size)


def _first_seen(stated: Published) -> datetime.date:
    before = record_of(stated)
    return before.first_seen if before else datetime.datetime.now(tz=datetime.UTC).date()


def _source(stated: Published, seen: Sequence[_Seen], commit: str) -> str:
    where = f"hf:{stated.hub.repository}@{commit}" if stated.hub and commit else stated.url
    digits = 64 if len(seen) == 1 else 16
    files = "; ".join(f"{one.name}, SHA-256 {one.sha256[:digits]}" for one in seen)
    return f"{where}: {files}"


def name_of(model: str) -> str:
    """The name of the checkpoint that ``--model`` names; empty where it is no such model."""
    return model.removeprefix(_PREFIX) if model.startswith(_PREFIX) else ""
