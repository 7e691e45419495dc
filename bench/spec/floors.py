"""Floors: what a task's score is worth without looking properly.

A floor is a baseline whose name begins with ``floor-``: the frequencies of the classes, a
regression on image statistics, a random encoder, or whatever else knows nothing of what a task is
about. It is trained in seconds. A result that can't be told from the best floor of its task shows
nothing that a good model is needed for.
"""

from bench.base.errors import RequestError

PREFIX = "floor-"
"""What the names of floors begin with, and of no other entry."""


def is_floor(name: str) -> bool:
    """Whether an entry of this name is a floor."""
    return name.startswith(PREFIX)


def check_name(name: str) -> None:
    """Refuse the name of a floor for an entry that is no baseline.

    Raises:
        RequestError: it begins with `PREFIX`.
    """
    if is_floor(name.lower()):
        raise RequestError(
            f"the entry is called {name:.100}: names that begin with {PREFIX} are kept for the "
            "baselines that other entries are compared with",
            "give it another name, or write --model with the name of the baseline itself",
        )
