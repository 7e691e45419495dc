"""What a submitter waits for: the checks of an entry, the scores of predictions."""

import resource
import subprocess
import sys
import tomllib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
import torch

from bench import data, models
from bench.base import weights
from bench.base.paths import shipped
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.spec import task as tasks
from bench.spec.task import Task

BENCH = [sys.executable, "-c", "from bench.cli import main; main()"]
TASK = tasks.load("reben-mlc")
SAMPLES, CLASSES = 120_000, 19


def declaration(**changes):
    return {
        "name": "mine",
        "authors": ["A. Author"],
        "licence": "MIT",
        "task": "reben-mlc",
        "task_digest": TASK.digest,
        "training_data": ["reben/train"],
    } | changes


def written(folder, declared):
    (folder / "entry.toml").write_text(tomli_w.dumps(declared))
    (folder / "README.md").write_text("# mine\n")
    return folder


def test_check(benchmark, tmp_path, monkeypatch):
    """`bench check` of an entry with 94 MB of weights, the sample data made already."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    data.ensure_sample("reben", lambda text: None)
    torch.manual_seed(0)
    network = models.build(models.find("timm:resnet50/s2", TASK), CLASSES)
    folder = tmp_path / "entry"
    weights.save(network, folder / "model.safetensors")
    model = {"architecture": "timm:resnet50", "weights": "model.safetensors"}
    written(folder, declaration(input="s2", model=model))
    size = (folder / "model.safetensors").stat().st_size
    assert size > 90e6

    def check():
        subprocess.run([*BENCH, "check", folder], check=True, capture_output=True)

    benchmark.pedantic(check, rounds=3, warmup_rounds=1)
    benchmark.extra_info.update(
        name=f"bench check, {size / 1e6:.0f} MB of weights, dry run included",
        peer="-",
        value=f"{benchmark.stats.stats.median:.2f} s",
        target="5 s",
        limit="imports of torch and timm",
    )


class Labels:
    """120,000 samples of which only labels and attributes are known."""

    layout = "labels"

    def __init__(self):
        rng = np.random.default_rng(0)
        self.targets = (rng.random((SAMPLES, CLASSES)) < 0.15).astype(np.uint8)
        self.names = [f"sample-{i:06d}" for i in range(SAMPLES)]
        self.row = {name: i for i, name in enumerate(self.names)}

    def ids(self, split):
        return self.names

    def fingerprint(self):
        return "0" * 64

    def multilabels(self, samples):
        return self.targets[[self.row[name] for name in samples]]

    def attributes(self, samples):
        return {
            "country": [f"country {self.row[name] % 10}" for name in samples],
            "season": [f"season {self.row[name] % 4}" for name in samples],
        }


def test_rescore(benchmark, tmp_path, monkeypatch):
    """120,000 x 19 logits in Parquet to a recorded run: 47 metrics and 14 slices with intervals."""
    labels = Labels()
    declared = shipped("tasks") / "reben-mlc.toml"
    raw = tomllib.loads(declared.read_text())
    raw["splits"] = {name: {} for name in raw["splits"]}
    raw["digests"] = {"1": Task.model_validate(raw).digest}
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(raw))
    root = tmp_path / "data" / "reben"
    root.mkdir(parents=True)
    (root / "labels").touch()
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(
        data, "reader", lambda name: type("R", (), {"open_dataset": lambda r: labels})
    )
    logits = np.random.default_rng(1).normal(size=(SAMPLES, CLASSES)) + labels.targets
    order = np.random.default_rng(2).permutation(SAMPLES)
    flat = pa.array(logits[order].reshape(-1).astype(np.float32))
    columns = {
        "sample": [labels.names[i] for i in order],
        "logits": pa.FixedSizeListArray.from_arrays(flat, CLASSES),
    }
    path = tmp_path / "predictions.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd")
    asked = Request(
        task=str(tmp_path / "mine.toml"),
        model=f"predictions:{path}",
        track="official",
        results=tmp_path / "results",
    )
    manifest = benchmark.pedantic(evaluate.run, (asked,), rounds=1)
    assert manifest.data.samples == SAMPLES
    assert all(score.low is not None for score in manifest.scores)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    benchmark.extra_info.update(
        name="predictions of 120,000 x 19, from Parquet to a recorded run with intervals",
        peer="-",
        value=f"{benchmark.stats.stats.median:.1f} s, {peak:.1f} GiB",
        target="30 s",
        limit="every metric and 14 slices without each of 200 groups",
    )
