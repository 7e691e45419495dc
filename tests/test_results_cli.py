import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench import cli, reported, store
from bench.errors import BenchError
from tests.fabricated import fabricate


def bench(*arguments):
    """What a command prints; its error, where it ends with one."""
    return CliRunner().invoke(cli._command_line(), [str(argument) for argument in arguments])


def ends_with(done, message):
    assert isinstance(done.exception, BenchError)
    assert message in str(done.exception)
    assert "\n" not in done.exception.message


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    altered, *_ = fabricate(folder, "altered", score=0.99)
    altered.part(0).write_bytes(b"x")
    runs = [
        altered,
        fabricate(folder, "low", entry="net", score=0.25, started="2026-01-01T00:00:00+00:00")[0],
        fabricate(folder, "high", entry="net", score=0.75, seed=1)[0],
        fabricate(folder, "real", entry="net", score=0.5, track="official")[0],
    ]
    store.record(folder, *runs)
    return folder


def shown(results, *arguments):
    done = bench("results", *arguments, "--json", "--results", results)
    return [row["run"] for row in json.loads(done.stdout)["results"]]


def test_results_are_ranked_by_track_with_altered_runs_last(results):
    assert shown(results) == ["real", "high", "low", "altered"]
    text = bench("results", "--results", results).stdout
    tables = text.split("\nreben-mlc version")[1:]
    assert ["official track" in table for table in tables] == [True, False, False]
    assert "altered runs (not ranked)" in tables[2].splitlines()[0]
    assert "0.99" in tables[2]


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["--entry", "net"], ["real", "high", "low"]),
        (["--track", "official"], ["real"]),
        (["--task", "nothing"], []),
        (["--since", "2026-01-02"], ["real", "high", "altered"]),
        (["--until", "2026-01-01"], ["low"]),
    ],
)
def test_results_are_filtered(results, arguments, runs):
    assert shown(results, *arguments) == runs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--track", "gold"], "unknown track 'gold'"),
        (["--since", "yesterday"], "'yesterday' is no date"),
        (["--reported", "--csv"], "--csv holds results of this harness only"),
        (["sql", "drop table runs"], "expected one select statement, found drop"),
        (["sql", "from read_text('/etc/passwd')"], "disabled by configuration"),
        (["export", "--format", "xml"], "unknown format 'xml'"),
        (["import", "/nowhere"], "/nowhere can't be read"),
    ],
)
def test_a_wrong_request_is_one_line(results, arguments, message):
    done = bench("results", "--results", results, *arguments)
    ends_with(done, message)
    assert done.exception.exit_code == 2
    assert not done.stdout


def test_published_numbers_stand_below_and_are_labelled(results):
    text = bench("results", "--reported", "--task", "reben-mlc", "--results", results).stdout
    ours, theirs = text.split("reported by publications, under protocols of their own (not ranked)")
    assert "high" in ours
    assert "reported" not in ours.replace("reben-mlc, ", "")
    assert "resnet50" in theirs
    assert "rerun" not in theirs
    # Beside our primary metric, and no other.
    assert "ap_macro" in theirs
    assert "f1_macro" not in theirs
    done = bench("results", "--reported", "--task", "reben-mlc", "--json", "--results", results)
    document = json.loads(done.stdout)
    assert {row["trust"] for row in document["results"]} == {"rerun"}
    assert {row["trust"] for row in document["reported"]} == {"reported"}
    assert {row["task"] for row in document["reported"]} == {"reben-mlc"}
    assert all(row["url"] and row["place"] and row["split"] for row in document["reported"])


def test_published_numbers_need_no_results_of_ours(tmp_path):
    done = bench("results", "--reported", "--task", "rsicd-retrieval", "--results", tmp_path)
    assert "RemoteCLIP ViT-L-14" in done.stdout
    assert not list(tmp_path.iterdir())


def test_more_runs_than_fit_are_counted(tmp_path):
    store.record(tmp_path, *[fabricate(tmp_path, f"r{n:02}", score=n / 40)[0] for n in range(27)])
    text = bench("results", "--results", tmp_path).stdout
    assert "2 more; --json and --csv show all" in text
    assert "r26" in text
    assert "r01" not in text
    assert len(shown(tmp_path)) == 27


def test_sql_answers_as_table_json_and_csv(results):
    question = "select run, value, [low] as low from runs join metrics using (run) where is_primary"
    question += " and track = 'official'"
    table = bench("results", "sql", question, "--results", results).stdout
    assert "real" in table
    assert "0.5" in table
    done = bench("results", "sql", question, "--json", "--results", results)
    expected = {"columns": ["run", "value", "low"], "rows": [["real", 0.5, [None]]]}
    assert json.loads(done.stdout) == expected
    done = bench("results", "sql", question, "--csv", "--results", results)
    assert list(csv.reader(io.StringIO(done.stdout)))[1][:2] == ["real", "0.5"]


def test_every_value_of_sql_has_a_place_in_json(results):
    question = (
        "select 'nan'::double, 'inf'::double, date '2026-01-02', 1.5::decimal(3, 1), "
        "{'a': [1, null]}, true, null, 'x'::blob, uuid '00000000-0000-0000-0000-000000000000'"
    )
    done = bench("results", "sql", question, "--json", "--results", results)
    (row,) = json.loads(done.stdout)["rows"]
    assert row[:7] == [None, None, "2026-01-02", "1.5", {"a": [1, None]}, True, None]


def test_a_long_answer_is_cut_in_the_table_and_says_so(results):
    done = bench("results", "sql", "select range as n from range(500)", "--results", results)
    assert "the first 200 rows" in done.stderr
    done = bench("results", "sql", "select repeat('x', 5000) as long", "--results", results)
    assert done.stdout.count("x") < 300


def test_text_of_strangers_is_shown_as_text(tmp_path):
    hostile = "\x1b[31mred\u202e[bold]" + "x" * 400
    run, *_ = fabricate(tmp_path, "r", entry=hostile, inputs=hostile)
    store.record(tmp_path, run)
    text = bench("results", "--results", tmp_path).stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text
    assert text.count("x") <= 2 * 200


def test_rebuild_names_what_it_left_out_and_what_was_altered(results, tmp_path):
    fabricate(tmp_path, "good")
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "run.json").write_text("{")
    edited, *_ = fabricate(tmp_path, "edited")
    edited.part(1).unlink()
    done = bench("results", "rebuild", "--results", tmp_path)
    assert "2 runs, 1 of them altered, 1 left out" in done.stdout
    assert "torn" in done.stderr
    assert "altered, not ranked: run edited: part-00001.parquet is missing" in done.stderr


def test_import_prints_what_became_of_each_run(results, tmp_path):
    done = bench("results", "import", results, "--results", tmp_path)
    assert done.stdout.splitlines()[:3] == ["new: high", "new: low", "new: real"]
    assert "refused: run altered isn't as it was" in done.stderr
    assert "3 new, 0 there already" in done.stdout
    ends_with(done, "1 runs were refused")
    assert done.exception.exit_code == 1
    assert shown(tmp_path) == ["real", "high", "low"]


def test_export_writes_a_file_or_stdout(results, tmp_path):
    out = tmp_path / "results.json"
    done = bench("results", "export", "--out", out, "--results", results)
    assert not done.stdout
    printed = bench("results", "export", "--format", "json", "--results", results)
    assert out.read_text(encoding="utf-8") == printed.stdout
    assert len(json.loads(printed.stdout)["runs"]) == 4
    one = bench("results", "export", "--entry", "net", "--format", "csv", "--results", results)
    assert {row["run"] for row in csv.DictReader(io.StringIO(one.stdout))} == {
        "low",
        "high",
        "real",
    }
    hub = bench("results", "export", "--format", "eval-results", "--results", results)
    assert "rs-bench/reben-mlc" in hub.stdout
    card = bench("results", "export", "--format", "model-index", "--results", results)
    assert "model-index:" in card.stdout


def test_showing_results_imports_nothing_that_only_writing_needs(results):
    code = (
        "import sys\nfrom bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "slow = {'torch', 'numpy', 'pyarrow', 'pandas', 'lightning', 'bench.task'}\n"
        "print('slow:', *sorted(slow & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "results", "--json", "--results", str(results)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[2]
    )
    assert done.stderr.strip() == "slow:"
    assert len(json.loads(done.stdout)["results"]) == 4


def test_every_reported_task_can_be_shown(results, tmp_path):
    done = bench("results", "--reported", "--json", "--results", tmp_path)
    assert len(json.loads(done.stdout)["reported"]) == len(reported.load()[0])
