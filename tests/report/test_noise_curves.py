"""Scores over errors of maps, from fabricated runs: as a table, as a figure."""

import numpy as np
import pytest

from bench.report import label_curves, noise_curves, plots
from bench.results import store
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json

TASK = tasks.load("reben-cutmix")
UNITS = 40


def record(results, entry, value, wrong=0.0, seed=0, **options):
    made = Run(results / "runs" / f"{TASK.name}.{entry}.sample.{seed}")
    made.folder.mkdir(parents=True)
    facts = {f"labels_{what}": wrong for what in ("added", "removed", "wrong")}
    trained = {"seed": seed, "recipe": {"options": options}, "facts": facts}
    draw = np.random.default_rng(len(entry) + seed)
    score = run_json.score(value=value, low=value - 0.1, high=value + 0.1, units=UNITS)
    content = run_json.complete(
        made.name,
        of_task={name: getattr(TASK, name) for name in ("name", "version", "digest", "kind")}
        | {"primary": TASK.primary},
        about={"name": entry, "digest": entry, "trained": trained},
        scores=[score | {"sampling_unit": "tile"}],
        left_out=(value + draw.normal(0, 0.001, UNITS)).tolist(),
        seed=seed,
    )
    run_json.write(made, content)


@pytest.fixture
def recorded(bench):
    results = bench.folder / "results"
    by_maps = {"strategy": "cutmix-lp-map"}
    record(results, "cutmix-lp-map-s2", 0.5, **by_maps)
    for noise, magnitude, value, wrong in (
        ("dilate", 16, 0.3, 0.2),
        ("dilate", 2, 0.4, 0.1),
        ("swap", 0.5, 0.2, 0.4),
    ):
        about = by_maps | {"noise": noise, "magnitude": magnitude}
        for seed, more in ((0, 0.0), (1, 0.02)):
            name = f"cutmix-lp-map-s2-{noise}-{magnitude:g}"
            record(results, name, value + more, wrong, seed, **about)
    record(results, "cutmix-union-s2", 0.35, strategy="cutmix-union")
    record(results, "none-s2", 0.3, strategy="none")
    store.rebuild(results)
    return bench


def test_methods_stand_beside_each_other(recorded):
    shown = recorded("curves --task reben-cutmix --noise").stdout
    lines = [line.split() for line in shown.splitlines()]
    first = next(at for at, line in enumerate(lines) if line[:2] == ["cutmix-lp-map-s2,", "dilate"])
    clean, few, many = lines[first + 2 : first + 5]
    assert clean[:5] == ["0", "0.0000", "0.0000", "0.0000", "0.5000"]
    assert few[:5] == ["2", "0.1000", "0.1000", "0.1000", "0.4100"]
    assert many[0] == "16"
    assert "-0.0900" in few
    assert any(line[:2] == ["cutmix-union-s2", "0.3500"] for line in lines)
    assert "simulated data" in shown


def test_the_same_as_json(recorded):
    found = recorded("curves --task reben-cutmix --noise --json").json()
    assert [(curve["noise"], len(curve["points"])) for curve in found["curves"]] == [
        ("dilate", 3),
        ("swap", 2),
    ]
    clean, point = found["curves"][1]["points"]
    assert (clean["difference"], clean["p"]) == (None, None)
    assert point["difference"] == pytest.approx(-0.29)
    assert point["difference_low"] < -0.29 < point["difference_high"]
    assert len(point["runs"]) == 2
    assert {one["strategy"] for one in found["levels"]} == {"none", "cutmix-union"}


def test_only_what_is_named(recorded):
    manifests = label_curves.of_results(recorded.folder / "results")
    found = noise_curves.curves(manifests, TASK, "sample", ["none-s2", "cutmix-lp-map-s2"])
    assert [one.entry for one in found.levels] == ["none-s2"]
    assert {one.entry for one in found.curves} == {"cutmix-lp-map-s2"}
    said = recorded("curves cutmix --task reben-cutmix --noise", code=2).stderr
    assert "unknown entry 'cutmix'" in said


def test_p_values_are_adjusted_for_all_points(recorded):
    manifests = label_curves.of_results(recorded.folder / "results")
    points = [
        point
        for curve in noise_curves.curves(manifests, TASK, "sample").curves
        for point in curve.points[1:]
    ]
    assert all(0 <= point.p <= 1 for point in points)
    assert len(points) == 3


def test_they_are_drawn(recorded):
    figure = plots.draw("noise", TASK.name, recorded.folder / "results")
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert drawn["cutmix-lp-map-s2, dilate"] == [
        [0, 0.5],
        [pytest.approx(10), pytest.approx(0.41)],
        [pytest.approx(20), pytest.approx(0.31)],
    ]
    assert drawn["cutmix-lp-map-s2, swap"][-1] == [pytest.approx(40), pytest.approx(0.21)]
    assert [y for _, y in drawn["none-s2"]] == [0.3, 0.3]
    typed = "plot reben-cutmix --kind noise --out noise.svg"
    assert recorded.in_process(typed).stdout == "noise.svg\n"


def test_what_there_is_to_do_where_nothing_is_recorded(bench):
    said = bench("curves --task reben-cutmix --noise", code=2).stderr
    assert "bench robustness --task reben-cutmix --model cutmix-lp-map-s2 --noise" in said
    assert "both given" in bench("curves --task reben-cutmix --noise --labels", code=2).stderr
