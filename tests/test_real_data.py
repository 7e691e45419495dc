"""Real patches through the whole pipeline, scored on their real labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from bench import data
from bench.base.errors import BenchError
from bench.data.hyspecnet.patches import normalised, spectra
from bench.data.reben.dataset import FLAGGED, METADATA
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.models import baseline
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import pages
from tests.tiny import TASK, tiny

BOTH = (METADATA, FLAGGED)


@pytest.fixture
def official(tmp_path, real_data, monkeypatch):
    """A data folder with the complete official metadata and no pixels yet."""
    root = tmp_path / "data" / "reben"
    root.mkdir(parents=True)
    for name in BOTH:
        (root / name).symlink_to(real_data / "reben" / name)
    monkeypatch.setenv("BENCH_DATA", str(root.parent))
    return root


def run(tmp_path, given, samples):
    request = Request(
        task=TASK,
        model=str(tiny(tmp_path / "entry", given=given)),
        track="official",
        ids=samples,
        results=tmp_path / "results",
    )
    manifest = evaluate.run(request).content()
    return manifest, Run(tmp_path / "results" / "runs" / manifest["run"]).observations()


def labels_of(real_data, samples):
    """Multi-hot labels straight from the metadata, without the reader."""
    rows = pa.concat_tables([pq.read_table(real_data / "reben" / name) for name in BOTH])
    rows = rows.filter(pc.is_in(rows["patch_id"], value_set=pa.array(samples)))
    found = dict(zip(rows["patch_id"].to_pylist(), rows["labels"].to_pylist(), strict=True))
    classes = tasks.load(TASK).classes
    return np.array([[name in found[sample] for name in classes] for sample in samples])


def test_the_six_pairs_of_the_first_version(official, real_data, tmp_path):
    for name in ("BigEarthNet-S1-Example", "BigEarthNet-S2-Example"):
        (official / name).symlink_to(real_data / "bigearthnet_v1" / name)
    samples = data.reader("reben").open_dataset(official).present(["B02", "VV"])
    assert len(samples) == 6
    manifest, observations = run(tmp_path, "s1s2", samples)
    assert manifest["data"]["layout"] == "geotiff v1.0"
    assert manifest["partial"]
    assert observations["sample"].to_pylist() == samples
    labels = labels_of(real_data, samples)
    np.testing.assert_array_equal(np.array(observations["targets"].to_pylist()), labels)
    # Accuracy from its definition, against what was recorded.
    decided = np.array(observations["logits"].to_pylist()) > 0
    recorded = {f"{s['metric']}_{s['average']}": s["value"] for s in manifest["scores"]}
    assert recorded["accuracy_micro"] == pytest.approx((decided == labels).mean())


@pytest.mark.parametrize("given", ["s2", "s1"])
def test_the_real_lmdb(official, real_data, tmp_path, given):
    (official / "BigEarthNet_LMDB").symlink_to(real_data / "reben" / "BigEarthNet_LMDB")
    bands = tasks.load(TASK).input(given).bands
    samples = data.reader("reben").open_dataset(official).present(bands)
    assert len(samples) == 1
    manifest, observations = run(tmp_path, given, samples)
    assert manifest["data"]["layout"] == "lmdb"
    labels = labels_of(real_data, samples)
    np.testing.assert_array_equal(np.array(observations["targets"].to_pylist()), labels)


def test_an_incomplete_official_split_is_refused_before_anything_runs(
    official, real_data, tmp_path
):
    (official / "BigEarthNet_LMDB").symlink_to(real_data / "reben" / "BigEarthNet_LMDB")
    entry = tiny(tmp_path / "entry", given="s2")
    request = Request(task=TASK, model=str(entry), track="official", results=tmp_path / "results")
    with pytest.raises(BenchError, match=r"119\d{3} of 119825 samples are not at"):
        evaluate.run(request)
    assert not (tmp_path / "results").exists()


def test_a_real_hyperspectral_patch_through_codecs(real_data, tmp_path, monkeypatch):
    (image,) = real_data.glob("hyspecnet11k/patches/*/*-SPECTRAL_IMAGE.TIF")
    patch = image.parent
    tile = patch.name.rpartition("-")[0]
    root = tmp_path / "data" / "hyspecnet"
    (root / "patches" / tile).mkdir(parents=True)
    (root / "patches" / tile / patch.name).symlink_to(patch, target_is_directory=True)
    for difficulty in ("easy", "hard"):
        (root / "splits" / difficulty).mkdir(parents=True)
        for name, rows in (("train", ""), ("val", ""), ("test", f"{tile}/{patch.name}\n")):
            (root / "splits" / difficulty / f"{name}.csv").write_text(rows)
    monkeypatch.setenv("BENCH_DATA", str(root.parent))
    manifest = evaluate.run(
        Request(
            task="hyspecnet-compression",
            model="pca",
            track="official",
            results=tmp_path / "results",
            limit=1,
        )
    ).content()
    assert manifest["data"]["samples"] == 1
    scores = {
        (s["metric"], s["label"]): s["value"]
        for s in manifest["scores"]
        if s["average"] == "points" and not s["slice"]
    }
    # Principal components of each image in double precision, as published beside the patch; here
    # they and the basis are float32, and are paid for.
    for components, expected in (("7", 59.81), ("13", 61.49), ("26", 63.94), ("51", 67.72)):
        assert scores["psnr", components] == pytest.approx(expected, abs=0.1)
        floor = int(components) * 32 / 202
        assert floor < scores["bpppc", components] < 1.1 * floor


def enmap(real_data):
    """The real EnMAP patch as codecs are fed, [202, 128, 128]."""
    (path,) = real_data.glob("hyspecnet11k/patches/*/*-SPECTRAL_IMAGE.TIF")
    return torch.from_numpy(normalised(path.parent.name, spectra(path)))


def told(codec):
    """The cells of the documented row of a codec on the real patch."""
    text = pages.text("docs/findings/compression.md")
    table = text[text.index("## One real EnMAP patch") :]
    return next(row.split(" | ")[1:] for row in table.split("\n") if row.startswith(f"| {codec} |"))


@pytest.mark.parametrize(
    ("codec", "rate"),
    [
        ("klt", 1.6),
        ("jpeg2000", 1.6),
        *(
            pytest.param(codec, rate, marks=pytest.mark.soak)
            for codec in ("jpeg2000", "klt-jpeg2000", "klt", "jpegxl")
            for rate in (0.2, 0.4, 0.8, 1.6)
            if rate < 1.6 or codec in ("klt-jpeg2000", "jpegxl")
        ),
    ],
)
def test_documented_row_of_a_codec_on_the_real_patch(real_data, codec, rate):
    image = enmap(real_data)
    module = baseline._load(f"architectures.{codec.rpartition('-')[2]}")
    made = getattr(module, codec.replace("-", "").upper())
    coder = made(in_channels=202, outputs=202, size=32, rates=str(rate))
    stream = coder.encode(image, str(rate))
    decoded = coder.decode(stream)
    assert 0.95 * rate < 8 * len(stream) / image.numel() <= rate
    decibels, degrees = told(codec)[:2]
    at = (0.2, 0.4, 0.8, 1.6).index(rate)
    error = (decoded - image).double().square().mean()
    assert -10 * error.log10() == pytest.approx(float(decibels.split(", ")[at]), abs=0.06)
    if rate == 1.6:
        cosine = torch.cosine_similarity(decoded.double(), image.double(), dim=0)
        angle = torch.rad2deg(torch.arccos(cosine.clamp(max=1))).mean()
        assert float(angle) == pytest.approx(float(degrees.split()[0]), abs=0.006)


def test_readme_of_the_lossless_codec_on_the_real_patch(real_data):
    image = enmap(real_data)
    made = baseline._load("architectures.lossless").Lossless
    coder = made(in_channels=202, outputs=202, size=32)
    stream = coder.encode(image, "lossless")
    rate = 8 * len(stream) / image.numel()
    assert told("lossless")[0] == f"exact at {rate:.2f} bpppc"
    assert torch.equal(coder.decode(stream), image)
