"""Training: an entry and its recipe to an entry with weights, by Lightning's Trainer.

The weights depend on nothing but entry, task, data, seed, precision, packages and hardware, and a
training that was killed and started again ends with the same ones.
"""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import ValidationError

import bench
import bench.torch_setup
from bench import entry as entries
from bench import models, provenance
from bench.contract import Door
from bench.data import Dataset, ids_sha256, scored_ids
from bench.entry import Entry, Fit, Recipe, Trained
from bench.errors import BenchError, RequestError
from bench.files import sha256_json
from bench.kinds import Batch, Kind
from bench.predict import ahead, to_device
from bench.task import Task, in_one_line
from bench.train.folder import WEIGHTS, Workshop
from bench.train.loader import Read, Shuffled, reader
from bench.train.loop import Best, Keeper, Learner, Lesson, Progress

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def train(
    entry: Entry,
    task: Task,
    kind: Kind,
    dataset: Dataset,
    *,
    track: Literal["official", "sample"],
    seed: int,
    folder: Path,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    progress: Progress,
) -> Entry:
    """Follow the recipe of an entry and leave the best epoch as an entry with weights.

    Args:
        entry: what is trained, with a recipe for the track; it needs no folder.
        task: what it is trained for.
        kind: of the task.
        dataset: of the task.
        track: whose recipe is followed.
        seed: of initial weights, order, mirroring and dropout.
        folder: where the entry will lie. Until it is whole it is built in a folder beside it
            whose name ends with ``.partial``; the same call continues there.
        device: ``cpu``, ``cuda`` or ``cuda:INDEX``.
        devices: how many of each node; they share the batches of the recipe.
        nodes: how many machines; the command runs on each, as Lightning documents it.
        precision: ``32-true``, ``16-mixed`` or ``bf16-mixed``.
        progress: called after every step by the first process.

    Returns:
        The entry in ``folder``.

    Raises:
        RequestError: the devices or the precision aren't there, the recipe doesn't fit them, or
            ``folder`` exists.
        BenchError: samples are missing, or the loss became NaN.
    """
    recipe = entry.recipe[track]
    if isinstance(recipe, Recipe) and recipe.arguments:
        arguments = entry.model.arguments | recipe.arguments
        model = entry.model.model_copy(update={"arguments": arguments})
        entry = entry.model_copy(update={"model": model})
    training, validation = _samples(dataset, entry, task)
    trained = {
        "task": task.name,
        "track": track,
        "seed": seed,
        "recipe": recipe.model_dump(),
        "data": ids_sha256([*training, *validation]),
        "harness": f"rs-bench {bench.__version__}, torch {torch.__version__}, {precision}",
    }
    workshop = Workshop(folder, _digest(entry, task, dataset, trained))
    workshop.open()
    if workshop.is_finished():
        workshop.deliver()
        return entries.load(folder, task)
    door = Door(entry.input, task.bands)

    def read(samples: list[str]) -> Read:
        return reader(lambda chosen: kind.load(task, dataset, door, chosen), samples, kind.BATCH)

    if isinstance(recipe, Fit):
        if devices * nodes > 1:
            raise RequestError("a fit in closed form runs on one device", "leave out --devices")
        network = fit(entry, task, kind, read(training), len(training), seed, device, progress)
        # Nothing is chosen, so nothing is validated.
        best, steps, batch = Best(None, network.state_dict(), epochs=1), 1, len(training)
        whole = _trained(entry, folder, trained, best, steps, batch)
        workshop.export(whole, best.weights, card(whole, task))
        workshop.deliver()
        return whole
    _check_options(entry, kind, recipe)
    lesson = Lesson(
        task=task,
        kind=kind,
        recipe=recipe,
        seed=seed,
        precision=precision,
        training=len(training),
        validation=len(validation),
        read_validation=read(validation),
    )
    keeper = Keeper(workshop, progress)
    with _settings(recipe.matmul_precision):
        bench.torch_setup.deterministic(seed)
        trainer = _trainer(keeper, recipe, workshop, device, devices, nodes, precision)
        if min(recipe.batch, len(training)) % trainer.world_size:
            raise RequestError(
                f"{trainer.world_size} devices can't share batches of "
                f"{min(recipe.batch, len(training))} samples evenly",
                "choose a number of devices that divides the batch size",
            )
        batches = Shuffled(
            read(training),
            len(training),
            recipe.batch,
            seed,
            trainer.global_rank,
            trainer.world_size,
        )
        network = models.build(entry, kind.outputs(task))
        _fit(trainer, Learner(network, lesson), batches, workshop.latest())
    whole = _trained(entry, folder, trained, keeper.best, len(batches), batches.batch)
    if trainer.is_global_zero:
        workshop.export(whole, keeper.best.weights, card(whole, task))
        workshop.deliver()
    _leave(trainer)
    return whole


def fit(
    entry: Entry,
    task: Task,
    kind: Kind,
    read: Read,
    samples: int,
    seed: int,
    device: str,
    progress: Progress,
) -> torch.nn.Module:
    """The network of an entry, fitted in closed form by its own ``fit(batches)``.

    Raises:
        RequestError: its architecture has none.
    """
    bench.torch_setup.deterministic(seed)
    network = models.build(entry, kind.outputs(task)).to(torch.device(device))
    if not hasattr(network, "fit"):
        raise RequestError(
            f"entry {entry.name} is to be fitted, but its architecture only learns by steps",
            'give it a whole recipe instead of method = "fit"',
        )

    def batches() -> Iterator[Batch]:
        indices = [
            range(start, min(start + kind.BATCH, samples))
            for start in range(0, samples, kind.BATCH)
        ]
        for done, batch in enumerate(ahead(read, indices), 1):
            yield to_device(batch, torch.device(device))
            progress(done, len(indices), "fit")

    with torch.inference_mode():
        network.fit(batches())  # type: ignore[operator]
    return network


def _trained(
    entry: Entry, folder: Path, trained: dict[str, Any], best: Best, steps: int, batch: int
) -> Entry:
    """The entry with the weights of its best epoch."""
    done = {
        "epochs_run": best.epochs,
        "steps": best.epochs * steps,
        "samples_seen": best.epochs * steps * batch,
        "seconds": best.seconds,
        "validation": best.score,
    }
    model = entry.model.model_copy(update={"weights": WEIGHTS, "weights_prefix": ""})
    return entry.model_copy(
        update={
            "folder": folder,
            "model": model,
            "trained": Trained.model_validate(trained | done),
        }
    )


def _check_options(entry: Entry, kind: Kind, recipe: Recipe) -> None:
    try:
        kind.Options.model_validate(recipe.options)
    except ValidationError as error:
        raise RequestError(
            f"the recipe of entry {entry.name} has bad options: {in_one_line(error)}",
            f"known options: {', '.join(kind.Options.model_fields) or 'none'}",
        ) from error


def card(entry: Entry, task: Task) -> str:
    """A short README for a trained entry."""
    trained = entry.trained
    assert trained is not None
    recipe = ", ".join(f"{name} {value}" for name, value in trained.recipe.model_dump().items())
    rows = {
        "task": f"{task.name}, version {task.version}: {task.title}",
        "architecture": f"`{entry.model.architecture}`",
        "bands": " ".join(entry.input.bands),
        "size": f"{entry.input.size} px, {entry.input.resampling}",
        "track": trained.track,
        "seed": trained.seed,
        "recipe": recipe,
        "epochs run": trained.epochs_run,
        **_chosen(trained, task),
        "made with": trained.harness,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    head = f"# {entry.title or entry.name}\n\n{entry.note}".rstrip()
    return "\n".join([head, "", "| | |", "|---|---|", *lines, ""])


def _chosen(trained: Trained, task: Task) -> dict[str, str]:
    """What the kept epoch scored on the validation split, if epochs were chosen from."""
    if trained.validation is None or isinstance(trained.recipe, Fit):
        return {}
    name = task.primary if trained.recipe.select == "primary" else "loss"
    return {f"{name} on the validation split": f"{trained.validation:.4f}"}


def _samples(dataset: Dataset, entry: Entry, task: Task) -> tuple[list[str], list[str]]:
    present = set(dataset.present(entry.input.bands))
    splits = []
    for name in (task.training, task.validation):
        samples = scored_ids(dataset, task.dataset, name, entry.input.bands)
        missing = [sample for sample in samples if sample not in present]
        if missing or not samples:
            raise BenchError(
                f"the {name} split has {len(samples)} samples, of which {len(missing)} are not on "
                f"disk{', first ' + missing[0] if missing else ''}",
                "training needs the whole split: complete the dataset",
            )
        splits.append(samples)
    return splits[0], splits[1]


def _digest(entry: Entry, task: Task, dataset: Dataset, trained: dict[str, Any]) -> str:
    return sha256_json(
        {
            "model": entry.model.model_dump(mode="json"),
            "input": entry.input.model_dump(mode="json"),
            "task": task.digest,
            "dataset": dataset.fingerprint(),
            "trained": trained,
            "packages": provenance.packages(),
        }
    )


@contextlib.contextmanager
def _settings(matmul_precision: str) -> Iterator[None]:
    """The recipe's arithmetic, and Lightning without its hints, tips and warnings."""
    before = torch.get_float32_matmul_precision()
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        torch.set_float32_matmul_precision(matmul_precision)
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _trainer(
    keeper: Keeper,
    recipe: Recipe,
    workshop: Workshop,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
) -> "Trainer":
    from lightning.pytorch import Trainer

    accelerator, _, index = device.partition(":")
    if index and devices != 1:
        raise RequestError(
            f"{device} is one device, not {devices}", f"write --device {accelerator}"
        )
    try:
        return Trainer(
            accelerator=accelerator,
            devices=[int(index)] if index else devices,
            num_nodes=nodes,
            strategy="ddp" if devices * nodes > 1 else "auto",
            precision=precision,  # type: ignore[arg-type]
            max_epochs=recipe.epochs,
            gradient_clip_val=recipe.clip_norm,
            callbacks=[keeper],
            default_root_dir=workshop.folder,
            use_distributed_sampler=False,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise RequestError(
            f"training can't run on {nodes} x {devices} x {device} with {precision}: "
            f"{str(error).splitlines()[0]}",
            "`bench doctor` shows the devices of this machine",
        ) from error


def _fit(trainer: "Trainer", learner: Learner, batches: Shuffled, checkpoint: Path | None) -> None:
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    try:
        trainer.fit(learner, batches, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException as error:
        raise BenchError(
            "training was told to stop (SIGTERM)", "repeat the command: it continues"
        ) from error
    except SystemExit as error:
        # Lightning turns Ctrl-C into an exit.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def _leave(trainer: "Trainer") -> None:
    """Wait for the other processes of a training; those that it started itself end here."""
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment

    if trainer.world_size == 1:
        return
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    environment = trainer.strategy.cluster_environment  # type: ignore[attr-defined]
    if isinstance(environment, LightningEnvironment):
        if not trainer.is_global_zero:
            raise SystemExit(0)
        # Else whatever starts processes next takes this one for one of them.
        os.environ.pop("LOCAL_RANK", None)
