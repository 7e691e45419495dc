"""Scores against how wrong maps make labels."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.base.errors import RequestError
from bench.evaluate import robustness
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.models import entries
from bench.spec import task as tasks
from tests import run_json
from tests.typed import Prompt

TASK = tasks.load("reben-cutmix")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What is asked of the evaluator, which trains nothing and has labels wrong by magnitude."""
    found: list[Request] = []

    def run(request: Request, report: Any) -> SimpleNamespace:
        found.append(request)
        noisy = Path(request.model).is_dir()
        made = entries.load(Path(request.model), TASK) if noisy else None
        wrong = made.recipe["sample"].options["magnitude"] / 10 if made else 0  # type: ignore[union-attr,operator]
        facts = {f"labels_{what}": wrong for what in ("added", "removed", "wrong")}
        bounds = {"low": 0.1, "high": 0.9}
        content = run_json.complete(
            f"run{len(found)}",
            of_task={"name": TASK.name, "primary": TASK.primary},
            scores=[
                run_json.score(value=0.0, **bounds | {"slice": "country=Malta"}),
                run_json.score(value=0.5 - wrong / 4, **bounds),
            ],
        )
        manifest = run_json.model(content)
        trained = SimpleNamespace(facts=facts)
        return SimpleNamespace(
            run=manifest.run, primary=manifest.primary, entry=SimpleNamespace(trained=trained)
        )

    monkeypatch.setattr(evaluate, "run", run)
    return found


def request(tmp_path: Path, model: str = "cutmix-lp-map-s2") -> Request:
    return Request(task=TASK.name, model=model, track="sample", seed=4, results=tmp_path)


def test_every_magnitude_is_an_entry_of_its_own(asked: list[Request], tmp_path: Path) -> None:
    found = robustness.points(request(tmp_path), {"dilate": [2, 8], "swap": [0.5]})
    assert [(p.noise, p.magnitude, p.wrong) for p in found] == [
        ("none", 0, 0),
        ("dilate", 2, 0.2),
        ("dilate", 8, 0.8),
        ("swap", 0.5, 0.05),
    ]
    assert [p.value for p in found] == pytest.approx([0.5, 0.45, 0.3, 0.4875])
    assert [p.run for p in found] == ["run1", "run2", "run3", "run4"]
    assert {one.seed for one in asked} == {4}
    last = entries.load(Path(asked[-1].model), TASK)
    assert last.name == "cutmix-lp-map-s2-swap-0.5"
    clean = entries.baseline("cutmix-lp-map-s2", TASK)
    for track in ("official", "sample"):
        options = clean.recipe[track].options | {"noise": "swap", "magnitude": 0.5}  # type: ignore[index,union-attr,operator]
        expected = clean.recipe[track].model_copy(update={"options": options})  # type: ignore[index]
        assert last.recipe[track] == expected  # type: ignore[index]
    assert (last.model, last.sample, last.input) == (clean.model, clean.sample, clean.input)


@pytest.mark.parametrize(
    ("model", "grid", "expected"),
    [
        ("cutmix-union-s2", {"flip": [0.1]}, "cutmix-union-s2 isn't trained by maps"),
        ("cutmix-lp-map-s2", {"flop": [0.1]}, "unknown noise of maps 'flop'"),
        ("cutmix-lp-map-s2", {"flip": [3]}, "magnitude 3 of flip is a share"),
        ("cutmix-lp-map-s2", {"shift": [-1]}, "greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_training(
    model: str, grid: Any, expected: str, asked: list[Request], tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=expected):
        robustness.points(request(tmp_path, model), grid)
    assert not asked
    assert not list(tmp_path.iterdir())


def test_the_verb_shows_a_table_by_how_wrong_labels_are(
    asked: list[Request], bench: Prompt
) -> None:
    call = f"robustness --task {TASK.name} --model cutmix-lp-map-s2 --track sample"
    call += " --noise shift=8,2 --noise swap=0.5 -q"
    shown = bench.in_process(call)
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert [row[1] for row in rows if row and row[0] in ("none", "shift", "swap")] == [
        "0",
        "0.5",
        "2",
        "8",
    ]
    data = bench.in_process(f"{call} --json").json()
    assert [point["magnitude"] for point in data] == [0, 8, 2, 0.5]
    wrong = bench.in_process(f"{call} --noise shift", code=2)
    assert "expected a name and numbers" in wrong.stderr
