"""Captioning: what is observed of a captioner, and what follows from it."""

import math
import shutil
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest
import torch

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.kinds import captioning
from bench.kinds.common import scoring
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.metrics import scales
from bench.metrics.captions import families
from bench.metrics.captions.cider import cider_d
from bench.metrics.captions.external import Computed
from bench.metrics.captions.tokens import tokenise
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe
from tests.resampled import resampled

GAIA = tasks.load("gaia-captioning")
TASK = tasks.load("rsicd-captioning")
NAMES = [f"{name}_corpus" for name in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l", "cider")]


@pytest.fixture(autouse=True)
def no_java(monkeypatch):
    """As on a machine without it, and nothing remembered."""
    families._by_java.cache_clear()
    monkeypatch.setenv("PATH", "")
    yield
    families._by_java.cache_clear()


def table(hypotheses, references, samples=None):
    rows = {
        "sample": samples or [f"s{i}" for i in range(len(hypotheses))],
        "hypothesis": hypotheses,
        "references": references,
    }
    return pa.table(rows, schema=kinds.of(TASK).schema())


def some(count=40, seed=0):
    """Captions of random words, near enough to their references to score."""
    rng = np.random.default_rng(seed)
    words = np.array(["many", "green", "trees", "are", "near", "a", "lake", "and", "houses"])

    def sentence():
        return " ".join(rng.choice(words, rng.integers(3, 9)))

    references = [[sentence() for _ in range(rng.integers(1, 6))] for _ in range(count)]
    hypotheses = [several[0] if rng.random() < 0.3 else sentence() for several in references]
    return table(hypotheses, references)


class Says(torch.nn.Module):
    """Returns what it was told to."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def caption(self, images):
        return self.answer(images) if callable(self.answer) else self.answer


def batch(count=3):
    captions = [[f"picture {i}", f"image {i}", f"scene {i}"] for i in range(count)]
    return Batch([f"s{i}" for i in range(count)], torch.rand(count, 3, 8, 8), captions)


@pytest.mark.parametrize(
    ("case", "published"),
    [
        ("nlgeval", [0.550000, 0.428174, 0.284043, 0.201143, 0.522104, 1.242192]),
        ("good", [0.6667, 0.4899, 0.3469, 0.0000, 0.4280, 0.5637]),
        ("bad", [0.4815, 0.2404, 0.1359, 0.0000, 0.3121, 0.2790]),
    ],
)
def test_published_scores(metric_cases, case, published):
    found = kinds.of(TASK).measure(table(*metric_cases[case]))
    digits = 6 if case == "nlgeval" else 4
    assert [round(float(found[name]), digits) for name in NAMES] == published


def test_published_single_sentence():
    # nlg-eval's test of one sentence; a set of one has no rare words.
    given = table(["this is a good test"], [["this is a test", "this is also a test"]])
    found = kinds.of(TASK).measure(given)
    wanted = [0.799999, 0.632455, 0.5108729, 0.0000903602, 0.9070631, 0.0]
    assert [float(found[name]) for name in NAMES] == pytest.approx(wanted, abs=1e-6)


def test_published_meteor(metric_cases, monkeypatch):
    monkeypatch.undo()
    if shutil.which("java") is None or find_spec("pycocoevalcap") is None:
        pytest.skip("pycocoevalcap and java aren't both installed")
    given = table(*metric_cases["nlgeval"])
    found = kinds.of(TASK).measure(given)
    assert float(found["meteor_corpus"]) == pytest.approx(0.295797, abs=1e-6)
    assert not any("meteor" in remark for remark in kinds.of(TASK).remarks(given))


def test_rouge_of_gaia_is_the_plain_f_measure_of_the_best_reference():
    given = table(["A green tree."], [["a tree", "the green tree"]])
    found = kinds.of(GAIA).measure(given)
    names = ("rouge_1_corpus", "rouge_2_corpus", "rouge_l_f_corpus")
    wanted = [2 * 2 / (3 + 2), 2 * 1 / (2 + 2), 2 * 2 / (3 + 2)]
    assert [float(found[name]) for name in names] == pytest.approx(wanted)
    assert float(found["rouge_l_corpus"]) != pytest.approx(wanted[2])


def test_every_metric_of_every_task_is_known():
    for name in ("rsicd", "ucm", "gaia", "levir-cc"):
        task = tasks.load(f"{name}-captioning")
        assert type(kinds.of(task)) is captioning.Captioning
        found = kinds.of(task).measure(some(5))
        assert task.primary in found
        for metric in found:
            assert scales.scale(metric.removesuffix("_corpus")) is not None
    assert len(kinds.of(GAIA).measure(some(5))) == 11


def test_resampled_scores_are_the_scores_of_the_resampled_counts():
    given = some(30)
    counts = resampled(30, 4)
    found = kinds.of(GAIA).replicate(given, iter([counts[:1], counts[1:]]))
    rows = [np.repeat(np.arange(30), weights) for weights in counts]
    for resample, index in enumerate(rows):
        again = kinds.of(GAIA).measure(given.take(index))
        for name in ("bleu4_corpus", "rouge_l_corpus", "rouge_2_corpus"):
            assert float(found[name][resample]) == pytest.approx(float(again[name]))


def test_document_frequencies_stay_those_of_the_set():
    given = some(30)
    tokens = tokenise(given["hypothesis"].to_pylist())
    several = [tokenise(each) for each in given["references"].to_pylist()]
    per_image = cider_d(tokens, several)
    counts = resampled(30, 3)
    found = kinds.of(TASK).replicate(given, [counts], ("cider_corpus",))
    assert found.keys() == {"cider_corpus"}
    np.testing.assert_allclose(found["cider_corpus"], counts @ per_image / 30)
    half = kinds.of(TASK).settle(given).slice(0, 15)
    assert float(kinds.of(TASK).measure(half)["cider_corpus"]) == pytest.approx(
        per_image[:15].mean()
    )
    np.testing.assert_allclose(kinds.of(TASK).sample_scores(given), per_image)


def test_without_java_there_is_no_value_but_a_reason():
    given = some(8)
    attributes = pa.table({"sample": given["sample"], "changed": ["yes", "no"] * 4})
    found = {(s.name, s.slice): s for s in scoring.score(kinds.of(TASK), given, attributes).scores}
    for name in ("meteor_corpus", "spice_corpus"):
        assert found[name, ""].value is None
    assert found["cider_corpus", ""].value > 0
    assert found["cider_corpus", "changed=yes"].samples == 4
    assert ("meteor_corpus", "changed=yes") not in found
    told = kinds.of(TASK).remarks(given)
    assert [remark.partition(" ")[0] for remark in told] == ["meteor", "spice"]
    assert all("was not computed" in remark for remark in told)


def test_java_runs_once_for_all_scores(monkeypatch):
    calls = []

    def meteor(candidates, references):
        calls.append(len(candidates))
        row = [5, 4, 3, 3, 1, 1, 3, 3, *[0] * 12, 2, 4, 4]
        return Computed(np.tile(np.array(row, float), (len(candidates), 1)))

    def spice(candidates, references):
        return Computed(np.array([0.5, np.nan, *[0.25] * (len(candidates) - 2)]))

    programs = families._PROGRAMS
    monkeypatch.setitem(programs, "meteor", programs["meteor"]._replace(run=meteor))
    monkeypatch.setitem(programs, "spice", programs["spice"]._replace(run=spice))
    given = some(6)
    attributes = pa.table({"sample": given["sample"], "half": list("aaabbb")})
    found = {
        s.name: s for s in scoring.score(kinds.of(TASK), given, attributes).scores if not s.slice
    }
    assert kinds.of(TASK).remarks(given) == []
    assert calls == [6]
    assert found["meteor_corpus"].value == pytest.approx(0.44434387)
    assert found["meteor_corpus"].low == found["meteor_corpus"].high
    # An image without a score is in no mean.
    assert found["spice_corpus"].value == pytest.approx((0.5 + 4 * 0.25) / 5)


def test_training_asks_for_the_primary_metric_alone(monkeypatch):
    monkeypatch.setattr(families, "_PROGRAMS", dict.fromkeys(families._PROGRAMS))
    assert float(kinds.of(TASK).measure(some())[TASK.primary]) > 0


def test_what_is_observed():
    given = batch()
    found = observe(
        kinds.of(TASK),
        Says(lambda images: ["", "two\nlines", "word " * 1500]),
        [given],
        torch.device("cpu"),
        kinds.of(TASK).schema(),
    )
    assert found["hypothesis"].to_pylist() == ["", "two\nlines", "word " * 1500]
    assert found["references"].to_pylist() == given.targets
    for name in NAMES:
        assert math.isfinite(kinds.of(TASK).measure(found)[name])


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (["one", "two"], "expected a list of 3 captions, the model returned 2 captions"),
        ("one", "the model returned str"),
        (None, "the model returned NoneType"),
        (["a", "b", None], "for sample s2, found NoneType"),
        (["a", b"b", "c"], "for sample s1, found bytes"),
        (["a" * 10_001, "b", "c"], "for sample s0, found one of 10,001 characters"),
        (["a", "b", "\ud800"], "for sample s2, found text that UTF-8 can't hold"),
    ],
)
def test_what_is_no_caption_is_named(answer, told):
    with pytest.raises(BenchError, match=told):
        kinds.of(TASK).observe(Says(answer), batch())


def test_what_is_no_captioner_is_named():
    with pytest.raises(RequestError, match=r"Identity has no caption\(\)"):
        kinds.of(TASK).observe(torch.nn.Identity(), batch())
    with pytest.raises(RequestError, match=r"Says has no loss\(\)"):
        kinds.of(TASK).loss(Says([]), batch())


def test_the_loss_is_the_models_own():
    class Learns(Says):
        def loss(self, images, captions):
            return images.mean() * len(captions)

    given = batch()
    assert kinds.of(TASK).loss(Learns([]), given) == given.inputs.mean() * 3


class Written:
    """A dataset of grey pictures."""

    def __init__(self, **captions):
        self.written = captions

    def read(self, sample, bands):
        return {band: np.full((16, 16), 128, np.uint8) for band in bands}

    def captions(self, sample):
        return self.written[sample]


def test_samples_without_captions_are_refused():
    pipeline = InputPipeline(TASK.input("clip"), TASK.bands)
    loaded = kinds.of(TASK).load(Written(a=["one", "two"]), pipeline, ["a"])
    assert loaded.inputs.shape == (1, 3, 224, 224)
    assert loaded.targets == [["one", "two"]]
    with pytest.raises(BenchError, match="sample b has no caption"):
        kinds.of(TASK).load(Written(a=["one"], b=[]), pipeline, ["a", "b"])


def test_one_caption_is_drawn_for_each_image():
    recipe = Recipe(
        epochs=1,
        batch=1,
        learning_rate=1,
        weight_decay=0,
        warmup_steps=0,
        start_factor=1,
        end_factor=1,
        patience=1,
        flips=False,
        matmul_precision="highest",
    )
    given = batch(200)
    drawn = kinds.of(TASK).augment(recipe, given, torch.Generator().manual_seed(0))
    assert drawn.inputs is given.inputs
    places = [
        several.index(one) for several, (one,) in zip(given.targets, drawn.targets, strict=True)
    ]
    assert min(np.bincount(places, minlength=3)) > 40
    flipped = kinds.of(TASK).augment(
        recipe.model_copy(update={"flips": True}), given, torch.Generator().manual_seed(0)
    )
    assert sum(torch.equal(a, b) for a, b in zip(flipped.inputs, given.inputs, strict=True)) < 100


def test_a_metric_that_the_task_does_not_report_is_named():
    with pytest.raises(RequestError, match="rouge_1_corpus"):
        kinds.of(TASK).replicate(some(3), [np.ones((1, 3), np.uint16)], ("rouge_1_corpus",))
    bad = TASK.model_copy(update={"settings": {"metrics": ["bleu", "wer"]}})
    with pytest.raises(RequestError, match="bad settings"):
        kinds.of(bad)
