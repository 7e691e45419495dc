"""Entries across tasks as the page carries them: only those that share tasks, set by set.

A set of tasks is a suite (``tasks/suites``), or whatever two or more entries share. What sums up
an entry is computed among those that have results on all tasks of the set; others stand below
them, without a sum.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bench.base.errors import RequestError
from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.encoders import encoder_of
from bench.report.leaderboard.overall import Group, difference, entry_rows, shared_sets, standings
from bench.report.leaderboard.read import Result
from bench.report.leaderboard.words import Words
from bench.spec import suite as suites
from bench.spec.floors import is_floor
from bench.spec.task import Task

Name = Callable[[Result], str]

_DRAWN = 20
"""Entries in a critical-difference diagram; more of them can't be read."""


def across(
    boards: Sequence[Board],
    indices: Sequence[int],
    declared: Mapping[str, Task],
    words: Words,
) -> list[dict[str, Any]]:
    """The sets of tasks of one track, suites first.

    Args:
        boards: one for each task.
        indices: their positions among all boards of the page.
        declared: the tasks that ship, by name.
        words: where texts go.
    """
    name = name_across(declared)
    found = _of_suites(boards, name)
    known = [group for _, group in found]
    found += [("", group) for group in shared_sets(boards, name) if group not in known]
    return [
        _packed(title, group, boards, indices, name, words)
        for title, group in found
        if not all(map(is_floor, group.entries))
    ]


def name_across(declared: Mapping[str, Task]) -> Name:
    """What an entry is called on all tasks: without the input that ends its name.

    An encoder under a method is called by both, whatever it is fed.
    """

    def name(result: Result) -> str:
        encoder = encoder_of(result)
        method = result.facts.get("method", "")
        if encoder is not None and method:
            return f"{encoder.name}, {method}"
        task = declared.get(result.task)
        for known in sorted(task.inputs if task else (), key=len, reverse=True):
            if result.entry.endswith(f"-{known}"):
                return result.entry.removesuffix(f"-{known}")
        return result.entry

    return name


def _of_suites(boards: Sequence[Board], name: Name) -> list[tuple[str, Group]]:
    """The suites with two or more tasks that have results, and the entries that have them all."""
    found = []
    for key in suites.names():
        try:
            suite = suites.load(key)
        except RequestError:
            continue
        chosen = [index for index, board in enumerate(boards) if board.task in suite.tasks]
        groups = shared_sets([boards[index] for index in chosen], name, 1)
        if groups:
            of_suite = tuple(chosen[index] for index in groups[0].boards)
            found.append((suite.title, Group(of_suite, groups[0].entries)))
    return found


def _packed(
    title: str,
    group: Group,
    boards: Sequence[Board],
    indices: Sequence[int],
    name: Name,
    words: Words,
) -> dict[str, Any]:
    chosen = [boards[index] for index in group.boards]
    summed = {one.entry: one for one in standings(chosen, name, group.entries)}
    rows = entry_rows(chosen, name)
    others = [entry for entry, places in rows.items() if entry not in summed and len(places) > 1]
    lines = []
    for entry in (*summed, *sorted(others)):
        one = summed.get(entry)
        lines.append(
            {
                "entry": words(entry),
                "floor": is_floor(entry),
                "rows": [rows[entry].get(index, -1) for index in range(len(chosen))],
                "rate": _share(one.win_rate if one else None),
                "rank": _share(one.mean_rank if one else None),
                "normalised": _share(one.normalised if one else None),
            }
        )
    return {
        "title": words(title, 160),
        "boards": [indices[index] for index in group.boards],
        "lines": lines,
        "difference": diagram(chosen, words, name, group.entries),
    }


def diagram(
    boards: Sequence[Board],
    words: Words,
    name: Name = lambda result: result.entry,
    only: Collection[str] | None = None,
) -> dict[str, Any] | None:
    """A critical-difference diagram of some boards; None where no two entries share two tasks.

    All comparable entries count; of them the best are drawn, with the bars among these. A bar is
    the positions of its first and last entry.
    """
    found = difference(boards, name, only)
    if found is None:
        return None
    names, tested = found
    order = sorted(range(len(names)), key=lambda entry: (tested.ranks[entry], names[entry]))
    position = {entry: place for place, entry in enumerate(order)}
    groups: list[list[int]] = []
    for group in tested.groups:
        places = sorted(position[entry] for entry in group)
        last = min(places[-1], _DRAWN - 1)
        # Bars that go on beyond the drawn entries would only repeat the first of them.
        if last > (groups[-1][1] if groups else places[0]):
            groups.append([places[0], last])
    return {
        "compared": len(names),
        "tasks": tested.tasks,
        "friedman": float(f"{tested.friedman:.4g}"),
        "p": float(f"{tested.p:.3g}"),
        "difference": round(tested.difference, 4),
        "entries": [
            [words(names[entry]), round(float(tested.ranks[entry]), 4)] for entry in order[:_DRAWN]
        ],
        "groups": groups,
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
