"""Training by steps of gradient descent, with Lightning's Trainer."""

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import bench.base.torch_setup
from bench.base.errors import BenchError, RequestError, in_words
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import PreparationContext
from bench.models.running import load_model, place
from bench.spec.entry import Entry
from bench.spec.recipe import Recipe
from bench.train import blend, log
from bench.train.context import TrainingContext, settings
from bench.train.loader import Shuffled, reader
from bench.train.loop import BestCheckpoint, TrainingModule, TrainingSetup

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def by_steps(context: TrainingContext, recipe: Recipe) -> Entry:
    """Follow a recipe, and keep the best epoch or what the recipe blends it to.

    Raises:
        RequestError: the devices or the precision aren't there, or the recipe doesn't fit them.
        BenchError: the loss became NaN.
    """
    kind, entry, samples = context.kind, context.entry, len(context.training)
    track = context.trained["track"]
    control = blend.control(recipe.blend.control, entry.input, track) if recipe.blend else None
    setup = TrainingSetup(
        task=context.task,
        kind=kind,
        recipe=recipe,
        seed=context.seed,
        precision=context.precision,
        training=samples,
        validation=len(context.validation),
        read_validation=context.read(context.validation),
    )
    checkpoint = BestCheckpoint(context.work_folder, context.progress)
    with settings(recipe.matmul_precision):
        load, facts = _prepared(context, recipe)
        bench.base.torch_setup.deterministic(context.seed)
        trainer = _trainer(context, recipe, checkpoint)
        if min(recipe.batch, samples) % trainer.world_size:
            raise RequestError(
                f"{trainer.world_size} devices can't share batches of "
                f"{min(recipe.batch, samples)} samples evenly",
                "choose a number of devices that divides the batch size",
            )
        batches = Shuffled(
            reader(load, context.training, kind.batch_size),
            samples,
            recipe.batch,
            context.seed,
            trainer.global_rank,
            trainer.world_size,
        )
        network = context.network()
        begun = deepcopy(network.state_dict()) if control else {}
        _fit(trainer, TrainingModule(network, setup), batches, context.work_folder.latest())
    whole = context.finished(checkpoint.best, len(batches), batches.batch, facts=facts)
    if trainer.is_global_zero:
        final: Mapping[str, torch.Tensor] = checkpoint.best.weights
        if recipe.blend and control:
            validations = (
                blend.Validation(context.task, setup.read_validation, setup.validation),
                control,
            )
            ends, on = (begun, final), (context.device, context.precision)
            whole, final = blend.blended(whole, network, ends, recipe.blend, validations, on)
        context.deliver(whole, final)
    _leave(trainer)
    return whole


def _prepared(
    context: TrainingContext, recipe: Recipe
) -> tuple[Callable[[Sequence[str]], Batch], Mapping[str, float | str]]:
    """How the training split is read, and what there is to say of it."""
    dataset, pipeline, teacher = context.dataset, context.pipeline, context.teacher
    if teacher is not None and teacher.input != context.entry.input:
        raise RequestError(
            f"classifier {teacher.name} sees {' '.join(teacher.input.bands)}, entry "
            f"{context.entry.name} {' '.join(context.entry.input.bands)}",
            "name one with the same input",
        )
    bench.base.torch_setup.deterministic(context.seed)
    outputs = context.kind.outputs()
    preparation = PreparationContext(
        context.work_folder.folder,
        context.device,
        context.seed,
        partial(load_model, teacher, outputs, place(context.device, 0)) if teacher else None,
        teacher.weights_sha256() if teacher else "",
    )
    prepared = context.kind.prepare(recipe, dataset, pipeline, context.training, preparation)
    return prepared.load, prepared.facts


def _trainer(context: TrainingContext, recipe: Recipe, checkpoint: BestCheckpoint) -> "Trainer":
    from lightning.pytorch import Trainer

    device, devices, nodes, precision = (
        context.device,
        context.devices,
        context.nodes,
        context.precision,
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
            callbacks=[checkpoint],
            default_root_dir=context.work_folder.folder,
            use_distributed_sampler=False,
            logger=log.loggers(context.log, context.work_folder.target.name) or False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        raise RequestError(
            f"training can't run on {nodes} x {devices} x {device} with {precision}: "
            f"{str(error).splitlines()[0]}",
            "`bench doctor` shows the devices of this machine",
        ) from error


def _fit(
    trainer: "Trainer", module: TrainingModule, batches: Shuffled, checkpoint: Path | None
) -> None:
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    try:
        trainer.fit(module, batches, ckpt_path=checkpoint, weights_only=True)
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
    finally:
        log.close(trainer)


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
