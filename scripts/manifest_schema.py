"""Write the JSON Schema of ``run.json`` from the model in ``bench/results/manifest.py``.

Run ``make schema`` after changing a field.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from bench.results.manifest import Manifest

TARGET = Path(__file__).resolve().parent.parent / "bench" / "results" / "manifest.schema.json"


def main() -> None:
    """Write the schema into the package."""
    TARGET.write_text(text(), encoding="utf-8")


def text() -> str:
    """The schema as it is committed."""
    schema = Manifest.model_json_schema()
    for found in (schema, *schema["$defs"].values()):
        _describe(found)
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(whole, indent=2) + "\n"


def _describe(found: dict[str, Any]) -> None:
    """Give each property the words that the docstring of its class has for it.

    Raises:
        KeyError: the docstring has none.
    """
    if found.get("type") != "object":
        return
    words, _, attributes = inspect.cleandoc(found["description"]).partition("\n\nAttributes:\n")
    found["description"] = words
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    known = {name: re.sub(r"\s+", " ", meaning) for name, meaning in entries}
    for name, schema in found["properties"].items():
        schema.pop("title", None)
        schema["description"] = known[name]


if __name__ == "__main__":
    main()
