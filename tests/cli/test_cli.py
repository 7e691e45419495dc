"""The command line through its real entry point."""

import re
import signal
import subprocess
import sys
import time

import pytest
import typer

from bench import cli
from bench.cli._console import plain, print_table
from tests import pages
from tests.tiny import TASK, brief, tiny
from tests.typed import PROGRAM

RUN = f"run --task {TASK} --model entry"


@pytest.fixture(scope="module")
def recorded(bench_of_module, sample_data):
    """Where a run was recorded in the default folder, and what the command printed."""
    tiny(bench_of_module.folder / "entry")
    return bench_of_module, bench_of_module(RUN)


def commands():
    group = typer.main.get_command(cli._command_line())
    found = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", {})
        found += [(name, sub) for sub in inner] or [(name,)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_and_is_documented(command, bench):
    done = bench.in_process([*command, "--help"])
    described = done.stdout.split("Usage:")[1].strip().splitlines()
    assert len(described) > 2
    assert f"bench {' '.join(command)}" in pages.text("docs/commands.md")


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "--json"], ["data", "list"]])
def test_names_come_before_imports(arguments):
    code = (
        "import sys; from bench.cli import main; sys.argv[1:] = sys.argv[1:]\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "slow = {'torch', 'timm', 'lightning', 'pandas', 'duckdb', 'numpy', 'pyarrow'}\n"
        "print('slow:', *sorted(slow & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "slow:"
    assert done.stdout


def test_without_official_data_the_first_and_the_last_line_say_so(recorded):
    _, done = recorded
    first = done.stderr.splitlines()[0]
    last = done.stdout.splitlines()[-1]
    assert first.startswith("sample track: simulated data")
    assert last.startswith("sample track: simulated data, which says nothing about reben")
    for line in (first, last):
        assert "bench data list" in line


def test_a_run_is_shown_in_about_ten_lines(recorded):
    _, done = recorded
    shown = done.stdout.splitlines()
    assert len(shown) <= 11
    assert re.fullmatch(
        r"tiny on reben-mlc, sample track: [\d,]+ samples, sentinel-1-grd, \w+ division, rerun",
        shown[0],
    )
    # How much can be said of an interval depends on the samples.
    names = [line.split()[0] for line in shown[1:-1] if not line.startswith("note")]
    assert names == ["ap_macro", "floor", "published", "here", "cost", "run", "more"]
    said = dict(line.split(maxsplit=1) for line in shown[1:-1])
    assert re.match(r"0\.\d{4}, 95 % interval \[0\.\d{4}, 0\.\d{4}\]", said["ap_macro"])
    command = r"bench run --task reben-mlc --model floor-[a-z]+-s[12s]+"
    assert re.fullmatch(
        rf"none is recorded(; 0\.\d{{4}} is expected of|:) {command}", said["floor"]
    )
    assert said["published"].startswith("0.6284 to 0.7106 (7 values; on the published data")
    assert said["here"] == "the only entry that is recorded here"
    assert said["run"].endswith("in results/runs")


def test_full_shows_every_score(recorded):
    bench, done = recorded
    again = bench.in_process(f"{RUN} --full")
    assert "ap_macro  (ranks)" in again.stdout
    assert "ap by class" in again.stdout
    assert done.stdout.splitlines()[0] in again.stdout
    scored = bench.in_process(f"score {TASK}.tiny")
    assert scored.stdout.splitlines() == done.stdout.splitlines()[:-1]


@pytest.mark.parametrize("typed", [RUN, f"train --task {TASK} --model recipe", "results"])
def test_json_is_one_object_and_nothing_else(recorded, typed):
    bench, _ = recorded
    if "recipe" in typed:
        brief(bench.folder / "recipe", epochs=1)
    assert isinstance(bench.in_process(f"{typed} --json").json(), dict)


@pytest.mark.parametrize(
    "typed",
    [
        *("list", f"info {TASK}", "data list", "doctor", "results", "submissions list"),
        *(f"score {TASK}.tiny", f"verify {TASK}.tiny", "results sql 'from runs'"),
    ],
)
def test_every_verb_answers_by_its_installed_program(recorded, typed):
    bench, _ = recorded
    assert isinstance(bench(f"{typed} --json").json(), dict)


def test_results_show_what_was_recorded_and_rebuild_gives_the_same(recorded):
    bench, _ = recorded
    before = bench(f"results --csv --task {TASK} --entry tiny")
    assert before.stdout.splitlines()[1].startswith(f"{TASK},tiny,sample,False,ap_macro,0.")
    assert "tiny" in bench("results").stdout
    assert "1 runs, 0 left out" in bench("results rebuild").stdout
    assert bench(f"results --csv --task {TASK} --entry tiny").stdout == before.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--task", "reben-mcl", "--model", "resnet50"], 2, "did you mean reben-mlc"),
        (["run", "--task", TASK, "--model", "resnet5O"], 2, "did you mean resnet50"),
        (["run", "--task", TASK, "--model", "timm:resnet5000"], 2, "unknown timm model"),
        (["run", "--task", TASK, "--model", "hf:not a repo"], 2, "names no repository"),
        (["run", "--task", TASK, "--model", "x", "--track", "real"], 2, "unknown track 'real'"),
        (["run", "--task", TASK, "--model", "x", "--precision", "8"], 2, "unknown precision"),
        (["run", "--task", TASK, "--model", "resnet18", "--device", "cuda:9"], 2, "cuda:9"),
        (["run", "--task", TASK], 2, "--model"),
        (["info", "nothing"], 2, "unknown task 'nothing'"),
        (["score", "nothing"], 2, "unknown run 'nothing'"),
        (["data", "verify", "nothing"], 2, "unknown dataset 'nothing'"),
        (["data", "prepare", "reben"], 2, "dataset reben is not at"),
        (["results"], 1, "no results at"),
        (["fly"], 2, "fly"),
    ],
)
def test_a_wrong_request_is_one_line_with_a_remedy(bench, sample_data, arguments, code, message):
    done = bench.in_process(arguments, code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_debug_shows_the_traceback(bench):
    done = bench("--debug info nothing", code=1)
    assert "Traceback" in done.stderr
    assert "RequestError" in done.stderr


def test_ctrl_c_ends_in_one_line_and_the_same_command_continues(bench, sample_data):
    brief(bench.folder / "brief", epochs=3)
    command = f"train --task {TASK} --model brief"
    child = subprocess.Popen(
        [PROGRAM, *command.split()],
        cwd=bench.folder,
        env=bench.environment(),
        stderr=subprocess.PIPE,
        text=True,
        # Where tests run in the background of a shell, they are told to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not list(bench.folder.rglob("*.ckpt")) and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=120)
    assert child.returncode == 1
    assert "error: interrupted" in stderr
    assert "Traceback" not in stderr
    # The same command, typed again, in the process that has loaded everything already.
    again = bench.in_process(command)
    told = re.search(
        r"trained brief\S* in \d+ s: ([\d,]+) samples seen in ([\d,]+) steps", again.stdout
    )
    assert told, again.stdout
    card = (bench.folder / again.stdout.splitlines()[1] / "README.md").read_text(encoding="utf-8")
    assert f"| samples seen | {told[1]} in {told[2]} steps |" in card


def test_text_from_strangers_can_do_nothing_to_the_terminal():
    assert (
        plain("a\x1b[31mb\u202ec\nd")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c d"
    )


def test_a_name_with_markup_is_shown_as_it_is(bench, sample_data):
    assert "[/oops]" in bench.in_process(f"run --task {TASK} --model [/oops]", code=2).stderr


def test_a_table_is_aligned_and_never_cut_off_a_terminal(capsys):
    print_table(["name", "value"], [["海岸" * 60, 1], ["[b]x[/b]", None]], right=[1])
    heading, rule, first, second = capsys.readouterr().out.splitlines()
    assert first == "海岸" * 60 + "       1"
    assert second == "[b]x[/b]"
    assert heading.endswith("   value")
    assert len(rule) == 120
