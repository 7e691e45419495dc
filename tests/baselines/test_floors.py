"""The floors against NumPy, and which of their solutions is kept."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench import kinds, models
from bench.base import weights
from bench.base.errors import BenchError
from bench.kinds.common.observing import observe
from bench.models.baseline import build
from bench.models.heads.ridge import PENALTIES
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Fit
from tests.train.tiny import Memory, entry, learn

TASK = tasks.load("reben-mlc")
CONTRACT = TASK.input("s2").model_copy(update={"size": 16})


def made(contract=CONTRACT):
    return build("architectures.floors.Statistics", {}, contract, 19)


def fitted_entry():
    model = entry().model.model_copy(
        update={"architecture": "baseline:architectures.floors.Statistics", "arguments": {}}
    )
    return entry().model_copy(update={"model": model, "recipe": {"sample": Fit(method="fit")}})


def images(count=40, seed=0):
    draw = torch.Generator().manual_seed(seed)
    level = torch.randn(count, len(CONTRACT.bands), 1, 1, generator=draw)
    return level + level.exp() * torch.randn(count, len(CONTRACT.bands), 16, 16, generator=draw)


def test_every_input_has_the_floor():
    for name in TASK.inputs:
        found = models.find(f"floor-statistics-{name}", TASK)
        assert isinstance(found.recipe["official"], Fit)
        assert models.build(found.on("sample"), 19).ridge.linear.out_features == 19


def test_it_sees_no_arrangement_of_pixels():
    network, seen = made().eval(), images()
    order = torch.randperm(256, generator=torch.Generator().manual_seed(1))
    shuffled = seen.flatten(2)[..., order].reshape(seen.shape)
    torch.testing.assert_close(network(seen), network(shuffled))


def test_solutions_are_those_of_augmented_least_squares():
    network, seen = made(), images()
    targets = torch.randint(0, 2, (40, 19), generator=torch.Generator().manual_seed(2))
    batches = [
        SimpleNamespace(inputs=seen[r], targets=targets[r]) for r in (range(25), range(25, 40))
    ]
    with torch.inference_mode():
        network.fit(batches)
    pixels = seen.double().numpy().reshape(40, -1, 256)
    x = np.concatenate([pixels.mean(2), pixels.std(2)], axis=1)
    x, y = (x - x.mean(0)) / x.std(0), targets.double().numpy()
    for index, penalty in enumerate(PENALTIES):
        with torch.inference_mode():
            network.choose(index)
            found = network(seen).numpy()
        root = np.sqrt(40 * penalty) * np.eye(x.shape[1])
        rows = np.concatenate([x, root]), np.concatenate([y - y.mean(0), np.zeros((len(root), 19))])
        expected = y.mean(0) + x @ np.linalg.lstsq(*rows, rcond=None)[0]
        np.testing.assert_allclose(found, 4 * (expected - 0.5), atol=2e-3)


def test_a_band_that_never_changes_does_no_harm():
    network, seen = made(), images()
    seen[:, 3] = 5
    targets = torch.ones(40, 19)
    with torch.inference_mode():
        network.fit([SimpleNamespace(inputs=seen, targets=targets)])
        torch.testing.assert_close(network(seen), torch.full((40, 19), 2.0), atol=1e-4, rtol=0)


def test_the_penalty_is_the_best_on_the_validation_split(tmp_path: Path):
    made = fitted_entry()
    data = Memory()
    trained = learn(tmp_path / "entry", made, data)

    kind = kinds.of(TASK)
    network = models.build(made, 19)
    pipeline = InputPipeline(made.input, TASK.bands)
    scores = []
    with torch.inference_mode():
        network.fit([kind.load(data, pipeline, data.ids("train"))])
        seen = kind.load(data, pipeline, data.ids("validation"))
        for index in range(network.choices):
            network.choose(index)
            table = observe(kind, network, [seen], torch.device("cpu"), kind.schema())
            scores.append(float(kind.measure(table)["ap_macro"]))
    assert len(set(scores)) > 1
    assert trained.trained.validation == pytest.approx(max(scores))
    kept = models.build(made, 19)
    weights.fill(kept, tmp_path / "entry" / "model.safetensors")
    network.choose(len(scores) - 1 - scores[::-1].index(max(scores)))
    torch.testing.assert_close(kept.ridge.linear.weight, network.ridge.linear.weight)


def test_a_validation_split_without_labels_is_refused(tmp_path: Path):
    made = fitted_entry()
    data = Memory()
    for sample in data.ids("validation"):
        data.labels[sample][:] = 0
    with pytest.raises(BenchError, match="ap_macro is undefined on the 20 validation samples"):
        learn(tmp_path / "entry", made, data)
