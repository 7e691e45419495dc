"""Malformed submissions, a thousand of them: found at fault or fine, never a crash.

``make soak`` tries ten thousand others.
"""

import json
import random
import signal
import struct
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import bench.base.torch_setup  # noqa: F401
from bench import models
from bench.base import bounded_toml, parquet, weights
from bench.base.errors import BenchError
from bench.evaluate import predictions
from bench.results import received
from bench.spec import task as tasks
from bench.spec.entry import Model, Predictions
from bench.submissions.check import check
from tests import made_submissions as submissions
from tests.made_submissions import declare, logits, model_entry, words

TASK = tasks.load("reben-mlc")
SCHEMA = predictions.schema(TASK)
WORDS = words("reben-mlc")
FEW = [range(start, start + 50) for start in range(0, 1_000, 50)]
MANY = [range(start, start + 500) for start in range(1_000, 11_000, 500)]
PATIENCE_S = 60

TOKENS = [
    *("[", "]", "[[", "]]", "{", "}", '"', "'", '"""', "'''", "\\", "\n", "\r", "\0", "\x1b[2J"),
    *("=", ".", ",", "#", "inf", "nan", "-", "1e999", "0x" + "f" * 99, "9" * 5000, "\ufeff"),
    *("1979-05-27T07:32:00Z", "\u202e", "\U0001f4a5", "\\ud800", "a." * 40, "[" * 400, "true"),
]
HOSTILE = [
    *("", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "~/x", "$HOME", "%00", "\0"),
    *("CON", "nul.safetensors", "com1.parquet", "x.safetensors\n", " x", "x ", "-rf", "x" * 5000),
    *("entry.toml", "ENTRY.TOML", ".git", "\u2024\u2024/x", "python:os:system", "pickle:x"),
    *("timm:../../x", "timm:hf-hub:a/b", "baseline:os.system", "hf:a/b", "<script>", "'; drop --"),
    *(
        0,
        -1,
        1 << 62,
        1e308,
        float("nan"),
        float("inf"),
        True,
        [],
        {},
        [[]],
        [{}],
        {"a": {"b": []}},
    ),
]


@contextmanager
def patience():
    """Whatever takes a minute hangs."""

    def give_up(signum, frame):
        pytest.fail(f"hangs for {PATIENCE_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def mangled(content, rng):
    """Bytes with a few of them changed, removed, repeated or added."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        size = rng.choice([1, 1, 2, 8, 64, len(content)])
        match rng.randrange(5):
            case 0 if at < len(content):
                content[at] ^= 1 << rng.randrange(8)
            case 1:
                content[at : at + size] = rng.randbytes(min(size, 64))
            case 2:
                del content[at : at + size]
            case 3:
                content[at:at] = content[at : at + size]
            case _:
                content[at:at] = rng.choice(TOKENS).encode()
    return bytes(content)


def tree(folder):
    return {p: p.stat().st_mtime_ns for p in Path(folder).rglob("*")}


def listed(folder, task):
    """Every finding of a submission: nothing else may come of it, and nothing is written."""
    before = tree(folder.parent)
    with patience():
        found = check(folder, task, dry_run=False)
    assert found
    assert tree(folder.parent) == before
    return found


@pytest.fixture(scope="module")
def valid(tmp_path_factory, sample_data):
    """What is mangled: a declaration, weights, and a file of predictions."""
    folder = model_entry(tmp_path_factory.mktemp("valid"))
    path = folder / "predictions.parquet"
    ids, _ = submissions.samples()
    pq.write_table(submissions.table(ids[:40], logits(40)), path, compression="zstd")
    network = models.build(models.find("timm:test_resnet/s1", TASK), 19)
    content = (folder / "entry.toml").read_bytes()
    return content, (folder / "model.safetensors").read_bytes(), path.read_bytes(), network


def blocks(few, many):
    """Cases of one test each; the many are for `make soak`."""
    return [*few, *(pytest.param(block, marks=pytest.mark.soak) for block in many)]


def of_block(block, kind):
    """The random numbers of each case of a block; a case fails again when it is run alone."""
    return (random.Random(case) for case in block if case % 4 == kind)


@pytest.mark.parametrize("block", blocks(FEW, MANY), ids=str)
def test_mangled_declarations(tmp_path, valid, block):
    for rng in of_block(block, 0):
        folder = tmp_path / "entry"
        folder.mkdir(exist_ok=True)
        (folder / "entry.toml").write_bytes(mangled(valid[0], rng))
        listed(folder, TASK)


@pytest.mark.parametrize("block", blocks(FEW, MANY), ids=str)
def test_hostile_values(tmp_path, valid, block):
    for rng in of_block(block, 1):
        declaration = WORDS | {"input": "s1"}
        declaration["model"] = {"architecture": "timm:test_resnet", "weights": "model.safetensors"}
        if rng.random() < 0.5:
            declaration["predictions"] = {"file": "predictions.parquet"}
            del declaration["model"], declaration["input"]
        for _ in range(rng.randint(1, 3)):
            part = declaration
            inner = [value for value in declaration.values() if isinstance(value, dict) and value]
            if inner and rng.random() < 0.6:
                part = rng.choice(inner)
            part[rng.choice([*part, "folder", "source", "arguments"])] = rng.choice(HOSTILE)
        folder = declare(tmp_path / "entry", declaration)
        listed(folder, TASK)


@pytest.mark.parametrize("block", blocks(FEW, MANY), ids=str)
def test_mangled_weights(tmp_path, valid, block):
    size = struct.unpack("<Q", valid[1][:8])[0]
    header, tensors = json.loads(valid[1][8 : 8 + size]), valid[1][8 + size :]
    path = tmp_path / "model.safetensors"
    for rng in of_block(block, 2):
        if rng.random() < 0.5:
            changed = json.loads(json.dumps(header))
            one = changed[rng.choice(list(changed))]
            one[rng.choice([*one, "dtype", "shape", "data_offsets"])] = rng.choice(
                [*HOSTILE, "F8_E4M3", "F4", [1 << 62], [1 << 32, 1 << 32], [8, 4]]
            )
            text = json.dumps(changed).encode()
        else:
            text = mangled(valid[1][8 : 8 + size], rng)
        claimed = rng.choice([len(text), len(text), len(text), 0, 1 << 63, rng.randrange(1 << 20)])
        path.write_bytes(struct.pack("<Q", claimed) + text + tensors)
        with patience():
            for ask in (
                lambda: weights.check_finite(path),
                lambda: weights.check(valid[3], path),
                lambda: weights.fill(valid[3], path),
            ):
                with suppress(BenchError):
                    ask()


@pytest.mark.parametrize("block", blocks(FEW, MANY), ids=str)
def test_mangled_parquet(tmp_path, valid, block):
    content = valid[2]
    footer = struct.unpack("<I", content[-8:-4])[0]
    path = tmp_path / "predictions.parquet"
    for rng in of_block(block, 3):
        pages, tail = content[: -8 - footer], content[-8 - footer : -8]
        if rng.random() < 0.6:
            tail = mangled(tail, rng)
        if rng.random() < 0.6:
            pages = mangled(pages, rng)
        claimed = rng.choice([len(tail), len(tail), len(tail), footer, 0, 1 << 31])
        path.write_bytes(pages + tail + struct.pack("<I", claimed) + b"PAR1")
        with patience(), suppress(BenchError):
            for piece in parquet.pieces(path, SCHEMA):
                assert piece.schema.equals(SCHEMA)
                piece.validate(full=True)


CORPUS = {
    "dotted key": b"a." * 400_000 + b"a = 1",
    "quoted dotted key": b'"a b".' * 150_000 + b"a = 1",
    "arrays in arrays": b"a = " + b"[" * 1_000_000,
    "tables in tables": b"a = " + b"{a = " * 200_000,
    "open text": b'"\\' * 500_000,
    "open long text": b'"""' + b'"\\' * 500_000,
    "many digits": b"a = " + b"1" * 100_000,
    "wide hexadecimal": b"a = 0x" + b"f" * 100_000,
    "no unicode": b"a = '\xff'",
    "byte order mark": b"\xef\xbb\xbfname = 'a'",
    "null": b"name = 'a\0b'",
    "surrogate": b'name = "\\ud800"',
    "twice": b"name = 'a'\nname = 'b'",
    "not a number": b"input = nan\ntask = inf",
    "date": b"name = 1979-05-27\ntask = 1979-13-45",
    "empty": b"",
    "folder of its own": b'folder = "/etc"\nname = "a"',
}


@pytest.mark.parametrize("name", CORPUS)
def test_declarations_that_broke_something_once(tmp_path, name):
    folder = tmp_path / "entry"
    folder.mkdir()
    (folder / "entry.toml").write_bytes(CORPUS[name])
    assert not all(finding.passed for finding in listed(folder, None))


BINARIES = {
    "nothing": b"",
    "seven bytes": b"PAR1PAR",
    "magic alone": b"PAR1PAR1",
    "footer of four gigabytes": b"PAR1" + b"\xff" * 4 + b"PAR1",
    "header of 8 exbibytes": b"\xff" * 8 + b"{}",
    "header that is no text": struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    "header of arrays": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "zip": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("name", BINARIES)
def test_files_that_are_something_else(tmp_path, valid, name):
    path = tmp_path / "file"
    path.write_bytes(BINARIES[name])
    with patience():
        with pytest.raises(BenchError):
            list(parquet.pieces(path, SCHEMA))
        with pytest.raises(BenchError):
            weights.check_finite(path)


def test_a_footer_at_which_arrow_ends_the_process_is_refused(tmp_path):
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"sample": ["a"]}), path, store_schema=False)
    content = path.read_bytes()
    # The column is required, yet how many of its values are absent is told as of an optional one.
    optional, required = b"\x25\x02\x18\x06sample", b"\x25\x00\x18\x06sample"
    assert content.count(optional) == 1
    path.write_bytes(content.replace(optional, required))
    field = pa.field("sample", pa.string(), metadata={"longest": "9"})
    for ask in (
        lambda: parquet.rows(path, pa.schema([field])),
        lambda: received.check_observations([path], 1, None),
    ):
        with pytest.raises(BenchError, match="Arrow can't read"):
            ask()


def test_a_schema_nested_without_end_is_refused(tmp_path):
    form = pa.float32()
    for _ in range(60):
        form = pa.struct([("a", form)])
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"sample": ["a"], "logits": pa.array([None], form)}), path)
    with pytest.raises(BenchError):
        parquet.rows(path, SCHEMA)


@given(st.text(max_size=40))
def test_a_file_name_that_is_accepted_stays_in_its_folder(name):
    for accept in (
        lambda: Model(architecture="timm:x", weights=name + ".safetensors"),
        lambda: Predictions(file=name + ".parquet"),
    ):
        with suppress(ValidationError):
            accept()
            assert Path("/entry", name).parent == Path("/entry")
            assert not name.startswith(".")
            assert name.isascii()


VALUES = st.recursive(
    st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(value=st.dictionaries(st.text(max_size=8), VALUES, max_size=5))
def test_toml_within_its_bounds_is_read_as_it_is(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.toml"
    path.write_bytes(tomli_w.dumps(value).encode())
    assert bounded_toml.read(path, 1 << 20) == value


@settings(deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_at_all(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for ask in (
        lambda: bounded_toml.read(path, 1 << 20),
        lambda: weights.check_finite(path),
        lambda: list(parquet.pieces(path, SCHEMA)),
    ):
        with suppress(BenchError):
            ask()
