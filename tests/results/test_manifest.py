import copy
import json
import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.base import bounded_json
from bench.base.errors import BenchError
from bench.base.files import sha256_json
from bench.results import manifest as module
from bench.results.manifest import Manifest, read, read_noting_edits, write
from bench.results.records import Record
from bench.spec.score import Score

STORED = Path(__file__).parent / "data" / "run.json"
"""The ``run.json`` of a real run, as version 0.1.0 wrote it before there was a model of it."""


def stored():
    return json.loads(STORED.read_text())


def records(value):
    """Every record within a value, the value itself included."""
    if isinstance(value, Record):
        yield value
        for inner in vars(value).values():
            yield from records(inner)


def with_units(content):
    """The same with what scores of earlier versions don't say: that nobody knows their units."""
    scores = [score | {"units": None, "sampling_unit": "sample"} for score in content["scores"]]
    return content | {"scores": scores}


def test_a_run_of_an_earlier_version_is_read_and_written_again(tmp_path):
    found, edited = read_noting_edits(STORED)
    assert not edited
    assert found.content() == with_units(stored())
    assert (found.left_out, found.primary.units, found.primary.sampling_unit) == (
        (),
        None,
        "sample",
    )
    sealed = write(found, tmp_path / "run.json")
    assert read_noting_edits(tmp_path / "run.json") == (sealed, False)
    expected = with_units(stored()) | {"sha256": sealed.sha256}
    assert json.dumps(json.loads((tmp_path / "run.json").read_text())) == json.dumps(expected)
    first = (tmp_path / "run.json").read_bytes()
    write(sealed, tmp_path / "run.json")
    assert (tmp_path / "run.json").read_bytes() == first
    assert found.entry.trained.recipe == {"method": "fit"}
    assert found.cost.parameters == stored()["cost"]["parameters"]


def test_every_field_that_a_run_writes_is_a_field_of_the_model():
    found = list(records(read(STORED)))
    assert len(found) > 8
    assert [one.model_extra for one in found] == [{}] * len(found)


def test_what_earlier_versions_did_not_say_has_a_default(tmp_path):
    content = stored()
    for name in ("identity", "remarks", "pictures", "observations_sha256", "hardware"):
        del content[name]
    del content["harness"]["code_sha256"], content["data"]["checked"]
    for score in content["scores"]:
        del score["classes"]
    content["sha256"] = sha256_json({k: v for k, v in content.items() if k != "sha256"})
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    found, edited = read_noting_edits(path)
    assert not edited
    assert (found.identity, found.remarks, found.pictures) == (None, (), {})
    assert (found.harness.code_sha256, found.data.checked) == (None, "unverified")
    assert {score.classes for score in found.scores} == {None}


def test_fields_that_are_not_known_stay_in_the_file(tmp_path):
    content = stored() | {"later": {"a": [1, 2.5, None]}}
    content["entry"]["trained"]["also"] = 3
    path = tmp_path / "run.json"
    path.write_text(json.dumps(content))
    write(read(path), path)
    again = json.loads(path.read_text())
    assert again.pop("sha256") != content.pop("sha256")
    assert again == with_units(content)


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, (1 << 63) - 1)
scalars = st.booleans() | st.integers(-(1 << 80), 1 << 80) | words
values = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
scores = st.builds(
    Score,
    *(words, words, words, numbers, numbers, numbers, counts, words),
    *(st.none() | counts, st.none() | counts, words),
)


@st.composite
def manifests(draw):
    """The stored manifest with other values in fields of every type, some of them left away."""
    content = stored()
    for name in ("identity", "determinism", "remarks", "pictures", "arithmetic", "predicted_here"):
        if draw(st.booleans()):
            del content[name]
    entry = content["entry"]
    entry |= {"name": draw(words), "note": draw(words), "authors": draw(st.lists(words))}
    entry["model"]["arguments"] = draw(st.dictionaries(words, values, max_size=3))
    entry["trained"] |= {"facts": draw(st.dictionaries(words, scalars, max_size=3))}
    entry["trained"] |= {"validation": draw(numbers), "seconds": draw(numbers)}
    content["data"]["samples"] = draw(counts)
    content["seed"] = draw(st.integers(-(1 << 63), (1 << 63) - 1))
    content["partial"] = draw(st.booleans())
    content["status"] = draw(st.sampled_from(["predicting", "complete"]))
    content["cost"] = {name: draw(counts) for name in draw(st.sets(st.sampled_from(["macs"])))}
    content |= draw(st.dictionaries(words.map("+{}".format), values, max_size=2))
    whole = Manifest.model_validate(content)
    found = draw(st.lists(scores, max_size=4)), draw(st.lists(words))
    left_out = draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
    return whole.rescored(*found, whole.harness, left_out)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(manifests())
def test_what_is_written_is_read_again(tmp_path_factory, made):
    path = tmp_path_factory.getbasetemp() / "run.json"
    sealed = write(made, path)
    found, edited = read_noting_edits(path)
    assert found == sealed
    assert edited is (made.status != "complete")
    assert {**found.content(), "sha256": None} == {**made.content(), "sha256": None}
    first = path.read_bytes()
    write(found, path)
    assert path.read_bytes() == first


def deep(levels):
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m.update(seed="0"), "seed"),
        (lambda m: m.update(seed=True), "seed"),
        (lambda m: m.update(seed=1 << 63), "seed"),
        (lambda m: m.update(partial=0), "partial"),
        (lambda m: m.update(status="done"), "status"),
        (lambda m: m.update(started="yesterday"), "started"),
        (lambda m: m.update(seconds=None) or m.pop("seconds"), "needs seconds"),
        (lambda m: m.pop("scores") and m.pop("cost"), "needs cost, scores"),
        (lambda m: m.update(parts=[]), "parts"),
        (lambda m: m.update(pictures={"a.png": 1}), r"pictures\.a\.png"),
        (lambda m: m.update(remarks="none"), "remarks"),
        (lambda m: m["entry"]["trained"].update(facts={"a": []}), r"entry\.trained\.facts"),
        (lambda m: m.update(identity={}), r"identity\.task"),
        (lambda m: m["data"].update(samples=-1), r"data\.samples"),
        (lambda m: m["data"].update(samples=2.0), r"data\.samples"),
        (lambda m: m["data"].update(checked="yes"), r"data\.checked"),
        (lambda m: m["cost"].update(peak_memory=1 << 63), r"cost\.peak_memory"),
        (lambda m: m["cost"].update(latency_ms="1"), r"cost\.latency_ms"),
        (lambda m: m["entry"].update(name="x" * 501), r"entry\.name"),
        (lambda m: m["entry"].update(model=[]), r"entry\.model"),
        (lambda m: m["entry"]["trained"].update(seed="0"), r"entry\.trained\.seed"),
        (lambda m: m["scores"][1].update(samples=True), r"scores\.1\.samples"),
        (lambda m: m["scores"].append("ap"), r"scores\.\d+: Input"),
        (lambda m: m["scores"][0].update(units=-1), r"scores\.0\.units"),
        (lambda m: m.update(scores={}), "scores"),
        (lambda m: m.update(left_out=["0.5"]), r"left_out\.0"),
        (lambda m: m.update(left_out=0.5), "left_out"),
    ],
)
def test_wrong_types_are_refused_by_the_name_of_the_field(tmp_path, change, fault):
    content = stored()
    change(content)
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(BenchError, match=fault) as caught:
        read(tmp_path / "run.json")
    assert "restore the file" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"seed": 0', '"seed": NaN', "is not JSON"),
        ('"seed": 0', '"seed": 0, "seed": 1', "a name stands twice"),
        ('"seed": 0', f'"seed": {"9" * 5000}', "is not JSON"),
        ('"seed": 0', f'"seed": 0, "x": {deep(100)}', "at most 64 levels"),
        ('"seed": 0', f'"seed": 0, "x": {deep(100_000)}', "is not JSON"),
        ('"seconds": ', '"seconds": 1e999, "x": ', "seconds"),
        ('"seed": 0', '"seed": 0, "x": 1e999', "NaN, infinity"),
        ('"seed": 0', r'"seed": 0, "x": "\ud800"', "broken text"),
        ('"partial": false', r'"partial": false, "x": 1', "edited"),
    ],
)
def test_hostile_texts_are_refused(tmp_path, old, new, fault):
    text = STORED.read_text()
    assert old in text
    path = tmp_path / "run.json"
    path.write_text(text.replace(old, new, 1))
    if fault == "edited":
        assert read_noting_edits(path)[1]
        return
    with pytest.raises(BenchError, match=fault):
        read_noting_edits(path)


def test_a_folder_a_large_file_and_no_file_are_refused(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(BenchError, match="is missing"):
        read(path)
    with path.open("wb") as stream:
        stream.truncate(module.MAX_BYTES + 1)
    with pytest.raises(BenchError, match="bytes"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BenchError, match="no plain file"):
        read(path)


@pytest.mark.parametrize(
    ("version", "fault", "hint"),
    [
        (2, "schema 2, expected 1: a newer rs-bench wrote it", "update rs-bench"),
        (1 << 200, "a newer rs-bench wrote it", "update rs-bench"),
        (0, "schema 0, expected 1", "no run.json of rs-bench"),
        (True, "schema True, expected 1", "no run.json of rs-bench"),
        (1.0, "schema 1.0, expected 1", "no run.json of rs-bench"),
        ("1", "schema '1', expected 1", "no run.json of rs-bench"),
    ],
)
def test_other_formats_are_refused_with_the_way_out(tmp_path, version, fault, hint):
    (tmp_path / "run.json").write_text(json.dumps(stored() | {"schema": version}))
    with pytest.raises(BenchError) as caught:
        read(tmp_path / "run.json")
    assert fault in caught.value.message
    assert hint in caught.value.hint


def test_nan_is_never_written(tmp_path):
    made = read(STORED)
    wrong = Score("ap", "macro", "", float("nan"), None, None, 1, "")
    with pytest.raises(ValueError, match="JSON compliant"):
        write(made.rescored([wrong], (), made.harness), tmp_path / "run.json")
    assert not (tmp_path / "run.json").exists()


def test_a_manifest_does_not_change(tmp_path):
    made = read(STORED)
    before = copy.deepcopy(made.content())
    with pytest.raises(ValueError, match="frozen"):
        made.seed = 1
    assert made.rescored((), ("a",), made.harness).remarks == ("a",)
    assert made.content() == before


def test_the_committed_json_schema_is_that_of_the_model():
    script = Path(__file__).parents[2] / "scripts" / "manifest_schema.py"
    made = runpy.run_path(str(script))["text"]()
    assert module.__file__ is not None
    committed = Path(module.__file__).with_name("manifest.schema.json").read_text()
    assert committed == made, "run `make schema`"
    described = json.loads(made)
    assert described["properties"].keys() == stored().keys() | {"left_out", "degradation"}


def test_a_score_takes_less_memory_than_a_dictionary_of_its_fields():
    score = read(STORED).scores[0]
    assert not hasattr(score, "__dict__")
    as_dict = bounded_json.parse(json.dumps(stored()["scores"][0]), "score")
    assert sys.getsizeof(score) < sys.getsizeof(as_dict)
