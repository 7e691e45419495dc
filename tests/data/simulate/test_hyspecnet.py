import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from bench import data
from bench.base.errors import BenchError
from bench.data.hyspecnet import enmap
from bench.data.hyspecnet import hyspecnet as reader
from bench.data.hyspecnet.simulate import PATCHES, SIZE, TILES, Scene, plan, simulate, splits, write
from bench.data.simulate.noise import generator

FEW = 4
DECLARED = data.declaration("hyspecnet")
KEPT = np.array([int(name) - 1 for name in DECLARED["bands"]])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "hyspecnet"
    write(folder, patches=FEW)
    return folder


@pytest.fixture(scope="module")
def patches() -> list[enmap.Observation]:
    return [simulate(0, scene) for scene in plan()[::5]]


def normalised(seen: enmap.Observation) -> NDArray[np.float64]:
    return np.clip(seen.spectra[KEPT].astype(np.float64), 0, 10_000) / 10_000


def psnr(error: NDArray[np.float64]) -> float:
    return float(-10 * np.log10(np.mean(error**2)))


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_seed_decides_every_byte(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "again", patches=1)
    assert digests(tmp_path / "again").items() <= digests(root).items()
    write(tmp_path / "other", seed=1, patches=1)
    for path, digest in digests(tmp_path / "other").items():
        if path.endswith("SPECTRAL_IMAGE.TIF"):
            assert digest not in digests(root).values()


def test_layout(root: Path) -> None:
    expected = {f"splits/{d}/{s}.csv" for d in ("easy", "hard") for s in ("train", "val", "test")}
    for scene in plan()[:FEW]:
        folder = f"patches/{scene.tile_name}/{scene.name}/{scene.name}"
        endings = ("CLASSES", "CLOUD", "CIRRUS")
        expected |= {f"{folder}-QL_QUALITY_{name}.TIF" for name in endings}
        expected.add(f"{folder}-SPECTRAL_IMAGE.TIF")
    assert set(digests(root)) == expected


def test_the_reader_reads_what_was_simulated(root: Path) -> None:
    dataset = reader.open_dataset(root)
    assert len(dataset.present(["1"])) == FEW
    for scene in plan()[:2]:
        seen = simulate(0, scene)
        sample = f"{scene.tile_name}/{scene.name}"
        np.testing.assert_array_equal(dataset.cube(sample), normalised(seen).astype(np.float32))
        np.testing.assert_array_equal(dataset.regions(sample) == 2, _clouded(seen))
        np.testing.assert_array_equal(
            dataset.regions(sample) == 1, (seen.classes == 2) & ~_clouded(seen)
        )


def _clouded(seen: enmap.Observation) -> NDArray[np.bool_]:
    return (seen.clouds == 1) | (seen.cirrus == 3)


def test_images_are_stored_as_the_published_ones(root: Path, real_data: Path) -> None:
    """All but the size and the height of strips, the place and the name of the system."""
    (real,) = real_data.glob("hyspecnet11k/patches/*/*-SPECTRAL_IMAGE.TIF")
    pages = []
    for path in (real, next(root.rglob("*-SPECTRAL_IMAGE.TIF"))):
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            tags = {
                code: page.tags[code].value
                for code in (258, 259, 262, 277, 284, 338, 339, 33550, 42113)
            }
            pages.append((page.dtype, page.shape[0], file.byteorder, page.predictor, tags))
    assert pages[0] == pages[1]


def test_splits(root: Path) -> None:
    dataset = reader.open_dataset(root)
    names = [f"{scene.tile_name}/{scene.name}" for scene in plan()]
    assert len(set(names)) == TILES * PATCHES
    for suffix in ("", "-hard"):
        parts = [dataset.ids(f"{split}{suffix}") for split in ("train", "validation", "test")]
        assert list(map(len, parts)) == [35, 5, 20]
        assert sorted(sample for part in parts for sample in part) == sorted(names)
        tiles = [{sample.split("/")[0] for sample in part} for part in parts]
        shared = tiles[0] & tiles[1] | tiles[0] & tiles[2] | tiles[1] & tiles[2]
        assert bool(shared) == (suffix == "")
        # Entries are compared by tile where there are ten or more.
        assert len(tiles[2]) >= (4 if suffix else 10)
    other = splits(1)
    assert {s.name for s in other["easy"]["test"]} != {s.name for s in splits(0)["easy"]["test"]}


def test_nothing_can_be_taken_for_real() -> None:
    for scene in plan():
        assert "DT99999999" in scene.name
        assert "V999999" in scene.name
        assert scene.day.year < 2022
        row, column = scene.corner
        assert scene.name.endswith(
            f"-Y{row:04d}{row + SIZE - 1:04d}_X{column:04d}{column + SIZE - 1:04d}"
        )


def test_exactly_the_dropped_bands_hold_no_data(patches: list[enmap.Observation]) -> None:
    for seen in patches:
        assert seen.spectra.shape == (224, SIZE, SIZE)
        assert seen.spectra.dtype == np.int16
        empty = seen.spectra == DECLARED["dropped"]["nodata"]
        assert (np.flatnonzero(empty.any(axis=(1, 2))) + 1).tolist() == DECLARED["dropped"]["bands"]
        assert (np.flatnonzero(empty.all(axis=(1, 2))) + 1).tolist() == list(enmap.DROPPED)


def test_bands_are_where_enmap_has_them() -> None:
    assert enmap.CENTRES.shape == enmap.WIDTHS.shape == (224,)
    for run in (slice(0, 91), slice(91, 224)):
        steps = np.diff(enmap.CENTRES[run])
        assert steps.min() > 4
    # Red, green and blue of the published thumbnails.
    np.testing.assert_allclose(enmap.CENTRES[[42, 27, 9]], [634.919, 550.525, 463.584], atol=0.1)
    assert enmap.CENTRES[[0, 90, 91, 223]].tolist() == [418.2, 993.1, 902.3, 2445.3]


def test_all_surfaces_are_there(patches: list[enmap.Observation]) -> None:
    codes = Counter[str]()
    for seen in patches:
        codes["water"] += int((seen.classes == 2).sum())
        codes["land"] += int((seen.classes == 1).sum())
        codes["cloud"] += int(_clouded(seen).sum())
    assert min(codes[name] for name in ("land", "water", "cloud")) > SIZE * SIZE // 20


def test_surfaces_look_as_they_are_called(patches: list[enmap.Observation]) -> None:
    """Water is dark in the infrared, clouds are bright in the blue."""
    blue, infrared = 10, 150
    for seen in patches:
        clouded = _clouded(seen)
        land, water = ((seen.classes == code) & ~clouded & (seen.cirrus == 0) for code in (1, 2))
        if min(land.sum(), water.sum()) > 50:
            assert seen.spectra[infrared][water].mean() < 0.5 * seen.spectra[infrared][land].mean()
        if min(seen.clouds.sum(), land.sum()) > 50:
            thick = seen.clouds == 1
            assert seen.spectra[blue][thick].mean() > 2 * seen.spectra[blue][land].mean()


def test_noise_is_that_of_the_infrared_of_vapour_and_of_light() -> None:
    def deviation(reflectance: float) -> NDArray[np.float64]:
        level = np.full((224, SIZE, SIZE), reflectance)
        found: NDArray[np.float64] = enmap.noise(generator("noise"), level).std(axis=(1, 2))
        return found

    grey, dark = deviation(0.3), deviation(0.0)
    visible, infrared, shoulder = slice(20, 40), slice(98, 100), slice(141, 144)
    for found in (grey, dark):
        assert 1.3 * found[visible].mean() < found[infrared].mean() < found[shoulder].mean()
    assert (grey > dark).all()
    # Signal-to-noise ratios at 30 % reflectance.
    assert 200 < 0.3 / grey[visible].mean() < 500
    assert 80 < 0.3 / grey[200:].mean() < 200


def test_spectra_have_few_dimensions_and_space_has_many(patches: list[enmap.Observation]) -> None:
    """Components of the spectrum win over coarser pixels by far, at as many stored values."""
    counts = (7, 13, 26, 51)
    components = np.empty((len(patches), 4))
    coarser = np.empty((len(patches), 3))
    for row, seen in enumerate(patches):
        cube = normalised(seen)
        pixels = cube.reshape(202, -1)
        centred = pixels - pixels.mean(axis=1, keepdims=True)
        rest = np.cumsum(np.linalg.eigvalsh(centred @ centred.T)) / pixels.size
        components[row] = [-10 * np.log10(rest[201 - count]) for count in counts]
        for column, factor in enumerate((2, 4, 8)):
            side = SIZE // factor
            mean = cube.reshape(202, side, factor, side, factor).mean(axis=(2, 4))
            near = mean.repeat(factor, axis=1).repeat(factor, axis=2)
            coarser[row, column] = psnr(cube - near)
    assert (np.diff(components, axis=1) > 0).all()
    mean = components.mean(axis=0)
    assert 47 < mean[0] < 53
    assert 61 < mean[3] < 66
    # Beyond some thirteen components there is only noise left.
    assert mean[1] - mean[0] > 3 > mean[2] - mean[1]
    # A quarter of the pixels against 51 of 202 components, a sixteenth against 13.
    assert (components[:, 3] - coarser[:, 0] > 10).all()
    assert (components[:, 1] - coarser[:, 1] > 10).all()


def test_neighbours_are_alike_in_the_scene_and_in_the_noise(
    patches: list[enmap.Observation],
) -> None:
    """The first thirteen components of a pixel and, less so, the noise are those of the next."""
    for seen in patches:
        cube = normalised(seen)
        pixels = cube.reshape(202, -1)
        _, vectors = np.linalg.eigh(np.cov(pixels))
        for part, least in ((vectors[:, -13:], 0.6), (vectors[:, :100], 0.2)):
            maps = (part.T @ (pixels - pixels.mean(axis=1, keepdims=True))).reshape(-1, SIZE, SIZE)
            along = [
                (a * b).mean()
                for a, b in ((maps[:, 1:], maps[:, :-1]), (maps[..., 1:], maps[..., :-1]))
            ]
            assert min(along) > least * (maps**2).mean()


def test_tiles_differ() -> None:
    means = [normalised(simulate(0, Scene(tile, 0))).mean(axis=(1, 2)) for tile in (0, 4, 8)]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(means[a] - means[b]).max() > 0.02


def test_the_whole_is_small(root: Path) -> None:
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert size / FEW * TILES * PATCHES < 90_000_000


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hyspecnet").mkdir()
    (tmp_path / "hyspecnet" / "mine.txt").write_text("mine")
    with pytest.raises(BenchError, match="expected no folder"):
        write(tmp_path / "hyspecnet", patches=1)
    assert (tmp_path / "hyspecnet" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.data.hyspecnet.simulate.planar_tiff.write", full)
    with pytest.raises(BenchError, match="No space left"):
        write(tmp_path / "hyspecnet", patches=2)
    assert list(tmp_path.iterdir()) == []
