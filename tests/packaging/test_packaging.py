"""What stands around the package: citation, containers, recipe, hooks, changes."""

import datetime
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bench.base.version import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONDA = {
    "duckdb": "python-duckdb",
    "huggingface-hub": "huggingface_hub",
    "lmdb": "python-lmdb",
    "torch": "pytorch",
}
"""Packages that have another name on conda-forge."""


def program(name):
    """A program of the environment of these tests."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed: make env")
    return found


def test_the_citation_is_that_of_this_version():
    """Schema 1.2.0 as cffconvert 2.0.0 ships it; Citation File Format, CC-BY-4.0."""
    validation = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(Path(__file__).with_name("cff-1.2.0.schema.json").read_text())
    text = (ROOT / "CITATION.cff").read_text()
    citation = yaml.load(text, yaml.BaseLoader)
    validation.Draft7Validator(schema).validate(citation)
    with pytest.raises(validation.ValidationError):
        validation.Draft7Validator(schema).validate(citation | {"date-released": "soon"})
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["project"]["license"]
    released = datetime.date.fromisoformat(citation["date-released"])
    assert released <= datetime.datetime.now(datetime.UTC).date()


def test_the_dockerfile_passes_its_linter():
    done = subprocess.run(
        [program("hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_is_built_of_is_there():
    """Every folder that the wheel takes up passes .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *(path.partition("/")[0] for path in wheel["force-include"])}
    project = PROJECT["project"]
    needed |= {"pyproject.toml", project["readme"], *project["license-files"], "constraints.txt"}
    assert needed <= let_in
    assert all((ROOT / name).exists() for name in let_in)
    text = (ROOT / "Dockerfile").read_text()
    for extra in re.search(r"'\.\[(.+)\]'", text)[1].split(","):
        assert extra in project["optional-dependencies"]


@pytest.mark.soak
def test_the_image_is_built_and_lists_tasks():
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker, or its daemon doesn't run")
    subprocess.run([docker, "build", "-t", "rs-bench-test", "."], cwd=ROOT, check=True)
    listed = subprocess.run(
        [docker, "run", "--rm", "rs-bench-test", "list", "--names"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "reben-mlc" in listed.stdout.split()


def test_the_devcontainer_makes_the_environment():
    found = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    command, target = found["postCreateCommand"].split()
    assert command == "make"
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()
    version = re.search(r"python:(\d+\.\d+)", found["image"])[1]
    assert PROJECT["project"]["requires-python"] == f">={version}"
    settings = found["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"].endswith("/.venv/bin/python")


def test_the_recipe_requires_what_the_package_requires():
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    assert recipe["context"]["version"] == __version__
    wanted = {f"python {PROJECT['project']['requires-python']}"}
    for requirement in PROJECT["project"]["dependencies"]:
        name, bound = requirement.split(">=")
        wanted.add(f"{CONDA.get(name, name)} >={bound}")
    assert set(recipe["requirements"]["run"]) == wanted
    (built_by,) = PROJECT["build-system"]["requires"]
    assert built_by.replace(">=", " >=") in recipe["requirements"]["host"]
    (script,) = PROJECT["project"]["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [" = ".join(script)]
    assert (ROOT / recipe["about"]["license_file"]).is_file()


def test_hooks_run_what_make_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = {hook["id"]: hook["entry"] for repo in hooks for hook in repo["hooks"]}
    made = (ROOT / "Makefile").read_text()
    for name, entry in entries.items():
        tool = entry.split()[0].removeprefix(".venv/bin/")
        assert f"$(VENV)/bin/{tool}" in made, f"{name} runs {tool}, which make doesn't"
    assert {"ruff", "ruff-format", "import-linter", "mypy"} <= set(entries)


def test_every_change_is_a_fragment_of_a_known_type():
    types = {one["directory"] for one in PROJECT["tool"]["towncrier"]["type"]}
    assert types == {"added", "changed", "fixed", "removed"}
    for path in (ROOT / "changes").iterdir():
        if path.name == "README.md":
            continue
        assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(types)})\.md", path.name), path.name
        assert path.read_text().strip().endswith("."), path.name
    start = PROJECT["tool"]["towncrier"]["start_string"].strip()
    assert (ROOT / "CHANGELOG.md").read_text().count(start) == 1


def test_a_changelog_is_built_of_fragments(tmp_path):
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "changes").mkdir()
    shutil.copy(ROOT / "changes" / "README.md", tmp_path / "changes")
    (tmp_path / "changes" / "one.fixed.md").write_text("A fault is mended.\n")
    command = [program("towncrier"), "build", "--yes", "--version", "9.9.9", "--date", "2030-01-02"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "CHANGELOG.md").read_text()
    before = (ROOT / "CHANGELOG.md").read_text()
    assert "## 9.9.9 (2030-01-02)\n\n### Fixed\n\n- A fault is mended.\n" in text
    assert text.index("## 9.9.9") < text.index("## 0.1.0")
    assert len(text) > len(before)
    assert [path.name for path in (tmp_path / "changes").iterdir()] == ["README.md"]
