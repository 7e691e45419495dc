"""Comparisons of fabricated runs, whose truth is known."""

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
import torch
from sklearn.metrics import average_precision_score

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.cli.compare import verb
from bench.evaluate import stages
from bench.kinds.common.predicted import beside
from bench.metrics import stats
from bench.report.compare import compare
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json

MLC, PIXEL = "reben-mlc", "reben-pixel"
SAMPLES = 120
TILES = [f"T{index % 12}" for index in range(SAMPLES)]


def record(results, name, of, columns, tiles=TILES, seed=0, **changes):
    """A complete run of an entry; ``changes`` go to its manifest."""
    task = tasks.load(of)
    kind = kinds.of(task)
    count = len(next(iter(columns.values())))
    samples = [f"s{index:04d}" for index in range(count)]
    table = beside(kind.schema(), pa.table({"sample": samples}), columns)
    run = Run(results / "runs" / f"{task.name}.{name}.sample.{seed}")
    run.write_part(0, table)
    if tiles is not None:
        pq.write_table(
            pa.table({"sample": samples, "tile": tiles}), run.folder / "attributes.parquet"
        )
    manifest = run_json.complete(
        run.name,
        of_task={"name": task.name, "digest": task.digest},
        about={
            "name": name,
            "digest": hashlib.sha256(next(reversed(columns.values())).tobytes()).hexdigest(),
            "trained": {"seed": seed},
        },
        data={"samples": count, "ids_sha256": f"i{count}", "data_sha256": "d"},
        seed=seed,
        scores=[run_json.score(*metric.rsplit("_", 1)) for metric in kind.measure(table)],
    )
    run_json.write(run, manifest | changes)
    return run


def targets():
    rng = np.random.default_rng(0)
    return (rng.random((SAMPLES, 19)) < np.linspace(0.2, 0.7, 19)).astype(np.uint8)


def logits(noise, seed=1):
    rng = np.random.default_rng(seed)
    return (2.0 * targets() - 1 + rng.normal(0, noise, (SAMPLES, 19))).astype(np.float32)


def labelled(values):
    return {"targets": targets(), "logits": values}


@pytest.fixture
def results(tmp_path):
    """Three entries; ``good`` has three seeds, ``copy`` is ``poor`` under another name."""
    for seed in range(3):
        record(tmp_path, "good", MLC, labelled(logits(1.0, 10 + seed)), seed=seed)
    record(tmp_path, "poor", MLC, labelled(logits(2.0)))
    record(tmp_path, "copy", MLC, labelled(logits(2.0)))
    return tmp_path


def test_a_better_entry_is_found_better_and_the_other_worse(results):
    found = compare([f"{MLC}.good.sample.0", "poor"], MLC, results)
    (pair,) = found.pairs
    values = [
        average_precision_score(targets(), scores, average="macro")
        for scores in (logits(1.0, 10), logits(2.0))
    ]
    assert pair.values == pytest.approx(values)
    assert pair.value == pytest.approx(values[0] - values[1])
    assert 0 < pair.low < pair.value < pair.high
    assert pair.p == pair.p_holm < 0.01
    assert (pair.verdict, pair.tiny) == ("better", False)
    assert found.tiers == (1, 2)
    assert found.ranks == ((1, 1), (2, 2))
    assert (found.unit, found.units, found.samples) == ("tile", 12, SAMPLES)
    assert [side.name for side in found.sides] == ["good", "poor"]
    (turned,) = compare(["poor", f"{MLC}.good.sample.0"], MLC, results).pairs
    assert turned.verdict == "worse"
    assert turned.p == pair.p
    assert (turned.value, turned.low, turned.high) == pytest.approx(
        (-pair.value, -pair.high, -pair.low)
    )


def test_an_entry_under_another_name_is_no_different(results):
    found = compare(["poor", "copy"], MLC, results)
    for one in (*found.pairs, *found.classes):
        assert (one.value, one.low, one.high, one.p, one.verdict) == (0, 0, 0, 1, "tied")
    assert found.tiers == (1, 1)
    assert found.ranks == ((1, 2), (1, 2))
    assert (found.per_sample.ahead, found.per_sample.even) == (0, SAMPLES)
    assert found.per_sample.gains == found.per_sample.losses == ()


def test_a_metric_that_is_a_mean_gets_students_paired_test(tmp_path):
    one, other = logits(1.4, 3), logits(1.6, 4)
    record(tmp_path, "one", MLC, labelled(one), tiles=None)
    record(tmp_path, "other", MLC, labelled(other), tiles=None)
    found = compare(["one", "other"], MLC, tmp_path, metric="f1_samples")
    hits, guesses = (
        np.array([part & (scores > 0) for scores in (one, other)]).sum(axis=2)
        for part in (targets(), np.ones((SAMPLES, 19), np.uint8))
    )
    gain = np.subtract(*(2 * hits / (guesses + targets().sum(axis=1))))
    (pair,) = found.pairs
    expected = scipy.stats.ttest_1samp(gain, 0)
    assert pair.value == pytest.approx(gain.mean())
    # Its degrees of freedom are at most those of Student's test: 119, or less for heavy tails.
    kurtosis = scipy.stats.kurtosis(gain, fisher=False)
    degrees = min(119, 2 * SAMPLES / (kurtosis - 1))
    assert pair.p == pytest.approx(2 * scipy.stats.t.sf(abs(expected.statistic), degrees))
    error = gain.std(ddof=1) / np.sqrt(SAMPLES)
    assert (pair.low, pair.high) == pytest.approx(
        gain.mean() + scipy.stats.t.ppf([0.025, 0.975], degrees) * error
    )
    assert any("nothing says where they are from" in remark for remark in found.remarks)


def test_classes_are_corrected_together(results):
    found = compare([f"{MLC}.good.sample.0", "poor"], MLC, results)
    assert [one.label for one in found.classes] == tasks.load(MLC).classes
    p = np.array([one.p for one in found.classes])
    assert [one.p_holm for one in found.classes] == pytest.approx(stats.holm(p))
    mean = np.mean([one.value for one in found.classes])
    assert mean == pytest.approx(found.pairs[0].value)
    for one in found.classes:
        assert (one.verdict != "tied") == (one.p_holm < 0.05)
        assert (one.p < 0.05) == (not one.low <= 0 <= one.high)


def test_seeds_are_a_second_level(results):
    several = compare(["good", "poor"], MLC, results)
    assert several.sides[0].seeds == (0, 1, 2)
    assert len(several.sides[0].runs) == 3
    alone = [
        compare([f"{MLC}.good.sample.{seed}", "poor"], MLC, results).pairs[0].value
        for seed in range(3)
    ]
    (pair,) = several.pairs
    assert pair.value == pytest.approx(np.mean(alone))
    assert pair.low < pair.value < pair.high
    assert "variance over seeds" in several.method
    assert any("one seed of poor: nothing is said" in remark for remark in several.remarks)
    good, poor = several.sides
    assert poor.seed_error is None
    values = [
        compare([f"{MLC}.good.sample.{seed}", "poor"], MLC, results).sides[0].value
        for seed in range(3)
    ]
    assert good.seed_error == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert good.low < good.value < good.high
    total = np.hypot(good.unit_error, good.seed_error)
    assert good.high - good.low > 2 * 1.96 * total * 0.99


def test_many_entries_are_compared_in_pairs(results):
    names = [f"{MLC}.good.sample.0", f"{MLC}.good.sample.1", "poor", "copy"]
    found = compare(names, MLC, results)
    assert [side.name for side in found.sides] == [
        "good (seed 0)",
        "good (seed 1)",
        "poor (seed 0)",
        "copy (seed 0)",
    ]
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    ]  # fmt: skip
    assert [pair.verdict for pair in found.pairs] == ["tied", *["better"] * 4, "tied"]
    p = np.array([pair.p for pair in found.pairs])
    assert [pair.p_holm for pair in found.pairs] == pytest.approx(stats.holm(p))
    assert found.tiers == (1, 1, 2, 2)
    assert found.ranks == ((1, 2), (1, 2), (3, 4), (3, 4))
    assert (found.classes, found.per_sample) == ((), None)


def test_too_few_places_are_said_to_be_too_few(tmp_path):
    few = [f"T{index % 9}" for index in range(SAMPLES)]
    for name, noise in (("one", 1.0), ("other", 1.2)):
        record(tmp_path, name, MLC, labelled(logits(noise)), tiles=few)
    found = compare(["one", "other"], MLC, tmp_path)
    assert (found.unit, found.units) == ("sample", SAMPLES)
    assert any("9 tiles are too few" in remark for remark in found.remarks)


def test_too_few_samples_are_refused(tmp_path):
    for name in ("one", "other"):
        record(tmp_path, name, PIXEL, pixels(np.arange(9) % 2 > 0), tiles=None)
    with pytest.raises(BenchError, match="9 samples are too few to compare entries on"):
        compare(["one", "other"], PIXEL, tmp_path, metric="accuracy_micro")


def test_a_certain_but_tiny_difference_is_called_tiny(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.integers(400_000, 500_000, SAMPLES)
    for name, more in (("one", 100), ("other", 0)):
        cells = np.zeros((SAMPLES, 19 * 19), np.int32)
        cells[:, 0], cells[:, 1] = right + more, 1_000_000 - right - more
        record(tmp_path, name, PIXEL, {"confusion": cells})
    (pair,) = compare(["one", "other"], PIXEL, tmp_path, metric="accuracy_micro").pairs
    assert pair.value == pytest.approx(1e-4)
    assert (pair.verdict, pair.tiny) == ("better", True)


def pixels(right):
    """Confusion matrices of images with one pixel of the first class, right or wrong."""
    cells = np.zeros((len(right), 19 * 19), np.int32)
    cells[np.arange(len(right)), np.where(right, 0, 1)] = 1
    return {"confusion": cells}


def test_samples_that_are_right_or_wrong_get_mcnemar(tmp_path):
    rng = np.random.default_rng(0)
    one, other = rng.random((2, SAMPLES)) < [[0.8], [0.6]]
    record(tmp_path, "one", PIXEL, pixels(one))
    record(tmp_path, "other", PIXEL, pixels(other))
    found = compare(["one", "other"], PIXEL, tmp_path, metric="accuracy_micro")
    only = int((one & ~other).sum()), int((other & ~one).sum())
    assert (found.per_sample.ahead, found.per_sample.behind) == only
    assert found.per_sample.even == SAMPLES - sum(only)
    assert found.per_sample.mcnemar == stats.mcnemar(*only)
    name, first, second = found.per_sample.gains[0]
    assert (first, second) == (1, 0)
    assert one[int(name[1:])]
    assert not other[int(name[1:])]
    assert found.classes == ()


def test_classes_that_do_not_occur_are_undefined_and_nothing_else_is(tmp_path):
    rng = np.random.default_rng(0)
    for name, share in (("one", 0.9), ("other", 0.5)):
        record(tmp_path, name, PIXEL, pixels(rng.random(SAMPLES) < share))
    found = compare(["one", "other"], PIXEL, tmp_path)
    assert found.classes[0].verdict == "better"
    last = found.classes[-1]
    assert (last.value, last.low, last.p, last.p_holm, last.verdict) == (*[None] * 4, "tied")


def test_a_metric_without_a_value_is_named(tmp_path):
    for name in ("one", "other"):
        record(tmp_path, name, PIXEL, pixels(np.ones(SAMPLES, bool)))
    with pytest.raises(BenchError, match="kappa_micro is undefined"):
        compare(["one", "other"], PIXEL, tmp_path, metric="kappa_micro")


def test_progress_reaches_its_end_for_each_entry(results):
    seen = {}
    names = ["good", "poor"]
    compare(
        names, MLC, results, progress=lambda stage, done, whole: seen.update({stage: (done, whole)})
    )
    assert list(seen) == ["compare  good", "compare  poor"]
    assert [done for done, _ in seen.values()] == [whole for _, whole in seen.values()] == [39, 13]


def test_scores_of_samples_are_the_losses_turned_round():
    task = tasks.load(MLC)
    values = logits(9.0)
    columns = [pa.array([f"s{i}" for i in range(SAMPLES)])]
    columns += [pa.FixedSizeListArray.from_arrays(a.ravel(), 19) for a in (targets(), values)]
    table = pa.table(columns, schema=kinds.of(task).schema())
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(values), torch.from_numpy(targets()).float(), reduction="none"
    ).mean(1)
    found = kinds.of(task).sample_scores(table)
    assert found == pytest.approx(-expected.numpy(), rel=1e-5)


@pytest.mark.parametrize(
    ("names", "changes", "fault"),
    [
        (["good"], {}, "two or more different"),
        (["good", "good"], {}, "two or more different"),
        (["good", f"{MLC}.good.sample.1"], {}, "compared with itself"),
        (["good", "goood"], {}, "unknown entry or run 'goood' .did you mean good"),
        ([f"{MLC}.good", "poor"], {}, "3 runs begin with"),
        (["good", "poor"], {"track": "official"}, "found good: sample; poor: sample"),
        (["good", "poor"], {"metric": "ap_mcro"}, "did you mean ap_m"),
        (["good", "poor"], {"metric": "ap_classes"}, "unknown metric"),
        (["good", "poor"], {"task": "reben"}, "did you mean reben-"),
    ],
)
def test_a_wrong_request_says_what_is_right(results, names, changes, fault):
    with pytest.raises(RequestError, match=fault) as caught:
        compare(names, **{"task": MLC, "results": results} | changes)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"task": run_json.complete("r")["task"] | {"name": MLC}},
            "different digests can't be compared",
        ),
        ({"data": {"samples": 7, "ids_sha256": "x", "data_sha256": "d"}}, "on the same samples"),
        ({"data": {"samples": 120, "ids_sha256": "i120", "data_sha256": "e"}}, "the same data"),
        ({"track": "official"}, "found poor: sample; other: official"),
        ({"status": "predicting"}, "is not complete"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(results, changes, fault):
    run = record(results, "other", MLC, labelled(logits(1.0)), **changes)
    with pytest.raises(RequestError, match=fault):
        compare(["poor", run.name if "status" in changes else "other"], MLC, results)


def test_of_one_model_the_latest_run_counts(results):
    record(results, "poor", MLC, labelled(logits(2.0)), started="2027-01-01T00:00:00+00:00")
    later = results / "runs" / f"{MLC}.poor.sample.0"
    later.rename(later.with_name(f"{MLC}.poor.sample.0.2"))
    record(results, "poor", MLC, labelled(logits(2.0)))
    found = compare(["poor", "copy"], MLC, results)
    assert found.sides[0].runs == (f"{MLC}.poor.sample.0.2",)
    assert "poor: of runs of the same weights the latest counts (1 don't)" in found.remarks


def test_samples_in_another_order_are_refused(results):
    run = Run(results / "runs" / f"{MLC}.copy.sample.0")
    run.write_part(0, run.observations().take(np.arange(SAMPLES)[::-1]))
    with pytest.raises(BenchError, match="in another order"):
        compare(["poor", "copy"], MLC, results)


def test_the_command_says_who_is_told_from_the_best_floor(tmp_path, capsys):
    for name, noise in (("good", 1.0), ("floor-a", 2.0), ("floor-b", 3.0)):
        run = record(tmp_path, name, MLC, labelled(logits(noise)))
        whole = run.manifest().model_copy(update={"parts": run.hashes()})
        run.write_manifest(whole)
        stages.score(run, tmp_path)
    verb(["good", "floor-b"], MLC, None, None, as_json=False, results=tmp_path, quiet=True)
    said = next(t for t in capsys.readouterr().out.splitlines() if t.startswith("best floor"))
    value = average_precision_score(targets(), logits(2.0), average="macro")
    assert said == f"best floor floor-a, {value:.4f}: good is better (p < 0.0001)"
    verb(["good", "floor-b"], MLC, None, None, as_json=True, results=tmp_path, quiet=True)
    good, other = json.loads(capsys.readouterr().out)["floors"]
    assert (good["floor"], good["verdict"], other["verdict"]) == ("floor-a", "better", "floor")


def test_the_command_prints_what_was_found(results, capsys):
    shown = {"track": None, "metric": None, "results": results, "quiet": True}
    verb(["good", "poor"], MLC, as_json=False, **shown)
    text = capsys.readouterr().out
    assert "good is better than poor" in text
    assert "in 12 tiles" in text
    assert "Arable land" in text
    assert "0, 1, 2" in text
    assert "simulated" in text
    verb(["good", "poor"], MLC, as_json=True, **shown)
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found["pairs"][0]["verdict"] == "better"
    verb(["good", "poor", "copy"], MLC, as_json=False, **shown)
    text = capsys.readouterr().out
    assert "2-3" in text
    assert "tier" in text
