"""Malformed texts of all sorts, one after the other: read or refused, never a crash or a wait."""

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest
import tomli_w

from bench.base import bounded_json, display
from bench.base.errors import BenchError
from bench.results import received, reported
from bench.results.import_runs import import_runs
from bench.results.manifest import MAX_BYTES, read
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.submissions import claims, content
from tests import run_json
from tests.fabricated import fabricate
from tests.test_fuzz import TOKENS, blocks, mangled, patience

FEW = [range(60)]
MANY = [range(start, start + 600) for start in range(60, 12_060, 600)]


@pytest.mark.parametrize("block", blocks(FEW, MANY))
def test_texts(block: range, tmp_path: Path) -> None:
    declared = tasks.find("reben-mlc").read_bytes()
    run, *_ = fabricate(tmp_path, "a")
    manifest = (run.folder / "run.json").read_bytes()
    submission = tomli_w.dumps({"repo": "a/b", "files": {"x": "0" * 64}, "claims": {}}).encode()
    (tmp_path / "reported").mkdir()
    for case in block:
        rng = random.Random(case)
        source = (declared, submission, manifest)[case % 3]
        if case % 2:
            source = "".join(rng.choices(TOKENS, k=rng.randint(1, 40))).encode()
        text = mangled(source, rng)
        path = tmp_path / "text.toml"
        path.write_bytes(text)
        (tmp_path / "reported" / "mine.toml").write_bytes(text)
        with patience():
            for ask in (
                lambda path=path: tasks.load(str(path)),
                lambda path=path: claims.read_submission(path),
                lambda path=path: claims.read_claims(path),
                lambda path=path: bounded_json.read(path, MAX_BYTES),
                lambda path=path: read(path),
                lambda path=path: received.check_picture(path),
                lambda path=path: received.footer(path),
            ):
                with suppress(BenchError):
                    ask()
            reported.check(tmp_path)
            content.fault(path)
            shown = text.decode("utf-8", "surrogateescape")
            assert display.plain(shown).isprintable()
            display.as_json({shown: shown}).encode()
            display.as_csv([shown], [[shown]]).encode()


@pytest.mark.parametrize(
    "block", blocks([range(10)], [range(s, s + 50) for s in range(10, 260, 50)])
)
def test_runs(block: range, tmp_path: Path) -> None:
    for case in block:
        rng = random.Random(case)
        theirs = tmp_path / str(case)
        run, *_ = fabricate(theirs, "a")
        path = (run.folder / "run.json", run.part(0), run.attributes_path())[case % 3]
        path.write_bytes(mangled(path.read_bytes(), rng))
        if case % 3:
            own = Run(run.folder)
            run_json.write(
                own, json.loads((run.folder / "run.json").read_bytes()) | {"parts": own.hashes()}
            )
        with patience():
            found = import_runs(theirs, theirs / "here")
        assert len(found.new) + len(found.refused) == 1
