"""Docstrings of bench as griffe reads them."""

import re
import textwrap
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Mark examples as griffe wants them: a section ``Examples:``.

    In bench a section of them is called ``Example:``, or they end a docstring without a heading.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Give the examples in the docstring of an object their heading."""
        if obj.docstring is not None:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.M)
            obj.docstring.value = re.sub(r"^>>> .*\Z", _section, text, flags=re.M | re.S)


def _section(found: re.Match[str]) -> str:
    return "Examples:\n" + textwrap.indent(found[0], "    ")
