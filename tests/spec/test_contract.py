import bench.base.torch_setup  # noqa: F401  # isort: skip

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from torch.nn.functional import interpolate

from bench.base.errors import BenchError, RequestError
from bench.spec import task as tasks
from bench.spec.contract import Band, InputContract, InputPipeline

BANDS = {
    "B02": Band("sentinel-2-l2a", 10, "reflectance x 10000"),
    "B05": Band("sentinel-2-l2a", 20, "reflectance x 10000"),
    "VV": Band("sentinel-1-grd", 10, "dB"),
}


def contract(**changes):
    plain = {
        "bands": ("B05", "VV", "B02"),
        "units": {"sentinel-2-l2a": "reflectance x 10000", "sentinel-1-grd": "dB"},
        "size": 8,
        "resampling": "nearest",
        "mean": (10.0, -12.0, 20.0),
        "std": (2.0, 5.0, 3.0),
    }
    return InputContract(**plain | changes)


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "B02": rng.integers(0, 10_000, (8, 8), dtype=np.uint16),
        "B05": rng.integers(0, 10_000, (4, 4), dtype=np.uint16),
        "VV": rng.normal(-12, 5, (8, 8)).astype(np.float32),
    }


def admitted(wanted, given_arrays):
    pipeline = InputPipeline(wanted, BANDS)
    out = np.full(pipeline.shape(given_arrays), np.nan, np.float32)
    pipeline.apply(given_arrays, out)
    return out


def reference(wanted, given_arrays):
    """The published preprocessing, in plain PyTorch."""
    channels = []
    for name, mean, std in zip(wanted.bands, wanted.mean, wanted.std, strict=True):
        band = torch.from_numpy(given_arrays[name].astype(np.float32))[None, None]
        aligned = {} if wanted.resampling == "nearest" else {"align_corners": True}
        resized = interpolate(band, size=(wanted.size,) * 2, mode=wanted.resampling, **aligned)
        channels.append((resized[0, 0] - np.float32(mean)) / np.float32(std))
    return torch.stack(channels).numpy()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", [8, 16, 11, 3])
def test_equals_the_published_preprocessing_to_the_bit(resampling, size):
    wanted = contract(resampling=resampling, size=size)
    np.testing.assert_array_equal(admitted(wanted, arrays()), reference(wanted, arrays()))


@given(st.permutations(["B02", "B05", "VV"]))
def test_channels_follow_the_order_of_the_contract(order):
    plain = admitted(contract(), arrays())
    numbers = {"B05": (10.0, 2.0), "VV": (-12.0, 5.0), "B02": (20.0, 3.0)}
    means, stds = zip(*(numbers[name] for name in order), strict=True)
    permuted = admitted(contract(bands=tuple(order), mean=means, std=stds), arrays())
    for name, channel in zip(order, permuted, strict=True):
        np.testing.assert_array_equal(channel, plain[contract().bands.index(name)])


def test_units_are_converted_before_normalising():
    units = {"sentinel-2-l2a": "reflectance", "sentinel-1-grd": "linear power"}
    wanted = contract(units=units, mean=(0.0,) * 3, std=(1.0,) * 3, size=8)
    out = admitted(wanted, arrays())
    np.testing.assert_allclose(out[2], arrays()["B02"] / 1e4, rtol=1e-6)
    np.testing.assert_allclose(out[1], 10 ** (arrays()["VV"].astype(float) / 10), rtol=1e-5)


RGB = {name: Band("rgb", 1, "8 bit") for name in "RGB"}


@pytest.mark.parametrize("shape", [(50, 50), (37, 91), (200, 64), (16, 16)])
@pytest.mark.parametrize("resampling", ["bilinear", "bicubic"])
def test_a_crop_equals_the_preprocessing_of_clip_to_the_bit(shape, resampling):
    from open_clip.transform import image_transform

    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mean, std = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
    wanted = InputContract(
        bands=("R", "G", "B"),
        units={"rgb": "fraction"},
        size=16,
        resampling=resampling,
        fit="crop",
        mean=mean,
        std=std,
    )
    pipeline = InputPipeline(wanted, RGB)
    native = dict(zip("RGB", picture.transpose(2, 0, 1), strict=True))
    out = np.empty(pipeline.shape(native), np.float32)
    pipeline.apply(native, out)
    reference = image_transform(16, is_train=False, mean=mean, std=std, interpolation=resampling)
    np.testing.assert_array_equal(out, reference(Image.fromarray(picture)).numpy())


def test_a_contract_without_size_leaves_images_as_they_are():
    wanted = contract(size=None, bands=("B02",), mean=(0.0,), std=(1.0,))
    np.testing.assert_array_equal(admitted(wanted, arrays())[0], arrays()["B02"])
    with pytest.raises(BenchError, match=r"band VV has \(8, 8\) px, B05 \(4, 4\)"):
        admitted(contract(size=None), arrays())


def test_a_crop_needs_a_size_and_a_smooth_resampling():
    with pytest.raises(ValidationError, match="fit = crop needs"):
        contract(fit="crop", size=None)
    with pytest.raises(ValidationError, match="fit = crop needs"):
        contract(fit="crop", resampling="nearest")


def test_stretching_is_no_part_of_a_declaration():
    assert "fit" not in contract().model_dump()
    assert contract(fit="crop", resampling="bicubic").model_dump()["fit"] == "crop"


def test_a_missing_band_is_an_error_never_zeros():
    without = {name: band for name, band in BANDS.items() if name != "B05"}
    with pytest.raises(RequestError, match="unknown band 'B05'"):
        InputPipeline(contract(), without)


def test_a_sensor_without_unit_and_an_impossible_unit_are_refused():
    with pytest.raises(RequestError, match="states no unit"):
        InputPipeline(contract(units={"sentinel-2-l2a": "reflectance"}), BANDS)
    with pytest.raises(RequestError, match="can't be given as kelvin") as caught:
        InputPipeline(contract(units={"sentinel-2-l2a": "kelvin", "sentinel-1-grd": "dB"}), BANDS)
    assert "reflectance" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"bands": ("B02", "B02", "VV")}, "named twice"),
        ({"mean": (1.0,)}, "3 bands but 1 values of mean"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be positive"),
        ({"mean": (1.0, float("nan"), 1.0)}, "not finite"),
        ({"resampling": "lanczos"}, "nearest"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes, fault):
    with pytest.raises(ValidationError, match=fault):
        contract(**changes)


def test_the_two_published_band_orders_are_two_contracts():
    task = tasks.load("reben-mlc")
    new, old = task.input("s2"), task.input("s2-v0.1.1")
    assert sorted(new.bands) == sorted(old.bands)
    assert new.bands[3:8] == ("B05", "B06", "B07", "B08", "B8A")
    assert old.bands[3:] == ("B08", "B05", "B06", "B07", "B11", "B12", "B8A")
    assert old.mean[3] == new.mean[new.bands.index("B08")]
    assert task.division(new) == "closed"
    assert task.division(old) == "open"
