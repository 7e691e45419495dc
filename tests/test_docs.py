"""The pages of the documentation: links, commands and tables are those of the program."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import click
import pytest
import typer

from bench import cli, models
from bench.base.paths import shipped
from bench.spec import keys, published
from bench.spec import task as tasks
from tests import pages
from tests.tiny import tiny
from tests.typed import Prompt

README_LINES = 150

names_of_pages = [str(page.relative_to(pages.ROOT)) for page in pages.PAGES]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", pages.without_blocks(page), re.M)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {word.replace(" ", "-") for word in words}


def links(page: Path) -> list[str]:
    """Where the links of a page lead, except to other sites."""
    found = re.findall(r"\]\(([^)\s]+)\)", pages.without_blocks(page))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("page", names_of_pages)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    here = pages.ROOT / page
    for link in links(here):
        path, _, anchor = link.partition("#")
        there = (here.parent / path).resolve() if path else here
        assert there.exists(), f"{page} links to {link}"
        assert there.is_relative_to(pages.ROOT), f"{page} links to {link}"
        assert not anchor or anchor in anchors(there), f"{page} links to {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    left = [pages.ROOT / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        for link in links(page):
            there = (page.parent / link.partition("#")[0]).resolve()
            if there.suffix == ".md" and there not in reached:
                left.append(there)
    assert set(pages.PAGES) <= reached
    index = pages.ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(index.parent.rglob("*.md")) - {index} <= linked


def test_the_readme_is_short() -> None:
    assert len(pages.text("README.md").splitlines()) <= README_LINES


def found_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words begin with, and the words that follow it."""
    command = typer.main.get_command(cli._command_line())
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", names_of_pages)
def test_every_command_exists_with_its_options_task_and_baselines(page: str) -> None:
    for line in pages.commands(page):
        words = re.split(r"[\s|]+", re.sub(r"[\[\]]|\.\.\.", " ", line).strip())
        command, rest = found_command(words)
        known = {name for option in command.params for name in option.opts}
        known |= {"--help", "--install-completion"}
        if isinstance(command, click.Group):
            assert not rest or rest[0].startswith("--"), f"{page}: bench {line}"
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= known, f"{page}: bench {line}"
        after = dict(itertools.pairwise(rest))
        asked = after.get("--task", rest[0] if command.name == "info" and rest else "")
        if not re.fullmatch(r"[a-z][a-z0-9-]+", asked):
            continue
        task = tasks.load(asked)
        named = [after.get("--model", "")]
        if command.name in ("compare", "curves"):
            named += itertools.takewhile(lambda word: not word.startswith("-"), rest)
        for name in named:
            if re.fullmatch(r"(?!my-)[a-z][a-z0-9_-]+", name):
                models.find(name, task)


def test_the_commands_of_the_pages_are_found() -> None:
    found = {page: pages.commands(page) for page in names_of_pages}
    assert "run --task reben-mlc --model resnet50" in found["README.md"]
    assert "list --kind retrieval --names" in found["docs/findings/images-and-text.md"]
    assert (
        "robustness --task reben-cutmix --model cutmix-lp-map-s2 --noise dilate=16 "
        "--noise swap=0.5,1 --noise flip=0.001"
    ) in found["docs/findings/training-methods.md"]
    assert "results [--task T] [--json|--csv]" in found["docs/commands.md"]


def test_the_lines_that_the_readme_shows_are_those_of_the_first_run() -> None:
    """The page behind it has all of them."""
    whole = pages.blocks("docs/first-run.md")
    (shown,) = (block for block in pages.blocks("README.md") if "ap_macro" in block)
    following = iter("".join(whole).splitlines())
    assert all(line in following for line in shown.splitlines())


def test_the_readme_hands_in_as_the_page_does() -> None:
    lines = "".join(pages.blocks("docs/submit.md")).splitlines()
    typed = "".join(block for block in pages.blocks("README.md") if "my-entry" in block)
    assert len(typed.splitlines()) == 5
    following = iter(lines)
    assert all(line in following for line in typed.splitlines())


def test_the_table_of_kinds_is_that_of_the_tasks() -> None:
    table = [row for row in pages.rows("README.md") if len(row) == 4 and row[0][0] == "`"]
    said = {row[0].strip("`"): set(re.findall(r"`([^`]+)`", row[2])) for row in table}
    kinds: dict[str, set[str]] = {}
    ranked: dict[str, set[str]] = {}
    for task in map(tasks.load, tasks.names()):
        if not task.folds_of:
            kinds.setdefault(task.kind, set()).add(task.name)
        ranked.setdefault(task.kind, set()).add(task.primary)
    assert said == kinds
    for row in table:
        metrics = set(re.findall(r"`([a-z0-9_]+)`", row[3]))
        assert metrics == ranked[row[0].strip("`")]


def test_the_table_of_tasks_names_each_with_its_kind() -> None:
    said = [
        (name, row[1])
        for row in pages.rows("docs/tasks.md")
        for name in re.findall(r"`([^`]+)`", row[0])
    ]
    kinds = [(name, tasks.load(name).kind) for name in tasks.names()]
    assert sorted(said) == sorted(kinds)


@pytest.mark.parametrize(
    ("page", "row", "baseline", "given", "digits"),
    [
        ("land-cover", "resnet18-s1", "reben-mlc/resnet18", "s1", 3),
        ("land-cover", "resnet18-s2", "reben-mlc/resnet18", "s2", 3),
        ("land-cover", "resnet18-s1s2", "reben-mlc/resnet18", "s1s2", 3),
        ("dense", "stumpf-s2, Agia Napa", "magicbathy-bathymetry-agia-napa/stumpf", "s2", 2),
        ("dense", "stumpf-s2, Puck Lagoon", "magicbathy-bathymetry-puck-lagoon/stumpf", "s2", 2),
    ],
)
def test_figures_are_what_regress_expects(
    page: str, row: str, baseline: str, given: str, digits: int
) -> None:
    path = shipped("baselines") / baseline / "expected.toml"
    expected = tomllib.loads(path.read_text(encoding="utf-8"))[given]
    (cells,) = (found for found in pages.rows(f"docs/findings/{page}.md") if found[0] == row)
    said = re.findall(r"\d+\.\d+", " ".join(cells))
    for name in ("value", "low", "high"):
        assert f"{expected[name]:.{digits}f}" in said


@pytest.mark.parametrize(
    ("page", "entries"),
    [
        ("README.md", {"my-resnet18"}),
        ("docs/python.md", {"resnet18-s1", "my-network"}),
        ("docs/metrics.md", set()),
        ("docs/results.md", {"floor-statistics-s2"}),
        ("docs/sweeps.md", {"floor-prior-s2", "floor-statistics-s2"}),
    ],
)
def test_the_python_of_the_pages_runs(
    page: str,
    entries: set[str],
    bench: Prompt,
    sample_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With networks of a few thousand weights in place of those that are named."""
    declared = tiny(bench.folder / "resnet18-s1") / "entry.toml"
    declared.write_text(declared.read_text().replace('"tiny"', '"resnet18-s1"'))
    monkeypatch.chdir(bench.folder)
    code = "".join(pages.blocks(page, "python"))
    code = code.replace("timm:resnet18", "timm:test_resnet")
    exec(code.replace('model="resnet18-s1"', 'model="./resnet18-s1"'), {})
    runs = (path.name.split(".") for path in bench.folder.glob("results/runs/*"))
    assert {(task, entry, track) for task, entry, track, _ in runs} == {
        ("reben-mlc", entry, "sample") for entry in entries
    }


def test_the_table_of_speed_has_the_ratios_that_were_saved() -> None:
    saved = json.loads(pages.text("benchmarks/ratios.json"))
    text = pages.text("docs/speed.md")
    assert saved["date"] in text
    assert all(f"| {ratio} x |" in text for ratio in saved["ratios"].values())


def test_the_table_of_extras_is_that_of_the_package() -> None:
    declared = tomllib.loads(pages.text("pyproject.toml"))["project"]["optional-dependencies"]
    said = [row[0].strip("`") for row in pages.rows("docs/first-run.md")[1:]]
    assert sorted(["dev", *said]) == sorted(declared)


def test_the_table_of_published_weights_is_that_of_the_declarations() -> None:
    rows = {
        name: row
        for row in pages.rows("docs/models.md")
        if len(row) == 4 and row[0] != "`published:`"
        for name in re.findall(r"`([^`]+)`", row[0])
    }
    assert sorted(rows) == published.names()
    for name, (_, where, held, _) in rows.items():
        stated = published.find(name)
        if stated.same:
            assert (where, held) == ("Hub, by `hf:`", "that of the result")
            continue
        pinned = ", pinned" if stated.hub and stated.hub.revision else ""
        assert where == (f"Hub{pinned}" if stated.hub else "by hand"), name
        assert held == ("published" if all(f.sha256 for f in stated.files) else "first seen"), name


def test_the_table_of_key_maps_is_that_of_the_files() -> None:
    rows = pages.rows("docs/models.md")
    begin = rows.index(["key map", "of", "outputs compared with"])
    listed = itertools.takewhile(lambda row: "@" in row[2] or "copy" in row[2], rows[begin + 1 :])
    assert sorted(re.findall(r"`([^`]+)`", " ".join(row[0] for row in listed))) == keys.names()
