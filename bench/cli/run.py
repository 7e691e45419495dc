"""``bench run``: a model on a task, to a recorded result."""

from pathlib import Path
from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _complete as complete
from bench.cli import _request as options
from bench.cli import _shown, _suite
from bench.cli._console import Json, Quiet, Results, print_json, print_line, reporting


def verb(
    task: Annotated[
        str | None,
        typer.Option(
            help="Name of a task, or path of its TOML file.", autocompletion=complete.tasks
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help=options.MODEL_HELP, autocompletion=complete.models)
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="All tasks of a suite in place of one, with --model or the suite's own models.",
            metavar="NAME",
            autocompletion=complete.suites,
        ),
    ] = None,
    method: options.Method = None,
    given: options.Input = None,
    normalisation: options.Normalisation = "checkpoint",
    labels: options.Labels = None,
    draws: options.Draws = 1,
    track: options.Track = None,
    device: options.Device = "auto",
    devices: options.Devices = 1,
    nodes: options.Nodes = 1,
    precision: options.Precision = "32-true",
    seed: options.Seed = 0,
    seeds: options.Seeds = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the first N samples; never ranked.", metavar="N")
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="Only the samples listed in a file, of any split; never ranked."),
    ] = None,
    allow_python: options.AllowPython = False,
    weights: options.Weights = None,
    trusted: options.Trusted = False,
    force: options.Force = False,
    full: _shown.Full = False,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Train if the entry needs it, predict, score, record, show.

    Killed at any moment, the same command continues. Example:

    bench run --task reben-mlc --model resnet50
    """
    if suite is None and (task is None or model is None):
        raise RequestError(
            "expected --task and --model, or --suite",
            "bench run --task reben-mlc --model resnet50; `bench list` shows the tasks",
        )
    if suite is not None and task is not None:
        raise RequestError("--task and --suite are both given", "leave one of them away")
    options.take_in(model or "", task or "", weights, trusted)
    from bench.evaluate import few_labels
    from bench.evaluate import seeds as several
    from bench.evaluate import stages as evaluate

    asked = options.request(
        task or "",
        model or "",
        track,
        device,
        devices,
        nodes,
        precision,
        seed,
        force,
        results,
        limit,
        ids,
        allow_python=allow_python,
        method=method,
        given=given,
        normalisation=normalisation,
    )
    if suite is not None:
        _suite.run(
            suite,
            asked,
            model=model,
            labels=labels,
            draws=draws,
            as_json=as_json,
            quiet=quiet,
        )
        return
    numbers = several.asked(seeds, seed)
    subsets = few_labels.parse(labels, draws) if labels is not None else []
    if subsets and numbers is not None:
        raise RequestError("--labels and --seeds are both given", "draws vary what seeds would")
    with reporting(quiet) as report:
        if subsets:
            manifests = few_labels.run(asked, subsets, report)
        elif numbers is None:
            manifests = [evaluate.run(asked, report)]
        else:
            manifests = several.run(asked, numbers, report)
    manifest = manifests[-1]
    if as_json:
        contents = [one.content() for one in manifests]
        print_json(contents[0] if numbers is None and not subsets else contents)
        return
    if subsets:
        _shown.show_label_curves(manifests)
    elif len(manifests) > 1:
        for one in manifests if full else ():
            _shown.show(one, asked.results, full=True)
        _shown.show_seeds(manifests)
    else:
        _shown.show(manifest, asked.results, full=full)
    if manifest.track == "sample":
        print_line(
            f"sample track: simulated data, which says nothing about {manifest.data.dataset}; "
            "`bench data list` says how to get the real data"
        )
