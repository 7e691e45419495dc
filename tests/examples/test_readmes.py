"""The README of each example, and the table of CONTRIBUTING that leads to them."""

import re

import pytest

from tests import pages
from tests.examples.conftest import EXAMPLES
from tests.test_docs import found_command

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


def test_contributing_has_a_row_for_each_example():
    rows = [row for row in pages.rows("CONTRIBUTING.md") if "](examples/" in " ".join(row)]
    assert sorted(re.findall(r"examples/([a-z]+)/README", " ".join(map(" ".join, rows)))) == NAMES
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_is_short_and_its_commands_exist(name):
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert 10 <= len(text.splitlines()) <= 20
    typed = [part for line in re.findall(r"^    (.+)$", text, re.M) for part in line.split(" && ")]
    assert any(line.startswith("bench ") for line in typed)
    for line in typed:
        program, *words = line.split()
        if program == "pip":
            assert words[0] == "install"
            assert set(words[1:]) <= {f"./examples/{known}" for known in NAMES}
            assert words[-1] == f"./examples/{name}"
        else:
            command, _ = found_command(words)
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, line
