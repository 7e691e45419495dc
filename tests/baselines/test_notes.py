"""What an entry leaves out of its publication stands in its note and in the documentation."""

from pathlib import Path

import pytest

from bench.models import entries
from bench.spec import task as tasks

PAPERS = Path(__file__).resolve().parents[2] / "docs" / "papers.md"


@pytest.mark.parametrize(
    ("task", "name", "begins"),
    [
        ("reben-cutmix", "cutmix-lp-map-s2", "DeepGlobe"),
        ("reben-cutmix", "cutmix-lp-gradcam-s2", "DeepGlobe"),
    ],
)
def test_documentation_and_entry_say_it_in_the_same_words(task, name, begins):
    note = entries.baseline(name, tasks.load(task)).note
    said = note[note.index(begins) :]
    assert said in " ".join(PAPERS.read_text(encoding="utf-8").split())
