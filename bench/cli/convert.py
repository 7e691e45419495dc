"""``bench convert``: published pickled weights to an entry."""

from pathlib import Path
from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _request as options
from bench.cli._console import Json, print_json, print_line


def verb(
    file: Annotated[Path, typer.Argument(help="The pickle: .pt, .pth, .bin.")],
    task: options.Task,
    model: options.Model,
    out: Annotated[Path, typer.Option("--out", help="Folder of the new entry.")],
    trusted: Annotated[
        bool,
        typer.Option(
            "--i-trust-this-file", help="A pickle is a program; say that it may be opened."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn pickled weights into an entry with safetensors, checked against an architecture.

    bench convert RemoteCLIP-ViT-B-32.pt --task rsicd-retrieval --model remoteclip-vit-b-32
    --out remoteclip --i-trust-this-file
    """
    if not trusted:
        raise RequestError(
            f"{file} is a pickle, which is a program: it isn't opened unless you say so",
            "if you know who made it, add --i-trust-this-file; it is then read in a process of its "
            "own that makes nothing but tensors",
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
