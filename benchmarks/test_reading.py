"""From a patch on disk to what a model is fed, on one core and with files in the page cache."""

import statistics
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import data
from bench.data.formats import geotiff
from bench.data.reben import reben
from bench.data.reben.patches import geographic_split
from bench.spec.contract import Band, InputContract, InputPipeline

rasterio = pytest.importorskip("rasterio")

DECLARED = data.declaration("reben")
BANDS = DECLARED["inputs"]["s2"]["bands"]
STATISTICS = [DECLARED["statistics"]["120_nearest"][band] for band in BANDS]
TILE = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
PATCHES = [f"{TILE}_{column:02}_{row:02}" for column in range(16) for row in range(16)]
ROUNDS = 7
LIMITS = {
    "geotiff": "half is opening, reading and closing ten files, half is normalising and copying "
    "0.58 MB of float32",
    "lmdb": "normalising and copying 0.58 MB of float32; finding the ten bands is a twentieth",
}


def path_of(root, patch, band):
    return root / "BigEarthNet-S2" / TILE / patch / f"{patch}_{band}.tif"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """256 patches as the release has them."""
    root = tmp_path_factory.mktemp("reben")
    generator = np.random.default_rng(0)
    sides = {
        name: 1200 // band["gsd"]
        for name, band in DECLARED["bands"].items()
        if band["sensor"] == "sentinel-2-l2a"
    }
    for patch in PATCHES:
        path_of(root, patch, "B01").parent.mkdir(parents=True)
        for band, side in sides.items():
            geotiff.write(
                path_of(root, patch, band),
                generator.integers(0, 10_000, (side, side), np.uint16),
                epsg=32633,
                origin=(300_000, 5_400_000),
                pixel=1200 / side,
                nodata=0,
            )
    columns = dict.fromkeys(("patch_id", "s1_name", "s2v1_name", "country"), PATCHES)
    splits = {"split": list(geographic_split(PATCHES)), "labels": [["Pastures"]] * len(PATCHES)}
    pq.write_table(pa.table({**columns, **splits}), root / "metadata.parquet")
    return root


@pytest.fixture(scope="module")
def lmdb_root(root, tmp_path_factory):
    """The same patches as an LMDB."""
    folder = tmp_path_factory.mktemp("lmdb")
    (folder / "metadata.parquet").symlink_to(root / "metadata.parquet")
    reben.prepare(root, 1, lambda done, total: None).rename(folder / "BigEarthNet_LMDB")
    return folder


def with_rasterio(root, out):
    """What a careful user writes: ten files, one by one, and numpy."""
    with rasterio.Env():
        for patch, sample in zip(PATCHES, out, strict=True):
            for channel, band, (mean, std) in zip(sample, BANDS, STATISTICS, strict=True):
                with rasterio.open(path_of(root, patch, band)) as file:
                    values = file.read(1).astype(np.float32)
                values -= np.float32(mean)
                values /= np.float32(std)
                factor = len(channel) // len(values)
                channel[:] = values.repeat(factor, axis=0).repeat(factor, axis=1)


@pytest.fixture(scope="module")
def peer(root):
    """What rasterio gives, and the seconds it takes for all patches."""
    out = np.empty((len(PATCHES), len(BANDS), 120, 120), np.float32)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        with_rasterio(root, out)
        seconds.append(time.perf_counter() - start)
    return out, statistics.median(seconds)


@pytest.mark.parametrize(("layout", "target"), [("geotiff", 25), ("lmdb", 40)])
def test_reading_model_ready_patches(request, benchmark, peer, layout, target):
    expected, peer_seconds = peer
    dataset = reben.open_dataset(
        request.getfixturevalue({"geotiff": "root", "lmdb": "lmdb_root"}[layout])
    )
    assert dataset.layout == layout
    contract = InputContract(
        bands=BANDS,
        units={"sentinel-2-l2a": "reflectance x 10000"},
        size=120,
        resampling="nearest",
        mean=[mean for mean, _ in STATISTICS],
        std=[std for _, std in STATISTICS],
    )
    pipeline = InputPipeline(
        contract, {name: Band(**facts) for name, facts in DECLARED["bands"].items()}
    )
    out = np.empty_like(expected)

    def read_all():
        for patch, sample in zip(PATCHES, out, strict=True):
            pipeline.apply(dataset.read(patch, BANDS), sample)

    benchmark.pedantic(read_all, rounds=ROUNDS, warmup_rounds=1)
    np.testing.assert_array_equal(out, expected)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info.update(
        ratio=round(peer_seconds / seconds, 1),
        peer=f"rasterio {rasterio.__version__}, {len(PATCHES) / peer_seconds:.0f} patches/s",
        ours=f"{len(PATCHES) / seconds:.0f} patches/s",
        target=target,
        limit=LIMITS[layout],
    )
