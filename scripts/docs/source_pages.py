"""The sources of published numbers."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from bench.results.reported import Number
from bench.spec import task as tasks
from scripts.docs import task_pages
from scripts.docs.words import code, page, plain, table

Groups = dict[tuple[str, str], list[Number]]


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
            _tasks(one.task for one in found if not one.related),
            _tasks(name for one in found for name in one.related),
            plain(found[0].leaves_out) or "nothing",
        ]
        for found in by_source
    ]
    related = [one for one in numbers if one.related]
    experiments = [
        [code(name), _tasks(name for one in of for name in one.related), plain(why), str(len(of))]
        for (name, why), of in _by(related, lambda one: (one.task, one.why)).items()
    ]
    return page(
        f"{len(numbers):,} numbers from {len(rows)} sources, {len(related):,} of them of "
        "experiments that are no task here.",
        table(["source", "authors", "year", "numbers", "tasks", "related to", "left out"], rows),
        "## Experiments that are no task",
        "Their numbers are shown on the pages of the tasks that they are related to. They are "
        "never ranked, and never the best published of a task.",
        table(["experiment", "related to", "why it is none", "numbers"], experiments),
    )


def _by(numbers: Sequence[Number], key: Callable[[Number], tuple[str, str]]) -> Groups:
    found: Groups = {}
    for one in sorted(numbers, key=key):
        found.setdefault(key(one), []).append(one)
    return found


def _tasks(names: Iterable[str]) -> str:
    return ", ".join(
        f"[{code(name)}]({task_pages.address(tasks.load(name))})" for name in sorted(set(names))
    )
