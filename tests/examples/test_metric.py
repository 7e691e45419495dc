import sys

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from bench.report.leaderboard.read import read


def test_metric(bench_with, installed, monkeypatch):
    bench = bench_with("dataset", "metric")
    run = "run --task tiny-fields-mcc --model unet --track sample -q --json"
    manifest = bench.in_process(run).json()
    scores = {f"{score['metric']}_{score['average']}": score for score in manifest["scores"]}
    assert scores["mcc_micro"]["low"] < scores["mcc_micro"]["value"] < scores["mcc_micro"]["high"]
    # Those of the kind that it extends are there as well.
    assert 0 < scores["iou_macro"]["value"] < 1
    assert "mcc_micro" in bench("results").stdout
    bench("leaderboard --out page.html")
    # Without the plug-in the run is shown as well, unranked: which value is better isn't known.
    bench.without("leaderboard --out without.html")
    results = bench.prompt.folder / "results"
    (ranked,) = read(results)[0]
    assert ranked.unranked == ""
    places = [place for place in sys.path if place != str(installed("metric"))]
    monkeypatch.setattr(sys, "path", places)
    assert ranked.unranked == "unknown metric"


def test_the_function_agrees_with_scikit_learn(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed("metric")))
    from rs_bench_mcc.metric import matthews

    rng = np.random.default_rng(0)
    pairs = [rng.integers(0, 4, (2, 100)) for _ in range(5)]
    pairs += [(np.zeros(9, int), rng.integers(0, 4, 9)), (np.arange(4), np.arange(4))]
    for true, predicted in pairs:
        matrix = np.zeros((4, 4), np.int64)
        np.add.at(matrix, (true, predicted), 1)
        assert matthews(matrix) == pytest.approx(matthews_corrcoef(true, predicted), abs=1e-12)
    stacked = matthews(np.zeros((3, 4, 4)))
    assert stacked.shape == (3,)
    assert np.isnan(stacked).all()
