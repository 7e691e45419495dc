"""What bash, zsh and fish offer after a tab, by the installed program, and what it imports."""

import ast
import subprocess
import sys

import pytest

from bench import kinds
from bench.cli import _complete
from bench.models import methods
from bench.spec import suite
from bench.spec import task as tasks
from tests.typed import PROGRAM

SLOW = ("torch", "numpy", "pandas", "duckdb", "pyarrow", "matplotlib", "lightning", "pydantic")

RUN = "reben-mlc.some.sample.0123456789"

LINES = {
    "bench run --task reben-ml": {"reben-mlc"},
    "bench run --task reben-mlc --model resnet5": {"resnet50"},
    "bench run --task reben-mlc --input s1": {"s1", "s1s2"},
    "bench run --task pastis24-crop-mapping --model published:tsvit-s": {"published:tsvit-s-fold1"},
    "bench info published:hyc": {"published:hycot"},
    "bench convert --architecture hyc": {"hycot"},
    "bench data verify hys": {"hyspecnet"},
    "bench score reben-mlc.": {RUN},
    "bench compare --task reben-mlc --metric f1": {"f1_macro", "f1_micro"},
    "bench compare --task resisc45 --metric a": {"accuracy_micro"},
    "bench train --method lo": {"lora", "logistic"},
    "bench results --track of": {"official"},
    "bench report federated --task reben-fed": {"reben-federated"},
    "bench list --kind retr": {"retrieval"},
    "bench plot reben-mlc": {"reben-mlc", RUN},
    "bench plot reben-mlc --kind fo": {"forest"},
    "bench plot reben-mlc --metric f1": {"f1_macro", "f1_micro"},
}


@pytest.fixture
def recorded(bench):
    """A folder with a run, of which only the manifest is there."""
    folder = bench.folder / "results" / "runs" / RUN
    folder.mkdir(parents=True)
    scores = ", ".join(
        f'{{"metric": "{metric}", "average": "{average}", "label": "{label}"}}'
        for metric, average, label in (
            *(("ap", "macro", ""), ("f1", "macro", ""), ("f1", "micro", "")),
            ("f1", "classes", "Pastures"),
        )
    )
    (folder / "run.json").write_text(f'{{"scores": [{scores}]}}')
    return bench


def asked(shell: str, words: str) -> dict[str, str]:
    """What a shell sets when tab is pressed behind the last word."""
    if shell == "bash":
        count = str(len(words.split()) - 1)
        return {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    typed = {"_BENCH_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": words}
    return typed | ({"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {})


def offered(shell: str, printed: str) -> set[str]:
    """The values in what a shell is given."""
    if shell != "zsh":
        return set(printed.split())
    # A line for each, in _arguments '*: :((...))', where a plain colon begins what a value means.
    lines = printed[printed.index("((") + 2 : printed.rindex("))")].splitlines()
    return {ast.literal_eval(line).replace("\\:", ":") for line in lines}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("words", LINES)
def test_a_shell_offers_values(recorded, shell, words):
    done = recorded("", **asked(shell, words))
    assert offered(shell, done.stdout) == LINES[words]
    assert not done.stderr


@pytest.mark.parametrize("words", LINES)
def test_nothing_slow_is_imported(recorded, words):
    code = f"""
import atexit, sys
atexit.register(lambda: print(*sorted({set(SLOW)!r} & set(sys.modules)), file=sys.stderr))
sys.argv = ["bench"]
from bench.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=recorded.folder,
        env=recorded.environment() | asked("bash", words),
        check=False,
    )
    assert set(done.stdout.split()) == LINES[words]
    assert not done.stderr.strip()


def test_what_is_written_down_is_what_there_is():
    assert list(_complete.METHODS) == list(methods.METHODS)
    assert _complete.suites("") == suite.names()
    assert set(_complete.kinds("")) == {tasks.load(name).kind for name in tasks.names()}
    assert set(_complete.kinds("")) <= set(kinds.names())


def test_a_damaged_manifest_offers_what_ranks(recorded):
    (recorded.folder / "results" / "runs" / RUN / "run.json").write_text('{"scores": 3')
    done = recorded("", **asked("bash", "bench compare --task reben-mlc --metric a"))
    assert done.stdout.split() == ["ap_macro"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_its_script(bench, shell):
    done = bench(f"--show-completion {shell}", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_BENCH_COMPLETE=complete_" + shell in done.stdout
    assert PROGRAM.name in done.stdout
