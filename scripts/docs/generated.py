"""What is generated of the site: whole pages, and parts of pages under ``docs/``."""

import functools
import re
from collections.abc import Callable
from typing import Any

from bench.results import reported
from bench.spec import task as tasks
from scripts.docs import (
    addition_pages,
    api_pages,
    baseline_page,
    command_pages,
    gallery_page,
    notebook_pages,
    shipped_page,
    source_pages,
    task_pages,
)
from scripts.docs.words import table

API = {
    "api/metrics.md": ("Metrics", "bench.metrics", "bench.metrics.captions"),
    "api/statistics.md": ("Statistics", "bench.metrics.stats"),
    "api/torchmetrics.md": ("Metrics in training", "bench.metrics.torchmetrics"),
}


@functools.cache
def _numbers() -> list[reported.Number]:
    return reported.load()[0]


@functools.cache
def pages(repository: str) -> dict[str, str]:
    """Whole pages by their place on the site.

    Args:
        repository: the address of the repository, for links to its files.
    """
    api = {place: api_pages.modules(*asked) for place, asked in API.items()}
    return (
        task_pages.pages(_numbers(), shipped_page.shipped())
        | addition_pages.pages(repository)
        | notebook_pages.pages(repository)
        | api
        | {"api/additions.md": api_pages.extending()}
    )


def parts() -> dict[str, Callable[[str], str]]:
    """What completes a page of ``docs/``.

    Each is called with the whole page or, where the page marks a place, with nothing, and returns
    what stands there instead.
    """
    return {
        "additions.md": lambda _: _additions(),
        "api.md": lambda _: api_pages.package(),
        "cli.md": lambda _: command_pages.reference(),
        "findings/baselines.md": lambda _: baseline_page.scores(),
        "findings/shipped.md": lambda _: shipped_page.runs(shipped_page.shipped()),
        "gallery.md": lambda _: gallery_page.pictures(),
        "notebooks.md": lambda _: notebook_pages.listed(),
        "papers.md": _linked,
        "published.md": lambda _: source_pages.sources(_numbers()),
        "tasks.md": _linked,
        "tracks.md": _linked,
    }


def guides() -> list[dict[str, Any]]:
    """The pages of notebooks and of additions as a part of the navigation."""
    found = [{addition_pages.title(name): f"add/{name}.md"} for name in addition_pages.names()]
    notebooks = {"Notebooks": ["notebooks.md", *notebook_pages.titles()]}
    return [notebooks, {"Add to it": ["additions.md", *found]}]


def _additions() -> str:
    """The pages of additions as a list."""
    found = [[f"[{addition_pages.title(n)}](add/{n}.md)", n] for n in addition_pages.names()]
    return table(["page", "example"], [[link, f"`examples/{name}`"] for link, name in found])


def tasks_by_kind() -> list[dict[str, Any]]:
    """The pages of tasks as a part of the navigation."""
    kinds: dict[str, list[dict[str, str]]] = {}
    for task in map(tasks.load, tasks.names()):
        if not task.folds_of:
            kinds.setdefault(task.kind, []).append({task.name: task_pages.address(task)})
    return [{kind: kinds[kind]} for kind in sorted(kinds)]


def _linked(page: str) -> str:
    """A page whose tables lead from the names of tasks to their pages."""
    names = set(tasks.names())

    def led(found: re.Match[str]) -> str:
        name = found[1]
        return f"[`{name}`]({task_pages.address(tasks.load(name))})" if name in names else found[0]

    rows = (
        re.sub(r"`([a-z0-9-]+)`", led, line) if line.startswith("|") else line
        for line in page.splitlines()
    )
    return "\n".join(rows) + "\n"
