"""Links between files of the repository, as they are on the site."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TAKEN_IN = {
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "changelog.md": "CHANGELOG.md",
    "submissions.md": "submissions/README.md",
    "run-folders.md": "results/README.md",
}
"""Pages of the site that lie elsewhere in the repository."""

_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.M | re.S)
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def rewritten(markdown: str, source: str, page: str, repository: str) -> str:
    """A page whose relative links lead to where their targets are for a reader of the site.

    Args:
        markdown: the page.
        source: where it lies in the repository; its links are relative to that.
        page: where it is on the site.
        repository: the address of the repository, for what isn't on the site.
    """

    def led(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        return f"]({_address(target, page, repository)}{found[2] or ''})"

    parts = _CODE.split(markdown)
    return "".join(part if n % 2 else _LINK.sub(led, part) for n, part in enumerate(parts))


def _address(target: str, page: str, repository: str) -> str:
    if target.startswith("notebooks/") and target.endswith(".ipynb"):
        target = f"docs/{target.removesuffix('.ipynb')}.md"
    for uri, source in TAKEN_IN.items():
        if target == source:
            return posixpath.relpath(uri, posixpath.dirname(page) or ".")
    if target.startswith("docs/"):
        return posixpath.relpath(target.removeprefix("docs/"), posixpath.dirname(page) or ".")
    form = "tree" if (ROOT / target).is_dir() else "blob"
    return f"{repository}/{form}/main/{target}"
