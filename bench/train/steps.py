"""Training by steps of gradient descent, with Lightning's Trainer."""

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

import bench.base.torch_setup
from bench.base.errors import BenchError, RequestError, in_words
from bench.kinds.common.batch import Batch
from bench.kinds.common.protocol import Prepares, Studio
from bench.models.running import load_model, place
from bench.spec.entry import Entry
from bench.spec.recipe import Recipe
from bench.train import blend
from bench.train.course import Course, settings
from bench.train.loader import Shuffled, reader
from bench.train.loop import Keeper, Learner, Lesson

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def by_steps(course: Course, recipe: Recipe) -> Entry:
    """Follow a recipe, and keep the best epoch or what the recipe blends it to.

    Raises:
        RequestError: the devices or the precision aren't there, or the recipe doesn't fit them.
        BenchError: the loss became NaN.
    """
    kind, entry, samples = course.kind, course.entry, len(course.training)
    track = course.trained["track"]
    control = blend.control(recipe.blend.control, entry.input, track) if recipe.blend else None
    lesson = Lesson(
        task=course.task,
        kind=kind,
        recipe=recipe,
        seed=course.seed,
        precision=course.precision,
        training=samples,
        validation=len(course.validation),
        read_validation=course.read(course.validation),
    )
    keeper = Keeper(course.workshop, course.progress)
    with settings(recipe.matmul_precision):
        load, facts = _prepared(course, recipe)
        bench.base.torch_setup.deterministic(course.seed)
        trainer = _trainer(course, recipe, keeper)
        if min(recipe.batch, samples) % trainer.world_size:
            raise RequestError(
                f"{trainer.world_size} devices can't share batches of "
                f"{min(recipe.batch, samples)} samples evenly",
                "choose a number of devices that divides the batch size",
            )
        batches = Shuffled(
            reader(load, course.training, kind.BATCH),
            samples,
            recipe.batch,
            course.seed,
            trainer.global_rank,
            trainer.world_size,
        )
        network = course.network()
        begun = deepcopy(network.state_dict()) if control else {}
        _fit(trainer, Learner(network, lesson), batches, course.workshop.latest())
    whole = course.finished(keeper.best, len(batches), batches.batch, facts=facts)
    if trainer.is_global_zero:
        final: Mapping[str, torch.Tensor] = keeper.best.weights
        if recipe.blend and control:
            exams = blend.Exam(course.task, lesson.read_validation, lesson.validation), control
            ends, on = (begun, final), (course.device, course.precision)
            whole, final = blend.blended(whole, network, ends, recipe.blend, exams, on)
        course.deliver(whole, final)
    _leave(trainer)
    return whole


def _prepared(
    course: Course, recipe: Recipe
) -> tuple[Callable[[Sequence[str]], Batch], Mapping[str, float | str]]:
    """How the training split is read, and what there is to say of it."""
    task, dataset, door, teacher = course.task, course.dataset, course.door, course.teacher
    asked = cast(object, course.kind)
    if not isinstance(asked, Prepares):
        return lambda chosen: course.kind.load(task, dataset, door, chosen), {}
    if teacher is not None and teacher.input != course.entry.input:
        raise RequestError(
            f"classifier {teacher.name} sees {' '.join(teacher.input.bands)}, entry "
            f"{course.entry.name} {' '.join(course.entry.input.bands)}",
            "name one with the same input",
        )
    bench.base.torch_setup.deterministic(course.seed)
    outputs = course.kind.outputs(task)
    studio = Studio(
        course.workshop.folder,
        course.device,
        course.seed,
        partial(load_model, teacher, outputs, place(course.device, 0)) if teacher else None,
        teacher.weights_sha256() if teacher else "",
    )
    prepared = asked.prepare(task, recipe, dataset, door, course.training, studio)
    return prepared.load, prepared.facts


def _trainer(course: Course, recipe: Recipe, keeper: Keeper) -> "Trainer":
    from lightning.pytorch import Trainer

    device, devices, nodes, precision = (
        course.device,
        course.devices,
        course.nodes,
        course.precision,
    )

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
            default_root_dir=course.workshop.folder,
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
    except torch.OutOfMemoryError as error:
        raise BenchError(
            f"there is too little memory for a training step: {in_words(error)}",
            "choose another --device, --precision 16-mixed, or a smaller batch in the recipe",
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
