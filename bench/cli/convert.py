"""``bench convert``: released weights to an entry, a published checkpoint, or an encoder."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base.errors import RequestError, unknown
from bench.cli import _complete as complete
from bench.cli._console import Json, print_json, print_line

if TYPE_CHECKING:
    from bench.spec.entry import Entry
    from bench.spec.task import Task


def verb(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="The weights: a pickle (.pt, .pth, .bin), a .zip of one, or .safetensors; several "
            "for an architecture of several networks. Of what is on the Hub they may be left "
            "away.",
            metavar="[FILE]...",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Name of a task, or path of its TOML file.",
            autocompletion=complete.tasks,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="The entry without weights that they belong to; or published:NAME, whose weights "
            "are kept in $BENCH_WEIGHTS, without --task and --out.",
            autocompletion=complete.models,
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            help="In place of --model: the name of a key map, such as tsvit, hycot or utae, whose "
            "architecture and released options are taken; or an architecture, such as "
            "baseline:architectures.tsvit.TSViT.",
            autocompletion=complete.key_maps,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            "--input",
            help="Of --architecture: the input of the task that it is fed with.  [default: the "
            "task's first]",
            metavar="NAME",
            autocompletion=complete.inputs,
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Of --architecture: an argument of it, such as rates=4 or dim=64; repeatable.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the new entry.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            help="The encoder that they belong to, such as presto:default; in place of --task, "
            "--model and --out. Its weights are kept in $BENCH_WEIGHTS.",
        ),
    ] = None,
    trusted: Annotated[
        bool,
        typer.Option(
            "--i-trust-this-file", help="A pickle is a program; say that it may be opened."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn released weights into an entry, or keep those of a published checkpoint or an encoder.

    Tensors are renamed by a key map where their authors call them otherwise. Examples:

    bench convert best.pth --architecture tsvit --task pastis24-crop-mapping --out tsvit
    --i-trust-this-file

    bench convert --model published:remoteclip-vit-b-32 --i-trust-this-file
    """
    named = list(files or [])
    if encoder is not None:
        if task or model or out or architecture:
            raise RequestError(
                "--encoder stands in place of --task, --model, --architecture and --out",
                "leave these away",
            )
        _check_trust(named, encoder, trusted, always=True)
        _encoder(encoder, _single(named), as_json)
        return
    if model is not None and model.startswith("published:"):
        if task or out or architecture:
            raise RequestError(
                f"{model} says what its weights are of, and where they are kept",
                "leave --task, --architecture and --out away",
            )
        _published(model, _single(named), trusted, as_json)
        return
    if not named or task is None or out is None or (model is None) == (architecture is None):
        raise RequestError(
            "a file, --task, --out and one of --model and --architecture are needed; or --model "
            "published:NAME; or --encoder",
            "bench convert --help",
        )
    if model is not None and (given or options):
        raise RequestError(
            "--input and --set are of --architecture", "an entry has its input and its arguments"
        )
    _check_trust(named, model or architecture or "", trusted)
    from bench import models
    from bench.base.paths import shown
    from bench.spec import task as tasks
    from bench.submissions import pickled

    asked = tasks.load(task)
    bare = (
        models.find(model, asked)
        if model is not None
        else _of_architecture(architecture or "", asked, out, given, options or [])
    )
    made = pickled.convert(named, bare, asked, out)
    if as_json:
        print_json(made.model_dump(mode="json") | {"folder": str(out)})
    else:
        print_line(f"converted {made.name}: {shown(out)}")
        print_line(f"next: bench run --task {task} --model {shown(out)}")


def _check_trust(files: list[Path], what: str, trusted: bool, *, always: bool = False) -> None:
    from bench.models import released

    if not trusted and (always or any(map(released.is_pickle, files))):
        raise RequestError(
            f"{files[0] if files else what} is a pickle, which is a program: it isn't opened "
            "unless you say so",
            "if you know who made it, add --i-trust-this-file; it is then read in a process of its "
            "own that makes nothing but tensors",
        )


def _single(files: list[Path]) -> Path | None:
    if len(files) > 1:
        raise RequestError(
            f"expected one file, found {len(files)}", "name the folder that holds all of them"
        )
    return files[0] if files else None


def _of_architecture(
    name: str, task: "Task", out: Path, given: str | None, options: list[str]
) -> "Entry":
    """An entry without weights, of a key map or of an architecture."""
    from bench.spec import keys
    from bench.spec.entry import Entry, Model

    architecture, arguments = name, {}
    if ":" not in name:
        if name not in keys.names():
            raise unknown(
                "architecture", name, keys.names(), "or write it in full, as entry.toml names it"
            )
        known = keys.load(name)
        architecture, arguments = known.architecture, dict(known.arguments)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", out.name).strip(".-_")[:96] or "converted"
    return Entry(
        name=plain,
        title=plain,
        task=task.name,
        task_digest=task.digest,
        input=task.input(given or task.inputs[0]),
        model=Model(architecture=architecture, arguments=arguments | dict(map(_option, options))),
    )


def _option(text: str) -> tuple[str, Any]:
    """``KEY=VALUE``: a number, true or false, or else a text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise RequestError(f"--set {text!r} is no argument", "write --set KEY=VALUE")
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    return key, read if isinstance(read, bool | int | float) else value


def _published(model: str, file: Path | None, trusted: bool, as_json: bool) -> None:
    from bench.base.paths import shown
    from bench.models import published
    from bench.spec import published as declared

    name = published.name_of(model)
    made = published.keep(name, file, trusted=trusted)
    stated = declared.find(name)
    record = published.record_of(stated)
    if as_json:
        print_json(
            {
                "model": model,
                "weights": str(made / published.WEIGHTS),
                "record": record.model_dump(mode="json") if record else None,
            }
        )
        return
    print_line(f"converted {model}: {shown(made / published.WEIGHTS)}")
    for seen in record.files if record else ():
        print_line(f"from {seen.name}, {seen.size:,} bytes, SHA-256 {seen.sha256}")
    print_line(f"next: bench run --task {stated.runs_on()[0]} --model {model}")


def _encoder(name: str, file: Path | None, as_json: bool) -> None:
    from bench.base.paths import shown
    from bench.models import encoders

    made = encoders.convert(name, file)
    if as_json:
        print_json({"encoder": name, "weights": str(made)})
    else:
        print_line(f"converted the weights of {name}: {shown(made)}")
