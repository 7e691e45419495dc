"""The worst group of samples, and its difference to the rest."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score

from bench import kinds
from bench.base import bounded_toml
from bench.kinds.common import scoring
from bench.kinds.common.predicted import beside
from bench.metrics import calibration
from bench.spec import task as tasks
from bench.spec.task import Task

TASK = tasks.load("reben-mlc")
SAMPLES, TILES = 600, 60
COUNTRIES = np.array(["Austria", "Finland", "Portugal", "Serbia"])
TILE = np.arange(SAMPLES) % TILES
COUNTRY = COUNTRIES[TILE % 4]


def attributes(country=COUNTRY, tile=TILE, **more):
    names = [f"s{row}" for row in range(len(country))]
    return pa.table({"sample": names, "country": country, "tile": [f"T{t}" for t in tile], **more})


def observed(weak="Serbia", absent="Finland"):
    """Images of which those of one country are hard, and those of another lack the first class."""
    rng = np.random.default_rng(0)
    targets = (rng.random((SAMPLES, 19)) < 0.2).astype(np.uint8)
    targets[absent == COUNTRY, 0] = 0
    strength = np.where(weak == COUNTRY, 0.5, 1.5)[:, None]
    logits = (rng.normal(size=targets.shape) + strength * targets).astype(np.float32)
    samples = pa.table({"sample": [f"s{row}" for row in range(SAMPLES)]})
    known = {"targets": targets, "logits": logits}
    return beside(kinds.of(TASK).schema(), samples, known), targets, logits


def worst(scores):
    return {score.slice: score for score in scores if ": worst" in score.slice}


def test_groups_do_not_change_what_a_task_means():
    raw = bounded_toml.read(tasks.find("reben-mlc"))
    assert raw.pop("groups") == ["country", "season"]
    assert Task.model_validate(raw).digest == TASK.digest


@pytest.mark.parametrize(("weak", "classes"), [("Serbia", 19), ("Finland", 18)])
def test_the_worst_group_is_that_of_its_slice_and_is_compared_on_common_classes(weak, classes):
    table, targets, logits = observed(weak)
    scores = scoring.score(kinds.of(TASK), table, attributes()).scores
    # There is no season.
    assert list(worst(scores)) == ["country: worst", "country: worst less rest"]
    low, gap = worst(scores).values()
    own = next(s for s in scores if s.slice == f"country={weak}")
    assert (low.label, low.value, low.low, low.high) == (weak, own.value, own.low, own.high)
    assert (low.name, low.samples, gap.samples) == ("ap_macro", 150, 150)
    inside = weak == COUNTRY
    common = [c for c in range(19) if targets[inside, c].any()]
    means = [
        np.mean([average_precision_score(targets[rows, c], logits[rows, c]) for c in common])
        for rows in (inside, ~inside)
    ]
    assert gap.value == pytest.approx(means[0] - means[1])
    assert (gap.label, gap.classes, gap.units, gap.sampling_unit) == (weak, classes, 60, "tile")
    assert gap.low < gap.value < gap.high < 0


def test_groups_without_a_place_of_their_own_have_no_interval_of_their_difference():
    table, *_ = observed()
    # Serbia is in four tiles of 60 only.
    tile = np.where(COUNTRY == "Serbia", TILE % 16, TILE)
    scores = worst(scoring.score(kinds.of(TASK), table, attributes(tile=tile)).scores)
    gap = scores["country: worst less rest"]
    assert gap.label == "Serbia"
    assert gap.value < 0
    assert (gap.low, gap.high) == (None, None)


def test_small_groups_and_single_ones_are_not_the_worst():
    table, *_ = observed()
    country = np.where(COUNTRY == "Serbia", "Austria", COUNTRY)
    country[np.flatnonzero(COUNTRY == "Serbia")[:19]] = "Serbia"
    scores = worst(scoring.score(kinds.of(TASK), table, attributes(country)).scores)
    assert scores["country: worst"].label == "Austria"
    alone = np.full(SAMPLES, "Austria")
    assert not worst(scoring.score(kinds.of(TASK), table, attributes(alone)).scores)
    assert not worst(scoring.score(kinds.of(TASK), table).scores)


def test_the_interval_holds_no_difference_where_there_is_none():
    """In about 95 of 100 cases, with pixels of one tile alike."""
    pixel = tasks.load("reben-pixel")
    raw = bounded_toml.read(tasks.find("reben-pixel"))
    kind = kinds.of(Task.model_validate(raw | {"primary": "accuracy_micro", "groups": ["country"]}))
    cells = len(pixel.classes) ** 2
    rng = np.random.default_rng(1)
    held, trials = 0, 200
    tile = np.arange(120) % 40
    place = attributes(COUNTRIES[tile % 2], tile)
    for _ in range(trials):
        share = np.clip(0.7 + 0.15 * rng.normal(size=40), 0.05, 0.95)[tile]
        right = rng.binomial(100, share)
        matrices = np.zeros((120, cells), np.int32)
        matrices[:, 0], matrices[:, 1] = right, 100 - right
        known = {"confusion": matrices, "calibration": np.zeros((120, calibration.CLASS_SUMS))}
        samples = pa.table({"sample": place["sample"]})
        table = beside(kind.schema(), samples, known)
        gap = worst(scoring.score(kind, table, place).scores)["country: worst less rest"]
        held += gap.low <= 0 <= gap.high
    assert 0.90 <= held / trials <= 0.99


def test_no_group_is_named_where_all_are_ahead():
    """Average precision of chance, with one positive in twenty, is higher in twenty samples."""
    rng = np.random.default_rng(0)
    groups = np.array([f"C{row % 30:02d}" for row in range(SAMPLES)])
    targets = (rng.random((SAMPLES, 19)) < 0.05).astype(np.uint8)
    logits = rng.normal(size=targets.shape).astype(np.float32)
    samples = pa.table({"sample": [f"s{row}" for row in range(SAMPLES)]})
    table = beside(kinds.of(TASK).schema(), samples, {"targets": targets, "logits": logits})
    scores = scoring.score(kinds.of(TASK), table, attributes(groups)).scores
    whole = next(s.value for s in scores if s.name == "ap_macro" and not s.slice)
    of_groups = [s.value for s in scores if s.slice.startswith("country=")]
    assert len(of_groups) == 30
    assert min(of_groups) > whole
    assert worst(scores) == {}
