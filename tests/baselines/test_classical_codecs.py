"""Codecs without weights: real streams, target rates, and what damaged streams do."""

import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray

from baselines.codecs import jpeg2000, jpegxl, klt
from baselines.codecs.rates import largest_within, parse
from baselines.codecs.stream import pack, unpack
from bench.base.errors import BenchError, RequestError
from bench.models import baseline

SCALAR, MEAN = "floors_codec.ScalarQuantiser", "floors_codec.BandMean"
RATED = ["klt.KLT", "jpeg2000.JPEG2000", "jpeg2000.KLTJPEG2000", "jpegxl.JPEGXL", SCALAR]
ALL = [*RATED, "pca.PCA", "lossless.Lossless", MEAN]


def _build(name: str, channels: int, **arguments: str) -> torch.nn.Module:
    module, _, cls = name.partition(".")
    codec = getattr(baseline._load(f"architectures.{module}"), cls)
    if cls == "PCA" and not arguments:
        arguments = {"components": " ".join(str(k) for k in (1, 2, 4) if k <= channels)}
    return codec(in_channels=channels, outputs=channels, size=32, **arguments)


@cache
def _cube(channels: int = 12, height: int = 33, width: int = 47) -> torch.Tensor:
    """Three smooth materials mixed, with noise: multiples of 1/10,000, some clipped to zero."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width] / 32
    maps = np.stack([np.sin(3 * y + x), np.cos(2 * x), np.sin(x * y)]).reshape(3, -1)
    wavelengths = np.linspace(0, 1, channels)
    spectra = np.stack([wavelengths, np.exp(-wavelengths), np.cos(5 * wavelengths)], axis=1)
    values = 0.05 * spectra @ maps + 0.1 + rng.normal(0, 2e-3, (channels, maps.shape[1]))
    integers = np.rint(np.clip(values, 0, 1) * 10_000).reshape(channels, height, width)
    return torch.from_numpy(integers.astype(np.float32) / np.float32(10_000))


def _psnr(found: torch.Tensor, image: torch.Tensor) -> float:
    error = float((found.double() - image.double()).square().mean())
    return float("inf") if error == 0 else -10 * np.log10(error)


@pytest.mark.parametrize("name", RATED)
def test_targets_are_met_and_quality_grows_with_rate(name: str) -> None:
    image, qualities = _cube(), []
    codec = _build(name, 12, rates="0.5 2 4")
    assert codec.points == ("0.5", "2", "4")
    for point in codec.points:
        assert codec.latents(point, image.shape) is None
        stream = codec.encode(image, point)
        assert 0.85 * float(point) < 8 * len(stream) / image.numel() <= float(point)
        found = codec.decode(stream)
        assert found.dtype == torch.float32
        assert found.shape == image.shape
        assert 0 <= found.min() <= found.max() <= 1
        qualities.append(_psnr(found, image))
    assert qualities == sorted(qualities)
    # Half a bit for each value says little where nothing else is used.
    assert qualities[0] > (26 if name == SCALAR else 35)
    assert qualities[-1] > (48 if name == SCALAR else 55)


def test_fresh_objects_in_another_process_decode_the_same(tmp_path: Path) -> None:
    image = _cube()
    for name in ALL:
        codec = _build(name, 12)
        stream = codec.encode(image, codec.points[-1])
        assert codec.encode(image, codec.points[-1]) == stream
        (tmp_path / name).write_bytes(stream)
        (tmp_path / f"{name}.expected").write_bytes(codec.decode(stream).numpy().tobytes())
    program = """
import sys
from pathlib import Path
from bench.models import baseline
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    module, _, cls = name.partition(".")
    arguments = {"components": "1"} if cls == "PCA" else {}
    build = getattr(baseline._load(f"architectures.{module}"), cls)
    codec = build(in_channels=12, outputs=1, size=8, **arguments)
    image = codec.decode((folder / name).read_bytes())
    (folder / f"{name}.found").write_bytes(image.numpy().tobytes())
"""
    subprocess.run([sys.executable, "-c", program, tmp_path, *ALL], check=True, timeout=120)
    for name in ALL:
        expected = (tmp_path / f"{name}.expected").read_bytes()
        assert (tmp_path / f"{name}.found").read_bytes() == expected


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 1), (1, 12, 7), (12, 7, 1), (40, 3, 5)])
@pytest.mark.parametrize("value", [0.0, 0.25, 1.0, None])
def test_odd_sizes_and_constant_images(
    name: str, shape: tuple[int, int, int], value: float | None
) -> None:
    image = _cube(*shape) if value is None else torch.full(shape, value)
    codec = _build(name, shape[0]) if name not in RATED else _build(name, shape[0], rates="64")
    stream = codec.encode(image, codec.points[-1])
    found = codec.decode(stream)
    assert found.shape == shape
    if value is not None or name == "lossless.Lossless":
        torch.testing.assert_close(found, image, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", RATED)
def test_dark_water_with_zero_bands(name: str) -> None:
    image = _cube().clone() * 0.05
    image[5:] = 0
    codec = _build(name, 12, rates="2")
    stream = codec.encode(image, "2")
    assert 8 * len(stream) <= 2 * image.numel()
    assert _psnr(codec.decode(stream), image) > 70


def test_lossless_returns_the_integers_and_refuses_others() -> None:
    codec, image = _build("lossless.Lossless", 12), _cube()
    stream = codec.encode(image, "lossless")
    assert torch.equal(codec.decode(stream), image)
    assert len(stream) < 2 * image.numel()
    # One rounding differently, as a reader that multiplies makes them, is the same integer.
    other = (image.double() * 10_000).round() * 1e-4
    assert torch.equal(codec.decode(codec.encode(other.float(), "lossless")), image)
    with pytest.raises(BenchError, match="multiples of 1/10000"):
        codec.encode(image + 2e-5, "lossless")


def test_pca_is_the_best_of_its_rank_and_counts_its_elements() -> None:
    image, codec = _cube(), _build("pca.PCA", 12, components="1 3 12")
    spectra = image.reshape(12, -1).double().numpy()
    singular = np.linalg.svd(spectra - spectra.mean(1, keepdims=True), compute_uv=False)
    for point in ("1", "3"):
        stream, k = codec.encode(image, point), int(point)
        expected = -10 * np.log10(np.sum(singular[k:] ** 2) / spectra.size)
        assert _psnr(codec.decode(stream), image) == pytest.approx(expected, abs=0.02)
        elements = codec.latents(point, tuple(image.shape))
        assert elements == k * 33 * 47 + k * 12 + 12
        assert 0 < 4 * elements - len(stream) + 64 < 64 + 2 * 12
    assert _psnr(codec.decode(codec.encode(image, "12")), image) > 130


def test_the_mean_of_each_band_is_all_that_is_sent() -> None:
    image = _cube()
    means = image.double().mean(dim=(1, 2))
    codec = _build(MEAN, 12)
    for point in codec.points:
        stream = codec.encode(image, point)
        assert len(unpack(stream, "band-mean").payload) == -(-12 * int(point) // 8)
        found = codec.decode(stream)
        assert torch.equal(found, found[:, :1, :1].expand_as(found))
        assert (found[:, 0, 0].double() - means).abs().max() <= 0.501 / (2 ** int(point) - 1)
    for bits in ("", "0", "17", "8 8", "a"):
        with pytest.raises(ValueError):
            _build(MEAN, 12, bits=bits)


def test_scalar_quantisation_uses_neither_places_nor_other_bands() -> None:
    """Shuffled pixels, each band's in its own order, take as many bytes and lose as much."""
    image, codec = _cube(), _build(SCALAR, 12, rates="1")
    draw = torch.Generator().manual_seed(0)
    rows = image.flatten(1)
    shuffled = torch.stack([row[torch.randperm(row.numel(), generator=draw)] for row in rows])
    streams = [codec.encode(each.reshape(image.shape), "1") for each in (image, shuffled)]
    assert abs(len(streams[0]) - len(streams[1])) < 0.001 * len(streams[0])
    errors = [
        _psnr(codec.decode(stream), each.reshape(image.shape))
        for stream, each in zip(streams, (image, shuffled), strict=True)
    ]
    assert errors[0] == pytest.approx(errors[1], abs=0.01)


def test_a_transform_is_orthonormal_and_inverts() -> None:
    image = _cube().numpy()
    transform = klt.fit(image)
    np.testing.assert_allclose(transform.basis.T @ transform.basis, np.eye(12), atol=1e-12)
    energies = np.sum(transform.components**2, axis=1)
    assert (np.diff(energies) <= 0).all()
    np.testing.assert_allclose(klt.inverse(transform, image.shape), image, atol=1e-6)
    coded = klt.code_basis(transform.basis, np.full(12, 1_000.0))
    error = np.abs(klt.decode_basis(coded, 12, 12) - transform.basis).max()
    assert error <= 0.5 / 1_000


def _refused_or_decoded(codec: torch.nn.Module, stream: bytes, image: torch.Tensor) -> bool:
    try:
        found = codec.decode(stream)
    except BenchError as error:
        assert error.message.startswith("expected")
        assert "\n" not in str(error)
        return True
    assert found.shape == image.shape
    return False


@pytest.mark.parametrize("name", ALL)
def test_damaged_streams_are_refused(name: str) -> None:
    image, rng = _cube(4, 9, 8), np.random.default_rng(1)
    codec = _build(name, 4)
    stream = codec.encode(image, codec.points[-1])
    for _ in range(20):
        place = int(rng.integers(len(stream)))
        damaged = bytearray(stream)
        damaged[place] ^= 1 << int(rng.integers(8))
        assert _refused_or_decoded(codec, bytes(damaged), image)
        assert _refused_or_decoded(codec, stream[:place], image)
    written_by = stream[10 : 10 + stream[9]].decode()
    parts = unpack(stream, written_by)
    # A checksum proves nothing about who wrote it.
    for _ in range(60):
        payload = bytearray(parts.payload)
        for _ in range(rng.integers(1, 3)):
            payload[rng.integers(min(len(payload), 120))] = rng.integers(256)
        forged = pack(written_by, parts.shape, parts.fields, bytes(payload))
        _refused_or_decoded(codec, forged, image)
    for field, value in parts.fields.items():
        for changed in ({field: b""}, {field: 1 << 40}, {field: -1.0}, {field: "x"}):
            fields = {**parts.fields, **changed}
            forged = pack(written_by, parts.shape, fields, parts.payload)
            assert _refused_or_decoded(codec, forged, image), (field, value)
    # A range coder goes on where its payload ends, means fit any size; codestreams know theirs.
    larger = pack(written_by, (4, 1_000, 8), parts.fields, parts.payload)
    assert _refused_or_decoded(codec, larger, torch.zeros(4, 1_000, 8)) or name in (
        "klt.KLT",
        MEAN,
    )


def test_a_codestream_of_another_size_is_refused_before_it_is_decoded() -> None:
    bands = np.arange(3 * 40 * 24, dtype=np.uint16).reshape(3, 40, 24)
    codestream = jpeg2000.encode(bands, None)
    np.testing.assert_array_equal(jpeg2000.decode(codestream, bands.shape), bands)
    claims = codestream[:8] + (1 << 30).to_bytes(4, "big") + codestream[12:]
    with pytest.raises(BenchError, match="components of shape"):
        jpeg2000.decode(claims, bands.shape)
    payload = jpegxl.encode(bands, None, 3)
    np.testing.assert_array_equal(jpegxl.decode(payload, bands.shape), bands)
    with pytest.raises(BenchError, match="bands of 24 x 40"):
        jpegxl.decode(payload, (3, 24, 40))


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (8, 8), (16, 256), (9, 8), (64, 128), (120, 160), (600, 511)]
)
def test_sizes_in_a_jpeg_xl_header_are_read(height: int, width: int) -> None:
    bands = np.zeros((1, height, width), np.uint16)
    assert jpegxl.decode(jpegxl.encode(bands, 1.0, 3), bands.shape).shape == bands.shape


@pytest.mark.parametrize("name", ALL)
def test_wrong_requests(name: str) -> None:
    codec = _build(name, 12)
    with pytest.raises(RequestError, match="no rate point 'none'"):
        codec.encode(_cube(), "none")
    for image in (_cube()[:3], _cube()[0], _cube() + 1, _cube() - 1, _cube() * float("nan")):
        with pytest.raises(BenchError, match="expected"):
            codec.encode(image, codec.points[0])
    other = pack("other", (12, 1, 1), {}, b"")
    with pytest.raises(BenchError, match="found one of 'other'"):
        codec.decode(other)


@pytest.mark.parametrize("rates", [" ", "a", "0", "-1", "inf", "nan", "1 1"])
def test_bad_rates(rates: str) -> None:
    with pytest.raises(ValueError):
        parse(rates)
    if rates not in ("inf", " "):
        with pytest.raises(ValueError):
            _build("pca.PCA", 12, components=rates)


def test_the_search_is_short_and_within() -> None:
    tried = []

    def encode(quality: float) -> bytes:
        tried.append(quality)
        return bytes(int(100 * 2**quality))

    stream = largest_within(encode, 0, 16, 20_000)
    assert 0.98 * 20_000 < len(stream) <= 20_000
    assert len(tried) <= 10
    # A jump in sizes: what is just below it.
    jump = largest_within(lambda q: bytes(100 if q < 11 else 10**6), 0, 16, 20_000)
    assert len(jump) == 100
    # Nothing fits: the smallest there is.
    assert len(largest_within(encode, 0, 16, 10)) < 110


@cache
def _patch(folder: Path) -> NDArray[np.float32]:
    (path,) = folder.glob("hyspecnet11k/patches/*/*SPECTRAL_IMAGE.TIF")
    with rasterio.open(path) as image:
        bands = image.read()
    dropped = [*range(126, 141), *range(160, 167)]
    kept = np.delete(bands, dropped, axis=0)[::4, :64, :64]
    return np.clip(kept, 0, 10_000).astype(np.float32) / np.float32(10_000)


@pytest.mark.parametrize("name", RATED)
def test_real_patch_at_a_target(name: str, real_data: Path) -> None:
    image = torch.from_numpy(_patch(real_data))
    assert image.shape == (51, 64, 64)
    codec = _build(name, 51, rates="0.5")
    stream = codec.encode(image, "0.5")
    assert 8 * len(stream) <= 0.5 * image.numel()
    assert _psnr(codec.decode(stream), image) > (40 if name == SCALAR else 58)


def test_real_patch_without_loss(real_data: Path) -> None:
    image = torch.from_numpy(_patch(real_data))
    codec = _build("lossless.Lossless", 51)
    stream = codec.encode(image, "lossless")
    assert torch.equal(codec.decode(stream), image)
    assert 8 * len(stream) / image.numel() < 4
    assert zlib.crc32(stream[9:]) == int.from_bytes(stream[5:9], "little")
