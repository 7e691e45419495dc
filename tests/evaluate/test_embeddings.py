"""Embeddings that were computed elsewhere: read in bounds, probed by the heads, scored."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.pictures.classed import Classed
from bench.evaluate import embedding_files, few_labels, seeds, stages
from bench.evaluate.request import Request
from bench.kinds import classification
from bench.models import embeddings
from bench.models.heads.neighbours import NEIGHBOURS
from bench.results.manifest import Manifest
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.embedded import Embedded
from bench.spec.labels import Labels

TASK = "rsscn7"
CLASSES = 7
WIDTH = 24
SPLITS = ("train", "validation", "test")

Embedding = NDArray[np.float32]
Rows = dict[str, Embedding]


@pytest.fixture(scope="module")
def dataset(data_folder: Path) -> Any:
    root = data.ensure_sample(TASK, lambda text: None)
    return data.reader(TASK).open_dataset(root)


@pytest.fixture(autouse=True)
def _no_pixels(dataset: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any, sample: str, bands: Sequence[str]) -> None:
        raise AssertionError(f"pixels of {sample} were read")

    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    monkeypatch.setattr(Classed, "read", refuse)


@pytest.fixture(scope="module")
def drawn(dataset: Any) -> Rows:
    """An embedding of each sample that shows something of its class."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLASSES, WIDTH))
    ids = [one for split in SPLITS for one in dataset.ids(split)]
    return {
        one: (centres[dataset.label(one)] + 1.5 * random.normal(size=WIDTH)).astype(np.float32)
        for one in ids
    }


def declare(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"files": ["all.parquet"]} | changes.pop("embeddings", {})
    content = {"name": "drawn", "embeddings": stored} | changes
    (folder / "entry.toml").write_text(tomli_w.dumps(content))
    return folder


def parquet_of(path: Path, rows: dict[str, Any], form: pa.DataType | None = None) -> None:
    column = pa.array(list(rows.values()), pa.list_(form or pa.float32()))
    pq.write_table(pa.table({"sample": pa.array(list(rows)), "embedding": column}), path)


def csv_of(path: Path, rows: Rows, header: Sequence[str] | None = None) -> None:
    """As NeuCo-Bench's own ``create_submission_from_dict`` lays a file out."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header or ["id", *map(str, range(WIDTH))])
        writer.writerows([one, *map(str, values)] for one, values in rows.items())


@pytest.fixture
def folder(tmp_path: Path, drawn: Rows) -> Path:
    found = declare(tmp_path / "drawn")
    parquet_of(found / "all.parquet", drawn)
    return found


def asked(folder: Path, method: str = "ridge", **changes: Any) -> Request:
    given = {"task": TASK, "model": f"embeddings:{folder}", "track": "sample", "method": method}
    return Request(results=folder.parent / "results", **(given | changes))


def logits_of(folder: Path, manifest: Manifest) -> NDArray[np.float32]:
    run = Run(folder.parent / "results" / "runs" / manifest.run)
    return classification.observed(run.observations())[1]


def arrays(rows: Rows, dataset: Any, split: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ids = dataset.ids(split)
    x = np.stack([rows[one] for one in ids]).astype(np.float64)
    return x, np.array([dataset.label(one) for one in ids])


def chosen(manifest: Manifest) -> str:
    assert manifest.entry.trained is not None
    tried: list[Any] = manifest.entry.trained.searched
    best = max(one["validation"] for one in tried)
    return [one["setting"] for one in tried if one["validation"] == best][-1]  # type: ignore[no-any-return]


def ridge_of_scikit_learn(
    x: NDArray[np.float64], y: NDArray[np.int64], test: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    mean, std = x.mean(axis=0), x.std(axis=0)
    peer = Ridge(alpha=penalty * len(x)).fit((x - mean) / std, np.eye(y.max() + 1)[y])
    expected: NDArray[np.float64] = peer.predict((test - mean) / std)
    return expected


def test_ridge_equals_scikit_learn(folder: Path, drawn: Rows, dataset: Any) -> None:
    manifest = stages.run(asked(folder))
    x, y = arrays(drawn, dataset, "train")
    penalty = float(chosen(manifest).removeprefix("penalty "))
    expected = ridge_of_scikit_learn(x, y, arrays(drawn, dataset, "test")[0], penalty)
    np.testing.assert_allclose(logits_of(folder, manifest), CLASSES * expected - 1, atol=1e-4)
    best = np.mean(expected.argmax(axis=1) == arrays(drawn, dataset, "test")[1])
    assert manifest.primary is not None
    assert manifest.primary.value == pytest.approx(best)


def test_neighbours_equal_scikit_learn(folder: Path, drawn: Rows, dataset: Any) -> None:
    manifest = stages.run(asked(folder, "knn"))
    x, y = arrays(drawn, dataset, "train")
    assert manifest.entry.trained is not None
    tried = [one["setting"] for one in manifest.entry.trained.searched]  # type: ignore[index,call-overload]
    assert tried == [f"k {k}" for k in NEIGHBOURS]
    k = int(chosen(manifest).removeprefix("k "))
    peer = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(x, y)
    shares = peer.predict_proba(arrays(drawn, dataset, "test")[0])
    expected = np.log((k * shares + 0.5) / (k + 0.5 * CLASSES))
    np.testing.assert_allclose(logits_of(folder, manifest), expected, atol=3e-5)


def test_a_run_says_how_it_came_to_be(folder: Path) -> None:
    declare(folder, authors=["A"], embeddings={"area_km2": 0.16})
    manifest = stages.run(asked(folder))
    assert (manifest.trust, manifest.division, manifest.inputs) == (
        "rescored",
        "open",
        "not declared",
    )
    assert (manifest.entry.name, manifest.entry.method) == ("drawn-ridge", "ridge")
    assert manifest.entry.trained is not None
    assert len(manifest.entry.trained.searched) == 8
    assert manifest.entry.trained.validation is not None
    assert manifest.cost.bytes_per_sample == 4 * WIDTH
    assert manifest.cost.bytes_per_km2 == pytest.approx(4 * WIDTH / 0.16)
    assert manifest.primary is not None
    assert manifest.primary.low is not None
    again = stages.run(asked(folder))
    assert (again.run, again.entry.trained) == (manifest.run, manifest.entry.trained)
    forced = stages.run(asked(folder, force=True))
    assert forced.observations_sha256 == manifest.observations_sha256
    assert stages.run(asked(folder, "knn")).run != manifest.run
    assert stages.score(Run(folder.parent / "results" / "runs" / manifest.run)).scores == (
        manifest.scores
    )


def test_rows_in_any_order_format_and_file_are_the_same(folder: Path, drawn: Rows) -> None:
    wanted = logits_of(folder, stages.run(asked(folder)))
    names = np.random.default_rng(1).permutation(list(drawn)).tolist()
    mixed = {name: drawn[name] for name in names}
    extra = {"nobody.jpg": np.full(WIDTH, 7, np.float32)}
    csv_of(folder / "all.csv", mixed | extra)
    declare(folder, embeddings={"files": ["all.csv"]})
    assert np.array_equal(logits_of(folder, stages.run(asked(folder))), wanted)
    # Columns in another order, ids with the ends that NeuCo-Bench leaves out, two files.
    header = ["id", *map(str, reversed(range(WIDTH)))]
    half = {f"{name}.zarr.zip": drawn[name][::-1] for name in names[:200]}
    csv_of(folder / "first.csv", half, header)
    parquet_of(folder / "second.parquet", {name: drawn[name] for name in names[200:]})
    declare(folder, embeddings={"files": ["first.csv", "second.parquet"]})
    assert np.array_equal(logits_of(folder, stages.run(asked(folder))), wanted)


def read(folder: Path, names: Sequence[str], task: str = TASK) -> Embedding:
    stored = embedding_files.read(embeddings.entry(str(folder), tasks.load(task)), names)
    return stored.values(names)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_fewer_bits_stand_for_what_is_declared(tmp_path: Path, drawn: Rows, form: str) -> None:
    names = list(drawn)
    values = np.stack([drawn[name] for name in names])
    write: Callable[..., None] = parquet_of if form == "parquet" else csv_of
    half = declare(tmp_path / "half", embeddings={"files": [f"a.{form}"], "dtype": "float16"})
    write(half / f"a.{form}", drawn)
    assert np.array_equal(read(half, names), values.astype(np.float16).astype(np.float32))
    scale = (np.abs(values).max(axis=0) / 100).astype(np.float32)
    zero = np.arange(WIDTH) - 12
    stored = np.clip(np.round(values / scale) + zero, -128, 127).astype(np.int8)
    whole = declare(
        tmp_path / "whole",
        embeddings={
            "files": [f"a.{form}"],
            "dtype": "int8",
            "scale": scale.tolist(),
            "zero_point": zero.tolist(),
        },
    )
    rows = dict(zip(names, stored, strict=True))
    if form == "parquet":
        parquet_of(whole / "a.parquet", rows, pa.int8())
    else:
        csv_of(whole / "a.csv", rows)  # type: ignore[arg-type]
    expected = (stored.astype(np.float64) - zero) * scale
    np.testing.assert_allclose(read(whole, names), expected, rtol=1e-6)
    cost = stages.run(asked(whole, "knn")).cost
    assert (cost.bytes_per_sample, cost.bytes_per_km2) == (WIDTH, None)


def test_subsets_of_labels_are_those_of_other_methods(folder: Path, dataset: Any) -> None:
    subsets = [Labels(shots=3), Labels(shots=3, draw=1), Labels(percent=20)]  # type: ignore[arg-type]
    found = few_labels.run(asked(folder), subsets)
    assert [one.entry.name for one in found] == [
        "drawn-ridge-3-shot-draw0",
        "drawn-ridge-3-shot-draw1",
        "drawn-ridge-20pct-draw0",
    ]
    trained = [one.entry.trained for one in found]
    assert [one.samples_seen for one in trained if one] == [
        3 * CLASSES,
        3 * CLASSES,
        round(0.2 * len(dataset.ids("train"))),
    ]
    assert len({one.facts["samples_sha256"] for one in trained if one}) == 3


def test_several_labels_of_an_image(tmp_path: Path, sample_data: Path) -> None:
    task = tasks.load("reben-mlc")
    root = data.ensure_sample(task.dataset, lambda text: None)
    opened: Any = data.reader(task.dataset).open_dataset(root)
    splits = {split: opened.ids(split) for split in SPLITS}
    ids = [one for split in SPLITS for one in splits[split]]
    random = np.random.default_rng(0)
    shown = opened.multilabels(ids) @ random.normal(size=(19, WIDTH))
    noisy = (shown + random.normal(size=shown.shape)).astype(np.float32)
    rows = dict(zip(ids, noisy, strict=True))
    folder = declare(tmp_path / "e", tasks=["reben-mlc"])
    parquet_of(folder / "all.parquet", rows)
    manifest = stages.run(asked(folder, task="reben-mlc"))
    penalty = float(chosen(manifest).removeprefix("penalty "))
    x = np.stack([rows[one] for one in splits["train"]]).astype(np.float64)
    test = np.stack([rows[one] for one in splits["test"]]).astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    y = opened.multilabels(splits["train"]).astype(np.float64)
    peer = Ridge(alpha=penalty * len(x)).fit((x - mean) / std, y)
    expected = 4 * (peer.predict((test - mean) / std) - 0.5)
    run = Run(tmp_path / "results" / "runs" / manifest.run)
    column = run.observations().column("logits").combine_chunks()
    found = column.flatten().to_numpy().reshape(-1, 19)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(RequestError, match="for reben-mlc, not rsscn7"):
        stages.run(asked(folder))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": ""}, "need a method for the head"),
        ({"method": "linear"}, "unknown method of embeddings"),
        ({"task": "reben-pixel"}, "take no embeddings with --method"),
        ({"task": "whu-rs19-zeroshot"}, "take no embeddings with --method"),
        ({"given": "rgb"}, "for an encoder only"),
        ({"limit": 3}, "embeddings are scored as a whole"),
        ({"model": "embeddings:nowhere"}, "no folder with an entry.toml"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        stages.run(asked(folder, **changes))


def test_what_embeddings_have_not_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match="no seed"):
        seeds.run(asked(folder), [0, 1])
    with pytest.raises(RequestError, match="not a model"):
        stages.train(asked(folder))
    with pytest.raises(RequestError, match="write --model embeddings:"):
        stages.run(asked(folder, model=str(folder), method=""))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embeddings": {"files": ["../a.parquet"]}}, "files"),
        ({"embeddings": {"files": ["a.npz"]}}, "files"),
        ({"embeddings": {"files": []}}, "at least 1"),
        ({"embeddings": {"files": ["a.csv", "a.csv"]}}, "named twice"),
        ({"embeddings": {"dtype": "int8"}}, "expected a scale with int8"),
        ({"embeddings": {"scale": 0.1}}, "expected a scale with int8 and none else"),
        ({"embeddings": {"dtype": "int8", "scale": 0.0}}, "scale"),
        ({"embeddings": {"dtype": "int8", "scale": float("inf")}}, "scale"),
        ({"embeddings": {"dtype": "int8", "scale": 1.0, "zero_point": 200}}, "zero_point"),
        ({"embeddings": {"zero_point": 1}}, "zero_point with int8 only"),
        ({"embeddings": {"area_km2": -1.0}}, "area_km2"),
        ({"method": "knn"}, "give --method"),
        ({"name": "../x"}, "name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_declaration_is_named(folder: Path, changes: dict[str, Any], said: str) -> None:
    declare(folder, **changes)
    with pytest.raises(RequestError, match=said):
        embeddings.entry(str(folder), tasks.load(TASK))


NAMES = ["a", "b", "c"]
THREE = {name: np.arange(4, dtype=np.float32) + row for row, name in enumerate(NAMES)}


def whole_table(rows: dict[str, Any], form: pa.DataType) -> pa.Table:
    column = pa.array(list(rows.values()), pa.list_(form))
    return pa.table({"sample": list(rows), "embedding": column})


FLOATS = pa.float32()
TABLES: list[tuple[pa.Table, str]] = [
    (whole_table(THREE | {"b": [0, 1, np.nan, 3]}, FLOATS), "NaN or infinity"),
    (whole_table(THREE | {"b": [0, 1, np.inf, 3]}, FLOATS), "NaN or infinity"),
    (whole_table(THREE | {"b": [0, 1]}, FLOATS), "found 4 numbers for a and 2 for b"),
    (whole_table({"a": [], "b": [], "c": []}, FLOATS), "at least 1"),
    (whole_table({"a": [1.0], "b": [1.0]}, FLOATS), "1 of them|found 2 of them .* missing are c"),
    (
        pa.concat_tables([whole_table(THREE, FLOATS)] * 2),
        "expected each sample once, found a again",
    ),
    (whole_table(THREE, pa.int8()), "expected embeddings in float32, .* found int8"),
    (whole_table(THREE | {"b": [0, 1, 1e300, 3]}, pa.float64()), "NaN or infinity"),
    (whole_table(THREE, FLOATS).rename_columns(["id", "embedding"]), "no column sample"),
    (whole_table(THREE, FLOATS).append_column("label", [[1, 2, 3]]), "unexpected column 'label'"),
    (whole_table(THREE, FLOATS).select(["sample"]), "no column embedding"),
    (pa.table({"sample": NAMES, "embedding": ["x"] * 3}), "embedding of type string"),
    (pa.table({"sample": NAMES, "embedding": pa.nulls(3, pa.list_(FLOATS))}), "nulls"),
    (
        whole_table({}, FLOATS).cast(
            pa.schema([("sample", pa.string()), ("embedding", pa.list_(FLOATS))])
        ),
        "0 rows",
    ),
]


@pytest.mark.parametrize(("table", "said"), TABLES, ids=range(len(TABLES)))
def test_a_faulty_table_is_named_in_one_line(tmp_path: Path, table: pa.Table, said: str) -> None:
    folder = declare(tmp_path / "e")
    pq.write_table(table, folder / "all.parquet")
    with pytest.raises(BenchError, match=said) as raised:
        read(folder, NAMES)
    assert "\n" not in raised.value.message


TEXTS: list[tuple[bytes, str]] = [
    (b"", "expected a column id"),
    (b"name,0\na,1\n", "expected a column id"),
    (b"id,0,0\na,1,2\n", "a name twice"),
    (b"id,0,00\na,1,2\n", "a number twice"),
    (b"id\na\nb\nc\n", "columns of dimensions, found 0"),
    (b"id,0\na,1\nb,x\nc,3\n", "expected numbers in line 3"),
    (b"id,0\na,1\nb,\nc,3\n", "expected numbers in line 3"),
    (b"id,0\na,1\nb,nan\nc,3\n", "NaN or infinity for b"),
    (b"id,0\na,1\nb,1e39\nc,3\n", "NaN or infinity for b"),
    (b"id,0\na,1\nb,1,2\nc,3\n", "expected 2 values in line 3, as in its header, found 3"),
    (b"id,0\na,1\nb,2\n", "found 2 of them and 0 others; missing are c"),
    (b"id,0\na,1\na.zarr,2\nc,3\n", "found a again"),
    (b"id,0\na,1\n\xff\xfe,2\n", "no CSV in UTF-8"),
    (b'id,0\n"a,1\n', "no CSV in UTF-8"),
    (b"id,0\n" + b"a" * 200_000 + b",1\n", "no CSV in UTF-8"),
    (b"id,0\n" + b"a" * (5 << 20) + b",1\n", "bytes or more"),
    (b"\x80\x04\x95\x00", "no CSV in UTF-8"),
    (b"id," + b",".join(b"%d" % i for i in range(70_000)) + b"\n", "1 to 65,536 columns"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=range(len(TEXTS)))
def test_a_faulty_csv_is_named_in_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    folder = declare(tmp_path / "e", embeddings={"files": ["all.csv"]})
    (folder / "all.csv").write_bytes(text)
    with pytest.raises(BenchError, match=said) as raised:
        read(folder, NAMES)
    assert "\n" not in raised.value.message


def test_files_must_fit_each_other_and_the_declaration(tmp_path: Path) -> None:
    folder = declare(tmp_path / "e", embeddings={"files": ["a.csv", "b.csv"]})
    (folder / "a.csv").write_text("id,0,1\na,1,2\n")
    (folder / "b.csv").write_text("id,0\nb,1\nc,2\n")
    with pytest.raises(BenchError, match=r"of 2 dimensions, .* found 1"):
        read(folder, NAMES)
    stored = {"files": ["a.csv"], "dtype": "int8", "scale": [1.0, 1.0, 1.0]}
    with pytest.raises(BenchError, match="a scale for each of 2 dimensions, found 3"):
        read(declare(folder, embeddings=stored), NAMES)
    (folder / "a.csv").write_text("id,0\na,1\nb,128\nc,3\n")
    with pytest.raises(BenchError, match="integers from -128 to 127 for int8, found 128"):
        read(declare(folder, embeddings=stored | {"scale": 1.0}), NAMES)
    (folder / "a.csv").unlink()
    with pytest.raises(BenchError, match="expected a CSV file"):
        read(folder, NAMES)
    with pytest.raises(BenchError, match="is missing"):
        embeddings.entry(str(folder), tasks.load(TASK)).digest()


def test_more_than_can_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = declare(tmp_path / "e")
    parquet_of(folder / "all.parquet", THREE)
    monkeypatch.setattr(embedding_files, "MAX_STORED", 4 * 4 * 3 - 1)
    with pytest.raises(BenchError, match="have 48 bytes, at most 47 are read"):
        read(folder, NAMES)


def test_the_digest_covers_files_scale_method_and_labels(folder: Path) -> None:
    found = embeddings.entry(str(folder), tasks.load(TASK))

    def digests() -> Iterator[str]:
        task = tasks.load(TASK)
        yield embeddings.probed(found, task, "knn").digest()
        yield embeddings.probed(found, task, "ridge").digest()
        yield embeddings.probed(found, task, "ridge", Labels(shots=5)).digest()
        half = found.embeddings.model_copy(update={"dtype": "float16"})
        other = Embedded.model_validate(found.model_dump() | {"embeddings": half})
        yield other.model_copy(update={"folder": folder, "method": "ridge"}).digest()
        parquet_of(folder / "all.parquet", THREE)
        yield embeddings.probed(embeddings.entry(str(folder), task), task, "ridge").digest()

    every = list(digests())
    assert len(set(every)) == len(every)
