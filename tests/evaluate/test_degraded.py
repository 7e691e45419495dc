"""A model on clean and on degraded images, as people ask for it."""

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from bench import data, kinds
from bench.evaluate.request import Request
from bench.models import methods
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.read import read
from bench.results import runs
from bench.spec import task as tasks
from bench.spec.degradation import parse
from bench.train.features import extract
from tests.tiny import TASK, tiny
from tests.typed import Prompt

CALL = f"robustness --task {TASK} --model my-tiny --track sample -q"
ASKED = "--degrade drop=B8A,B11 --degrade cloud=0.6"


@pytest.fixture(scope="module")
def typed(sample_data: Path, bench_of_module: Prompt) -> Prompt:
    """A user whose tiny entry was tested under two degradations."""
    tiny(_folder(bench_of_module), given="s2")
    with mock.patch("bench.evaluate.predict.cost", lambda job: {}):
        bench_of_module.in_process(f"{CALL} {ASKED}")
    return bench_of_module


def _folder(user: Prompt) -> Path:
    folder = user.folder / "my-tiny"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def found(typed: Prompt) -> Any:
    return typed.in_process(f"{CALL} {ASKED} --json").json()


def test_every_degradation_is_a_run_beside_the_clean_one(typed: Prompt, found: Any) -> None:
    names = ["", "drop=B8A,B11", "cloud=0.6"]
    assert [point["degradation"] for point in found["points"]] == names
    assert len(list(runs.all_runs(typed.folder / "results"))) == 3
    for point in found["points"]:
        manifest = runs.find(typed.folder / "results", point["run"]).manifest()
        primary = manifest.primary
        assert primary is not None
        assert (point["value"], point["low"]) == (primary.value, primary.low)
        done = manifest.degradation
        assert (done.name if done else "") == point["degradation"]
        assert manifest.division == ("open" if done else "closed")
        if done:
            assert any(done.meaning in remark for remark in manifest.remarks)
    clean = found["points"][0]["value"]
    for point in found["points"][1:]:
        assert point["difference"] == pytest.approx(point["value"] - clean)
        assert point["difference_low"] <= point["difference"] <= point["difference_high"]
        assert 0 <= point["p"] <= 1


def test_the_area_is_paired_with_the_clean_run(found: Any) -> None:
    (cloud,) = found["areas"]
    clean, _, dark = (point["value"] for point in found["points"])
    assert cloud["area"] == pytest.approx((clean + dark) / 2)
    assert (cloud["start"], cloud["end"], cloud["points"]) == (0, 0.6, 2)
    assert cloud["difference"] == pytest.approx((dark - clean) / 2)
    assert cloud["low"] < cloud["area"] < cloud["high"]
    assert cloud["difference_low"] < cloud["difference"] < cloud["difference_high"]


def test_a_table_shows_runs_and_areas_and_says_what_was_replaced(typed: Prompt) -> None:
    shown = typed.in_process(f"{CALL} {ASKED}").stdout
    assert "never ranked" in shown
    assert "cloud 0 to 0.6 share of the image" in shown
    assert "replaced by the mean of their statistics because that was asked for" in shown


def test_degraded_runs_are_not_ranked(typed: Prompt, found: Any) -> None:
    results = typed.folder / "results"
    (board,) = boards(read(results)[0])
    assert [row.result.run for row in board.ranked] == [found["points"][0]["run"]]
    assert sorted(row.result.unranked for row in board.rows if row.place is None) == [
        "degraded: cloud=0.6",
        "degraded: drop=B8A,B11",
    ]
    shown = typed.in_process("results").stdout
    assert "images cloud=0.6 (not ranked)" in shown
    rows = typed.in_process("results --json").json()["results"]
    assert {row["degradation"] for row in rows} == {
        point["degradation"] for point in found["points"]
    }


def test_an_entry_is_compared_by_its_clean_runs_alone(typed: Prompt, found: Any) -> None:
    clean, dropped, dark = (point["run"] for point in found["points"])
    refused = typed.in_process(f"compare tiny {dark} --task {TASK}", code=2)
    assert f"images of {clean} are clean, those of {dark} cloud=0.6" in refused.stderr
    refused = typed.in_process(f"compare {dropped} {dark} --task {TASK}", code=2)
    assert "compare runs on the same images" in refused.stderr


def test_degraded_runs_are_exported_with_what_was_done(typed: Prompt) -> None:
    typed.in_process("results export --format json --out all.json")
    content = (typed.folder / "all.json").read_text()
    assert '"degradation": "cloud=0.6"' in content


@pytest.mark.parametrize(
    ("typed_more", "expected"),
    [
        ("", "--degrade and --noise are not given"),
        ("--degrade cloud=0.1 --noise dilate=2", "are both given"),
        ("--degrade cloud=2", "above 0 and at most 1"),
        ("--degrade drop=B99", "unknown band"),
        ("--degrade gsd=5", "changes nothing"),
        ("--degrade fog=0.1", "unknown degradation"),
    ],
)
def test_wrong_requests_are_refused_by_name(typed: Prompt, typed_more: str, expected: str) -> None:
    refused = typed.in_process(f"{CALL} {typed_more}", code=2)
    assert expected in refused.stderr
    assert "Traceback" not in refused.stderr


def test_features_of_degraded_images_are_kept_apart(sample_data: Path, tmp_path: Path) -> None:
    task = tasks.load(TASK)
    entry = methods.entry("timm:test_resnet", task, "ridge", given="s2")
    assert entry.encoder is not None
    dataset = data.reader(task.dataset).open_dataset(data.sample_root(task.dataset))
    samples = dataset.ids(task.split)[:4]

    def made(text: str) -> Any:
        return extract(
            entry.encoder,  # type: ignore[arg-type]
            kinds.of(task),
            dataset,
            samples,
            "pooled",
            data="d",
            root=tmp_path,
            device="cpu",
            precision="32-true",
            progress=lambda done, total: None,
            degradation=parse(text)[0] if text else None,
        )

    found = [made(text) for text in ("", "cloud=0.5", "cloud=0.6", "")]
    assert len({one.folder for one in found}) == 3
    assert found[0].folder == found[3].folder
    rows = [np.stack([one.row(sample) for sample in samples]) for one in found]
    assert (rows[0] == rows[3]).all()
    assert (rows[0] != rows[1]).any()
    assert (rows[1] != rows[2]).any()


def test_the_training_is_that_of_clean_images(tmp_path: Path) -> None:
    """A degradation is no part of what an entry is."""
    task = tasks.load(TASK)
    clean = Request(task=TASK, model="resnet18-s2", results=tmp_path)
    degraded = Request(
        task=TASK, model="resnet18-s2", results=tmp_path, degradation=parse("cloud=0.3")[0]
    )
    one, other = clean.find_model(task), degraded.find_model(task)
    assert one.digest() == other.digest()
