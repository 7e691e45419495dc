"""A page for each thing that can be added, made of CONTRIBUTING and of the example's files."""

import re
from pathlib import Path

from scripts.docs.links import ROOT, rewritten
from scripts.docs.words import block, page, plain

_LANGUAGES = {".py": "python", ".toml": "toml"}


def pages(repository: str) -> dict[str, str]:
    """The page of every addition that has an example, by its place on the site."""
    return {f"add/{name}.md": _page(name, repository) for name in names()}


def names() -> list[str]:
    """The additions that have an example, in the order of CONTRIBUTING."""
    found = re.findall(r"\(examples/([a-z]+)/README\.md\)", _read(ROOT / "CONTRIBUTING.md"))
    return list(dict.fromkeys(found))


def title(name: str) -> str:
    """What is added, in words: the first column of CONTRIBUTING's table."""
    row = re.search(rf"^\| (.+?) \| \[examples/{name}\]", _read(ROOT / "CONTRIBUTING.md"), re.M)
    assert row is not None
    return f"Add {row[1]}"


def _page(name: str, repository: str) -> str:
    place = f"add/{name}.md"
    source = f"examples/{name}/README.md"
    example = _read(ROOT / source).partition("\n")[2]
    return page(
        f"# {title(name)}",
        rewritten(_section(name), "CONTRIBUTING.md", place, repository),
        "[Contributing](../contributing.md#adding-something) says where the files go in a "
        "checkout, and which entry points name them in a package of your own.",
        "## The example",
        f"The tests install and run it; it lies in "
        f"[examples/{name}]({repository}/tree/main/examples/{name}).",
        rewritten(example, source, place, repository),
        *(_file(path) for path in _files(name)),
    )


def _section(name: str) -> str:
    """The section of CONTRIBUTING that says how something is added."""
    for found in re.split(r"^### ", _read(ROOT / "CONTRIBUTING.md"), flags=re.M)[1:]:
        heading, _, text = found.partition("\n")
        if heading.split()[-1] == name or (name, heading) == ("source", "A model source"):
            return re.split(r"^## ", text, flags=re.M)[0]
    raise LookupError(f"CONTRIBUTING.md has no section on examples/{name}")


def _files(name: str) -> list[Path]:
    """The files of an example that say something; empty ones and its README are left out."""
    every = sorted((ROOT / "examples" / name).rglob("*"))
    return [path for path in every if path.suffix in _LANGUAGES and path.is_file() and _read(path)]


def _file(path: Path) -> str:
    shown = path.relative_to(ROOT).as_posix()
    return page(f"### {plain(shown)}", block(_read(path), _LANGUAGES[path.suffix]))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
