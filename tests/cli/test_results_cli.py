import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import cli
from bench.results import reported, store
from tests import run_json
from tests.fabricated import fabricate


@pytest.fixture(scope="module")
def results(bench_of_module):
    """Who stands where there are results."""
    folder = bench_of_module.folder / "results"
    altered, *_ = fabricate(folder, "altered", score=0.99)
    altered.part(0).write_bytes(b"x")
    runs = [
        altered,
        fabricate(folder, "low", entry="net", score=0.25, started="2026-01-01T00:00:00+00:00")[0],
        fabricate(folder, "high", entry="net", score=0.75, seed=1)[0],
        fabricate(folder, "real", entry="net", score=0.5, track="official")[0],
    ]
    store.record(folder, *runs)
    return bench_of_module


def shown(bench, *arguments):
    done = bench.in_process(["results", *arguments, "--json"])
    return [row["run"] for row in done.json()["results"]]


def test_results_are_ranked_by_track_with_altered_runs_last(results):
    assert shown(results) == ["real", "high", "low", "altered"]
    text = results.in_process("results").stdout
    tables = text.split("\nreben-mlc version")[1:]
    assert ["official track" in table for table in tables] == [True, False, False]
    assert "altered runs (not ranked)" in tables[2].splitlines()[0]
    assert "0.99" in tables[2]


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["--entry", "net"], ["real", "high", "low"]),
        (["--track", "official"], ["real"]),
        (["--task", "rsicd-retrieval"], []),
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
    done = results.in_process(["results", *arguments], code=2)
    assert message in done.stderr
    assert not done.stdout


def test_published_numbers_stand_below_and_are_labelled(results):
    text = results.in_process("results --reported --task reben-mlc").stdout
    ours, theirs = text.split("reported by publications, under protocols of their own (not ranked)")
    assert "high" in ours
    assert "reported" not in ours.replace("reben-mlc, ", "")
    assert "resnet50" in theirs
    assert "rerun" not in theirs
    # Beside our primary metric, and no other.
    assert "ap_macro" in theirs
    assert "f1_macro" not in theirs
    done = results.in_process("results --reported --task reben-mlc --json")
    document = json.loads(done.stdout)
    assert {row["trust"] for row in document["results"]} == {"rerun"}
    assert {row["trust"] for row in document["reported"]} == {"reported"}
    own = [row for row in document["reported"] if not row["related"]]
    other = [row for row in document["reported"] if row["related"]]
    assert {row["task"] for row in own} == {"reben-mlc"}
    assert {row["task"] for row in other} >= {"copernicus-bench-bigearthnet-s2"}
    assert all("reben-mlc" in row["related"] and row["why"] for row in other)
    assert all(row["url"] and row["place"] and row["split"] for row in document["reported"])


def test_related_numbers_stand_apart_with_the_reason_and_what_is_left_out(bench):
    text = bench.in_process("results --reported --task reben-cutmix").stdout
    (line,) = (line for line in text.splitlines() if line.startswith("cutmix-label-propagation"))
    assert "related to reben-cutmix (not ranked): a gain over standard CutMix" in line
    assert "under protocols of their own" not in text
    assert "not shown of label-propagation-cutmix: the tables of the paper" in text
    sizes = bench.in_process("results --reported --task reben-federated --entry 'MOON, MLP-Mixer'")
    assert "f1_weighted" in sizes.stdout


def test_published_numbers_need_no_results_of_ours(bench):
    done = bench.in_process("results --reported --task rsicd-retrieval")
    assert "RemoteCLIP ViT-L-14" in done.stdout
    assert not list(bench.folder.iterdir())


def test_more_runs_than_fit_are_counted(bench):
    folder = bench.folder / "results"
    store.record(folder, *[fabricate(folder, f"r{n:02}", score=n / 40)[0] for n in range(27)])
    text = bench.in_process("results").stdout
    assert "2 more; --json and --csv show all" in text
    assert "r26" in text
    assert "r01" not in text
    assert len(shown(bench)) == 27


def test_sql_answers_as_table_json_and_csv(results):
    question = "select run, value, [low] as low from runs join metrics using (run) where is_primary"
    question += " and track = 'official'"
    table = results.in_process(["results", "sql", question]).stdout
    assert "real" in table
    assert "0.5" in table
    done = results.in_process(["results", "sql", question, "--json"])
    expected = {"columns": ["run", "value", "low"], "rows": [["real", 0.5, [None]]]}
    assert json.loads(done.stdout) == expected
    done = results.in_process(["results", "sql", question, "--csv"])
    assert list(csv.reader(io.StringIO(done.stdout)))[1][:2] == ["real", "0.5"]


def test_every_value_of_sql_has_a_place_in_json(results):
    question = (
        "select 'nan'::double, 'inf'::double, date '2026-01-02', 1.5::decimal(3, 1), "
        "{'a': [1, null]}, true, null, 'x'::blob, uuid '00000000-0000-0000-0000-000000000000'"
    )
    done = results.in_process(["results", "sql", question, "--json"])
    (row,) = json.loads(done.stdout)["rows"]
    assert row[:7] == [None, None, "2026-01-02", "1.5", {"a": [1, None]}, True, None]


def test_a_long_answer_is_cut_in_the_table_and_says_so(results):
    done = results.in_process("results sql 'select range as n from range(500)'")
    assert "the first 200 rows" in done.stderr
    done = results.in_process(["results", "sql", "select repeat('x', 5000) as long"])
    assert done.stdout.count("x") < 300


def test_text_of_strangers_is_shown_as_text(bench):
    hostile = "\x1b[31mred\u202e[bold]" + "x" * 400
    run, *_ = fabricate(bench.folder / "results", "r", entry=hostile, inputs=hostile)
    store.record(bench.folder / "results", run)
    text = bench.in_process("results").stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text
    assert text.count("x") <= 2 * 200


def test_rebuild_names_what_it_left_out_and_what_was_altered(bench):
    folder = bench.folder / "results"
    fabricate(folder, "good")
    (folder / "runs" / "torn").mkdir()
    (folder / "runs" / "torn" / "run.json").write_text("{")
    edited, *_ = fabricate(folder, "edited")
    edited.part(1).unlink()
    done = bench.in_process("results rebuild")
    assert "2 runs, 1 of them altered, 1 left out" in done.stdout
    assert "torn" in done.stderr
    assert "altered, not ranked: run edited: part-00001.parquet is missing" in done.stderr


def test_import_prints_what_became_of_each_run(results, bench):
    theirs = results.folder / "results"
    done = bench.in_process(["results", "import", theirs], code=1)
    assert done.stdout.splitlines()[:3] == ["new: high", "new: low", "new: real"]
    assert "refused: run altered isn't as it was" in done.stderr
    assert "3 new, 0 there already" in done.stdout
    assert "1 runs were refused" in done.stderr
    assert shown(bench) == ["real", "high", "low"]


def test_export_writes_a_file_or_stdout(results):
    out = results.folder / "all.json"
    done = results.in_process("results export --out all.json")
    assert not done.stdout
    printed = results.in_process("results export --format json")
    assert out.read_text(encoding="utf-8") == printed.stdout
    assert len(json.loads(printed.stdout)["runs"]) == 4
    one = results.in_process("results export --entry net --format csv")
    assert {row["run"] for row in csv.DictReader(io.StringIO(one.stdout))} == {
        "low",
        "high",
        "real",
    }
    hub = results.in_process("results export --format eval-results")
    assert "rs-bench/reben-mlc" in hub.stdout
    card = results.in_process("results export --format model-index")
    assert "model-index:" in card.stdout


def test_the_worst_groups_of_a_task_are_shown_below_its_table(bench):
    folder = bench.folder / "results"
    known = {"low": 0.25, "high": 0.375, "samples": 40, "label": "Finland"}
    part = [
        run_json.score(value=0.3125, slice="country: worst", **known),
        run_json.score(value=-0.125, slice="country: worst less rest", label="Finland"),
    ]
    run, *_ = fabricate(folder, "grouped", entry="net", scores=[run_json.score(), *part])
    store.record(folder, run)
    found = bench.in_process("results --task reben-mlc").stdout.splitlines()
    (heading,) = (line for line in found if "worst group" in line)
    assert "less the rest" in heading
    row = re.split(r" {2,}", found[found.index(heading) + 2])
    assert row == ["net", "country Finland", "0.3125", "[0.2500, 0.3750]", "-0.1250", "-", "40"]
    assert "worst group" not in bench.in_process("results").stdout
    shown = bench.in_process("info reben-mlc").stdout
    assert re.search(r"worst group by +country, season", shown)


def test_showing_results_imports_nothing_that_only_writing_needs(results):
    code = (
        "import sys\nfrom bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "slow = {'torch', 'numpy', 'pyarrow', 'pandas', 'lightning', 'bench.spec.task'}\n"
        "print('slow:', *sorted(slow & set(sys.modules)), file=sys.stderr)"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "results",
        "--json",
        "--results",
        str(results.folder / "results"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(cli.__file__).parents[2]
    )
    assert done.stderr.strip() == "slow:"
    assert len(json.loads(done.stdout)["results"]) == 4


def test_every_reported_task_can_be_shown(bench):
    done = bench.in_process("results --reported --json")
    assert len(json.loads(done.stdout)["reported"]) == len(reported.load()[0])
