"""The simulated coast: its physics, what can be learnt from it, and the released layout."""

from itertools import product

import numpy as np
import pytest
import rasterio

from bench.base.errors import BenchError
from bench.base.files import tree_sha256
from bench.data import reader
from bench.data.magicbathynet import simulate as simulated
from bench.data.magicbathynet import verify as magicbathynet_verify
from bench.data.magicbathynet.area import MODALITIES
from bench.data.magicbathynet.rasters import read
from bench.data.simulate.coast import (
    BOTTOMS,
    SAND,
    SEAGRASS,
    SIDE,
    Place,
    Sensor,
    Water,
    attenuation,
    coarser,
    commonest,
    observe,
    place,
)
from bench.data.simulate.spectra import MATERIALS
from bench.metrics import depth as metrics

AGIA_NAPA, PUCK = "magicbathynet-agia-napa", "magicbathynet-puck-lagoon"
QUIET = Sensor({"B": (490, 60), "G": (560, 40), "R": (665, 30)}, 1, 0.0, 0.0)
CLEAR = simulated.REGIONS[AGIA_NAPA].shore.water
TURBID = simulated.REGIONS[PUCK].shore.water


@pytest.fixture(scope="module")
def agia_napa(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample") / "area"
    # Fewer patches than the sample track has are simulated sooner.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated, "TEST", 10)
        reader(AGIA_NAPA).write_sample(root)
    return root


@pytest.fixture(scope="module")
def puck():
    return [simulated.simulate(0, PUCK, index) for index in range(20)]


def flat(depth, bottom=SAND):
    shape = (SIDE, SIDE)
    return Place(np.full(shape, float(depth)), np.full(shape, bottom, np.uint8), np.ones(shape))


def seen(depth, water=CLEAR, bottom=SAND):
    """Mean reflectance of each band."""
    return observe("test", place=flat(depth, bottom), water=water, sensor=QUIET).mean(axis=(1, 2))


def test_light_falls_exponentially_with_twice_the_depth():
    lost, deep = attenuation(np.array([490.0, 560.0, 665.0]), CLEAR)
    contrast = [seen(depth) - deep for depth in (0, 1, 3)]
    np.testing.assert_allclose(contrast[1], contrast[0] * np.exp(-2 * lost), rtol=1e-6)
    np.testing.assert_allclose(contrast[2], contrast[0] * np.exp(-6 * lost), rtol=1e-6)
    np.testing.assert_allclose(seen(500), deep, rtol=1e-9)
    np.testing.assert_allclose(seen(-1), seen(0))


def test_red_is_lost_first_and_turbid_water_loses_more():
    nm = np.array([490.0, 560.0, 665.0])
    clear, turbid = (attenuation(nm, water)[0] for water in (CLEAR, TURBID))
    assert clear[0] < clear[1] < clear[2]
    # What is dissolved in a lagoon absorbs blue most: green goes deepest there.
    assert turbid[1] < turbid[0]
    assert (turbid > clear).all()
    more = attenuation(nm, Water(CLEAR.sediment, 2 * CLEAR.yellow))[0]
    assert more[0] - clear[0] > 5 * (more[2] - clear[2]) > 0


def test_the_bottom_is_seen_where_light_reaches_and_not_below():
    noise = simulated.SENSORS["s2"].noise
    for water, reached, below in ((CLEAR, 10, 40), (TURBID, 3, 15)):
        contrast = {
            depth: np.abs(seen(depth, water) - seen(depth, water, SEAGRASS)).max()
            for depth in (reached, below)
        }
        assert contrast[reached] > 5 * noise
        assert contrast[below] < noise


def test_bottoms_are_mixtures_of_known_materials():
    for shares in BOTTOMS:
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) <= set(MATERIALS)


def test_places():
    shore = simulated.REGIONS[AGIA_NAPA].shore
    first = place("a", shore=shore, depth=6.0)
    again, other = place("a", shore=shore, depth=6.0), place("b", shore=shore, depth=6.0)
    np.testing.assert_array_equal(first.depth, again.depth)
    assert not np.array_equal(first.depth, other.depth)
    for depth in (0.8, 5.0, 18.0):
        found = place("c", shore=shore, depth=depth)
        assert found.depth.min() > 0
        assert abs(found.depth.mean() - depth) < 1.5
        assert set(np.unique(found.bottom)) == {0, 1, 2, 3}
        # Reefs stand on the bottom.
        rocky = np.isin(found.bottom, (1, 3))
        around = found.depth[~rocky].mean() - found.depth[rocky].mean()
        assert around > 0
    land = place("d", shore=simulated.REGIONS[PUCK].shore, depth=0.1)
    assert land.depth.min() < 0
    assert set(np.unique(land.bottom[land.depth < 0])) == {SAND}


def test_kinds_of_bottom_differ_in_texture():
    """Seagrass in tufts and rock in blocks are rougher than rippled sand, algae are smoother."""
    shore = simulated.REGIONS[AGIA_NAPA].shore
    found = [place("t", index, shore=shore, depth=5) for index in range(4)]
    spread = np.zeros((len(found), len(BOTTOMS)))
    for row, here in enumerate(found):
        logarithm = np.log(here.texture)
        assert abs(logarithm.mean()) < 0.1
        spread[row] = [logarithm[here.bottom == kind].std() for kind in range(len(BOTTOMS))]
    sand, rock, seagrass, algae = spread.mean(axis=0)
    assert min(rock, seagrass) > 1.5 * sand
    assert sand > algae


def test_coarser_pixels():
    values = np.arange(SIDE * SIDE, dtype=float).reshape(SIDE, SIDE)
    assert coarser(values, 6).shape == (30, 30)
    assert coarser(values, 10)[1, 2] == values[10:20, 20:30].mean()
    np.testing.assert_array_equal(coarser(values, 1), values)
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:6, :4], labels[6:12, :3] = 2, 1
    found = commonest(labels, 6, 3)
    assert found[0, 0] == 2
    assert found[1, 0] == 0  # of equals the lowest
    np.testing.assert_array_equal(commonest(labels, 1, 3), labels)


def pixels(patches, modality):
    """[P, 3] counts and [P] depths of all pixels under water."""
    counts = np.concatenate([patch.images[modality].reshape(-1, 3) for patch in patches])
    depths = -np.concatenate([patch.elevations[modality].ravel() for patch in patches])
    return counts[depths > 0].astype(float), depths[depths > 0].astype(float)


def log_ratio_errors(patches, modality, bands, shallow):
    """RMSE by depth of ln(n a) / ln(n b), fitted where it is shallow, on other patches."""

    def ratio(counts):
        first, second = (np.log(0.4 * counts[:, band]) for band in bands)
        return first / second

    counts, depths = pixels(patches[::2], modality)
    fitted = np.polyfit(ratio(counts)[depths < shallow], depths[depths < shallow], 1)
    counts, depths = pixels(patches[1::2], modality)
    found = np.polyval(fitted, ratio(counts))
    sums, _ = metrics.moments(found[None], depths[None], np.ones((1, depths.size), bool))
    return metrics.rmse(sums)[0, 1:]


def test_a_log_ratio_works_in_clear_shallow_water_and_fails_below(agia_napa):
    def stored(what, id_):
        return read(agia_napa / "agia_napa" / what / "s2" / f"{what}_{id_}.tif").pixels

    ids = [90_000 + 7 * index for index in range(50)]
    patches = [
        simulated.Patch(id_, {"s2": stored("img", id_)}, {"s2": stored("depth", id_)}, {})
        for id_ in ids
    ]
    errors = log_ratio_errors(patches, "s2", (0, 1), 10)
    # Depths up to 10 m have a standard deviation of 2.6 m.
    assert errors[0] < 1.8
    assert (errors[1:3] < 1.1).all()
    assert errors[3] > 1.5 * errors[2]
    assert errors[4] > 4


def test_a_log_ratio_works_in_turbid_shallower_water_and_fails_below(puck):
    errors = log_ratio_errors(puck, "s2", (1, 2), 4)
    # Depths up to 4 m have a standard deviation of 1.1 m.
    assert (errors[:2] < 1.0).all()
    assert errors[2] > 2.5


def test_puck_lagoon(puck):
    lowest = min(patch.elevations["s2"].min() for patch in puck)
    highest = max(patch.elevations["aerial"].max() for patch in puck)
    assert -11 < lowest < -7
    assert 0 < highest < 12
    labels = np.concatenate([patch.labels["aerial"].ravel() for patch in puck])
    assert (np.bincount(labels, minlength=3) / labels.size > 0.1).all()
    assert all(patch.elevations["s2"].mean() < 0 for patch in puck)


def test_sensors_see_one_place(puck):
    compared = 0
    for patch in puck[:6]:
        green = {
            "aerial": coarser(patch.images["aerial"][:, :, 1].astype(float), 10),
            "s2": patch.images["s2"][:, :, 1].astype(float),
        }
        if green["s2"].std() < 30:
            continue
        together = np.corrcoef(green["aerial"].ravel(), green["s2"].ravel())[0, 1]
        turned = np.corrcoef(green["aerial"].ravel(), green["s2"][::-1].ravel())[0, 1]
        assert together > 0.8
        assert together > turned
        compared += 1
    assert compared >= 3


def test_the_seed_decides_every_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "TRAIN", 2)
    monkeypatch.setattr(simulated, "TEST", 1)
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        simulated.write(tmp_path / name, PUCK, seed)
    one, two, three = (tree_sha256(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three


def test_layout(agia_napa):
    folder = agia_napa / "agia_napa"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ids = [90_000 + 7 * index for index in range(50)]
    expected = {
        f"{what}/{modality}/{what}_{id_}.tif"
        for what, modality, id_ in product(("img", "depth", "gts"), MODALITIES, ids)
    }
    for modality in MODALITIES:
        expected |= {f"{modality}_split_{task}.txt" for task in ("bathymetry", "pixel_class")}
        expected |= {f"norm_param_{modality}_an.{ending}" for ending in ("npy", "txt")}
    assert found == expected
    assert sum(path.stat().st_size for path in agia_napa.rglob("*") if path.is_file()) < 30e6


def test_files_are_geotiffs_of_the_same_place(agia_napa):
    known = simulated.simulate(0, AGIA_NAPA, 3)
    for modality, sensor in simulated.SENSORS.items():
        bounds = set()
        for what, values in (
            ("img", known.images[modality]),
            ("depth", known.elevations[modality][:, :, None]),
            ("gts", None),
        ):
            path = agia_napa / "agia_napa" / what / modality / f"{what}_{known.id}.tif"
            with rasterio.open(path) as file:
                assert file.crs.to_epsg() == 32636
                assert file.res == (sensor.pixel, sensor.pixel)
                assert file.shape == (SIDE // sensor.pixel, SIDE // sensor.pixel)
                bounds.add(tuple(file.bounds))
                if values is not None:
                    np.testing.assert_array_equal(file.read().transpose(1, 2, 0), values)
        assert len(bounds) == 1


def test_norm_files_hold_mean_and_four_deviations(agia_napa):
    folder = agia_napa / "agia_napa"
    values = np.concatenate(
        [rasterio.open(path).read().reshape(3, -1) for path in (folder / "img/s2").glob("*.tif")],
        axis=1,
    ).astype(float)
    norm = np.load(folder / "norm_param_s2_an.npy")
    np.testing.assert_array_equal(norm[0], 0)
    np.testing.assert_allclose(norm[1], values.mean(1) + 4 * values.std(1), atol=5e-4)
    np.testing.assert_allclose(np.loadtxt(folder / "norm_param_s2_an.txt"), norm, atol=5e-4)


def test_verify_finds_no_fault(agia_napa, monkeypatch):
    monkeypatch.setattr(magicbathynet_verify, "sample_root", lambda name: agia_napa)
    checks = list(reader(AGIA_NAPA).verify(agia_napa, 50, lambda done, total: None))
    assert len(checks) == 12
    assert [check for check in checks if not check.passed] == []


def test_the_reader_takes_it(agia_napa):
    dataset = reader(AGIA_NAPA).open_dataset(agia_napa)
    sizes = {split: len(dataset.ids(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 32, "validation": 8, "test": 10}
    depths = {
        split: np.array([np.nanmean(dataset.depth(id_)) for id_ in dataset.ids(split)])
        for split in ("train", "test")
    }
    # Both splits have shallow and deep places.
    for values in depths.values():
        assert values.min() < 3
        assert values.max() > 15
    labels = np.bincount(
        np.concatenate([dataset.reference_map(id_).ravel() for id_ in dataset.ids("test-seabed")]),
        minlength=256,
    )
    assert (labels[:4] > 1000).all()
    holes = [np.isnan(dataset.depth(id_)).mean() for id_ in dataset.ids("train")]
    assert 0 < np.mean(np.array(holes) > 0) < 1


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BenchError, match="expected no folder"):
        simulated.write(tmp_path, AGIA_NAPA)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(simulated, "write_raster", full)
    monkeypatch.setattr(simulated, "TRAIN", 1)
    monkeypatch.setattr(simulated, "TEST", 1)
    with pytest.raises(BenchError, match="No space left"):
        simulated.write(tmp_path / "area", AGIA_NAPA)
    assert list(tmp_path.iterdir()) == []
