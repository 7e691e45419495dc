"""TOML of strangers costs what its size allows, whatever a second reader would make of it."""

import re
import sys
import tomllib
import tracemalloc
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base import bounded_toml
from bench.base.errors import RequestError
from bench.models import entries
from bench.results import reported
from bench.spec import task as tasks
from bench.submissions import check, claims

KEY = ".".join("a" * 40)
INLINE = "{" + KEY + " = 1}"


def dotted(*parts: str, by: str = ".") -> str:
    """A key of some forty parts."""
    return by.join(parts * (40 // len(parts) + 1))


HIDDEN = {
    "after a text that ends with a quotation mark": f"x = ['''a'''', {INLINE}]",
    "the same with the other mark": f'x = ["""a"""", {INLINE}]',
    "after two more marks": f"x = ['''a''''', {INLINE}]",
    "after an escaped mark": f'x = ["""a\\"""", {INLINE}]',
    "after an escaped backslash": f'x = ["\\\\", {INLINE}]',
    "after a mark in a comment": f"# '''\nx = {INLINE} # '''",
    "after line ends of Windows": f"x = '''\r\na''''\r\ny = {INLINE}",
    "on a line of its own": f"{KEY} = 1",
    "with blanks": dotted("a", by=" . ") + " = 1",
    "with tabs": dotted("a", by="\t.\t") + " = 1",
    "in quotation marks": dotted('"a"') + " = 1",
    "in marks that hold dots": dotted('"a.b"') + " = 1",
    "in marks that hold marks": dotted('"a\\"."') + " = 1",
    "in both marks": dotted("a", "'b'", "''", '"\'"', "c") + " = 1",
    "in the heading of a table": f"[{KEY}]",
    "in the heading of an array of tables": f"[[{KEY}]]",
    "with empty names": dotted("''") + " = 1",
}
NESTED = {
    "arrays": "x = " + "[" * 60 + "]" * 60,
    "tables": "x = " + "{a = " * 60 + "1" + "}" * 60,
    "arrays after a text that ends with a mark": "x = ['''a'''', " + "[" * 60 + "]" * 60 + "]",
    "tables of short names": "x = " + "{a.b.c.d = " * 12 + "1" + "}" * 12,
    "more than the interpreter recurses": "x = " + "[" * 5000,
    "tables more than it recurses": "x = " + "{a = " * 5000,
}


def folder_of(tmp_path: Path, text: str) -> Path:
    (tmp_path / "entry.toml").write_bytes(text.encode())
    return tmp_path


@pytest.mark.parametrize("name", [*HIDDEN, *NESTED])
def test_what_is_deep_is_refused_wherever_it_hides(name: str, tmp_path: Path) -> None:
    text = {**HIDDEN, **NESTED}[name]
    folder = folder_of(tmp_path, text)
    with pytest.raises(RequestError, match=r"parts|nested"):
        bounded_toml.read(folder / "entry.toml")
    # All that a text of a stranger goes through, in this process.
    found = {finding.id: finding for finding in check.check(folder, None, dry_run=False)}
    assert not found["declaration.toml"].passed
    (tmp_path / "task.toml").write_text(text)
    for ask in (
        lambda: entries.load(folder, tasks.load("reben-mlc")),
        lambda: claims.read_submission(folder / "entry.toml"),
        lambda: tasks.load(str(tmp_path / "task.toml")),
    ):
        with pytest.raises(RequestError, match=r"parts|nested"):
            ask()
    (tmp_path / "reported").mkdir()
    (tmp_path / "reported" / "mine.toml").write_text(text)
    assert any("mine.toml" in fault for fault in reported.check(tmp_path))


def keys_of(text: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parts the keys have that the parser finds."""
    parser: Any = sys.modules["tomllib._parser"]
    found, own = [0], parser.parse_key

    def noting(*given: Any) -> Any:
        place, key = own(*given)
        found.append(len(key))
        return place, key

    with monkeypatch.context() as patch:
        patch.setattr(parser, "parse_key", noting)
        with suppress(ValueError, RecursionError):
            tomllib.loads(text)
    return found


@pytest.mark.parametrize("name", HIDDEN)
def test_the_parser_finds_no_longer_key_than_was_counted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert max(keys_of(HIDDEN[name], monkeypatch)) <= bounded_toml.most_parts(HIDDEN[name])


PIECES = st.lists(
    st.sampled_from(
        [
            *("a", "b1", "-", "_", ".", ".", ".", " ", "\t", " . ", '"', "'", '""', "''", "\\"),
            *('"""', "'''", "''''", '""""', "[", "]", "[[", "]]", "{", "}", "=", " = 1", ",", "\n"),
            *("\r\n", "#", "\\n", "\\u0041", "1.5", "x = [", "{a.b = 1}", "a.a.a.a.a.a", "\n[t]\n"),
        ]
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=300)
@given(pieces=PIECES, key=st.integers(17, 20))
def test_no_text_hides_a_key_from_the_count(pieces: list[str], key: int) -> None:
    text = "".join([*pieces, "\n", ".".join(["'k'"] * key), " = 1"])
    with pytest.MonkeyPatch.context() as patch:
        longest = max(keys_of(text, patch))
    assert longest <= max(bounded_toml.MAX_PARTS, bounded_toml.most_parts(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mean = [" + "0.5, " * 300 + "]", 2),
        ("note = '" + "One sentence. " * 100 + "'", 2),
        ("note = '" + "." * 100 + "'", 1),
        (f"url = 'https://{'www.' * 20}example.org'", 22),
        ("a.b.c = 1", 0),
    ],
)
def test_what_is_no_key_is_seldom_counted(text: str, parts: int) -> None:
    """Lines of few dots aren't looked at; of others only an address of many names is too long."""
    assert bounded_toml.most_parts(text) == parts


def repeated(line: str, size: int) -> str:
    count = size // len(line % 0) + 1
    return "".join(line % number for number in range(count))[:size].rpartition("\n")[0]


COSTLY = {
    "keys of the most parts": "k%d." + ".".join("a" * 15) + " = 1\n",
    "headings of the most parts": "[k%d." + ".".join("a" * 15) + "]\n",
    "empty tables": "k%d.a = {}\n",
    "marks": "k%d = '\"' # " + "\"'." * 30 + "\n",
    "backslashes": 'k%d = "' + "\\\\." * 30 + '"\n',
    "numbers": "k%d = [" + "1.5, " * 30 + "]\n",
    "tables in arrays": "k%d = [" + "{a.b = 1}, " * 8 + "]\n",
}


def steps(text: str) -> int:
    """Lines of Python that reading a text takes."""
    count = 0

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        bounded_toml.parse(text, "text")
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", COSTLY)
def test_work_grows_with_the_size_and_no_faster(name: str) -> None:
    small, large = (steps(repeated(COSTLY[name], size)) for size in (2000, 8000))
    assert small > 1000
    assert large < 6 * small


@pytest.mark.parametrize("name", ["keys of the most parts", "headings of the most parts"])
def test_memory_is_a_few_hundred_bytes_for_each_byte(name: str) -> None:
    text = repeated(COSTLY[name], 8000)
    tracemalloc.start()
    bounded_toml.parse(text, "text")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 600 * len(text)


def test_a_long_key_is_not_repeated_for_every_fault_below_it(tmp_path: Path) -> None:
    """A validator names the whole way to each fault: thousands of times a long key."""
    long = "[trained.federation.clients." + "k" * 300 + "]\n"
    folder = folder_of(tmp_path, long + "\n".join(f"x{n} = 1" for n in range(100)))
    with pytest.raises(RequestError, match="key of more than 256 characters"):
        bounded_toml.read(folder / "entry.toml")
    fields = "\n".join(f"{'x' * 200}{n} = 1" for n in range(1000))
    folder_of(tmp_path, fields)
    with pytest.raises(RequestError, match=r"and 9\d\d more") as caught:
        entries.load(folder, tasks.load("reben-mlc"))
    assert len(str(caught.value)) < 10_000


def test_published_numbers_of_many_combinations_are_counted_before_they_are_made(
    tmp_path: Path,
) -> None:
    many = [f"t{number}" for number in range(4000)]
    (tmp_path / "reported").mkdir()
    (tmp_path / "reported" / "mine.toml").write_text(
        f"""title = "a"\nauthors = "a"\nurl = "https://example.org"\ntrust = "reported"
complete = true
[[table]]\nwhere = "a"\ndiffers = "a"\ntasks = {many}
split = "test"\ninputs = "s2"\nlabels = {many}
metrics = {{ap_classes = "percent"}}\nvalues = {{a = [1.0]}}\n"""
    )
    tracemalloc.start()
    (fault,) = reported.check(tmp_path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "has 1 values, expected 16000000" in fault
    assert most < 50_000_000


def test_nothing_else_parses_toml() -> None:
    package = Path(bounded_toml.__file__).parent
    for path in package.rglob("*.py"):
        if path.name != "bounded_toml.py":
            assert not re.search(r"(import|from) tomllib", path.read_text(encoding="utf-8")), path
