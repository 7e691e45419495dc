"""Wrong requests, streams that take no UTF-8, and what a shell completes: one line, no surprise."""

import subprocess

import pytest

from bench import api
from tests.typed import PROGRAM

_RUN = "run --task reben-mlc --model resnet18-s1"
_INTERNAL = {"adapted", "baseline", "live", "rounds"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (f"{_RUN} --seed 4294967296", "--seed 4294967296: expected 0 to 4294967295"),
        (f"{_RUN} --limit 0", "--limit 0: expected at least 1"),
        (f"{_RUN} --limit -5", "--limit -5: expected at least 1"),
        (f"{_RUN} --precision 8", "use one of: 32-true, 16-mixed, bf16-mixed"),
        ("train --task reben-mlc --model resnet18-s1 --nodes 0", "--nodes 0: expected at least 1"),
        ("train --task reben-mlc --model resnet18-s1 --seed -2", "--seed -2: expected 0"),
        ("results --task reben-mcl", "did you mean reben-mlc"),
        ("results export --task reben-mcl", "did you mean reben-mlc"),
        ("data list rebn", "did you mean reben"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_made(bench, typed, found):
    done = bench.in_process(typed, 2)
    assert found in " ".join(done.stderr.split())
    assert not done.stdout
    assert not list(bench.folder.iterdir())


@pytest.mark.parametrize("options", ["--out .", "--out missing/page.html", "--results file"])
def test_a_place_that_cannot_be_written_says_what_to_do(bench, options):
    (bench.folder / "file").write_text("")
    done = bench.in_process(f"leaderboard {options}", 1)
    assert len(done.stderr.strip().splitlines()) == 2


def test_each_dataset_is_told_its_own_command(bench):
    elsewhere = str(bench.folder / "data")
    of_one = bench("data list reben", BENCH_DATA=elsewhere).stdout
    assert "bench data sample reben`" in of_one
    assert "whu-rs19" not in of_one
    of_all = bench.in_process("data list", BENCH_DATA=elsewhere).stdout
    for name in ("aid", "gaia", "whu-rs19"):
        assert f"`bench data sample {name}`" in of_all


@pytest.mark.parametrize(
    ("typed", "encoding"), [("list", "ascii"), ("data list", "latin-1"), ("list", "cp1252")]
)
def test_a_stream_of_another_encoding_takes_every_text(bench, typed, encoding):
    done = subprocess.run(
        [PROGRAM, *typed.split()],
        capture_output=True,
        cwd=bench.folder,
        env=bench.environment() | {"PYTHONIOENCODING": encoding},
        check=True,
    )
    assert done.stdout.decode(encoding)
    assert b"???" not in done.stdout


def test_json_is_whole_where_a_stream_takes_ascii_only(bench):
    whole = bench("data list --json").json()
    assert bench("data list --json", PYTHONIOENCODING="ascii").json() == whole


def test_a_closed_stream_is_no_fault(bench):
    typed = f"exec {PROGRAM} list >&- 2>&-"
    done = subprocess.run(["bash", "-c", typed], env=bench.environment(), check=False)
    assert done.returncode == 0
    typed = f"{PROGRAM} list | head -n 1"
    done = subprocess.run(
        ["bash", "-c", typed], env=bench.environment(), capture_output=True, check=True
    )
    assert done.stdout.startswith(b"task ")
    assert not done.stderr


def test_a_full_device_is_said(bench):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [PROGRAM, "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=bench.environment(),
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"unexpected" not in done.stderr


def test_the_rule_of_a_table_is_bounded_where_rows_are_long(bench):
    lines = bench.in_process("info reben-mlc").stdout.splitlines()
    rules = [line for line in lines if line and set(line) == {"\N{BOX DRAWINGS LIGHT HORIZONTAL}"}]
    assert rules
    assert max(map(len, rules)) <= 120


FOLDS = {f"pastis-crop-mapping-fold{number}" for number in range(2, 6)}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("bench run --task reben-ml", {"reben-mlc"}),
        ("bench info reben-ml", {"reben-mlc"}),
        ("bench run --task reben-mlc --model resnet18", {"resnet18", "resnet18-shuffled"}),
        ("bench run --task pastis-crop-mapping-fold", FOLDS),
        ("bench run --task pastis-crop-mapping-fold3 --model tsvit-s-", {"tsvit-s-released"}),
        ("bench run --task reben-cutmix --model cutmix-lp", {"cutmix-lp-gradcam", "cutmix-lp-map"}),
        ("bench run --task reben-mlc --model open", {"open_clip:"}),
        ("bench data sample hys", {"hyspecnet"}),
        ("bench score reben-mlc.", {"reben-mlc.some.sample.0123456789"}),
        ("bench compare so", {"some"}),
        ("bench results --entry so", {"some"}),
    ],
)
def test_a_shell_completes_values(bench, words, offered):
    run = bench.folder / "results" / "runs" / "reben-mlc.some.sample.0123456789"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    done = subprocess.run(
        [PROGRAM],
        capture_output=True,
        text=True,
        cwd=bench.folder,
        env=bench.environment()
        | {
            "_BENCH_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        check=False,
    )
    assert set(done.stdout.split()) == offered


def test_help_names_every_source_of_models(bench):
    from bench import models
    from bench.cli import _complete

    listed = " ".join(bench.in_process("run --help").stdout.replace("│", " ").split())
    for source in models.sources():
        assert f"{source}:" in listed or source in _INTERNAL
    assert set(_complete.SOURCES) == set(models.sources()) - _INTERNAL
    assert "FACTORY(in_channels=, outputs=, size=, **arguments)" in listed


def test_paths_of_the_api_may_be_text(tmp_path):
    from bench.results import store

    store.rebuild(tmp_path)
    for folder in (tmp_path, str(tmp_path)):
        assert api.results(results=folder).empty
