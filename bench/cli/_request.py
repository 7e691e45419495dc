"""The options that ``run`` and ``train`` share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli._console import results_folder

if TYPE_CHECKING:
    from bench.evaluate.request import Request

Task = Annotated[
    str,
    typer.Option(
        "--task",
        help="Name of a task, or path of its TOML file.",
        autocompletion=complete.tasks,
    ),
]
MODEL_HELP = (
    "A baseline's name, timm:NAME[/INPUT], open_clip:NAME[/WEIGHTS], hf:OWNER/NAME[@REVISION], "
    "published:NAME (`bench list --published`), blip2:OWNER/NAME, an entry's folder, "
    "predictions:FILE, embeddings:FOLDER (with --method), or "
    "python:MODULE:FACTORY, called as FACTORY(in_channels=, outputs=, size=, **arguments); with "
    "--method an encoder: timm:NAME@WEIGHTS, torchgeo:NAME, transformers:OWNER/NAME, "
    "open_clip:NAME, presto:default, galileo:nano, efficientnet_lite:NAME, or a trained entry."
)
Model = Annotated[str, typer.Option("--model", help=MODEL_HELP, autocompletion=complete.models)]
Method = Annotated[
    str | None,
    typer.Option(
        "--method",
        help="How --model, the name of an encoder, becomes an entry: scratch, finetune, lora, knn, "
        "ridge, logistic, linear, attentive or upernet.",
        autocompletion=complete.methods,
    ),
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        help="The input of the task that an encoder is fed.",
        metavar="NAME",
        autocompletion=complete.inputs,
    ),
]
Normalisation = Annotated[
    str,
    typer.Option(
        "--normalisation",
        help="Whose statistics an encoder's images are normalised by: checkpoint or task.",
        autocompletion=complete.normalisations,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        help="Learn from subsets of the training samples: shares such as 1%,10%,100% or samples of "
        "each class such as 1-shot,5-shot.",
        metavar="SIZES",
    ),
]
Draws = Annotated[
    int, typer.Option("--draws", help="How many random subsets of each size of --labels.")
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        help="official or sample.  [default: official where its data is]",
        autocompletion=complete.tracks,
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", help="auto, cpu, cuda or cuda:N.", autocompletion=complete.devices),
]
Devices = Annotated[int, typer.Option("--devices", help="How many devices share the work.")]
Nodes = Annotated[int, typer.Option("--nodes", help="How many machines train together.")]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="32-true, 16-mixed or bf16-mixed.",
        autocompletion=complete.precisions,
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of training.")]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        help="Seeds of several trainings, such as 0-4 or 0,2,7, in place of --seed; the variance "
        "is then split into that over seeds and that over samples.",
        metavar="SEEDS",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="Of --model published:NAME: the file that its authors published, or the folder of "
        "several; it is kept in $BENCH_WEIGHTS.",
        metavar="FILE",
    ),
]
Trusted = Annotated[
    bool,
    typer.Option(
        "--i-trust-this-file",
        help="Of --model published:NAME: its weights are a pickle, which is a program; say that it "
        "may be opened.",
    ),
]
AllowPython = Annotated[
    bool, typer.Option("--allow-python", help="Run the code that --model python:... names.")
]
Force = Annotated[bool, typer.Option("--force", help="Repeat what is recorded already.")]


def request(
    task: str,
    model: str,
    track: str | None,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    seed: int,
    force: bool,
    results: Path | None,
    limit: int | None = None,
    ids: Path | None = None,
    *,
    allow_python: bool = False,
    method: str | None = None,
    given: str | None = None,
    normalisation: str = "checkpoint",
    log: Sequence[str] = (),
) -> "Request":
    """The request that the options make.

    Raises:
        RequestError: an option has a value it can't have.
    """
    from bench.evaluate.request import Request

    if allow_python:
        from bench.models import python

        python.allow(model)
    return Request(
        task=task,
        model=model,
        method=method or "",
        given=given,
        normalisation=normalisation,  # type: ignore[arg-type]
        track=track,  # type: ignore[arg-type]
        device=device,
        devices=devices,
        nodes=nodes,
        precision=precision,
        seed=seed,
        force=force,
        limit=limit,
        ids=None if ids is None else _lines(ids),
        results=results_folder(results),
        log=log,
    )


def take_in(model: str, task: str, weights: Path | None, trusted: bool) -> None:
    """Take in the weights of a published checkpoint where these options ask for it.

    Raises:
        RequestError: the model is no published checkpoint, or its files can't be taken in.
        BenchError: they are others than was published.
    """
    if weights is None and not trusted:
        return
    name = model.removeprefix("published:")
    if name == model:
        raise RequestError(
            "--weights and --i-trust-this-file are of --model published:NAME",
            "weights of your own stand in an entry's folder; others become one by `bench convert`",
        )
    from bench.models import published
    from bench.spec import task as tasks

    published.take_in(name, tasks.load(task), weights, trusted=trusted)


def _lines(path: Path) -> list[str]:
    """The sample ids in a file, one a line as it is; empty lines are passed over."""
    from bench.base import text

    hint = "write one sample id a line: `bench info TASK --ids` prints them"
    return [line for line in text.lines(text.read(path, error=RequestError, hint=hint)) if line]
