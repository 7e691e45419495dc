"""Run folders of strangers: taken with their pictures, within bounds, and one spoils no other."""

import hashlib
import io
import json
import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from bench.base import bounded_json
from bench.base.errors import BenchError
from bench.kinds.common import pictures
from bench.results import integrity, received, sql, store
from bench.results.import_runs import MAX_PICTURES, Imported, import_runs
from bench.results.manifest import MAX_BYTES
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.fabricated import fabricate
from tests.typed import Prompt


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    fabricate(tmp_path / "theirs", "a", seed=1)
    fabricate(tmp_path / "theirs", "b", seed=2)
    return tmp_path / "theirs"


def taken(theirs: Path) -> Imported:
    return import_runs(theirs, theirs.parent / "here")


def drawn() -> bytes:
    rng = np.random.default_rng(0)
    return pictures.png(rng.integers(0, 255, (20, 30, 3), np.uint8))


def add_pictures(run: Run, content: dict[str, bytes]) -> None:
    (run.folder / "pictures").mkdir(exist_ok=True)
    for name, picture in content.items():
        (run.folder / "pictures" / name).write_bytes(picture)
    noted = {name: hashlib.sha256(picture).hexdigest() for name, picture in content.items()}
    run_json.write(run, run_json.read(run) | {"pictures": noted})


def rewrite(run: Run, index: int, table: pa.Table, **how: Any) -> None:
    """Put other observations into a run, hashes included."""
    pq.write_table(table, run.part(index), **how)
    run_json.write(run, run_json.read(run) | {"parts": run.hashes()})


def test_a_run_with_pictures_is_taken_whole(theirs: Path) -> None:
    content = {"sample-a_1.png": drawn(), "depth.png": pictures.png(np.zeros((4, 5, 3), np.uint8))}
    add_pictures(Run(theirs / "runs" / "a"), content)
    found = taken(theirs)
    assert (found.new, found.refused) == (["a", "b"], [])
    there = theirs.parent / "here" / "runs" / "a" / "pictures"
    assert {path.name: path.read_bytes() for path in there.iterdir()} == content
    assert taken(theirs).known == ["a", "b"]


def test_a_run_is_taken_where_nothing_was_read_before(theirs: Path, bench: Prompt) -> None:
    """At its first use Arrow's allocator reserves much address space, which is no memory."""
    shown = bench(f"results import {theirs} --results here").stdout
    assert "2 new" in shown
    assert ": 2 runs, 0 left out" in bench("results rebuild --results here").stdout


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def saved(form: str, **how: Any) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, form, **how)
    return stream.getvalue()


def with_text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "<script>")
    return text


def wide() -> bytes:
    header = (100_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    return drawn()[:8] + chunk(b"IHDR", header) + drawn()[33:]


PICTURES: dict[str, Callable[[], bytes]] = {
    "a JPEG": lambda: saved("JPEG"),
    "nothing": lambda: b"",
    "text": lambda: b"<svg onload=alert(1)>",
    "a pickle": lambda: b"\x80\x04K\x01.",
    "half": lambda: drawn()[:-30],
    "more behind it": lambda: drawn() + b"PK\x03\x04",
    "text in it": lambda: saved("PNG", pnginfo=with_text()),
    "moving": lambda: saved(
        "PNG", save_all=True, append_images=[Image.new("RGB", (4, 4), "white")]
    ),
    "billions of pixels": wide,
    "large": lambda: drawn() + bytes(received.MAX_PICTURE),
    "no pixels": lambda: drawn()[:33] + chunk(b"IEND", b""),
    "damaged": lambda: drawn()[:40] + b"x" + drawn()[41:],
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_no_picture_is_refused(name: str, theirs: Path) -> None:
    add_pictures(Run(theirs / "runs" / "a"), {"x.png": PICTURES[name]()})
    found = taken(theirs)
    assert found.new == ["b"]
    assert "run a" in found.refused[0]
    assert not (theirs.parent / "here" / "runs" / "a").exists()


def not_noted(run: Run) -> None:
    add_pictures(run, {"x.png": drawn()})
    (run.folder / "pictures" / "y.png").write_bytes(drawn())


def other_content(run: Run) -> None:
    add_pictures(run, {"x.png": drawn()})
    (run.folder / "pictures" / "x.png").write_bytes(saved("PNG"))


def a_link(run: Run) -> None:
    add_pictures(run, {"x.png": drawn()})
    (run.folder / "pictures" / "x.png").unlink()
    (run.folder / "pictures" / "x.png").symlink_to("/etc/hostname")


def a_link_for_the_folder(run: Run) -> None:
    add_pictures(run, {"x.png": drawn()})
    (run.folder / "pictures").rename(run.folder.parent.parent / "moved")
    (run.folder / "pictures").symlink_to(run.folder.parent.parent / "moved")


def a_pipe(run: Run) -> None:
    add_pictures(run, {})
    os.mkfifo(run.folder / "pictures" / "x.png")


def a_folder(run: Run) -> None:
    add_pictures(run, {})
    (run.folder / "pictures" / "x.png").mkdir()


def another_name(run: Run) -> None:
    add_pictures(run, {"x.svg": drawn()})


def too_many(run: Run) -> None:
    add_pictures(run, {f"{number}.png": drawn() for number in range(MAX_PICTURES + 1)})


def names_of_another_form(run: Run) -> None:
    add_pictures(run, {"x.png": drawn()})
    run_json.write(run, run_json.read(run) | {"pictures": ["x.png"]})


@pytest.mark.parametrize(
    "spoil",
    [
        *(not_noted, other_content, a_link, a_link_for_the_folder, a_pipe, a_folder),
        *(another_name, too_many, names_of_another_form),
    ],
)
def test_pictures_that_are_not_as_the_run_says_are_refused(
    spoil: Callable[[Run], None], theirs: Path
) -> None:
    spoil(Run(theirs / "runs" / "a"))
    found = taken(theirs)
    assert (found.new, len(found.refused)) == (["b"], 1)


def whole(run: Run) -> pa.Table:
    return pq.read_table(run.part(1))


def text_in_every_row(run: Run) -> None:
    """A long text a hundred thousand times is a few kilobytes, and gigabytes in memory."""
    count = 10_000
    note = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), ["x" * 20_000])
    table = pa.table({"sample": ["s"] * count, "note": note})
    run.part(0).unlink()
    run_json.write(
        run, run_json.read(run) | {"data": run_json.read(run)["data"] | {"samples": count}}
    )
    rewrite(run, 1, table, compression="zstd", store_schema=False)


def zeros_in_every_row(run: Run) -> None:
    count = 20_000
    flat = pa.array(np.zeros(count * 1000, np.float32))
    lists = pa.FixedSizeListArray.from_arrays(flat, 1000)
    run.part(0).unlink()
    run_json.write(
        run, run_json.read(run) | {"data": run_json.read(run)["data"] | {"samples": count}}
    )
    rewrite(run, 1, pa.table({"sample": ["s"] * count, "x": lists}), compression="zstd")


def one_long_text(run: Run) -> None:
    table = whole(run)
    rewrite(run, 1, table.append_column("note", [["x" * 100_000] * len(table)]))


def more_rows(run: Run) -> None:
    rewrite(run, 1, pa.concat_tables([whole(run)] * 2))


def no_parquet(run: Run) -> None:
    run.part(1).write_bytes(b"PAR1 is not enough")
    run_json.write(run, run_json.read(run) | {"parts": run.hashes()})


def other_types(run: Run) -> None:
    table = whole(run)
    rewrite(run, 1, table.set_column(1, "targets", pa.array(["x"] * len(table))))


def other_columns(run: Run) -> None:
    rewrite(run, 1, whole(run).rename_columns(["sample", "targets", "logit"]))


def no_samples(run: Run) -> None:
    run.part(0).unlink()
    rewrite(run, 1, whole(run).rename_columns(["id", "targets", "logits"]))


def deep_lists(run: Run) -> None:
    run.part(0).unlink()
    rewrite(run, 1, pa.table({"sample": ["s"], "x": [[[[1]]]]}))


def linked(run: Run) -> None:
    elsewhere = run.folder.parent.parent / "elsewhere.parquet"
    run.part(0).rename(elsewhere)
    run.part(0).symlink_to(elsewhere)


def known_task_other_columns(run: Run) -> None:
    """Columns that are the same in all parts, but not those of the task it names."""
    manifest = run_json.read(run)
    manifest["task"]["digest"] = tasks.load("reben-mlc").digest
    run_json.write(run, manifest)
    run.part(0).unlink()
    rewrite(run, 1, whole(run).drop_columns(["logits"]))


@pytest.mark.parametrize(
    "spoil",
    [
        *(text_in_every_row, zeros_in_every_row, one_long_text, more_rows, no_parquet, other_types),
        *(other_columns, no_samples, deep_lists, known_task_other_columns),
    ],
)
def test_observations_that_are_none_or_too_large_are_refused(
    spoil: Callable[[Run], None], theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "ROOM", 1 << 20)
    spoil(Run(theirs / "runs" / "a"))
    before = pa.default_memory_pool().max_memory()
    found = taken(theirs)
    assert (found.new, len(found.refused)) == (["b"], 1)
    assert "run a" in found.refused[0]
    assert pa.default_memory_pool().max_memory() <= before + (64 << 20)


@pytest.mark.parametrize(
    "spoil", [text_in_every_row, one_long_text, more_rows, no_parquet, other_columns, linked]
)
def test_a_folder_copied_by_hand_is_looked_at_by_rebuild(
    spoil: Callable[[Run], None], theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "ROOM", 1 << 20)
    spoil(Run(theirs / "runs" / "a"))
    before = pa.default_memory_pool().max_memory()
    count, (fault,) = store.rebuild(theirs)
    assert count == 1
    assert "run a" in fault
    assert pa.default_memory_pool().max_memory() <= before + (64 << 20)


@pytest.mark.parametrize("same", [True, False])
def test_the_classes_of_a_file_that_a_run_names_are_those_of_its_task(
    same: bool, tmp_path: Path
) -> None:
    named = tmp_path / "private.toml"
    named.write_bytes(tasks.find("reben-mlc").read_bytes())
    run, *_ = fabricate(tmp_path, "a")
    manifest = run_json.read(run)
    manifest["task"]["file"] = str(named)
    if same:
        manifest["task"]["digest"] = tasks.load("reben-mlc").digest
    run_json.write(run, manifest)
    store.rebuild(tmp_path)
    (found,) = sql.ask(tmp_path, "select count(*) from classes").rows
    assert found == (19 if same else 0,)


def test_a_run_of_a_task_that_is_here_is_held_to_its_columns(theirs: Path) -> None:
    run = Run(theirs / "runs" / "a")
    manifest = run_json.read(run)
    manifest["task"]["digest"] = tasks.load("reben-mlc").digest
    run_json.write(run, manifest)
    assert taken(theirs).new == ["a", "b"]


def test_a_column_that_earlier_versions_did_not_observe_may_be_missing(tmp_path: Path) -> None:
    needed = pa.field("sample", pa.string(), nullable=False)
    added = pa.field("calibration", pa.list_(pa.float64(), 2), nullable=True)
    schema, part = pa.schema([needed, added]), tmp_path / "part.parquet"
    for values in ([[0.0, 1.0]], [None]):
        pq.write_table(pa.table({"sample": ["a"], "calibration": values}, schema=schema), part)
        received.check_observations([part], 1, schema)
    pq.write_table(pa.table({"sample": ["a"]}), part)
    received.check_observations([part], 1, schema)
    pq.write_table(pa.table({"sample": ["a"], "calibration": ["text"]}), part)
    with pytest.raises(BenchError, match="expected sample: string, calibration: fixed_size_list"):
        received.check_observations([part], 1, schema)


@pytest.mark.parametrize("spoil", [no_parquet, other_types, no_samples, deep_lists])
def test_one_run_that_can_not_be_read_is_named_and_the_others_answer(
    spoil: Callable[[Run], None], tmp_path: Path
) -> None:
    """As when a folder is damaged that was recorded."""
    store.record(tmp_path, *(fabricate(tmp_path, name, seed=n)[0] for n, name in enumerate("abc")))
    spoil(Run(tmp_path / "runs" / "a"))
    question = "select run, count(logits) from observations_reben_mlc group by run order by run"
    answer = sql.ask(tmp_path, question)
    assert answer.rows == [("b", 6), ("c", 6)]
    (fault,) = answer.left_out
    assert fault.startswith("run a: ")


def test_a_path_in_a_stranger_s_manifest_is_not_opened(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = theirs.parent / "secret.toml"
    secret.write_text("x = 1")
    for name, changes in (("a", {"file": str(secret)}), ("b", {"name": str(secret)})):
        run = Run(theirs / "runs" / name)
        manifest = run_json.read(run)
        manifest["task"] |= changes
        run_json.write(run, manifest)
    here = theirs.parent / "here"
    asked: list[str] = []
    own = tasks.load

    def noting(name: str) -> Any:
        asked.append(name)
        return own(name)

    monkeypatch.setattr(tasks, "load", noting)
    assert taken(theirs).new == ["a", "b"]
    sql.ask(here, "select * from classes")
    for name in "ab":
        run = Run(here / "runs" / name)
        try:
            integrity.task_of(run, run.manifest())
        except BenchError as error:
            assert "unknown task" in str(error)
    assert asked
    assert set(asked) <= {"reben-mlc"}


def test_a_run_made_here_may_have_a_task_of_the_user_s(tmp_path: Path) -> None:
    run, *_ = fabricate(tmp_path, "a")
    manifest = run_json.read(run)
    manifest["task"]["file"] = str(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text(tasks.find("reben-mlc").read_text())
    assert integrity.task_of(run, run_json.model(manifest)).name == "reben-mlc"
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(BenchError, match="unknown task"):
        integrity.task_of(run, run_json.model(manifest))


TEXTS = {
    "a name twice": '{"schema": 1, "schema": 1}',
    "NaN": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "many digits": '{"a": ' + "9" * 5000 + "}",
    "nested": "[" * 65 + "]" * 65,
    "nested objects": '{"a":' * 65 + "1" + "}" * 65,
    "nested without end": "[" * 100_000,
    "nothing": "",
    "zero bytes": '{"a": "\0"}',
    "a lone half of a character, raw": '"\udcff"',
}


@pytest.mark.parametrize("name", TEXTS)
def test_json_that_readers_take_differently_is_refused(name: str, theirs: Path) -> None:
    content = TEXTS[name].encode("utf-8", "surrogateescape")
    path = theirs / "runs" / "a" / "run.json"
    path.write_bytes(content)
    with pytest.raises(BenchError):
        bounded_json.read(path, MAX_BYTES)
    assert taken(theirs).new == ["b"]


def test_a_manifest_takes_at_most_forty_bytes_of_memory_for_each_of_its_own() -> None:
    for form in ("[%s]", '{"a": [%s]}'):
        for item in ("[]", "{}", '{"%d":0}', "1.5", '"%d"', "[0]"):
            items = ",".join(item % n if "%d" in item else item for n in range(20_000))
            text = form % items
            tracemalloc.start()
            bounded_json.parse(text, "text")
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert most < 40 * len(text), (form, item)


def test_a_run_with_the_text_of_a_pickle_in_its_manifest_stays_text(theirs: Path) -> None:
    run = Run(theirs / "runs" / "a")
    hostile = "\x1b[2J\u202e=cmd"
    run_json.write(run, run_json.read(run) | {"device": hostile})
    assert taken(theirs).new == ["a", "b"]
    read = json.loads((theirs.parent / "here" / "runs" / "a" / "run.json").read_bytes())
    assert read["device"] == hostile
