"""What is called "already recorded" was compared with all that would change it."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench import api, data
from bench.base import provenance
from bench.base.errors import BenchError, RequestError
from bench.evaluate import data_contents as contents
from bench.evaluate.request import ResolvedRequest, fingerprint
from bench.models import entries, python
from bench.report import competitors
from bench.results import recorded, store
from bench.spec import task as tasks
from tests import run_json
from tests.fabricated import fabricate
from tests.logged import logged
from tests.report.test_compare import MLC, labelled, logits, record
from tests.tiny import brief


class Pixels:
    """A dataset of two bands whose values can be overwritten."""

    layout = "arrays"

    def __init__(self, count=200):
        self.values = {f"s{number}": number for number in range(count)}
        self.reads = 0

    def fingerprint(self):
        return "d" * 64

    def ids(self, split):
        return sorted(self.values) if split == "test" else []

    def read(self, sample, bands):
        self.reads += 1
        if self.values[sample] is None:
            raise BenchError("damaged")
        return {band: np.full((4, 4), self.values[sample] + (band == "B03")) for band in bands}


TASK = "reben-mlc"


def held(dataset, bands=("B02", "B03"), task=TASK):
    resolved = ResolvedRequest(tasks.load(task), "official", Path("nowhere"), dataset, "cpu")
    return fingerprint(resolved, bands)


def test_overwritten_bands_are_other_data_and_the_cost_of_seeing_it_is_bounded():
    dataset = Pixels()
    before = held(dataset)
    assert dataset.reads == contents.RECORDS
    assert held(dataset) == before
    dataset.values = dict.fromkeys(dataset.values, 7)
    after = held(dataset)
    assert after["data_sha256"] != before["data_sha256"]
    assert after["declared_sha256"] == before["declared_sha256"]


def test_few_large_records_are_enough(monkeypatch):
    monkeypatch.setattr(contents, "ENOUGH", 1)
    dataset = Pixels()
    held(dataset)
    assert dataset.reads == contents.FEWEST


def test_what_cannot_be_read_is_other_data_too():
    dataset = Pixels()
    before = held(dataset)
    dataset.values[contents.chosen(dataset.ids("test"))[0]] = None
    assert held(dataset)["data_sha256"] != before["data_sha256"]


def test_pictures_overwritten_in_place_are_other_data(tmp_path):
    from PIL import Image

    root = tmp_path / "whu-rs19"
    data.reader("whu-rs19").write_sample(root)

    def now(**changes):
        dataset = data.reader("whu-rs19").open_dataset(root)
        task = tasks.load("whu-rs19-zeroshot")
        return fingerprint(ResolvedRequest(task, "official", root, dataset, "cpu"), ["R", "G", "B"])

    before = now()
    for path in root.rglob("*.jpg"):
        with Image.open(path) as picture:
            turned = picture.transpose(Image.Transpose.ROTATE_180)
        turned.save(path)
    after = now()
    assert after["data_sha256"] != before["data_sha256"]
    assert after["declared_sha256"] == before["declared_sha256"]
    assert after["files"] != before["files"]


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("reben-pixel", "reference_map"),
        ("pastis-crop-mapping", "reference_map"),
        ("magicbathy-bathymetry-agia-napa", "depth"),
    ],
)
def test_maps_that_a_model_is_compared_with_are_part_of_the_data(task, method):
    class Maps(Pixels):
        level = 0

        def ids(self, split):
            return sorted(self.values)

    setattr(Maps, method, lambda self, sample, bands=(): np.full((4, 4), self.level))
    dataset = Maps()
    before = held(dataset, task=task)
    dataset.level = 1
    assert held(dataset, task=task)["data_sha256"] != before["data_sha256"]
    # Predictions made elsewhere are compared with them as well.
    dataset.level = 0
    alone = held(dataset, bands=(), task=task)
    dataset.level = 1
    assert held(dataset, bands=(), task=task)["data_sha256"] != alone["data_sha256"]


def test_runs_over_other_pixels_are_not_compared_and_runs_over_other_bands_are(tmp_path):
    dataset = Pixels()

    def made(name, bands, seed=0):
        about = {"samples": 120, "ids_sha256": "i120", **held(dataset, bands)}
        about["files"] = about["files"].content()
        return record(tmp_path, name, MLC, labelled(logits(1.0, 5)), data=about)

    made("both", ("B02", "B03"))
    made("one", ("B02",))
    dataset.values = dict.fromkeys(dataset.values, 7)
    made("other", ("B02",))
    task = tasks.load(MLC)
    assert competitors.find(["both", "one"], task, tmp_path, "sample")
    for name in ("both", "one"):
        with pytest.raises(RequestError, match="on the same data"):
            competitors.find([name, "other"], task, tmp_path, "sample")
    # A run of a version that looked at what is declared only.
    old = {"samples": 120, "ids_sha256": "i120", "data_sha256": "d" * 64}
    record(tmp_path, "old", MLC, labelled(logits(1.0, 5)), data=old)
    assert competitors.find(["old", "one"], task, tmp_path, "sample")


CHANGED = {"version": "1", "commit": "b" * 40, "dirty": None}


@pytest.fixture
def complete(tmp_path):
    run, *_ = fabricate(tmp_path, "a")
    now = run_json.read(run) | {"arithmetic": {"torch": "2.13.0"}}
    now["harness"] = {"version": "1", "commit": None, "dirty": None, "code_sha256": "a" * 64}
    run_json.write(run, now)
    store.record(tmp_path, run)
    return run, now


def test_words_are_brought_up_to_date_in_manifest_and_database(complete):
    run, now = complete
    assert recorded.refresh(run, run_json.model(now)) == []
    entry = now["entry"] | {"licence": "MIT", "training_data": ["reben/test"]}
    said = recorded.refresh(run, run_json.model(now | {"entry": entry, "division": "open"}))
    assert said == ["brought up to date: licence, training_data"]
    results = run.folder.parent.parent
    store.record(results, run)
    with store.connect(results, write=False) as connection:
        (text,), (altered,) = (
            connection.execute(f"select {column} from runs").fetchone()
            for column in ("manifest", "altered")
        )
    assert json.loads(text)["entry"]["licence"] == "MIT"
    assert json.loads(text)["division"] == "open"
    assert not altered


def test_a_run_that_was_edited_is_left_as_it_is(complete):
    run, now = complete
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    before = path.read_text()
    asked = run_json.model(now | {"entry": now["entry"] | {"licence": "MIT"}})
    (said,) = recorded.refresh(run, asked)
    assert said == "it is not as it was made: run.json was edited"
    assert path.read_text() == before


def test_words_reach_what_was_trained_already(tmp_path, sample_data):
    folder = brief(tmp_path / "brief", epochs=1)
    asked = {"task": TASK, "model": str(folder), "track": "sample"}
    first = api.train(**asked, results=tmp_path / "results")
    path = folder / "entry.toml"
    path.write_text('licence = "MIT"\ntraining_data = ["reben/test"]\n' + path.read_text())
    found = api.train(**asked, results=tmp_path / "results")
    assert found.folder == first.folder
    assert (found.licence, found.training_data) == ("MIT", ["reben/test"])
    assert entries.load(found.folder, tasks.load(TASK)) == found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arithmetic": {"torch": "2.14.0"}}, "torch was 2.13.0, is 2.14.0"),
        ({"harness": CHANGED | {"code_sha256": "c" * 64}},
         "the harness was 1, code aaaaaaaaaaaa, is 1 at bbbbbbbbbbbb, code cccccccccccc"),
        ({"harness": CHANGED | {"code_sha256": "a" * 64}}, None),
    ],
)  # fmt: skip
def test_what_made_it_is_compared_with_what_is_here(complete, changes, said):
    run, now = complete
    found = recorded.refresh(run, run_json.model(now | changes))
    assert found == ([said] if said else [])


def test_files_written_since_are_said(complete):
    run, now = complete
    known = {"count": 3, "bytes": 30, "sha256": "a"}
    run_json.write(run, now | {"data": now["data"] | {"files": known}})
    there = now | {"data": now["data"] | {"files": known | {"sha256": "b"}}}
    (line,) = recorded.refresh(run, run_json.model(there))
    assert "some of them written since" in line


def test_files_are_counted_up_to_a_limit_and_locks_are_not(tmp_path, monkeypatch):
    for name in ("b", "a", "lock.mdb", ".hidden"):
        (tmp_path / name).write_text("x")
    found = contents.files(tmp_path)
    assert (found["count"], found["bytes"]) == (2, 2)
    (tmp_path / "lock.mdb").write_text("longer")
    assert contents.files(tmp_path) == found
    (tmp_path / "a").write_text("y")
    assert contents.files(tmp_path) != found
    monkeypatch.setattr(contents, "FILES", 1)
    assert contents.files(tmp_path)["count"] == 1


def test_the_harness_is_known_by_its_code():
    assert len(provenance.harness()["code_sha256"]) == 64


@pytest.mark.parametrize("where", ["flat", "package", "inside"])
def test_a_helper_of_a_users_module_that_changed_is_another_entry(tmp_path, monkeypatch, where):
    module = {"flat": "net", "package": "mine.net", "inside": "mine.deep.net"}[where]
    text = {
        "flat": "import helper_of_net",
        "package": "from .helper_of_net import width",
        "inside": "def build(**size):\n    from mine import helper_of_net",
    }[where]
    folder = tmp_path / ("mine" if "." in module else ".")
    deep = tmp_path.joinpath(*module.split(".")[:-1])
    deep.mkdir(parents=True, exist_ok=True)
    if where != "flat":
        (folder / "__init__.py").touch()
        (deep / "__init__.py").touch()
    path = deep / "net.py"
    path.write_text(text)
    helper = folder / "helper_of_net.py"
    helper.write_text("width = 1")
    before = python.digest_of_source(module, path)
    assert python.digest_of_source(module, path) == before
    (tmp_path / "unrelated.py").write_text("1")
    assert python.digest_of_source(module, path) == before
    helper.write_text("width = 2")
    assert python.digest_of_source(module, path) != before


def test_a_training_that_is_there_says_what_else_it_was_done_with(
    tmp_path, sample_data, monkeypatch
):
    from bench.evaluate import stages as evaluate
    from bench.evaluate.request import Request
    from tests.tiny import brief

    folder = brief(tmp_path / "brief", epochs=1)
    request = Request(TASK, str(folder), "sample", results=tmp_path / "results")
    made = evaluate.train(request)
    with logged() as said:
        evaluate.train(request)
    assert not any("was trained by" in line for line in said)
    monkeypatch.setattr(provenance, "made_with", lambda precision: "rs-bench 9, torch 9")
    with logged() as said:
        evaluate.train(request)
    assert any(f"was trained by {made.trained.harness}, here is" in line for line in said)
