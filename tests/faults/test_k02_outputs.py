"""What a model returns is looked at where it is called: container, dtype, shape, finiteness."""

import pytest
import torch

from bench import api, kinds
from bench.base.errors import BenchError
from bench.kinds.federated.rounds import Rounds
from bench.results.runs import all_runs
from tests.faults.every_kind import NAMES_OF_CASES, case
from tests.tiny import tiny


def with_one(value):
    def spoil(found):
        found = found.clone()
        found[(-1,) * found.ndim] = value
        return found

    return spoil


TENSORS = {
    "NaN": (with_one(torch.nan), "NaN or infinity"),
    "inf": (with_one(torch.inf), "NaN or infinity"),
    "-inf": (with_one(-torch.inf), "NaN or infinity"),
    "inf and -inf": (lambda found: with_one(-torch.inf)(found.fill_(torch.inf)), "NaN or infinity"),
    "a sample less": (lambda found: found[:-1], "shape"),
    "an axis more": (lambda found: found[None], "shape"),
    "whole numbers": (lambda found: found.to(torch.int64), "returned int64"),
    "doubles": (lambda found: found.double(), "returned float64"),
    "truth": (lambda found: found > 0, "returned bool"),
    "complex": (lambda found: found + 0j, "returned complex64"),
    "a tuple": (lambda found: (found, found), "returned tuple"),
    "a mapping": (lambda found: {"logits": found}, "returned dict"),
    "an array": (lambda found: found.detach().numpy(), "returned ndarray"),
    "nothing": (lambda found: None, "returned NoneType"),
}
CAPTIONS = {
    "a tuple": (tuple, "returned tuple"),
    "a text": (lambda found: found[0], "returned str"),
    "one less": (lambda found: found[:-1], "returned 3 captions"),
    "numbers": (lambda found: [*found[:-1], 7], "for sample d, found int"),
    "nothing": (lambda found: [*found[:-1], None], "for sample d, found NoneType"),
}
STREAMS = {
    "no byte": (lambda found: b"", "s0 at 2: expected a stream as bytes, encode returned no byte"),
    "an array": (bytearray, "s0 at 2: .* returned bytearray"),
    "nothing": (lambda found: None, "s0 at 2: .* returned NoneType"),
}
SPOILT = [
    (name, ability, what)
    for name in NAMES_OF_CASES
    for ability in case(name).abilities
    for what in {"caption": CAPTIONS, "encode": STREAMS}.get(ability, TENSORS)
]


def spoil(model, ability, change):
    """The same model, of whose results one isn't as it was."""
    target = model.last if isinstance(model, Rounds) else model
    honest = getattr(target, ability)
    setattr(target, ability, lambda *given: change(honest(*given)))


def test_every_kind_is_asked():
    assert {case(name).task.kind for name in NAMES_OF_CASES} == set(kinds.names())


@pytest.mark.parametrize("name", NAMES_OF_CASES)
def test_what_is_as_it_should_be_is_observed(name):
    found = case(name)
    assert found.observe().column("sample").to_pylist() == list(found.batch.samples)


@pytest.mark.parametrize(
    ("name", "ability", "what"), SPOILT, ids=[" ".join(spoilt) for spoilt in SPOILT]
)
def test_another_output_is_refused_in_one_line_that_names_a_sample(name, ability, what):
    found = case(name)
    of = {"caption": CAPTIONS, "encode": STREAMS}.get(ability, TENSORS)
    change, words = of[what]
    spoil(found.model, ability, change)
    with pytest.raises(BenchError, match=words) as refused:
        found.observe()
    line = str(refused.value)
    # A sentence that names a class stands for itself.
    named = [*found.batch.samples, "sentence"] if ability == "encode_text" else found.batch.samples
    assert any(sample in line for sample in named)
    assert "\n" not in line
    assert refused.value.hint


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("kind", ["multilabel", "segmentation", "depth", "crops"])
def test_the_faulty_sample_is_named_and_not_another(kind, value):
    found = case(kind)

    def second(made):
        # Of crops those of equal lengths are asked about together, and most are alone.
        made = made.clone()
        made[1:] = value
        return made

    spoil(found.model, "forward", second)
    named = "c" if kind == "crops" else "b"
    with pytest.raises(BenchError, match=f"NaN or infinity for sample {named} "):
        found.observe()


@pytest.mark.parametrize("name", ["multilabel", "segmentation", "depth", "crops", "federated"])
def test_a_loss_that_selects_the_best_epoch_looks_too_and_a_step_of_training_does_not(name):
    """Cross-entropy is finite where a logit is -inf and its class is absent."""
    found = case(name)
    kind = kinds.of(found.task)
    spoil(found.model, "forward", with_one(-torch.inf))
    with torch.inference_mode(), pytest.raises(BenchError, match="NaN or infinity for sample"):
        kind.loss(found.model, found.batch)
    kind.loss(found.model, found.batch)


def test_values_too_large_for_a_sum_are_finite():
    found = case("segmentation")
    spoil(found.model, "forward", lambda made: made.sign() * 3e38)
    assert found.observe().num_rows == 4


def test_half_precision_is_taken():
    found = case("segmentation")
    spoil(found.model, "forward", torch.Tensor.half)
    assert found.observe().num_rows == 4


@pytest.mark.parametrize("points", [[], ["2", "2"], [2, 4], "24", None])
@pytest.mark.parametrize("name", ["compression", "consistency"])
def test_points_are_different_names(name, points):
    found = case(name)
    found.model.points = points
    sample = found.batch.samples[0]
    with pytest.raises(BenchError, match=f"expected points as a list.*sample {sample}"):
        found.observe()


def test_latents_are_a_number():
    found = case("compression")
    found.model.latents = lambda point, shape: float("nan")
    with pytest.raises(BenchError, match="s0 at 2: expected a number of latents"):
        found.observe()


def test_nothing_is_recorded(tmp_path, sample_data):
    """Finite weights, whose products aren't."""

    def overflow(network):
        network.get_classifier().weight.data.fill_(3e38)

    folder = tiny(tmp_path, overflow)
    results = tmp_path / "results"
    with pytest.raises(BenchError, match="the model returned NaN or infinity for sample"):
        api.run(task="reben-mlc", model=str(folder), track="sample", limit=2, results=results)
    assert not (results / "results.duckdb").exists()
    (run,) = all_runs(results)
    assert not run.complete()
    assert run.parts() == []
