"""A class that doesn't occur among the samples that are scored isn't counted as zero, anywhere."""

import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from bench import kinds
from bench.kinds import crops, segmentation
from bench.kinds.common import scoring
from bench.kinds.common.predicted import beside
from bench.metrics import confusion
from bench.metrics.multilabel import NAMES, multilabel_metrics, multilabel_replicates, occurring
from bench.metrics.weighted_f1 import f1_scores, worst_f1
from bench.results import export, store
from bench.spec import task as tasks
from tests.fabricated import fabricate
from tests.faults.every_kind import case
from tests.resampled import resampled

MULTILABEL = tasks.load("reben-mlc")
CLASSES = len(MULTILABEL.classes)
PLACES = ["Kosovo"] * 8 + ["Portugal"] * 32


def some(samples=40, classes=CLASSES, seed=0):
    """Labels of which the first samples lack some classes, and logits."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((samples, classes)) < 0.3).astype(np.uint8)
    targets[-classes:, :] |= np.eye(classes, dtype=np.uint8)
    targets[:8, 2:] = 0
    targets[:8, :2] = rng.permuted(np.tile([[0], [1]], (4, 2)), axis=0)
    return targets, (3.0 * targets - 1.5 + rng.normal(0, 2, targets.shape)).astype(np.float32)


def table(targets, logits):
    columns = {
        "sample": [f"s{row}" for row in range(len(targets))],
        "targets": list(targets),
        "logits": list(np.asarray(logits, np.float32)),
    }
    return pa.table(columns, schema=kinds.of(MULTILABEL).schema())


def scored(targets, logits):
    observed = table(targets, logits)
    places = pa.table({"sample": observed.column("sample"), "country": PLACES})
    found = scoring.score(kinds.of(MULTILABEL), observed, places).scores
    return {(score.name, score.slice): score for score in found if not score.label}


def test_perfect_predictions_are_perfect_in_a_slice_and_without_each_sample():
    targets, _ = some()
    found = scored(targets, 20.0 * targets - 10)
    for part, classes in (("", CLASSES), ("country=Kosovo", 2), ("country=Portugal", CLASSES)):
        score = found["ap_macro", part]
        assert (score.value, score.classes) == (1, classes)
        if score.samples == 8:  # too few
            assert (score.low, score.high) == (None, None)
        else:
            assert (score.low, score.high) == (pytest.approx(0.025 ** (1 / score.samples)), 1)
    for metric in ("f1", "f2", "recall", "precision", "accuracy", "auroc", "specificity"):
        score = found[f"{metric}_macro", ""]
        assert (score.value, score.high) == (1, 1)
        assert score.low == found["ap_macro", ""].low
    assert found["ap_micro", ""].classes is None
    observed = table(targets, 20.0 * targets - 10)
    assert set(scoring.score(kinds.of(MULTILABEL), observed).left_out) == {1}


def test_a_slice_is_scored_as_scikit_learn_scores_the_classes_that_occur():
    targets, logits = some()
    found = scored(targets, logits)
    for rows, classes in ((slice(8), 2), (slice(8, 40), CLASSES)):
        part = f"country={PLACES[rows.start or 0]}"
        pair = targets[rows, :classes], logits[rows, :classes]
        expected = sk.average_precision_score(*pair, average="macro")
        assert found["ap_macro", part].value == pytest.approx(expected, abs=1e-12)
    assert found["ap_macro", part].low < expected < found["ap_macro", part].high


def by_hand(targets, logits):
    """Macro averages of scikit-learn over the classes that occur."""
    there = np.flatnonzero(targets.any(axis=0))
    both = np.flatnonzero(targets.any(axis=0) & ~targets.all(axis=0))
    decided = logits > 0
    how = {"labels": there, "average": "macro", "zero_division": 0}
    return (
        {
            "ap_macro": sk.average_precision_score(targets[:, there], logits[:, there]),
            "auroc_macro": sk.roc_auc_score(targets[:, both], logits[:, both]),
            "f1_macro": sk.f1_score(targets, decided, **how),
            "f2_macro": sk.fbeta_score(targets, decided, beta=2, **how),
            "precision_macro": sk.precision_score(targets, decided, **how),
            "recall_macro": sk.recall_score(targets, decided, **how),
            "specificity_macro": sk.recall_score(1 - targets, ~decided, **how | {"labels": both}),
            "accuracy_macro": (targets == decided)[:, there].mean(),
        },
        {"auroc_macro": len(both), "specificity_macro": len(both)},
        len(there),
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_macro_average_is_that_of_the_classes_that_occur(seed):
    targets, logits = some(samples=30, classes=9, seed=seed)
    targets[:, 3], targets[:, 4] = 0, 1  # never there, and predicted; always there
    targets[:, 5], logits[:, 5] = 0, -9  # never there, and never predicted
    logits[:, 6] = -9  # there, and never predicted
    expected, fewer, there = by_hand(targets, logits)
    found = multilabel_metrics(targets, logits)
    assert {name for name in NAMES if name.endswith("macro")} == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
        of_classes = found[name.replace("macro", "classes")]
        assert np.isnan(of_classes[[3, 5]]).all(), name
        assert not np.isnan(of_classes[6]), name
        assert occurring(targets)[name] == np.isfinite(of_classes).sum()
        assert occurring(targets)[name] == fewer.get(name, there)
    counts = resampled(len(targets), 12, seed=seed)
    replicates = multilabel_replicates(targets, logits, [counts])
    for row, count in enumerate(counts):
        chosen = np.repeat(np.arange(len(targets)), count)
        for name, value in by_hand(targets[chosen], logits[chosen])[0].items():
            assert replicates[name][row] == pytest.approx(value, abs=1e-9), name


def test_where_every_class_occurs_and_is_absent_somewhere_nothing_is_left_out():
    targets, logits = some()
    found = multilabel_metrics(targets, logits)
    for name in (name for name in NAMES if name.endswith("macro")):
        assert found[name] == found[name.replace("macro", "classes")].mean()


def test_without_any_positive_nothing_is_defined_but_what_needs_none():
    targets, logits = np.zeros((40, 3), np.uint8), some(classes=3)[1]
    found = multilabel_metrics(targets, logits)
    known = {name for name, value in found.items() if np.isfinite(value).all()}
    samples = {name for name in NAMES if name.endswith("samples")}
    assert known == samples | {"accuracy_micro", "specificity_micro"}


def test_weighted_and_macro_f1_of_a_federation():
    targets, logits = some(classes=6)
    targets[:, 5] = 0
    decided = (logits > 0).astype(np.uint8)
    found = f1_scores(targets, decided, np.ones((1, 40), np.uint16))
    for average in ("weighted", "macro"):
        expected = sk.f1_score(targets, decided, average=average, labels=range(5))
        assert found[average][0] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found["classes"][0, 5])
    groups = np.arange(40) % 2
    worst = worst_f1(targets, decided, groups, np.ones((1, 40), np.uint16))[0]
    expected = [
        sk.f1_score(targets[groups == g], decided[groups == g], average="weighted", zero_division=0)
        for g in (0, 1)
    ]
    assert worst == pytest.approx(min(expected), abs=1e-12)


def test_maps_leave_out_classes_without_a_pixel_even_where_they_are_predicted():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, (3, 9, 9)).astype(np.uint8)
    guess = np.where(rng.random(target.shape) < 0.6, target, rng.integers(0, 6, target.shape))
    matrices = confusion.confusion_matrices(target, guess.astype(np.uint8), 7)
    matrix = matrices.sum(axis=0)
    pair = target.ravel(), guess.ravel()
    how = {"labels": range(4), "average": "macro"}
    assert confusion.mean_iou(matrix) == pytest.approx(sk.jaccard_score(*pair, **how))
    assert confusion.mean_f1(matrix) == pytest.approx(sk.f1_score(*pair, **how))
    assert confusion.mean_class_accuracy(matrix) == pytest.approx(sk.recall_score(*pair, **how))
    assert np.isnan(confusion.class_iou(matrix)).tolist() == 4 * [False] + 3 * [True]
    assert confusion.occurring(matrix) == 4


def of_maps(task, matrices):
    samples = pa.table({"sample": [f"s{row}" for row in range(len(matrices))]})
    return beside(kinds.of(task).schema(), samples, {"confusion": matrices})


@pytest.mark.parametrize("kind", [segmentation, crops])
def test_kinds_of_maps_say_how_many_classes_have_a_pixel(kind):
    task = tasks.load("reben-pixel" if kind is segmentation else "pastis-r-crop-mapping")
    classes = len(task.classes)
    matrices = np.zeros((20, classes, classes), np.int32)
    for place in (0, 2, 3):
        matrices[:, place, place], matrices[:, place, 5] = 6, 2  # the sixth is only predicted
    scores = scoring.score(kinds.of(task), of_maps(task, matrices.reshape(20, -1))).scores
    found = {s.name: s for s in scores}
    assert found["iou_macro"].value == found["iou_macro"].low == found["iou_macro"].high == 6 / 8
    assert found["iou_macro"].classes == found["recall_macro"].classes == 3
    assert found["accuracy_micro"].classes is None
    if kind is crops:
        assert task.classes.index(task.settings["background"]) == 0
        assert found["iou_crops"].classes == found["recall_crops"].classes == 2
        assert found["iou_crops"].value == 6 / 8


@pytest.mark.parametrize("name", ["zeroshot", "several classes", "federated", "multilabel"])
def test_every_kind_says_how_many_classes_its_means_are_over(name):
    found = case(name)
    observed = found.observe()
    shown = np.array(observed.column("targets").to_pylist()).any(axis=0).sum()
    scores = scoring.score(kinds.of(found.task), observed).scores
    scores = [score for score in scores if score.average == "macro"]
    assert scores
    for score in scores:
        assert score.classes == shown or score.metric in ("auroc", "specificity")
        assert 0 < score.classes <= shown


def test_the_number_of_classes_is_recorded_and_exported(tmp_path):
    bounded = {"metric": "ap", "average": "macro", "label": "", "slice": "", "samples": 6}
    bounded |= {"value": 0.75, "low": 0.5, "high": 0.875}
    new, *_ = fabricate(tmp_path, "new", scores=[bounded | {"classes": 17}])
    old, *_ = fabricate(tmp_path, "old", scores=[bounded])
    store.record(tmp_path, new, old)
    with store.connect(tmp_path, write=False) as connection:
        found = connection.execute("select run, classes from metrics order by run").fetchall()
    assert found == [("new", 17), ("old", None)]
    document = json.loads(export.as_json(export.rows(tmp_path)))
    by_run = {run["run"]: run["metrics"][0]["classes"] for run in document["runs"]}
    assert by_run == {"new": 17, "old": None}


def test_a_rare_class_has_an_interval_where_it_occurs_twice_and_is_named():
    targets, _ = some()
    targets[:, 3:6] = 0
    targets[[10, 30], 3], targets[10, 4] = 1, 1
    found = scoring.score(kinds.of(MULTILABEL), table(targets, 20.0 * targets - 10))
    twice, once, absent = (
        next(s for s in found.scores if (s.metric, s.label) == ("ap", MULTILABEL.classes[index]))
        for index in (3, 4, 5)
    )
    assert (twice.value, twice.high) == (1, 1)
    # Of two that are right a share of 16 % can still be wrong, whatever is said of the others.
    assert twice.low == pytest.approx(0.025 ** (1 / 2))
    assert (once.value, once.low, once.high) == (1, None, None)
    assert (absent.value, absent.low, absent.high) == (None, None, None)
    (said,) = (remark for remark in found.remarks if "approximate" in remark)
    assert said.endswith(f"{MULTILABEL.classes[3]} (2), {MULTILABEL.classes[4]} (1)")
