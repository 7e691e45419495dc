"""The simulated BigEarthNet: official layout, consistency, agreement of the sensors."""

import hashlib
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from bench.base.errors import BenchError
from bench.data.reben import simulate as reben
from bench.data.reben.simulate import CLASSES, Acquisition, Patch, plan, simulate, write
from bench.data.simulate.optics import SENTINEL_2
from bench.data.simulate.regions import REGIONS

FEW = 10
METADATA = ("metadata.parquet", "metadata_for_patches_with_snow_cloud_or_shadow.parquet")


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "reben"
    write(root, patches=FEW)
    return root


@pytest.fixture(scope="module")
def everything() -> list[tuple[Acquisition, list[str]]]:
    """Every acquisition with its labels, without simulating pixels."""

    planned = plan()
    places = {(item.grid, item.column, item.row): item for item in planned}
    with ThreadPoolExecutor() as pool:
        lands = pool.map(lambda item: reben.terrain(0, item), places.values())
        labels = dict(zip(places, (reben.labels_of(land.cover) for land in lands), strict=True))
    return [(item, labels[item.grid, item.column, item.row]) for item in planned]


@pytest.fixture(scope="module")
def patches() -> list[Patch]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda what: simulate(0, what), plan(times=(1, 1, 1))[::6]))


def test_the_seed_decides_every_byte(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "again", patches=FEW)
    assert digests(tmp_path / "again") == digests(root)
    write(tmp_path / "other", seed=1, patches=2)
    pixels = [
        {digest for path, digest in digests(folder).items() if path.endswith(".tif")}
        for folder in (root, tmp_path / "other")
    ]
    assert not pixels[0] & pixels[1]


def test_layout(root: Path) -> None:
    rows = [row for name in METADATA for row in pq.read_table(root / name).to_pylist()]
    assert len(rows) == FEW
    files = set(digests(root))
    expected = set(METADATA)
    for row in rows:
        patch, s1 = row["patch_id"], row["s1_name"]
        tile, scene = patch[:44], s1[:32]
        for band in SENTINEL_2:
            expected.add(f"BigEarthNet-S2/{tile}/{patch}/{patch}_{band}.tif")
        for channel in ("VV", "VH"):
            expected.add(f"BigEarthNet-S1/{scene}/{s1}/{s1}_{channel}.tif")
        expected.add(f"Reference_Maps/{tile}/{patch}/{patch}_reference_map.tif")
    assert files == expected


def test_files_hold_the_simulated_pixels(root: Path) -> None:
    known = {item.patch_id: item for item in plan()}
    sizes = {10: (120, 120), 20: (60, 60), 60: (20, 20)}
    for row in pq.read_table(root / METADATA[0]).to_pylist()[:4]:
        patch = simulate(0, known[row["patch_id"]])
        name, s1 = row["patch_id"], row["s1_name"]
        for band, (_, _, pixel) in SENTINEL_2.items():
            found = tifffile.imread(root / f"BigEarthNet-S2/{name[:44]}/{name}/{name}_{band}.tif")
            assert found.shape == sizes[pixel]
            assert found.dtype == np.uint16
            np.testing.assert_array_equal(found, patch.s2[band])
        for channel in ("VV", "VH"):
            found = tifffile.imread(root / f"BigEarthNet-S1/{s1[:32]}/{s1}/{s1}_{channel}.tif")
            assert found.shape == (120, 120)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, patch.s1[channel])
        path = root / f"Reference_Maps/{name[:44]}/{name}/{name}_reference_map.tif"
        codes = tifffile.imread(path)
        assert codes.dtype == np.uint16
        np.testing.assert_array_equal(codes, patch.reference_map)
        assert row["labels"] == sorted(
            {label for label, known in CLASSES.items() if np.isin(codes, known).any()}
        )


def test_georeference(root: Path) -> None:
    regions = {item.patch_id: item for item in plan()}
    for path in root.glob("*/*/*/*_B12.tif"):
        acquisition = regions[path.parent.name]
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            east, north = tags["ModelTiepointTag"].value[3:5]
            assert tags["ModelPixelScaleTag"].value[:2] == (20, 20)
            assert acquisition.region.epsg in tags["GeoKeyDirectoryTag"].value
        assert east == acquisition.region.corner[0] + 1200 * acquisition.column
        corner = acquisition.region.corner[1] + 100_000 * acquisition.square
        assert north == corner - 1200 * acquisition.row


def test_metadata_has_the_official_schema(root: Path, real_data: Path) -> None:
    for name in METADATA:
        official = pq.read_schema(real_data / "reben" / name)
        assert pq.read_schema(root / name).remove_metadata().equals(official.remove_metadata())


def test_metadata_is_in_order(root: Path) -> None:
    for name, spoilt in zip(METADATA, (False, True), strict=True):
        rows = pq.read_table(root / name).to_pylist()
        assert [row["patch_id"] for row in rows] == sorted(row["patch_id"] for row in rows)
        for row in rows:
            flags = (row["contains_seasonal_snow"], row["contains_cloud_or_shadow"])
            assert any(flags) == spoilt
            assert not all(flags)


def test_names_have_the_official_form_and_are_nobody_elses() -> None:
    planned = plan()
    for names in (
        [item.patch_id for item in planned],
        [item.s1_name for item in planned],
        [item.s2v1_name for item in planned],
    ):
        assert len(set(names)) == len(names)
    for item in planned:
        assert len(item.patch_id) == 50
        # Zones of the military grid end at 60.
        assert int(item.grid[:2]) > 60
        assert item.s1_name.endswith(f"_{item.grid}_{item.column}_{item.row}")
        assert item.patch_id.endswith(f"_T{item.grid}_{item.column:02d}_{item.row:02d}")


def test_countries_are_those_of_the_dataset(real_data: Path) -> None:
    path = real_data / "reben" / "metadata.parquet"
    official = pq.read_table(path, columns=["country"])["country"].unique().to_pylist()
    assert sorted(region.name for region in REGIONS) == sorted(official)


def test_codes_are_those_of_the_declaration() -> None:
    path = Path(reben.__file__).with_name("reben.toml")
    declared = tomllib.loads(path.read_text(encoding="utf-8"))["classes"]
    assert list(CLASSES) == declared


def test_splits_follow_the_geographic_rule() -> None:
    a1, a2 = 16_079.84, 11_370.16
    for item in plan():
        inner = min(item.column, item.row, 90 - item.column, 90 - item.row)
        # The tile is 600 m wider than 91 patches, so the far border is that much farther.
        far = max(item.column, item.row) == 90 - inner
        depth = 1200 * (inner + 0.5) + (600 if far and min(item.column, item.row) > inner else 0)
        expected = "train" if depth < a1 else "validation" if depth < a1 + a2 else "test"
        assert item.split == expected


def test_numbers_of_patches() -> None:
    kept = [item for item in plan() if not (item.snow or item.cloud)]
    counts = Counter(item.split for item in kept)
    assert counts["train"] == pytest.approx(245, abs=15)
    assert counts["validation"] == pytest.approx(50, abs=5)
    assert counts["test"] >= 300
    for split in ("train", "test"):
        assert len({item.grid for item in kept if item.split == split}) == 3 * len(REGIONS)
    places = {(item.region.name, item.column, item.row): set[str]() for item in kept}
    for item in kept:
        places[item.region.name, item.column, item.row].add(item.split)
    assert all(len(splits) == 1 for splits in places.values())
    assert 0.15 < len(kept) / len(places) - 1 < 0.3
    assert {item.region.name for item in kept if item.split == "test"} == {
        region.name for region in REGIONS
    }


def test_the_whole_is_small(root: Path) -> None:
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert size / FEW * len(plan()) < 190_000_000


def test_every_class_is_learnt_and_tested(
    everything: list[tuple[Acquisition, list[str]]],
) -> None:
    kept = [(item, labels) for item, labels in everything if not (item.snow or item.cloud)]
    for split, least in (("train", 12), ("validation", 1), ("test", 6)):
        counts = Counter(label for item, labels in kept for label in labels if item.split == split)
        assert min(counts[label] for label in CLASSES) >= least
    assert 3 <= np.mean([len(labels) for _, labels in kept]) <= 4.3
    assert min(len(labels) for _, labels in kept) >= 1


def test_countries_differ(everything: list[tuple[Acquisition, list[str]]]) -> None:
    shares = {
        region.name: Counter(
            label for item, labels in everything for label in labels if item.region is region
        )
        for region in REGIONS
    }
    assert shares["Portugal"]["Agro-forestry areas"] > 10
    assert sum(shares[name]["Agro-forestry areas"] for name in shares if name != "Portugal") == 0
    assert shares["Austria"]["Marine waters"] == 0
    finland = shares["Finland"]
    assert finland["Coniferous forest"] > finland["Broad-leaved forest"]
    assert shares["Serbia"]["Broad-leaved forest"] > shares["Serbia"]["Coniferous forest"]


def test_unlabelled_codes_are_there_and_few(patches: list[Patch]) -> None:
    labelled = [code for codes in CLASSES.values() for code in codes]
    shares = [1 - np.isin(patch.reference_map, labelled).mean() for patch in patches]
    assert max(shares) < 0.25
    assert max(shares) > 0
    assert all(patch.reference_map.min() > 0 for patch in patches)


def test_radiometry_is_near_the_published_statistics(patches: list[Patch]) -> None:
    path = Path(reben.__file__).with_name("reben.toml")
    published = tomllib.loads(path.read_text(encoding="utf-8"))["statistics"]["120_nearest"]
    kept = [p for p in patches if not (p.acquisition.snow or p.acquisition.cloud)]
    for band, (mean, std) in published.items():
        values = np.stack([(patch.s2 | patch.s1)[band].astype(np.float64) for patch in kept])
        assert 1 / 1.5 < values.mean() / mean < 1.5, band
        assert 1 / 1.5 < values.std() / std < 1.5, band


def test_sensors_and_map_show_the_same_place(patches: list[Patch]) -> None:
    """Water is dark in both sensors, and darkest where the map has it."""
    shifts = [(down, right) for down in (-3, 0, 3) for right in (-3, 0, 3)]
    darkness: dict[str, Counter[tuple[int, int]]] = {"B08": Counter(), "VH": Counter()}
    seen = 0
    for patch in patches:
        water = np.isin(patch.reference_map, (511, 512, 521, 522, 523))
        if not 0.1 < water.mean() < 0.9 or patch.s2["B02"].max() > 4500:
            continue
        seen += 1
        coarse = np.kron(patch.s2["B8A"], np.ones((2, 2)))
        assert np.corrcoef(coarse.ravel(), patch.s2["B08"].ravel())[0, 1] > 0.9
        for band, pixels in (("B08", patch.s2["B08"]), ("VH", patch.s1["VH"])):
            inside = pixels[3:-3, 3:-3].astype(np.float64)
            for shift in shifts:
                moved = np.roll(water, shift, (0, 1))[3:-3, 3:-3]
                darkness[band][shift] += inside[~moved].mean() - inside[moved].mean()
    assert seen >= 4
    for scores in darkness.values():
        assert max(shifts, key=lambda shift: scores[shift]) == (0, 0)
    assert darkness["VH"][0, 0] / seen > 3


def test_a_location_keeps_its_map_and_changes_its_season() -> None:
    item = next(item for item in plan() if np.mean(reben.terrain(0, item).cover == 311) > 0.1)
    first = simulate(0, replace(item, day=date(2017, 7, 20)))
    second = simulate(0, replace(item, day=date(2017, 12, 10)))
    np.testing.assert_array_equal(first.reference_map, second.reference_map)
    assert not np.array_equal(first.s1["VV"], second.s1["VV"])
    leaves = first.reference_map == 311
    greenness = [
        np.mean(p.s2["B08"][leaves] / (1.0 + p.s2["B04"][leaves])) for p in (first, second)
    ]
    assert greenness[0] > 2 * greenness[1]


def test_snow_and_clouds_are_bright() -> None:
    planned = plan()
    for what in ("snow", "cloud"):
        item = next(item for item in planned if getattr(item, what))
        spoilt = simulate(0, item)
        clear = simulate(0, replace(item, snow=False, cloud=False, day=item.region.dates[0]))
        assert spoilt.s2["B02"].mean() > 2 * clear.s2["B02"].mean()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "reben").mkdir()
    (tmp_path / "reben" / "mine.txt").write_text("mine")
    with pytest.raises(BenchError, match="expected no folder"):
        write(tmp_path / "reben", patches=1)
    assert (tmp_path / "reben" / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.data.reben.simulate.geotiff.write", full)
    with pytest.raises(BenchError, match="No space left"):
        write(tmp_path / "reben", patches=2)
    assert list(tmp_path.iterdir()) == []
