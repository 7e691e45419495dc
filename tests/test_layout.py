"""The layout and the words of the package."""

import tokenize
from pathlib import Path

import pytest

from bench.base.paths import PACKAGE

MODULES = sorted(PACKAGE.rglob("*.py")) + sorted((PACKAGE.parent / "baselines").rglob("*.py"))
LONGEST = 400
REPLACED = """
    Door Material Course Studio Lesson Learner Keeper Exam Workshop Errand Subject Unmet Contender
    Side told door studio lesson learner keeper exam workshop errand contender contenders painters
    canvas things _obey _perform _taught _dealt_with _stands
"""
"""Words that nobody outside knew; `InputPipeline`, `WorkFolder` and others stand for them."""


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_short(path):
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= LONGEST, f"{named(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_names_are_words_of_the_field(path):
    with tokenize.open(path) as stream:
        names = {
            token.string
            for token in tokenize.generate_tokens(stream.readline)
            if token.type == tokenize.NAME
        }
    assert names.isdisjoint(REPLACED.split())
