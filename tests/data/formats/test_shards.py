"""WebDataset shards: what is listed, and what damage and malice leave of it."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.data.formats import shards

BODY = bytes(range(256)) * 4


def built(path: Path, count: int = 4, **options: int) -> bytes:
    with tarfile.open(path, "w", **options) as archive:
        for key in range(count):
            for ending in ("png", "txt", "json"):
                info = tarfile.TarInfo(f"{key:09d}.{ending}")
                content = BODY if ending == "png" else f"{ending} {key}".encode()
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def listed(path: Path) -> tuple[list[tuple[str, shards.Sample]], list[str]]:
    faults: list[str] = []
    return list(shards.samples(path, faults)), faults


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_samples_and_their_members(tmp_path: Path, form: int) -> None:
    built(tmp_path / "0.tar", format=form)
    samples, faults = listed(tmp_path / "0.tar")
    assert [key for key, _ in samples] == [f"{key:09d}" for key in range(4)]
    assert all(sorted(members) == ["json", "png", "txt"] for _, members in samples)
    assert samples[2][1]["txt"].read() == b"txt 2"
    assert samples[3][1]["png"].read() == BODY
    assert not faults


def test_every_cut_gives_what_precedes_it(tmp_path: Path) -> None:
    content = built(tmp_path / "0.tar")
    end = 4 * (512 + 1024 + 2 * 1024)
    for keep in range(0, end, 256):
        (tmp_path / "0.tar").write_bytes(content[:keep])
        samples, faults = listed(tmp_path / "0.tar")
        whole = [members for _, members in samples if len(members) == 3]
        assert len(whole) >= keep // (512 + 1024 + 2 * 1024)
        assert all(len(one.read()) == one.size for members in whole for one in members.values())
        assert any("0.tar is cut short or damaged" in fault for fault in faults)


def test_only_plain_files_count(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo("0.png")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("../../0.txt")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"ok"))
    samples, faults = listed(tmp_path / "0.tar")
    assert [(key, list(members)) for key, members in samples] == [("0", ["txt"])]
    assert samples[0][1]["txt"].read() == b"ok"
    assert not faults
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tar"]


def test_a_member_that_claims_too_much_is_left_out(tmp_path: Path) -> None:
    info = tarfile.TarInfo("0.png")
    info.size = 2**40
    (tmp_path / "0.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    samples, faults = listed(tmp_path / "0.tar")
    assert samples == []
    assert "'0.png' says that it has 1,099,511,627,776 bytes" in faults[0]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_too_much_is_not_read(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("0.png")
    info.size, info.type = 2**40, kind
    (tmp_path / "0.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    samples, faults = listed(tmp_path / "0.tar")
    assert samples == []
    assert "0.tar is cut short or damaged" in faults[0]


def test_a_member_twice_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for text in (b"one", b"two"):
            info = tarfile.TarInfo("0.txt")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    samples, faults = listed(tmp_path / "0.tar")
    assert samples[0][1]["txt"].read() == b"one"
    assert faults == ["0.tar: '0.txt' occurs twice: the first is used"]


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"\x1f\x8b" + bytes(600)])
def test_what_is_no_shard_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0.tar").write_bytes(content)
    samples, faults = listed(tmp_path / "0.tar")
    assert samples == []
    assert len(faults) == 1


def test_a_shard_that_changed_is_named(tmp_path: Path) -> None:
    content = built(tmp_path / "0.tar")
    samples, _ = listed(tmp_path / "0.tar")
    (tmp_path / "0.tar").write_bytes(content[:2000])
    with pytest.raises(BenchError, match=r"0\.tar"):
        samples[-1][1]["png"].read()
    (tmp_path / "0.tar").unlink()
    with pytest.raises(BenchError, match=r"0\.tar"):
        samples[-1][1]["png"].read()


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 14_335), st.integers(0, 255)), max_size=10))
def test_damage_never_escapes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("shard") / "0.tar"
    content = bytearray(built(path))
    for at, value in changes:
        content[at] = value
    path.write_bytes(bytes(content))
    samples, _ = listed(path)
    for _, members in samples:
        for member in members.values():
            assert len(member.read()) == member.size
