"""Zero-shot classification against published accuracies, loops and closed forms."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from bench.base.errors import BenchError, RequestError
from bench.kinds.common.prompts import PROMPTS, fill
from bench.metrics.zeroshot import (
    accuracy,
    class_accuracy,
    class_embeddings,
    class_ranks,
    class_scores,
    multilabel_precision,
)


def vectors(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("model", ["CLIP", "RemoteCLIP", "GeoRSCLIP"])
def test_published_accuracy_of_whu_rs19(real_data, model):
    folder = real_data / "whu_rs19"
    with np.load(folder / f"emb_{model}_ViT-B-32.npz") as stored:
        images, texts, labels = (
            stored[name] for name in ("images", "texts_averageprompt", "labels")
        )
    with (folder / "results_averageprompt.csv").open() as stream:
        (published,) = (
            float(row["acc_base_averageprompt_zs"])
            for row in csv.DictReader(stream)
            if (row["model_name"], row["model_architecture"]) == (model, "ViT-B-32")
        )
    ranks = class_ranks(class_scores(images, texts), labels)
    assert np.count_nonzero(ranks == 1) == round(published / 100 * 1005)
    assert 100 * accuracy(ranks) == pytest.approx(published, abs=1e-12)
    by_class = class_accuracy(ranks, labels, 19)
    assert np.average(by_class, weights=np.bincount(labels)) == pytest.approx(published / 100)


def test_a_class_is_the_normalised_mean_of_its_normalised_prompts():
    prompts = vectors(3, 5, 16) * np.geomspace(0.1, 10, 5, dtype=np.float32)[:, None]
    exact = prompts.astype(float) / np.linalg.norm(prompts.astype(float), axis=2, keepdims=True)
    exact = exact.mean(axis=1)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    assert class_embeddings(prompts) == pytest.approx(exact, abs=2e-7)
    single = class_embeddings(prompts[:, :1])
    assert single == pytest.approx(
        prompts[:, 0] / np.linalg.norm(prompts[:, 0], axis=1)[:, None], abs=1e-7
    )
    by_norm = prompts.mean(axis=1)
    by_norm /= np.linalg.norm(by_norm, axis=1, keepdims=True)
    assert np.abs(class_embeddings(prompts) - by_norm).max() > 1e-2


def test_scores_are_cosines():
    images, classes = vectors(5000, 12), vectors(4, 12, seed=1)
    exact = images.astype(float) @ classes.T.astype(float)
    exact /= np.linalg.norm(images.astype(float), axis=1)[:, None]
    exact /= np.linalg.norm(classes.astype(float), axis=1)
    assert class_scores(images, classes) == pytest.approx(exact, abs=3e-7)


def test_equal_classes_are_never_right():
    classes = vectors(3, 8)
    classes[2] = classes[0]
    labels = np.array([0, 1, 2])
    ranks = class_ranks(class_scores(classes, classes), labels)
    assert ranks.tolist() == [2, 1, 2]
    assert accuracy(ranks) == pytest.approx(1 / 3)
    assert accuracy(ranks, 2) == 1
    constant = class_scores(np.ones((4, 8), np.float32), np.ones((5, 8), np.float32))
    assert class_ranks(constant, np.arange(4)).tolist() == [5] * 4


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_small_case_equals_a_loop(data):
    images, classes = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 5))
    cells = images * classes
    levels = data.draw(st.lists(st.integers(0, 3), min_size=cells, max_size=cells))
    scores = np.array(levels, float).reshape(images, classes)
    drawn = st.lists(st.integers(0, classes - 1), min_size=images, max_size=images)
    labels = np.array(data.draw(drawn))
    ranks = class_ranks(scores, labels)
    k = data.draw(st.integers(1, 5))
    right = []
    for row, label in zip(scores, labels, strict=True):
        others = [value for number, value in enumerate(row) if number != label]
        right.append(sum(value >= row[label] for value in others) < k)
    assert (ranks <= k).tolist() == right
    assert accuracy(ranks, k) == np.mean(right)
    for number, value in enumerate(class_accuracy(ranks, labels, classes, k)):
        of_class = [r for r, label in zip(right, labels, strict=True) if label == number]
        assert value == np.mean(of_class) if of_class else np.isnan(value)


def test_several_labels_are_scored_by_average_precision():
    scores = class_scores(vectors(200, 16), vectors(5, 16, seed=1))
    target = (np.random.default_rng(0).random((200, 5)) < 0.3).astype(np.uint8)
    found = multilabel_precision(scores, target)
    expected = average_precision_score(target, scores, average=None)
    assert found["ap_classes"] == pytest.approx(expected, abs=1e-12)
    assert found["ap_macro"] == pytest.approx(expected.mean(), abs=1e-12)


def zero_row(*shape):
    rows = vectors(*shape)
    rows.reshape(-1, shape[-1])[3] = 0
    return rows


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: class_embeddings(vectors(3, 4)), r"\[C, T, D\]"),
        (lambda: class_embeddings(vectors(3, 0, 4)), "no axis empty"),
        (lambda: class_embeddings(zero_row(2, 2, 4)), "prompt embeddings .* only zeros in row 3"),
        (
            lambda: class_embeddings(np.stack([np.eye(2), -np.eye(2)], 1).astype(np.float32)),
            "class embeddings .* only zeros in row 0",
        ),
        (lambda: class_scores(vectors(3, 4), vectors(2, 5)), "one width"),
        (lambda: class_scores(zero_row(4, 4), vectors(2, 4)), "image embeddings .* row 3"),
        (lambda: class_ranks(np.zeros((2, 3)), np.array([0])), "one label for each"),
        (lambda: class_ranks(np.zeros((1, 3)), np.array([3])), "found 3 for image 0"),
        (lambda: class_ranks(np.zeros((1, 3)), np.array([0.0])), "float64"),
        (lambda: class_ranks(np.array([[0, 1], [0, np.nan]]), np.array([0, 0])), "NaN for image 1"),
    ],
)
def test_refuses_what_is_no_classifier(call, message):
    with pytest.raises(BenchError, match=message):
        call()


def test_prompt_sets_are_the_published_ones():
    sizes = {name: len(prompts.templates) for name, prompts in PROMPTS.items()}
    assert sizes["georsclip"] == 105
    assert sizes["rs-transclip"] == 106
    assert sizes["remoteclip"] == 1
    for prompts in PROMPTS.values():
        assert len(set(prompts.templates)) == len(prompts.templates)
        assert all(template.count("{}") == 1 for template in prompts.templates)
    published = fill("georsclip", "pond")
    assert published[0] == "a remote sensing image of many pond."
    assert published[34] == "a remote sensing image of a cool pond."
    assert published[39] == "an aerial image of a hard to see pond."
    assert published[42] == "a bad aerial image of the pond."
    assert published[104] == "a satellite image of a cool pond."
    assert fill("rs-transclip", "pond") == ("a satellite photo of a pond.", *published)
    assert fill("clip-benchmark-resisc45", "{0.__class__}")[3] == "{0.__class__} from above"
    with pytest.raises(RequestError, match="georsclip"):
        fill("geors-clip", "pond")
