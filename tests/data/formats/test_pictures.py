"""Decoding picture files: every mode of pixels against a rule written down here, and damage."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.base.errors import BenchError
from bench.data.formats import pictures

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)


def encoded(picture: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_lossless_rgb_comes_back(kind: str) -> None:
    decoded = pictures.decode(encoded(Image.fromarray(RGB), kind), "x")
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, RGB)


def test_jpeg_is_what_libjpeg_says() -> None:
    content = encoded(Image.fromarray(RGB), "JPEG", quality=90)
    imagecodecs = pytest.importorskip("imagecodecs")
    assert np.array_equal(pictures.decode(content, "x"), imagecodecs.jpeg_decode(content))


def test_grey_is_repeated() -> None:
    decoded = pictures.decode(encoded(Image.fromarray(GREY)), "x")
    assert np.array_equal(decoded, np.stack([GREY] * 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_sixteen_bits_the_upper_byte_is_kept(kind: str) -> None:
    deep = np.array([[0, 255, 256, 32_767, 32_768, 65_535]], np.uint16)
    decoded = pictures.decode(encoded(Image.fromarray(deep), kind), "x")
    assert decoded[..., 0].tolist() == [[0, 0, 1, 127, 128, 255]]
    assert np.array_equal(decoded[..., 0], decoded[..., 2])


def test_of_sixteen_bits_in_three_channels_the_upper_byte_is_kept() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = RNG.integers(0, 65_536, (4, 6, 3), dtype=np.uint16)
    assert np.array_equal(pictures.decode(imagecodecs.png_encode(deep), "x"), deep >> 8)


def test_palettes_are_looked_up() -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    decoded = pictures.decode(encoded(palette, transparency=1), "x")
    assert decoded.tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]


@pytest.mark.parametrize("alpha", [0, 128])
def test_alpha_is_left_out_and_nothing_blended(alpha: int) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], alpha, np.uint8)])
    assert np.array_equal(pictures.decode(encoded(Image.fromarray(rgba)), "x"), RGB)
    both = np.dstack([GREY, np.full(GREY.shape, alpha, np.uint8)])
    decoded = pictures.decode(encoded(Image.fromarray(both, "LA")), "x")
    assert np.array_equal(decoded[..., 1], GREY)


def test_cmyk_is_converted() -> None:
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    decoded = pictures.decode(encoded(ink, "TIFF"), "x")
    assert decoded[3, 3].tolist() == [255, 0, 0]
    decoded = pictures.decode(encoded(ink, "JPEG", quality=95), "x")
    assert decoded[3, 3, 0] > 240
    assert decoded[3, 3, 1] < 15


def test_one_pixel_and_one_bit() -> None:
    assert pictures.decode(encoded(Image.new("RGB", (1, 1), (1, 2, 3))), "x").tolist() == [
        [[1, 2, 3]]
    ]
    assert pictures.decode(encoded(Image.new("1", (2, 1), 1)), "x").max() == 255


def test_an_orientation_turns_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(RGB), "JPEG", exif=exif, quality=95)
    assert pictures.decode(content, "x").shape == RGB.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_picture_cut_short_is_named(kind: str) -> None:
    content = encoded(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    for keep in (0, 4, 40, len(content) // 2):
        with pytest.raises(BenchError, match="some/picture"):
            pictures.decode(content[:keep], "some/picture")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_pixels_are_bounded_by_the_header() -> None:
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(BenchError, match="67,108,864 pixels"):
        pictures.decode(bomb, "bomb")
    with pytest.raises(BenchError, match="1 to 34 pixels, found 7 x 5"):
        pictures.decode(encoded(Image.fromarray(RGB)), "x", pixels=34)
    assert pictures.decode(encoded(Image.fromarray(RGB)), "x", pixels=35).shape == (5, 7, 3)


def test_pixels_without_a_scale_are_refused() -> None:
    floats = Image.fromarray(np.ones((3, 3), np.float32))
    with pytest.raises(BenchError, match="8 or 16 bits"):
        pictures.decode(encoded(floats, "TIFF"), "x")


def test_other_formats_and_text_are_refused() -> None:
    for content in (encoded(Image.fromarray(RGB), "GIF"), b"<html>404</html>", b"%!PS-Adobe"):
        with pytest.raises(BenchError, match="a JPEG, PNG or TIFF picture, found something else"):
            pictures.decode(content, "x")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"gone\.png"):
        pictures.read(tmp_path / "gone.png")
    with pytest.raises(BenchError, match="could not read"):
        pictures.read(tmp_path)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "TIFF"]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damage_gives_a_picture_or_a_named_fault(kind: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(encoded(Image.fromarray(RGB), kind))
    for at, value in changes:
        content[at % len(content)] = value
    try:
        decoded = pictures.decode(bytes(content), "x", pixels=10_000)
    except BenchError as error:
        assert "x: expected" in error.message
    else:
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3


def test_real_pictures(real_data: Path) -> None:
    for path, side in (
        ("captions/rsicd/00001.jpg", 224),
        ("captions/ucm/1.tif", 256),
        ("whu_rs19/images/airport_01.jpg", 600),
        ("levir_cc/A_train_000016.png", 256),
    ):
        decoded = pictures.read(real_data / path)
        assert decoded.shape == (side, side, 3)
        assert decoded.std() > 10
        with Image.open(real_data / path) as picture:
            assert np.array_equal(decoded, np.asarray(picture.convert("RGB")))


def test_thirteen_bands_are_no_picture(real_data: Path) -> None:
    with pytest.raises(BenchError, match="SeaLake_3000"):
        pictures.read(real_data / "eurosat_ms" / "SeaLake" / "SeaLake_3000.tif")
