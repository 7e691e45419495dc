"""Whatever a run of a stranger is called, showing it runs nothing, hides nothing, moves nothing."""

import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import bench.cli
from bench.base import display
from bench.results import store
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json
from tests.fabricated import fabricate
from tests.typed import Prompt

HOSTILE = (
    "=cmd|' /C calc'!A0\x1b[2J\x1b]0;title\x07\r\nforged line\t\x7f\x85\x9b31m"
    "\u202egnp.exe\u202c\u2066x\u2069\u200b\u200d\ufeff\u2028\u00ad\u3164\U000e0041\ue000"
)
BARE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164]"
)
VERBS = {
    "results": 0,
    "results --csv": 0,
    "results --json": 0,
    "results export --format csv": 0,
    "results export --format json": 0,
    "results export --format model-index --entry {first}": 0,
    "results export --format eval-results --entry {first}": 0,
    "results sql 'select * from runs join metrics using (run)'": 0,
    "results sql 'select * from runs join metrics using (run)' --csv": 0,
    "results sql 'select [entry], {{k: entry}} from runs' --csv": 0,
    "results sql 'select entry, [entry] as l from runs' --json": 0,
    "results sql 'select entry as \"=1\u202e\" from runs' --csv": 0,
    "results sql 'select entry as \"=1\u202e\" from runs'": 0,
    "results sql 'select * from \"{first}\"'": 2,
    "results rebuild": 0,
    "results --task {first}": 2,
    "compare r0 r1 --task reben-mlc": 0,
    "compare {first} nobody{second} --task reben-mlc": 2,
    "run --task {first} --model {second}": 2,
    "check {first}": 2,
}


@pytest.fixture(scope="module")
def hostile(bench_of_module: Prompt) -> Prompt:
    """A folder with results of two runs that were given every text a manifest holds."""
    results = bench_of_module.folder / "results"
    for number in range(2):
        run: Run
        run, *_ = fabricate(results, f"r{number}", entry=f"{HOSTILE}{number}", seed=number, times=4)
        manifest = run_json.read(run) | {"track": "official", "inputs": HOSTILE, "device": HOSTILE}
        manifest["scores"] += [
            score | {"average": "classes", "label": HOSTILE, "slice": HOSTILE}
            for score in manifest["scores"]
        ]
        task = tasks.load("reben-mlc")
        split = task.splits[task.split]
        manifest["data"] |= {"samples": split.size, "ids_sha256": split.ids_sha256}
        manifest["task"]["digest"] = task.digest
        run_json.write(run, manifest)
        store.record(results, run)
    altered = Run(results / "runs" / "r2")
    fabricate(results, "r2", entry=HOSTILE)
    altered.part(0).rename(altered.folder / f"part-{HOSTILE[18:30]}.parquet")
    store.record(results, altered)
    return bench_of_module


@pytest.mark.parametrize("typed", VERBS)
def test_no_command_shows_what_acts(typed: str, hostile: Prompt) -> None:
    words = [word.format(first=f"{HOSTILE}0", second=f"{HOSTILE}1") for word in shlex.split(typed)]
    done = hostile.in_process(words, code=VERBS[typed])
    text = done.stdout + done.stderr
    assert text.strip()
    assert not BARE.findall(text.replace("\r\n", "\n"))
    assert "\nforged line" not in text
    if "--csv" in words or "csv" in words:
        rows = list(csv.reader(io.StringIO(done.stdout)))
        assert len(rows) > 1
        for cell in (cell for row in rows for cell in row if not number(cell)):
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_json_keeps_the_text_and_escapes_what_acts(hostile: Prompt) -> None:
    done = hostile.in_process("results --json")
    assert {row["entry"] for row in done.json()["results"]} >= {f"{HOSTILE}0", f"{HOSTILE}1"}
    assert "\\u202e" in done.stdout
    assert "\\u009b" in done.stdout


def test_formats_of_the_hub_hold_plain_text(hostile: Prompt) -> None:
    done = hostile.in_process(
        ["results", "export", "--format", "model-index", "--entry", f"{HOSTILE}0"]
    )
    assert not BARE.findall(json.dumps(yaml.safe_load(done.stdout), ensure_ascii=False))


@given(st.text() | st.text(st.characters(categories=("Cc", "Cf", "Zl", "Zp", "Cs"))))
def test_any_text_at_all(text: str) -> None:
    for made in (display.plain(text), display.csv_text(text), display.shown(text, 20)):
        assert made.isprintable()
        assert not BARE.findall(made)
    assert not display.csv_text(text).lstrip().startswith(("=", "+", "-", "@"))
    dumped = display.as_json({text: [text]})
    if not any(0xD800 <= ord(c) < 0xE000 for c in text):
        assert json.loads(dumped) == {text: [text]}
    assert not BARE.findall(dumped)
    dumped.encode()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-1.5, "-1.5"),
        (-3, "-3"),
        (None, ""),
        (True, "True"),
        ("-1.5", "'-1.5"),
        ("+1", "'+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        (["=1"], "['=1']"),
        ("é", "é"),
    ],
)
def test_only_text_that_would_be_a_formula_is_marked(value: Any, cell: str) -> None:
    (_, row) = csv.reader(io.StringIO(display.as_csv(["a", "b"], [[value, 0]])))
    assert row == [cell, "0"]


def test_commands_print_by_no_other_way() -> None:
    for path in Path(bench.cli.__file__).parent.glob("*.py"):
        if path.name != "_console.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.])print\(|typer\.echo\(text|csv\.writer", text), path
