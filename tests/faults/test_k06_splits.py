"""A part of a dataset is no official result: what a split is held to, and who is told."""

import itertools
import json
import re
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.evaluate import predictions
from bench.evaluate.request import Request
from bench.evaluate.stages import run
from bench.report import folds
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.read import read
from bench.results import export, store, verification
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import pages, run_json
from tests.fabricated import fabricate
from tests.logged import logged

ROOT = Path("data")


class Lists:
    """Splits by name, in place of a dataset."""

    layout = "lists"

    def __init__(self, **splits):
        self.splits = {name.replace("_", "-"): ids for name, ids in splits.items()}

    def ids(self, split):
        return self.splits[split]


def numbered(count, first=0):
    return [f"s{number}" for number in range(first, first + count)]


def test_the_right_number_of_other_samples_is_refused():
    other = numbered(data.published("rsicd")["test"]["size"])
    with pytest.raises(BenchError, match="expected the official 1093 with ae36c6aaa53a"):
        verification.check(tasks.load("rsicd-retrieval"), Lists(test=other), ROOT, "test")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_cut_down_is_refused_whether_it_is_scored_or_learnt_from(split):
    task = tasks.load("eoekoland-crop-mapping")
    size = task.published(split).size
    assert verification.check(task, Lists(**{split: numbered(size)}), ROOT, split) == "count"
    with pytest.raises(BenchError, match=f"{size - 1} samples .* expected the official {size}"):
        verification.check(task, Lists(**{split: numbered(size - 1)}), ROOT, split)


def test_folds_cut_down_by_their_metadata_are_refused():
    task = tasks.load("pastis-crop-mapping")
    with pytest.raises(BenchError, match=r"3 samples .* expected the official 496"):
        verification.check(task, Lists(test_1=numbered(3)), ROOT, "test-1")


def test_every_fold_is_tested_once_and_windows_are_25_of_a_patch():
    published = data.published("pastis")
    assert sum(published[f"test-{way}"]["size"] for way in range(1, 6)) == 2433
    for part in ("train", "validation", "test"):
        assert published[f"{part}-1-24"]["size"] == 25 * published[f"{part}-1"]["size"]
        # What is tested in one way of parting them is validated in another.
    for way in range(1, 6):
        assert (
            published[f"test-{way}"]["ids_sha256"]
            == (published[f"validation-{way % 5 + 1}"]["ids_sha256"])
        )


def test_a_sample_listed_twice_is_refused():
    task = tasks.load("eoekoland-crop-mapping")
    twice = [*numbered(task.published("test").size - 1), "s0"]
    with pytest.raises(BenchError, match="lists 1 of its 11090 samples twice"):
        verification.check(task, Lists(test=twice), ROOT, "test")


def test_splits_of_which_only_the_total_is_published_are_held_to_it():
    task = tasks.load("hyspecnet-compression")
    sizes = {"train": 8038, "validation": 2297, "test": 1148}
    starts = dict(zip(sizes, (0, 8038, 10335), strict=True))
    whole = {name: numbered(size, starts[name]) for name, size in sizes.items()}
    assert verification.check(task, Lists(**whole), ROOT, "test") == "count"
    cut = whole | {"train": whole["train"][:-1]}
    with pytest.raises(BenchError, match="together: 11482 samples"):
        verification.check(task, Lists(**cut), ROOT, "test")
    moved = whole | {"test": whole["test"][:100], "train": whole["train"] + whole["test"][100:]}
    with pytest.raises(BenchError, match=r"split train .* has 79\.1%"):
        verification.check(task, Lists(**moved), ROOT, "test")
    shared = whole | {"test": whole["train"][:1148]}
    with pytest.raises(BenchError, match="share 1148 of their samples"):
        verification.check(task, Lists(**shared), ROOT, "test")


@pytest.mark.parametrize("name", tasks.names())
def test_what_a_dataset_publishes_agrees_with_its_tasks_and_names_its_source(name):
    task = tasks.load(name)
    published = data.published(task.dataset)
    for split, own in task.splits.items():
        known = published.get(split, {})
        assert known.get("size", own.size) == own.size or own.size is None
        assert known.get("ids_sha256", own.ids_sha256) == own.ids_sha256 or own.ids_sha256 is None
    assert all(one["source"] for one in [*published.values(), *data.together(task.dataset)])


def test_what_is_published_is_no_part_of_a_tasks_meaning(monkeypatch):
    before = tasks.load("rsicd-retrieval").digest
    monkeypatch.setattr(data, "published", lambda name: {})
    task = tasks.load("rsicd-retrieval")
    assert (task.digest, task.checked("test")) == (before, "count")


def test_documentation_says_of_every_task_what_its_scored_split_is_held_to():
    told = {}
    for line in pages.text("docs/tracks.md").splitlines():
        if found := re.fullmatch(r"\| (fingerprint|count|unverified) \| (.*) \|", line):
            told[found[1]] = re.findall(r"`([a-z0-9-]+)`", found[2])
    held = {name: tasks.load(name) for name in tasks.names()}
    for checked, names in told.items():
        assert names == [name for name, task in held.items() if task.checked(task.split) == checked]
    assert sorted(itertools.chain(*told.values())) == tasks.names()


@pytest.mark.parametrize(
    ("name", "splits", "files"),
    [
        ("rsicd", ["test"], {"test_caps.txt": "amfmn_test_caps.txt",
                             "test_filename.txt": "amfmn_test_filename.txt"}),
        ("rsitmd", ["test"], {"rsitmd_test.json": "harma_rsitmd_test.json"}),
    ],
)  # fmt: skip
def test_real_lists_have_the_published_fingerprints(real_data, tmp_path, name, splits, files):
    for new, old in files.items():
        (tmp_path / new).symlink_to(real_data / "captions" / name / old)
    dataset = data.reader(name).open_dataset(tmp_path)
    task = tasks.load(f"{name}-retrieval")
    for split in splits:
        wanted = task.published(split)
        assert data.ids_sha256(dataset.ids(split)) == wanted.ids_sha256
        assert len(dataset.ids(split)) == wanted.size


def test_real_pairs_have_the_published_fingerprints(real_data, tmp_path):
    source = real_data / "levir_cc" / "levir_cc_captions.jsonl"
    (tmp_path / "levir_train.jsonl").symlink_to(source)
    dataset = data.reader("levir-cc").open_dataset(tmp_path)
    for split in ("train", "validation", "test"):
        task = tasks.load("levir-cc-retrieval")
        assert verification.check(task, dataset, tmp_path, split) == "fingerprint"


# A task whose lists nobody has published outside of the dataset.
UNKNOWN = "gaia-retrieval"


@pytest.fixture(scope="module")
def unverified(tmp_path_factory):
    """Predictions scored on official data of which nothing is published: results and manifest."""
    home = tmp_path_factory.mktemp("unverified")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(home / "data"))
        task = tasks.load(UNKNOWN)
        data.reader(task.dataset).write_sample(data.official_root(task.dataset))
        dataset = data.reader(task.dataset).open_dataset(data.official_root(task.dataset))
        rng = np.random.default_rng(0)
        rows = [
            {
                "sample": sample,
                "image": rng.normal(size=4).astype(np.float32),
                "texts": rng.normal(size=4 * len(dataset.captions(sample))).astype(np.float32),
            }
            for sample in predictions.expected(task, dataset)
        ]
        file = home / "mine.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=predictions.schema(task)), file)
        request = Request(UNKNOWN, f"predictions:{file}", "official", results=home / "results")
        with logged() as told:
            made = run(request).content()
        yield home / "results", made, told


def test_a_run_on_a_split_held_to_nothing_says_so_everywhere(unverified):
    results, manifest, told = unverified
    assert manifest["data"]["checked"] == "unverified"
    assert any("split test is unverified" in line for line in told)
    assert any("unverified" in line for line in manifest["remarks"])
    (row,) = export.rows(results, primary=True)[:1]
    assert (row["track"], row["checked"]) == ("official", "unverified")
    document = json.loads(export.as_json(export.rows(results)))
    assert document["runs"][0]["checked"] == "unverified"
    with pytest.raises(RequestError, match="no complete result"):
        export.eval_results(export.rows(results))
    (board,) = boards(read(results)[0])
    assert (board.track, board.data) == ("unverified", manifest["data"]["ids_sha256"])


def test_a_run_is_judged_by_its_ids_and_not_by_what_its_manifest_says(tmp_path):
    task = tasks.load("reben-mlc")
    known = task.published("test")
    named = {"name": "reben-mlc", "version": 1, "digest": task.digest, "kind": "multilabel"}
    about = {"samples": known.size, "ids_sha256": known.ids_sha256, "data_sha256": "c"}
    manifest = run_json.complete("r", track="official") | {
        "task": named | {"primary": "ap_macro"},
        "data": about,
    }

    def held(**changes):
        return verification.of_run(run_json.model(manifest | changes))

    # One that was made before checks were noted.
    assert held() == "fingerprint"
    forged = about | {"ids_sha256": "f" * 64, "checked": "fingerprint"}
    assert held(data=forged) == "unverified"
    assert held(track="sample") == "simulated"
    count = tasks.load("eurosat-zeroshot")
    counted = manifest["task"] | {"name": count.name, "digest": count.digest}
    for samples, expected in ((27_000, "count"), (26_999, "unverified")):
        assert held(task=counted, data=about | {"samples": samples}) == expected
    unknown = tasks.load(UNKNOWN)
    strange = manifest["task"] | {"name": unknown.name, "digest": unknown.digest}
    assert held(task=strange, data=about | {"checked": "fingerprint"}) == "unverified"


def test_verified_and_unverified_never_share_a_board_nor_a_mean(tmp_path):
    about = {"samples": 6, "ids_sha256": "i", "data_sha256": "c"}
    made = [
        fabricate(tmp_path, name, entry=name, track="official", data=about | {"checked": checked})[
            0
        ]
        for name, checked in (("a", "fingerprint"), ("b", "unverified"), ("c", "count"))
    ]
    store.record(tmp_path, *made)
    found = {
        board.track: [row.result.entry for row in board.ranked]
        for board in boards(read(tmp_path)[0])
    }
    assert {track: sorted(names) for track, names in found.items()} == {
        "official": ["a", "c"],
        "unverified": ["b"],
    }
    first = "pastis-crop-mapping"
    shared = {"track": "official", "entry": "e", "inputs": "s2", "division": "open", "seed": 0}
    shared |= {"trust": "rerun", "partial": False, "altered": False, "metric": "iou_macro"}
    rows = [
        shared
        | {
            "task": name,
            "task_digest": tasks.load(name).digest,
            "started": f"2026-01-0{day}",
            "value": 0.5,
            "model": name,
            "trained_seed": None,
            "subset": "",
            "degradation": "",
            "checked": checked,
        }
        for day, (name, checked) in enumerate(
            [(first, "count"), (f"{first}-fold2", "unverified")], start=1
        )
    ]
    assert folds.summaries(rows) == []


LATER = {
    1: {"runs": ("checked", "left_out"), "metrics": ("classes", "units", "sampling_unit")},
    2: {"runs": ("left_out",), "metrics": ("units", "sampling_unit")},
}
"""The columns that databases of each earlier schema lack."""


@pytest.mark.parametrize("version", LATER)
def test_a_database_of_an_earlier_schema_is_read(tmp_path, version):
    made, *_ = fabricate(tmp_path, "a", track="official")
    store.record(tmp_path, made)
    with store.connect(tmp_path, write=False) as connection:
        before = connection.execute("select * from metrics order by all").fetchall()
    with duckdb.connect(str(store.database(tmp_path))) as connection:
        for table, columns in LATER[version].items():
            for column in columns:
                connection.execute(f"alter table {table} drop column {column}")
        connection.execute(f"update schema_version set version = {version}")
    (row,) = export.rows(tmp_path, primary=True)
    assert row["checked"] == "fingerprint"
    found = read(tmp_path)[0][0]
    assert (found.checked, found.left_out) == ("fingerprint", [])
    assert (found.primary.units, found.primary.sampling_unit) == (None, "sample")
    store.record(tmp_path, Run(made.folder))
    with store.connect(tmp_path, write=False) as connection:
        assert connection.execute("select * from metrics order by all").fetchall() == before
