"""What a file is by its content, whatever it is called: text, safetensors, Parquet, a picture.

Everything else may be a program to whatever opens it. A pickle is one: it needn't bear a name or a
mark of its own, as the oldest form of it is text.
"""

import io
import os
import pickletools
import re
import zipfile
from pathlib import Path

from bench.base import text as texts
from bench.base.errors import BenchError

MAX_TEXT = 4 << 20
"""Largest file of text, in bytes."""

_HEAD = 1 << 20
_MOST_STEPS = 100_000

_PROGRAMS = (
    (b"PK\x03\x04", "a ZIP archive, as PyTorch's pickles are"),
    (b"\x93NUMPY", "a NumPy file, which may hold a pickle"),
    (b"\x89HDF", "an HDF5 file, which may hold a program"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF")
_PARQUET = b"PAR1"

# What makes reading a pickle call something, and what may stand before it.
_IMPORTING = {"GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"}
_NAMED = re.compile(r"[^\W\d][\w.]* [^\W\d][\w.]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def fault(path: Path) -> str:
    """Why a file doesn't belong into an entry, in words; empty for one that may.

    Nothing is unpacked or executed, and of a large file only the beginning and the end are read.

    Args:
        path: a plain file.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 4))
        tail = stream.read(4)
        if _is_safetensors(head, size):
            return "a pickle" if _imports(head) else ""
        if head.startswith(_PARQUET) and tail == _PARQUET:
            return ""
        if is_pickle(head):
            return "a pickle"
        if program := next((what for mark, what in _PROGRAMS if head.startswith(mark)), ""):
            return program
        stream.seek(0)
        if zipfile.is_zipfile(stream):
            return "a ZIP archive behind something else"
        if head.startswith(_PICTURES):
            return ""
        stream.seek(0)
        return _no_text(stream.read(MAX_TEXT + 1))


def is_pickle(head: bytes) -> bool:
    """Whether the beginning of a file is that of a pickle, of whichever protocol."""
    steps, whole = 0, False
    try:
        for operation, _, place in pickletools.genops(io.BytesIO(head)):
            steps += 1
            if operation.name == "STOP":
                whole = place is not None and not head[place + 1 :].strip()
            if steps == _MOST_STEPS:
                return True
    except (ValueError, UnicodeDecodeError, OverflowError):
        # Up to here it was read, and what it asked for was done.
        pass
    marked = head[:1] == b"\x80" and head[1:2] <= b"\x05"
    return steps > 1 and (whole or marked or _imports(head))


def _imports(head: bytes) -> bool:
    """Whether reading it as a pickle comes to an import."""
    try:
        for step, (operation, argument, _) in enumerate(pickletools.genops(io.BytesIO(head))):
            if operation.name in ("GLOBAL", "INST") and not _NAMED.fullmatch(str(argument)):
                # There is no such module: reading ends here.
                return False
            if operation.name in _IMPORTING:
                return True
            if step > _MOST_STEPS:
                return True
    except (ValueError, UnicodeDecodeError, OverflowError):
        pass
    return False


def _is_safetensors(head: bytes, size: int) -> bool:
    return 8 <= int.from_bytes(head[:8], "little") <= size - 8 and head[8:9] == b"{"


def _no_text(content: bytes) -> str:
    if len(content) > MAX_TEXT:
        return f"neither safetensors, Parquet nor a picture, and longer than {MAX_TEXT:,} bytes"
    try:
        text = texts.decode(content, "")
    except BenchError:
        return "neither text, safetensors, Parquet nor a picture"
    return "text with control characters" if _CONTROL.search(text) else ""
