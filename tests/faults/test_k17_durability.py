"""Sample data and stores that were cut short, zeroed, or made by a killed process."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.base.files import tree_sha256
from bench.data import samples
from bench.data.formats.tensor_lmdb import TensorWriter
from bench.data.pastis import pastis
from bench.data.pastis import prepare as pastis_prepare
from bench.data.reben import prepare as reben_prepare
from tests.data import test_pastis
from tests.data.test_pastis import contents, pixels_of, quiet
from tests.data.test_reben import write_tree

COUNT = 24

pastis_root = test_pastis.root


def small(root):
    for number in range(COUNT):
        file = root / f"{number % 3}" / f"{number}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(hashlib.sha256(bytes([number])).digest() * 100)


@pytest.fixture
def made(tmp_path):
    root = tmp_path / "sample" / "small-1"
    samples.ensure("small", root, small, lambda text: None)
    return root


def again(root):
    """What is said when the data is asked for once more."""
    said = []
    samples.ensure("small", root, small, said.append)
    return said


def test_all_files_and_folders_are_on_the_disk_before_the_data_has_its_name(tmp_path, monkeypatch):
    root, flushed, fsync, replace = tmp_path / "sample" / "small-1", set(), os.fsync, os.replace
    lacking = []

    def noting(descriptor):
        flushed.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def moving(source, target):
        if os.fspath(target) == str(root):
            held = [source, *(path for path in source.rglob("*"))]
            lacking.extend(path for path in held if path.stat().st_ino not in flushed)
            lacking.append(len(held))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(os, "replace", moving)
    samples.ensure("small", root, small, lambda text: None)
    # The data, its folders, its hash and its notes.
    assert lacking == [1 + 3 + COUNT + 2]
    assert root.parent.stat().st_ino in flushed


def test_data_that_is_whole_is_neither_hashed_nor_made_again(made, monkeypatch):
    monkeypatch.setattr(samples, "sha256_file", None)
    assert again(made) == []


def test_what_a_process_left_that_was_killed_after_the_data_had_its_name_is_removed(tmp_path):
    code = """
import os, sys
from pathlib import Path
from bench.base import files
from bench.data import samples
move = files.move
def moving(source, target):
    move(source, target)
    if target == Path(sys.argv[1]):
        os.kill(os.getpid(), 9)
files.move = moving
samples.ensure("small", Path(sys.argv[1]), lambda root: (root / "a").write_bytes(b"a"), print)
"""
    root = tmp_path / "sample" / "small-1"
    subprocess.run([sys.executable, "-c", code, root], check=False, stdout=subprocess.DEVNULL)
    assert len(list(root.parent.glob(".*.tmp"))) == 1
    assert again(root) == []
    assert not list(root.parent.glob(".*.tmp"))


def zeroed(root):
    for number in range(20):
        (root / f"{number % 3}" / f"{number}.bin").write_bytes(bytes(3200))


def cut_short(root):
    os.truncate(root / "0" / "3.bin", 3199)


def emptied(root):
    (root / "0" / "3.bin").write_bytes(b"")


def lost(root):
    (root / "0" / "3.bin").unlink()


@pytest.mark.parametrize("notes", ["", samples.HASH, samples._NOTES, "both", "zeroed"])
@pytest.mark.parametrize("damage", [zeroed, cut_short, emptied, lost])
def test_damaged_files_are_found_and_made_again_with_the_same_hash(made, damage, notes):
    before = samples.sha256(made)
    damage(made)
    for name in (samples.HASH, samples._NOTES) if notes in ("both", "zeroed") else (notes,):
        if notes == "zeroed":
            (made / name).write_bytes(bytes((made / name).stat().st_size))
        elif name:
            (made / name).unlink()
    said = again(made)
    assert len(said) == 2
    assert "isn't as it was made" in said[0]
    assert samples.sha256(made) == before
    (made / samples._NOTES).unlink()
    (made / samples.HASH).unlink()
    assert tree_sha256(made) == before
    assert [path.name for path in made.parent.iterdir() if path.name.endswith(".tmp")] == []


@pytest.mark.parametrize("notes", [samples.HASH, samples._NOTES])
def test_a_lost_note_is_written_again_once_all_is_hashed(made, notes):
    before = (made / notes).read_bytes()
    (made / notes).unlink()
    assert again(made) == []
    assert (made / notes).read_bytes() == before


def test_without_any_note_nothing_vouches_for_the_data(made):
    for name in (samples.HASH, samples._NOTES):
        (made / name).unlink()
    assert "its SHA256 is missing" in again(made)[0]


def test_a_copy_with_other_times_is_hashed_once(made, monkeypatch):
    for number in range(COUNT):
        os.utime(made / f"{number % 3}" / f"{number}.bin", ns=(1, 1))
    assert again(made) == []
    assert {time for _, time, _ in json.loads((made / samples._NOTES).read_text()).values()} == {1}
    monkeypatch.setattr(samples, "sha256_file", None)
    assert again(made) == []


def test_files_of_somebody_else_are_neither_taken_nor_removed(made):
    (made / "0" / ".DS_Store").touch()
    assert again(made) == []
    (made / "0" / "mine.bin").write_bytes(b"precious")
    with pytest.raises(BenchError, match=r"1 files that aren't of the sample data, first 0/mine"):
        again(made)
    assert (made / "0" / "mine.bin").read_bytes() == b"precious"


# Stores

WRITE = """
import os, sys
from pathlib import Path
import numpy as np
from bench.data.formats.tensor_lmdb import TensorWriter, encode
folder, stop = Path(sys.argv[1]), int(sys.argv[2])
names = [f"patch {n:03}" for n in range(200)]
with TensorWriter(folder) as writer:
    there = writer.names()
    missing = [name for name in names if name not in there]
    for number, start in enumerate(range(0, len(missing), 16)):
        batch = missing[start : start + 16]
        sizes = {name: 100 + 37 * int(name[-3:]) for name in batch}
        writer.put({name: encode({"a": np.full(n, 7, np.uint8)}) for name, n in sizes.items()})
        if number == stop:
            # Killed while the next batch is on its way to the disk.
            with (folder / "data.mdb").open("ab") as stream:
                stream.write(b"x" * 4096)
            os.kill(os.getpid(), 9)
print(len(there))
"""


def written(folder, stop=-1):
    done = subprocess.run(
        [sys.executable, "-c", WRITE, folder, str(stop)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm") / "store"
    assert written(folder) == (0, "0", "")
    return (folder / "data.mdb").read_bytes()


def test_a_killed_and_repeated_writer_ends_with_the_same_bytes(tmp_path, calm):
    for stop in (0, 3, 2):
        assert written(tmp_path / "store", stop)[0] == -9
    assert written(tmp_path / "store") == (0, str(16 * 8), "")
    assert (tmp_path / "store" / "data.mdb").read_bytes() == calm


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_an_unfinished_store_that_was_cut_short_is_begun_again(tmp_path, calm, share):
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(calm[: int(len(calm) * share) // 4096 * 4096])
    code, there, said = written(folder)
    assert (code, there) == (0, "0")
    assert "is damaged" in said
    assert "begun again" in said
    assert (folder / "data.mdb").read_bytes() == calm


LIST = """
import sys
from pathlib import Path
from bench.data.formats.tensor_lmdb import TensorStore
from bench.base.errors import BenchError
for folder in sys.argv[1:]:
    try:
        print(len(list(TensorStore(Path(folder)).names())))
    except BenchError as error:
        print(error)
"""


def test_pages_without_content_are_one_clear_error_and_do_not_end_the_process(tmp_path, calm):
    """The library aborts at such a page when it comes from the one before."""
    kinds = [int.from_bytes(calm[at + 10 : at + 12], "little") for at in range(0, len(calm), 4096)]
    damaged = [page for page, kind in enumerate(kinds) if page > 1 and kind in (1, 2)]
    for page in damaged:
        content = bytearray(calm)
        content[page * 4096 : (page + 1) * 4096] = bytes(4096)
        (tmp_path / str(page)).mkdir()
        (tmp_path / str(page) / "data.mdb").write_bytes(content)
    folders = [tmp_path / str(page) for page in damaged]
    done = subprocess.run(
        [sys.executable, "-c", LIST, *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    found = done.stdout.splitlines()
    assert len(found) == len(damaged) > 3
    # Pages that are free hold old copies, whose content is nothing's.
    assert {line if line == "200" else line.partition(" page ")[0][-11:] for line in found} == {
        "200",
        "is damaged:",
    }
    assert sum(line != "200" for line in found) > 2
    assert all("remove it" in line for line in found if line != "200")


def test_two_writers_do_not_share_a_store(tmp_path):
    with TensorWriter(tmp_path / "store"):
        with pytest.raises(BenchError, match=r"another process is writing .*store \(process"):
            TensorWriter(tmp_path / "store")
        assert [path.name for path in (tmp_path / "store").iterdir()] == ["data.mdb"]


class _StopError(Exception):
    pass


def stopping(after):
    def stop(done, total):
        if done >= after:
            raise _StopError

    return stop


def test_preparing_reben_again_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(reben_prepare, "_BATCH", 2)
    stores = []
    for name, stops in (("calm", ()), ("stopped", (5, 11, 20))):
        root = write_tree(tmp_path / name)
        for after in stops:
            with pytest.raises(_StopError):
                reben_prepare.convert(root, 1, stopping(after))
        stores.append((reben_prepare.convert(root, 1, quiet) / "data.mdb").read_bytes())
    assert stores[0] == stores[1]


def test_arrays_that_are_noted_but_were_cut_off_are_copied_again(
    pastis_root,
    monkeypatch,
    caplog,
):
    root = pastis_root
    monkeypatch.setattr(pastis_prepare, "_AT_ONCE", 4)
    with pytest.raises(_StopError):
        pastis_prepare.convert(root, 1, stopping(16))
    partial = root / f"{pastis_prepare.STORE}.partial"
    os.truncate(partial / "S2.bin", 100)
    pastis_prepare.convert(root, 1, quiet)
    assert "copied again" in caplog.text
    for patch in ("10000", "10003"):
        found = contents(pastis.open_dataset(root), patch)
        assert np.array_equal(found["S2"], pixels_of(patch, "S2"))
