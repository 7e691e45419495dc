"""A network of a few thousand weights, for tests that need one."""

import torch

from bench import entry as entries
from bench import models, weights
from bench import task as tasks

TASK = "reben-mlc"


def tiny(folder, spoil=None, given="s1"):
    """An entry with random weights."""
    task = tasks.load(TASK)
    found = models.find(f"timm:test_resnet/{given}", task)
    torch.manual_seed(0)
    network = models.build(found, len(task.classes))
    if spoil is not None:
        spoil(network)
    weights.save(network, folder / "model.safetensors")
    model = found.model.model_copy(update={"weights": "model.safetensors"})
    entries.save(found.model_copy(update={"name": "tiny", "model": model}), folder)
    return folder
