"""What a child process is given of this one's environment."""

import os

from bench.base.paths import absolute

_PATHS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")


def harmless(*names: str) -> dict[str, str]:
    """What a child has of our environment: a few names, and those given; folders are absolute."""
    kept = {name: os.environ[name] for name in (*_KEPT, *names) if name in os.environ}
    for name in _PATHS:
        if folders := [folder for folder in os.environ.get(name, "").split(os.pathsep) if folder]:
            kept[name] = os.pathsep.join(str(absolute(folder)) for folder in folders)
    return kept
