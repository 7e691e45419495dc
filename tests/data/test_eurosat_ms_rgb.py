"""EuroSAT with composites: how they are made, and who can be run on them."""

from pathlib import Path

import numpy as np
import pytest

from bench import data
from bench.base.errors import RequestError
from bench.data.formats import planar_tiff
from bench.models import entries
from bench.spec import task as tasks

NAME = "eurosat-ms-rgb"
TASK = tasks.load("eurosat-ms-zeroshot")


def test_a_composite_is_level_1c_whose_white_is_3558(tmp_path: Path) -> None:
    bands = list(data.declaration("eurosat-ms")["bands"])
    pixels = np.zeros((13, 64, 64), np.uint16)
    pixels[bands.index("B04")] = 3558
    pixels[bands.index("B03"), :32] = 1779
    pixels[bands.index("B02")] = 9000
    folder = tmp_path / "Forest"
    folder.mkdir()
    planar_tiff.write(
        folder / "Forest_1.tif",
        pixels,
        epsg=32632,
        origin=(500_000.0, 5_500_000.0),
        pixel=10.0,
        nodata=None,
        interleaved=True,
    )
    opened = data.reader(NAME).open_dataset(tmp_path)
    sample = opened.ids("all")[0]
    found = opened.read(sample, ["R", "G", "B", "B02", "B8A"])
    assert list(found) == ["R", "G", "B", "B02", "B8A"]
    assert found["R"].dtype == np.uint8
    assert set(found["R"].ravel()) == set(found["B"].ravel()) == {255}
    assert set(found["G"][:32].ravel()) == {127}
    assert found["G"][32:].max() == 0
    assert found["B02"].max() == 9000
    assert opened.label(sample) == 1
    assert opened.present(["R", "B10"]) == [sample]
    with pytest.raises(RequestError, match="unknown band"):
        opened.read(sample, ["R", "magic"])


def test_what_learnt_from_level_2a_sees_level_1c_of_the_same_bands() -> None:
    made = entries.baseline("ms-aligned", tasks.load("reben-alignment-retrieval")).on("sample")
    seen = entries.for_task(made, TASK).input
    assert seen == TASK.input("rgb-s2")
    assert seen.bands == made.input.bands
    assert set(seen.units) == {"rgb", "sentinel-2-l1c"}
    assert TASK.division(seen) == "closed"
    patched = entries.baseline("clip-patched", tasks.load("reben-zeroshot")).on("sample")
    assert entries.for_task(patched, TASK).input == TASK.input("clip")
    # In another unit, or of another instrument, bands of the same names are other bands.
    for units in (
        {"rgb": "8 bit", "sentinel-2-l2a": "reflectance"},
        {"rgb": "8 bit", "landsat-8": "reflectance x 10000"},
    ):
        other = made.model_copy(update={"input": made.input.model_copy(update={"units": units})})
        assert entries.for_task(other, TASK).input == other.input
