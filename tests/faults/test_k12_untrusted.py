"""What others left in files: answers of a sandbox, outcomes, a README, whatever size they have."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.base import parquet
from bench.base.errors import BenchError, RequestError
from bench.results import received
from bench.spec.entry import Entry
from bench.submissions import content, sandbox, submit
from bench.submissions import sync as submissions
from bench.submissions.sandbox import Done
from bench.submissions.sync import Outcome

DEEP = "[" * 100_000

ANSWERS = {
    "a run elsewhere": '{"run": "../../../elsewhere"}',
    "a run at the root": '{"run": "/etc"}',
    "a hidden run": '{"run": ".hidden"}',
    "a run of two lines": '{"run": "a\\n"}',
    "a number": '{"run": 5}',
    "a list": "[]",
    "nested": DEEP,
    "no JSON": "{",
    "no number": '{"run": NaN}',
    "twice": '{"run": "a", "run": "b"}',
    "large": json.dumps({"failed": "x" * (2 << 20)}),
    "a long reason": json.dumps({"failed": "x" * 100_000}),
    "nothing": "",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_a_sandbox_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(ANSWERS[name])
    done = sandbox._done(path)
    assert not done.run
    assert not done.failed
    assert len(done.refused) < 2_500


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_an_answer_of_a_sandbox_that_is_no_file_is_refused(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "answer.json")
    assert sandbox._done(tmp_path / "answer.json").refused


def test_an_answer_of_a_sandbox_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text('{"run": "reben-mlc.a.sample.0123456789", "refused": "", "failed": ""}')
    assert sandbox._done(path) == Done(run="reben-mlc.a.sample.0123456789")


def test_what_a_child_said_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "stderr.txt"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
        stream.seek(0, os.SEEK_END)
        stream.write(b"the end")
    found = sandbox._end_of(path)
    assert found.endswith(b"the end")
    assert len(found) <= 2_000


@pytest.mark.parametrize(
    "text", [DEEP, "{", "[]", '{"repo": 5}', "NaN", " " * (9 << 20), '{"run": "../x"}']
)
def test_a_damaged_outcome_is_left_out(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "submissions"
    folder.mkdir()
    good = Outcome("a/b", "0" * 40, "refused", claimed=0.5)
    (folder / "a--b@0.json").write_text(json.dumps(vars(good)))
    bad = json.dumps(vars(good) | json.loads(text)) if text.startswith('{"') else text
    (folder / "c--d@0.json").write_text(bad)
    assert submissions.known(tmp_path) == [good]


def test_a_long_readme_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "README.md").open("wb") as stream:
        stream.truncate(1 << 40)
    found = Entry.model_construct(name="a")
    with pytest.raises(RequestError, match=f"at most {content.MAX_TEXT:,} bytes"):
        submit._card(found, tmp_path, "a/b", [])


def test_observations_that_are_refused_are_not_called_predictions(tmp_path: Path) -> None:
    path = tmp_path / "part-00000.parquet"
    path.write_bytes(b"none")
    with pytest.raises(BenchError) as caught:
        received.footer(path)
    assert "observations" in caught.value.hint
    pq.write_table(pa.table({"sample": ["a"]}), path)
    with pytest.raises(BenchError, match="no column logits"):
        parquet.rows(path, pa.schema([("sample", pa.string()), ("logits", pa.float32())]))
