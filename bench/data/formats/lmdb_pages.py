"""The pages of an LMDB environment, looked at before the library maps them.

The library ends the whole process where a page that it walks to isn't one, or lies behind the end
of the file; what it is asked to walk through is therefore looked at first. The format is that of
LMDB 0.9 on 64-bit machines (``mdb.c``: ``MDB_page``, ``MDB_meta``, ``MDB_db``, ``MDB_node``).
"""

import mmap
import struct
from pathlib import Path

_PAGE = struct.Struct("<QHHHH")
_META = struct.Struct("<II16xI44xI36xQQQ")
_NODE = struct.Struct("<HHH")
_MAGIC = 0xBEEFC0DE
_BRANCH, _LEAF = 1, 2
_NONE = (1 << 64) - 1
_FIRST_META, _LEAST_PAGE = _PAGE.size, 512


def fault(file: Path) -> str:
    """What keeps the keys of an environment from being walked through; empty where nothing does.

    Args:
        file: the ``data.mdb``.

    Raises:
        OSError: it can't be read.
    """
    size = file.stat().st_size
    if size < 2 * _LEAST_PAGE:
        return f"it has {size} bytes"
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        magic, _, page_size, *_ = _META.unpack_from(pages, _FIRST_META)
        if magic != _MAGIC or page_size < _LEAST_PAGE or size < 2 * page_size:
            return "its first page isn't that of an LMDB"
        metas = [_META.unpack_from(pages, n * page_size + _FIRST_META) for n in (0, 1)]
        _, _, _, _, root, last, _ = max((m for m in metas if m[0] == _MAGIC), key=lambda m: m[6])
        if (last + 1) * page_size > size:
            return f"of its {(last + 1) * page_size} bytes {size} are there"
        return _walk(pages, page_size, root)


def _walk(pages: mmap.mmap, size: int, root: int) -> str:
    waiting, seen = [] if root == _NONE else [root], 0
    while waiting:
        number = waiting.pop()
        seen += 1
        begin = number * size
        if begin + size > len(pages) or seen * size > len(pages):
            return f"page {number} isn't there"
        found, _, flags, lower, _ = _PAGE.unpack_from(pages, begin)
        if found != number or flags & (_BRANCH | _LEAF) not in (_BRANCH, _LEAF):
            return f"page {number} has other content"
        if flags & _BRANCH:
            if not _PAGE.size < lower <= size:
                return f"page {number} has other content"
            for (place,) in struct.iter_unpack("<H", pages[begin + _PAGE.size : begin + lower]):
                if place + _NODE.size > size:
                    return f"page {number} has other content"
                low, middle, high = _NODE.unpack_from(pages, begin + place)
                waiting.append(low | middle << 16 | high << 32)
    return ""
