"""Encoders: features beside a bare loop, and many small heads beside one extraction."""

import time
from pathlib import Path
from typing import Any

import torch

from bench import data, kinds
from bench.evaluate import few_labels, stages
from bench.evaluate.request import Request
from bench.kinds.common.observing import ahead
from bench.models import encoders
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.train.features import extract

TASK = "reben-mlc"
ENCODER = "timm:resnet50"


def test_extraction(benchmark: Any, tmp_path: Path) -> None:
    """Features of the sample track's test split by ResNet-50, beside a bare loop.

    The loop reads in the same threads and calls the same network in batches of the same size; what
    extraction does besides is to look at every value, write 2.5 MB and hash them.
    """
    task = tasks.load(TASK)
    kind = kinds.of(task)
    root = data.ensure_sample(task.dataset, print)
    dataset = data.reader(task.dataset).open_dataset(root)
    encoder = encoders.find(ENCODER, task)
    samples = dataset.ids("test")
    pipeline = InputPipeline(encoder.input, task.bands)
    batches = [samples[at : at + kind.batch_size] for at in range(0, len(samples), kind.batch_size)]
    numbers = iter(range(1000))

    def ours() -> None:
        extract(
            *(encoder, kind, dataset, samples, "pooled"),
            data="benchmark",
            root=tmp_path / str(next(numbers)),
            device="cpu",
            precision="32-true",
            progress=lambda done, total: None,
        )

    def bare() -> None:
        network: Any = encoders.network(encoder)
        with torch.inference_mode():
            for batch in ahead(lambda some: kind.load(dataset, pipeline, some), batches):
                network.features(batch.inputs, "pooled")

    bare()
    begun = time.perf_counter()
    for _ in range(3):
        bare()
    peer = (time.perf_counter() - begun) / 3
    benchmark.pedantic(ours, rounds=3)
    benchmark.extra_info["peer"] = "a bare loop of the same forward"
    benchmark.extra_info["ratio"] = round(peer / benchmark.stats.stats.mean, 2)


def test_label_fractions(benchmark: Any, tmp_path: Path) -> None:
    """Five label fractions with five draws of ridge, beside one extraction by ResNet-50.

    Whole runs: heads are fitted, chosen, observed, scored with intervals and recorded.
    """
    request = Request(
        task=TASK, model=ENCODER, method="ridge", track="sample", device="cpu", results=tmp_path
    )
    begun = time.perf_counter()
    stages.features(request)
    extraction = time.perf_counter() - begun
    # What an encoder costs is measured once.
    stages.run(request)
    subsets = few_labels.parse("5%,10%,20%,50%,80%", 5)
    benchmark.pedantic(lambda: few_labels.run(request, subsets), rounds=1)
    benchmark.extra_info["peer"] = "one extraction of the same images by ResNet-50"
    benchmark.extra_info["ratio"] = round(benchmark.stats.stats.mean / extraction, 3)
