"""The pages of the site that are generated, and what is committed of them."""

import json
import re
from pathlib import Path

import click
import pytest
import typer

import bench
from bench import cli
from bench.models import entries
from bench.results import reported, runs
from bench.spec import task as tasks
from bench.spec.expected import expectations
from bench.spec.floors import is_floor
from scripts.docs import (
    addition_pages,
    api_pages,
    baseline_page,
    command_pages,
    diagrams,
    gallery_page,
    generated,
    links,
    notebook_pages,
    shipped_page,
    task_pages,
)
from tests import pages
from tests.fabricated import fabricate

NUMBERS = reported.load()[0]


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return task_pages.pages(NUMBERS)


def test_every_task_has_a_page_with_what_it_declares(made: dict[str, str]) -> None:
    for task in map(tasks.load, tasks.names()):
        page = made[task_pages.address(task)]
        declared = task.declaration
        assert declared["url"] in page
        assert f"`{task.primary}`" in page
        assert all(f"`{name}`" in page for name in task.inputs)
        known = [task.published(name) for name in task.splits]
        assert all(f"{one.size:,}" in page for one in known if one.size)
        assert all(f"`{one.ids_sha256}`" in page for one in known if one.ids_sha256)
        if not task.folds_of:
            assert f"# {task.name}\n" in page
            assert f"`{task.digest}`" in page
            assert "### Floors" in page
            assert f"bench run --task {task.name} --model" in page


def test_a_task_shows_expected_scores_and_published_numbers(made: dict[str, str]) -> None:
    page = made["tasks/reben-mlc.md"]
    (row,) = (line for line in page.splitlines() if line.startswith("| `floor-statistics` "))
    assert "`s2` 0.396" in row
    shown = [one for one in NUMBERS if one.task == "reben-mlc" and not one.label]
    assert shown
    assert all(f"{one.value:.4g}" in page for one in shown)
    assert all(one.url in page for one in shown)


def test_the_first_model_of_a_task_is_no_floor_where_there_is_another(
    made: dict[str, str],
) -> None:
    page = made["tasks/eurosat.md"]
    (line,) = (line for line in page.splitlines() if line.startswith("bench run --task"))
    assert not is_floor(line.split()[-1])


def test_the_reference_of_commands_has_each_with_its_options() -> None:
    text = command_pages.reference()
    group = typer.main.get_command(cli._command_line())
    for names, command in command_pages.commands(group):
        assert f"# {' '.join(names)}\n" in text
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"`{option.opts[0]}" in text
    assert "# bench results export\n" in text


def test_the_reference_of_the_api_has_every_public_name() -> None:
    text = api_pages.package()
    for name in set(bench.__all__) - {"__version__"}:
        assert f'heading: "bench.{name}"' in text


def test_the_table_of_tasks_leads_to_their_pages() -> None:
    page = generated.parts()["tasks.md"]((links.ROOT / "docs" / "tasks.md").read_text("utf-8"))
    for name in tasks.names():
        assert f"[`{name}`]({task_pages.address(tasks.load(name))})" in page


def test_a_task_shows_samples_of_its_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_pages, "_SAMPLES", tmp_path)
    (tmp_path / "reben.webp").touch()
    made = task_pages.pages(NUMBERS)
    assert task_pages.pictures() == {"images/samples/reben.webp": tmp_path / "reben.webp"}
    assert "](../images/samples/reben.webp)" in made["tasks/reben-mlc.md"]
    assert "images/samples" not in made["tasks/rsicd-retrieval.md"]


def test_committed_scores_stand_under_their_task_with_their_machine() -> None:
    text = baseline_page.scores()
    for (name, model), one in expectations().items():
        if one.task_digest == tasks.load(name).digest:
            section = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
            assert f"| `{model}` | {one.value:.3f} | {one.low:.3f} to {one.high:.3f} |" in section
            assert str(one.arithmetic["processor"]) in text


def test_runs_that_ship_stand_under_their_task_best_first(tmp_path: Path) -> None:
    for name, track, score in (("a", "sample", 0.4), ("b", "sample", 0.6), ("c", "official", 0.5)):
        fabricate(tmp_path, name, entry=f"entry-{name}", track=track, score=score)
    manifests = [run.manifest() for run in runs.all_runs(tmp_path)]
    text = shipped_page.runs(manifests)
    made = task_pages.pages(NUMBERS, manifests)
    for page in (made["tasks/reben-mlc.md"], made["tasks/reben-cutmix.md"]):
        assert "| `ap_macro` | mean AP, higher is better |" in page
    assert "| in words |" not in made["tasks/eurosat.md"]
    official, simulated = text.split("## Simulated data")
    assert "| `entry-c` | 0.500 |" in official
    assert simulated.index("| `entry-b` | 0.600 |") < simulated.index("| `entry-a` | 0.400 |")
    assert "(../tasks/reben-mlc.md)" in official


@pytest.mark.parametrize("name", diagrams.DRAWINGS)
def test_the_drawings_are_those_of_the_present_rooms_and_stages(name: str) -> None:
    """`python -m scripts.docs.diagrams` draws them again."""
    drawn = diagrams.DRAWINGS[name]()
    assert (diagrams.FOLDER / name).read_text("utf-8") == drawn


def test_the_drawing_of_rooms_has_each_with_words() -> None:
    drawn = diagrams.rooms()
    for room in sorted(path.name for path in Path(bench.__path__[0]).iterdir() if path.is_dir()):
        if not room.startswith("_"):
            assert f">{room}</text>" in drawn
    assert drawn.count('class="small"') >= drawn.count('class="name"')


def test_an_addition_has_its_section_and_its_example() -> None:
    made = addition_pages.pages("R")
    examples = {path.parent.name for path in links.ROOT.glob("examples/*/README.md")}
    assert {f"add/{name}.md" for name in examples} == made.keys()
    page = made["add/dataset.md"]
    assert page.startswith("# Add a dataset\n")
    assert "open_dataset(root)" in page
    assert "### examples/dataset/rs\\_bench\\_tiny\\_fields/reader.py" in page


def test_a_notebook_is_a_page_with_all_its_cells() -> None:
    made = notebook_pages.pages("R")
    assert made
    for place, path in notebook_pages.notebooks().items():
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        assert code
        assert all(f"```python\n{one.rstrip()}\n```" in made[place] for one in code)
        assert f"](R/blob/main/notebooks/{path.name})" in made[place]
        assert f"]({place})" in notebook_pages.listed()


def test_the_gallery_shows_every_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_page, "_FOLDER", tmp_path)
    monkeypatch.setattr(gallery_page, "_CAPTIONS", tmp_path / "captions.toml")
    (tmp_path / "page-board.png").touch()
    (tmp_path / "run.png").touch()
    (tmp_path / "captions.toml").write_text('[run]\ntitle = "A run"\ncommand = "bench run"\n')
    page = gallery_page.pictures()
    assert "## Page board\n\n![Page board](images/page-board.png)" in page
    assert "## A run\n\n`bench run`\n\n![A run](images/run.png)" in page


def test_papers_name_tasks_and_entries_that_exist() -> None:
    rows = [row for row in pages.rows("docs/papers.md") if row[0].startswith("[")]
    assert len(rows) == 10
    for _, named, said in rows:
        asked = [tasks.load(name) for name in re.findall(r"`([^`]+)`", named)]
        known = {name for task in asked for name in entries.baseline_names(task)}
        assert set(re.findall(r"`([^`]+)`", said)) <= known


@pytest.mark.parametrize(
    ("link", "source", "page", "leads"),
    [
        ("../SECURITY.md", "docs/submit.md", "submit.md", "security.md"),
        ("docs/statistics.md#floors", "CONTRIBUTING.md", "contributing.md", "statistics.md#floors"),
        ("../tracks.md", "docs/findings/dense.md", "findings/dense.md", "../tracks.md"),
        ("../README.md#kinds", "docs/tasks.md", "tasks.md", "R/blob/main/README.md#kinds"),
        ("examples/task", "CONTRIBUTING.md", "contributing.md", "R/tree/main/examples/task"),
        ("2-b.ipynb", "notebooks/1-a.ipynb", "notebooks/1-a.md", "2-b.md"),
        ("#floors", "docs/statistics.md", "statistics.md", "#floors"),
        ("https://a.org/b.md", "docs/statistics.md", "statistics.md", "https://a.org/b.md"),
    ],
)
def test_links_lead_to_the_site_or_to_the_repository(
    link: str, source: str, page: str, leads: str
) -> None:
    text = f"a [b]({link}) and `[b]({link})`"
    assert links.rewritten(text, source, page, "R") == f"a [b]({leads}) and `[b]({link})`"


def test_messages_that_troubleshooting_quotes_are_those_of_the_program() -> None:
    """The longest part of each that isn't filled in stands in the code."""
    code = "\n".join(path.read_text("utf-8") for path in (links.ROOT / "bench").rglob("*.py"))
    whole = re.sub(r'"\s*\n\s*f?"', "", code)
    rows = [row for row in pages.rows("docs/troubleshooting.md") if len(row) == 3]
    quoted = [said for row in rows for said in re.findall(r'"([^"]+)"', row[0])]
    assert len(quoted) > 20
    for said in quoted:
        parts = re.split(r"\.\.\.|\b[A-Z]+\b|[:,]? ?\b\d+\b", said)
        longest = max(parts, key=len).strip()
        assert longest in whole, said
