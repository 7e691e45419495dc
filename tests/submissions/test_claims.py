"""Claims: read from strangers, compared with what was found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import BenchError, RequestError
from bench.submissions.claims import (
    TOLERANCE,
    Claims,
    Submission,
    claims_of,
    compare,
    read_claims,
    read_submission,
)
from tests import run_json
from tests.results.test_store import manifest

VALUES = st.floats(0, 1)


def content(value, low=None, high=None, **changes):
    made = manifest("r", value=value, **changes)
    made["scores"][0] |= {"low": low, "high": high}
    return made


def found(value, low=None, high=None, **changes):
    return run_json.model(content(value, low, high, **changes))


def claims(value, **changes):
    return Claims(
        **{"run": "r", "task_digest": "d", "track": "sample", "scores": {"ap_macro": value}}
        | changes
    )


@given(VALUES)
def test_what_was_found_is_reproduced_wherever_its_interval_lies(value):
    assert compare(claims(value), found(value, value + 0.1, value + 0.2)) == ("reproduced", "")


@given(VALUES, VALUES)
def test_a_claim_holds_within_the_tolerance_and_the_interval(claimed, value):
    wide = compare(claims(claimed), found(value, 0.0, 1.0))[0]
    assert (wide == "reproduced") == (abs(claimed - value) <= TOLERANCE)


def test_a_claim_outside_a_narrow_interval_does_not_hold():
    verdict, reason = compare(claims(0.5005), found(0.5, 0.4999, 0.5001))
    assert verdict == "not reproduced"
    assert reason == "claimed ap_macro 0.5005, found 0.5000"
    assert compare(claims(0.50005), found(0.5, 0.4999, 0.5001))[0] == "reproduced"


def test_what_was_handed_in_whole_is_not_reproduced_by_scoring_it():
    made = found(0.5, trust="reported")
    assert compare(claims(0.5), made)[0] == "not compared"
    assert compare(claims(0.6), made)[0] == "not reproduced"


def test_without_a_ranking_score_every_claimed_one_must_hold():
    scores = [run_json.score(value=None), run_json.score("f1", value=0.25)]
    made = run_json.model(run_json.complete("r", scores=scores))
    assert compare(claims(0.5, scores={"f1_macro": 0.25}), made) == ("reproduced", "")
    assert compare(claims(0.5, scores={"f1_macro": 0.5}), made)[0] == "not reproduced"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "it claims nothing"),
        (claims(0.5, task_digest="e"), "another version of the task"),
        (claims(0.5, track="official"), "for the official track"),
        (claims(0.5, scores={}), "claims no ap_macro"),
    ],
)
def test_what_is_of_something_else_is_not_compared(given, reason):
    verdict, why = compare(given, found(0.5))
    assert verdict == "not compared"
    assert reason in why


def test_claims_are_the_scores_over_everything():
    assert claims_of(found(0.5)) == claims(0.5)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[" * 100_000, "[]", "{}", '{"scores": 1}', '{"scores": [1]}', '"x"', "\udcff"],
)
def test_a_broken_run_json_claims_nothing(text, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BenchError, match=r"run\.json") as caught:
        read_claims(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "high", []])
def test_a_score_that_is_no_number_is_no_claim(value, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content(value)))
    with pytest.raises(BenchError, match=r"scores\.0\.value|is no number of JSON"):
        read_claims(path)


def submission(**changes):
    return Submission(
        **{
            "repo": "alice/mine",
            "revision": "a" * 40,
            "entry": "mine",
            "task": "reben-mlc",
            "files": {"entry.toml": "b" * 64},
            "claims": claims(0.5),
        }
        | changes
    )


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    path = tmp_path / submission().file_name
    path.write_text(submission().text())
    assert path.name == "alice--mine.toml"
    assert read_submission(path) == submission()


@pytest.mark.parametrize(
    "change",
    [
        ("alice/mine", "alice"),
        ("alice/mine", "../../etc/x"),
        ("a" * 40, "main"),
        ("b" * 64, "short"),
        ("0.5", "nan"),
        ("sample", "other"),
        ("repo", "unknown"),
    ],
)
def test_a_manifest_that_pins_nothing_is_refused(change, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(submission().text().replace(*change))
    with pytest.raises(RequestError, match="is no submission"):
        read_submission(path)
