"""Weights between the two ends of a training, and which of them to keep.

Fine-tuning on one task costs a pre-trained model what it knew of others; the way between its old
weights and the new ones is better at both than either end (PAINT: G. Ilharco et al., Patching
open-vocabulary models by interpolating weights, NeurIPS 2022, arXiv:2208.05592).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from bench import data, kinds
from bench.base.errors import BenchError, RequestError
from bench.data import scored_ids
from bench.kinds.common.observing import ahead, observe
from bench.kinds.common.observing import arithmetic as computing
from bench.spec import task as tasks
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.entry import Entry, Tried
from bench.spec.recipe import Blend
from bench.spec.task import Task
from bench.train.loader import Read, reader

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Validation:
    """What a network is scored on: some samples of a task.

    Attributes:
        task: whose primary metric counts.
        read: access to the samples.
        samples: how many there are.
    """

    task: Task
    read: Read
    samples: int

    def score(self, network: torch.nn.Module, device: torch.device, precision: str) -> float:
        """The primary metric of a network.

        Raises:
            BenchError: it is undefined.
        """
        kind = kinds.of(self.task)
        chunks = [
            range(start, min(start + kind.batch_size, self.samples))
            for start in range(0, self.samples, kind.batch_size)
        ]
        network.to(device).eval()
        with torch.inference_mode(), computing(device, precision):
            batches = ahead(self.read, chunks)
            table = observe(kind, network, batches, device, kind.schema())
        found = float(kind.measure(table)[self.task.primary])
        if not math.isfinite(found):
            raise BenchError(
                f"{self.task.primary} is undefined on the {self.samples} validation samples of "
                f"{self.task.name}",
                "no blend can be chosen by it: does the split hold any positive sample?",
            )
        return found


def control(name: str, contract: InputContract, track: Literal["official", "sample"]) -> Validation:
    """The validation split of a control task, seen through the contract of what is trained.

    Raises:
        RequestError: there is no such task, its data isn't there, or it lacks a band.
        BenchError: its split isn't whole.
    """
    task = tasks.load(name)
    if track == "sample":
        root = data.ensure_sample(task.dataset, lambda text: None)
    else:
        root = data.official_root(task.dataset)
        data.require(root, task.dataset)
    pipeline = InputPipeline(contract, task.bands)
    dataset = data.reader(task.dataset).open_dataset(root)
    samples = scored_ids(dataset, task.dataset, task.validation, contract.bands)
    missing = sorted(set(samples) - set(dataset.present(contract.bands)))
    if missing or not samples:
        raise BenchError(
            f"the control task {name} has {len(samples)} samples, of which {len(missing)} are not "
            f"at {root}",
            f"complete it: `bench data verify {task.dataset}`",
        )
    kind = kinds.of(task)
    read = reader(lambda chosen: kind.load(dataset, pipeline, chosen), samples, kind.batch_size)
    return Validation(task, read, len(samples))


def interpolated(start: Tensors, end: Tensors, alpha: float) -> dict[str, torch.Tensor]:
    """(1 - alpha) x start + alpha x end of every tensor of floats; others are the end's.

    The ends are exact, and so is what is the same in both.

    Raises:
        RequestError: alpha isn't in [0, 1].
        BenchError: the tensors differ in names or shapes.
    """
    if not 0 <= alpha <= 1:
        raise RequestError(f"expected an alpha in [0, 1], found {alpha}")
    if set(start) != set(end):
        first = min(set(start) ^ set(end))
        raise BenchError(
            f"weights of two architectures can't be blended: {first:.100} is in one of them only"
        )
    blended = {}
    for name, old in start.items():
        new = end[name]
        if old.shape != new.shape:
            raise BenchError(
                f"weights of two shapes can't be blended: {name:.100} is {list(old.shape)} and "
                f"{list(new.shape)}"
            )
        blended[name] = torch.lerp(old, new, alpha) if new.is_floating_point() else new.clone()
    return blended


def chosen(
    start: Tensors,
    end: Tensors,
    blend: Blend,
    scores: Callable[[Tensors], tuple[float, float]],
) -> tuple[float, list[Tried]]:
    """The alpha that is kept, and all that was tried.

    Where the recipe names none it is the one with the best mean of target and control, as PAINT
    chooses; the smaller of two equally good ones, which changes less.

    Args:
        start: weights before training.
        end: those after it.
        blend: which alphas to try.
        scores: of target and control for some weights.
    """
    tried = []
    for alpha in sorted(set(blend.alphas)):
        target, kept = scores(interpolated(start, end, alpha))
        tried.append(Tried(alpha=alpha, target=target, control=kept))
    best = max(tried, key=lambda one: one.target + one.control).alpha
    return best if blend.keep is None else blend.keep, tried


def blended(
    entry: Entry,
    network: torch.nn.Module,
    ends: tuple[Tensors, Tensors],
    blend: Blend,
    validations: tuple[Validation, Validation],
    arithmetic: tuple[str, str],
) -> tuple[Entry, Tensors]:
    """A trained entry with the alpha that was chosen and all that were tried, and its weights.

    Args:
        entry: as it was trained.
        network: its own, whose weights are overwritten.
        ends: weights before and after training.
        blend: which alphas to try.
        validations: target and control.
        arithmetic: device and precision.
    """
    on, precision = torch.device(arithmetic[0]), arithmetic[1]

    def scores(tensors: Tensors) -> tuple[float, float]:
        network.load_state_dict(tensors)
        return validations[0].score(network, on, precision), validations[1].score(
            network, on, precision
        )

    alpha, tried = chosen(*ends, blend, scores)
    target = next(one.target for one in tried if one.alpha == alpha)
    assert entry.trained is not None
    found = {"alpha": alpha, "tried": tried, "validation": target}
    trained = entry.trained.model_copy(update=found)
    return entry.model_copy(update={"trained": trained}), interpolated(*ends, alpha)
