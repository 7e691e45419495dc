import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import mean_absolute_error, r2_score


def test_kind(bench_with):
    bench = bench_with("dataset", "kind")
    about = bench("info tiny-fields-vegetation --json").json()
    assert about["interface"] == "images float32 [N, channels, H, W] -> numbers float32 [N, 1]"
    assert about["observation"] == {"sample": "string", "true": "float", "predicted": "float"}
    run = "run --task tiny-fields-vegetation --model mean-pool --track sample -q --json"
    manifest = bench.in_process(run).json()
    scores = {score["metric"]: score for score in manifest["scores"] if not score["slice"]}
    assert scores["error"]["low"] < scores["error"]["value"] < scores["error"]["high"] < 0.3
    assert scores["r2"]["value"] > 0.1
    again = bench.in_process(["score", manifest["run"], "--json"]).json()
    assert again["scores"] == manifest["scores"]


@pytest.fixture
def kind(installed, monkeypatch):
    for name in ("dataset", "kind"):
        monkeypatch.syspath_prepend(str(installed(name)))
    from bench import kinds
    from bench.spec import task as tasks

    return kinds.of(tasks.load("tiny-fields-vegetation"))


def table(true, predicted):
    return pa.table(
        {
            "sample": [f"{row}" for row in range(len(true))],
            "true": pa.array(true, pa.float32()),
            "predicted": pa.array(predicted, pa.float32()),
        }
    )


def test_metrics_of_the_kind(kind):
    rng = np.random.default_rng(0)
    true = rng.uniform(size=50).astype(np.float32)
    predicted = (true + rng.normal(0, 0.1, 50)).clip(0, 1).astype(np.float32)
    found = kind.measure(table(true, predicted))
    assert found["error_images"] == pytest.approx(mean_absolute_error(true, predicted), rel=1e-6)
    assert found["r2_images"] == pytest.approx(r2_score(true, predicted), rel=1e-6)


def test_replicates_are_the_metrics_of_resamples(kind):
    rng = np.random.default_rng(1)
    true, predicted = rng.uniform(size=(2, 20)).astype(np.float32)
    counts = rng.multinomial(20, np.full(20, 1 / 20), size=5).astype(np.uint16)
    found = kind.replicate(table(true, predicted), [counts[:2], counts[2:]])
    for row, count in enumerate(counts):
        resample = np.repeat(np.arange(20), count)
        expected = kind.measure(table(true[resample], predicted[resample]))
        for name, values in found.items():
            assert values[row] == pytest.approx(expected[name], rel=1e-9)
    assert np.isnan(kind.measure(table([0.5], [0.4]))["r2_images"])
