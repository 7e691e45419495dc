"""Series of images beside how they are read and attended to elsewhere, in the same run."""

import json
import time

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from bench import data, kinds
from bench.data.pastis import pastis
from bench.data.pastis.dataset import file
from bench.data.pastis.metadata import METADATA
from bench.evaluate import predict
from bench.kinds import crops
from bench.kinds.common import observing
from bench.metrics.confusion import confusion_matrices
from bench.models import baseline
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from tests.baselines import straightforward_tsvit as plain

TASK = tasks.load("pastis-crop-mapping")
CONTRACT = TASK.input("s2")
DOOR = InputPipeline(CONTRACT, TASK.bands)
PATCHES = 8
LENGTHS = (43, 61)


def alternate(benchmark, calls, rounds):
    """The fastest of each, taken in turns, so that what else the machine does meets all."""
    seconds = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    benchmark.pedantic(calls["ours"], rounds=1)
    return [min(seconds[name]) for name in calls]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Series as large as those of PASTIS, of two tiles with different dates."""
    folder = tmp_path_factory.mktemp("series") / "pastis"
    for series in ("TARGET", "S2"):
        file(folder, series, "0").parent.mkdir(parents=True)
    rng, features = np.random.default_rng(0), []
    for index in range(PATCHES):
        dates, patch = LENGTHS[index // 4], str(10_000 + index)
        pixels = rng.integers(0, 10_000, (dates, 10, 128, 128)).astype(np.int16)
        np.save(file(folder, "S2", patch), pixels)
        np.save(file(folder, "TARGET", patch), rng.integers(0, 20, (3, 128, 128)).astype(np.uint8))
        stamps = {str(i): 20180901 + 100 * (i // 28) + i % 28 for i in range(dates)}
        about = {"ID_PATCH": int(patch), "Fold": 1, "dates-S2": stamps}
        features.append({"type": "Feature", "properties": about, "geometry": None})
    (folder / METADATA).write_text(json.dumps({"features": features}))
    pastis.prepare(folder, 2, lambda done, total: None)
    return folder


def plainly(root, patches):
    """The batch as the published loader and its collate function make it."""
    mean = torch.tensor(CONTRACT.mean)[None, :, None, None]
    std = torch.tensor(CONTRACT.std)[None, :, None, None]
    series, targets = [], []
    for patch in patches:
        pixels = torch.from_numpy(np.load(file(root, "S2", patch)).astype(np.float32))
        series.append((pixels - mean) / std)
        targets.append(torch.from_numpy(np.load(file(root, "TARGET", patch))[0].astype(int)))
    longest = max(map(len, series))
    padded = [torch.nn.functional.pad(p, (0, 0, 0, 0, 0, 0, 0, longest - len(p))) for p in series]
    return torch.stack(padded), torch.stack(targets)


def test_batches_from_the_store(benchmark, root):
    dataset = pastis.open_dataset(root)
    assert dataset.layout == "store"
    patches = [name for name in dataset.present(CONTRACT.bands) if "_" not in name]
    batches = [
        patches[start : start + crops.Crops.batch_size]
        for start in range(0, PATCHES, crops.Crops.batch_size)
    ]

    def ours():
        return list(observing.ahead(lambda part: kinds.of(TASK).load(dataset, DOOR, part), batches))

    own, peer = alternate(
        benchmark, {"ours": ours, "peer": lambda: [plainly(root, part) for part in batches]}, 5
    )
    benchmark.extra_info.update(
        name="series of 43 and 61 dates of 10 x 128 x 128 px to normalised batches",
        peer="np.load of each patch, subtracted, divided, padded, stacked (published loader)",
        ratio=round(peer / own, 2),
        target=5,
        limit="writing float32: every value is read once and written once, a date at a time",
    )
    for part, batch in zip(batches, ours(), strict=True):
        pixels, targets = plainly(root, part)
        dates = pixels.shape[1]
        torch.testing.assert_close(batch.inputs["S2"][:, :dates], pixels, rtol=0, atol=1e-6)
        known = batch.targets != 255
        assert torch.equal(batch.targets[known].long(), targets[known])
        assert (targets[~known] == 19).all()


def test_windows_from_the_store(benchmark, root):
    dataset = pastis.open_dataset(root)
    windows = [name for name in dataset.present(CONTRACT.bands) if "_" in name]
    chosen = [windows[i] for i in np.random.default_rng(0).permutation(len(windows))[:16]]

    def peer():
        for window in chosen:
            pixels, _ = plainly(root, [window.partition("_")[0]])
            row, column = divmod(int(window.partition("_")[2]), 5)
            yield pixels[0, :, :, 24 * row : 24 * row + 24, 24 * column : 24 * column + 24]

    calls = {
        "ours": lambda: kinds.of(TASK).load(dataset, DOOR, chosen),
        "peer": lambda: list(peer()),
    }
    own, other = alternate(benchmark, calls, 3)
    benchmark.extra_info.update(
        name="16 windows of PASTIS24 to a normalised batch",
        peer="np.load of the patch of each (published loader)",
        ratio=round(other / own, 2),
        target=5,
        limit="a window's rows of 48 bytes lie 256 bytes apart in the store",
    )
    found = kinds.of(TASK).load(dataset, DOOR, chosen).inputs["S2"]
    for row, expected in zip(found, peer(), strict=True):
        torch.testing.assert_close(row[: len(expected)], expected, rtol=0, atol=1e-6)


def test_confusion_of_class_maps(benchmark):
    rng, classes = np.random.default_rng(0), 20
    fields = rng.integers(0, classes, (256, 16, 16))
    target = fields.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)
    noise = rng.integers(0, classes, target.shape)
    prediction = np.where(rng.random(target.shape) < 0.2, noise, target).astype(np.uint8)
    target[rng.random(target.shape) < 0.05] = 255
    labels, guesses = torch.from_numpy(target).long(), torch.from_numpy(prediction).long()
    calls = {
        "ours": lambda: confusion_matrices(target, prediction, classes, ignore=255),
        "peer": lambda: multiclass_confusion_matrix(guesses, labels, classes, ignore_index=255),
    }
    own, peer = alternate(benchmark, calls, 3)
    benchmark.extra_info.update(
        name="confusion matrices of 256 maps of 256 x 256 px and 20 classes",
        peer="torchmetrics multiclass_confusion_matrix, one matrix for all maps",
        ratio=round(peer / own, 1),
        target=20,
        limit="incrementing one counter per pixel",
    )
    found = calls["ours"]()
    assert found.shape == (256, classes, classes)
    np.testing.assert_array_equal(found.sum(axis=0), calls["peer"]().numpy())


def test_a_step_of_tsvit(benchmark):
    torch.manual_seed(0)
    model = baseline._load("architectures.tsvit").TSViT(10, 19, 24)
    pixels = torch.randn(1, 60, 10, 24, 24)
    days = torch.stack([torch.arange(60) * 7, torch.arange(60) * 6], dim=-1)[None]

    def step(logits):
        def run():
            model.zero_grad()
            made = logits()
            made.square().mean().backward()
            return made.detach(), [parameter.grad.clone() for parameter in model.parameters()]

        return run

    calls = {
        "ours": step(lambda: model({"S2": (pixels, days)})),
        "peer": step(lambda: plain.tsvit(model, pixels, days)),
    }
    own, peer = alternate(benchmark, calls, 4)
    found = {name: call() for name, call in calls.items()}
    benchmark.extra_info.update(
        name="TSViT (PASTIS24), a training step on a window of 60 dates",
        peer="every token of every layer, softmax spelled out",
        ratio=round(peer / own, 2),
        target=1.2,
        limit="the layers between attention, most of the multiplications, are the same",
    )
    torch.testing.assert_close(found["ours"][0], found["peer"][0], rtol=0, atol=1e-5)
    for own_gradient, gradient in zip(found["ours"][1], found["peer"][1], strict=True):
        torch.testing.assert_close(own_gradient, gradient, rtol=1e-3, atol=1e-5)


def test_the_evaluator_on_tsvit(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    from bench.data.pastis import simulate as simulated

    root = data.sample_root("pastis")
    simulated.write(root, patches=8)
    dataset = pastis.open_dataset(root)
    samples = [name for name in dataset.present(CONTRACT.bands) if "_" not in name]
    torch.manual_seed(0)
    model = baseline._load("architectures.tsvit").TSViT(10, 19, 24, dim=64, dim_head=16).eval()
    parts_of = range(0, len(samples), crops.Crops.batch_size)
    batches = [
        kinds.of(TASK).load(dataset, DOOR, samples[start : start + crops.Crops.batch_size])
        for start in parts_of
    ]
    run, device = Run(tmp_path / "run"), torch.device("cpu")
    parts = list(enumerate(predict.plan(samples, crops.Crops.batch_size)))

    def ours():
        for index, table in predict.observe_parts(
            TASK, crops, model, dataset, DOOR, parts, device, "32-true"
        ):
            run.write_part(index, table)

    def bare():
        with torch.inference_mode():
            return [model(series) for b in batches for _, series in crops._groups(b.inputs)]

    own, peer = alternate(benchmark, {"ours": ours, "peer": bare}, 3)
    benchmark.extra_info.update(
        name="evaluator, TSViT-S on series of the sample track",
        peer="bare loop on ready tensors",
        ratio=round(peer / own, 3),
        target=0.95,
        limit="the network; a thread reads the next batch meanwhile",
    )
    assert run.observations().num_rows == len(samples)
