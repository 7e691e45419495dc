"""``bench convert``: published pickled weights to an entry, or to those of an encoder."""

from pathlib import Path
from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli._console import Json, print_json, print_line


def verb(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The pickle: .pt, .pth, .bin; of an encoder on the Hub it may be left away."
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
            help="The entry without weights that they belong to.",
            autocompletion=complete.models,
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
    """Turn pickled weights into safetensors: an entry, or the weights of an encoder.

    bench convert RemoteCLIP-ViT-B-32.pt --task rsicd-retrieval --model remoteclip-vit-b-32
    --out remoteclip --i-trust-this-file
    """
    if not trusted:
        raise RequestError(
            f"{file or encoder} is a pickle, which is a program: it isn't opened unless you say so",
            "if you know who made it, add --i-trust-this-file; it is then read in a process of its "
            "own that makes nothing but tensors",
        )
    if encoder is not None:
        if task or model or out:
            raise RequestError(
                "--encoder stands in place of --task, --model and --out", "leave these away"
            )
        _encoder(encoder, file, as_json)
        return
    if file is None or task is None or model is None or out is None:
        raise RequestError(
            "a file, --task, --model and --out are needed, or --encoder", "bench convert --help"
        )
    from bench import models
    from bench.base.paths import shown
    from bench.spec import task as tasks
    from bench.submissions import pickled

    asked = tasks.load(task)
    made = pickled.convert(file, models.find(model, asked), asked, out)
    if as_json:
        print_json(made.model_dump(mode="json") | {"folder": str(out)})
    else:
        print_line(f"converted {made.name}: {shown(out)}")
        print_line(f"next: bench run --task {task} --model {shown(out)}")


def _encoder(name: str, file: Path | None, as_json: bool) -> None:
    from bench.base.paths import shown
    from bench.models import encoders

    made = encoders.convert(name, file)
    if as_json:
        print_json({"encoder": name, "weights": str(made)})
    else:
        print_line(f"converted the weights of {name}: {shown(made)}")
