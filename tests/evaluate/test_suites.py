"""A suite that trains on one task and runs what that leaves on others."""

from typing import Any

import pytest

from bench.base.errors import RequestError
from bench.models import entries
from bench.spec import suite, task

SUITE = """
name = "mine"
title = "Mine"
tasks = ["ucm-retrieval", "ucm-zeroshot", "reben-mlc"]
[[rows]]
models = ["floor-colours", "floor-random"]
trained = "ucm-retrieval"
"""


def test_a_model_is_trained_once_and_run_on_every_task(sample_data: Any, bench: Any) -> None:
    (bench.folder / "mine.toml").write_text(SUITE)
    found = bench.in_process("run --suite mine.toml --track sample --json --quiet").json()
    of_colours = found[:3]
    assert [bool(one["manifests"]) for one in of_colours] == [True, True, False]
    assert [one["task"] for one in of_colours] == list(
        suite.load(str(bench.folder / "mine.toml")).tasks
    )
    assert {one["trained"] for one in found} == {"ucm-retrieval"}
    # Other kinds don't run entries of retrieval.
    own, other = (one["manifests"][0] for one in of_colours[:2])
    assert own["entry"]["weights_sha256"] == other["entry"]["weights_sha256"] != ""
    assert (own["entry"]["trained"]["task"], own["track"]) == ("ucm-retrieval", "sample")
    assert other["task"]["name"] == "ucm-zeroshot"
    assert "entry for task ucm-retrieval, not reben-mlc" in of_colours[2]["refused"]
    made = list((bench.folder / "results" / "entries").glob("*/*/entry.toml"))
    assert [path.parent.parent.name for path in made] == ["ucm-retrieval"]
    # What has nothing to learn isn't trained, and says so.
    assert all("nothing to learn" in one["refused"] for one in found[3:])
    table = bench.in_process("run --suite mine.toml --track sample --quiet").stdout
    assert "floor-colours (trained: ucm-retrieval)" in table
    assert len(list((bench.folder / "results" / "entries").glob("*/*/entry.toml"))) == 1


def test_a_row_that_is_trained_once_has_no_methods(tmp_path: Any) -> None:
    (tmp_path / "bad.toml").write_text(SUITE + 'methods = ["ridge"]\n')
    with pytest.raises(RequestError, match="neither methods nor labels"):
        suite.load(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize("name", ["gaia-clip", "gaia-blip2", "reben-alignment"])
def test_what_suites_train_are_baselines_of_the_tasks_that_they_train_on(name: str) -> None:
    rows = suite.load(name).rows
    assert [row.trained for row in rows if row.trained]
    for row in rows:
        for model in row.models:
            known = [row.trained] if row.trained else row.tasks or suite.load(name).tasks
            for one in known:
                found = entries.baseline(model, task.load(one))
                assert not row.trained or {"official", "sample"} <= set(found.recipe)
