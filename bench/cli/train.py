"""``bench train``: the recipe of an entry."""

from typing import Annotated

import typer

from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli._console import Json, Quiet, Results, print_json, print_line, reporting


def verb(
    task: options.Task,
    model: options.Model,
    method: options.Method = None,
    given: options.Input = None,
    normalisation: options.Normalisation = "checkpoint",
    track: options.Track = None,
    device: options.Device = "auto",
    devices: options.Devices = 1,
    nodes: options.Nodes = 1,
    precision: options.Precision = "32-true",
    seed: options.Seed = 0,
    seeds: options.Seeds = None,
    allow_python: options.AllowPython = False,
    force: options.Force = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            help="Log the training there besides: tensorboard:DIR, mlflow:DIR or wandb:DIR "
            "(offline); may be repeated.",
            metavar="NAME:DIR",
            autocompletion=complete.one_of("mlflow:", "tensorboard:", "wandb:"),
        ),
    ] = None,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Train an entry by its recipe; leaves an entry with weights.

    bench train --task reben-mlc --model resnet18-s1
    """
    from bench.base.paths import shown
    from bench.evaluate import seeds as several
    from bench.evaluate import stages as evaluate

    asked = options.request(
        task,
        model,
        track,
        device,
        devices,
        nodes,
        precision,
        seed,
        force,
        results,
        allow_python=allow_python,
        method=method,
        given=given,
        normalisation=normalisation,
        log=log or (),
    )
    numbers = several.asked(seeds, seed)
    with reporting(quiet) as report:
        if numbers is None:
            trained = [evaluate.train(asked, report)]
        else:
            trained = several.train(asked, numbers, report)
    if as_json:
        entries = [one.model_dump(mode="json") | {"folder": str(one.folder)} for one in trained]
        print_json(entries[0] if numbers is None else entries)
        return
    for entry in trained:
        done = entry.trained
        assert done is not None
        assert entry.folder is not None
        folder = shown(entry.folder)
        print_line(
            f"trained {entry.name} in {done.seconds:.0f} s: {done.samples_seen:,} samples seen in "
            f"{done.steps:,} steps, {done.epochs_run:,} epochs"
        )
        print_line(folder)
        print_line(f"next: bench run --task {task} --model {folder}")
