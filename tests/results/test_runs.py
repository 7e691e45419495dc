import json

import pyarrow as pa
import pytest

from bench.base.errors import BenchError, RequestError
from bench.results import runs
from bench.results.records import Identity
from bench.results.runs import Run
from tests import run_json


def table(*samples):
    return pa.table({"sample": list(samples), "value": [float(len(s)) for s in samples]})


def test_parts_come_back_in_order_and_are_the_same_bytes_each_time(tmp_path):
    first, second = Run(tmp_path / "a"), Run(tmp_path / "b")
    for run in (first, second):
        run.write_part(1, table("c"))
        run.write_part(0, table("a", "b"))
    assert first.observations().column("sample").to_pylist() == ["a", "b", "c"]
    assert first.hashes() == second.hashes()


def test_coverage_finds_what_is_missing_repeated_or_foreign(tmp_path):
    run = Run(tmp_path)
    runs.check_coverage(run, table("a", "b"), ["a", "b"])
    for observed in (("a",), ("a", "a"), ("b", "a"), ("a", "b", "c")):
        with pytest.raises(BenchError, match=f"observed {len(observed)} samples, expected 2"):
            runs.check_coverage(run, table(*observed), ["a", "b"])


def test_one_identity_has_one_folder_until_it_is_forced(tmp_path):
    one, other = (Identity.model_validate(run_json.identity(seed=seed)) for seed in (1, 2))
    first = runs.choose(tmp_path, "t.e", one, force=False)
    assert first.name == "t.e.07dd114a14"
    assert runs.choose(tmp_path, "t.e", one, force=True) == first
    run_json.write(first, run_json.complete(first.name))
    assert runs.choose(tmp_path, "t.e", one, force=False) == first
    assert runs.choose(tmp_path, "t.e", one, force=True).name == f"{first.name}.2"
    assert runs.choose(tmp_path, "t.e", other, force=False) != first


def test_a_run_has_one_worker_at_a_time(tmp_path):
    run = Run(tmp_path / "r")
    with run.lock(), pytest.raises(BenchError, match="another process is working"):
        run.lock()
    with run.lock():
        pass


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "expected 1"),
        (json.dumps({"schema": 99}), "has schema 99, expected 1"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_damaged_manifest_is_one_clear_error(tmp_path, content, fault):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(BenchError, match=fault):
        Run(tmp_path).manifest()


def test_damaged_or_absent_observations_are_one_clear_error(tmp_path):
    run = Run(tmp_path)
    with pytest.raises(BenchError, match="holds no observations"):
        run.observations()
    run.part(0).write_bytes(b"PAR1 but not really")
    with pytest.raises(BenchError, match="can't be read"):
        run.observations()


def test_runs_are_found_by_the_beginning_of_their_name(tmp_path):
    for name in ("task.one.x", "task.two.y"):
        run_json.write(Run(tmp_path / "runs" / name), run_json.complete(name))
    assert runs.find(tmp_path, "task.one").name == "task.one.x"
    assert runs.find(tmp_path, str(tmp_path / "runs" / "task.two.y")).name == "task.two.y"
    with pytest.raises(RequestError, match="2 runs begin with"):
        runs.find(tmp_path, "task")
    with pytest.raises(RequestError, match=r"did you mean task\.one\.x"):
        runs.find(tmp_path, "task.one.z")
