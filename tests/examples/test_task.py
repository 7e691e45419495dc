import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.examples.conftest import EXAMPLES


def test_task(bench, sample_data):
    (bench.folder / "reben-radar.toml").write_bytes(
        (EXAMPLES / "task/reben-radar.toml").read_bytes()
    )
    about = bench("info reben-radar.toml --json").json()
    assert about["contracts"]["s1"]["bands"] == ["VV", "VH"]
    assert "resnet18-s1" in about["baselines"]
    ids = bench("info reben-radar.toml --ids --track sample").stdout.split()
    logits = np.random.default_rng(0).normal(size=(len(ids), 19)).astype(np.float32)
    table = pa.table({"sample": ids, "logits": list(logits)})
    pq.write_table(table, bench.folder / "random.parquet")
    run = "run --task reben-radar.toml --model predictions:random.parquet --track sample -q --json"
    manifest = bench.in_process(run).json()
    assert manifest["task"]["name"] == "reben-radar"
    assert manifest["task"]["primary"] == "f1_macro"


def test_another_meaning_needs_another_digest(bench):
    text = (EXAMPLES / "task/reben-radar.toml").read_text()
    (bench.folder / "mine.toml").write_text(text.replace("threshold = 0.5", "threshold = 0.4"))
    shown = bench("info mine.toml", code=2)
    assert "but its meaning has digest" in shown.stderr
    assert "raise the version and add 2 = " in shown.stderr
