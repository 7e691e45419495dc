"""The errors a user sees: what was expected and found, and what to do next."""

import difflib
from collections.abc import Iterable

_SHOWN = 200
"""Characters of an unknown name that are compared and shown."""


class BenchError(Exception):
    """A run failed for a reason the user can act on. Exit code 1.

    Args:
        message: what was expected and what was found, in one line.
        hint: what to do next, in one line; empty where nothing helps.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class RequestError(BenchError):
    """The request itself was wrong: an unknown name, an impossible combination. Exit code 2."""

    exit_code = 2


def unknown(what: str, name: str, known: Iterable[str], hint: str = "") -> RequestError:
    """The error for a name that isn't among ``known``, with the nearest names as suggestions."""
    names, name = sorted(known), name[:_SHOWN]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        advice = "did you mean " + " or ".join(near) + "?"
    elif names:
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        advice = f"known: {shown}"
    else:
        advice = "none is known here"
    return RequestError(f"unknown {what} {name!r}", f"{advice}; {hint}" if hint else advice)
