"""What a raster says of its own values and place is followed or refused, never ignored.

Values for no data, scale and offset, orientation, photometric meaning, transparency, masks, places
and sizes of pixels come from the tags; what isn't in the tags is told by the range of values that
each dataset declares.
"""

import math
import shutil

import numpy as np
import pytest
import tifffile

from bench import data
from bench.base.errors import BenchError
from bench.data.formats import geotiff, planar_tiff, tiff_tags
from bench.data.magicbathynet import simulate as bathymetry
from bench.data.reben import simulate as patches
from bench.data.values import Darkest, require, values

PUCK = "magicbathynet-puck-lagoon"
SHAPE = (20, 20)
XML = '<GDALMetadata>\n  <Item name="{0}" sample="0" role="{1}">{2}</Item>\n</GDALMetadata>\n'


def put(path, pixels=None, *, tags=(), **options):
    """A GeoTIFF with tags of one's own; without compression unless it is asked for."""
    pixels = np.full(SHAPE, 500, np.uint16) if pixels is None else pixels
    given = {"photometric": "minisblack", "metadata": None, "software": False} | options
    extra = [(code, kind, count, value, True) for code, kind, count, value in tags]
    tifffile.imwrite(path, pixels, extratags=extra, **given)
    return path


def with_pixels(shape, *wrong, dtype=np.uint16):
    pixels = np.full(shape, 500, dtype)
    pixels.ravel()[: len(wrong)] = wrong
    return pixels


def text(code, value):
    return (code, "s", 0, value)


WAYS = [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_pixels_of_the_value_for_no_data_are_refused(tmp_path, way):
    wrong = with_pixels(SHAPE, 65535, 65535, 65535)
    path = put(tmp_path / "x.tif", wrong, tags=[text(42113, "65535")], **way)
    with pytest.raises(
        BenchError, match=r"x\.tif: expected data .* found 3 of 400 values of 65535"
    ):
        geotiff.read(path, SHAPE, np.uint16)
    np.testing.assert_array_equal(geotiff.read(path, SHAPE, np.uint16, nodata=(65535,)), wrong)
    clean = put(tmp_path / "y.tif", tags=[text(42113, "65535")], **way)
    found = geotiff.read(clean, SHAPE, np.uint16)
    assert found.dtype == np.dtype(np.uint16)
    assert (found == 500).all()


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("nan", math.nan),
        ("NaN\0", math.nan),
        ("-3.4028234663852886e+38", -3.4028235e38),
        ("-9999 ", -9999),
    ],
)
def test_the_text_of_the_tag_is_read_as_gdal_writes_it(tmp_path, way, said, value):
    pixels = with_pixels(SHAPE, value, dtype=np.float32)
    path = put(tmp_path / "x.tif", pixels, tags=[text(42113, said)], **way)
    with pytest.raises(BenchError, match="found 1 of 400 values"):
        geotiff.read(path)
    clean = put(tmp_path / "y.tif", pixels * 0 + 1, tags=[text(42113, said)], **way)
    if not math.isnan(value):
        assert (geotiff.read(clean)[0] == 1).all()


def test_a_known_layout_doesnt_hide_another_value(tmp_path):
    """Files of one layout are recognised by their directory; what it points to may differ."""
    for said, refused in (("65535", False), ("00500", True), ("65534", False)):
        path = put(tmp_path / "x.tif", tags=[text(42113, said)])
        if refused:
            with pytest.raises(BenchError, match="values of 500"):
                geotiff.read(path, SHAPE, np.uint16)
        else:
            geotiff.read(path, SHAPE, np.uint16)


def test_each_band_may_have_a_value_of_its_own():
    pixels = np.array([[[1, 2], [3, 4]], [[2, 1], [4, 3]]], np.int16)
    said = tiff_tags.said("x", {277: 2, 42112: XML.format("NODATA_VALUES", "", "1 4")})
    assert said.nodata == (1.0, 4.0)
    found = tiff_tags.missing(pixels, said.nodata, axis=0)
    assert found.tolist() == [[[True, False], [False, False]], [[False, False], [True, False]]]
    with pytest.raises(BenchError, match="can be read"):
        tiff_tags.said("x", {277: 3, 42112: XML.format("NODATA_VALUES", "", "1 4")})


ROTATED = (10.0, 1.0, 0.0, 5.0, -1.0, -10.0, 0.0, 6.0, *[0.0] * 8)
SOUTH_UP = (10.0, 0.0, 0.0, 5.0, 0.0, 10.0, 0.0, 6.0, *[0.0] * 8)
TIE = (33922, "d", 6, (0.0, 0.0, 0.0, 5.0, 6.0, 0.0))
REFUSED = {
    "scale": ([text(42112, XML.format("SCALE", "scale", "0.0001"))], {}, "scale 0.0001"),
    "offset": ([text(42112, XML.format("OFFSET", "offset", "-1000"))], {}, "offset -1000"),
    "no role": ([text(42112, XML.format("offset", "", "-0.1"))], {}, "offset -0.1"),
    "netCDF scale": ([text(42112, XML.format("B02#scale_factor", "", "0.1"))], {}, "scale 0.1"),
    "netCDF offset": ([text(42112, XML.format("add_offset", "", "-9"))], {}, "offset -9"),
    "orientation": ([(274, "H", 1, 3)], {}, "orientation 3"),
    "white": ([], {"photometric": "miniswhite"}, "0 to stand for black"),
    "rotated": ([(34264, "d", 16, ROTATED)], {}, "rotated"),
    "south up": ([(34264, "d", 16, SOUTH_UP)], {}, "rows that go south"),
    "negative": ([(33550, "d", 3, (10.0, -10.0, 0.0)), TIE], {}, "rows that go south"),
    "no number": ([text(42113, "none")], {}, "tags of values"),
    "no xml": ([text(42112, "<GDALMetadata><Item")], {}, "tags of values"),
    "entities": (
        [text(42112, '<!DOCTYPE a [<!ENTITY b "b">]><GDALMetadata>&b;</GDALMetadata>')],
        {},
        "declarations",
    ),
    "large": (
        [text(42112, "<GDALMetadata>" + "<a/>" * 20_000 + "</GDALMetadata>")],
        {},
        "letters",
    ),
}


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
@pytest.mark.parametrize("case", REFUSED)
def test_what_isnt_followed_is_refused(tmp_path, case, way):
    tags, options, told = REFUSED[case]
    path = put(tmp_path / "x.tif", tags=tags, **way, **options)
    with pytest.raises(BenchError, match=told) as caught:
        geotiff.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_changes_nothing_is_read(tmp_path):
    told = [
        text(42112, XML.format("STATISTICS_MINIMUM", "", "-9999").replace(' role=""', "")),
        (274, "H", 1, 1),
        (33550, "d", 3, (10.0, 10.0, 0.0)),
        TIE,
    ]
    assert (geotiff.read(put(tmp_path / "x.tif", tags=told)) == 500).all()
    neutral = [text(42112, XML.format("SCALE", "scale", "1"))]
    assert (geotiff.read(put(tmp_path / "y.tif", tags=neutral)) == 500).all()


def test_masks_and_further_images_are_refused_smaller_copies_are_not(tmp_path):
    for subfile, told in ((1, ""), (4, "no mask"), (0, "one image")):
        path = tmp_path / f"{subfile}.tif"
        with tifffile.TiffWriter(path) as file:
            plain = {"photometric": "minisblack", "metadata": None}
            file.write(np.full(SHAPE, 500, np.uint16), **plain)
            kind = bool if subfile == 4 else np.uint16
            file.write(np.ones((10, 10), kind), subfiletype=subfile, **plain)
        if told:
            with pytest.raises(BenchError, match=told):
                geotiff.read(path, SHAPE, np.uint16)
        else:
            assert (geotiff.read(path, SHAPE, np.uint16) == 500).all()


def test_bands_are_no_transparency(tmp_path):
    cube = np.full((4, 8, 8), 7, np.int16)
    plain = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    for kind, refused in (("unspecified", False), ("unassalpha", True)):
        path = tmp_path / f"{kind}.tif"
        tifffile.imwrite(path, cube, extrasamples=["unspecified"] * 2 + [kind], **plain)
        if refused:
            with pytest.raises(BenchError, match="transparency"):
                planar_tiff.read(path, 4, np.int16, 16)
        else:
            np.testing.assert_array_equal(planar_tiff.read(path, 4, np.int16, 16), cube)


def test_pixels_of_another_size_on_the_ground_are_refused(tmp_path):
    path = tmp_path / "x.tif"
    for pixel in (10, 60):
        geotiff.write(path, np.ones(SHAPE, np.uint16), epsg=32633, origin=(0, 0), pixel=pixel)
        geotiff.read(path, SHAPE, np.uint16)
        geotiff.read(path, SHAPE, np.uint16, pixel=pixel)
        with pytest.raises(BenchError, match=r"expected pixels of 20 m, found \d0 m"):
            geotiff.read(path, SHAPE, np.uint16, pixel=20)


# The range of values


def image(band="B02", fill=500.0, dtype=np.float32, wrong=()):
    return {
        band: with_pixels((4, 8), *wrong, dtype=dtype)
        if fill == 500
        else np.full((4, 8), fill, dtype)
    }


@pytest.mark.parametrize(
    ("name", "pixels", "told"),
    [
        ("reben", image(dtype=np.uint16, wrong=[65535]), "found 65535 in 1 of 32"),
        ("reben", image("VV", -9999), "from -80 to 40, found -9999"),
        ("reben", image("VV", math.nan), "found nan"),
        ("reben", image("VH", -math.inf), "found -inf"),
        ("reben", image("VV", 0.02), "power"),
        ("pastis", image(dtype=np.int16, wrong=[-9999]), "found -9999"),
        ("pastis", image(dtype=np.int16, wrong=[-32768, 32767]), "found -32768 in 2 of"),
        ("pastis", image(wrong=[math.nan]), "found nan"),
        ("pastis", image(fill=0.31), "fractions"),
        ("eoekoland", image(fill=0.31, dtype=np.float64), "fractions"),
        ("eoekoland", image(wrong=[-9999]), "found -9999"),
        ("eoekoland", image("VV", -12), "decibels"),
        ("eoekoland", image("PF_R", -9999, np.int16), "found -9999 in 32"),
        ("hyspecnet", image("7", -9999, np.int16), "found -9999"),
        ("ssl4eo-s12", image("B2", 65535, np.uint16), "found 65535"),
        (PUCK, image("A-R", 0.5), "fractions"),
        (PUCK, image("A-R", 256, np.uint16), "from 0 to 255"),
        (PUCK, image("S2-B02", -1, np.float32), "found -1"),
    ],
    ids=str,
)
def test_values_that_a_band_cant_have_are_refused(name, pixels, told):
    with pytest.raises(BenchError, match=told) as caught:
        require(values(name), pixels, lambda band: f"file of {band}")
    assert str(caught.value).startswith("file of ")


def test_values_that_it_can_have_are_not():
    require(values("reben"), image(dtype=np.uint16, wrong=[0, 1, 27_000]) | image("VV", -12), str)
    require(values("pastis"), image(dtype=np.int16, wrong=[-200, 20_000]), str)
    require(values("eoekoland"), image("VV", -1200, np.int16) | image("B02", 0), str)


def test_every_band_of_every_set_of_rasters_has_a_range():
    for name in ("reben", "ssl4eo-s12", "pastis", "eoekoland", "hyspecnet", PUCK):
        assert values(name).keys() == data.declaration(name)["bands"].keys()
        assert data.declaration(name)["missing"]


# Through the readers


@pytest.fixture(scope="module")
def puck(tmp_path_factory):
    folder = tmp_path_factory.mktemp("puck") / PUCK
    # Fewer patches than the sample track has are simulated sooner.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bathymetry, "TRAIN", 8)
        patch.setattr(bathymetry, "TEST", 2)
        bathymetry.write(folder, PUCK)
    return folder


def changed_depth(puck, folder, wrong, said=None):
    """A copy of the sample in which three pixels of the first test patch's depth are others."""
    shutil.copytree(puck, folder, symlinks=True)
    dataset = data.reader(PUCK).open_dataset(folder)
    sample = dataset.ids("test")[0]
    path = dataset.folder / "depth" / "s2" / f"depth_{sample}.tif"
    before = dataset.depth(sample, ["S2-B02"])
    elevation = tifffile.imread(path).astype(np.float32)
    elevation[2, 3:6] = wrong
    put(path, elevation, tags=[text(42113, said)] if said else [])
    return dataset, sample, before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (-9999, "-9999"),
        (-32768, "-32768"),
        (1e20, "1e20"),
        (np.nan, "nan"),
        (np.nan, None),
        (0, None),
    ],
)
def test_depths_without_data_dont_count(puck, tmp_path, wrong, said):
    dataset, sample, before = changed_depth(puck, tmp_path / "copy", wrong, said)
    depth = dataset.depth(sample, ["S2-B02"])
    assert np.isnan(depth[2, 3:6]).all()
    depth[2, 3:6] = before[2, 3:6]
    np.testing.assert_array_equal(depth, before)


@pytest.mark.parametrize("wrong", [-9999, -99])
def test_depths_that_no_place_has_are_refused(puck, tmp_path, wrong):
    dataset, sample, _ = changed_depth(puck, tmp_path / "copy", wrong)
    with pytest.raises(BenchError, match=rf"depth_{sample}\.tif: .* found {wrong} in 3 pixels"):
        dataset.depth(sample, ["S2-B02"])
    checks = data.reader(PUCK).verify(tmp_path / "copy", 1000, lambda *_: None)
    (depths,) = [check for check in checks if check.name == "depths"]
    assert not depths.passed


def test_the_case_as_it_was_found(puck, tmp_path, real_data):
    case = real_data.parent / "cases" / "02-depth-nodata" / "depth_90014.tif"
    if not case.is_file():
        pytest.skip(f"no {case}")
    shutil.copytree(puck, tmp_path / "copy", symlinks=True)
    dataset = data.reader(PUCK).open_dataset(tmp_path / "copy")
    before = dataset.depth("90014", ["S2-B02"])
    shutil.copy(case, dataset.folder / "depth" / "s2" / case.name)
    depth = dataset.depth("90014", ["S2-B02"])
    assert np.isnan(depth).sum() == np.isnan(before).sum() + 3
    assert np.nanmax(depth) < 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Six patches of the sample."""
    folder = tmp_path_factory.mktemp("tree") / "reben"
    patches.write(folder, planned=patches.plan()[:6])
    return folder


def pixels_check(root):
    checks = data.reader("reben").verify(root, 1000, lambda *_: None)
    return next(check for check in checks if check.name == "pixels")


@pytest.mark.parametrize("prepared", [False, True])
def test_an_offset_in_every_band_is_told(tree, tmp_path, prepared):
    assert pixels_check(tree).passed
    shutil.copytree(tree, tmp_path / "copy")
    for path in (tmp_path / "copy" / "BigEarthNet-S2").rglob("*.tif"):
        content = bytearray(path.read_bytes())
        pixels = geotiff.read(path)
        content[-pixels.nbytes :] = (pixels + np.uint16(1000)).tobytes()
        path.write_bytes(content)
    if prepared:
        data.reader("reben").prepare(tmp_path / "copy", 1, lambda *_: None)
    found = pixels_check(tmp_path / "copy")
    assert not found.passed
    assert "1000 is added to all (processing baseline 04.00" in found.found


def test_few_images_tell_nothing_of_an_offset():
    darkest = Darkest(values("reben"))
    for count in range(1, 5):
        darkest.add({"B02": np.full((4, 4), 1500, np.uint16)})
        assert bool(darkest.faults()) == (count == 4)
    darkest.add({"B03": np.full((4, 4), 20, np.uint16)})
    assert not darkest.faults()


def test_a_stored_patch_with_values_for_no_data_is_refused(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "copy")
    path = min((tmp_path / "copy" / "BigEarthNet-S2").rglob("*_B02.tif"))
    content = bytearray(path.read_bytes())
    content[-2:] = b"\xff\xff"
    path.write_bytes(content)
    dataset = data.reader("reben").open_dataset(tmp_path / "copy")
    sample = path.parent.name
    with pytest.raises(BenchError, match=r"_B02\.tif: .* found 65535 in 1 of 14400"):
        dataset.read(sample, ["B02"])
    dataset.read(sample, ["B03"])


def test_a_code_without_meaning_names_its_patch(tree, tmp_path):
    shutil.copytree(tree, tmp_path / "copy")
    path = min((tmp_path / "copy" / "Reference_Maps").rglob("*.tif"))
    put(path, np.full((120, 120), 7, np.uint16))
    sample = path.parent.name
    dataset = data.reader("reben").open_dataset(tmp_path / "copy")
    with pytest.raises(BenchError, match=f"code 7 of the reference map of {sample} is none"):
        dataset.reference_map(sample)


def test_a_series_without_all_its_bands_is_refused_in_words(tmp_path):
    from bench.data.pastis import pastis
    from bench.data.pastis import simulate as series

    series.write(tmp_path, patches=5)
    path = min((tmp_path / "DATA_S2").glob("*.npy"))
    np.save(path, np.load(path)[:, :9])
    dataset = pastis.open_dataset(tmp_path)
    with pytest.raises(BenchError, match="expected images of S2 with 10 bands, found 9"):
        dataset.read(path.stem.removeprefix("S2_"), ["B02", "B12"])
