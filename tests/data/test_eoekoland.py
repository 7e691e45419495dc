"""The reader of EOekoLand: archives as its publication describes them, and its simulated sample."""

import io
import zipfile

import numpy as np
import pytest

from bench import data, kinds
from bench.base.errors import BenchError, RequestError
from bench.data.eoekoland import eoekoland
from bench.data.eoekoland import simulate as simulated
from bench.data.formats import npy
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline

DECLARED = data.declaration("eoekoland")
SERIES = DECLARED["series"]
BANDS = {name: series["bands"] for name, series in SERIES.items()}
TASK = tasks.load("eoekoland-crop-mapping")
PATCHES = {"train": ["bb20_1", "bb20_2"], "validation": ["bav21_7"], "test": ["bb21_3"]}


def archive(series, patch, **changes):
    side, rng = SERIES[series]["side"], np.random.default_rng([len(patch), len(series)])
    shape = (DECLARED["dates"], len(BANDS[series]), side, side)
    return {
        "image_stack": rng.normal(900, 300, shape).astype(np.float32),
        "label": np.random.default_rng(len(patch)).integers(0, 15, (24, 24)),
        "year": np.array(2020),
    } | changes


@pytest.fixture
def root(tmp_path):
    for split, patches in PATCHES.items():
        # Some lists have other columns, and names with folders.
        lines = ["id,image_file", *(f"{n},S2/{p}.npz" for n, p in enumerate(patches))]
        name = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}[split]
        (tmp_path / name).write_text("\n".join(lines))
        for series in SERIES:
            (tmp_path / series).mkdir(exist_ok=True)
            for patch in patches:
                np.savez(tmp_path / series / f"{patch}.npz", **archive(series, patch))
    return tmp_path


def quiet(done, total):
    pass


def test_series_are_what_the_archives_hold(root):
    dataset = eoekoland.open_dataset(root)
    assert {split: dataset.ids(split) for split in PATCHES} == PATCHES
    found = dataset.series("bb20_1", ["PF_R", *BANDS["S2"], "VV"])
    assert [(s.name, list(s.bands)) for s in found] == [
        ("Planet", ["PF_R"]),
        ("S2", BANDS["S2"]),
        ("S1", ["VV"]),
    ]
    for series, channels in zip(found, ([2], slice(None), [1]), strict=True):
        held = archive(series.name, "bb20_1")["image_stack"][:, channels]
        np.testing.assert_array_equal(series.pixels, held)
        assert series.days[:3].tolist() == [[0, 0], [10, 10], [20, 20]]
        assert series.days[-1].tolist() == [360, 360]
    assert dataset.longest(["VV", "PF_R"]) == {"S1": 37, "Planet": 37}
    assert dataset.attributes(["bb20_1"]) == {"year": ["2020"]}
    assert dataset.read("bb20_1", ["VV"])["VV"].shape == (37 * 24, 24)


def test_the_map_has_the_finest_grid_and_the_nearest_label(root):
    dataset, label = eoekoland.open_dataset(root), archive("S2", "bb20_1")["label"]
    np.testing.assert_array_equal(dataset.reference_map("bb20_1", ["VV", "B02"]), label)
    fine = dataset.reference_map("bb20_1", ["B02", "PF_B"])
    assert fine.shape == (80, 80)
    assert fine.dtype == np.uint8
    centres = (np.arange(80) + 0.5) * 24 / 80 - 0.5
    rows = np.abs(centres[:, None] - np.arange(24)).argmin(axis=1)
    np.testing.assert_array_equal(fine, label[rows][:, rows])


def test_what_is_not_finite_becomes_the_mean_of_its_band(root):
    pixels = archive("S2", "bb20_1")["image_stack"]
    pixels[3, 4, 5, 6], pixels[0, 0, 0, 0] = np.nan, np.inf
    np.savez(root / "S2/bb20_1.npz", **archive("S2", "bb20_1", image_stack=pixels))
    batch = kinds.of(TASK).load(
        eoekoland.open_dataset(root), InputPipeline(TASK.input("s2"), TASK.bands), ["bb20_1"]
    )
    found = batch.inputs["S2"][0]
    assert found.isfinite().all()
    assert found[3, 4, 5, 6].abs() < 1e-5
    assert found[0, 0, 0, 0].abs() < 1e-5


def test_all_sensors_are_brought_to_the_grid_of_planet(root):
    contract = TASK.input("s1s2planet")
    batch = kinds.of(TASK).load(
        eoekoland.open_dataset(root),
        InputPipeline(contract, TASK.bands),
        ["bb20_1", "bav21_7"],
    )
    shapes = {name: tuple(batch.inputs[name].shape) for name in SERIES}
    assert shapes == {n: (2, 37, len(BANDS[n]), 80, 80) for n in SERIES}
    assert batch.targets.shape == (2, 80, 80)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_stack": np.zeros((36, 10, 24, 24), "<f4")}, "found 36 x 10 x 24 x 24"),
        ({"image_stack": np.zeros((37, 9, 24, 24), "<f4")}, "found 37 x 9 x 24 x 24"),
        ({"image_stack": np.zeros((37, 10, 24), "<f4")}, "found 37 x 10 x 24 of <f4"),
        ({"image_stack": np.zeros((37, 10, 24, 24), "<c8")}, "of <c8"),
        ({"image_stack": np.array([None])}, "found 1 of .O"),
        ({"label": np.full((24, 24), 15)}, "expected labels from 0 to 14, found 15 to 15"),
        ({"label": np.full((24, 24), -1)}, "found -1 to -1"),
        ({"label": np.full((24, 24), np.nan)}, "found nan to nan"),
        ({"label": np.full((24, 24), 0.5)}, "found 0.5 to 0.5"),
    ],
)
def test_archives_that_do_not_fit_are_refused_in_one_line(root, changes, message):
    np.savez(root / "S2/bb20_1.npz", **archive("S2", "bb20_1", **changes))
    dataset = eoekoland.open_dataset(root)
    with pytest.raises(BenchError, match=message) as caught:
        dataset.series("bb20_1", ["B02"])
        dataset.reference_map("bb20_1", ["B02"])
    assert "\n" not in str(caught.value)
    failed = [check for check in eoekoland.verify(root, 9, quiet) if not check.passed]
    assert "contents" in [check.name for check in failed]


def lying(stream):
    """An archive whose array promises more than it holds."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f4", "fortran_order": False, "shape": (37, 10, 24, 24)}
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("image_stack.npy", content.getvalue() + b"\0" * 40)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no archive", b"\x80\x04N.", lying])
def test_damaged_archives_are_refused(root, content):
    path = root / "S2/bb20_1.npz"
    content(path) if callable(content) else path.write_bytes(content)
    with pytest.raises(BenchError, match=r"image_stack in .*bb20_1\.npz: expected an array"):
        eoekoland.open_dataset(root).series("bb20_1", ["B02"])


def test_an_array_is_read_no_further_than_its_header_says(tmp_path):
    path, content = tmp_path / "a.npz", io.BytesIO()
    np.save(content, np.arange(6, dtype="<i2").reshape(2, 3))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.npy", content.getvalue() + b"\0" * (1 << 20))
    np.testing.assert_array_equal(npy.member(path, "a", ["<i2"], (2, 3)), [[0, 1, 2], [3, 4, 5]])


def test_missing_modalities_are_named(root):
    (root / "Planet/bb20_2.npz").unlink()
    dataset = eoekoland.open_dataset(root)
    assert "bb20_2" in dataset.present(["B02"])
    assert "bb20_2" not in dataset.present(["B02", "PF_B"])
    with pytest.raises(BenchError, match="patch bb20_2 has no Planet under"):
        dataset.series("bb20_2", ["PF_B"])
    with pytest.raises(RequestError, match="unknown band 'B01'"):
        dataset.present(["B01"])
    with pytest.raises(BenchError, match="expected the name of a patch"):
        dataset.series("../secret", ["B02"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\na.npz", "a column image_file, found the columns file"),
        ("image_file\n", "found none"),
        ("image_file\n../..", "found '../..' in row 2"),
        ("image_file\nbb20_1.npz", "found bb20_1 again"),
        ("image_file\nbav21_7.npz\nbav21_7.npz", "found bav21_7 again"),
    ],
)
def test_lists_that_are_none_or_overlap_are_refused(root, text, message):
    (root / "val.csv").write_text(text)
    with pytest.raises(BenchError, match=message) as caught:
        eoekoland.open_dataset(root).ids("train")
    assert "\n" not in str(caught.value)


def test_no_lists_at_all(tmp_path):
    with pytest.raises(BenchError, match=r"expected train.csv, val.csv, test.csv in"):
        eoekoland.open_dataset(tmp_path)


def test_the_simulated_sample_verifies_and_repeats(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "SIZES", {"train": 1, "validation": 1, "test": 1})
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    root = data.ensure_sample("eoekoland", lambda text: None)
    assert all(check.passed for check in eoekoland.verify(root, 1, quiet))
    dataset = eoekoland.open_dataset(root)
    (patch,) = dataset.ids("test")
    assert len(set(dataset.reference_map(patch, ["B02"]).ravel().tolist())) > 1
    means = {b: s[0] for b, s in DECLARED["statistics"]["train"].items()}
    for series in dataset.series(patch, TASK.input("s1s2planet").bands):
        # As bright as the real ones are published to be, so that bands stand in their order.
        expected = np.array([means[band] for band in series.bands])
        np.testing.assert_allclose(series.pixels.mean(axis=(0, 2, 3)), expected, rtol=0.6)
