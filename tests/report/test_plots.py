"""Figures of runs and tasks, from fabricated runs: what stands in them, and what is refused."""

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest
from matplotlib import rcParams

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.base.extras import MODULES
from bench.kinds.common.pictures import png
from bench.report import plots
from bench.results import store
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.kinds.test_compression import Other, Stepped, recorded

SCENES = tasks.load("rsscn7")
SAMPLES = 70
HISTORY = [
    {"epoch": 1.0, "step": 8.0, "learning_rate": 0.1, "training_loss": 2.0, "validation": 0.3},
    {"epoch": 2.0, "step": 16.0, "learning_rate": 0.1, "training_loss": 1.5, "validation": None},
    {"epoch": 3.0, "step": 24.0, "learning_rate": 0.1, "training_loss": 1.0, "validation": 0.6},
]


def record(results, name, right=0.5, task=SCENES, scores=(), run="0", **changes):
    """A run whose images are right with a probability, else taken for the next class."""
    classes = len(task.classes)
    rng = np.random.default_rng(0)
    target = np.arange(SAMPLES, dtype=np.int32) % classes
    taken = np.where(rng.random(SAMPLES) < right, target, (target + 1) % classes)
    logits = 5 * np.eye(classes, dtype=np.float32)[taken]
    made = Run(results / "runs" / f"{task.name}.{name}.sample.{run}")
    made.folder.mkdir(parents=True)
    columns = [
        pa.array([f"s{index}" for index in range(SAMPLES)]),
        pa.array(target),
        pa.FixedSizeListArray.from_arrays(logits.ravel(), classes),
    ]
    made.write_part(0, pa.table(columns, schema=kinds.of(task).schema()))
    value = float((taken == target).mean())
    bounds = {"low": value - 0.1, "high": value + 0.1, "samples": SAMPLES}
    primary = run_json.score("accuracy", "micro", value=value, **bounds)
    of_task = {name: getattr(task, name) for name in ("name", "version", "digest", "kind")}
    entry = {"name": name, "digest": name} | dict(changes.pop("about", ()))
    content = run_json.complete(
        made.name,
        of_task=of_task | {"primary": task.primary},
        about=entry,
        data={"samples": SAMPLES},
        parts=made.hashes(),
        scores=[primary, *(run_json.score(**score) for score in scores)],
    )
    run_json.write(made, content | changes)
    return made


def trained(validation=0.6):
    recipe = {"select": "primary"}
    return {"trained": {"validation": validation, "history": HISTORY, "recipe": recipe}}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three entries of rsscn7, one of them trained and with scores of classes and groups."""
    folder = tmp_path_factory.mktemp("results")
    of_class = {"metric": "accuracy", "average": "classes", "value": 0.9, "low": 0.8, "high": 1.0}
    group = {"metric": "accuracy", "average": "micro", "value": 0.7}
    record(
        folder,
        "good",
        0.9,
        about=trained(),
        scores=[
            of_class | {"label": "$grass$"},
            *(group | {"slice": f"size={of}"} for of in ("10-20", "2-10", "over 20")),
            group | {"slice": "size: worst less rest"},
            of_class | {"label": "field", "value": None},
        ],
    )
    record(folder, "poor", 0.4)
    record(folder, "floor-prior", 0.1)
    record(folder, "half", 0.9, partial=True)
    store.rebuild(folder)
    return folder


def labels(figure, axis="y"):
    (axes, *_) = figure.axes
    return [text.get_text() for text in getattr(axes, f"get_{axis}ticklabels")()]


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_entries_of_a_task_stand_in_their_order_with_the_floor(results):
    figure = plots.draw("forest", "rsscn7", results)
    assert labels(figure) == ["good", "poor", "floor-prior"]
    (axes,) = figure.axes
    values = [line.get_xdata()[0] for line in axes.get_lines()]
    assert values[:3] == sorted(values[:3], reverse=True)
    assert values[3] == values[2], "the line of the best floor"
    assert axes.get_xlabel() == "Accuracy (higher is better)"
    assert "simulated data" in figure._supxlabel.get_text()
    chosen = plots.draw("forest", "rsscn7", results, entries=["poor"])
    assert labels(chosen) == ["poor"]


def test_scores_of_a_run_stand_by_class_and_by_group(results):
    figure = plots.draw("forest", "rsscn7.good", results)
    groups = ["size=2-10", "size=10-20", "size=over 20"]
    assert labels(figure) == ["all samples", "$grass$", *groups]
    for text in figure.findobj(lambda one: getattr(one, "get_text", str)() == "$grass$"):
        assert not text.get_parse_math()


def test_a_training_is_drawn_by_epoch_and_marks_the_one_that_is_kept(results):
    for about in ("rsscn7.good", "rsscn7"):
        loss, validation = plots.draw("curves", about, results).axes
        assert lines(loss)["good"] == [[1, 2.0], [2, 1.5], [3, 1.0]]
        assert lines(validation)["good"] == [[1, 0.3], [3, 0.6]]
        stars = [line for line in validation.get_lines() if line.get_marker() == "*"]
        assert [line.get_xydata().tolist() for line in stars] == [[[3.0, 0.6]]]
        assert validation.get_ylabel() == "Validation: accuracy"


def test_a_confusion_matrix_is_in_percent_of_the_reference(results):
    figure = plots.draw("confusion", "rsscn7.good", results)
    image = np.asarray(figure.axes[0].get_images()[0].get_array())
    assert image.sum(axis=1) == pytest.approx(np.full(7, 100))
    cells = kinds.of(SCENES).confusion(
        Run(results / "runs" / "rsscn7.good.sample.0").observations()
    )
    assert image[0, 0] == pytest.approx(100 * cells[0, 0] / 10)
    assert labels(figure)[0] == "grass (10)"


def test_pictures_of_zero_shot_have_a_confusion_where_they_show_one_class():
    kind = kinds.of(tasks.load("whu-rs19-zeroshot"))
    classes, sets = len(kind.task.classes), len(kind.settings.prompts)
    targets = np.eye(classes, dtype=np.uint8)[[0, 0, 1]]
    ranking = np.eye(classes)[[0, 2, 1]]
    others = np.ones((3, (sets - 1) * classes))
    columns = [
        pa.array(["a", "b", "c"]),
        pa.FixedSizeListArray.from_arrays(targets.ravel(), classes),
        pa.FixedSizeListArray.from_arrays(
            np.concatenate([ranking, others], axis=1).ravel(), sets * classes
        ),
    ]
    table = pa.table(columns, schema=kind.schema())
    cells = kind.confusion(table)
    assert cells.sum() == 3
    assert (cells[0, 0], cells[0, 2], cells[1, 1]) == (1, 1, 1)
    several = kinds.of(tasks.load("reben-zeroshot"))
    assert several.confusion(table) is None
    assert kinds.of(tasks.load("reben-mlc")).confusion(table) is None


def test_codecs_are_drawn_by_rate(tmp_path):
    for name, model in (("stepped", Stepped()), ("other", Other())):
        recorded(tmp_path, name, model, 24)
    name = next((tmp_path / "runs").iterdir()).name.partition(".")[0]
    task = tasks.load(name)
    for path in (tmp_path / "runs").iterdir():
        content = run_json.read(Run(path))
        content["task"]["version"] = task.version
        run_json.write(Run(path), content)
    figure = plots.draw("rd", name, tmp_path)
    drawn = lines(figure.axes[0])
    assert set(drawn) == {"stepped", "other"}
    for points in drawn.values():
        assert len(points) > 1
        assert points == sorted(points)
    plots.write(figure, tmp_path / "rd.svg")
    ticks = [float(text) for text in labels(figure, "x") if text]
    assert 4 in ticks
    assert "mathdefault" not in (tmp_path / "rd.svg").read_text()
    alone = plots.draw("rd", f"{name}.other", tmp_path)
    assert lines(alone.axes[0]) == {"other": drawn["other"]}


def test_scores_are_drawn_over_labels(tmp_path):
    for size, value in (("10%", 0.3), ("100%", 0.8)):
        about = {
            "labels": {"percent": float(size[:-1]), "draw": 0},
            "trained": {"facts": {"samples": 27 if size == "10%" else 266}},
        }
        record(tmp_path, f"few-{size[:-1]}pct-draw0", value, about=about)
    figure = plots.draw("labels", "rsscn7", tmp_path)
    ((name, points),) = lines(figure.axes[0]).items()
    assert name == "few"
    assert [point[0] for point in points] == [27, 266]
    assert labels(figure, "x") == ["27\n10%", "266\n100%"]


@pytest.fixture
def pictured(tmp_path):
    """A run with one picture."""
    content = png(np.full((4, 6, 3), 255, np.uint8))
    run = record(tmp_path, "shown", pictures={"sample-1.png": sha256(content).hexdigest()})
    (run.folder / "pictures").mkdir()
    (run.folder / "pictures" / "sample-1.png").write_bytes(content)
    return run


def test_the_pictures_of_a_run_are_shown(pictured):
    figure = plots.draw("map", str(pictured.folder), pictured.folder.parents[1])
    (axes,) = figure.axes
    assert axes.get_title("left") == "sample-1"
    assert axes.get_images()[0].get_array().shape == (4, 6, 3)


def test_a_picture_that_was_changed_is_refused(pictured):
    picture = pictured.folder / "pictures" / "sample-1.png"
    picture.write_bytes(picture.read_bytes() + b"0")
    with pytest.raises(BenchError, match="not the one that was drawn"):
        plots.draw("map", str(pictured.folder), pictured.folder.parents[1])
    picture.unlink()
    with pytest.raises(BenchError, match="can't be read"):
        plots.draw("map", str(pictured.folder), pictured.folder.parents[1])


@pytest.mark.parametrize(
    ("kind", "about", "options", "said"),
    [
        ("forests", "rsscn7", {}, "did you mean forest"),
        ("forest", "rsscn8", {}, "'rsscn8' is neither a run nor a task"),
        ("forest", "ucm", {}, "nothing is recorded of task ucm on the sample track"),
        (
            "forest",
            "rsscn7",
            {"track": "official"},
            "nothing is recorded of task rsscn7 on the off",
        ),
        ("forest", "rsscn7", {"track": "both"}, "unknown track"),
        ("forest", "rsscn7", {"entries": ["god"]}, "did you mean good"),
        ("forest", "rsscn7", {"metric": "f1_macro"}, "are ranked by accuracy_micro"),
        ("forest", "rsscn7.good", {"metric": "f1_macro"}, "unknown metric 'f1_macro'"),
        ("forest", "rsscn7.good", {"entries": ["poor"]}, "is a run, and entries are named besides"),
        ("curves", "rsscn7.poor", {}, "expected the log of a training in run rsscn7.poor"),
        ("confusion", "rsscn7", {}, "confusion shows one run, found the task rsscn7"),
        ("rd", "rsscn7", {}, "of kind classification, which has no rates"),
        ("labels", "rsscn7", {}, "no entry was trained on subsets"),
        ("labels", "rsscn7.good", {}, "labels shows entries of a task"),
        ("map", "rsscn7.good", {}, "has no pictures"),
        ("noise", "rsscn7", {}, "nothing was trained by maps with errors"),
        ("noise", "rsscn7.good", {}, "noise shows entries of a task"),
        ("benefit", "rsscn7", {}, "benefit shows the tasks augmentation-consistency and"),
        ("benefit", "augmentation-consistency", {}, "with and without augmentation"),
    ],
)
def test_what_can_not_be_drawn_is_said(results, kind, about, options, said):
    with pytest.raises(RequestError, match=said) as refused:
        plots.draw(kind, about, results, **options)
    assert refused.value.hint


def test_every_kind_is_tried_here():
    tried = ["benefit", "confusion", "curves", "forest", "labels", "map", "noise", "rd"]
    assert plots.kinds() == tried


@pytest.mark.parametrize("name", ["figure.png", "figure.svg", "figure.pdf", "FIGURE.PNG"])
def test_equal_figures_are_equal_files(results, tmp_path, name):
    before = dict(rcParams)
    contents = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        plots.write(plots.draw("forest", "rsscn7", results), tmp_path / folder / name)
        contents.append((tmp_path / folder / name).read_bytes())
    assert contents[0] == contents[1]
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[name.lower()[-3:]]
    assert contents[0].startswith(start)
    assert dict(rcParams) == before


@pytest.mark.parametrize("name", ["figure.gif", "figure", "missing/figure.png"])
def test_a_file_that_can_not_be_written_is_refused(tmp_path, name):
    with pytest.raises(RequestError) as refused:
        plots.check_file(tmp_path / name)
    assert refused.value.hint


def test_without_matplotlib_the_extra_is_named(results, monkeypatch):
    monkeypatch.setitem(MODULES, "plots", ("no_such_package",))
    with pytest.raises(RequestError, match="no_such_package, which isn't installed") as refused:
        plots.draw("forest", "rsscn7", results)
    assert refused.value.hint == "pip install 'rs-bench[plots]'"


def test_a_notebook_shows_a_figure(results):
    assert plots.draw("forest", "rsscn7", results)._repr_png_().startswith(b"\x89PNG")


def test_the_command_writes_a_file(bench, results):
    typed = f"plot rsscn7 --results {results}"
    assert bench.in_process(typed).stdout == "rsscn7-forest.png\n"
    assert bench.in_process([*typed.split(), "poor", "--out", "a.svg"]).stdout == "a.svg\n"
    assert "poor" in (bench.folder / "a.svg").read_text()
    refused = bench.in_process(f"{typed} --out a.gif", 2)
    assert "a.gif ends with .gif, expected .png, .svg, .pdf" in refused.stderr
    assert sorted(path.name for path in bench.folder.iterdir()) == ["a.svg", "rsscn7-forest.png"]


def test_python_draws_a_run_a_task_and_a_name(results):
    import bench

    run = bench.load_run("rsscn7.good", results=results)
    task = bench.load_task("rsscn7")
    assert labels(bench.plot.forest(run, results=results))[0] == "all samples"
    assert labels(bench.plot.forest(task, results=results))[0] == "good"
    assert labels(bench.plot.confusion("rsscn7.good", results=results))[0] == "grass (10)"
    assert len(bench.plot.curves(run, results=results).axes) == 2
    for name in bench.plot.kinds():
        assert callable(getattr(bench.plot, name))
