"""Text from outside: bounded in size, in UTF-8 or marked as UTF-16, with any line ends."""

import codecs
import csv
import hashlib
import io
import re
from pathlib import Path

from bench.base.errors import BenchError

BYTES = 512 * 2**20
"""The most bytes a file may have; the largest published list has 53 MB."""

_SAVE = "save it as UTF-8"
# UTF-32's little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)


def read(
    path: Path,
    limit: int = BYTES,
    *,
    error: type[BenchError] = BenchError,
    hint: str = "see `bench data list`",
) -> str:
    r"""The text of a file, each line ended by ``\n``.

    Args:
        path: of the file.
        limit: its largest size in bytes.
        error: what is raised.
        hint: what to do where there is no such file.

    Raises:
        BenchError: or rather ``error``: the file can't be read, is larger, or isn't text as
            `decode` takes it.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as cause:
        raise error(f"could not read {path}: {cause.strerror or cause}", hint) from cause
    if len(content) > limit:
        raise error(
            f"{path}: expected at most {limit:,} bytes, found more", "is it the right file?"
        )
    return decode(content, str(path), error=error).replace("\r\n", "\n").replace("\r", "\n")


def decode(content: bytes, name: str, *, error: type[BenchError] = BenchError) -> str:
    """The text of a file's content, its line ends as they are.

    UTF-8 with or without a byte order mark; UTF-16 and UTF-32 (as some editors and shells of
    Windows write) with one.

    Args:
        content: of the file.
        name: of the file, for the error.
        error: what is raised.

    Raises:
        BenchError: or rather ``error``: a byte is of another encoding, or zero.
    """
    mark, encoding, shown = next(
        (known for known in _MARKS if content.startswith(known[0])), (b"", "utf-8", "UTF-8")
    )
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as cause:
        at = cause.start + len(mark)
        raise error(
            f"{name}: expected text in {shown}, found byte 0x{content[at]:02x} at {at:,}", _SAVE
        ) from cause
    if "\0" in text:
        at = len(mark) + len(text[: text.index("\0")].encode(encoding))
        raise error(
            f"{name}: expected text in {shown}, found a zero at byte {at:,}",
            f"UTF-16 without a byte order mark has such: {_SAVE}",
        )
    return text


def lines(text: str) -> list[str]:
    r"""The lines of a text from `read`, without their ends; an end after the last adds none.

    Unlike `str.splitlines`, only ``\n`` ends a line, so that a line separator or a form feed
    within a caption doesn't.
    """
    return text.removesuffix("\n").split("\n") if text else []


def rows(text: str, name: str, *, hint: str = "") -> list[list[str]]:
    """The rows of a table of text, without blanks around its cells and without empty rows.

    Cells are parted by tabs, semicolons or commas, whichever of them, in this order, the first
    line holds; they may stand in double quotes.

    Args:
        text: of the table, from `read`.
        name: of the file, for the error.
        hint: what to do where it is no table.

    Raises:
        BenchError: a cell is longer than 131,072 characters.
    """
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in "\t;" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        found = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as cause:
        raise BenchError(
            f"{name}: expected rows of cells, found {cause} in line {reader.line_num}", hint
        ) from cause
    return [row for row in found if any(row)]


def plain_name(text: str, longest: int) -> str:
    """A text as a name of a file or an entry, of ASCII letters, digits and ``._-``.

    What is longer than so many characters ends in the beginning of its hash, so that two long texts
    that begin alike keep different names.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", text)
    if len(plain) <= longest:
        return plain
    return f"{plain[: longest - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
