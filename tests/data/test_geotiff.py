import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.data.formats import geotiff

PLACE = {"epsg": 32633, "origin": (390_000.0, 5_348_400.0), "pixel": 10.0}


def noise(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind == "f":
        return generator.normal(-12, 5, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "B02.tif"
    geotiff.write(path, noise((120, 120), np.uint16), **PLACE, nodata=0)
    return path


@pytest.mark.parametrize(
    ("dtype", "compress"),
    [
        *((dtype, False) for dtype in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")),
        *((dtype, True) for dtype in ("u1", "i1", "u2", "i2", "u4", "i4")),
    ],
)
@pytest.mark.parametrize("shape", [(120, 120), (60, 60), (20, 20), (1, 1), (7, 5000), (200, 3)])
def test_what_is_written_is_read_back_here_and_by_tifffile(tmp_path, shape, dtype, compress):
    path, array = tmp_path / "x.tif", noise(shape, dtype)
    geotiff.write(path, array, **PLACE, compress=compress)
    for found in (geotiff.read(path), geotiff.read(path, shape, dtype), tifffile.imread(path)):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(np.reshape(found, shape), array)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    dtype=st.sampled_from(["u1", "<u2", ">u2", "f4"]),
    zone=st.integers(1, 60),
    south=st.booleans(),
)
def test_any_size_and_zone_survives(tmp_path_factory, height, width, dtype, zone, south):
    path = tmp_path_factory.mktemp("tiff") / "x.tif"
    array = noise((height, width), dtype).astype(dtype)
    epsg = 32600 + 100 * south + zone
    geotiff.write(path, array, epsg=epsg, origin=(1.5, 2.5), pixel=0.25)
    np.testing.assert_array_equal(geotiff.read(path), array)
    tags = tifffile.TiffFile(path).pages.first.tags
    assert epsg in tags[34735].value
    assert tags[33922].value == (0, 0, 0, 1.5, 2.5, 0)


@pytest.mark.parametrize(("compress", "nodata"), [(False, 0), (False, None), (True, 0)])
def test_rasterio_sees_the_same_pixels_place_and_system(tmp_path, compress, nodata):
    rasterio = pytest.importorskip("rasterio")
    path, array = tmp_path / "x.tif", noise((120, 120), np.uint16)
    geotiff.write(path, array, **PLACE, nodata=nodata, compress=compress)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), array)
        assert file.crs.to_epsg() == 32633
        assert tuple(file.transform)[:6] == (10, 0, 390_000, 0, -10, 5_348_400)
        assert file.nodata == nodata


@pytest.mark.parametrize("kind", ["big-endian", "tiled", "deflate", "bigtiff", "scattered strips"])
def test_other_valid_tiffs_are_read_too(tmp_path, kind):
    path, array = tmp_path / "x.tif", noise((120, 120), np.uint16)
    if kind == "scattered strips":
        write_with_reversed_strips(path, array)
    else:
        options = {
            "big-endian": {"byteorder": ">"},
            "tiled": {"tile": (64, 64)},
            "deflate": {"compression": "zlib", "predictor": True, "rowsperstrip": 34},
            "bigtiff": {"bigtiff": True},
        }[kind]
        tifffile.imwrite(path, array, **options)
    found = geotiff.read(path, (120, 120), np.uint16)
    np.testing.assert_array_equal(found, array)


def write_with_reversed_strips(path, array):
    geotiff.write(path, array, **PLACE)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        offsets, counts = tags[273], list(tags[279].value)
        starts = list(offsets.value)
        table = offsets.valueoffset
    strips = [bytes(content[a : a + n]) for a, n in zip(starts, counts, strict=True)]
    position, moved = starts[0], {}
    for index in reversed(range(len(strips))):
        content[position : position + counts[index]] = strips[index]
        moved[index] = position
        position += counts[index]
    struct.pack_into(f"<{len(strips)}I", content, table, *(moved[i] for i in range(len(strips))))
    path.write_bytes(content)


def test_equal_directories_with_other_strip_tables_are_not_confused(tmp_path):
    array = noise((120, 120), np.uint16)
    geotiff.write(tmp_path / "plain.tif", array, **PLACE)
    write_with_reversed_strips(tmp_path / "reversed.tif", array)
    for name in ("plain.tif", "reversed.tif", "plain.tif"):
        np.testing.assert_array_equal(geotiff.read(tmp_path / name), array)


def test_arrays_are_read_only(plain):
    with pytest.raises(ValueError, match="read-only"):
        geotiff.read(plain)[0, 0] = 1


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 10, 100, 205, 210, 300, 29_000, 29_195])
def test_a_truncated_file_is_named(plain, length):
    plain.write_bytes(plain.read_bytes()[:length])
    with pytest.raises(BenchError, match=r"B02\.tif is damaged or foreign: expected .* found") as e:
        geotiff.read(plain, (120, 120), np.uint16)
    assert "\n" not in str(e.value)


def test_the_true_length_is_stated_for_a_short_file(plain):
    plain.write_bytes(plain.read_bytes()[:29_000])
    with pytest.raises(BenchError, match="expected at least 29196 bytes, found 29000"):
        geotiff.read(plain)


@pytest.mark.parametrize(
    "content", [b"not a tiff at all", b"\x89PNG\r\n\x1a\n" * 40, b"II*\0" * 99]
)
def test_a_foreign_file_is_named(tmp_path, content):
    path = tmp_path / "x.tif"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"x\.tif is damaged or foreign"):
        geotiff.read(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((60, 60), np.uint16, "expected 60x60 pixels of uint16, found 120x120 pixels of uint16"),
        (
            (120, 121),
            np.uint16,
            "expected 120x121 pixels of uint16, found 120x120 pixels of uint16",
        ),
        ((120, 120), np.int16, "expected 120x120 pixels of int16, found 120x120 pixels of uint16"),
        ((120, 121), None, "expected 120x121 pixels, found 120x120 pixels"),
        (None, np.float32, "expected pixels of float32, found 120x120 pixels of uint16"),
    ],
)
def test_another_shape_or_type_is_refused(plain, shape, dtype, message):
    with pytest.raises(BenchError, match=message):
        geotiff.read(plain, shape, dtype)


def test_another_shape_of_a_compressed_file_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((4000, 4000), np.uint16), compression="zlib")
    with pytest.raises(BenchError, match="expected 120x120 pixels of uint16, found 4000x4000"):
        geotiff.read(path, (120, 120), np.uint16)
    tifffile.imwrite(path, np.zeros((9000, 9000), np.uint16), compression="zlib")
    with pytest.raises(BenchError, match="modest size"):
        geotiff.read(path)


def test_no_more_is_read_than_the_shape_justifies(plain):
    with plain.open("ab") as stream:
        stream.write(bytes(1 << 17))
    with pytest.raises(BenchError, match="expected at most 94336 bytes, found more"):
        geotiff.read(plain, (120, 120), np.uint16)
    assert geotiff.read(plain).shape == (120, 120)


def test_an_image_of_several_bands_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(BenchError, match="expected one band"):
        geotiff.read(tmp_path / "rgb.tif")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        geotiff.read(tmp_path / "none.tif")
    with pytest.raises(BenchError, match="could not read"):
        geotiff.read(tmp_path)


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, 395), value=st.integers(0, 255))
def test_a_changed_header_byte_gives_pixels_or_one_clear_error(tmp_path_factory, position, value):
    folder = tmp_path_factory.getbasetemp() / "changed"
    folder.mkdir(exist_ok=True)
    path = folder / "x.tif"
    geotiff.write(path, noise((120, 120), np.uint16), **PLACE, nodata=0)
    content = bytearray(path.read_bytes())
    content[position] = value
    path.write_bytes(content)
    try:
        found = geotiff.read(path, (120, 120), np.uint16)
    except BenchError as error:
        assert "x.tif" in str(error)
        assert "\n" not in str(error)
    else:
        assert found.shape == (120, 120)
        assert found.dtype == np.uint16


@pytest.mark.parametrize(
    ("array", "epsg", "message"),
    [
        (np.zeros((2, 2, 3), np.uint8), 32633, "not \\(2, 2, 3\\)"),
        (np.zeros((0, 2), np.uint8), 32633, "not \\(0, 2\\)"),
        (np.zeros((2, 2), np.complex64), 32633, "complex64"),
        (np.zeros((2, 2), np.uint8), 4326, "not a WGS 84 / UTM zone"),
        (np.zeros((2, 2), np.uint8), 32661, "not a WGS 84 / UTM zone"),
        (np.zeros((2, 2), np.uint8), 32700, "not a WGS 84 / UTM zone"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, array, epsg, message):
    with pytest.raises(ValueError, match=message):
        geotiff.write(tmp_path / "x.tif", array, epsg=epsg, origin=(0, 0), pixel=10)
    assert list(tmp_path.iterdir()) == []


def test_the_published_files_are_reproduced_byte_for_byte(real_data, tmp_path):
    files = sorted(real_data.glob("reben/BigEarthNet-S[12]/*/*/*.tif"))
    assert len(files) == 14
    for path in files:
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            expected = file.pages.first.asarray()
            origin = tags[33922].value[3:5]
            pixel, nodata = tags[33550].value[0], 0 if 42113 in tags else None
        np.testing.assert_array_equal(geotiff.read(path, expected.shape, expected.dtype), expected)
        copy = tmp_path / path.name
        geotiff.write(copy, expected, epsg=32633, origin=origin, pixel=pixel, nodata=nodata)
        assert copy.read_bytes() == path.read_bytes()


def test_every_other_real_geotiff_is_read_as_tifffile_does(real_data):
    patterns = [
        "bigearthnet_v1/*/*/*.tif",
        "reben/Reference_Maps/*/*/*.tif",
        "s2_l2a_scene/**/*.tif",
    ]
    files = [path for pattern in patterns for path in real_data.glob(pattern)]
    assert len(files) > 80
    for path in files:
        expected = tifffile.imread(path)
        found = geotiff.read(path)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
