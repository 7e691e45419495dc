"""A small task, model and batch of every kind, for tests that ask the same of all of them."""

from dataclasses import dataclass

import torch
from torch import nn

from bench import kinds
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.kinds.federated.rounds import Rounds
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.task import Task
from tests.kinds import test_composites, test_compression, test_consistency, test_federated
from tests.kinds.test_predicted import CASES, NAMES, SIDE, SMALL, Places, model_of


@dataclass(frozen=True)
class Case:
    """What a model of one kind is asked.

    Attributes:
        task, model, batch: small ones.
        abilities: the methods whose results are observed.
    """

    task: Task
    model: nn.Module
    batch: Batch
    abilities: tuple[str, ...] = ("forward",)

    def observe(self):
        """What is observed of the batch, as in a run."""
        kind = kinds.of(self.task)
        with torch.inference_mode():
            return observe(
                kind,
                self.model.eval(),
                [self.batch],
                torch.device("cpu"),
                kind.schema(),
            )


class Same(nn.Module):
    """An augmentation that changes nothing."""

    points = ("0", "1")

    def forward(self, images, point, generator):
        return images


ABILITIES = {
    "zeroshot": ("encode_image", "encode_text"),
    "several classes": ("encode_image", "encode_text"),
    "retrieval": ("encode_image", "encode_text"),
    "changes": ("encode_image", "encode_text"),
    "captioning": ("caption",),
    "compression": ("encode", "decode"),
}


def _listed(name):
    task = tasks.load(CASES[name])
    task = task.model_copy(update={"settings": task.settings | SMALL.get(task.kind, {})})
    dataset = Places(len(task.classes) or 1, 6 if task.kind == "crops" else SIDE)
    contract = task.input("s1s2" if task.kind == "crops" else task.inputs[0])
    if contract.size is not None:
        contract = contract.model_copy(update={"size": SIDE})
    batch = kinds.of(task).load(dataset, InputPipeline(contract, task.bands), NAMES)
    return Case(task, model_of(task), batch, ABILITIES.get(name, ("forward",)))


def case(name):
    """A new one, as its model is to be spoilt."""
    match name:
        case "composites":
            abilities = ("encode_composite", "encode_image")
            return Case(
                test_composites.TASK, test_composites.Pair(), test_composites.batch(), abilities
            )
        case "federated":
            return Case(test_federated.TASK, test_federated.Biased(), test_federated.batch())
        case "rounds":
            model = Rounds(test_federated.Biased(), 2)
            return Case(test_federated.TASK, model, test_federated.batch())
        case "consistency":
            batch = test_consistency.batch(test_consistency.series())
            return Case(test_consistency.TASK, Same(), batch)
        case "compression":
            model, batch = test_compression.Stepped(), test_compression.batch()
            return Case(test_compression.TASK, model, batch, ABILITIES[name])
        case _:
            return _listed(name)


NAMES_OF_CASES = (*CASES, "composites", "federated", "rounds", "consistency")
