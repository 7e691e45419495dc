"""Folders of pictures: what is found, by which name, and of which class."""

from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.data.formats.image_folder import Folders, labels, prompt


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_pictures_are_found_at_any_depth(tmp_path: Path) -> None:
    touched(
        tmp_path, "a.jpg", "x/b.TIF", "x/y/c.png", "notes.txt", ".a.jpg", ".git/d.jpg",
        "__MACOSX/e.jpg",
    )  # fmt: skip
    found = Folders([tmp_path, tmp_path / "absent"])
    assert sorted(found.names()) == ["a.jpg", "b.TIF", "c.png"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    touched(tmp_path, "x/a.jpg", "y/a.jpg")
    with pytest.raises(BenchError, match=r"one picture named a\.jpg"):
        Folders([tmp_path])


def test_a_name_with_folders_finds_nothing(tmp_path: Path) -> None:
    touched(tmp_path, "x/a.jpg", "secret.jpg")
    with pytest.raises(KeyError):
        Folders([tmp_path / "x"]).decode("../secret.jpg")


CLASSES = ["park", "parking", "railway station", "sea lake"]


def test_classes_by_folder(tmp_path: Path) -> None:
    touched(
        tmp_path, "railwayStation/1.jpg", "a/Sea Lake/x.jpg", "other/park_2.jpg", "parking_9.jpg",
        "park/parking_1.jpg",
    )  # fmt: skip
    found, strays = labels(Folders([tmp_path]).paths, CLASSES)
    assert found == {"1.jpg": 2, "x.jpg": 3, "parking_1.jpg": 0}
    assert sorted(strays) == ["park_2.jpg", "parking_9.jpg"]


def test_classes_by_name_where_all_lie_in_one_folder(tmp_path: Path) -> None:
    touched(
        tmp_path / "images", "sea_lake_12.jpg", "SeaLake_7.jpg", "railwaystation03.jpg", "z.jpg"
    )
    found, strays = labels(Folders([tmp_path]).paths, CLASSES)
    assert found == {"sea_lake_12.jpg": 3, "SeaLake_7.jpg": 3, "railwaystation03.jpg": 2}
    assert strays == ["z.jpg"]


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("AnnualCrop", "annual crop"),
        ("sea_ice", "sea ice"),
        ("footballField", "football field"),
        ("port", "port"),
        ("Dense-Residential ", "dense residential"),
    ],
)
def test_names_as_they_are_written_in_sentences(folder: str, words: str) -> None:
    assert prompt(folder) == words
