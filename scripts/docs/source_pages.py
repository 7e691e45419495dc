"""The sources of published numbers."""

from collections.abc import Sequence
from itertools import groupby

from bench.results.reported import Number
from bench.spec import task as tasks
from scripts.docs import task_pages
from scripts.docs.words import code, page, plain, table


def sources(numbers: Sequence[Number]) -> str:
    """Every source with what it has numbers of."""
    order = sorted(numbers, key=lambda one: one.source)
    by_source = [list(found) for _, found in groupby(order, key=lambda one: one.source)]
    rows = [
        [
            f"[{plain(found[0].title)}]({found[0].url})",
            plain(found[0].authors),
            str(found[0].year or ""),
            str(len(found)),
            ", ".join(_task(name) for name in sorted({one.task for one in found})),
        ]
        for found in by_source
    ]
    return page(
        f"{len(numbers):,} numbers from {len(rows)} sources. A name without a link is that of an "
        "experiment that is no task here.",
        table(["source", "authors", "year", "numbers", "tasks"], rows),
    )


def _task(name: str) -> str:
    if name not in tasks.names():
        return code(name)
    return f"[{code(name)}]({task_pages.address(tasks.load(name))})"
