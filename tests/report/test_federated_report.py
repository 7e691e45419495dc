"""Federated trainings by three axes: from fabricated runs, by the program as it is typed."""

from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import RequestError
from bench.metrics import stats
from bench.report.federated import report
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json

TASK = tasks.load("reben-federated")
UNITS = 40
RECIPE = {
    "method": "federated",
    "algorithm": "fedavg",
    "rounds": 2,
    "local_epochs": 3,
    "batch": 8,
    "learning_rate": 0.01,
    "matmul_precision": "highest",
}
MOON = {"algorithm": "moon", "mu": 0.1, "temperature": 0.5}


def without(value, seed):
    """The score without each unit: a jackknife's."""
    return (value + np.random.default_rng(seed).normal(0, 0.01, UNITS)).tolist()


def record(
    results,
    entry,
    scenario,
    value,
    *,
    network="timm:resnet50",
    held=(10, 30),
    averaging=0.25,
    seed=0,
    run="0",
    algorithm=(),
    **changes,
):
    made = Run(results / "runs" / f"{TASK.name}.{entry}.sample.{run}")
    made.folder.mkdir(parents=True)
    took = {"clients": 2, "loss": 1.0, "slowest": 2.0, "bytes_down": 2_000_000, "bytes_up": 1e6}
    if averaging is not None:
        took["averaging"] = averaging
    clients = {f"c{n}": {"samples": samples, "classes": 3} for n, samples in enumerate(held)}
    federation = {
        "clients": clients | {"empty": {"samples": 0, "classes": 0, "left_out": 7}},
        "parameters": 5_000_000,
        "rounds": [took | {"seconds": 4.0, "macs": 6e9}, took | {"seconds": 6.0, "macs": 10e9}],
    }
    trained = {
        "seed": seed,
        "recipe": RECIPE | {"scenario": scenario} | dict(algorithm),
        "federation": federation,
    }
    model = {"architecture": f"rounds:{network}", "arguments": {"rounds": 2}}
    score = run_json.score(
        "f1", "weighted", value=value, low=value - 0.1, high=value + 0.1, units=UNITS
    )
    content = run_json.complete(
        made.name,
        of_task={name: getattr(TASK, name) for name in ("name", "version", "digest", "kind")}
        | {"primary": TASK.primary},
        about={"name": entry, "digest": entry, "model": model, "trained": trained},
        data={"samples": 108},
        scores=[score | {"sampling_unit": "tile"}],
        left_out=without(value, seed),
        seed=seed,
    )
    run_json.write(made, content | changes)


@pytest.fixture
def recorded(bench):
    results = bench.folder / "results"
    record(results, "a-ds1", "ds1", 0.6)
    record(results, "a-ds2", "ds2", 0.5, seed=0, run="0")
    record(results, "a-ds2", "ds2", 0.4, seed=1, run="1")
    record(results, "a-ds3", "ds3", 0.3, averaging=None, held=(5, 5, 10))
    record(results, "a-moon-ds2", "ds2", 0.55, algorithm=MOON)
    record(results, "b-ds3", "ds3", 0.2, network="baseline:architectures.federated.ConvMixer")
    return bench


def test_axes_stand_in_one_table(recorded):
    shown = recorded("report federated").stdout
    lines = shown.splitlines()
    assert lines[0].startswith(
        "reben-federated version 1 (71a74bd36dd5), sample track: 108 samples"
    )
    headings = lines[2].split()
    assert headings[:4] == ["network", "algorithm", "ds1", "ds2"]
    (row,) = [line.split() for line in lines if line.split()[:2] == ["resnet50", "fedavg"]]
    assert row[2:5] == ["0.6000", "0.4500", "-0.1500"]
    # Samples of a client by three passes, GMAC of one of two, seconds, parameters, MB, averaging.
    assert row[-6:] == ["60", "4.000", "5.0", "5.00", "3.00", "0.2500"]
    (third,) = [line.split() for line in lines if line.startswith("ConvMixer")]
    assert third[2:5] == ["-", "-", "-"]
    assert "simulated data" in lines[-1]
    for axis in ("robustness:", "local training cost:", "aggregation cost:"):
        assert any(line.startswith(axis) for line in lines)


def test_the_same_as_json(recorded):
    found = recorded("report federated --json").json()
    names = [(row["network"], row["algorithm"]) for row in found["rows"]]
    assert names == [
        ("ConvMixer", "fedavg"),
        ("resnet50", "fedavg"),
        ("resnet50", "moon (mu 0.1)"),
    ]
    first, second, third = found["rows"][1]["levels"]
    assert (first["drop"], first["p"], first["clients"]) == (None, None, 2)
    assert second["drop"] == pytest.approx(-0.15)
    assert second["drop_low"] < -0.15 < second["drop_high"]
    assert [len(one["runs"]) for one in (first, second, third)] == [1, 2, 1]
    assert (third["clients"], third["averaging"]) == (3, None)
    assert third["samples"] == pytest.approx(3 * 20 / 3)
    assert third["macs"] == pytest.approx(8e9 / 3)


def test_a_drop_is_paired_by_unit(recorded):
    results = recorded.folder / "results"
    row = next(row for row in report(results, TASK).rows if row.network == "resnet50")
    level = row.level("ds3")
    apart = np.subtract(without(0.3, 0), without(0.6, 0))
    assert np.ptp(apart) < 1e-12, "both lose the same without a unit"
    assert (level.drop, level.drop_low) == (pytest.approx(-0.3), pytest.approx(-0.3))
    record(results, "c-ds1", "ds1", 0.5, network="timm:vgg11", seed=3)
    record(results, "c-ds2", "ds2", 0.4, network="timm:vgg11", seed=4)
    row = next(row for row in report(results, TASK).rows if row.network == "vgg11")
    apart = np.subtract(without(0.4, 4), without(0.5, 3))
    low, high = stats.interval(-0.1, stats.spread_over_units(apart))
    assert row.level("ds2").drop_low == pytest.approx(float(low))
    assert row.level("ds2").drop_high == pytest.approx(float(high))


def test_runs_that_do_not_belong_there(recorded):
    results = recorded.folder / "results"
    record(results, "z-partial", "ds1", 0.9, partial=True)
    record(results, "a-ds1", "ds1", 0.7, run="later", started="2026-02-02T00:00:00+00:00")
    found = report(results, TASK)
    assert all("z-partial" not in level.entry for row in found.rows for level in row.levels)
    row = next(row for row in found.rows if row.network == "resnet50")
    assert row.level("ds1").value == 0.7
    other = {"samples": 108, "ids_sha256": "i", "data_sha256": "other"}
    record(
        results,
        "new-ds1",
        "ds1",
        0.7,
        data=other | {"checked": "fingerprint"},
        started="2026-03-03T00:00:00+00:00",
    )
    found = report(results, TASK)
    assert [level.entry for row in found.rows for level in row.levels] == ["new-ds1"]
    assert found.remarks == ("7 older runs on other data are left out",)


def test_networks_with_one_name_are_told_apart(recorded):
    results = recorded.folder / "results"
    record(results, "wide-ds1", "ds1", 0.5, network="baseline:architectures.other.ConvMixer")
    names = [row.network for row in report(results, TASK).rows]
    assert names[:2] == ["ConvMixer (b-ds3)", "ConvMixer (wide-ds1)"]


def test_what_there_is_to_do_where_nothing_is_recorded(bench):
    said = bench("report federated", code=2).stderr
    assert "no federated training of task reben-federated is recorded on the sample track" in said
    assert "bench run --task reben-federated --model resnet-fedavg-ds1" in said
    assert "kind multilabel" in bench("report federated --task reben-mlc", code=2).stderr
    assert "unknown track" in bench("report federated --track real", code=2).stderr
    with pytest.raises(RequestError, match="official track"):
        report(Path(bench.folder / "results"), TASK, "official")
