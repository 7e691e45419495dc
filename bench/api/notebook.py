"""Progress in a notebook: a bar for each stage below the cell, without further packages."""

import html
import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.api.asked import Progress
from bench.base.display import shown

_PAUSE = 0.2
"""Seconds between two updates of a bar."""

_LONGEST = 80
"""Most characters of what is said of a stage."""


def progress() -> Progress | None:
    """What shows progress below the cell that is running; None outside of notebooks."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # A terminal has a shell as well, but no kernel that shows HTML.
    if ipython is None or getattr(shell, "kernel", None) is None:
        return None
    shows: Any = importlib.import_module("IPython.display")
    return Bars(lambda text: shows.display(shows.HTML(text), display_id=True), shows.HTML)


class Bars:
    """A bar for each stage of a run, in the order in which they begin.

    Args:
        show: shows HTML, and returns a handle whose ``update`` replaces it.
        wrap: makes of HTML what ``update`` takes.
    """

    def __init__(self, show: Callable[[str], Any], wrap: Callable[[str], Any]) -> None:
        self._show, self._wrap = show, wrap
        self._handle: Any = None
        self._stages: dict[str, tuple[str, int, int]] = {}
        self._shown = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how much of a stage is done; at most five times a second, and its end."""
        # The first word names the stage; what follows changes while it runs.
        name = stage.split(maxsplit=1)[0]
        begins = name not in self._stages
        self._stages[name] = stage, done, total
        now = time.monotonic()
        if begins or done >= total or now - self._shown > _PAUSE:
            self._shown = now
            self._draw()

    def _draw(self) -> None:
        rows = "".join(
            f'<div><progress value="{int(done)}" max="{max(int(total), 1)}"></progress> '
            f"{html.escape(shown(stage, _LONGEST))}: {int(done):,} of {int(total):,}</div>"
            for stage, done, total in self._stages.values()
        )
        if self._handle is None:
            self._handle = self._show(rows)
        else:
            self._handle.update(self._wrap(rows))
