"""The kind classification: what is observed, scored and refused."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import time

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn import metrics as reference

from bench import kinds
from bench.base.errors import BenchError
from bench.kinds.classification import TOP_NAME, confusion_matrix
from bench.kinds.common import scoring
from bench.kinds.common.batch import Batch
from bench.spec import task as tasks

TASK = tasks.load("rsscn7")
KIND = kinds.of(TASK)
CLASSES = 7


def table(target, logits):
    flat = pa.array(np.asarray(logits, np.float32).reshape(-1))
    columns = {
        "sample": [f"s{place}" for place in range(len(target))],
        "target": pa.array(target, pa.int32()),
        "logits": pa.FixedSizeListArray.from_arrays(flat, len(logits[0])),
    }
    return pa.table(columns, schema=KIND.schema())


def drawn(count=140, seed=0):
    rng = np.random.default_rng(seed)
    target = np.arange(count) % CLASSES
    logits = rng.normal(size=(count, CLASSES))
    logits[np.arange(count), target] += 1
    return target, logits.astype(np.float32)


def test_every_metric_is_measured():
    target, logits = drawn()
    found = KIND.measure(table(target, logits))
    predicted = logits.argmax(axis=1)
    assert found["accuracy_micro"] == pytest.approx(reference.accuracy_score(target, predicted))
    assert found[TOP_NAME] == pytest.approx(reference.top_k_accuracy_score(target, logits, k=5))
    expected = {"accuracy_macro", "f1_macro", "kappa_micro", "accuracy_classes", "f1_classes"}
    expected |= {"ece_micro", "brier_micro", "nll_micro", "aurc_micro"}
    assert found.keys() == expected | {"accuracy_micro", TOP_NAME}
    assert found["f1_classes"].shape == (CLASSES,)
    matrix = reference.confusion_matrix(target, predicted)
    assert np.array_equal(confusion_matrix(table(target, logits)), matrix)
    assert KIND.probes == "class"


def test_replicates_are_the_measures_of_what_is_left():
    target, logits = drawn(35)
    observed = table(target, logits)
    counts = (1 - np.eye(35)).astype(np.uint16)
    found = KIND.replicate(observed, [counts[:20], counts[20:]])
    for row in (0, 8, 34):
        left = KIND.measure(observed.take([place for place in range(35) if place != row]))
        assert left.keys() == found.keys()
        for name, value in left.items():
            np.testing.assert_allclose(found[name][row], value, rtol=1e-12)
    some = KIND.replicate(observed, [counts], ["nll_micro", "f1_macro"])
    assert set(some) == {"nll_micro", "f1_macro"}
    np.testing.assert_array_equal(some["nll_micro"], found["nll_micro"])


def test_ties_are_wrong_and_said():
    observed = table(np.arange(CLASSES), np.zeros((CLASSES, CLASSES)))
    found = KIND.measure(observed)
    assert found["accuracy_micro"] == found["accuracy_macro"] == found[TOP_NAME] == 0
    assert "highest logit of 7 of 7 images" in KIND.remarks(observed)[0]
    assert not KIND.remarks(table(*drawn()))
    assert KIND.sample_scores(observed).sum() == 0


def test_absent_classes_are_left_out():
    target = np.array([0, 0, 1])
    logits = np.eye(CLASSES)[[0, 3, 1]]
    observed = table(target, logits)
    assert KIND.measure(observed)["accuracy_macro"] == 0.75
    assert KIND.averaged(observed) == {"accuracy_macro": 2, "f1_macro": 2}
    assert KIND.occurrences(observed).sum(axis=0).tolist() == [2, 1, 0, 0, 0, 0, 0]
    assert KIND.sample_scores(observed).tolist() == [1, 0, 1]


def test_one_sample_has_scores_and_no_interval():
    found = scoring.score(KIND, table(np.array([2]), np.eye(CLASSES)[[2]]))
    primary = next(score for score in found.scores if score.name == "accuracy_micro")
    assert (primary.value, primary.low) == (1, None)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_probabilities_and_decisions_are_refused():
    target, logits = drawn()
    for values, what in (
        (softmax(logits), "a softmax over classes"),
        (np.eye(CLASSES)[logits.argmax(axis=1)], "decisions"),
        (1 / (1 + np.exp(-4 * logits)), "probabilities"),
    ):
        with pytest.raises(BenchError, match=f"expected logits, found {what}") as caught:
            KIND.check_scale(table(target, values))
        assert "before its softmax" in caught.value.hint


def test_what_ranks_and_calibrates_as_logits_do_passes():
    target, logits = drawn()
    for values in (logits, np.log(softmax(logits)), logits - logits.min(), np.ones_like(logits)):
        KIND.check_scale(table(target, values))
    ways = [KIND.measure(table(target, v)) for v in (logits, np.log(softmax(logits)))]
    for name, value in ways[0].items():
        np.testing.assert_allclose(value, ways[1][name], rtol=1e-5)


class Wrong(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, images):
        return self.outputs(images)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (
            lambda images: torch.zeros(len(images), 3),
            r"shape \[1, 7\], the model returned \[1, 3\]",
        ),
        (lambda images: torch.zeros(len(images), 7, 1), r"returned \[1, 7, 1\]"),
        (lambda images: torch.full((len(images), 7), torch.nan), "returned NaN or infinity"),
        (lambda images: torch.zeros(len(images), 7, dtype=torch.int64), "returned int64"),
        (lambda images: [0] * 7, "returned list"),
    ],
)
def test_other_outputs_are_refused(outputs, message):
    batch = KIND.blank(TASK.input("rgb"))
    with pytest.raises(BenchError, match=message):
        KIND.observe(Wrong(outputs), batch)


def test_the_loss_is_cross_entropy_and_mirroring_keeps_classes():
    target, logits = drawn(4)
    batch = Batch(list("abcd"), torch.arange(4 * 3 * 64.0).view(4, 3, 8, 8), torch.tensor(target))
    loss = KIND.loss(Wrong(lambda images: torch.tensor(logits)), batch)
    assert float(loss) == pytest.approx(
        reference.log_loss(target, softmax(logits), labels=range(7))
    )
    recipe = type("Recipe", (), {"flips": True})()
    changed = KIND.augment(recipe, batch, torch.Generator().manual_seed(0))
    assert changed.targets is batch.targets
    assert not torch.equal(changed.inputs, batch.inputs)
    assert torch.equal(changed.inputs.flatten(1).sum(1), batch.inputs.flatten(1).sum(1))


def test_scoring_a_large_set_takes_seconds():
    target, logits = drawn(27_000)
    started = time.perf_counter()
    found = scoring.score(KIND, table(target, logits))
    assert time.perf_counter() - started < 15
    assert len([score for score in found.scores if score.low is not None]) >= 20
