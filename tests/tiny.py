"""A network of a few thousand weights, for tests that need one."""

import torch

from bench import models
from bench.base import weights
from bench.models import entries
from bench.spec import task as tasks

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


_BRIEF = """
name = "brief"
task = "reben-mlc"

[input]
bands = ["VV", "VH"]
units = {{ sentinel-1-grd = "dB" }}
size = 32
resampling = "nearest"
mean = [-12.6, -19.3]
std = [5.1, 5.5]

[model]
architecture = "timm:test_resnet"

[recipe.sample]
epochs = {epochs}
batch = 32
learning_rate = 1e-3
weight_decay = 0.01
warmup_steps = 2
start_factor = 0.1
end_factor = 0.1
patience = {epochs}
flips = true
matmul_precision = "highest"
"""


def brief(folder, epochs):
    """An entry that is trained in seconds, from images of a quarter of their size."""
    folder.mkdir()
    (folder / "entry.toml").write_text(_BRIEF.format(epochs=epochs))
    return folder
