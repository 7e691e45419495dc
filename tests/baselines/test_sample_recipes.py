"""Baselines learn from the sample track by their sample recipes: an epoch on a few samples."""

import math

import pytest

from bench import data, kinds
from bench.data.eoekoland import simulate as eoekoland
from bench.data.magicbathynet import simulate as magicbathynet
from bench.data.pastis import simulate as pastis
from bench.evaluate.request import with_constants
from bench.models import entries
from bench.results import training_log
from bench.spec import task as tasks
from bench.train import train


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A few samples of each data set, written when they are first asked for."""
    root, found = tmp_path_factory.mktemp("few"), {}

    def opened(name):
        if name not in found:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(eoekoland, "SIZES", {"train": 2, "validation": 1, "test": 1})
                patch.setattr(pastis, "PER_FOLD", 1)
                patch.setattr(magicbathynet, "TRAIN", 3)
                patch.setattr(magicbathynet, "TEST", 1)
                data.reader(name).write_sample(root / name)
            found[name] = data.reader(name).open_dataset(root / name)
        return found[name]

    return opened


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("pastis-crop-mapping", "tsvit-released"),
        ("pastis24-crop-mapping-fold2", "tsvit-released"),
        ("pastis24-crop-mapping", "tsvit-s-released"),
        ("pastis24-crop-mapping", "utae"),
        ("pastis-r-crop-mapping", "tsvit-ca"),
        ("pastis-r-crop-mapping", "tsvit-ca-formula"),
        ("eoekoland-crop-mapping", "tsvit-ca"),
        ("eoekoland-crop-mapping", "tsvit-ca-formula"),
        ("eoekoland-crop-mapping", "tsvit-mtc"),
        ("eoekoland-crop-mapping", "tsvit-channels"),
        ("eoekoland-crop-mapping", "utae"),
        ("eoekoland-crop-mapping", "tempcnn"),
        ("magicbathy-bathymetry-agia-napa", "unet-s2-norm"),
        ("magicbathy-seabed-agia-napa", "unet-published"),
        ("magicbathy-seabed-agia-napa", "segformer-b5"),
    ],
)
def test_a_baseline_learns_from_the_sample_track(few, tmp_path, task, model):
    loaded = tasks.load(task)
    dataset, entry = few(loaded.dataset), entries.baseline(model, loaded).on("sample")
    if entry.input.unread:
        entry = with_constants(entry, dataset)
    recipe = entry.recipe["sample"].model_copy(update={"epochs": 1, "validate_every": 1})
    trained = train(
        entry.model_copy(update={"recipe": {"sample": recipe}}),
        loaded,
        kinds.of(loaded),
        dataset,
        track="sample",
        seed=0,
        folder=tmp_path / "entry",
        device="cpu",
        devices=1,
        nodes=1,
        precision="32-true",
        progress=lambda done, of, text: None,
    )
    assert trained.weights.is_file()
    assert trained.trained.steps >= 1
    assert math.isfinite(trained.trained.validation)
    (epoch,) = training_log.read(tmp_path / "entry" / training_log.NAME)
    assert math.isfinite(epoch["training_loss"])
