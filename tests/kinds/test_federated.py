"""Federated classification: observed by round, scored from observations alone."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import f1_score

from bench import kinds, models
from bench.base.errors import RequestError
from bench.kinds.common import scoring
from bench.kinds.common.batch import Batch
from bench.kinds.federated.rounds import Rounds
from bench.metrics.weighted_f1 import f1_scores, worst_f1
from bench.models import entries
from bench.models.rounds import stacked
from bench.spec import task as tasks
from bench.spec.entry import Federation, Round, Trained

TASK = tasks.load("reben-federated")
SAMPLES, CLASSES = 40, 19
COUNTRIES = ["Austria", "Belgium", "Finland", "Serbia"]


class Biased(torch.nn.Module):
    """Logits that follow the first band, and a weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(CLASSES))

    def forward(self, inputs):
        return inputs.mean(dim=(2, 3))[:, :1] * self.weight + self.weight - 0.8


def batch():
    draw = torch.Generator().manual_seed(0)
    labels = (torch.rand(SAMPLES, CLASSES, generator=draw) < 0.4).float()
    clients = [COUNTRIES[i % 4] for i in range(SAMPLES)]
    images = torch.randn(SAMPLES, 10, 4, 4, generator=draw)
    return Batch([f"s{i}" for i in range(SAMPLES)], images, {"labels": labels, "client": clients})


def observed(model):
    given = batch()
    with torch.inference_mode():
        columns = kinds.of(TASK).observe(model.eval(), given)
    columns = {n: v.tolist() if isinstance(v, torch.Tensor) else v for n, v in columns.items()}
    return pa.table({"sample": given.samples, **columns}, schema=kinds.of(TASK).schema())


def three_rounds():
    model = Rounds(Biased(), 3)
    for number, network in enumerate(model.rounds):
        network.weight.data *= 0.3 + 0.5 * number
    model.account[:] = torch.tensor([[30, 2, 1], [60, 2, 1], [60, 2, 4]])
    return model


def test_every_round_is_scored_as_if_it_were_the_last():
    table = observed(three_rounds())
    parts = kinds.of(TASK).parts(table)
    assert list(parts) == ["round=1", "round=2", "round=3"]
    for part, network in zip(parts.values(), three_rounds().rounds, strict=True):
        alone = observed(network)
        assert part.column("decisions").to_pylist() == alone.column("decisions").to_pylist()
        labels, decided = batch().targets["labels"].numpy(), network(batch().inputs) >= 0
        expected = f1_score(labels, decided.numpy(), average="weighted", zero_division=0)
        found = kinds.of(TASK).measure(part)[TASK.primary]
        assert found == pytest.approx(expected, abs=1e-12)
    assert kinds.of(TASK).parts(alone) == {}
    whole = kinds.of(TASK).measure(table)
    assert whole[TASK.primary] == found
    curve = [kinds.of(TASK).measure(part)["f1_weighted"] for part in parts.values()]
    reached = [n for n, value in enumerate(curve, 1) if value >= TASK.settings["target"]]
    expected = float(reached[0]) if reached else np.nan
    assert whole["rounds_target"] == pytest.approx(expected, nan_ok=True)


def test_costs_are_means_over_rounds_and_unknown_where_nobody_tells():
    found = kinds.of(TASK).measure(observed(three_rounds()))
    assert (found["macs_round"], found["bytes_down"], found["bytes_up"]) == (50, 2, 2)
    assert found["parameters_shared"] == CLASSES
    assert np.isnan(found["seconds_round"])
    plain = kinds.of(TASK).measure(observed(Biased()))
    assert np.isnan([plain[name] for name in ("macs_round", "bytes_up", "parameters_shared")]).all()


def test_replicates_are_metrics_of_repeated_samples():
    table = observed(three_rounds())
    draw = np.random.default_rng(0)
    counts = draw.multinomial(SAMPLES, np.full(SAMPLES, 1 / SAMPLES), 3).astype(np.uint16)
    found = kinds.of(TASK).replicate(table, [counts[:2], counts[2:]])
    for index, row in enumerate(counts):
        repeated = kinds.of(TASK).measure(table.take(pa.array(np.repeat(np.arange(SAMPLES), row))))
        assert repeated.keys() == found.keys()
        for name, values in found.items():
            np.testing.assert_allclose(values[index], repeated[name], atol=1e-12, err_msg=name)
    named = kinds.of(TASK).replicate(table, iter([counts]), ["f1_weighted"])
    assert list(named) == ["f1_weighted"]
    np.testing.assert_array_equal(named["f1_weighted"], found["f1_weighted"])


def test_f1_is_that_of_scikit_learn_and_the_worst_is_of_one_client():
    draw = np.random.default_rng(1)
    targets, decided = (draw.integers(0, 2, (30, 5)).astype(np.uint8) for _ in range(2))
    targets[:, 2] = 0
    once = np.ones((1, 30), np.uint16)
    found = f1_scores(targets, decided, once)
    for average in ("weighted", "macro", "micro"):
        # The third class doesn't occur: it isn't counted as 0.
        how = {"labels": [0, 1, 3, 4]} if average == "macro" else {}
        expected = f1_score(targets, decided, average=average, zero_division=0, **how)
        assert found[average][0] == pytest.approx(expected, abs=1e-12)
    groups = np.arange(30) % 3
    each = [
        f1_score(targets[groups == g], decided[groups == g], average="weighted", zero_division=0)
        for g in range(3)
    ]
    assert worst_f1(targets, decided, groups, once)[0] == pytest.approx(min(each), abs=1e-12)
    without = np.where(groups == np.argmin(each), 0, 1).astype(np.uint16)[None]
    assert worst_f1(targets, decided, groups, without)[0] == pytest.approx(sorted(each)[1])
    assert np.isnan(f1_scores(targets * 0, decided, once)["weighted"]).all()


def test_predictions_from_elsewhere_are_the_only_round():
    class Known:
        def multilabels(self, samples):
            return batch().targets["labels"].numpy().astype(np.uint8)

        def attributes(self, samples):
            return {"country": batch().targets["client"]}

    whole = observed(three_rounds())
    form = kinds.of(TASK).prediction_schema()
    given = whole.select(["sample", "logits"]).cast(form)
    table = kinds.of(TASK).from_predictions(Known(), given)
    one, other = kinds.of(TASK).measure(table), kinds.of(TASK).measure(whole)
    for name in ("f1_weighted", "f1_worst", "ap_macro", "f1_classes"):
        np.testing.assert_array_equal(one[name], other[name])


def test_the_loss_is_that_of_labels_and_every_metric_has_intervals():
    model = Biased()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        model(batch().inputs), batch().targets["labels"]
    )
    assert torch.equal(kinds.of(TASK).loss(model, batch()), expected)
    attributes = pa.table({"sample": batch().samples, "country": batch().targets["client"]})
    scores = scoring.score(kinds.of(TASK), observed(three_rounds()), attributes).scores
    slices = {s.slice for s in scores}
    assert {"round=1", "round=3", "country=Serbia"} <= slices
    for score in (s for s in scores if s.name == TASK.primary):
        if score.slice.startswith("country="):
            assert (score.samples, score.low) == (SAMPLES // 4, None)  # too few
        else:
            # A round that says nothing of anything has no F1 below its own.
            assert score.low < score.value or score.value == 0
            assert score.value < score.high


@pytest.mark.parametrize("name", ["resnet", "mixer", "convmixer", "poolformer"])
def test_an_entry_of_rounds_computes_what_its_last_round_does(name):
    found = entries.baseline(f"{name}-fedavg-ds2", TASK).on("sample")
    torch.manual_seed(0)
    states = []
    for _ in range(2):
        network = models.build(found, CLASSES)
        states.append(network.state_dict())
    cost = Round(clients=7, loss=1, seconds=3, slowest=1, macs=5, bytes_down=4, bytes_up=3)
    arguments = found.model.arguments | {"rounds": 2}
    model = found.model.model_copy(
        update={"architecture": f"rounds:{found.model.architecture}", "arguments": arguments}
    )
    trained = Trained(
        task=TASK.name,
        track="sample",
        seed=0,
        recipe=found.recipe["sample"],
        epochs_run=2,
        steps=2,
        samples_seen=2,
        seconds=6,
        data="",
        harness="",
        federation=Federation(clients={}, parameters=1, rounds=[cost, cost]),
    )
    changes = {"model": model, "trained": trained}
    whole = models.build(found.model_copy(update=changes), CLASSES)
    whole.load_state_dict(stacked(states, [cost, cost]))
    images = torch.randn(2, 10, 120, 120)
    with torch.inference_mode():
        assert torch.equal(whole.eval()(images), network.eval()(images))
    assert whole.account.tolist() == [[5, 4, 3]] * 2
    targets = {"labels": torch.zeros(2, CLASSES), "client": COUNTRIES[:2]}
    costs = kinds.of(TASK).observe(whole, Batch(["a", "b"], images, targets))
    assert (costs["seconds"].tolist(), costs["macs"].tolist()) == ([3, 3], [5, 5])


@pytest.mark.parametrize("wrong", [{}, {"rounds": 0}, {"rounds": True}, {"rounds": 10**9}])
def test_a_number_of_rounds_that_can_not_be_is_refused(wrong):
    found = entries.baseline("resnet-fedavg-ds2", TASK)
    model = found.model.model_copy(
        update={"architecture": "rounds:timm:test_resnet", "arguments": wrong}
    )
    with pytest.raises(RequestError, match="a number of rounds from 1 to 1000"):
        models.build(found.model_copy(update={"model": model}), CLASSES)
    nested = model.model_copy(update={"architecture": "rounds:hf:a"})
    with pytest.raises(RequestError, match="unknown model source 'hf'"):
        models.build(found.model_copy(update={"model": nested}), CLASSES)
