"""Metrics beside the libraries that compute the same, in the same run on the same data."""

import time
from collections.abc import Callable
from typing import Any

import bench.base.torch_setup  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torchmetrics.functional.classification import (
    multiclass_confusion_matrix,
    multilabel_average_precision,
    multilabel_f1_score,
)

from bench.kinds.common.units import GROUPS
from bench.metrics.confusion import confusion_matrices
from bench.metrics.multilabel import multilabel_metrics, multilabel_replicates
from bench.metrics.stats import jackknife_counts

CLASSES = 19


def against(
    benchmark: BenchmarkFixture,
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    /,
    *,
    rounds: tuple[int, int],
    repeats: int = 1,
    **about: Any,
) -> tuple[Any, Any]:
    """Time both and store how many times as fast ours is per repeat; both results.

    Both sides count with their fastest round. The peer runs with torch's own number of threads and
    with one, because its threads hinder each other where cores are shared.
    """
    seconds = []
    threads = torch.get_num_threads()
    for used in sorted({1, threads}):
        torch.set_num_threads(used)
        for _ in range(rounds[1]):
            start = time.perf_counter()
            expected = peer()
            seconds.append(time.perf_counter() - start)
    found = benchmark.pedantic(ours, rounds=rounds[0], warmup_rounds=1)
    own = benchmark.stats.stats.min / repeats
    benchmark.extra_info.update(about, ratio=round(min(seconds) / own, 2))
    return found, expected


def predictions(samples: int) -> tuple[np.ndarray, np.ndarray, torch.Tensor, torch.Tensor]:
    """Labels and logits, a sixth of the labels set and rare classes among them."""
    rng = np.random.default_rng(0)
    share = np.geomspace(0.01, 0.6, CLASSES)
    target = (rng.random((samples, CLASSES)) < share).astype(np.uint8)
    logits = rng.standard_normal((samples, CLASSES), np.float32) + 2 * target - 2
    logits = logits.astype(np.float32)
    return target, logits, torch.from_numpy(target).long(), torch.from_numpy(logits)


@pytest.mark.parametrize(
    ("samples", "rounds", "target_ratio"), [(120_000, (9, 2), 6), (1_000_000, (2, 1), 3.5)]
)
def test_average_precision(benchmark, samples, rounds, target_ratio):
    target, logits, labels, scores = predictions(samples)
    names = ["ap_macro", "ap_micro", "ap_classes"]
    found, (classes, micro) = against(
        benchmark,
        lambda: multilabel_metrics(target, logits, names),
        lambda: (
            multilabel_average_precision(scores, labels, CLASSES, average="none"),
            multilabel_average_precision(scores, labels, CLASSES, average="micro"),
        ),
        rounds=rounds,
        peer="torchmetrics multilabel_average_precision, average none (macro: mean) and micro",
        target=target_ratio,
        limit="sorting N x C scores twice, by class and pooled",
    )
    assert found["ap_classes"] == pytest.approx(classes.numpy(), abs=1e-6)
    assert found["ap_macro"] == pytest.approx(classes.mean().item(), abs=1e-6)
    assert found["ap_micro"] == pytest.approx(micro.item(), abs=1e-6)


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_jackknife_of_average_precision(benchmark, average):
    samples = 120_000
    target, logits, labels, scores = predictions(samples)
    chosen = torch.from_numpy(next(jackknife_counts(samples, GROUPS))[0] > 0)
    left_scores, left_labels = scores[chosen], labels[chosen]
    name = f"ap_{average}"
    found, expected = against(
        benchmark,
        lambda: multilabel_replicates(target, logits, jackknife_counts(samples, GROUPS), [name])[
            name
        ],
        lambda: multilabel_average_precision(left_scores, left_labels, CLASSES, average=average),
        rounds=(2, 2),
        repeats=GROUPS,
        peer=f"torchmetrics multilabel_average_precision, average {average}, without one group",
        target=20,
        limit="gathering and summing the weights of N x C ranked samples; memory and its caches",
    )
    assert found[0] == pytest.approx(expected.item(), abs=1e-6)


def test_jackknife_of_f1(benchmark):
    samples = 120_000
    target, logits, labels, scores = predictions(samples)
    chosen = torch.from_numpy(next(jackknife_counts(samples, GROUPS))[0] > 0)
    left_scores, left_labels = scores[chosen], labels[chosen]
    found, expected = against(
        benchmark,
        lambda: multilabel_replicates(
            target, logits, jackknife_counts(samples, GROUPS), ["f1_macro"]
        )["f1_macro"],
        lambda: multilabel_f1_score(left_scores, left_labels, CLASSES),
        rounds=(2, 2),
        repeats=GROUPS,
        peer="torchmetrics multilabel_f1_score, without one group",
        target=20,
        limit="writing down what each group leaves; the sums are one matrix product",
    )
    assert found[0] == pytest.approx(expected.item(), abs=1e-6)


def test_confusion_matrix(benchmark):
    rng = np.random.default_rng(0)
    classes, blocks = 20, rng.integers(0, 20, (8, 64, 64))
    target = blocks.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)
    noise = rng.integers(0, classes, target.shape)
    prediction = np.where(rng.random(target.shape) < 0.2, noise, target).astype(np.uint8)
    target[rng.random(target.shape) < 0.05] = 255
    labels, guesses = torch.from_numpy(target).long(), torch.from_numpy(prediction).long()
    found, expected = against(
        benchmark,
        lambda: confusion_matrices(target, prediction, classes, ignore=255),
        lambda: multiclass_confusion_matrix(guesses, labels, classes, ignore_index=255),
        rounds=(9, 2),
        peer="torchmetrics multiclass_confusion_matrix",
        target=15,
        limit="incrementing one counter per pixel; neighbours that hit the same one wait",
    )
    benchmark.extra_info["megapixels"] = target.size / 1e6
    assert np.array_equal(found.sum(axis=0), expected.numpy())
