"""WebDataset shards: tar files in which the members of one sample share the name before the dot.

Nothing is extracted: members are listed by the standard library's tarfile, in the order of the
file, and read at their offsets. Only plain files count; links, devices and folders are passed over.
A shard that was cut short gives what precedes the cut.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import BenchError

MEMBER = 256 * 2**20
"""The most bytes a member, or a header of the archive, may have."""

_BLOCK = tarfile.BLOCKSIZE
# gzip, bzip2, xz, zstd
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_LONGEST_MAGIC = 6
_END = bytes(_BLOCK)


@dataclass(frozen=True)
class Member:
    """A file in a shard: its bytes are ``size`` many from ``offset``."""

    shard: Path
    offset: int
    size: int

    def read(self) -> bytes:
        """The content.

        Raises:
            BenchError: the shard is gone or shorter than it was.
        """
        try:
            with self.shard.open("rb") as stream:
                stream.seek(self.offset)
                content = stream.read(self.size)
        except OSError as error:
            raise _fault(self.shard, error.strerror or str(error)) from error
        if len(content) != self.size:
            raise _fault(self.shard, f"{len(content):,} of {self.size:,} bytes at {self.offset:,}")
        return content


ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""Of the names of shards; those that are compressed are only named."""

Sample = dict[str, Member]
"""The members of one sample by what follows the first dot of their names, in lower case."""


def samples(shard: Path, faults: list[str]) -> Iterator[tuple[str, Sample]]:
    """The samples of a shard: key and members.

    Args:
        shard: path of the tar file, which is not compressed.
        faults: gets a line for each thing that was left out.
    """
    key, found = "", Sample()
    for name, member in _members(shard, faults):
        stem, _, ending = name.rpartition("/")[2].partition(".")
        if stem != key and found:
            yield key, found
            found = Sample()
        key = stem
        if found.setdefault(ending.lower(), member) != member:
            faults.append(f"{shard.name}: {name[:100]!r} occurs twice: the first is used")
    if found:
        yield key, found


def unpacked(files: Iterable[Path]) -> Iterator[tuple[str, Sample]]:
    """The samples whose members lie in a folder each as a file of its own: where, and members.

    Args:
        files: that may be members.
    """
    found: dict[Path, Sample] = {}
    for path in files:
        stem, _, ending = path.name.partition(".")
        if not path.name.lower().endswith(ENDINGS):
            size = path.stat().st_size
            found.setdefault(path.with_name(stem), Sample())[ending.lower()] = Member(path, 0, size)
    for place, members in found.items():
        # A picture alone, or a list, is no sample.
        if len(members) > 1:
            yield f"{place.parent.name}/{place.name[:100]}", members


def _members(shard: Path, faults: list[str]) -> Iterator[tuple[str, Member]]:
    try:
        with shard.open("rb") as begins:
            compressed = begins.read(_LONGEST_MAGIC).startswith(_COMPRESSED)
        if compressed:
            faults.append(f"{shard.name} is compressed: unpack it to a plain .tar")
            return
        with _Bounded(shard) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            length = stream.seek(0, io.SEEK_END)
            while (info := archive.next()) is not None:
                # The list of all members isn't needed, and a shard may have many.
                archive.members = []  # type: ignore[attr-defined]
                if not info.isreg() or info.issparse():
                    continue
                if info.size > MEMBER or info.offset_data + info.size > length:
                    faults.append(
                        f"{shard.name}: {info.name[:100]!r} says that it has {info.size:,} bytes: "
                        f"left out"
                    )
                    continue
                yield info.name, Member(shard, info.offset_data, info.size)
            # tarfile takes whatever is no header for the end; the real one is a block of zeros.
            stream.seek(archive.offset)
            if stream.read(_BLOCK) != _END:
                faults.append(f"{shard.name} is cut short or damaged at byte {archive.offset:,}")
    except (OSError, tarfile.TarError, ValueError) as error:
        faults.append(f"{shard.name} is cut short or damaged: {error}")


class _Bounded(io.FileIO):
    """A file of which nobody reads more than `MEMBER` bytes at once, as hostile headers ask for."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > MEMBER:
            raise ValueError(f"a header of {size} bytes")
        return super().read(size) or b""


def _fault(shard: Path, found: str) -> BenchError:
    return BenchError(
        f"{shard}: expected the shard as it was listed, found {found}",
        "was it changed meanwhile? get it again",
    )
