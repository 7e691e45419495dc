"""Locations with several dates: BigEarthNet by location, and SSL4EO-S12."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.formats import geotiff
from bench.data.reben import reben_series
from bench.data.reben import simulate_series as simulated
from bench.data.reben.dataset import FLAGGED, METADATA
from bench.data.ssl4eo_s12 import ssl4eo_s12

BANDS = ["B02", "B11"]
# In the outer ring, the next and the middle.
TRAIN, VALIDATION, TEST = "00_00", "14_45", "45_45"


def patch(day, place, tile="33UUP"):
    return f"S2A_MSIL2A_{day}T101031_N9999_R022_T{tile}_{place}"


SUMMER, AUTUMN, WINTER = "20170613", "20171013", "20180113"
CLEAR = [
    patch(AUTUMN, TEST),
    patch(SUMMER, TEST),
    patch(SUMMER, TEST, "34VEN"),
    patch(SUMMER, TRAIN),
    patch(WINTER, TRAIN),
    patch(SUMMER, VALIDATION),
]
CLOUDY = [patch(WINTER, TEST), patch(AUTUMN, VALIDATION), patch(WINTER, "46_46")]


def write(root, missing=()):
    for name, patches in ((METADATA, CLEAR), (FLAGGED, CLOUDY)):
        pq.write_table(
            pa.table(
                {
                    "patch_id": patches,
                    "labels": [["Pastures"]] * len(patches),
                    "split": ["train"] * len(patches),
                    "country": ["Austria"] * len(patches),
                    "s1_name": [f"S1_{name}" for name in patches],
                    "s2v1_name": patches,
                }
            ),
            root / name,
        )
    for number, name in enumerate([*CLEAR, *CLOUDY]):
        if name in missing:
            continue
        folder = root / "BigEarthNet-S2" / name.rsplit("_", 2)[0] / name
        folder.mkdir(parents=True)
        for band, side in (("B02", 120), ("B11", 60)):
            pixels = np.full((side, side), 100 + number, np.uint16)
            path = folder / f"{name}_{band}.tif"
            geotiff.write(path, pixels, epsg=32633, origin=(0, 0), pixel=1200 / side)
    return reben_series.open_dataset(root)


def test_patches_are_grouped_by_tile_column_and_row(tmp_path):
    dataset = write(tmp_path)
    assert dataset.ids("train") == [f"33UUP_{TRAIN}"]
    assert dataset.ids("validation") == []
    assert dataset.ids("test") == [f"33UUP_{TEST}"]
    assert dataset.ids("validation-all") == [f"33UUP_{VALIDATION}_all"]
    assert dataset.series(f"33UUP_{TEST}") == [patch(SUMMER, TEST), patch(AUTUMN, TEST)]
    assert dataset.series(f"33UUP_{TEST}_all")[-1] == patch(WINTER, TEST)
    assert np.bincount(dataset.dates()).tolist() == [1, 2, 2]
    assert np.bincount(dataset.dates(flagged=True)).tolist() == [0, 2, 2, 1]


def test_images_come_by_date(tmp_path):
    dataset = write(tmp_path)
    (first, summer), (second, autumn) = dataset.images(f"33UUP_{TEST}", BANDS)
    assert (first, second) == (datetime.date(2017, 6, 13), datetime.date(2017, 10, 13))
    assert summer["B02"].shape == (120, 120) and summer["B11"].shape == (60, 60)
    assert (summer["B02"][0, 0], autumn["B02"][0, 0]) == (101, 100)
    assert dataset.read(f"33UUP_{TEST}", BANDS)["B02"][0, 0] == 101
    assert (dataset.reference_map(f"33UUP_{TEST}") == 255).all()
    assert dataset.attributes([f"33UUP_{TEST}"]) == {
        "country": ["Austria"],
        "dates": ["2"],
        "tile": ["33UUP"],
    }


def test_a_location_is_there_when_all_its_dates_are(tmp_path):
    there = write(tmp_path, missing=[patch(AUTUMN, TEST)]).present(BANDS)
    assert f"33UUP_{TEST}" not in there and f"33UUP_{TEST}_all" not in there
    assert f"34VEN_{TEST}" in there  # one date: refused by name, not called missing
    assert f"33UUP_{TRAIN}" in there


@pytest.mark.parametrize(
    ("sample", "match"),
    [
        (f"34VEN_{TEST}", f"2 dates or more, found 1 at 34VEN_{TEST}"),
        (f"33UUP_{VALIDATION}", "found 1 and 1 with snow, cloud or shadow"),
        ("33UUP_46_46", "found 0 and 1 with snow"),
        ("33UUP_99_99", "expected a location of BigEarthNet, found '33UUP_99_99'"),
        ("x", "expected a location"),
        ("", "expected a location"),
        ("33UUP_46_4\N{DIGIT SIX}\0", "expected a location"),
    ],
)
def test_what_is_no_series(tmp_path, sample, match):
    with pytest.raises(BenchError, match=match):
        write(tmp_path).series(sample)


def test_an_unknown_split(tmp_path):
    with pytest.raises(RequestError, match="did you mean test"):
        write(tmp_path).ids("tests")


def test_verify_counts_what_is_skipped(tmp_path):
    write(tmp_path)
    checks = {check.name: check for check in reben_series.verify(tmp_path, 0, lambda *_: None)}
    assert checks["series"].found == "locations by dates: 2 with 2; skipped: 2 with 1, 1 with none"
    assert not checks["series"].passed


def test_the_simulated_series_have_one_to_four_dates_in_several_seasons():
    dates = {}
    for one in simulated.plan():
        dates.setdefault(one.patch_id[-11:], []).append(one)
    counts = {sum(not (p.snow or p.cloud) for p in place) for place in dates.values()}
    assert counts == {1, 2, 3, 4}
    assert any(p.snow or p.cloud for place in dates.values() for p in place)
    seasons = [{p.day.month % 12 // 3 for p in place} for place in dates.values() if len(place) > 1]
    assert all(len(found) > 1 for found in seasons)
    assert len({p.region.name for place in dates.values() for p in place}) == 10


def test_the_published_metadata_groups_as_counted(real_data, tmp_path):
    for name in (METADATA, FLAGGED):
        (tmp_path / name).symlink_to(real_data / "reben" / name)
    (tmp_path / "BigEarthNet-S2").symlink_to(real_data / "reben" / "BigEarthNet-S2")
    dataset = reben_series.open_dataset(tmp_path)
    declared = data.declaration("reben-series")
    assert np.bincount(dataset.dates())[1:].tolist() == declared["locations"]
    assert np.bincount(dataset.dates(flagged=True))[1:].tolist() == [96670, 58498, 59334, 39455]
    found = {split: dataset.ids(split) for split in declared["splits"]}
    assert {split: len(ids) for split, ids in found.items()} == declared["splits"]
    # The split of a location is the published one of each of its patches.
    table = pq.read_table(tmp_path / METADATA, columns=["patch_id", "split"])
    places = pc.utf8_slice_codeunits(table["patch_id"], -11)
    for split, ids in found.items():
        rows = table.filter(pc.is_in(places, value_set=pa.array(ids)))
        assert set(rows["split"].unique().to_pylist()) == {split}
    assert dataset.present(["B02"]) == ["33UUP_75_43", "33UUP_75_43_all"]


def write_ssl4eo(root, images, side=264):
    for place, name in images:
        folder = root / "s2a" / place / name
        folder.mkdir(parents=True)
        path = folder / "B2.tif"
        geotiff.write(path, np.ones((side, side), np.uint16), epsg=32633, origin=(0, 0), pixel=10)
    return ssl4eo_s12.open_dataset(root)


JUNE, AUGUST = "20200604T054639_20200604T054831_T43RCP", "20200813T054639_20200813T054952_T43RCP"


def test_ssl4eo_folders(tmp_path):
    dataset = write_ssl4eo(
        tmp_path, [("0000200", AUGUST), ("0000200", JUNE), ("0000201", JUNE), ("notes", JUNE)]
    )
    assert dataset.ids("all") == ["0000200"]
    assert dataset.present(["B2"]) == ["0000200", "0000201"]
    dates = [date for date, _ in dataset.images("0000200", ["B2"])]
    assert dates == [datetime.date(2020, 6, 4), datetime.date(2020, 8, 13)]
    assert dataset.attributes(["0000200"]) == {"dates": ["2"], "tile": ["43RCP"]}
    with pytest.raises(BenchError, match="found 1 at location 0000201"):
        dataset.images("0000201", ["B2"])
    with pytest.raises(BenchError, match="found 0 at location"):
        dataset.images("../x", ["B2"])
    with pytest.raises(BenchError, match=r"B3\.tif is missing"):
        dataset.images("0000200", ["B3"])
    with pytest.raises(RequestError, match="unknown band 'B02'"):
        dataset.images("0000200", ["B02"])


def test_ssl4eo_of_another_size_or_place(tmp_path):
    with pytest.raises(BenchError, match="expected s2a/ in"):
        ssl4eo_s12.open_dataset(tmp_path)
    dataset = write_ssl4eo(tmp_path, [("0000200", AUGUST), ("0000200", JUNE)], side=120)
    with pytest.raises(BenchError, match="264"):
        dataset.images("0000200", ["B2"])
