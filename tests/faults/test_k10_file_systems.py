"""File systems without hard links, flushing, locks, modes, or the right to write."""

import codecs
import contextlib
import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench import data
from bench.base import files, locks
from bench.base.errors import BenchError, os_error
from bench.base.files import atomic_path, move, new_folder, scratch, write_bytes
from bench.base.hub import Repository
from bench.data import samples
from bench.results import store
from bench.submissions import sync as submissions
from tests import run_json
from tests.fabricated import fabricate

NOBODY = 65534


def refusing(number):
    def refuse(*args, **named):
        raise OSError(number, os.strerror(number))

    return refuse


@contextlib.contextmanager
def held_elsewhere(path, doing="is baking", soft=False):
    """Another process that holds a lock until the block ends."""
    code = f"""
import errno, fcntl, sys
from pathlib import Path
from bench.base import locks
def refuse(*args): raise OSError(errno.ENOLCK, "none")
if {soft}: fcntl.flock = refuse
with locks.held(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, path, doing], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"held\n"
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def names(folder):
    return [path.name for path in folder.iterdir()]


def left_over(folder):
    return [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".soft"))]


@pytest.mark.parametrize("soft", [False, True])
def test_who_holds_a_lock_is_named_and_a_dead_holder_holds_nothing(tmp_path, monkeypatch, soft):
    lock, told = tmp_path / "deep" / ".lock", []
    if soft:
        monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    with held_elsewhere(lock, soft=soft) as child:
        with (
            pytest.raises(BenchError, match=rf"process is \w+ \(process {child.pid} on ") as caught,
            locks.held(lock, "is eating", 0.1, told.append),
        ):
            pass
        assert len(told) == 1
        assert told[0].startswith("waiting up to 0 s: another process is ")
        assert ("remove" in caught.value.hint) == soft
    with locks.held(lock, "is eating"):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_flock_a_file_stands_for_the_lock(tmp_path, monkeypatch, number):
    lock = tmp_path / ".lock"
    lock.touch()
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with locks.held(lock, "is working"):
        holder = (tmp_path / ".lock.soft").read_text().split()
        assert holder[0] == str(os.getpid())
        assert locks.attempt(lock, "is working as well") is None
    assert not (tmp_path / ".lock.soft").exists()
    write_bytes(tmp_path / "results" / "file", b"content")
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inner").touch()
    run, _, _ = fabricate(tmp_path / "results", "a")
    with run.lock():
        store.record(tmp_path / "results", run)
    assert store.rebuild(tmp_path / "results") == (1, [])
    assert not left_over(tmp_path)


def test_a_lock_that_was_removed_while_it_was_taken_is_taken_again(tmp_path, monkeypatch):
    lock, flock, counts = tmp_path / ".lock", fcntl.flock, []

    def meanwhile(descriptor, operation):
        flock(descriptor, operation)
        counts.append(descriptor)
        if len(counts) == 1:
            lock.unlink()

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with locks.held(lock, "is working", 5.0):
        assert len(counts) == 2
        assert locks.attempt(lock, "is working") is None


def test_the_forked_child_of_a_killed_process_does_not_keep_its_lock(tmp_path):
    code = """
import os, sys
from pathlib import Path
from bench.base import locks
locks.attempt(Path(sys.argv[1]), "is working")
if os.fork():
    os.read(0, 1)
    os.kill(os.getpid(), 9)
print(os.getpid(), flush=True)
os.read(0, 1)
"""
    lock = tmp_path / ".lock"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    assert locks.attempt(lock, "is working as well") is None
    parent.kill()
    parent.wait()
    try:
        with locks.held(lock, "is working again"):
            os.kill(child, 0)
    finally:
        parent.stdin.close()
        parent.stdout.close()


def test_lock_files_are_for_the_group_where_the_folder_is(tmp_path):
    before = os.umask(0o022)
    try:
        for mode, expected in ((0o755, 0o644), (0o775, 0o664), (0o777, 0o666)):
            folder = tmp_path / f"{mode:o}"
            folder.mkdir()
            folder.chmod(mode)
            with locks.held(folder / ".lock", "is working"):
                assert stat.S_IMODE((folder / ".lock").stat().st_mode) == expected
    finally:
        os.umask(before)


def as_nobody(work, *args):
    """What a function says in a child without rights; the message where it raises."""
    # The child may be kept from the library that it would be imported from.
    codecs.lookup("ascii")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = str(work(*args))
        except BaseException as error:  # noqa: BLE001
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    return said


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def open_to_all():
    """A folder that another user may reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def small(root):
    (root / "inner").mkdir()
    for number in range(3):
        (root / "inner" / f"{number}.bin").write_bytes(bytes([number]) * 100)


@needs_root
def test_data_that_is_there_needs_neither_lock_nor_right_to_write(open_to_all):
    root = open_to_all / "sample" / "small-1"
    samples.ensure("small", root, small, lambda text: None)
    root.with_name(".small-1.lock").unlink()
    assert as_nobody(samples.ensure, "small", root, small, print) == "None"
    # Copied with other times: it is hashed, though nothing can be noted.
    os.utime(root / "inner" / "1.bin", ns=(0, 0))
    assert as_nobody(samples.ensure, "small", root, small, print) == "None"
    (root / "inner" / "1.bin").write_bytes(bytes(100))
    said = as_nobody(samples.ensure, "small", root, small, lambda text: None)
    assert "BenchError" in said
    assert "BENCH_DATA" in said


@needs_root
def test_a_lock_file_of_another_user_that_can_only_be_read_is_locked(open_to_all):
    folder = open_to_all / "group"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / ".lock").touch(0o644)
    assert as_nobody(lambda: locks.attempt(folder / ".lock", "x") is not None) == "True"
    with locks.held(folder / ".lock", "is working"):
        assert as_nobody(lambda: locks.attempt(folder / ".lock", "x") is None) == "True"


@needs_root
def test_results_that_cannot_be_written_are_read_and_the_advice_is_where_to_write(open_to_all):
    results = open_to_all / "results"
    run, _, _ = fabricate(results, "a")
    store.record(results, run)

    def read():
        with store.connect(results, write=False) as connection:
            return connection.execute("select run from runs").fetchall()

    assert as_nobody(read) == "[('a',)]"
    for work in (lambda: store.record(results, run), run.lock):
        said = as_nobody(work)
        assert said.startswith("BenchError: could not ")
        assert "--results" in said
        assert "rebuild" not in said


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK])
def test_without_hard_links_files_are_copied(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "link", refusing(number))
    (tmp_path / "a").write_bytes(b"content")
    files.link_or_copy(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"content"
    run, _, _ = fabricate(tmp_path / "results", "a")
    run_json.write(run, run_json.read(run) | {"identity": run_json.identity()})
    there = Repository("alice/mine", "model", "0" * 40, {})
    recorded = submissions._recorded(run, there, tmp_path / "ours", tmp_path / "staged")
    assert recorded.entry.source == str(there)
    assert len(list((tmp_path / "ours" / "runs").glob("*/run.json"))) == 1


@pytest.mark.parametrize(
    "number", [errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF]
)
def test_folders_that_cannot_be_flushed_are_not_waited_for(tmp_path, monkeypatch, number):
    fsync = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_bytes(tmp_path / "file", b"content")
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inner").touch()
    assert (tmp_path / "folder" / "inner").is_file()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_file_that_did_not_reach_the_disk_does_not_get_its_name(tmp_path, monkeypatch, number):
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", refusing(number))
    with pytest.raises(BenchError, match=f"could not write .*{os.strerror(number)}"):
        write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_file_system_without_modes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "chmod", refusing(errno.EPERM))
    monkeypatch.setattr(os, "fchmod", refusing(errno.ENOSYS))
    write_bytes(tmp_path / "file", b"content")
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inner").touch()
    with locks.held(tmp_path / ".lock", "is working"):
        pass


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_cannot_be_renamed_is_copied_beside_its_place(tmp_path, monkeypatch, kind):
    source, target, replace = tmp_path / "made", tmp_path / "there", os.replace
    inner = source / "deep" / "inner" if kind == "folder" else source
    inner.parent.mkdir(parents=True, exist_ok=True)
    inner.write_bytes(b"content")

    def crossing(old, new):
        if os.fspath(old) == str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(old, new)

    monkeypatch.setattr(os, "replace", crossing)
    move(source, target)
    assert (target / "deep" / "inner" if kind == "folder" else target).read_bytes() == b"content"
    assert names(tmp_path) == ["there"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free disk space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "choose another folder"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.ENOTDIR, "a file stands where a folder"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "disk or its connection"),
        (errno.ESTALE, "mount it again"),
        (12345, "look at the path"),
    ],
)
def test_the_advice_fits_the_error(tmp_path, monkeypatch, number, advice):
    assert advice in os_error("could not", OSError(number, "no")).hint
    monkeypatch.setattr("pathlib.Path.mkdir", refusing(number))
    with pytest.raises(BenchError) as caught, atomic_path(tmp_path / "a" / "file"):
        pass
    assert advice in caught.value.hint
    assert "unexpected" not in str(caught.value)


def test_the_longest_name_that_is_allowed_can_be_written(tmp_path):
    for name in ("a" * 255, "ü" * 127):
        write_bytes(tmp_path / name, b"content")
    assert len(names(tmp_path)) == 2


def test_what_killed_writers_left_is_removed_and_what_live_ones_write_is_not(tmp_path):
    code = """
import os, sys
from pathlib import Path
from bench.base.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), 9)
"""
    target = tmp_path / "file[1]"
    subprocess.run([sys.executable, "-c", code, target], check=False)
    assert len(left_over(tmp_path)) == 1
    # Others were killed before they had locked theirs, or while they were removing it.
    (tmp_path / f".{target.name}.00000000.tmp" / "inner").mkdir(parents=True)
    (tmp_path / f".{target.name}.00000001.tmp").mkdir()
    with scratch(tmp_path, target.name) as mine:
        assert left_over(tmp_path) == [mine]
        write_bytes(target, b"whole")
        assert left_over(tmp_path) == [mine]
        files.sweep(tmp_path)
        assert mine.is_dir()
    assert names(tmp_path) == [target.name]


def test_an_error_of_the_system_at_the_command_line_is_advice(monkeypatch):
    def refuse(*args, **named):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/some/file")

    monkeypatch.setattr(data, "ensure_sample", refuse)
    from bench import cli

    monkeypatch.setattr(sys, "argv", ["bench", "data", "sample", "reben"])
    monkeypatch.delenv(cli.DEBUG, raising=False)
    shown = []
    monkeypatch.setattr("builtins.print", lambda text, **named: shown.append(text))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "\n".join(shown) == (
        "error: /some/file was refused: Too many open files\n  raise the limit on open files "
        "(ulimit -n), then repeat the command"
    )
