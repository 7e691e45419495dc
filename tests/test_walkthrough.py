"""Handing in predictions, and what is not fit to be handed in; a journey has the rest."""

import base64
import gzip
import json
import re
import shutil
import tomllib

import pyarrow.parquet as pq
import pytest
import tomli_w

from bench.evaluate import predictions
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.results import runs, store
from bench.spec import task as tasks
from tests import run_json
from tests.hub.server import commit_of
from tests.tiny import tiny

TASK = tasks.load("reben-mlc")
FILLED = {
    "authors": ["A. Lice"],
    "licence": "Apache-2.0",
    "training_data": ["reben/train", "reben/validation"],
}


def words_of(page):
    packed = re.search(r'id="data">([^<]+)<', page.read_text())[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))["words"]


def fill_in(folder, **changes):
    path = folder / "entry.toml"
    path.write_text(tomli_w.dumps(tomllib.loads(path.read_text()) | FILLED | changes))


@pytest.fixture(scope="module")
def ran(sample_data, tmp_path_factory):
    """The weights of a tiny network, and its run."""
    results = tmp_path_factory.mktemp("ran")
    folder = tiny(results / "entry")
    manifest = evaluate.run(Request(TASK.name, str(folder), track="sample", results=results))
    return folder / "model.safetensors", runs.find(results, manifest.run)


def test_predictions_become_a_row(ran, bench, hub):
    bench.in_process("init mine --task reben-mlc --predictions")
    fill_in(bench.folder / "mine")
    predicted = ran[1].observations().select(predictions.schema(TASK).names)
    pq.write_table(predicted, bench.folder / "mine" / "predictions.parquet")
    bench.in_process("check mine")
    bench.in_process("run --task reben-mlc --model predictions:mine")
    shown = bench.in_process("submit mine --repo alice/mine --dry-run").stdout
    assert "entry.toml" in shown
    assert "would commit" in shown
    assert not (hub.seen or hub.commits)
    bench.in_process("submit mine --repo alice/mine")
    assert len(hub.commits) == 1
    commit = commit_of(hub.root / "alice" / "mine")

    board = bench.beside("board")
    (row,) = board.in_process("submissions sync --json").json()["submissions"]
    assert (row["state"], row["trust"], row["revision"]) == ("reproduced", "rescored", commit)
    (claimed,) = runs.all_runs(bench.folder / "results")
    assert row["value"] == row["claimed"] == run_json.read(claimed)["scores"][0]["value"]
    with store.connect(board.folder / "results", write=False) as connection:
        found = connection.execute("select entry, trust, track, altered from runs").fetchall()
    assert found == [("mine", "rescored", "sample", False)]
    board.in_process("leaderboard --out page.html")
    words = words_of(board.folder / "page.html")
    assert "rescored" in words
    assert any(f"https://huggingface.co/alice/mine/tree/{commit}" in word for word in words)

    # The same from the manifest that a pull request brings, its claim edited upwards.
    (manifest,) = (bench.folder / "results" / "submissions").glob("*.toml")
    claim = tomllib.loads(manifest.read_text())
    claim["claims"]["scores"]["ap_macro"] += 0.05
    manifest.write_text(tomli_w.dumps(claim))
    asked = "--from ../work/results/submissions"
    told = board.in_process(f"submissions sync {asked}").stdout
    assert "not reproduced" in told
    assert f"claimed ap_macro {claim['claims']['scores']['ap_macro']:.4f}" in told
    assert "not reproduced" in board.in_process(f"submissions list {asked}").stdout


def test_what_was_not_run_or_not_filled_in_is_not_submitted(ran, bench, hub):
    bench.in_process("init mine --task reben-mlc")
    model = {"architecture": "timm:test_resnet", "weights": "model.safetensors"}
    fill_in(bench.folder / "mine", input="s1", model=model)
    shutil.copy(ran[0], bench.folder / "mine")
    submit = "submit mine --repo alice/mine"
    told = bench.in_process(submit, code=2).stderr
    assert "results holds no whole run of mine as it is in mine" in told
    assert "bench run --task reben-mlc --model mine" in told
    fill_in(bench.folder / "mine", licence="")
    assert "declaration.licence" in bench.in_process(submit, code=2).stderr
    assert not hub.seen
