"""The gallery: every picture in ``docs/images`` with its caption."""

from bench.base import bounded_toml
from scripts.docs.links import ROOT
from scripts.docs.words import page, plain

_FOLDER = ROOT / "docs" / "images"
_CAPTIONS = _FOLDER / "captions.toml"


def pictures() -> str:
    """The pictures by their names, with what ``docs/images/captions.toml`` says of them.

    A picture ``NAME.png`` has a table ``[NAME]`` there with ``title`` and, as far as there are
    any, ``about`` and ``command``.
    """
    captions = bounded_toml.read(_CAPTIONS) if _CAPTIONS.is_file() else {}
    parts = []
    for path in sorted(_FOLDER.glob("*.png")):
        said = captions.get(path.stem, {})
        title = plain(said.get("title", path.stem.replace("-", " ").capitalize()))
        command = f"`{said['command']}`" if "command" in said else ""
        parts += [
            f"## {title}",
            " ".join(part for part in (plain(said.get("about", "")), command) if part),
            f"![{title}](images/{path.name})",
        ]
    return page(*parts) if parts else "No pictures are there yet."
