"""Which samples are independent, and what follows for intervals."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import kinds
from bench.kinds.common import scoring
from bench.kinds.common.units import GROUPS, units
from bench.metrics import stats
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")


def attributes(**columns):
    count = len(next(iter(columns.values())))
    return pa.table({"sample": [f"s{i}" for i in range(count)], **columns})


def observed(count, seed=0, share=0.4, classes=19):
    """A table of labels and logits that fit them moderately well."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((count, 19)) < share).astype(np.uint8)
    targets[:, classes:] = 0
    logits = (rng.normal(size=(count, 19)) + 1.5 * targets).astype(np.float32)
    columns = [pa.array([f"s{i}" for i in range(count)])]
    columns += [pa.FixedSizeListArray.from_arrays(a.ravel(), 19) for a in (targets, logits)]
    return pa.table(columns, schema=kinds.of(TASK).schema())


def test_tiles_are_units_where_they_are_named():
    found = units(attributes(season=["dry"] * 60, tile=[f"T{i % 12}" for i in range(60)]), 60)
    assert (found.name, found.noun, found.count, found.doubt) == ("tile", "tile", 12, "")
    counts = np.concatenate(list(found.left_out()))
    assert counts.shape == (13, 60)
    assert (counts[0] == 1).all()
    for row in counts[1:]:
        (gone,) = {i % 12 for i in np.flatnonzero(row == 0)}
        assert (row == 0).sum() == 5
        assert all(row[i] == (i % 12 != gone) for i in range(60))


def test_the_first_name_of_a_cluster_counts():
    places = [f"L{i % 20}" for i in range(40)]
    found = units(attributes(tile=["T"] * 40, location=places), 40)
    assert (found.name, found.count) == ("location", 20)


def test_too_few_tiles_leave_samples_and_a_doubt():
    found = units(attributes(tile=[f"T{i % 9}" for i in range(90)]), 90)
    assert (found.name, found.noun, found.count) == ("", "sample", 90)
    assert "9 tiles are too few" in found.doubt
    assert "over other samples of these" in found.doubt


@pytest.mark.parametrize("given_", [None, attributes(season=["dry"] * 30)])
def test_without_places_samples_are_units(given_):
    found = units(given_, 30)
    assert (found.name, found.count) == ("", 30)
    assert "nothing says where they are from" in found.doubt


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60), st.data())
def test_units_of_some_samples_are_theirs(labels, data):
    whole = units(attributes(tile=[f"T{i:02d}" for i in labels]), len(labels))
    rows = np.array(
        sorted(data.draw(st.sets(st.integers(0, len(labels) - 1), min_size=1))), np.intp
    )
    part = whole.of(rows)
    assert part.samples == len(rows)
    names = {labels[row] for row in rows}
    if whole.name and len(names) >= stats.FEWEST_UNITS:
        assert (part.name, part.count) == ("tile", len(names))
    else:
        assert (part.name, part.count) == ("", len(rows))


def test_many_units_are_left_out_in_groups():
    found = units(None, 5_000)
    counts = np.concatenate(list(found.left_out()))
    assert counts.shape == (1 + GROUPS, 5_000)
    assert ((1 - counts[1:].astype(int)).sum(axis=0) == 1).all()


def test_every_score_says_what_its_interval_is_over():
    table = observed(120)
    places = attributes(tile=[f"T{i % 15}" for i in range(120)], season=["dry", "wet"] * 60)
    found = scoring.score(kinds.of(TASK), table, places)
    assert {(s.sampling_unit, s.units) for s in found.scores if not s.slice} == {("tile", 15)}
    # Every tile has samples of both seasons.
    wet = next(s for s in found.scores if s.slice == "season=wet")
    assert (wet.sampling_unit, wet.units, wet.samples) == ("tile", 15, 60)
    # Of a slice of one tile its samples are the units, and they are too few.
    one = next(s for s in found.scores if s.slice == "tile=T3")
    assert (one.sampling_unit, one.units, one.low) == ("sample", 8, None)
    assert len(found.left_out) == 15
    primary = next(s for s in found.scores if s.name == "ap_macro" and not s.slice)
    spread = stats.spread_over_units(np.array(found.left_out))
    half = 1.96 * float(spread.error)
    assert primary.high - primary.low == pytest.approx(2 * half, rel=0.35)


def test_tiles_that_differ_widen_the_interval():
    rng = np.random.default_rng(3)
    table = observed(300)
    tiles = np.repeat(np.arange(30), 10)
    easy = rng.normal(size=30)[tiles][:, None]
    targets = np.array(table.column("targets").to_pylist())
    logits = (rng.normal(size=targets.shape) + 1.5 * easy * targets).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(logits.ravel(), 19)
    table = table.set_column(2, table.schema.field("logits"), column)
    widths = []
    for places in (attributes(tile=[f"T{t}" for t in tiles]), None):
        found = scoring.score(kinds.of(TASK), table, places)
        score = next(s for s in found.scores if s.name == "ap_macro" and not s.slice)
        widths.append(score.high - score.low)
    assert widths[0] > 1.3 * widths[1]


@pytest.mark.parametrize("count", [1, 9, 19])
def test_few_samples_have_no_interval_and_say_so(count):
    found = scoring.score(kinds.of(TASK), observed(count))
    assert all(s.low is None and s.high is None for s in found.scores)
    assert any(s.value is not None for s in found.scores)
    assert f"too few for an interval: {count} samples" in " ".join(found.remarks)


def test_rare_classes_are_named():
    table = observed(100)
    targets = np.array(table.column("targets").to_pylist(), np.uint8)
    targets[:, 4] = 0
    targets[[3, 60], 4] = 1
    column = pa.FixedSizeListArray.from_arrays(targets.ravel(), 19)
    table = table.set_column(1, table.schema.field("targets"), column)
    (doubt, rare) = scoring.score(kinds.of(TASK), table).remarks
    assert "taken as independent" in doubt
    assert rare.endswith(f"fewer than 5 samples: {TASK.classes[4]} (2)")


def test_the_same_observations_give_the_same_interval():
    table = observed(80)
    shuffled = table.take(np.random.default_rng(0).permutation(80))
    one, same = (scoring.score(kinds.of(TASK), each) for each in (table, table))
    assert one == same or one.scores == same.scores
    other = scoring.score(kinds.of(TASK), shuffled)
    for a, b in zip(one.scores, other.scores, strict=True):
        assert a.value == pytest.approx(b.value, nan_ok=True)
        if a.low is not None:
            assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-6)
