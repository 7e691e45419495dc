"""The evaluator beside a bare PyTorch loop: same network, same batches, same run."""

import statistics
import time
from types import SimpleNamespace

import bench.base.torch_setup  # noqa: F401  # isort: skip
import pytest
import torch

from bench import data, kinds, models
from bench.evaluate import predict
from bench.kinds import multilabel
from bench.kinds.common.batch import Batch
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline

TASK = tasks.load("reben-mlc")
CPU = torch.device("cpu")
PRECISION = "32-true"


def network(name):
    torch.manual_seed(0)
    if name == "linear":
        # The mean of each band, and one layer: next to nothing but what surrounds it.
        pool = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
        return torch.nn.Sequential(*pool, torch.nn.Linear(10, len(TASK.classes))).eval()
    return models.build(models.find(f"timm:{name}", TASK), len(TASK.classes)).eval()


def evaluated(run, kind, model, dataset, samples):
    """The predict stage as `bench run` goes through it, writing of the parts included."""
    pipeline = InputPipeline(TASK.input("s2"), TASK.bands)
    parts = list(enumerate(predict.plan(samples, kind.batch_size)))
    for index, table in predict.observe_parts(
        TASK, kind, model, dataset, pipeline, parts, CPU, PRECISION
    ):
        run.write_part(index, table)


def bare(model, batches):
    with torch.inference_mode():
        return torch.cat([model(batch.inputs) for batch in batches])


def alternate(benchmark, ours, peer, rounds):
    """Medians of both, taken in turns, so that what else the machine does meets both."""
    seconds = {"ours": [], "peer": []}
    ours(), peer()
    for _ in range(rounds):
        for name, call in (("peer", peer), ("ours", ours)):
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    benchmark.pedantic(ours, rounds=1)
    return tuple(statistics.median(seconds[name]) for name in ("ours", "peer"))


def ready(count):
    """Batches that are in memory already, and a kind that only hands them out."""
    generator = torch.Generator().manual_seed(0)
    shape = (multilabel.Multilabel.batch_size, 10, 120, 120)
    pixels = torch.randn(shape, generator=generator)
    targets = torch.zeros(multilabel.Multilabel.batch_size, len(TASK.classes))
    samples = [f"{i:05d}" for i in range(count * multilabel.Multilabel.batch_size)]
    batches = {
        part[0]: Batch(part, pixels, targets)
        for start in range(0, len(samples), multilabel.Multilabel.batch_size)
        for part in [samples[start : start + multilabel.Multilabel.batch_size]]
    }
    kind = SimpleNamespace(
        BATCH=multilabel.Multilabel.batch_size,
        load=lambda task, dataset, pipeline, part: batches[part[0]],
        observe=multilabel.observe,
        schema=multilabel.schema,
    )
    return samples, list(batches.values()), kind


@pytest.mark.parametrize(("name", "count", "rounds"), [("resnet18", 4, 5), ("linear", 512, 5)])
def test_ready_tensors(benchmark, tmp_path, name, count, rounds):
    model = network(name)
    samples, batches, kind = ready(count)
    run = Run(tmp_path / "run")
    ours, peer = alternate(
        benchmark,
        lambda: evaluated(run, kind, model, None, samples),
        lambda: bare(model, batches),
        rounds,
    )
    table = run.observations()
    expected = bare(model, batches)
    logits = torch.tensor(table["logits"].to_pylist())
    assert torch.equal(logits, expected)
    overhead = (ours - peer) / count * 1e3
    if name == "resnet18":
        benchmark.extra_info.update(
            name="evaluator, resnet18 on ready tensors",
            peer="bare PyTorch loop",
            ratio=round(peer / ours, 3),
            target=0.98,
            limit="the network; parts are compressed and flushed between two batches",
        )
    else:
        benchmark.extra_info.update(
            name="evaluator, milliseconds a batch over the bare loop, linear network",
            peer="bare PyTorch loop",
            value=f"{overhead:.3f} ms",
            target="0.3 ms",
            limit="Arrow columns, zstd and one fsync for each part",
        )


def test_from_the_lmdb(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    root = data.ensure_sample("reben", lambda text: None)
    data.reader("reben").prepare(root, 2, lambda done, total: None)
    dataset = data.reader("reben").open_dataset(root)
    assert dataset.layout == "lmdb"
    samples = dataset.present(TASK.input("s2").bands)[: 4 * multilabel.Multilabel.batch_size]
    pipeline = InputPipeline(TASK.input("s2"), TASK.bands)
    batches = [
        kinds.of(TASK).load(
            dataset, pipeline, samples[start : start + multilabel.Multilabel.batch_size]
        )
        for start in range(0, len(samples), multilabel.Multilabel.batch_size)
    ]
    model = network("resnet18")
    run = Run(tmp_path / "run")
    ours, peer = alternate(
        benchmark,
        lambda: evaluated(run, multilabel, model, dataset, samples),
        lambda: bare(model, batches),
        5,
    )
    assert torch.equal(torch.tensor(run.observations()["logits"].to_pylist()), bare(model, batches))
    benchmark.extra_info.update(
        name="evaluator, resnet18 reading from the LMDB",
        peer="bare loop on ready tensors",
        ratio=round(peer / ours, 3),
        target=0.92,
        limit="the reading thread takes its share of the two cores that the network wants whole",
    )
