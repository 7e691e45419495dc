"""The tutorial as a reader types it, with a network of a few thousand weights."""

import re
from pathlib import Path

import pytest

from tests import pages
from tests.tiny import tiny
from tests.typed import Prompt

PAGE = "docs/tutorial.md"


def test_the_tutorial_runs_from_its_first_line_to_its_last(
    bench: Prompt, sample_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = tiny(bench.folder / "resnet18-s2", given="s2") / "entry.toml"
    declared.write_text(declared.read_text().replace('"tiny"', '"resnet18-s2"'))
    monkeypatch.chdir(bench.folder)
    shown = []
    for language, code in re.findall(
        r"^```(bash|python)\n(.*?)^```$", pages.text(PAGE), re.M | re.S
    ):
        if language == "python":
            exec(code, {})
            continue
        for line in code.splitlines():
            typed = re.sub(r"--model resnet18$", "--model ./resnet18-s2", line)
            typed = typed.replace("timm:resnet18", "timm:test_resnet")
            shown.append(bench.in_process(typed.removeprefix("bench ")).stdout)
    runs = sorted(path.name.split(".")[1] for path in bench.folder.glob("results/runs/*"))
    assert runs == ["floor-statistics-s2", "mine", "resnet18-s2", "timm-test_resnet-s2-ridge"]
    asked = next(text for text in shown if text.startswith("country"))
    assert re.search(r"^Finland +\d+$", asked, re.M)
    assert (bench.folder / "leaderboard.html").is_file()
    assert (bench.folder / "my-entry" / "entry.toml").is_file()


def test_what_the_tutorial_shows_is_what_regress_expects() -> None:
    """The floor's and the network's scores and intervals are those that are committed."""
    from bench.spec.expected import expectations

    text = pages.text(PAGE)
    for model in ("floor-statistics-s2", "resnet18-s2"):
        (one,) = expectations("reben-mlc", model).values()
        said = f"ap_macro    {one.value:.4f}, 95 % interval [{one.low:.4f}, {one.high:.4f}]"
        assert said in text
