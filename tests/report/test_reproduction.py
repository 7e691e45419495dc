"""Claims of publications judged by runs: against scipy, and through the command line."""

import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import tomli_w
from pydantic import ValidationError
from scipy import stats as reference

from bench.base.paths import shipped
from bench.evaluate import reproduce
from bench.evaluate.request import Request
from bench.report import reproduction as of
from bench.report.estimate import estimate
from bench.report.reproduction import reproduction
from bench.spec import paper as papers
from bench.spec import task as tasks
from bench.spec.paper import Claim, Paper
from tests.fabricated import fabricate

TASK = "reben-mlc"


def claimed(task=TASK, **changes):
    return Claim(says="It is so.", where="abstract", task=task, **changes)


def paper(*claims, models=("a", "b", "c"), **changes):
    return Paper(
        name="p",
        title="A paper",
        authors="Nobody",
        year=2024,
        arxiv="2401.00001",
        url="https://example.org",
        about="What is better.",
        rows=[{"tasks": [TASK], "models": list(models)}],
        claims=list(claims) or [claimed(better=["a"], than=["b"])],
        **changes,
    )


def manifest(scores, *, track="sample", samples="same", low=None, high=None):
    """A run whose metric is the mean of what it scores on each unit."""
    scores = np.asarray(scores, np.float64)
    count = len(scores)
    left_out = (scores.sum() - scores) / (count - 1) if count > 1 else []
    return SimpleNamespace(
        track=track,
        partial=False,
        degradation=None,
        run="a-run",
        entry=SimpleNamespace(name="an-entry"),
        data=SimpleNamespace(ids_sha256=samples),
        left_out=tuple(left_out),
        primary=SimpleNamespace(
            value=float(scores.mean()), low=low, high=high, sampling_unit="tile", units=count
        ),
    )


def judged(claim, **scores):
    runs = {(TASK, name): [manifest(values)] for name, values in scores.items()}
    (found,) = reproduction(paper(claim), "sample", runs).claims
    return found


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("by", [0.0, 0.05, -0.05])
def test_a_pair_is_tested_as_by_a_paired_t_test(rng, by):
    first = rng.normal(0.6, 0.1, 40)
    second = first - rng.normal(0.03, 0.05, 40)
    (pair,) = judged(claimed(better=["a"], than=["b"], by=by), a=first, b=second).pairs
    expected = reference.ttest_rel(first, second + by)
    assert pair.value == pytest.approx((first - second).mean())
    # The degrees of freedom fall with the kurtosis of the differences; p is of that order.
    assert pair.p == pytest.approx(expected.pvalue, rel=0.2, abs=1e-3)


def test_verdicts_follow_margin_and_direction(rng):
    noise = rng.normal(0, 0.01, 60)
    good, poor = 0.7 + noise, 0.6 + rng.normal(0, 0.01, 60)
    assert judged(claimed(better=["a"], than=["b"]), a=good, b=poor).verdict == "holds"
    assert judged(claimed(better=["b"], than=["a"]), a=good, b=poor).verdict == "doesn't hold"
    assert judged(claimed(better=["a"], than=["b"], by=0.2), a=good, b=poor).verdict == (
        "doesn't hold"
    )
    assert judged(claimed(better=["a"], than=["b"], by=0.1), a=good, b=poor).verdict == (
        "can't be told"
    )
    # Not worse by more than 0.05: holds of equal ones.
    equal = good + rng.normal(0, 0.001, 60)
    assert judged(claimed(better=["a"], than=["b"], by=-0.05), a=good, b=equal).verdict == "holds"


def test_a_claim_about_several_holds_only_for_all(rng):
    def near(level):
        return level + rng.normal(0, 0.01, 60)

    scores = {"a": near(0.7), "b": near(0.6), "c": near(0.8)}
    found = judged(claimed(better=["a"], than=["b", "c"]), **scores)
    assert found.verdict == "doesn't hold"
    assert [one.verdict for one in found.pairs] == ["holds", "doesn't hold"]
    assert judged(claimed(better=["a", "c"], than=["b"]), **scores).verdict == "holds"


def test_p_is_adjusted_for_the_pairs_of_the_claim(rng):
    """Of two p-values the smaller counts twice, and the other is no smaller (Holm 1979)."""
    first = rng.normal(0.6, 0.1, 30)
    scores = {name: first - rng.normal(mean, 0.05, 30) for name, mean in (("b", 0.03), ("c", 0.01))}
    alone = [
        judged(claimed(better=["a"], than=[name]), a=first, **{name: values}).pairs[0].p
        for name, values in scores.items()
    ]
    pairs = judged(claimed(better=["a"], than=["b", "c"]), a=first, **scores).pairs
    smaller, larger = sorted(alone)
    expected = [min(1.0, 2 * smaller), max(min(1.0, 2 * smaller), larger)]
    assert sorted(one.p for one in pairs) == pytest.approx(expected)


def test_where_less_is_better_the_interval_turns_with_the_difference(rng):
    """Depth: the root mean square error of the better one is smaller."""
    task = "magicbathy-bathymetry-agia-napa"
    errors = {"a": rng.normal(0.5, 0.02, 40), "b": rng.normal(0.9, 0.02, 40)}
    found = Paper.model_validate(
        paper().model_dump()
        | {
            "rows": [{"tasks": [task], "models": ["a", "b"]}],
            "claims": [claimed(task=task, better=["a"], than=["b"], by=0.1).model_dump()],
        }
    )
    runs = {(task, name): [manifest(values)] for name, values in errors.items()}
    (pair,) = reproduction(found, "sample", runs).claims[0].pairs
    assert pair.verdict == "holds"
    assert 0.3 < pair.low < pair.value < pair.high < 0.5


def test_what_is_missing_is_said_and_decides_nothing(rng):
    good = 0.7 + rng.normal(0, 0.01, 60)
    found = judged(claimed(better=["a"], than=["b", "c"]), a=good, b=good - 0.2)
    assert found.verdict == "not run" and found.missing == ("c",)
    # One pair that contradicts is enough.
    assert judged(claimed(better=["a"], than=["b", "c"]), a=good, b=good + 0.2).verdict == (
        "doesn't hold"
    )
    assert judged(claimed(better=["a"], than=["b"])).pairs == ()


def test_scores_of_unknown_spread_tell_nothing():
    runs = {(TASK, name): [manifest([value])] for name, value in (("a", 0.9), ("b", 0.1))}
    (found,) = reproduction(paper(claimed(better=["a"], than=["b"])), "sample", runs).claims
    assert found.verdict == "can't be told"
    assert (found.pairs[0].p, found.pairs[0].low) == (None, None)


def test_scores_are_held_against_a_number(rng):
    level = 0.7 + rng.normal(0, 0.01, 60)
    assert judged(claimed(models=["a"], above=0.6), a=level).verdict == "holds"
    assert judged(claimed(models=["a"], below=0.6), a=level).verdict == "doesn't hold"
    assert judged(claimed(models=["a"], above=float(level.mean())), a=level).verdict == (
        "can't be told"
    )
    (pair,) = judged(claimed(models=["a"], above=0.695), a=level).pairs
    assert pair.p == pytest.approx(reference.ttest_1samp(level, 0.695).pvalue, rel=0.3)


@pytest.mark.parametrize(
    "changes", [{"track": "official"}, {"partial": True}, {"degradation": "cloud"}]
)
def test_other_runs_are_left_out(rng, changes):
    runs = {}
    for name in ("a", "b"):
        one = manifest(rng.normal(0.5, 0.1, 20))
        vars(one).update(changes)
        runs[TASK, name] = [one]
    found = reproduction(paper(), "sample", runs)
    assert [line.value for line in found.lines] == [None] * 3
    assert found.claims[0].verdict == "not run"


BESIDE = {
    "task": TASK,
    "model": "a",
    "source": "bigearthnet-v2-cards",
    "entry": "resnet50",
    "setting": "version 0.2.0, seed 42, 23 epochs",
}


def test_published_values_are_compared_on_the_official_track_only(rng):
    scores = 0.62 + rng.normal(0, 0.02, 60)
    sample = {(TASK, "a"): [manifest(scores, low=0.6, high=0.64)]}
    official = {(TASK, "a"): [manifest(scores, track="official", low=0.6, high=0.64)]}
    beside = paper(beside=[BESIDE])
    line = reproduction(beside, "sample", sample).lines[0]
    assert line.published == pytest.approx(0.628376) and line.difference is None
    line = reproduction(beside, "official", official).lines[0]
    assert line.difference == pytest.approx(scores.mean() - 0.628376)
    low, high = (bound - 0.628376 for bound in (line.low, line.high))
    assert (line.difference_low, line.difference_high) == pytest.approx((low, high))
    assert line.agrees == (low <= 0 <= high)


def test_a_published_value_that_is_nowhere_is_a_fault():
    assert of.faults(paper(beside=[BESIDE])) == []
    (fault,) = of.faults(paper(beside=[BESIDE | {"entry": "nothing"}]))
    assert "'nothing'" in fault


@pytest.mark.parametrize("name", papers.names())
def test_the_files_are_whole(name):
    found = papers.load(name)
    assert found.name == name
    assert of.faults(found) == []
    for task, model in found.planned:
        declared = tasks.load(task)
        assert model, declared


def test_there_are_ten():
    assert len(papers.names()) == 10
    assert len({papers.load(name).arxiv for name in papers.names()}) == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"better": ["a"]}, "better and than, or models"),
        ({"better": ["a"], "than": ["b"], "above": 1.0}, "either above or below"),
        ({"models": ["a"]}, "either above or below"),
        ({"models": ["a"], "above": 1.0, "below": 2.0}, "either above or below"),
        ({"better": ["a"], "than": ["b"], "models": ["c"], "above": 1.0}, "or models"),
        ({}, "better and than, or models"),
    ],
)
def test_malformed_claims_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        claimed(**changes)


@pytest.mark.parametrize("more", [{"methods": ["knn"]}, {"labels": ["5%"]}, {"trained": "ucm"}])
def test_a_row_is_a_model_that_stands_for_itself(more):
    """Else several runs would be one row."""
    rows = [{"tasks": [TASK], "models": ["a", "b", "c"], **more}]
    with pytest.raises(ValidationError, match="neither methods, labels nor trained"):
        Paper.model_validate(paper().model_dump() | {"rows": rows})


def test_a_claim_names_rows():
    with pytest.raises(ValidationError, match="which is no row"):
        paper(claimed(better=["a"], than=["z"]))
    with pytest.raises(ValidationError, match="is no row"):
        paper(beside=[BESIDE | {"model": "z"}])


def test_an_estimate_of_several_seeds_counts_their_spread(rng):
    def runs(level):
        return [manifest(level + shift + rng.normal(0, 0.01, 40)) for shift in (-0.1, 0.1)]

    found = reproduction(
        paper(claimed(better=["a"], than=["b"])),
        "sample",
        {(TASK, "a"): runs(0.65), (TASK, "b"): runs(0.6)},
    )
    assert found.claims[0].verdict == "can't be told"
    assert estimate("ap_macro", [of.of_manifest(one) for one in runs(0.6)]).trainings == 2


def test_the_list_names_ten(bench):
    assert len(bench("reproduce --json").json()["papers"]) == 10
    assert "2408.08700" in bench("reproduce").stdout


def test_nothing_is_run_for_what_is_recorded(bench_of_module):
    found = bench_of_module.in_process("reproduce modality-gap --recorded --json").json()
    assert {claim["verdict"] for claim in found["claims"]} == {"not run"}
    assert all(line["value"] is None for line in found["lines"])
    text = bench_of_module.in_process("reproduce modality-gap --recorded").stdout
    assert "not run: Patching improves" in text and "simulated data" in text


def test_an_unknown_paper_is_one_line(bench):
    shown = bench("reproduce hycott", 2)
    assert "hycot" in shown.stderr and "Traceback" not in shown.stderr


def test_a_recorded_run_stands_in_its_row(bench_of_module):
    bench_of_module.in_process("run --task gaia-retrieval --model floor-random --track sample")
    found = bench_of_module.in_process("reproduce gaia --recorded --json").json()
    lines = {line["model"]: line for line in found["lines"]}
    assert lines["floor-random"]["runs"] and lines["floor-random"]["value"] is not None
    assert lines["clip-finetuned"]["runs"] == []


def test_the_newest_complete_run_of_a_row_is_found(tmp_path):
    """Whatever its id: those are hashes. Incomplete, partial and other runs are left out."""
    found = papers.load("reben")
    digest = tasks.load(TASK).digest
    task = {"name": TASK, "version": 1, "digest": digest, "kind": "multilabel"}
    for name, day, changes in (
        ("z", 1, {}),
        ("a", 2, {}),
        ("b", 3, {"status": "predicting"}),
        ("c", 4, {"partial": True}),
        ("d", 5, {"track": "official"}),
    ):
        fabricate(
            tmp_path,
            f"{TASK}.resnet50-s2.sample.{name}",
            entry="resnet50-s2",
            **{
                "task": task | {"primary": "ap_macro", "file": ""},
                "started": f"2026-11-{day:02d}T00:00:00+00:00",
                **changes,
            },
        )
    asked = Request(task=TASK, model="resnet50-s2", track="sample", results=tmp_path)
    (run,) = reproduce.recorded(found, asked).found[TASK, "resnet50-s2"]
    assert run.run.endswith(".a")


@pytest.mark.parametrize(
    ("name", "task", "models"),
    [
        ("channel-augmentation", "augmentation-consistency", ("brightness", "grayscale")),
        ("gaia", "gaia-retrieval", ("floor-random", "floor-colours")),
    ],
)
def test_a_paper_is_run_from_nothing(bench_of_module, name, task, models):
    """Those of its rows that learn nothing: run, judged, and found again without being run."""
    raw = tomllib.loads((shipped("tasks") / "papers" / f"{name}.toml").read_text("utf-8"))
    raw["rows"] = [{"tasks": [task], "models": list(models)}]
    raw["claims"] = [
        claim
        for claim in raw["claims"]
        if claim["task"] == task and {*claim.get("models", ["trained"])} <= {*models}
    ] or [claimed(task=task, better=[models[1]], than=[models[0]]).model_dump(exclude_none=True)]
    path = bench_of_module.folder / f"my-{name}.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    first = bench_of_module.in_process(f"reproduce {path.name} --json --quiet").json()
    assert [bool(line["runs"]) for line in first["lines"]] == [True, True]
    (claim,) = first["claims"]
    assert claim["verdict"] in ("holds", "doesn't hold", "can't be told")
    again = bench_of_module.in_process(f"reproduce {path.name} --recorded --json").json()
    assert again == first
