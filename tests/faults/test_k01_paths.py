"""Paths as people type them: relative, with odd names, from folders that are links or gone."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import typer

from bench import cli, data, models
from bench.base import paths
from bench.base.errors import RequestError
from bench.evaluate import predictions
from bench.evaluate.request import Request
from bench.results import runs
from bench.spec import task as tasks
from bench.submissions import sandbox
from bench.submissions.sandbox import SandboxJob
from tests.tiny import brief, tiny
from tests.typed import PROGRAM, Prompt

TASK = "reben-mlc"

ODD = "-a [1] *'\" näme"
"""The name of a folder, with all that shells, globs, SQL and options take for something else."""


def test_every_path_can_be_relative_and_below_an_odd_name(bench: Prompt, sample_data: Path) -> None:
    place = ODD
    inside = bench.folder / place
    weights = tiny(inside / "tiny") / "model.safetensors"
    ids = data.reader("reben").open_dataset(data.sample_root("reben")).ids("test")
    (inside / "ids.txt").write_text("\n".join(ids[:4]) + "\n")
    shutil.copy(tasks.find(TASK), inside / "own.toml")
    results = f"--results={place}/results"

    def typed(*words: str, code: int = 0) -> str:
        return bench.in_process(words, code).stdout

    def answer(*words: str) -> Any:
        return json.loads(typed(*words, "--json"))

    asked = (f"--task={place}/own.toml", results)
    run = answer("run", *asked, f"--model={place}/tiny", f"--ids={place}/ids.txt")
    assert run["data"]["samples"] == 4
    run = answer("run", *asked, f"--model={place}/tiny")
    folder = f"{place}/results/runs/{run['run']}"

    # The same as predictions, from a file of them.
    observed = runs.find(inside / "results", run["run"]).observations()
    columns = predictions.schema(tasks.load(TASK)).names
    pq.write_table(observed.select(columns), inside / "said.parquet")
    typed("check", "--task", TASK, "--", f"{place}/said.parquet")
    said = answer("run", *asked, f"--model=predictions:{place}/said.parquet")
    assert said["scores"][0]["value"] == run["scores"][0]["value"]

    # From another folder the run is scored by the task's file all the same.
    elsewhere = Prompt(bench.folder.parent, bench.home)
    again = elsewhere.in_process(["score", f"work/{folder}", "--json"]).json()
    assert again["scores"] == run["scores"]
    assert "differs" not in typed("verify", "--", folder)
    typed("compare", "--task", TASK, results, "--", folder, f"{place}/results/runs/{said['run']}")

    exported = f"{place}/out/all.json"
    (inside / "out").mkdir()
    typed("results", "export", f"--out={exported}", results)
    assert len(json.loads((bench.folder / exported).read_text())["runs"]) == 3
    taken = f"--results={place}/taken"
    assert "new: " in typed("results", "import", taken, "--", folder)
    assert "1 runs" in typed("results", "rebuild", taken)
    counted = f"select count(*) from observations_{TASK.replace('-', '_')}"
    assert answer("results", "sql", counted, taken)["rows"] == [[len(ids)]]
    typed("leaderboard", f"--out={place}/out/page.html", taken)
    assert (inside / "out" / "page.html").is_file()

    typed("init", "--task", TASK, "--", f"{place}/mine")
    assert (inside / "mine" / "entry.toml").is_file()
    torch.save(
        models.build(models.find(f"{inside}/tiny", tasks.load(TASK)), 19).state_dict(),
        weights.with_suffix(".pt"),
    )
    words = ("--task", TASK, "--model=timm:test_resnet/s1", f"--out={place}/made")
    typed("convert", *words, "--i-trust-this-file", "--", f"{place}/tiny/model.pt")
    assert (inside / "made" / "model.safetensors").is_file()
    assert {path.name for path in bench.folder.iterdir()} == {place}


def _commands() -> list[tuple[list[str], Any]]:
    group: Any = typer.main.get_command(cli._command_line())
    found = []
    for name, command in group.commands.items():
        found += [([name], command)] if command.params else []
        found += [([name, n], inner) for n, inner in getattr(command, "commands", {}).items()]
    return found


_TAKING = [(words, c) for words, c in _commands() if any(p.type.name == "path" for p in c.params)]


@pytest.mark.parametrize(
    ("words", "command"), _TAKING, ids=[" ".join(words) for words, _ in _TAKING]
)
def test_no_verb_gets_a_path_as_it_was_typed(
    words: list[str], command: Any, bench: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    def absolute(path: Path) -> Path:
        seen.add(str(path))
        if len(seen) == len(paths):
            raise RequestError("all were made absolute")
        return path

    monkeypatch.setattr(cli, "absolute", absolute)
    paths = {f"some/{p.name}": p for p in command.params if p.type.name == "path"}
    arguments = []
    for param in command.params:
        value = f"some/{param.name}" if param.type.name == "path" else "x" * param.required
        if value:
            option = param.param_type_name == "option"
            arguments += [param.opts[0], value] if option else [value]
    assert "all were made absolute" in bench.in_process([*words, *arguments], code=2).stderr


def test_variables_may_be_relative_and_begin_with_a_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value, expected in (
        ("sub/x", "sub/x"),
        ("~/x", "home/x"),
        ("./~x", "~x"),
        ("~nobody-of-this-name", "~nobody-of-this-name"),
        ("../x", "../x"),
    ):
        monkeypatch.setenv("BENCH_DATA", value)
        monkeypatch.setenv("BENCH_RESULTS", value)
        assert paths.data_root() == paths.results_root() == tmp_path / expected
    for empty in ("BENCH_DATA", "BENCH_RESULTS"):
        monkeypatch.setenv(empty, "")
    assert paths.results_root() == tmp_path / "results"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert paths.data_root() == tmp_path / "home" / ".cache" / "rs-bench"
    assert paths.results_root("text") == tmp_path / "text"


def test_a_request_means_the_same_in_every_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    brief(tmp_path / "mine", epochs=1)
    for model, expected in (
        ("mine", f"{tmp_path}/mine"),
        ("./mine", f"{tmp_path}/mine"),
        ("predictions:mine", f"predictions:{tmp_path}/mine"),
        ("resnet50", "resnet50"),
        ("timm:mine", "timm:mine"),
        ("no/such", "no/such"),
    ):
        request = Request("own.toml", model, results=Path("there"))
        assert request.model == expected
        assert (request.task, request.results) == (f"{tmp_path}/own.toml", tmp_path / "there")
    assert Request(TASK, "x").task == TASK
    job = SandboxJob(Path("mine"), TASK, "sample", Path("there"), 0)
    assert (job.folder, job.results) == (tmp_path / "mine", tmp_path / "there")
    with pytest.raises(RequestError, match=r"there is a \? in this path"):
        Request(TASK, "x", results=Path("what?"))


def test_a_child_finds_what_its_parent_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", "data")
    monkeypatch.setenv("PYTHONPATH", f"src{os.pathsep}{os.pathsep}/far")
    monkeypatch.setenv("TMPDIR", "tmp")
    monkeypatch.setenv("BENCH_SECRET", "x")
    given = sandbox._environment(Path("home"))
    assert given["BENCH_DATA"] == f"{tmp_path}/data"
    assert given["PYTHONPATH"] == f"{tmp_path}/src{os.pathsep}/far"
    assert (given["TMPDIR"], given["HOME"]) == (f"{tmp_path}/tmp", f"{tmp_path}/home")
    assert "BENCH_SECRET" not in given


def test_the_current_folder_may_be_a_link_or_gone(bench: Prompt) -> None:
    link = bench.home / "link"
    link.symlink_to(bench.folder)
    Prompt(link, bench.home).in_process(f"init ../link/mine --task {TASK}")
    # A link keeps its name: an entry is called as its folder is.
    (bench.folder / "other").symlink_to("mine")
    assert tasks.load(TASK).name in (bench.folder / "other" / "entry.toml").read_text()
    asked = f"init other --task {TASK}"
    assert "other is there already" in bench.in_process(asked, code=2).stderr

    gone = bench.folder / "gone"
    gone.mkdir()
    removing = f"cd {gone} && rmdir {gone} && exec {PROGRAM}"
    for words, code, told in (
        ("list --names", 0, ""),
        (f"results --results {bench.folder}/none", 1, "no results at"),
        ("results", 1, "the current folder was removed"),
    ):
        done = subprocess.run(
            ["sh", "-c", f"{removing} {words}"],
            capture_output=True,
            text=True,
            check=False,
            env=bench.environment(),
        )
        gone.mkdir()
        assert told in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert (code == 0) == (done.returncode == 0)
