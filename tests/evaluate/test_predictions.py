"""Predictions that were made elsewhere: read in bounds, turned into observations, scored."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import kinds
from bench.base import parquet
from bench.base.errors import BenchError, RequestError
from bench.evaluate import predictions
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.kinds.common import scoring, tables
from bench.kinds.common.tables import SAMPLE, field
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import made_submissions as submissions
from tests.made_submissions import predicted_entry

TASK = tasks.load("reben-mlc")
SCHEMA = predictions.schema(TASK)
TEXTS = pa.schema([SAMPLE, field("captions", pa.list_(pa.string()), "sentences", longest=9)])
CODES = pa.schema([SAMPLE, field("code", pa.binary(), "bytes", low=1, high=7, longest=1000)])


@pytest.fixture(autouse=True)
def _data(sample_data, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(sample_data))


def request(model, results, task="reben-mlc", **changes):
    return Request(
        task=task, model=f"predictions:{model}", track="sample", results=results, **changes
    )


def read(path, schema):
    return pa.concat_tables(parquet.pieces(path, schema))


def written(path, table, **options):
    pq.write_table(table, path, **options)
    return path


def test_predictions_in_any_order_score_as_the_same_observations(tmp_path):
    ids, dataset = submissions.samples()
    values = submissions.logits(len(ids))
    shuffled = np.random.default_rng(1).permutation(len(ids))
    content = submissions.table([ids[i] for i in shuffled], values[shuffled])
    folder = predicted_entry(tmp_path / "mine", content)
    manifest = evaluate.run(request(folder, tmp_path)).content()
    stored = Run(tmp_path / "runs" / manifest["run"]).observations()
    assert stored.column("sample").to_pylist() == ids
    np.testing.assert_array_equal(tables.matrix(stored, "logits"), values)
    np.testing.assert_array_equal(tables.matrix(stored, "targets"), dataset.multilabels(ids))
    places = Run(tmp_path / "runs" / manifest["run"]).attributes()
    expected = scoring.score(kinds.of(TASK), stored, places).scores[0]
    primary = manifest["scores"][0]
    assert (expected.name, primary["average"]) == ("ap_macro", "macro")
    assert (primary["value"], primary["low"]) == (expected.value, expected.low)
    said = {key: manifest[key] for key in ("trust", "division", "inputs", "cost", "partial")}
    assert said == {
        "trust": "rescored",
        "division": "open",
        "inputs": "not declared",
        "cost": {},
        "partial": False,
    }
    assert {s["slice"].partition("=")[0] for s in manifest["scores"]} >= {"", "country", "season"}


def test_the_same_predictions_are_recognised_and_others_are_another_run(tmp_path):
    folder = predicted_entry(tmp_path / "mine")
    first = evaluate.run(request(folder, tmp_path)).content()
    assert evaluate.run(request(folder, tmp_path)).content() == first
    # A file alone is the same predictions under the name of the file.
    alone = evaluate.run(request(folder / "predictions.parquet", tmp_path)).content()
    assert alone["entry"]["name"] == "predictions"
    assert alone["observations_sha256"] == first["observations_sha256"]
    ids, _ = submissions.samples()
    other = submissions.table(ids, submissions.logits(len(ids), seed=5))
    predicted_entry(tmp_path / "mine", other)
    assert evaluate.run(request(folder, tmp_path)).content()["run"] != first["run"]


def test_class_maps_give_the_confusion_of_each_patch(tmp_path):
    ids, dataset = submissions.samples("reben-pixel")
    right = [dataset.reference_map(sample, ()) for sample in ids]
    maps = [np.where(m == 255, 0, m).astype(np.uint8).tobytes() for m in right]
    path = written(tmp_path / "p.parquet", pa.table({"sample": ids, "map": maps}))
    manifest = evaluate.run(request(path, tmp_path, "reben-pixel")).content()
    scores = {f"{s['metric']}_{s['average']}": s for s in manifest["scores"] if not s["slice"]}
    assert scores["iou_macro"]["value"] == 1
    stored = Run(tmp_path / "runs" / manifest["run"]).observations()
    labelled = [int((m != 255).sum()) for m in right]
    assert tables.matrix(stored, "confusion").sum(axis=1).tolist() == labelled
    with pytest.raises(BenchError, match="holds values from 0 to 19"):
        read(
            written(tmp_path / "q.parquet", pa.table({"sample": ["a"], "map": [bytes([19, 0])]})),
            predictions.schema(tasks.load("reben-pixel")),
        )


@pytest.mark.parametrize("options", [{"limit": 3}, {"ids": ["a"]}])
def test_predictions_are_scored_as_a_whole(tmp_path, options):
    with pytest.raises(RequestError, match="as a whole"):
        evaluate.run(request(predicted_entry(tmp_path / "mine"), tmp_path, **options))


def test_predictions_can_not_be_trained_nor_taken_for_a_model(tmp_path):
    folder = predicted_entry(tmp_path / "mine")
    with pytest.raises(RequestError, match="not a model"):
        evaluate.train(request(folder, tmp_path))
    with pytest.raises(RequestError, match="holds predictions"):
        evaluate.run(Request(task="reben-mlc", model=str(folder), results=tmp_path))
    with pytest.raises(RequestError, match="neither a Parquet file nor a folder"):
        evaluate.run(request(tmp_path / "nothing", tmp_path))


def test_where_all_is_predicted_nothing_is_computed_here_and_the_result_is_reported(
    tmp_path, monkeypatch
):
    from bench.kinds.multilabel import Multilabel

    targets = field("targets", pa.list_(pa.uint8(), 19), "claimed")
    fields = [SAMPLE, targets, SCHEMA.field("logits")]
    monkeypatch.setattr(Multilabel, "prediction_schema", lambda kind: pa.schema(fields))
    monkeypatch.setattr(
        Multilabel,
        "from_predictions",
        lambda kind, dataset, table: table.cast(kind.schema()),
    )
    ids, dataset = submissions.samples()
    content = submissions.table(ids, submissions.logits(len(ids)))
    claimed = content.add_column(1, "targets", [dataset.multilabels(ids).tolist()])
    manifest = evaluate.run(request(predicted_entry(tmp_path / "mine", claimed), tmp_path))
    assert manifest.trust == "reported"


def test_a_kind_that_takes_none_says_so(monkeypatch):
    from bench.kinds.multilabel import Multilabel

    monkeypatch.delattr(Multilabel, "prediction_schema")
    with pytest.raises(RequestError, match="take no files of predictions"):
        predictions.schema(TASK)


@pytest.mark.parametrize(
    "form",
    [
        pa.list_(pa.float64()),
        pa.large_list(pa.float32()),
        pa.list_(pa.float32(), 19),
        pa.list_(pa.int16()),
    ],
    ids=str,
)
def test_what_other_programs_write_is_read_as_the_schema_says(tmp_path, form):
    values = [list(range(19)), [1] * 19]
    columns = {"sample": pa.array(["b", "a"], pa.large_string()), "logits": pa.array(values, form)}
    found = read(written(tmp_path / "p.parquet", pa.table(columns)), SCHEMA)
    assert found.schema.equals(SCHEMA)
    assert found.to_pylist() == [
        {"sample": "b", "logits": values[0]},
        {"sample": "a", "logits": values[1]},
    ]


def test_lists_of_texts_and_bytes_are_read_whatever_their_encoding(tmp_path):
    rows = [{"sample": "a", "captions": ["one", "two"]}, {"sample": "b", "captions": []}] * 9
    for options in ({"use_dictionary": True}, {"use_dictionary": False}):
        path = written(tmp_path / "t.parquet", pa.Table.from_pylist(rows), **options)
        assert read(path, TEXTS).to_pylist() == rows
        codes = [{"sample": "a", "code": b"\1\2"}, {"sample": "b", "code": b""}]
        path = written(tmp_path / "c.parquet", pa.Table.from_pylist(codes), **options)
        assert read(path, CODES).to_pylist() == codes


ROW = {"sample": ["a"], "logits": [[0.0] * 19]}
BAD = [
    ({"sample": ["a"]}, SCHEMA, "no column logits"),
    (ROW | {"extra": [1]}, SCHEMA, "an unexpected column 'extra'"),
    (ROW | {"logits": ["x"]}, SCHEMA, "column logits of type string instead of"),
    (ROW | {"sample": [1]}, SCHEMA, "column sample of type int64"),
    (ROW | {"logits": [[[0.0]]]}, SCHEMA, "column logits of type"),
    (ROW | {"logits": [[0.0] * 18]}, SCHEMA, "18 values in row 0, expected 19"),
    (ROW | {"logits": [[0.0] * 20]}, SCHEMA, "holds 20 values, at most 19 fit"),
    (ROW | {"logits": [[0.0] * 18 + [None]]}, SCHEMA, "nulls within its lists"),
    (ROW | {"logits": [None]}, SCHEMA, "nulls|no"),
    (ROW | {"sample": [None]}, SCHEMA, "nulls|type"),
    (ROW | {"logits": [[float("nan")] * 19]}, SCHEMA, "NaN or infinity, first in row 0"),
    (ROW | {"logits": [[1e300] * 19]}, SCHEMA, "NaN or infinity, first in row 0"),
    (ROW | {"sample": ["a" * 513]}, SCHEMA, "513 bytes in a value, at most 512"),
    ({"sample": [], "logits": []}, SCHEMA, "it has 0 rows|type"),
    ({"sample": ["a"], "captions": [["x"] * 10]}, TEXTS, "holds 10 values"),
    ({"sample": ["a"], "code": [b"\0"]}, CODES, "values from 0 to 0, expected 1 to 7"),
    ({"sample": ["a"], "code": [b"\1" * 1001]}, CODES, "1001 bytes in a value"),
]


@pytest.mark.parametrize(("columns", "schema", "fault"), BAD)
def test_what_is_not_as_the_schema_says_is_refused(tmp_path, columns, schema, fault):
    with pytest.raises(BenchError, match=fault):
        read(written(tmp_path / "p.parquet", pa.table(columns)), schema)


def test_a_text_that_is_no_unicode_is_refused(tmp_path):
    content = pa.table({"sample": pa.array([b"\xff\xfe"]), "logits": [[0.0] * 19]})
    path = written(
        tmp_path / "p.parquet",
        content.cast(pa.schema([("sample", pa.binary()), ("logits", pa.list_(pa.float64()))])),
    )
    with pytest.raises(BenchError, match="column sample of type binary"):
        read(path, SCHEMA)


def test_one_long_value_repeated_in_a_dictionary_is_refused_before_it_is_spread_out(tmp_path):
    """1 MiB, ten thousand times: more than may be allocated, in a file of some kilobytes."""
    long = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(10_000, np.int32)), pa.array([b"\1" * (1 << 20)])
    )
    names = pa.array([str(i) for i in range(10_000)])
    path = tmp_path / "bomb.parquet"
    pq.write_table(
        pa.table({"sample": names, "code": long}),
        path,
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
    )
    assert path.stat().st_size < 1 << 18
    assert parquet._MEMORY < 10_000 << 20
    with pytest.raises(BenchError, match="1048576 bytes in a value, at most 1000"):
        read(path, CODES)


def test_limits_on_rows_and_groups(tmp_path, monkeypatch):
    path = written(
        tmp_path / "p.parquet", submissions.table("abcdef", submissions.logits(6)), row_group_size=1
    )
    assert parquet.rows(path, SCHEMA) == 6
    for limit, fault in (
        ("MAX_ROWS", "6 rows"),
        ("MAX_GROUPS", "6 row groups"),
        ("MAX_GROUP", "once decompressed"),
        ("MAX_TOTAL", "once decompressed"),
        ("MAX_FOOTER", "its footer has"),
        ("MAX_FILE", "at most 5 are read"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(parquet, limit, 5)
            with pytest.raises(BenchError, match=fault):
                parquet.rows(path, SCHEMA)


def test_memory_is_limited_only_inside_the_block():
    import resource
    import sys

    from bench.base import limits

    before = resource.getrlimit(resource.RLIMIT_AS)
    with limits.memory(1 << 30):
        if sys.platform == "linux":
            with pytest.raises(MemoryError):
                bytearray(8 << 30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert len(bytearray(1 << 20)) == 1 << 20


def test_samples_are_named_where_they_are_not_as_expected(tmp_path):
    with pytest.raises(
        BenchError, match=r"1 missing \(first c\); 1 unknown \(first x\); 1 repeated \(first a\)"
    ):
        predictions.check_samples(tmp_path, ["a", "b", "x", "a"], ["a", "b", "c"])
    predictions.check_samples(tmp_path, ["b", "a"], ["a", "b"])
