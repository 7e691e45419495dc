"""The pictures of a run: what its kind draws of some of its samples, as PNG in its folder."""

import re
from hashlib import sha256
from typing import TYPE_CHECKING

import torch

from bench import kinds
from bench.base.files import write_bytes
from bench.kinds.common import pictures
from bench.spec import task as tasks

if TYPE_CHECKING:
    from bench.evaluate.predict import Job


def draw(job: "Job") -> dict[str, str]:
    """Draw samples of a run, spread evenly over its list of them.

    Returns:
        The SHA-256 of each picture by the name of its file in the folder ``pictures`` of the run;
        nothing for a kind that draws nothing.
    """
    from bench.kinds.common.observing import arithmetic, to_device
    from bench.models.running import load_model, place
    from bench.train.context import pipeline_of

    task = tasks.load(job.task)
    kind = kinds.of(task)
    if not kind.drawn:
        return {}
    dataset = job.dataset(task)
    device = place(job.device, 0)
    model = load_model(job.entry, kind.outputs(), device)
    pipeline = pipeline_of(job.entry, task, [job.features] if job.features else [])
    chosen = pictures.spread(job.samples, kind.drawn)
    batch = to_device(kind.load(dataset, pipeline, chosen), device)
    with torch.inference_mode(), arithmetic(device, job.precision):
        drawn = kind.draw(dataset, model, batch)
    contents = {f"{_plain(name)}.png": pictures.png(drawn[name]) for name in drawn}
    for name, content in contents.items():
        write_bytes(job.run / "pictures" / name, content)
    return {name: sha256(content).hexdigest() for name, content in contents.items()}


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80]
