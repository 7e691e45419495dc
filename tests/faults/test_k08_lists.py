"""Lists, ids and pictures as people have them on disk."""

import codecs
import gzip
import io
import json
import shutil
import tarfile
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import data
from bench.base import bounded_toml
from bench.base.errors import BenchError, RequestError
from bench.cli import _request
from bench.evaluate.request import Request, ResolvedRequest, samples_of
from bench.results import reported
from bench.results.import_runs import import_runs
from bench.spec import task as tasks
from bench.submissions import sync as submissions
from tests.fabricated import fabricate
from tests.typed import Prompt


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(path)
    return path


def opened(name: str, root: Path) -> Any:
    return data.reader(name).open_dataset(root)


def checks(name: str, root: Path) -> dict[str, data.Check]:
    return {one.name: one for one in data.reader(name).verify(root, 9, lambda *_: None)}


def rsicd(root: Path, name: str = "river_1.jpg", file: str | None = None) -> Path:
    """The smallest RSICD: a picture, and its file of annotations."""
    image = {"filename": name, "split": "test", "sentences": [{"raw": "a river ."}]}
    picture(root / "RSICD_images" / (file or name))
    (root / "dataset_rsicd.json").write_text(json.dumps({"images": [image]}))
    return root


# Encodings and line ends.


def marked(text: str) -> list[bytes]:
    """A text as editors of several systems save it."""
    windows = text.replace("\n", "\r\n")
    return [
        text.encode(),
        windows.encode(),
        codecs.BOM_UTF8 + windows.encode(),
        codecs.BOM_UTF16_LE + windows.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        text.replace("\n", "\r").encode(),
    ]


FORMS = range(len(marked("")))


@pytest.mark.parametrize("form", FORMS)
def test_lists_of_captions(tmp_path: Path, form: int) -> None:
    (tmp_path / "test_caps.txt").write_bytes(marked("a river .\na bridge .\n")[form])
    (tmp_path / "test_filename.txt").write_bytes(marked("river_1.jpg \nbridge_1.jpg\n")[form])
    rows = '{"filename": "a.jpg", "captions": ["x"]}\n\n{"filename": "b.jpg", "captions": ["y"]}\n'
    (tmp_path / "train.jsonl").write_bytes(marked(rows)[form])
    dataset = opened("rsicd", tmp_path)
    assert dataset.ids("test") == ["bridge_1.jpg", "river_1.jpg"]
    assert dataset.captions("river_1.jpg") == ["a river ."]
    assert dataset.ids("train") == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("form", FORMS)
def test_json_of_captions(tmp_path: Path, form: int) -> None:
    plain = (rsicd(tmp_path) / "dataset_rsicd.json").read_text()
    (tmp_path / "dataset_rsicd.json").write_bytes(marked(plain)[form])
    assert opened("rsicd", tmp_path).ids("test") == ["river_1.jpg"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["{}", '"{}"', " {} "])
def test_lists_of_hyspecnet(tmp_path: Path, form: int, cell: str) -> None:
    tile = "ENMAP01-____L2A-DT0000004950_20221103T162438Z_001_V010110_20221118T145147Z"
    name = f"{tile}-Y01460273_X03110438"
    (tmp_path / "patches").mkdir()
    (tmp_path / "splits" / "easy").mkdir(parents=True)
    text = cell.format(f"{tile}/{name}/{name}-DATA.npy") + "\n"
    (tmp_path / "splits" / "easy" / "test.csv").write_bytes(marked(text)[form])
    assert opened("hyspecnet", tmp_path).ids("test") == [f"{tile}/{name}"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_lists_of_eoekoland(tmp_path: Path, form: int, mark: str) -> None:
    for split in ("train", "val", "test"):
        rows = [["", "image_file"], ["0", f'"{split}_1.npz "']]
        text = "".join(mark.join(row) + "\n" for row in rows)
        (tmp_path / f"{split}.csv").write_bytes(marked(text)[form])
    dataset = opened("eoekoland", tmp_path)
    assert dataset.ids("test") == ["test_1"]
    prints = dataset.fingerprint()
    for split in ("train", "val", "test"):
        text = f'{mark}image_file\n0{mark}"{split}_1.npz "\n'
        (tmp_path / f"{split}.csv").write_text(text)
    assert opened("eoekoland", tmp_path).fingerprint() == prints


@pytest.mark.parametrize("form", FORMS)
def test_toml(tmp_path: Path, form: int) -> None:
    content = marked('name = "é"\nversion = 1\n')
    (tmp_path / "entry.toml").write_bytes(content[form])
    if form == 5:  # TOML has no bare carriage return
        with pytest.raises(RequestError, match="is not TOML"):
            bounded_toml.read(tmp_path / "entry.toml", 1000)
    else:
        found = bounded_toml.read(tmp_path / "entry.toml", 1000)
        assert found == {"name": "é", "version": 1}


def test_another_encoding_is_named_with_its_byte(tmp_path: Path) -> None:
    (tmp_path / "test_caps.txt").write_bytes("une rivière\n".encode("latin-1"))
    (tmp_path / "test_filename.txt").write_bytes(b"a.jpg\n")
    with pytest.raises(BenchError, match=r"test_caps\.txt: expected text in UTF-8, found .* at 8"):
        opened("rsicd", tmp_path)


# --ids


@pytest.mark.parametrize("form", FORMS)
def test_ids_are_lines_as_they_are(tmp_path: Path, form: int) -> None:
    text = "rue de la paix 1.jpg\n\nb\n b \nb\n"
    (tmp_path / "ids.txt").write_bytes(marked(text)[form])
    assert _request._lines(tmp_path / "ids.txt") == ["rue de la paix 1.jpg", "b", " b ", "b"]


def chosen(root: Path, *ids: str) -> list[str]:
    """The samples of a request for these ids of RSICD."""
    task = tasks.load("rsicd-retrieval")
    resolved = ResolvedRequest(task, "official", root, opened("rsicd", root), "cpu")
    model: Any = SimpleNamespace(input=SimpleNamespace(bands=("R", "G", "B")))
    asked = Request(task.name, "none", ids=ids, results=root)
    return samples_of(asked, resolved, model)[0]


def test_ids_of_no_sample_are_another_fault_than_pictures_that_lack(tmp_path: Path) -> None:
    root = rsicd(tmp_path)
    assert chosen(root, "river_1.jpg", "river_1.jpg") == ["river_1.jpg"]
    for wrong in ("river_1.jpg ", "River_1.jpg"):
        with pytest.raises(RequestError, match="in no split") as caught:
            chosen(root, wrong)
        assert "did you mean 'river_1.jpg'" in caught.value.hint
        assert "bench info rsicd-retrieval --ids" in caught.value.hint
    (root / "RSICD_images" / "river_1.jpg").rename(root / "away")
    (root / "RSICD_images.zip").touch()
    with pytest.raises(BenchError, match=r"1 of 1 samples .* RSICD_images\.zip lies") as absent:
        chosen(root, "river_1.jpg")
    assert absent.value.hint.startswith("unpack it; complete the dataset")


def test_the_ids_of_a_split_are_printed(bench: Prompt) -> None:
    rsicd(bench.folder / "data" / "rsicd", "rue 1.jpg")
    environment = {"BENCH_DATA": "data"}
    assert bench.in_process("info rsicd-retrieval --ids", **environment).stdout == "rue 1.jpg\n"
    told = bench.in_process("info rsicd-retrieval --ids --json", **environment).json()
    assert told == {
        "task": "rsicd-retrieval", "track": "official", "split": "test", "ids": ["rue 1.jpg"],
    }  # fmt: skip
    of_train = bench.in_process("info rsicd-retrieval --ids --split train", **environment)
    assert of_train.stdout == ""
    wrong = bench.in_process("info rsicd-retrieval --ids --split tset", 2, **environment)
    assert "did you mean test" in wrong.stderr
    assert "--ids" in bench.in_process("info rsicd-retrieval --split test", 2).stderr


# Folders and names.


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    blobs = picture(tmp_path / "blobs" / "4f.png")
    elsewhere = tmp_path / "disk" / "images"
    elsewhere.mkdir(parents=True)
    (elsewhere / "river_1.jpg").symlink_to(blobs)
    (elsewhere / "back").symlink_to(tmp_path / "rsicd")
    shutil.rmtree(rsicd(tmp_path / "rsicd") / "RSICD_images")
    (tmp_path / "rsicd" / "RSICD_images").mkdir()
    (tmp_path / "rsicd" / "RSICD_images" / "part").symlink_to(elsewhere)
    assert opened("rsicd", tmp_path / "rsicd").present("R") == ["river_1.jpg"]


@pytest.mark.parametrize("left", ["@eaDir", ".ipynb_checkpoints", "__MACOSX", "#recycle"])
def test_what_systems_leave_is_passed_over(tmp_path: Path, left: str) -> None:
    root = rsicd(tmp_path)
    picture(root / "RSICD_images" / left / "river_1.jpg")
    shutil.copy(root / "dataset_rsicd.json", root / "._dataset_rsicd.json")
    (root / left).mkdir()
    shutil.copy(root / "dataset_rsicd.json", root / left)
    assert opened("rsicd", root).present("R") == ["river_1.jpg"]
    only = tmp_path / "only"
    (only / left).mkdir(parents=True)
    (only / ".DS_Store").touch()
    assert not data.is_there(only)


@pytest.mark.parametrize(
    ("listed", "file"),
    [
        ("river_1.jpg", "river_1.JPG"),
        ("river_1.jpg", "River_1.jpeg"),
        ("river_1.tif", "river_1.tiff"),
        ("river_1.jpg", "river_1.png"),
        ("fluß é.jpg", unicodedata.normalize("NFD", "fluß é.jpg")),
        (unicodedata.normalize("NFD", "fluß é.jpg"), "fluß é.jpg"),
    ],
)
def test_pictures_go_by_the_names_of_their_list(tmp_path: Path, listed: str, file: str) -> None:
    dataset = opened("rsicd", rsicd(tmp_path, listed, file))
    assert dataset.present("R") == [listed]
    assert dataset.read(listed, ["R"])["R"].shape == (4, 4)


def test_one_picture_is_meant_by_a_name(tmp_path: Path) -> None:
    root = rsicd(tmp_path, "river_1.jpg", "river_1.JPG")
    picture(root / "RSICD_images" / "river_1.png")
    with pytest.raises(BenchError, match=r"one picture named river_1\.jpg"):
        opened("rsicd", root)
    # The very name is meant before all that resemble it.
    picture(root / "RSICD_images" / "river_1.jpg")
    assert "river_1.jpg" in opened("rsicd", root).present("R")


def test_archives_unpacked_a_folder_too_deep(tmp_path: Path) -> None:
    rsicd(tmp_path / "a" / "RSICD" / "rsicd")
    assert opened("rsicd", tmp_path / "a").present("R") == ["river_1.jpg"]
    rows = {"images": [{"filename": "t_1.png", "split": "test", "sentences": [{"raw": "x"}]}]}
    picture(tmp_path / "b" / "LEVIR-CC" / "Images" / "test" / "A" / "t_1.png")
    picture(tmp_path / "b" / "LEVIR-CC" / "Images" / "test" / "B" / "t_1.png")
    (tmp_path / "b" / "LEVIR-CC" / "levirccCaptions.json").write_text(json.dumps(rows))
    assert opened("levir-cc", tmp_path / "b").present(["R1", "R2"]) == ["t_1.png"]
    picture(tmp_path / "c" / "datasetDubaiCC" / "imgs_tiles" / "RGB" / "500_2000" / "1.tif")
    picture(tmp_path / "c" / "datasetDubaiCC" / "imgs_tiles" / "RGB" / "500_2010" / "1.tif")
    rows["images"][0]["filename"] = "1.tif"
    lists = tmp_path / "c" / "datasetDubaiCC" / "captions"
    lists.mkdir()
    (lists / "Test_Dubai_CC.json").write_text(json.dumps(rows))
    assert opened("dubai-cc", tmp_path / "c").present(["R1", "R2"]) == ["1.tif"]


@pytest.mark.parametrize(
    ("name", "archive", "told"),
    [
        ("rsicd", "RSICD.zip", "unpack it in"),
        ("levir-cc", "LEVIR-CC.zip", "unpack it in"),
        ("ucm", "UCMerced_LandUse.tar.gz", "unpack it in"),
        ("whu-rs19", "WHU-RS19.rar", "unpack it in"),
        ("dubai-cc", "dubai.7z", "unpack it in"),
        ("gaia", "GAIA.tgz", "unpack it in"),
        ("rsicd", "data/test-00000-of-00001.parquet", "tables of the Hub aren't read"),
    ],
)
def test_what_lies_there_as_downloaded_is_named(
    tmp_path: Path, name: str, archive: str, told: str
) -> None:
    (tmp_path / archive).parent.mkdir(exist_ok=True)
    (tmp_path / archive).touch()
    if name == "gaia":
        (tmp_path / "test_data.json").write_text('[{"id": "1", "captions": ["a"]}]')
    with pytest.raises(BenchError, match=f"found {archive}") as caught:
        opened(name, tmp_path)
    assert told in caught.value.hint


def test_an_archive_beside_its_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "RSICD.zip").touch()
    with pytest.raises(RequestError, match=r"RSICD\.zip lies beside it") as caught:
        data.require(tmp_path / "rsicd", "rsicd")
    assert f"unpack it into {tmp_path / 'rsicd'}" in caught.value.hint


def test_a_class_is_its_folder(tmp_path: Path) -> None:
    picture(tmp_path / "WHU-RS19" / "Airport" / "airport_1.JPG")
    picture(tmp_path / "downloads" / "airport_9.jpg")
    dataset = opened("whu-rs19", tmp_path)
    assert dataset.ids("all") == ["airport_1.JPG"]
    assert dataset.strays == ["airport_9.jpg"]
    with pytest.raises(BenchError, match=r"found 2 in other folders, the first .*even"):
        picture(tmp_path / "b" / "odd" / "1.jpg")
        picture(tmp_path / "b" / "even" / "2.jpg")
        opened("whu-rs19", tmp_path / "b")


def test_lists_without_records_are_named(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text("[]")
    with pytest.raises(BenchError, match="found no record"):
        opened("rsicd", tmp_path)
    with pytest.raises(BenchError, match=r"expected one of dataset_rsicd\.json"):
        opened("rsicd", tmp_path / "absent")


# GAIA: ids that went through a table, shards in other states.


def shard(path: Path, *ids: Any, ending: str = "png") -> Path:
    """A shard as img2dataset makes it, of pictures with these ids."""
    content = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(content, "png")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for number, value in enumerate(ids):
            described = json.dumps({"id": value, "status": "success"}).encode()
            for end, body in ((ending, content.getvalue()), ("json", described)):
                info = tarfile.TarInfo(f"{number:09d}.{end}")
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
    return path


def gaia(root: Path, *ids: Any) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    rows = [{"id": value, "captions": ["x"]} for value in ids]
    (root / "test_data.json").write_text(json.dumps(rows))
    return root


@pytest.mark.parametrize("given", [150, 150.0, "150", "150.0", "000150", "0150"])
@pytest.mark.parametrize("listed", ["000150", 150, 150.0])
def test_ids_are_matched_by_their_value(tmp_path: Path, listed: Any, given: Any) -> None:
    root = gaia(tmp_path, listed, "000151")
    shard(root / "test" / "00000.tar", given)
    (root / "test" / "._00000.tar").write_bytes(b"Mac OS X")
    dataset = opened("gaia", root)
    (there,) = dataset.present("R")
    assert there == (listed if isinstance(listed, str) else "150")
    assert dataset.read(there, ["R"])["R"].shape == (4, 4)
    assert dataset.layout == "shards, 1 of 2 obtained"
    assert checks("gaia", root)["annotations"].passed


def test_ids_of_one_value_are_not_mixed_up(tmp_path: Path) -> None:
    root = gaia(tmp_path, "150", "0150", "7")
    shard(root / "00000.tar", "150", 7)
    assert opened("gaia", root).present("R") == ["150", "7"]


def test_a_row_without_id_is_named_and_the_others_read(tmp_path: Path) -> None:
    root = gaia(tmp_path, "000150", float("nan"), None, "000152")
    shard(root / "00000.tar", 150, float("nan"))
    dataset = opened("gaia", root)
    assert dataset.ids("test") == ["000150", "000152"]
    assert [fault.rpartition("/")[2] for fault in dataset.faults] == [
        "test_data.json: record 1 has no id: left out",
        "test_data.json: record 2 has no id: left out",
        "00000.tar: 000000001: a picture without id",
    ]
    assert not checks("gaia", root)["annotations"].passed


def test_shards_that_are_compressed_are_no_rotted_links(tmp_path: Path) -> None:
    root = gaia(tmp_path, "1", "2", "3")
    plain = shard(root / "00000.tar", "1")
    for name in ("00001.tar.gz", "00002.tar"):
        (root / name).write_bytes(gzip.compress(plain.read_bytes()))
    dataset = opened("gaia", root)
    assert dataset.faults == (
        "00001.tar.gz is compressed: unpack it to a plain .tar",
        "00002.tar is compressed: unpack it to a plain .tar",
    )
    plain.unlink()
    with pytest.raises(BenchError, match=r"found 00001\.tar\.gz") as caught:
        opened("gaia", root)
    assert "unpack it in" in caught.value.hint
    (root / "00001.tar.gz").unlink()
    with pytest.raises(BenchError, match=r"1 faults, the first: 00002\.tar is compressed"):
        opened("gaia", root)


def test_shards_that_are_unpacked_are_read(tmp_path: Path) -> None:
    root = gaia(tmp_path, "000001", "000002")
    with tarfile.open(shard(tmp_path / "away.tar", 1, 2)) as archive:
        archive.extractall(root / "00000", filter="data")
    (tmp_path / "away.tar").unlink()
    dataset = opened("gaia", root)
    assert dataset.present("R") == ["000001", "000002"]
    assert dataset.read("000002", ["B"])["B"].shape == (4, 4)
    assert not dataset.faults


def test_nothing_obtained_has_a_reason(tmp_path: Path) -> None:
    root = gaia(tmp_path, "000001")
    with pytest.raises(BenchError, match=r"expected shards \(\.tar\) with pictures"):
        opened("gaia", root)
    shard(root / "00000.tar", "http://x/y", "other")
    with pytest.raises(BenchError, match=r"such as '000001', found 2 .* with others, such as 'y'"):
        opened("gaia", root)
    shard(root / "00000.tar", "000001", ending="webp")
    with pytest.raises(BenchError, match="a picture in webp, expected JPEG, PNG or TIFF"):
        opened("gaia", root)


# Results and manifests that were copied about.


@pytest.mark.parametrize("left", ["@eaDir", ".ipynb_checkpoints", "__MACOSX"])
def test_what_systems_leave_among_results_is_passed_over(tmp_path: Path, left: str) -> None:
    theirs = tmp_path / "theirs"
    fabricate(theirs, "a")
    for place in (theirs / "runs", theirs / "runs" / "a", tmp_path / "wanted", theirs / "reported"):
        (place / left).mkdir(parents=True)
        (place / left / "x.toml").write_text("no manifest")
        (place / "._x.toml").write_bytes(b"\0\5\x16\7Mac OS X")
    found = import_runs(theirs, tmp_path / "here")
    assert (found.new, found.refused) == (["a"], [])
    assert submissions.listed(tmp_path / "wanted") == ([], [])
    assert reported.check(theirs) == []
