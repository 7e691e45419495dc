"""The evaluator of codecs beside a bare loop, and the memory that one patch takes."""

import multiprocessing
import sys
from pathlib import Path

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch

from bench import kinds
from bench.evaluate import predict
from bench.kinds import compression
from bench.kinds.common.batch import Batch
from bench.metrics.distortion import distortion, ssim
from bench.results.runs import Run
from bench.spec import task as tasks
from benchmarks.test_evaluator import CPU, PRECISION, alternate

TASK = tasks.load("hyspecnet-compression")
SHAPE = (202, 128, 128)
PATCHES = 64


class Identity(torch.nn.Module):
    """Stores float32 as they are."""

    points = ("raw",)

    def encode(self, image, point):
        return image.numpy().tobytes()

    def decode(self, stream):
        return torch.from_numpy(np.frombuffer(stream, np.float32).reshape(SHAPE).copy())

    def latents(self, point, shape):
        return None


class Ready:
    """The kind with patches that are in memory already."""

    def __init__(self):
        draw = torch.Generator().manual_seed(0)
        self.patches = torch.rand((4, *SHAPE), generator=draw)
        self.surfaces = torch.randint(0, 3, (1, *SHAPE[1:]), generator=draw).to(torch.uint8)

    BATCH = compression.Compression.batch_size
    schema = staticmethod(compression.schema)
    observe = staticmethod(compression.observe)

    def load(self, task, dataset, pipeline, samples):
        index = int(samples[0]) % len(self.patches)
        return Batch(samples, self.patches[index : index + 1], self.surfaces)


def test_evaluator(benchmark, tmp_path):
    kind, model, run = Ready(), Identity(), Run(tmp_path / "run")
    samples = [f"{i:05d}" for i in range(PATCHES)]
    parts = list(enumerate(predict.plan(samples, kind.batch_size)))

    def ours():
        found = predict.observe_parts(TASK, kind, model, None, None, parts, CPU, PRECISION)
        for index, table in found:
            run.write_part(index, table)

    def bare():
        for sample in samples:
            batch = kind.load(None, [sample])
            original = batch.inputs[0].numpy()
            made = model.decode(model.encode(batch.inputs[0], "raw")).numpy()
            distortion(original, made, batch.targets[0].numpy(), 3)
            ssim(original, made)

    seconds, peer = alternate(benchmark, ours, bare, 1)
    assert run.observations().num_rows == PATCHES
    benchmark.extra_info.update(
        name="evaluator of codecs, 64 patches of 202 x 128 x 128, identity codec",
        peer="bare loop that computes the same distortions",
        ratio=round(peer / seconds, 3),
        target=0.9,
        limit="one in 16 images is encoded twice; a copy of each is made to be wiped",
    )


def _resident(field):
    """Bytes of this process: ``VmRSS``, or their peak, ``VmHWM``."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _memory(queue):
    kind, model = Ready(), Identity()
    small = Batch(["a"], torch.rand(1, 202, 16, 16), torch.zeros(1, 16, 16, dtype=torch.uint8))
    warm = Identity()
    warm.decode = lambda stream: torch.from_numpy(
        np.frombuffer(stream, np.float32).reshape(202, 16, 16).copy()
    )
    kinds.of(TASK).observe(warm, small)
    patch = kind.load(None, ["0"])
    Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before = _resident("VmRSS")
    kinds.of(TASK).observe(model, patch)
    queue.put(_resident("VmHWM") - before)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory(benchmark):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_memory, args=(queue,))

    def measured():
        child.start()
        value = queue.get(timeout=120)
        child.join()
        return value

    peak = benchmark.pedantic(measured, rounds=1)
    patch = 4 * np.prod(SHAPE)
    benchmark.extra_info.update(
        name="memory of evaluating one patch, beyond model and patch",
        peer="a patch of 202 x 128 x 128 in float32",
        value=f"{peak / patch:.2f} patches",
        target="3 patches",
        limit="the wiped copy, the stream and the decoded image are a patch each here",
    )
