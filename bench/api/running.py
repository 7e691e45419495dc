"""Run, train and score: what makes results."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from bench.api.asked import Progress, name_of_run, name_of_task, text
from bench.api.requests import allow, named, report, request
from bench.api.result import Run
from bench.base import process_state
from bench.base.errors import RequestError
from bench.base.paths import results_root

if TYPE_CHECKING:
    import torch

    from bench.spec.contract import InputContract
    from bench.spec.entry import Entry
    from bench.spec.task import Task


@process_state.restored()
def run(
    task: "str | os.PathLike[str] | Task",
    model: "str | os.PathLike[str] | Entry | torch.nn.Module",
    *,
    contract: "str | InputContract | None" = None,
    name: str | None = None,
    training_data: Sequence[str] = (),
    method: str = "",
    given: str | None = None,
    normalisation: Literal["checkpoint", "task"] = "checkpoint",
    labels: str | None = None,
    track: Literal["official", "sample"] | None = None,
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true",
    seed: int = 0,
    limit: int | None = None,
    ids: Sequence[str] | None = None,
    allow_python: bool = False,
    force: bool = False,
    results: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Evaluate a model on a task and record the result; train it first if it has no weights.

    Interrupted at any moment, the same call continues. A run that is recorded already is found
    again; ``force`` repeats it.

    A module is evaluated as it is: it gets float32 images [N, C, H, W] in the bands, unit, size and
    normalisation of its contract (other kinds: ``bench info TASK``), in evaluation mode, and
    returns what the kind of the task asks for. A copy of it is evaluated in this process, and the
    module itself isn't changed. Its result is in the open division, and the manifest says that
    nobody else can repeat it.

    Args:
        task: name of a task, path of its TOML file, or the task.
        model: as ``--model`` takes it (``resnet50``, ``timm:NAME``, ``hf:OWNER/NAME``,
            ``predictions:FILE``, the folder of an entry), an entry, or a module.
        contract: of a module: what it is fed, as the name of an input of the task such as ``s2``,
            or whole; by default the task's first input.
        name: of a module: what the result is called; by default the name of its class.
        training_data: of a module: what it learnt from, in words or as ``DATASET/SPLIT``.
        method: how ``model``, the name of an encoder, becomes an entry: ``ridge``, ...
        given: the input of the task that an encoder is fed; by default the first it can take.
        normalisation: whose statistics an encoder's images are normalised by.
        labels: how many of the training samples are learnt from: ``10%``, ``5-shot``, and which
            draw, ``10%-draw2``; by default all.
        track: which data; by default the official track where its data is, else the sample track.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        devices: how many devices share the work; one for a module.
        nodes: how many machines train together; one for a module.
        precision: the arithmetic of the model, as Lightning names it.
        seed: of training, 0 to 2**32 - 1.
        limit: only the first so many samples; such a run is never ranked.
        ids: only these samples, of any split; never ranked either.
        allow_python: run the code that ``model="python:MODULE:FACTORY"`` names.
        force: repeat what is recorded already.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.
        progress: called with a stage, how much of it is done, and how much there is; by default a
            notebook shows bars.

    Returns:
        The run, recorded in the results folder.

    Raises:
        RequestError: a name is unknown, an option has a value that it can't have, or the model
            can't run on the task.
        BenchError: the run failed; what was finished is kept.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> run.entry, run.samples, run.primary.name
    ('means', 8, 'ap_macro')
    """
    from bench.evaluate import stages

    folder = results_root(text(results))
    given_model = (task, model, contract, name, training_data, folder)
    with named(*given_model, training=False, method=method) as found:
        asked = request(
            *found,
            track=track,
            device=device,
            devices=devices,
            nodes=nodes,
            precision=precision,
            seed=seed,
            results=folder,
            limit=limit,
            ids=ids,
            force=force,
            method="" if found[2] else method,
            given=given,
            normalisation=normalisation,
            labels=labels,
        )
        allow(asked, allow_python=allow_python)
        manifest = stages.run(asked, report(progress))
    return Run(folder / "runs" / manifest.run)


@process_state.restored()
def train(
    task: "str | os.PathLike[str] | Task",
    model: "str | os.PathLike[str] | Entry | torch.nn.Module",
    *,
    contract: "str | InputContract | None" = None,
    name: str | None = None,
    training_data: Sequence[str] = (),
    method: str = "",
    given: str | None = None,
    normalisation: Literal["checkpoint", "task"] = "checkpoint",
    labels: str | None = None,
    track: Literal["official", "sample"] | None = None,
    device: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true",
    seed: int = 0,
    allow_python: bool = False,
    force: bool = False,
    log: str | Sequence[str] = (),
    results: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> "Entry":
    """Train a model by its recipe, or by the task's recipe where it has none.

    A copy of a module is trained, from the weights that the module has; parameters that require no
    gradient stay as they are. The result is an entry for modules as well: `run` evaluates it in
    the same process, `build` gives the trained module, and its file of weights has the names of
    the module's own ``state_dict()``. Until the process ends the module is kept for that.

    Args:
        task: as for `run`, as is all that isn't explained here.
        model: a name, a path, an entry without weights, or a module.
        contract: of a module: what it is fed.
        name: of a module: what its entry is called.
        training_data: of a module: what it learnt from before.
        method: how the name of an encoder becomes an entry.
        given: the input of the task that an encoder is fed.
        normalisation: whose statistics an encoder's images are normalised by.
        labels: how many of the training samples are learnt from.
        track: whose recipe is followed, and whose data.
        device: where it is trained.
        devices: how many of each node share the batches.
        nodes: how many machines train together; the call is made on each.
        precision: the arithmetic of training.
        seed: of initial weights, order and augmentation, 0 to 2**32 - 1.
        allow_python: run the code that ``model="python:MODULE:FACTORY"`` names.
        force: repeat a training that is there already.
        log: what to log to beside ``log.csv`` in the entry's folder: ``tensorboard:FOLDER``,
            ``mlflow:FOLDER`` or ``wandb:FOLDER``, or several.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.
        progress: called with a stage, how much of it is done, and how much there is; by default a
            notebook shows bars.

    Returns:
        The entry with its weights, in ``results/entries/<task>``.

    Raises:
        RequestError: as for `run`, or the model has its weights already.
        BenchError: the training failed; the same call continues from its last epoch.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> entry = bench.train("reben-mlc", network, contract="s1", name="means", track="sample")
    >>> entry.trained.recipe.epochs, entry.trained.epochs_run <= 10
    (10, True)
    >>> bench.run("reben-mlc", entry, track="sample", limit=8).entry
    'means'
    >>> bench.build(entry, "reben-mlc")[2].out_features
    19
    """
    from bench.evaluate import stages

    folder = results_root(text(results))
    given_model = (task, model, contract, name, training_data, folder)
    with named(*given_model, training=True, method=method) as found:
        asked = request(
            *found,
            track=track,
            device=device,
            devices=devices,
            nodes=nodes,
            precision=precision,
            seed=seed,
            results=folder,
            limit=None,
            ids=None,
            force=force,
            method="" if found[2] else method,
            given=given,
            normalisation=normalisation,
            labels=labels,
            log=log,
        )
        allow(asked, allow_python=allow_python)
        return stages.train(asked, report(progress))


@process_state.restored(computes=False)
def score(
    run: str | os.PathLike[str] | Run, *, results: str | os.PathLike[str] | None = None
) -> Run:
    """Score the stored observations of a run again: no model, no GPU, no dataset.

    Args:
        run: id of a run, the beginning of one, a run's folder, or the run.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Returns:
        The run with its new scores. It is recorded again where it lies in the results folder.

    Raises:
        RequestError: there is no such run, or several.
        BenchError: it isn't complete, was altered, or its task has another meaning by now.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> bench.score(run).primary == run.primary
    True
    """
    from bench.evaluate import stages
    from bench.results import runs

    folder = results_root(text(results))
    found = runs.find(folder, name_of_run(run))
    inside = found.folder.resolve().parent == (folder / "runs").resolve()
    stages.score(found, folder if inside else None)
    return Run(found.folder)


@process_state.restored(computes=False)
def load_run(run: str | os.PathLike[str], *, results: str | os.PathLike[str] | None = None) -> Run:
    """Find a complete run.

    Args:
        run: its id, the beginning of it, or its folder.
        results: the results folder; by default ``$BENCH_RESULTS``, else ``results`` here.

    Raises:
        RequestError: there is no such run, several begin like this, or it isn't complete.
        BenchError: its manifest is damaged.

    >>> import bench, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 19)
    ... )
    >>> run = bench.run("reben-mlc", network, contract="s1", name="means", track="sample", limit=8)
    >>> bench.load_run(run.name) == run
    True
    """
    from bench.results import runs

    found = runs.find(results_root(text(results)), name_of_run(run))
    if not found.complete():
        raise RequestError(
            f"run {found.name} is not complete", "repeat its bench.run: it continues"
        )
    return Run(found.folder)


@process_state.restored()
def build(
    model: "str | os.PathLike[str] | Entry", task: "str | os.PathLike[str] | Task"
) -> "torch.nn.Module":
    """Build the network of a model for a task, with its weights, or random ones where it has none.

    What is trained and saved from it fits the entry: ``safetensors.torch.save_file`` of its
    ``state_dict()`` is the file that ``entry.toml`` names.

    Args:
        model: as ``--model`` takes it, such as ``timm:resnet18/s2`` or the folder of an entry; or
            an entry.
        task: name, path, or the task.

    Returns:
        The network on the CPU, in evaluation mode where it has weights.

    Raises:
        RequestError: there is no such model or task, or it holds predictions.
        BenchError: its weights don't fit.

    >>> import bench
    >>> bench.build("timm:test_resnet/s1", "reben-mlc").get_classifier().out_features
    19
    """
    import torch

    from bench import kinds, models
    from bench.models import entries, running
    from bench.spec import entry
    from bench.spec import task as tasks

    asked = tasks.load(name_of_task(task))
    name = text(model) if isinstance(model, str | os.PathLike) else model
    found = models.find(name, asked) if isinstance(name, str) else name
    if not isinstance(found, entry.Entry):
        raise RequestError(f"{name} holds no model", "name a model")
    found = entries.for_task(found, asked)
    outputs = kinds.of(asked).outputs()
    if found.weights is None:
        return models.build(found, outputs)
    return running.load_model(found, outputs, torch.device("cpu"))
