"""Published numbers, shown beside what was measured here and never ranked with it."""

from collections.abc import Iterable, Sequence
from typing import Any

from bench.leaderboard.pack import Words
from bench.leaderboard.text import NOTE, link


def published(
    rows: Iterable[dict[str, Any]], tasks: Sequence[str], words: Words
) -> list[dict[str, Any]]:
    """The rows of the table ``reported`` whose task is shown, as the page carries them."""
    return [
        {
            "task": tasks.index(row["task"]),
            "entry": words(row.get("entry")),
            "inputs": words(row.get("inputs")),
            "metric": words(row.get("metric")),
            "value": row.get("value"),
            "split": words(row.get("split")),
            "source": words(row.get("source") or row.get("title"), 200),
            "url": words(link(row.get("url") or ""), 500),
            "where": words(row.get("where"), 200),
            "differs": words(row.get("differs"), NOTE),
            "doubt": words(row.get("doubt"), NOTE),
            "trust": words(row.get("trust") or "reported"),
        }
        for row in rows
        if row["task"] in tasks
    ]
