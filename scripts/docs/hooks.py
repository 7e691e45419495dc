"""Hooks of MkDocs: what the site has beside the pages under ``docs/``.

Pages that follow from the program are generated when the site is built, so that none can be stale.
"""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.docs import generated, links, task_pages

_MARK = "<!-- generated -->"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that are generated into the navigation; those of tasks below their kinds."""
    for section in config.nav or ():
        if "Tasks" in section:
            section["Tasks"] += generated.tasks_by_kind()
        if "Guides" in section:
            section["Guides"] += generated.guides()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside ``docs/`` and those that are generated."""
    taken = {
        page: (links.ROOT / source).read_text(encoding="utf-8")
        for page, source in links.TAKEN_IN.items()
    }
    for page, text in (taken | generated.pages(config.repo_url or "")).items():
        files.append(File.generated(config, page, content=text))
    for place, picture in task_pages.pictures().items():
        files.append(File.generated(config, place, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Complete a page by what is generated, and lead its links to where their targets are.

    Links to files of the repository lead to their place on the site, or to GitHub.
    """
    uri = page.file.src_uri
    if page.file.generated_by and uri not in links.TAKEN_IN:
        return markdown
    source = links.TAKEN_IN.get(uri, f"docs/{uri}")
    found = links.rewritten(markdown, source, uri, config.repo_url or "")
    made: Any = generated.parts().get(uri)
    if made is not None:
        found = made(found) if _MARK not in found else re.sub(_MARK, lambda _: made(""), found)
    return found
