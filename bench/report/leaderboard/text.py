"""Strings from strangers: cut, and without characters that rearrange what stands around them."""

import re
from urllib.parse import urlsplit

from bench.base import display

NAME = 96
"""Most characters of a name that are shown."""

NOTE = 600
"""Most characters of a note that are shown."""

URL = 500
"""Most characters of an address; a longer one is no link."""

_HUB = re.compile(r"hf:(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})@(?P<commit>[0-9a-f]{40})", re.A)

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
_BOUND = re.compile(r"(?:^|=)(under|below|over|above) ")


def shown(text: object, limit: int = NAME) -> str:
    """Text of any origin as one line of at most ``limit`` printable characters.

    Escaping is left to what writes the page.
    """
    return display.shown(text, limit)


def link(address: object) -> str:
    """An address that may become a link: http or https with a host; empty for anything else."""
    text = str(address).strip()
    if len(text) > URL or not text.isprintable() or any(c in text for c in " \"'<>`\\"):
        return ""
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return ""
    named = parts.scheme in ("http", "https") and host and not parts.username
    return text if named else ""


def pinned(source: object) -> str:
    """The page of the commit that an entry was fetched from; empty for what isn't from the Hub."""
    found = _HUB.fullmatch(str(source))
    return f"https://huggingface.co/{found['repo']}/tree/{found['commit']}" if found else ""


def in_order(text: str) -> tuple[int, list[tuple[float, str]]]:
    """A key that sorts numbers within a text as numbers: ``2-5 m`` before ``10-15 m``.

    What begins with "under" or "below" comes before, what begins with "over" or "above" after.
    """
    parts = _NUMBER.split(text)
    # Texts stand at even places, numbers at odd ones.
    mixed = [(float(part), "") if odd % 2 else (0.0, part) for odd, part in enumerate(parts)]
    bound = _BOUND.search(text)
    return (0 if bound is None else -1 if bound[1] in ("under", "below") else 1), mixed
