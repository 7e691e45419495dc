import dataclasses
import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from bench import kinds
from bench.base.errors import BenchError
from bench.cli.verify import verb
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.evaluate.verify import verify
from bench.kinds.common import scoring
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.tiny import brief, tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory, sample_data):
    """A run whose weights the harness trained itself."""
    results = tmp_path_factory.mktemp("verify")
    entry = brief(results / "brief", epochs=1)
    manifest = evaluate.run(
        Request(task="reben-mlc", model=str(entry), track="sample", results=results)
    ).content()
    return results, Run(results / "runs" / manifest["run"])


@pytest.fixture
def copied(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "results")
    return tmp_path / "results", Run(tmp_path / "results" / "runs" / trained[1].name)


def states(results, run):
    return {one.what: one.state for one in verify(run, results)}


def rewritten(run, change):
    manifest = run_json.read(run)
    change(manifest)
    run_json.write(run, manifest)


def test_a_run_as_it_was_made_is_the_same_in_everything(trained):
    results, run = trained
    found = states(results, run)
    assert set(found.values()) == {"same"}
    named = {"run.json", "part-00000.parquet", "attributes.parquet", "task digest", "data"}
    assert set(found) >= named | {"sample ids", "weights", "observations", "scores"}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda m: m["scores"][0].update(value=0.9), {"scores"}),
        (lambda m: m["scores"].pop(), {"scores"}),
        (lambda m: m["task"].update(digest="0" * 64), {"task digest"}),
        (lambda m: m["data"].update(data_sha256="0" * 64), {"data"}),
        (lambda m: m["data"].update(ids_sha256="0" * 64), {"sample ids"}),
        (lambda m: m["entry"].update(weights_sha256="0" * 64), {"weights"}),
        (lambda m: m.update(observations_sha256="0" * 64), {"observations"}),
        (lambda m: m["parts"].update({"part-00009.parquet": "0"}), {"part-00009.parquet"}),
        (lambda m: m["pictures"].update({"a.png": "0"}), {"a.png"}),
    ],
)
def test_what_was_changed_under_a_fresh_hash_differs(copied, change, differs):
    results, run = copied
    rewritten(run, change)
    found = states(results, run)
    assert {what for what, state in found.items() if state == "differs"} == differs


def test_what_needs_a_program_that_is_not_here_does_not_differ(copied, monkeypatch):
    """As METEOR does, which needs Java."""
    results, run = copied

    def without(kind, observations, attributes):
        made = score(kind, observations, attributes)
        first = dataclasses.replace(made.scores[0], value=None)
        return dataclasses.replace(made, scores=(first, *made.scores[1:]))

    score = scoring.score
    monkeypatch.setattr(scoring, "score", without)
    assert states(results, run)["scores"] == "differs"
    multilabel = type(kinds.of(tasks.load("reben-mlc")))
    reason = ["ap was not computed: no java"]
    monkeypatch.setattr(multilabel, "remarks", lambda kind, table: reason)
    found = states(results, run)
    assert (found["1 scores"], found["scores"]) == ("not here", "same")


def test_a_part_that_was_edited_differs_and_so_do_its_scores(copied):
    results, run = copied
    table = run.observations()
    run.write_part(0, table.slice(1))
    found = states(results, run)
    assert found["part-00000.parquet"] == found["scores"] == "differs"
    run.part(0).write_bytes(b"x")
    found = states(results, run)
    assert found["scores"] == "differs"


def test_weights_that_were_edited_differ(copied):
    results, run = copied
    path = next((results / "entries").rglob("model.safetensors"))
    tensors = load_file(path)
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, path)
    assert states(results, run)["weights"] == "differs"
    path.unlink()
    assert states(results, run)["weights"] == "not here"


def test_what_is_not_on_this_machine_is_not_here(copied, tmp_path, monkeypatch):
    _, run = copied
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "empty"))
    found = states(tmp_path / "elsewhere", run)
    assert {what for what, state in found.items() if state == "not here"} == {"data", "weights"}


def test_a_task_nobody_knows_is_not_here(copied):
    results, run = copied
    rewritten(run, lambda m: m["task"].update(name="gone"))
    found = states(results, run)
    assert found["task digest"] == found["scores"] == "not here"


def test_weights_of_the_hub_are_looked_for_in_its_cache(copied, tmp_path, monkeypatch):
    results, run = copied
    commit = "0123456789" * 4
    cache = tmp_path / "hub" / "models--me--mine"
    snapshot = tiny(cache / "snapshots" / commit)
    asked = []

    def cached(repo, name, revision):
        asked.append((repo, name, revision))
        return str(snapshot / name)

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)

    def fetched(manifest):
        manifest["entry"]["source"] = f"hf:me/mine@{commit}"
        del manifest["entry"]["trained"]

    rewritten(run, fetched)
    assert states(results, run)["weights"] == "differs"
    assert asked == [("me/mine", "model.safetensors", commit)]


def test_a_run_that_is_not_complete_can_not_be_verified(copied):
    results, run = copied
    rewritten(run, lambda m: m.update(status="predicting"))
    with pytest.raises(BenchError, match="not complete"):
        verify(run, results)


def test_the_command_exits_1_where_anything_differs(copied, capsys):
    results, run = copied
    verb(run.name, results=results)
    assert "differs" not in capsys.readouterr().out
    rewritten(run, lambda m: m["scores"][0].update(value=0.9))
    with pytest.raises(BenchError, match=r"1 of .* differ in run .*: scores") as ended:
        verb(run.name, as_json=True, results=results)
    assert ended.value.exit_code == 1
    compared = json.loads(capsys.readouterr().out)["compared"]
    assert [one["what"] for one in compared if one["state"] == "differs"] == ["scores"]


def test_a_run_of_an_earlier_version_is_compared_without_its_intervals(copied):
    results, run = copied

    def earlier(manifest):
        manifest.pop("left_out")
        for score in manifest["scores"]:
            del score["units"], score["sampling_unit"]
            if score["low"] is not None:
                score["low"], score["high"] = score["value"] - 0.01, score["value"] + 0.01

    rewritten(run, earlier)
    found = states(results, run)
    assert (found["scores"], found["intervals"]) == ("same", "not here")
    rewritten(run, lambda m: m["scores"][0].update(value=0.5))
    assert states(results, run)["scores"] == "differs"


def test_values_without_each_unit_that_were_edited_differ(copied):
    results, run = copied
    assert states(results, run)["without each unit"] == "same"
    rewritten(run, lambda m: m["left_out"].reverse())
    assert states(results, run)["without each unit"] == "differs"
