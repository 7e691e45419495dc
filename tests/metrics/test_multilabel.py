"""Multi-label metrics against torchmetrics, scikit-learn, closed forms and repeated samples."""

import importlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from bench.base.errors import BenchError, RequestError
from bench.metrics import areas
from bench.metrics.multilabel import NAMES, multilabel_metrics, multilabel_replicates
from bench.metrics.stats import jackknife_counts, spread_over_units
from tests.resampled import resampled

AREAS = {"ap": "average_precision", "auroc": "auroc"}
RATES = {
    "f1": "f1_score",
    "f2": "fbeta_score",
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "accuracy": "accuracy",
}


@pytest.fixture(scope="module")
def peer():
    """torchmetrics' functional classification metrics."""
    importlib.import_module("bench.base.torch_setup")
    return importlib.import_module("torchmetrics.functional.classification")


def predictions(
    samples: int = 400, classes: int = 6, levels: int = 50, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Probabilities with many ties; class 0 has no positives, class 1 no negatives."""
    rng = np.random.default_rng(seed)
    target = (rng.random((samples, classes)) < 0.3).astype(np.uint8)
    target[:, 0], target[:, 1] = 0, 1
    scores = np.clip(rng.normal(0.35 + 0.2 * target, 0.2), 0, 1)
    return target, (np.round(scores * levels) / levels).astype(np.float32)


def repeated(target, scores, counts, names=NAMES, threshold=0.5):
    chosen = np.repeat(np.arange(len(target)), counts)
    return multilabel_metrics(target[chosen], scores[chosen], names, threshold=threshold)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_equals_torchmetrics(peer, name):
    import torch

    target, scores = predictions()
    metric, average = name.rsplit("_", 1)
    function = getattr(peer, f"multilabel_{(AREAS | RATES)[metric]}")
    of_classes = average in ("macro", "classes")
    arguments = {"num_labels": target.shape[1], "average": "none" if of_classes else average}
    if average == "samples":
        arguments |= {"average": "micro", "multidim_average": "samplewise"}
    if metric == "f2":
        arguments["beta"] = 2.0
    pair = torch.from_numpy(scores), torch.from_numpy(target).long()
    if average == "samples":
        expected = function(*(part[..., None] for part in pair), **arguments).mean()
    else:
        expected = function(*pair, **arguments)
    expected = expected.double().numpy()
    if of_classes:
        expected[[0, 1] if metric in ("auroc", "specificity") else 0] = np.nan
        expected = np.nanmean(expected) if average == "macro" else expected
    found = multilabel_metrics(target, scores, [name], threshold=0.5)[name]
    assert found.shape == np.shape(expected)
    assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("average", ["macro", "micro", "samples", "classes"])
def test_equals_scikit_learn(average):
    target, scores = predictions(seed=1)
    predicted = scores > 0.5
    # The first class has no positives, the second no negatives.
    first = 1 if average in ("macro", "classes") else 0
    how = {"average": None if average == "classes" else average, "zero_division": 0}
    how |= {"labels": range(first, target.shape[1])}
    precision, recall, f1, _ = sk.precision_recall_fscore_support(target, predicted, **how)
    expected = {"precision": precision, "recall": recall, "f1": f1}
    expected["f2"] = sk.fbeta_score(target, predicted, beta=2, **how)
    how |= {"labels": range(2 * first, target.shape[1])}
    expected["specificity"] = sk.recall_score(1 - target, ~predicted, **how)
    if average != "samples":
        expected["ap"] = sk.average_precision_score(
            target[:, first:], scores[:, first:], average=how["average"]
        )
    found = multilabel_metrics(target, scores, threshold=0.5)
    for metric, value in expected.items():
        ours = found[f"{metric}_{average}"]
        ours = ours[~np.isnan(ours)] if average == "classes" else ours
        assert ours == pytest.approx(value, abs=1e-12), metric


def test_auroc_equals_scikit_learn_where_both_are_defined():
    target, scores = predictions(seed=2)
    found = multilabel_metrics(target, scores, ["auroc_classes", "auroc_micro"])
    expected = sk.roc_auc_score(target[:, 2:], scores[:, 2:], average=None)
    assert found["auroc_classes"][2:] == pytest.approx(expected, abs=1e-12)
    micro = sk.roc_auc_score(target.ravel(), scores.ravel())
    assert found["auroc_micro"] == pytest.approx(micro, abs=1e-12)


def test_a_class_without_positives_or_negatives_has_no_value():
    target = np.array([[0, 1], [0, 1], [0, 1]], np.uint8)
    scores = np.array([[0.3, 0.2], [0.1, 0.2], [0.7, 0.9]], np.float32)
    found = multilabel_metrics(target, scores, ["ap_classes", "ap_macro", "auroc_classes"])
    assert found["ap_classes"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert found["ap_macro"] == 1
    assert np.isnan(found["auroc_classes"]).all()


def test_equal_scores_give_prevalence_and_a_half():
    target = np.array([[1], [0], [0], [1], [0]], np.uint8)
    scores = np.full((5, 1), -3.0, np.float32)
    found = multilabel_metrics(target, scores, ["ap_macro", "ap_micro", "auroc_macro"])
    assert found["ap_macro"] == found["ap_micro"] == pytest.approx(2 / 5, abs=1e-15)
    assert found["auroc_macro"] == 0.5


def test_one_sample():
    target, scores = np.array([[1, 0, 1]], np.uint8), np.array([[2, 1, -1]], np.float32)
    found = multilabel_metrics(target, scores)
    assert found["ap_classes"].tolist() == pytest.approx([1, np.nan, 1], nan_ok=True)
    assert found["ap_micro"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert found["auroc_micro"] == 0.5
    assert found["f1_samples"] == found["f1_micro"] == 0.5
    replicates = multilabel_replicates(target, scores, [resampled(1, 3)])
    for name, values in replicates.items():
        assert np.array_equal(values, np.stack([found[name]] * 3), equal_nan=True), name


def test_signed_zeros_tie_and_infinities_are_scores():
    target = np.array([[1, 1], [0, 0], [0, 1]], np.uint8)
    scores = np.array([[-0.0, np.inf], [0.0, np.inf], [-np.inf, -np.inf]], np.float32)
    found = multilabel_metrics(target, scores, ["ap_classes", "auroc_classes"])
    assert found["ap_classes"] == pytest.approx([1 / 2, 1 / 2 * 1 / 2 + 1 / 2 * 2 / 3])
    assert found["auroc_classes"] == pytest.approx([3 / 4, 1 / 4])


def test_only_the_order_matters_and_double_precision_is_kept():
    target, scores = predictions()
    logits = np.log(scores.astype(np.float64) + 1e-9)
    names = ["ap_macro", "ap_micro", "auroc_macro"]
    assert multilabel_metrics(target, scores, names) == multilabel_metrics(target, logits, names)
    close = np.array([[1.0], [1.0 + 1e-12]])
    assert multilabel_metrics(np.array([[1], [0]], np.uint8), close, ["ap_macro"]) == {
        "ap_macro": 0.5
    }


def test_threshold_is_strict_and_in_the_scale_of_the_scores():
    target = np.array([[1], [1], [0]], np.uint8)
    logits = np.array([[0.0], [0.1], [-1.0]], np.float32)
    assert multilabel_metrics(target, logits, ["recall_micro"])["recall_micro"] == 0.5
    lower = multilabel_metrics(target, logits, ["recall_micro"], threshold=-0.5)
    assert lower["recall_micro"] == 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_replicate_is_the_metric_of_the_repeated_samples(data):
    samples = data.draw(st.integers(1, 12))
    classes = data.draw(st.integers(1, 4))
    cells = samples * classes
    labels = data.draw(st.lists(st.integers(0, 1), min_size=cells, max_size=cells))
    levels = data.draw(st.lists(st.integers(0, 6), min_size=cells, max_size=cells))
    rows = data.draw(
        st.lists(
            st.lists(st.integers(0, 3), min_size=samples, max_size=samples).filter(any),
            min_size=1,
            max_size=6,
        )
    )
    target = np.array(labels, np.uint8).reshape(samples, classes)
    scores = np.array(levels, np.float32).reshape(samples, classes) / 6
    counts = np.array(rows, np.uint16)
    replicates = multilabel_replicates(target, scores, [counts], threshold=0.5)
    for resample, row in enumerate(counts):
        for name, expected in repeated(target, scores, row).items():
            assert replicates[name][resample] == pytest.approx(expected, abs=1e-9, nan_ok=True), (
                name
            )


def test_large_counts_equal_repeated_samples():
    rng = np.random.default_rng(3)
    target, scores = predictions(samples=9, classes=3)
    counts = rng.integers(0, 20_000, (5, 9)).astype(np.uint16)
    replicates = multilabel_replicates(target, scores, [counts], threshold=0.5)
    for resample, row in enumerate(counts):
        for name, expected in repeated(target, scores, row).items():
            assert replicates[name][resample] == pytest.approx(expected, abs=1e-9, nan_ok=True), (
                name
            )


def test_replicates_equal_resampled_predictions():
    target, scores = predictions(samples=3000, levels=400)
    counts = resampled(3000, 6, seed=5)
    replicates = multilabel_replicates(target, scores, [counts], threshold=0.5)
    for resample, row in enumerate(counts):
        for name, expected in repeated(target, scores, row).items():
            assert replicates[name][resample] == pytest.approx(expected, abs=1e-9, nan_ok=True), (
                name
            )


@pytest.mark.parametrize("lane", [np.uint16, np.uint32, np.uint64])
def test_every_lane_width_holds_the_same_curve(lane):
    target, scores = predictions(samples=500)
    counts = resampled(500, 4, seed=1)
    ranking = areas.rank(target[:, 3].astype(bool), scores[:, 3])
    words = areas.pack(counts, lane)
    curves = [areas.weighted_curve(ranking, word[None], lane, np.array(500)) for word in words]
    found = np.concatenate([areas.average_precision(curve) for curve in curves])
    expected = [
        sk.average_precision_score(target[:, 3], scores[:, 3], sample_weight=row) for row in counts
    ]
    assert found == pytest.approx(expected, abs=1e-12)


def test_lanes_widen_before_they_overflow():
    labels, scores = np.array([True, False, False, True]), np.array([4.0, 3, 2, 1])
    ranking = areas.rank(labels, scores)
    peaks = [65535 // 3, 65535 // 3 + 1, (2**32 - 1) // 3, (2**32 - 1) // 3 + 1]
    assert [areas.lane_for(ranking, peak) for peak in peaks] == [
        np.uint16,
        np.uint32,
        np.uint32,
        np.uint64,
    ]


def test_blocks_do_not_change_replicates():
    target, scores = predictions(samples=700)
    whole, pieces = (
        multilabel_replicates(target, scores, np.split(resampled(700, 23, seed=2), splits))
        for splits in ([], [5, 10, 15, 20])
    )
    for name in NAMES:
        if name.endswith("samples"):
            assert whole[name] == pytest.approx(pieces[name], rel=1e-13)
        else:
            assert np.array_equal(whole[name], pieces[name], equal_nan=True), name


def test_standard_error_of_accuracy_is_the_binomial_one():
    rng = np.random.default_rng(0)
    right = rng.random((2000, 1)) < 0.8
    target = rng.integers(0, 2, (2000, 1)).astype(np.uint8)
    scores = np.where(right, target, 1 - target).astype(np.float32) - np.float32(0.5)
    counts = jackknife_counts(2000, 2000, block=64)
    replicates = multilabel_replicates(target, scores, counts, ["accuracy_micro"])
    share = right.mean()
    assert spread_over_units(replicates["accuracy_micro"]).error == pytest.approx(
        np.sqrt(share * (1 - share) / 1999), rel=1e-6
    )


def test_metrics_fall_as_predictions_get_noisier():
    rng = np.random.default_rng(4)
    target = (rng.random((500, 3)) < 0.3).astype(np.uint8)
    noise = rng.normal(size=target.shape)
    found = [
        multilabel_metrics(target, 2.0 * target - 1 + size * noise, ["ap_macro", "auroc_macro"])
        for size in (0.0, 1.0, 2.0, 4.0)
    ]
    assert found[0] == {"ap_macro": 1, "auroc_macro": 1}
    for better, worse in pairwise(found):
        assert all(better[name] > worse[name] for name in better)


@pytest.mark.parametrize(
    ("target", "scores", "message"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.float32), "one shape"),
        (np.zeros(2, np.uint8), np.zeros(2, np.float32), "one shape"),
        (np.zeros((0, 2), np.uint8), np.zeros((0, 2), np.float32), "at least one sample"),
        (np.full((1, 1), 2, np.uint8), np.zeros((1, 1), np.float32), "0 or 1"),
        (np.zeros((1, 1), np.int64), np.zeros((1, 1), np.float32), "int64"),
        (np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.float16), "float16"),
        (
            np.zeros((2, 2), np.uint8),
            np.array([[0, 1], [np.nan, np.inf]], np.float32),
            "NaN for label 0 of sample 1",
        ),
    ],
)
def test_refuses_what_is_not_a_prediction(target, scores, message):
    with pytest.raises(BenchError, match=message):
        multilabel_metrics(target, scores)
    with pytest.raises(BenchError, match=message):
        multilabel_replicates(target, scores, [resampled(2, 2)])


def test_refuses_unknown_names_and_foreign_counts():
    target, scores = predictions()
    with pytest.raises(RequestError, match="ap_macro"):
        multilabel_metrics(target, scores, ["ap_makro"])
    with pytest.raises(RequestError, match="auroc_samples"):
        multilabel_metrics(target, scores, ["auroc_samples"])
    for counts in (np.ones((2, 399), np.uint16), np.ones((2, 400), np.int64)):
        with pytest.raises(BenchError, match="resample counts"):
            multilabel_replicates(target, scores, [counts])
    with pytest.raises(BenchError, match="at least one block"):
        multilabel_replicates(target, scores, [])
