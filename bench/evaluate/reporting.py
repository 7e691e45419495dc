"""Where news of a run goes."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.base.log import LOGGER


@dataclass(frozen=True)
class Report:
    """Where news goes: lines of text to the logger ``bench``, progress to a callback.

    Attributes:
        progress: called with the stage, how much of it is done, and how much there is.
    """

    progress: Callable[[str, int, int], None] = lambda stage, done, total: None

    def say(self, text: str) -> None:
        """Log a line of text at level INFO."""
        LOGGER.info("%s", text)

    def without_repetition(self) -> "Report":
        """The same, but that no line is said twice."""
        return _Once(self.progress)


class _Once(Report):
    """A report that says each line once."""

    def __init__(self, progress: Callable[[str, int, int], None]) -> None:
        super().__init__(progress)
        object.__setattr__(self, "_said", set[str]())

    def say(self, text: str) -> None:
        said: set[str] = self._said  # type: ignore[attr-defined]
        if text not in said:
            said.add(text)
            super().say(text)


SILENT = Report()
