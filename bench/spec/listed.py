"""The tasks that ship, as rows of a list; their declarations aren't validated for that."""

from typing import Any

from bench import data
from bench.base.errors import BenchError
from bench.spec import declared


def rows(kind: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """The tasks by name, a dict each.

    Args:
        kind: only those of this kind.

    Returns:
        For each ``task`` (its name), ``version``, ``kind``, ``primary`` (the metric that ranks),
        ``dataset``, ``checked`` (what each split is held to), ``tracks`` (those whose data is
        here) and ``title``; and why tasks of plug-ins were left out, a line each.
    """
    found, left_out = [], []
    for task in declared.tasks().values():
        if kind not in (None, task["kind"]):
            continue
        try:
            official = data.is_there(data.official_root(task["dataset"]))
        except BenchError as error:
            left_out.append(f"task {task['name']} left out: {error.message}")
            continue
        found.append(
            {
                "task": task["name"],
                "version": task["version"],
                "kind": task["kind"],
                "primary": task["primary"],
                "dataset": task["dataset"],
                "checked": {
                    split: data.checked(task["dataset"], split, own)
                    for split, own in task["splits"].items()
                },
                "tracks": ["official", "sample"] if official else ["sample"],
                "title": task["title"],
            }
        )
    return found, left_out
