"""Scales that interfaces state in words are checked: logits, metres, similarities, directions."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.evaluate import predictions
from bench.kinds import depth
from bench.kinds.common import scoring
from bench.kinds.multilabel import Multilabel
from bench.metrics import scales
from bench.spec import task as tasks
from bench.train.loop import TrainingSetup
from tests.faults.every_kind import NAMES_OF_CASES, case
from tests.kinds.test_predicted import NAMES, made, rows, taken

MULTILABEL = tasks.load("reben-mlc")
CLASSES = len(MULTILABEL.classes)


def labels(samples, share=0.2, seed=0):
    return (np.random.default_rng(seed).random((samples, CLASSES)) < share).astype(np.uint8)


def outputs(targets, seed=0):
    """Logits of a network that has learnt something."""
    noise = np.random.default_rng(seed + 1).normal(0, 1.5, targets.shape)
    return (4.0 * targets - 3 + noise).astype(np.float32)


def table(targets, logits):
    columns = {
        "sample": [f"s{row}" for row in range(len(targets))],
        "targets": list(targets),
        "logits": list(np.asarray(logits, np.float32)),
    }
    return pa.table(columns, schema=kinds.of(MULTILABEL).schema())


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


NO_LOGITS = {
    "probabilities": sigmoid,
    "nearly constant probabilities": lambda values: sigmoid(values / 100),
    "percent": lambda values: 100 * sigmoid(values),
    "decisions": lambda values: values > 0,
    "a softmax": softmax,
    "its logarithm": lambda values: np.log(softmax(values)),
    "rectified": lambda values: np.maximum(values, 0),
}


@pytest.mark.parametrize("samples", [2, 50])
@pytest.mark.parametrize("change", NO_LOGITS)
def test_what_is_no_logit_is_refused_with_the_way_to_convert_it(change, samples):
    targets = labels(samples)
    with pytest.raises(BenchError, match="expected logits, found") as refused:
        kinds.of(MULTILABEL).check_scale(table(targets, NO_LOGITS[change](outputs(targets))))
    assert "torch.logit" in refused.value.hint
    assert "\n" not in str(refused.value)


def test_converted_as_the_hint_says_they_are_taken():
    targets = labels(30)
    probabilities = torch.from_numpy(sigmoid(outputs(targets)))
    kinds.of(MULTILABEL).check_scale(table(targets, torch.logit(probabilities, eps=1e-6)))


@pytest.mark.parametrize("samples", [1, 2, 64])
def test_honest_logits_pass(samples):
    for seed in range(40):
        targets = labels(samples, seed=seed)
        draw = np.random.default_rng(seed)
        one, many = draw.normal(size=CLASSES), draw.normal(0, 0.1, targets.shape)
        for honest in (
            outputs(targets, seed),
            0.01 * outputs(targets, seed),  # a scale of its own
            np.broadcast_to(one, targets.shape),  # a prior
            one / 10 + many / 100,  # not trained yet
            np.zeros(targets.shape),  # a head of zeros
            np.full(targets.shape, 0.5),
            np.abs(outputs(targets, seed)) * -1,  # finds nothing
        ):
            kinds.of(MULTILABEL).check_scale(table(targets, honest))


def test_where_most_classes_are_in_most_samples_logits_may_all_be_positive():
    targets = labels(64, share=0.6)
    kinds.of(MULTILABEL).check_scale(table(targets, 0.4 + 0.1 * outputs(targets) / 10))


def few(values):
    """As of a task of three classes."""
    from bench.kinds.common.logits import check_logits

    check_logits(values, (values > values.mean()).astype(np.uint8))


def test_few_classes_that_are_not_trained_may_all_be_positive():
    draw = np.random.default_rng(0)
    few((0.2 + 0.6 * draw.random((64, 3))).astype(np.float32))
    few(draw.uniform(0, 1, (64, 3)).astype(np.float32))
    with pytest.raises(BenchError, match="found probabilities"):
        few(sigmoid(draw.normal(-2, 3, (64, 3))).astype(np.float32))


def test_a_round_of_a_federation_that_ends_in_a_sigmoid_is_refused():
    found = case("federated")
    honest = found.model.forward
    observed = found.observe()
    kinds.of(found.task).check_scale(observed)
    found.model.forward = lambda inputs: honest(inputs).sigmoid()
    with pytest.raises(BenchError, match="found probabilities"):
        kinds.of(found.task).check_scale(found.observe())


def test_probabilities_between_pixels_are_no_logits():
    found = case("segmentation")
    found.model.forward = lambda images, honest=found.model.forward: honest(images).softmax(1)
    found.observe()  # On its own grid the largest is the largest.
    batch = replace(found.batch, targets=found.batch.targets[:, :6, :6].contiguous())
    with pytest.raises(BenchError, match="found probabilities that sum to 1"):
        kinds.of(found.task).observe(found.model, batch)


def depths(predicted, true):
    task = tasks.load("magicbathy-bathymetry-agia-napa")
    found = depth._errors(torch.as_tensor(predicted), torch.as_tensor(true))
    columns = {name: list(values.numpy()) for name, values in found.items()}
    names = [f"s{row}" for row in range(len(true))]
    kinds.of(task).check_scale(
        pa.table({"sample": names, **columns}, schema=kinds.of(task).schema())
    )


def test_elevations_and_centimetres_are_refused_and_a_poor_network_is_not():
    draw = np.random.default_rng(0)
    true = draw.uniform(0, 20, (6, 12, 12)).astype(np.float32)
    found = true + draw.normal(0, 1, true.shape).astype(np.float32)
    for factor, words in ((-1, "elevations"), (100, "centimetres"), (1000, "millimetres")):
        with pytest.raises(BenchError, match=f"found {words}: mean") as refused:
            depths(factor * found, true)
        assert refused.value.hint
    for honest in (
        found,
        found / 3,
        3.28 * found,
        draw.normal(-0.1, 0.2, true.shape),  # not trained yet
        draw.normal(3, 500, true.shape),  # diverged
        np.full(true.shape, -0.5),
        np.full(true.shape, 1000.0),
        np.zeros(true.shape),
    ):
        depths(honest.astype(np.float32), true)


def test_one_set_of_similarities_is_shown_once(tmp_path):
    task, dataset, _, columns = made("zeroshot")
    classes = len(task.classes)
    whole = np.array(pa.array(columns["similarities"]).to_pylist())
    assert whole.shape[1] == 2 * classes
    first, twice = whole[:, :classes], np.tile(whole[:, :classes], 2)
    expected = kinds.of(task).measure(taken("zeroshot", tmp_path / "whole.parquet"))
    assert "accuracy_skyscript" in expected
    for number, values in enumerate((first, twice)):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"sample": NAMES, "similarities": values.tolist()}), path)
        observed = predictions.observations(path, task, dataset, NAMES)
        kinds.of(task).check_scale(observed)
        found = kinds.of(task).measure(observed)
        assert set(expected) - set(found) == {"accuracy_skyscript"}
        assert found["accuracy_macro"] == expected["accuracy_macro"]
        shown = {score.name for score in scoring.score(kinds.of(task), observed).scores}
        assert "accuracy_skyscript" not in shown
        assert "accuracy_macro" in shown


def test_sets_are_given_for_all_samples_or_none(tmp_path):
    task, dataset, _, _ = made("zeroshot")
    values = rows("zeroshot", "similarities")
    values[2] = values[2][: len(task.classes)]
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"sample": NAMES, "similarities": values}), path)
    with pytest.raises(BenchError, match="not for c"):
        kinds.of(task).check_scale(predictions.observations(path, task, dataset, NAMES))


def test_a_softmax_over_classes_does_not_rank_pictures(tmp_path):
    task, dataset, _, _ = made("several classes")
    values = np.array(rows("several classes", "similarities"))[:, : len(task.classes)]
    for similarities, words in ((100 * values, ""), (softmax(100 * values), "a softmax")):
        path = tmp_path / "p.parquet"
        columns = {"sample": NAMES, "similarities": similarities.tolist()}
        pq.write_table(pa.table(columns), path)
        observed = predictions.observations(path, task, dataset, NAMES)
        if not words:
            kinds.of(task).check_scale(observed)
            continue
        with pytest.raises(BenchError, match=f"found {words} over classes"):
            kinds.of(task).check_scale(observed)


def test_the_row_of_a_value_that_is_not_finite_is_named_in_lists_of_any_length(tmp_path):
    texts = rows("retrieval", "texts")
    texts[2][0] = float("nan")
    with pytest.raises(BenchError, match="first in row 2"):
        taken("retrieval", tmp_path / "p.parquet", texts=texts)


def test_bits_are_no_bytes(tmp_path):
    sizes = rows("compression", "bytes")
    sizes[2] = [64 * size for size in sizes[2]]
    with pytest.raises(BenchError, match=r"sample c: found a stream of .* are they bits"):
        taken("compression", tmp_path / "p.parquet", bytes=sizes)


@pytest.mark.parametrize("name", NAMES_OF_CASES)
def test_the_direction_of_every_metric_of_every_kind_is_known(name):
    found = case(name)
    kind, observed = kinds.of(found.task), found.observe()
    for metric in kind.measure(kind.settle(observed)):
        assert scales.direction(metric) in (1, -1)


@pytest.mark.parametrize("name", tasks.names())
def test_the_direction_of_what_ranks_is_known(name):
    assert scales.direction(tasks.load(name).primary) in (1, -1)


def test_an_unknown_metric_is_an_error_and_no_direction(monkeypatch):
    for ask in (lambda: scales.direction("recal_macro"), lambda: scales.scale("recal")):
        with pytest.raises(RequestError, match=r"unknown metric 'recal' .*did you mean recall"):
            ask()
    setup = dict.fromkeys(TrainingSetup.__dataclass_fields__)
    recipe = type("Recipe", (), {"select": "primary"})()
    task = MULTILABEL.model_copy(update={"primary": "hausdorff_macro"})
    with pytest.raises(RequestError, match="unknown metric 'hausdorff'"):
        TrainingSetup(**setup | {"task": task, "recipe": recipe}).better(1.0, 2.0)
    measure = Multilabel.measure
    monkeypatch.setattr(
        Multilabel, "measure", lambda kind, given: {**measure(kind, given), "loss_macro": 0.5}
    )
    targets = labels(40, share=0.5)
    with pytest.raises(RequestError, match="unknown metric 'loss'"):
        scoring.score(kinds.of(MULTILABEL), table(targets, outputs(targets)))


def test_predictions_and_old_runs_are_refused_before_they_are_recorded(tmp_path, sample_data):
    """Probabilities in a file, by the library as a user calls it."""
    from bench import api, data

    root = data.sample_root("reben")
    dataset = data.reader("reben").open_dataset(root)
    samples = predictions.expected(MULTILABEL, dataset)
    values = sigmoid(outputs(labels(len(samples)))).tolist()
    pq.write_table(pa.table({"sample": samples, "logits": values}), tmp_path / "p.parquet")
    asked = {"model": f"predictions:{tmp_path / 'p.parquet'}", "results": tmp_path / "results"}
    with pytest.raises(BenchError, match="expected logits, found probabilities"):
        api.run(task="reben-mlc", track="sample", **asked)
    assert not (tmp_path / "results" / "results.duckdb").exists()
    for manifest in (tmp_path / "results").rglob("run.json"):
        assert json.loads(manifest.read_text())["status"] != "complete"
