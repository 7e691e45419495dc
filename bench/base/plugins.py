"""Plug-ins: what other distributions add to the harness through entry points.

An entry point has a group, such as ``rs_bench.kinds``, a name and a value, such as
``package.module:Class``. They are read from the metadata of the installed distributions; a plug-in
is imported when it is used, and not before. What the harness has itself is found by file and comes
first: an entry point of the same name is ignored, which is said once.

Who installs a plug-in trusts it. Names that stand in files of strangers lead to no plug-in, with
one exception: the task that a submission is for, and so its dataset and its kind.
"""

import functools
import importlib.util
import logging
import os
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.errors import BenchError, RequestError, in_words

_log = logging.getLogger(__name__)

PREFIX = "rs_bench."

GROUPS = {
    "datasets": "dataset",
    "kinds": "kind",
    "metrics": "metric",
    "sources": "model source",
    "checks": "check",
    "tasks": "folder of tasks",
    "baselines": "folder of baselines",
}
"""The groups of entry points without their prefix, and what one of each is called."""

_NAMES = {
    "metrics": re.compile(r"[a-z][a-z0-9_]{0,63}"),
    "sources": re.compile(r"[a-z0-9_]{1,64}"),
    "checks": re.compile(r"[a-z][a-z0-9_]{0,63}"),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed distribution.

    Attributes:
        group: without its prefix, such as ``kinds``.
        name: by which it is asked for.
        value: a module, a package, or an object in one, such as ``package.module:Class``.
        distribution, version: what it was installed with.
    """

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{GROUPS.get(self.group, self.group)} {self.name} of {self.origin}"

    @property
    def origin(self) -> str:
        """The distribution and its version, in words."""
        return f"{self.distribution} {self.version}"


def installed() -> tuple[Plugin, ...]:
    """The entry points of all groups, by group, name and distribution; imports nothing of them."""
    return _installed(tuple(sys.path))


def offered(group: str, own: Collection[str]) -> dict[str, list[Plugin]]:
    """The plug-ins of a group that can be used, by name; one that can't is reported once.

    Args:
        group: one of `GROUPS`.
        own: the names that the harness has itself.

    Returns:
        The plug-ins of each name, which are several where distributions share it.
    """
    found: dict[str, list[Plugin]] = {}
    for plugin in installed():
        if plugin.group != group:
            continue
        if reason := unusable(plugin, own):
            warn(plugin, reason)
        else:
            found.setdefault(plugin.name, []).append(plugin)
    return found


def unusable(plugin: Plugin, own: Collection[str]) -> str:
    """Why an entry point is ignored, in words; empty where it isn't."""
    if plugin.group not in GROUPS:
        return f"there is no group {PREFIX}{plugin.group} (known: {', '.join(GROUPS)})"
    pattern = _NAMES.get(plugin.group, _NAME)
    if not pattern.fullmatch(plugin.name):
        return f"its name isn't of the form {pattern.pattern}"
    if plugin.name in own:
        return f"rs-bench has its own {GROUPS[plugin.group]} {plugin.name}"
    return ""


def find(group: str, name: str, own: Collection[str]) -> Plugin | None:
    """The plug-in of a name; None where there is none.

    Args:
        group: one of `GROUPS`.
        name: of the plug-in.
        own: the names that the harness has itself, which lead to no plug-in.

    Raises:
        RequestError: two distributions have a plug-in of this name.
    """
    found = offered(group, own).get(name, [])
    if len(found) > 1:
        raise twice(GROUPS[group], name, found)
    return found[0] if found else None


def twice(what: str, name: str, found: Collection[Plugin]) -> RequestError:
    """The error for a name that several distributions have."""
    owners = " and ".join(plugin.origin for plugin in found)
    return RequestError(
        f"{what} {name} is in {owners}",
        "keep one of them: " + " or ".join(f"pip uninstall {p.distribution}" for p in found),
    )


def load(plugin: Plugin) -> Any:
    """What an entry point names; imports its module.

    Raises:
        BenchError: it can't be imported.
    """
    from importlib.metadata import EntryPoint

    try:
        found = EntryPoint(plugin.name, plugin.value, PREFIX + plugin.group).load()
    # Whatever the code of others raises when it is imported, its owner is to be named.
    except (Exception, SystemExit) as error:
        raise BenchError(
            f"{plugin} can't be imported: {in_words(error)}",
            f"update it, or remove it: pip uninstall {plugin.distribution}",
        ) from error
    return found


def folder(plugin: Plugin) -> Path:
    """The folder of the package that an entry point names, or of the module; imports nothing.

    Raises:
        BenchError: there is no such package on the disk.
    """
    first, *rest = plugin.value.partition(":")[0].strip().split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if spec and not places and spec.origin:
        places = [str(Path(spec.origin).parent)]
    for place in places:
        named = Path(place, *rest)
        if named.is_dir():
            return named
        if named.with_suffix(".py").is_file():
            return named.parent
    raise BenchError(
        f"{plugin} names {plugin.value}, which is no package or module on the disk",
        f"install it again, or remove it: pip uninstall {plugin.distribution}",
    )


def declaration(plugin: Plugin) -> Path:
    """The TOML file named after a plug-in, in the folder of its package.

    Raises:
        BenchError: there is no such file.
    """
    path = folder(plugin) / f"{plugin.name}.toml"
    if not path.is_file():
        raise BenchError(
            f"{plugin} has no {path}",
            "is the file part of its wheel? update it, or remove it: "
            f"pip uninstall {plugin.distribution}",
        )
    return path


def folders(group: str) -> Iterator[tuple[Plugin, Path]]:
    """The folders that the plug-ins of a group name, in order; one that isn't there is reported."""
    for plugins in offered(group, ()).values():
        for plugin in plugins:
            try:
                yield plugin, folder(plugin)
            except BenchError as error:
                warn(plugin, error.message)


@functools.cache
def warn(plugin: Plugin, reason: str) -> None:
    """Log why a plug-in, or a part of it, is ignored; once."""
    _log.warning("plug-in ignored: %s: %s", plugin, reason)


@functools.lru_cache(maxsize=8)
def _installed(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    # Importing importlib.metadata takes longer than all the rest, and mostly there are none.
    if not any(map(_may_hold_plugins, path)):
        return ()
    from importlib import metadata

    points = metadata.entry_points()
    found = {
        Plugin(
            group.removeprefix(PREFIX),
            point.name,
            point.value,
            point.dist.name if point.dist else "unknown",
            point.dist.version if point.dist else "",
        )
        for group in points.groups
        if group.startswith(PREFIX)
        for point in points.select(group=group)
    }
    return tuple(sorted(found, key=lambda p: (p.group, p.name, p.distribution)))


def _may_hold_plugins(place: str) -> bool:
    """Whether a place on Python's path may hold a distribution with plug-ins."""
    try:
        names = os.listdir(place or ".")  # noqa: PTH208  a Path for each name takes twice as long
    except NotADirectoryError:
        return True
    except OSError:
        return False
    return any(
        name.endswith(".egg") or (name.endswith(_METADATA) and _mentions(os.path.join(place, name)))  # noqa: PTH118
        for name in names
    )


def _mentions(metadata: str) -> bool:
    try:
        with open(f"{metadata}/entry_points.txt", "rb") as stream:  # noqa: PTH123
            return PREFIX.encode() in stream.read()
    except OSError:
        return False
