"""Bathymetry and its pictures, from the command to the page."""

import base64
import hashlib
import io
import os
import shutil
from dataclasses import replace

import pytest
from PIL import Image
from typer.testing import CliRunner

from bench import data, kinds, models
from bench.base import weights
from bench.base.errors import BenchError
from bench.cli import _command_line, _shown
from bench.data.magicbathynet import simulate as simulated
from bench.data.magicbathynet.rasters import read as read_raster
from bench.data.magicbathynet.rasters import write as write_raster
from bench.evaluate import draw, predict
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.kinds.common import pictures
from bench.metrics import depth as metrics
from bench.models import entries
from bench.report import leaderboard
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.report.leaderboard.test_page import content

NAPA = "magicbathynet-agia-napa"
TASK, SEABED = "magicbathy-bathymetry-agia-napa", "magicbathy-seabed-agia-napa"


@pytest.fixture(scope="module")
def sea(tmp_path_factory):
    """The folder of the simulated area; BENCH_DATA is around it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        # Fewer patches than the sample track has are simulated sooner.
        patch.setattr(simulated, "TRAIN", 16)
        patch.setattr(simulated, "TEST", 4)
        yield data.ensure_sample(NAPA, lambda text: None)


@pytest.fixture(scope="module")
def fitted(sea, tmp_path_factory):
    """A results folder with a run of the log ratio, and its manifest."""
    results = tmp_path_factory.mktemp("results")
    asked = Request(task=TASK, model="stumpf", track="sample", results=results)
    return results, evaluate.run(asked).content()


def test_light_reaches_shallow_ground_only(fitted):
    _, manifest = fitted
    by_depth = {s["slice"]: s for s in manifest["scores"] if s["slice"].startswith("depth=")}
    shallow, deep = by_depth["depth=2-5 m"], by_depth["depth=over 15 m"]
    assert shallow["value"] < deep["value"] / 2
    assert manifest["entry"]["trained"]["recipe"] == {"method": "fit"}


def test_a_run_prints_scores_by_depth(fitted, capsys):
    results, manifest = fitted
    _shown.show(run_json.model(manifest), results, full=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    heading = lines.index(["depth", "rmse", "mae", "bias", "std", "r2"])
    named = {(s["metric"], s["label"]): s["value"] for s in manifest["scores"]}
    assert lines[heading + 2] == [
        *("0-2", "m"),
        *(f"{named[metric, '0-2 m']:.4f}" for metric in lines[heading][1:]),
    ]
    assert [" ".join(line[:-5]) for line in lines[heading + 2 :][:5]] == metrics.ranges()


def test_samples_are_drawn_and_noted(fitted):
    results, manifest = fitted
    run = Run(results / "runs" / manifest["run"])
    drawn = pictures.spread(run.observations()["sample"].to_pylist(), 3)
    noted = manifest["pictures"]
    assert sorted(noted) == ["depth.png", *(f"sample-{name}.png" for name in drawn)]
    for name, digest in noted.items():
        content = (run.folder / "pictures" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert Image.open(run.folder / "pictures" / name).format == "PNG"
    assert (run.folder / "pictures/depth.png").stat().st_size < 20_000


def test_the_page_shows_the_first_picture_of_a_ranked_run(fitted):
    results, manifest = fitted
    found = content(leaderboard.render(results))
    (board,) = found["boards"]
    shown = board["pictures"]["0"]
    names = [name.removesuffix(".png").replace("-", " ") for name in manifest["pictures"]]
    assert {title.replace("-", " ") for title, _, _ in shown} <= set(names)
    assert shown[0][0].startswith("sample ")
    assert Image.open(io.BytesIO(base64.b64decode(shown[0][2]))).width > 300


def test_a_name_of_a_picture_stays_in_its_folder():
    assert draw._plain("sample-../../etc/passwd\0é") == "sample-______etc_passwd__"
    assert len(draw._plain("a" * 500)) == 80


def test_a_kind_without_pictures_draws_none(tmp_path):
    job = predict.Job(
        task="augmentation-consistency",
        entry=None,
        root=tmp_path,
        samples=[],
        run=tmp_path,
        device="cpu",
        precision="32-true",
        threads=1,
        seed=0,
    )
    assert draw.draw(job) == {}
    assert draw.draw(replace(job, samples=["nobody"])) == {}


@pytest.fixture
def spoilt(sea, tmp_path, monkeypatch):
    """The simulated area, to be damaged, where official data lies: sample data is made again."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    root = data.official_root(NAPA)
    shutil.copytree(sea, root, copy_function=os.symlink)
    return root / "agia_napa"


def empty(pixels, place):
    return pixels * 0, place


def positive(pixels, place):
    return -pixels, place


def elsewhere(pixels, place):
    return pixels, place | {"epsg": 25834}


def smaller(pixels, place):
    return pixels[:9, :9].copy(), place | {"pixel": 20}


def foreign(pixels, place):
    pixels = pixels.copy()
    pixels[3, 4] = (1, 2, 3)
    return pixels, place


@pytest.mark.parametrize(
    ("what", "change", "fault"),
    [
        ("depth", empty, "found no data in all 324 pixels"),
        ("depth", positive, "are these positive depths"),
        ("depth", elsewhere, "expected EPSG:32636 as the image, found EPSG:25834"),
        ("depth", smaller, "expected 18 x 18 px as the image, found 9 x 9"),
        ("gts", foreign, "found (1, 2, 3) in 1 pixels"),
    ],
)
def test_a_bad_raster_is_one_line(spoilt, tmp_path, what, change, fault):
    task = tasks.load(SEABED if what == "gts" else TASK)
    sample = data.reader(NAPA).open_dataset(spoilt).ids(task.split)[0]
    path = spoilt / what / "s2" / f"{what}_{sample}.tif"
    read = read_raster(path)
    place = {"epsg": read.epsg, "origin": read.origin, "pixel": read.pixel}
    pixels, place = change(read.pixels, place)
    path.unlink()
    write_raster(path, pixels, **place)
    found = models.find("unet" if what == "gts" else "stumpf", task)
    network = models.build(found, kinds.of(task).outputs())
    weights.save(network, tmp_path / "entry/model.safetensors")
    model = found.model.model_copy(update={"weights": "model.safetensors"})
    entries.save(found.model_copy(update={"model": model}), tmp_path / "entry")
    asked = ["--task", task.name, "--model", str(tmp_path / "entry"), "--results", str(tmp_path)]
    asked += ["--track", "official", "--limit", "1", "-q"]
    done = CliRunner().invoke(_command_line(), ["run", *asked])
    assert isinstance(done.exception, BenchError), done.output
    assert fault in str(done.exception)
    assert f"patch {sample} (s2)" in str(done.exception)
    assert "\n" not in str(done.exception)
