"""From an empty folder to a row on a leaderboard, as a submitter and a maintainer would go."""

import base64
import gzip
import json
import re
import shutil
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tomli_w
from typer.testing import CliRunner

from bench import cli, evaluate, kinds, predictions, runs, store
from bench import task as tasks
from bench.errors import BenchError
from bench.request import Request
from tests.hub.server import TOKEN, commit_of
from tests.tiny import brief as brief_entry
from tests.tiny import tiny

TASK = tasks.load("reben-mlc")
FILLED = {
    "authors": ["A. Lice"],
    "licence": "Apache-2.0",
    "training_data": ["reben/train", "reben/validation"],
}


def bench(*arguments):
    """What a command prints; its errors are raised."""
    done = CliRunner().invoke(cli._command_line(), [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert TOKEN not in done.output
    return done.stdout


def words_of(page):
    packed = re.search(r'id="data">([^<]+)<', page.read_text())[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))["words"]


def fill_in(folder, **changes):
    path = folder / "entry.toml"
    path.write_text(tomli_w.dumps(tomllib.loads(path.read_text()) | FILLED | changes))


@pytest.fixture(scope="module", autouse=True)
def _few_resamples():
    """Intervals of so few resamples mean nothing; the sandbox makes its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "RESAMPLES", 8)
        yield


@pytest.fixture(scope="module")
def ran(sample_data, tmp_path_factory):
    """The weights of a tiny network, and its run."""
    results = tmp_path_factory.mktemp("ran")
    folder = tiny(results / "entry")
    manifest = evaluate.run(Request(TASK.name, str(folder), track="sample", results=results))
    return folder / "model.safetensors", runs.find(results, manifest["run"])


@pytest.fixture
def with_model(ran, tmp_path):
    folder = tmp_path / "mine"
    bench("init", folder, "--task", TASK.name)
    model = {"architecture": "timm:test_resnet", "weights": "model.safetensors"}
    fill_in(folder, input="s1", model=model)
    shutil.copy(ran[0], folder / "model.safetensors")
    return folder, str(folder)


@pytest.fixture
def with_training(sample_data, tmp_path):
    """An entry that the harness trains: its recipe instead of weights."""
    folder, brief = tmp_path / "mine", brief_entry(tmp_path / "brief", epochs=1)
    bench("init", folder, "--task", TASK.name)
    told = tomllib.loads((brief / "entry.toml").read_text())
    fill_in(folder, **{key: told[key] for key in ("input", "model", "recipe")})
    made = ("--task", TASK.name, "--model", folder, "--track", "sample")
    trained = json.loads(bench("train", *made, "--results", tmp_path / "trained", "--json"))
    return Path(trained["folder"]), trained["folder"]


@pytest.fixture
def with_predictions(ran, tmp_path):
    folder = tmp_path / "mine"
    bench("init", folder, "--task", TASK.name, "--predictions")
    fill_in(folder)
    predicted = ran[1].observations().select(predictions.schema(TASK).names)
    pq.write_table(predicted, folder / "predictions.parquet")
    return folder, f"predictions:{folder}"


@pytest.mark.parametrize(
    ("made", "trust"), [("with_training", "rerun"), ("with_predictions", "rescored")]
)
def test_an_entry_becomes_a_row(made, trust, request, hub, tmp_path):
    folder, model = request.getfixturevalue(made)
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    bench("check", folder)
    bench("run", "--task", TASK.name, "--model", model, "--track", "sample", "--results", theirs)
    submit = ("submit", folder, "--repo", "alice/mine", "--results", theirs)
    shown = bench(*submit, "--dry-run")
    assert "entry.toml" in shown
    assert "would commit" in shown
    assert not (hub.seen or hub.commits)
    bench(*submit)
    assert len(hub.commits) == 1
    commit = commit_of(hub.root / "alice" / "mine")

    (row,) = json.loads(bench("submissions", "sync", "--results", ours, "--json"))["submissions"]
    assert (row["state"], row["trust"], row["revision"]) == ("reproduced", trust, commit)
    (claimed,) = runs.all_runs(theirs)
    assert row["value"] == row["claimed"] == claimed.manifest()["scores"][0]["value"]
    with store.connect(ours, write=False) as connection:
        found = connection.execute("select entry, trust, track, altered from runs").fetchall()
    assert found == [("mine", trust, "sample", False)]
    page = tmp_path / "page.html"
    bench("leaderboard", "--results", ours, "--out", page)
    words = words_of(page)
    assert trust in words
    assert any(f"https://huggingface.co/alice/mine/tree/{commit}" in word for word in words)

    # The same from the manifest that a pull request brings, its claim edited upwards.
    (manifest,) = (theirs / "submissions").glob("*.toml")
    claim = tomllib.loads(manifest.read_text())
    claim["claims"]["scores"]["ap_macro"] += 0.05
    manifest.write_text(tomli_w.dumps(claim))
    asked = ("--from", manifest.parent, "--results", ours)
    told = bench("submissions", "sync", *asked)
    assert "not reproduced" in told
    assert f"claimed ap_macro {claim['claims']['scores']['ap_macro']:.4f}" in told
    assert "not reproduced" in bench("submissions", "list", *asked)


def test_what_was_not_run_or_not_filled_in_is_not_submitted(with_model, hub, tmp_path):
    folder, _ = with_model
    submit = ("submit", folder, "--repo", "alice/mine", "--results", tmp_path / "none")
    with pytest.raises(BenchError, match=r"no whole run of mine.*bench run --task reben-mlc"):
        bench(*submit)
    fill_in(folder, licence="")
    with pytest.raises(BenchError, match=r"declaration\.licence"):
        bench(*submit)
    assert not hub.seen
