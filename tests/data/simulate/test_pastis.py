import numpy as np
import pytest

from bench import data
from bench.data.pastis import pastis as reader
from bench.data.pastis.metadata import norm_file, norms
from bench.data.pastis.simulate import PER_FOLD, SIZE, backscatter, days, grow, optical, plan, write
from bench.data.simulate.crops import CROPS, cover

DECLARED = data.declaration("pastis")
FEW = 6


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "pastis"
    write(folder, patches=FEW)
    return folder


def test_folds_are_of_equal_size():
    folds = [scene.fold for scene in plan()]
    assert [folds.count(fold) for fold in range(1, 6)] == [PER_FOLD] * 5


def test_the_reader_finds_what_was_simulated(root):
    dataset = reader.open_dataset(root)
    bands = [band for own in DECLARED["series"].values() for band in own]
    patches = [name for name in dataset.present(bands) if "_" not in name]
    assert patches == [scene.patch for scene in plan()[:FEW]]
    scene = plan()[2]
    grown = grow(0, scene)
    found = {series.name: series for series in dataset.series(scene.patch, bands)}
    assert np.array_equal(found["S2"].pixels, optical(0, scene, grown))
    assert np.array_equal(found["S1D"].pixels, backscatter(0, scene, grown, "S1D"))
    assert found["S2"].days[:, 0].tolist() == days(0, "S2", scene.tile)
    classes = dataset.reference_map(scene.patch)
    assert np.array_equal(classes != 255, grown.label != DECLARED["void"])
    assert classes.shape == (SIZE, SIZE)


def test_the_sample_verifies(root):
    checks = {c.name: c for c in reader.verify(root, FEW, lambda done, total: None)}
    failed = {name for name, check in checks.items() if not check.passed}
    # Only the real data have the published number of patches and statistics.
    assert failed == {"patches", *(f"NORM_{series}_patch.json" for series in DECLARED["series"])}
    assert norms(norm_file(root, "S1A"), "S1A").keys() == set(range(1, 6))


def test_the_seed_decides_every_pixel():
    scene = plan()[1]
    same = [optical(0, scene, grow(0, scene)) for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], optical(1, scene, grow(1, scene)))


def test_dates_rise_and_differ_between_tiles():
    for series in DECLARED["series"]:
        by_tile = [days(0, series, tile) for tile in range(4)]
        assert all(np.diff(own).min() > 0 for own in by_tile)
        assert len({len(own) for own in by_tile}) > 1


def test_fields_are_grown_with_one_crop_each():
    grown = grow(0, plan()[0])
    whole = np.sum(list(grown.crop.values()), axis=0)
    assert whole.max() == 1
    for name, where in grown.crop.items():
        told = set(np.unique(grown.label[where]).tolist())
        assert told <= {DECLARED["classes"].index(name), DECLARED["void"]}
    assert (grown.label[whole == 0] == 0).all()


def test_crops_that_one_sensor_confuses_differ_for_the_other():
    year = np.arange(0.0, 420.0)
    green = {name: cover(crop, year, np.zeros_like(year))[0] for name, crop in CROPS.items()}

    def apart(one, other):
        return np.abs(green[one] - green[other]).mean()

    def rough(one, other):
        return np.abs(np.subtract(CROPS[one].rough, CROPS[other].rough)).max()

    assert apart("Beet", "Potatoes") < 0.05 < apart("Corn", "Sunflower")
    assert apart("Grapevine", "Orchard") < 0.05
    assert min(rough("Beet", "Potatoes"), rough("Grapevine", "Orchard")) > 5
    assert rough("Corn", "Sunflower") == rough("Soft winter wheat", "Winter barley") == 0
    assert np.mean(green["Beet"]) == pytest.approx(np.mean(green["Potatoes"]), abs=0.02)
