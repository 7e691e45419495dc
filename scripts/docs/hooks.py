"""Hooks of MkDocs: what the site has beside the pages under ``docs/``.

Pages that follow from the program are generated when the site is built, so that none can be stale.
"""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.docs import links


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside ``docs/`` and those that are generated."""
    for page, source in links.TAKEN_IN.items():
        text = (links.ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files of the repository to their place on the site, or to GitHub."""
    uri = page.file.src_uri
    source = links.TAKEN_IN.get(uri, f"docs/{uri}")
    return links.rewritten(markdown, source, uri, config.repo_url or "")
