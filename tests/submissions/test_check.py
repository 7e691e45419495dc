import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.base.errors import BenchError, RequestError
from bench.cli.check import verb
from bench.spec import task as tasks
from bench.spec.entry import MAX_DECLARATION
from bench.submissions import submit
from bench.submissions.check import check, every
from tests import made_submissions as submissions
from tests.made_submissions import declare, embedded_entry, model_entry, predicted_entry, words

MODEL = {"architecture": "timm:test_resnet", "weights": "model.safetensors"}


@pytest.fixture(autouse=True)
def _data(sample_data, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(sample_data))


def failed(folder, task=None, **options):
    if task is None and (folder / "all.parquet").exists() and not names_tasks(folder):
        task = tasks.load("reben-mlc")
    return {f.id: f for f in check(folder, task, **options) if not f.passed}


def names_tasks(folder):
    return "tasks" in (folder / "entry.toml").read_text(encoding="utf-8")


def spoilt_weights(folder, change):
    model_entry(folder)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return folder


def rounds(within, count):
    return MODEL | {"architecture": f"rounds:{within}", "arguments": {"rounds": count}}


def several_rounds(folder):
    """An entry that holds its network twice, as after two rounds."""
    model_entry(folder, model=rounds("timm:test_resnet", 2))
    path = folder / "model.safetensors"
    tensors = {f"rounds.{i}.{n}": t.clone() for i in (0, 1) for n, t in load_file(path).items()}
    save_file(tensors | {"account": torch.zeros(2, 3, dtype=torch.int64)}, path)
    return folder


def spoilt_predictions(folder, change):
    ids, _ = submissions.samples()
    values = submissions.logits(len(ids))
    ids, values = change(list(ids), values)
    return predicted_entry(folder, submissions.table(ids, values))


def spoilt_embeddings(second):
    return pa.table({"sample": ["a", "b"], "embedding": [[0.0, 1.0], second]})


def reshape(tensors):
    name = next(n for n, t in tensors.items() if t.ndim == 4)
    tensors[name] = torch.zeros(1, 1, 1, 1)


def poison(tensors):
    next(t for t in tensors.values() if t.is_floating_point()).view(-1)[0] = float("nan")


def explode(tensors):
    """Finite weights of which nothing finite comes out."""
    for name, tensor in tensors.items():
        tensor.fill_(3e38) if name.endswith("bias") else tensor.abs_()


def put(folder, name, content=b""):
    (folder / name).write_bytes(content)
    return folder


def link(folder):
    (folder / "passwords.md").symlink_to("/etc/passwd")
    return folder


def pipe(folder):
    os.mkfifo(folder / "endless.md")
    return folder


def nulls(folder):
    ids, _ = submissions.samples()
    return predicted_entry(
        folder,
        pa.table({"sample": ids, "logits": [None] * len(ids)}).cast(
            pa.schema([("sample", pa.string()), ("logits", pa.list_(pa.float32()))])
        ),
    )


def half_a_map(folder):
    ids, _ = submissions.samples("reben-pixel")
    declare(folder, words("reben-pixel", predictions={"file": "predictions.parquet"}))
    content = pa.table({"sample": ids, "map": [bytes(7200)] * len(ids)})
    pq.write_table(content, folder / "predictions.parquet")
    return folder


OWN_INPUT = {
    "bands": ["VV", "VH"],
    "units": {"sentinel-1-grd": "dB"},
    "size": 120,
    "resampling": "nearest",
    "mean": [0.0, 0.0],
    "std": [1.0, 1.0],
}

FAILING = [
    ("declaration.toml", lambda p: put(model_entry(p), "entry.toml", b"name = ")),
    ("declaration.toml", lambda p: put(model_entry(p), "entry.toml", b"\xff")),
    ("declaration.toml", lambda p: put(model_entry(p), "entry.toml", b"a." * 999 + b"a = 1")),
    (
        "declaration.toml",
        lambda p: put(model_entry(p), "entry.toml", b"#" * MAX_DECLARATION + b"#"),
    ),
    ("declaration.toml", lambda p: put(p, "README.md", b"x")),
    ("declaration.task", lambda p: model_entry(p, task="reben-mcl")),
    ("declaration.task", lambda p: model_entry(p, task="../tasks/reben-mlc.toml")),
    ("declaration.task_digest", lambda p: model_entry(p, task_digest="0" * 64)),
    ("declaration.fields", lambda p: model_entry(p, surprise=1)),
    ("declaration.fields", lambda p: model_entry(p, name="../evil")),
    ("declaration.fields", lambda p: model_entry(p, model=MODEL | {"weights": "../x.safetensors"})),
    ("declaration.fields", lambda p: model_entry(p, model=MODEL | {"weights": "/x.safetensors"})),
    ("declaration.fields", lambda p: model_entry(p, model=MODEL | {"weights": "entry.toml"})),
    ("declaration.fields", lambda p: model_entry(p, model=MODEL | {"weights": "NUL.safetensors"})),
    ("declaration.fields", lambda p: predicted_entry(p, predictions={"file": "../p.parquet"})),
    ("declaration.fields", lambda p: predicted_entry(p, predictions={"file": "com1.parquet"})),
    ("declaration.name", lambda p: model_entry(p, name="floor-statistics-s2")),
    ("declaration.name", lambda p: predicted_entry(p, name="Floor-mine")),
    ("declaration.licence", lambda p: model_entry(p, licence=" ")),
    ("declaration.authors", lambda p: model_entry(p, authors=[])),
    ("declaration.training_data", lambda p: model_entry(p, training_data=[])),
    ("declaration.training_data", lambda p: model_entry(p, training_data=["reben/test"])),
    ("declaration.training_data", lambda p: predicted_entry(p, training_data=["ReBEN"])),
    ("files.plain", lambda p: link(model_entry(p))),
    ("files.plain", lambda p: pipe(model_entry(p))),
    ("files.plain", lambda p: put(model_entry(p), "readme.md")),
    ("files.plain", lambda p: put(model_entry(p), "a b.md")),
    ("files.formats", lambda p: put(model_entry(p), "pytorch_model.bin")),
    ("files.formats", lambda p: put(model_entry(p), "model.PKL")),
    ("files.readme", lambda p: put(model_entry(p), "README.md")),
    ("model.contract", lambda p: model_entry(p, input="s3")),
    ("model.contract", lambda p: model_entry(p, input=OWN_INPUT | {"std": [1.0]})),
    ("model.contract", lambda p: model_entry(p, input=7)),
    ("model.possible", lambda p: model_entry(p, input=OWN_INPUT | {"bands": ["VV", "B10"]})),
    (
        "model.architecture",
        lambda p: model_entry(p, model=MODEL | {"architecture": "python:os:system"}),
    ),
    ("model.architecture", lambda p: model_entry(p, model=MODEL | {"architecture": "pickle:x"})),
    ("model.builds", lambda p: model_entry(p, model=MODEL | {"architecture": "timm:resnet5000"})),
    ("model.builds", lambda p: model_entry(p, model=MODEL | {"arguments": {"stem_type": 1}})),
    ("model.builds", lambda p: model_entry(p, model=rounds("python:os", 2))),
    ("model.builds", lambda p: model_entry(p, model=rounds("timm:test_resnet", 10**9))),
    ("model.weights_there", lambda p: model_entry(p, model={"architecture": "timm:test_resnet"})),
    ("model.weights_there", lambda p: model_entry(p, model=MODEL | {"weights": "a.safetensors"})),
    ("model.weights_finite", lambda p: spoilt_weights(p, poison)),
    ("model.weights_finite", lambda p: put(model_entry(p), "model.safetensors", b"\x80\x04.")),
    ("model.weights_match", lambda p: spoilt_weights(p, reshape)),
    ("model.weights_match", lambda p: spoilt_weights(p, lambda t: t.popitem())),
    ("model.weights_match", lambda p: model_entry(p, input="s2")),
    ("model.runs", lambda p: spoilt_weights(p, explode)),
    ("predictions.columns", lambda p: predicted_entry(p, pa.table({"sample": ["a"]}))),
    ("predictions.columns", lambda p: put(predicted_entry(p), "predictions.parquet", b"PAR1PAR1")),
    ("predictions.columns", lambda p: predicted_entry(p, predictions={"file": "x.parquet"})),
    ("predictions.samples", lambda p: spoilt_predictions(p, lambda i, v: (i[1:], v[1:]))),
    ("predictions.samples", lambda p: spoilt_predictions(p, lambda i, v: ([i[1], *i[1:]], v))),
    ("predictions.samples", lambda p: spoilt_predictions(p, lambda i, v: (["x", *i[1:]], v))),
    ("predictions.samples", lambda p: spoilt_predictions(p, lambda i, v: ("xyz", v[:3]))),
    (
        "predictions.values",
        lambda p: spoilt_predictions(p, lambda i, v: (i, v * np.float32("inf"))),
    ),
    ("predictions.values", lambda p: spoilt_predictions(p, lambda i, v: (i, v[:, :18]))),
    ("predictions.values", nulls),
    ("predictions.fit", half_a_map),
    ("embeddings.values", lambda p: embedded_entry(p, spoilt_embeddings([0.0, float("nan")]))),
    ("embeddings.values", lambda p: embedded_entry(p, spoilt_embeddings([0.0]))),
    ("embeddings.values", lambda p: put(embedded_entry(p), "all.parquet", b"PAR1PAR1")),
    ("embeddings.task", lambda p: embedded_entry(p, tasks=["reben-pixel"])),
    ("declaration.fields", lambda p: embedded_entry(p, method="knn")),
]


@pytest.mark.parametrize(
    ("name", "spoil"), FAILING, ids=[f"{i}-{n}" for i, (n, _) in enumerate(FAILING)]
)
def test_each_fault_is_found_by_its_check_with_a_hint(tmp_path, name, spoil):
    found = failed(spoil(tmp_path))
    assert name in found
    assert found[name].found
    assert found[name].hint
    # What follows from this fault alone isn't reported as a fault of its own.
    assert set(found) <= {name, *AND.get(name, ())}


AND = {
    "model.weights_finite": ("model.weights_match", "files.formats"),
    "declaration.toml": ("files.sizes", "files.formats"),
    "predictions.values": ("predictions.fit",),
}


def test_every_check_has_a_failing_fixture():
    tested = {name for name, _ in FAILING} | {"files.sizes"}
    assert tested == {name for name, _ in every()}


def test_a_file_larger_than_what_is_opened_is_found(tmp_path):
    model_entry(tmp_path)
    with (tmp_path / "notes.txt").open("wb") as stream:
        stream.truncate(1 << 40)
    assert set(failed(tmp_path)) == {"files.sizes", "files.formats"}


@pytest.mark.parametrize("make", [model_entry, several_rounds, predicted_entry])
def test_a_good_submission_passes_everything(tmp_path, make):
    findings = check(make(tmp_path), None)
    assert [f for f in findings if not f.passed] == []
    assert all(f.found and not f.hint for f in findings)
    ids = {f.id for f in findings}
    assert ("model.runs" in ids) == (make is not predicted_entry)
    assert ("predictions.samples" in ids) == (make is predicted_entry)


def test_good_embeddings_pass_everything_but_are_not_handed_in(tmp_path):
    folder = embedded_entry(tmp_path / "e", tasks=["reben-mlc", "reben-cutmix"])
    for task in (None, tasks.load("reben-cutmix")):
        findings = {f.id: f for f in check(folder, task)}
        assert [f for f in findings.values() if not f.passed] == []
        assert findings["embeddings.values"].found == "2 embeddings of 2 dimensions in float32"
        assert "embeddings.task" in findings
    assert set(failed(folder, tasks.load("eurosat"))) == {"declaration.task"}
    with pytest.raises(RequestError, match="scored but not handed in"):
        submit.plan(folder, "", tmp_path, to=tmp_path / "submissions")


def test_a_file_of_predictions_alone_needs_a_task(tmp_path):
    file = predicted_entry(tmp_path) / "predictions.parquet"
    assert failed(file, tasks.load("reben-mlc")) == {}
    with pytest.raises(RequestError, match="--task"):
        check(file, None)
    with pytest.raises(RequestError, match="no folder and no file"):
        check(tmp_path / "nothing", None)


def test_all_faults_are_found_at_once(tmp_path):
    model_entry(tmp_path, licence="", authors=[], input="s3", task_digest="", surprise=1)
    put(tmp_path, "model.pkl")
    poisoned = load_file(tmp_path / "model.safetensors")
    poison(poisoned)
    save_file(poisoned, tmp_path / "model.safetensors")
    assert set(failed(tmp_path)) == {
        "declaration.fields",
        "declaration.licence",
        "declaration.authors",
        "declaration.task_digest",
        "files.formats",
        "model.contract",
    }


def test_the_official_split_is_known_by_its_fingerprint_alone(tmp_path, monkeypatch):
    task = tasks.load("reben-mlc")
    ids = [f"o{i}" for i in range(50)]
    from bench import data

    split = task.splits["test"].model_copy(update={"size": 50, "ids_sha256": data.ids_sha256(ids)})
    task = task.model_copy(update={"splits": task.splits | {"test": split}})
    predicted_entry(tmp_path, submissions.table(ids, submissions.logits(50)))
    findings = {f.id: f for f in check(tmp_path / "predictions.parquet", task, dry_run=False)}
    assert findings["predictions.samples"].found == "all 50 of the official track"


def test_kinds_without_predictions_refuse_them_clearly(tmp_path, monkeypatch):
    from bench.kinds.multilabel import Multilabel

    monkeypatch.delattr(Multilabel, "prediction_schema")
    found = failed(predicted_entry(tmp_path))
    assert set(found) == {"predictions.columns"}
    assert "take no files of predictions" in found["predictions.columns"].found


def test_the_command_prints_one_json_object_and_exits_1_when_a_check_fails(tmp_path, capsys):
    folder = model_entry(tmp_path / "e", licence="")
    with pytest.raises(BenchError, match=r"1 of .* failed: declaration\.licence") as ended:
        verb(folder, as_json=True)
    assert ended.value.exit_code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    assert [f["id"] for f in found["findings"] if not f["passed"]] == ["declaration.licence"]
    model_entry(tmp_path / "e")
    verb(folder)
    assert "FAILED" not in capsys.readouterr().out


def test_a_link_of_the_hubs_cache_is_no_fault(tmp_path):
    blob = tmp_path / "blobs" / "abc"
    snapshot = model_entry(tmp_path / "snapshots" / "1234")
    blob.parent.mkdir()
    (snapshot / "model.safetensors").rename(blob)
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    assert failed(snapshot) == {}


def test_nothing_waits_for_a_pipe(tmp_path):
    for name, make in (
        ("predictions.parquet", predicted_entry),
        ("model.safetensors", model_entry),
    ):
        folder = make(tmp_path / name)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert "files.plain" in failed(folder)
