"""Folders as people have them."""

import unicodedata
from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.data import listing

LEFT = ["@eaDir", ".ipynb_checkpoints", "__MACOSX", "#recycle", "lost+found", ".git"]


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    for folder in LEFT:
        _touch(tmp_path / folder / "b.jpg")
    for file in (".DS_Store", "._a.jpg", "Thumbs.db", "thumbs.DB", "desktop.ini", "a.jpg", "c.JPG"):
        _touch(tmp_path / file)
    _touch(tmp_path / "s" / "d.txt")
    assert listing.files(tmp_path) == [tmp_path / "a.jpg", tmp_path / "c.JPG"]
    assert listing.folders(tmp_path) == [tmp_path / "s"]
    assert listing.files(tmp_path, ".jpg") == [tmp_path / "a.jpg", tmp_path / "c.JPG"]
    assert list(listing.walk(tmp_path, (".txt",))) == [tmp_path / "s" / "d.txt"]


def test_links_are_followed_and_lead_nowhere_twice(tmp_path: Path) -> None:
    elsewhere = _touch(tmp_path / "disk" / "deep" / "a.jpg").parents[1]
    root = tmp_path / "set"
    _touch(root / "own" / "b.jpg")
    (root / "linked").symlink_to(elsewhere)
    (root / "again").symlink_to(root / "own")
    (elsewhere / "back").symlink_to(root)
    (root / "c.jpg").symlink_to(elsewhere / "deep" / "a.jpg")
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere")
    found = [str(path.relative_to(root)) for path in listing.walk(root)]
    assert found == ["c.jpg", "own/b.jpg", "linked/deep/a.jpg"]
    assert list(listing.walk(tmp_path / "nowhere")) == []


def test_depth_is_bounded(tmp_path: Path) -> None:
    _touch(tmp_path / "1" / "2" / "3" / "a")
    assert list(listing.walk(tmp_path, depth=3)) == []
    assert len(list(listing.walk(tmp_path, depth=4))) == 1


def test_a_base_may_lie_in_folders_too_many(tmp_path: Path) -> None:
    def fits(folder: Path) -> bool:
        return (folder / "list.json").is_file()

    assert listing.base(tmp_path / "absent", fits) is None
    _touch(tmp_path / "x" / "y" / "z" / "list.json")
    assert listing.base(tmp_path, fits) is None
    assert listing.base(tmp_path / "x", fits) == tmp_path / "x" / "y" / "z"
    _touch(tmp_path / "__MACOSX" / "list.json")
    _touch(tmp_path / "one" / "list.json")
    (tmp_path / "alias").symlink_to(tmp_path / "one")
    assert listing.base(tmp_path, fits) in (tmp_path / "one", tmp_path / "alias")
    _touch(tmp_path / "two" / "list.json")
    with pytest.raises(BenchError, match="one copy"):
        listing.base(tmp_path, fits)
    _touch(tmp_path / "list.json")
    assert listing.base(tmp_path, fits) == tmp_path


def test_a_folder_in_one_of_its_name_is_entered(tmp_path: Path) -> None:
    _touch(tmp_path / "S2" / "s2" / "S2" / "scene" / "a")
    assert listing.unwrapped(tmp_path / "S2") == tmp_path / "S2" / "s2" / "S2"
    assert listing.unwrapped(tmp_path / "S2" / "s2" / "S2") == tmp_path / "S2" / "s2" / "S2"
    assert listing.unwrapped(tmp_path / "absent") == tmp_path / "absent"


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("a.TIF", "a.tif"),
        ("a.tiff", "a.tif"),
        ("a.tif", "a.TIFF"),
        ("a.JPEG", "a.jpg"),
        ("a.png", "a.jpg"),
        ("Images", "images"),
        (unicodedata.normalize("NFD", "Brücke.jpg"), "Brücke.jpg"),
    ],
)
def test_names_are_matched_as_systems_write_them(tmp_path: Path, there: str, asked: str) -> None:
    _touch(tmp_path / there)
    assert listing.find(tmp_path, asked) == tmp_path / there


def test_one_name_is_meant_by_one_file(tmp_path: Path) -> None:
    _touch(tmp_path / "b.tif")
    assert listing.find(tmp_path, "a.tif") is None
    assert listing.find(tmp_path / "absent", "a.tif") is None
    assert listing.find(tmp_path, "b.jpg") is None
    _touch(tmp_path / "b.TIFF")
    assert listing.find(tmp_path, "b.tif") == tmp_path / "b.tif"
    with pytest.raises(BenchError) as caught:
        listing.find(tmp_path, "B.tiff")
    assert "keep one" in caught.value.hint


def test_archives_are_named_where_nothing_else_is_found(tmp_path: Path) -> None:
    said = listing.absent("x.json", tmp_path, "see the list")
    assert str(said) == f"expected x.json in {tmp_path}, found none (see the list)"
    _touch(tmp_path / "RSICD.zip")
    said = listing.absent("x.json", tmp_path, "see the list")
    assert "found RSICD.zip" in said.message
    assert "unpack it" in said.hint
    _touch(tmp_path / "b.TAR.GZ")
    _touch(tmp_path / "in" / "c.7z")
    assert "them" in listing.absent("x", tmp_path, "").hint


def test_tables_of_the_hub_are_named(tmp_path: Path) -> None:
    _touch(tmp_path / "data" / "test-00000-of-00001.parquet")
    said = listing.absent("x.json", tmp_path, "")
    assert "data/test-00000-of-00001.parquet" in said.message
    assert "unpack" not in said.hint


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"could not look into .*plain: Not a directory"):
        listing.scan(_touch(tmp_path / "plain"))
