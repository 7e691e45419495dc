"""Gains of trainings beside the consistency of augmentations, from fabricated runs."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch

from bench import kinds, models
from bench.base.errors import RequestError
from bench.cli.results import benefit as verb
from bench.kinds.common.batch import Batch
from bench.kinds.consistency.scores import RECONSTRUCTION
from bench.report import benefit, plots
from bench.report import compare as comparison
from bench.report.benefit import CONSISTENCY, TASK, benefits, claim
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe
from tests import run_json

SAMPLES = 60


def record(results, of, name, table, options, scores=(), **entry):
    task = tasks.load(of)
    run = Run(results / "runs" / f"{of}.{name}.sample.0")
    run.write_part(0, table)
    run_json.write(
        run,
        run_json.complete(
            run.name,
            of_task={"name": of, "digest": task.digest},
            about={"name": name, "trained": {"recipe": {"options": options}}, **entry},
            data={"samples": SAMPLES, "ids_sha256": "i", "data_sha256": "d"},
            scores=[run_json.score(**score) for score in scores],
        ),
    )


def trained(results, name, noise, **options):
    task = tasks.load(TASK)
    rng = np.random.default_rng(0)
    targets = (rng.random((SAMPLES, 19)) < 0.4).astype(np.uint8)
    logits = (2.0 * targets - 1 + rng.normal(0, noise, targets.shape)).astype(np.float32)
    columns = [
        pa.FixedSizeListArray.from_arrays(values.ravel(), 19) for values in (targets, logits)
    ]
    samples = pa.array([f"s{index:03d}" for index in range(SAMPLES)])
    schema = kinds.of(task).schema()
    metrics = [{"metric": "ap", "average": "macro"}, {"metric": "ap", "average": "classes"}]
    record(results, TASK, name, pa.table([samples, *columns], schema=schema), options, metrics)


def measured(results, name, ratios, limit=1.1):
    scores = []
    for at, value in ratios.items():
        for metric, number in (("ratio", value), ("consistent", float(value <= limit))):
            about = {"metric": metric, "average": "points", "label": at, "slice": ""}
            scores.append(about | {"value": number, "low": number - 0.01, "high": number + 0.01})
    arguments = {"name": name, "magnitudes": " ".join(ratios)}
    model = {"architecture": "baseline:channels.Change", "arguments": arguments}
    record(results, CONSISTENCY, f"{name}-s2", pa.table({"sample": ["a"]}), {}, scores, model=model)


@pytest.fixture
def results(tmp_path, monkeypatch):
    trained(tmp_path, "none-s2", 2.0)
    trained(tmp_path, "grayscale-s2", 4.0, augmentation="grayscale", strength=1)
    trained(tmp_path, "contrast-s2", 1.0, augmentation="contrast", strength=0.4)
    trained(tmp_path, "solarize-s2", 2.0, augmentation="solarize", strength=0.7)
    measured(tmp_path, "grayscale", {"0.5": 1.0, "1": 1.3})
    measured(tmp_path, "contrast", {"-0.4": 1.2, "0.4": 1.05})
    return tmp_path


def test_gains_stand_beside_the_consistency_at_the_same_magnitude(results):
    contrast, grayscale, solarize = benefits(results, "sample")
    assert (contrast.name, contrast.strength, contrast.ratio) == ("contrast", 0.4, 1.05)
    assert contrast.consistent and contrast.verdict == "better" and contrast.low > 0
    assert (grayscale.ratio, grayscale.ratio_low, grayscale.ratio_high) == (1.3, 1.29, 1.31)
    assert grayscale.consistent is False and grayscale.verdict == "worse"
    assert (solarize.ratio, solarize.consistent) == (None, None)
    found = comparison.compare(["contrast-s2", "none-s2"], TASK, results)
    assert contrast.gain == pytest.approx(found.pairs[0].value)


def test_the_claim_is_said_whichever_way_it_came_out(results):
    rows = benefits(results, "sample")
    assert claim(rows).startswith(RECONSTRUCTION)
    assert "not contradicted; 1 of 3 are inconsistent, 0 of these" in claim(rows)
    measured(results, "contrast", {"0.4": 1.5})
    assert "contradicted by contrast; 2 of 3" in claim(benefits(results, "sample"))
    assert "nothing was inconsistent" in claim(rows[:1])


def test_the_verb(results, capsys):
    class Context:
        obj = results

    verb(Context(), track="sample", as_json=False, results=None)
    shown = capsys.readouterr().out
    assert "grayscale" in shown and "inconsistent" in shown and RECONSTRUCTION in shown
    verb(Context(), track="sample", as_json=True, results=None)
    assert len(json.loads(capsys.readouterr().out)["benefits"]) == 3


def test_a_floor_is_no_training_without_augmentation(results):
    before = benefits(results, "sample")
    trained(results, "floor-prior-s2", 5.0)
    assert benefits(results, "sample") == before


@pytest.mark.parametrize("about", [TASK, CONSISTENCY])
def test_gains_are_drawn_over_consistency(results, about):
    figure = plots.draw("benefit", about, results)
    (axes,) = figure.axes
    points = {
        tuple(line.get_xydata()[0].tolist())
        for line in axes.get_lines()
        if len(line.get_xydata()) == 1
    }
    rows = [row for row in benefits(results, "sample") if row.ratio is not None]
    assert points == {(row.ratio, row.gain) for row in rows}
    names = [text.get_text() for text in axes.texts]
    assert names == ["contrast 0.4", "grayscale 1"]
    segments = sorted(
        tuple(segment.ravel().tolist())
        for collection in axes.collections
        for segment in collection.get_segments()
    )
    expected = [(row.ratio, row.low, row.ratio, row.high) for row in rows]
    expected += [(row.ratio_low, row.gain, row.ratio_high, row.gain) for row in rows]
    assert np.allclose(segments, sorted(expected))
    _, labels = axes.get_legend_handles_labels()
    assert labels == ["consistent", "inconsistent"]
    limits = [line.get_xdata() for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert limits == [[1.1, 1.1]]
    assert "1 of 3 not measured" in axes.get_title("left")
    assert RECONSTRUCTION.split(":", maxsplit=1)[0] in axes.get_legend().get_title().get_text()


def test_a_figure_of_what_was_not_measured_is_refused(tmp_path):
    trained(tmp_path, "none-s2", 2.0)
    trained(tmp_path, "grayscale-s2", 4.0, augmentation="grayscale", strength=1)
    with pytest.raises(RequestError, match="no augmentation that was trained with has a score"):
        plots.draw("benefit", CONSISTENCY, tmp_path)


def test_nothing_to_compare_with(tmp_path):
    with pytest.raises(RequestError, match="with and without augmentation on the sample track"):
        benefits(tmp_path, "sample")
    trained(tmp_path, "grayscale-s2", 1.0, augmentation="grayscale", strength=1)
    with pytest.raises(RequestError, match="found grayscale-s2"):
        benefits(tmp_path, "sample")


def test_baselines_train_with_what_their_names_say():
    task = tasks.load(TASK)
    entry = models.find("posterize", task)
    for track in ("official", "sample"):
        assert entry.recipe[track].options == {"augmentation": "posterize", "strength": 4}
    assert models.find("none", task).recipe["sample"].options == {}
    assert benefit._NONE == "none"


def prepare(of, given, **options):
    task = tasks.load(of)
    recipe = models.find("none", tasks.load(TASK)).recipe["sample"]
    recipe = Recipe.model_validate(recipe.model_dump() | {"options": options})
    pipeline = InputPipeline(task.input(given), task.bands)
    return kinds.of(task).prepare(recipe, None, pipeline, [], None)


@pytest.mark.parametrize(
    ("of", "given", "options", "match"),
    [
        ("reben-mlc", "s1", {"augmentation": "brightness"}, "needs the first input of task reben"),
        (TASK, "s2", {"augmentation": "brigthness"}, "did you mean brightness"),
        (TASK, "s2", {"augmentation": "brightness", "strength": 3}, "from -1 to 1, found 3"),
    ],
)
def test_recipes_that_cannot_be_followed(of, given, options, match):
    with pytest.raises(RequestError, match=match):
        prepare(of, given, **options)


def test_training_batches_are_augmented():
    task = tasks.load(TASK)
    recipe = models.find("channel-drop", task).recipe["sample"].model_copy(update={"flips": False})
    batch = Batch([str(i) for i in range(20)], torch.zeros(20, 10, 4, 4), torch.zeros(20, 19))
    made = kinds.of(task).augment(recipe, batch, torch.Generator().manual_seed(0))
    changed = (made.inputs != 0).any(dim=3).any(dim=2).sum(dim=1)
    assert set(changed.tolist()) == {0, 2}
    assert torch.equal(made.targets, batch.targets)
