"""The training loop: what Lightning's Trainer is told to do at each step and after each epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import ahead, answering, arithmetic, observe, to_device
from bench.metrics.scales import direction
from bench.models.running import laid_out
from bench.results import training_log
from bench.results.training_log import LogRow
from bench.spec.recipe import Recipe
from bench.spec.task import Task
from bench.train import log
from bench.train.folder import WorkFolder
from bench.train.loader import AUGMENT, MODEL, VALIDATION, Read, generator
from bench.train.schedule import factor, last_step

T = TypeVar("T")

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps of all epochs, and news in a few words."""

_LOSSES_PER_CHECK = 32
"""Losses are looked at together, as each look waits for the device."""


@dataclass(frozen=True)
class TrainingSetup:
    """What is learnt: a recipe on two splits of a task.

    Attributes:
        task, kind, recipe, seed, precision: as for `bench.train.train`.
        training: number of training samples.
        validation: number of validation samples.
        read_validation: access to them.
    """

    task: Task
    kind: Kind[Any, Any]
    recipe: Recipe
    seed: int
    precision: str
    training: int
    validation: int
    read_validation: Read

    @property
    def selected_by(self) -> str:
        """What the best epoch is chosen by, in words."""
        return self.task.primary if self.recipe.select == "primary" else "the loss"

    def better(self, one: float, other: float) -> bool:
        """Whether the first of two validation scores is the better one."""
        lower = self.recipe.select == "loss" or direction(self.task.primary) < 0
        return one < other if lower else one > other


class TrainingModule(LightningModule):
    """A network that follows a recipe. Every step draws from its own seed."""

    def __init__(self, network: torch.nn.Module, setup: TrainingSetup) -> None:
        super().__init__()
        self.network = laid_out(network)
        self.training_setup = setup
        self._losses: list[torch.Tensor] = []
        self._total, self._count = 0.0, 0

    def transfer_batch_to_device(
        self,
        batch: Batch,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002
    ) -> Batch:
        """A batch on the device."""
        return to_device(batch, device)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of a batch, changed at random."""
        setup, place = self.training_setup, (self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(generator(MODEL, setup.seed, *place).initial_seed())
        draw = generator(AUGMENT, setup.seed, *place)
        batch = setup.kind.augment(setup.recipe, batch, draw)
        with answering(batch):
            loss = setup.kind.loss(self.network, batch)
        self._losses.append(loss.detach())
        steps = int(self.trainer.num_training_batches)
        if len(self._losses) == _LOSSES_PER_CHECK or batch_idx + 1 == steps:
            self._check_losses(batch_idx, steps)
        return loss

    def _check_losses(self, batch_idx: int, steps: int) -> None:
        losses = torch.stack(self._losses).double()
        finite = torch.isfinite(losses).tolist()
        step = batch_idx + 1 - len(finite)
        self._losses.clear()
        if not all(finite):
            raise BenchError(
                f"the loss became NaN or infinite in epoch {self.current_epoch + 1}, "
                f"step {step + finite.index(False) + 1} of {steps}",
                "lower the learning rate or lengthen the warm-up; with 16-mixed try 32-true",
            )
        self._total, self._count = self._total + float(losses.sum()), self._count + len(finite)

    def mean_loss(self) -> float:
        """The mean loss of the steps since the last call, those of this process."""
        mean = self._total / self._count
        self._total, self._count = 0.0, 0
        return mean

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser, with its schedule at every step."""
        recipe = self.training_setup.recipe
        kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
            "adamw": torch.optim.AdamW,
            "adam": torch.optim.Adam,
            "sgd": partial(torch.optim.SGD, momentum=0.9),
        }
        optimizer = kinds[recipe.optimizer](
            [p for p in self.network.parameters() if p.requires_grad],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        last = last_step(recipe, self.training_setup.training)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: factor(step, recipe, last)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def validate(self) -> float:
        """What the recipe selects by, on the validation split; the same on every process.

        Raises:
            BenchError: it is undefined there.
        """
        setup = self.training_setup
        if self.trainer.world_size > 1:
            # Running statistics differ by process; those of the first are the ones that are kept.
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)
        self.network.eval()
        with torch.inference_mode(), arithmetic(self.device, setup.precision):
            loss = setup.recipe.select == "loss"
            value = self._mean_loss() if loss else self._primary()
        self.network.train()
        if math.isfinite(value):
            return value
        raise BenchError(
            f"{setup.selected_by} is undefined on the {setup.validation} validation samples",
            "the best epoch can't be chosen by it: does the split hold any positive sample?",
        )

    def _primary(self) -> float:
        task, kind = self.training_setup.task, self.training_setup.kind
        observed = observe(kind, self.network, self._validation(), self.device, kind.schema())
        table = pa.concat_tables(self._gathered(observed))
        kind.check_scale(table)
        return float(kind.measure(table)[task.primary])

    def _mean_loss(self) -> float:
        kind = self.training_setup.kind
        total = 0.0
        for number, batch in enumerate(self._validation()):
            # Seen as the training split is, and in every epoch the same way.
            draw = generator(
                AUGMENT, self.training_setup.seed, VALIDATION, number, self.global_rank
            )
            seen = kind.augment(self.training_setup.recipe, to_device(batch, self.device), draw)
            found = kind.loss(self.network, seen)
            total += float(found) * len(batch.samples)
        return math.fsum(self._gathered(total)) / self.training_setup.validation

    def _validation(self) -> Iterator[Batch]:
        """The batches of the validation split that belong to this process."""
        setup, size = self.training_setup, self.training_setup.kind.batch_size
        batches = [
            range(start, min(start + size, setup.validation))
            for start in range(0, setup.validation, size)
        ]
        mine = batches[self.global_rank :: self.trainer.world_size]
        return ahead(setup.read_validation, mine)

    def _gathered(self, own: T) -> list[T]:
        """That of every process."""
        world = self.trainer.world_size
        found = [own] * world
        if world > 1:
            torch.distributed.all_gather_object(found, own)
        return found


@dataclass
class Best:
    """The best epoch so far, and what else must survive a killed process.

    Attributes:
        score: what the recipe selects by, on the validation split; None before the first epoch.
        weights: its parameters and buffers.
        waited: epochs since.
        epochs: epochs done.
        seconds: time they took.
        history: a row for each epoch, with the columns of `bench.results.training_log`.
    """

    score: float | None = None
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    waited: int = 0
    epochs: int = 0
    seconds: float = 0.0
    history: list[LogRow] = field(default_factory=list)


class BestCheckpoint(Checkpoint):
    """Validates when the recipe says, keeps the best epoch, stops in time, leaves checkpoints."""

    def __init__(self, work_folder: WorkFolder, progress: Progress) -> None:
        self.best = Best()
        self._work_folder, self._progress = work_folder, progress
        self._since = 0.0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return vars(self.best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best = Best(**state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once if the checkpoint is of the last epoch."""
        assert isinstance(pl_module, TrainingModule)
        trainer.should_stop = self.best.waited >= pl_module.training_setup.recipe.patience
        self._since = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Report progress."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.is_global_zero:
            recipe = pl_module.training_setup.recipe
            text = f"epoch {self.best.epochs + 1} of {recipe.epochs}"
            if self.best.score is not None:
                text += f", best {pl_module.training_setup.selected_by} {self.best.score:.4g}"
            steps = recipe.epochs * int(trainer.num_training_batches)
            self._progress(trainer.global_step, steps, text)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate, compare, decide, save."""
        assert isinstance(pl_module, TrainingModule)
        recipe, best = pl_module.training_setup.recipe, self.best
        best.epochs += 1
        row = log.row(best.epochs, trainer, pl_module.mean_loss())
        since = best.epochs % recipe.validate_every or recipe.validate_every
        if since < recipe.validate_every and best.epochs < recipe.epochs:
            self._log(trainer, pl_module, row)
            return
        score = pl_module.validate()
        self._log(trainer, pl_module, row | {"validation": score})
        if best.score is None or pl_module.training_setup.better(score, best.score):
            best.score, best.waited = score, 0
            state = pl_module.network.state_dict()
            best.weights = {name: tensor.cpu().clone() for name, tensor in state.items()}
        else:
            best.waited += since
        trainer.should_stop = best.waited >= recipe.patience
        now = time.perf_counter()
        best.seconds, self._since = best.seconds + now - self._since, now
        self._work_folder.checkpoint(trainer, best.epochs)

    def _log(self, trainer: Trainer, module: TrainingModule, row: LogRow) -> None:
        """Add an epoch to the log of the entry, and to what the caller logs to besides."""
        self.best.history.append(row)
        if trainer.is_global_zero:
            training_log.write(self._work_folder.folder, self.best.history)
        setup = module.training_setup
        log.send(trainer, row, "loss" if setup.recipe.select == "loss" else setup.task.primary)
