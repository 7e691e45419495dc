import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.base.errors import BenchError
from bench.base.files import (
    atomic_path,
    sha256_file,
    sha256_json,
    tree_sha256,
    write_bytes,
    write_json,
)

_REWRITE_FOREVER = """
import sys
from pathlib import Path
from bench.base.files import write_bytes
letter = 0
while True:
    write_bytes(Path(sys.argv[1]), bytes([97 + letter % 26]) * 3_000_000)
    letter += 1
"""


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path):
    target = tmp_path / "file"
    write_bytes(target, b"old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_whole_whenever_its_writer_is_killed(tmp_path):
    target = tmp_path / "file"
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _REWRITE_FOREVER, target])
        while not target.exists() and writer.poll() is None:
            time.sleep(0.005)
        time.sleep(0.03)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = target.read_bytes()
        assert len(content) == 3_000_000
        assert len(set(content)) == 1


def test_a_full_disk_is_one_clear_error(tmp_path):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(BenchError, match="No space left") as caught, atomic_path(full) as temporary:
        Path("/dev/full").write_bytes(b"x" * 100_000)
        temporary.write_bytes(b"")
    assert "free disk space" in caught.value.hint


def test_the_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_json_refuses_what_json_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "file", {"value": float("nan")})
    write_json(tmp_path / "file", {"ü": 1})
    assert json.loads((tmp_path / "file").read_text(encoding="utf-8")) == {"ü": 1}


def test_hashes_are_those_of_the_content(tmp_path):
    write_bytes(tmp_path / "a" / "x", b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a" / "x") == known
    assert sha256_json({"b": 1, "a": [2]}) == sha256_json({"a": [2], "b": 1})
    before = tree_sha256(tmp_path)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert tree_sha256(tmp_path) != before
