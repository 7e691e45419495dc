"""The notebooks as pages: their text, and their code as blocks."""

import json
from pathlib import Path

from scripts.docs.links import ROOT, rewritten
from scripts.docs.words import block, page, table

_FOLDER = ROOT / "notebooks"


def notebooks() -> dict[str, Path]:
    """The notebooks by the places of their pages, in the order of their names."""
    return {f"notebooks/{path.stem}.md": path for path in sorted(_FOLDER.glob("*.ipynb"))}


def pages(repository: str) -> dict[str, str]:
    """The page of each notebook, by its place on the site."""
    return {place: _page(path, repository) for place, path in notebooks().items()}


def titles() -> list[dict[str, str]]:
    """The pages of notebooks as a part of the navigation."""
    return [{_title(path): place} for place, path in notebooks().items()]


def listed() -> str:
    """The pages of notebooks as a table."""
    rows = [
        [f"[{_title(path)}]({place})", f"`notebooks/{path.name}`"]
        for place, path in notebooks().items()
    ]
    return table(["page", "notebook"], rows)


def _cells(path: Path) -> list[tuple[str, str]]:
    """Kind and text of each cell."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def _title(path: Path) -> str:
    return _cells(path)[0][1].splitlines()[0].removeprefix("# ")


def _page(path: Path, repository: str) -> str:
    (_, first), *rest = _cells(path)
    heading, _, text = first.partition("\n")
    source = path.relative_to(ROOT).as_posix()
    address = f"{repository}/blob/main/{source}"

    def led(words: str) -> str:
        return rewritten(words, source, f"notebooks/{path.stem}.md", repository)

    return page(
        heading,
        f"From the notebook [{path.name}]({address}), which the tests run.",
        led(text),
        *(block(code, "python") if kind == "code" else led(code) for kind, code in rest),
    )
