"""What ``bench list --plugins`` and ``bench doctor`` say of plug-ins."""

from collections.abc import Collection, Mapping

from bench.base import plugins
from bench.base.errors import BenchError
from bench.base.plugins import Plugin


def rows() -> list[dict[str, str]]:
    """Every installed entry point: group, name, distribution, version, value, state.

    Each is loaded, to say whether that works: its state is ``ready``, or why it can't be used.
    """
    own = _own()
    found = plugins.installed()
    return [
        {
            "group": plugins.PREFIX + plugin.group,
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "value": plugin.value,
            "state": _state(plugin, own.get(plugin.group, ()), found),
        }
        for plugin in found
    ]


def _state(plugin: Plugin, own: Collection[str], installed: Collection[Plugin]) -> str:
    if reason := plugins.unusable(plugin, own):
        return f"ignored: {reason}"
    others = [
        other.origin
        for other in installed
        if (other.group, other.name) == (plugin.group, plugin.name) and other != plugin
    ]
    if others and plugin.group not in ("tasks", "baselines"):
        return f"can't be used: its name is also in {' and '.join(others)}"
    from bench import kinds

    try:
        if plugin.group in ("tasks", "baselines"):
            plugins.folder(plugin)
        if plugin.group in ("datasets", "metrics"):
            plugins.declaration(plugin)
        if plugin.group == "kinds":
            kinds.find(plugin.name)
        elif plugin.group in ("datasets", "sources", "checks"):
            plugins.load(plugin)
    except BenchError as error:
        return f"can't be used: {error.message}"
    return "ready"


def _own() -> Mapping[str, Collection[str]]:
    """The names that the harness has itself, by group."""
    from bench import data, kinds, models
    from bench.metrics import scales
    from bench.submissions import check

    return {
        "datasets": data.own(),
        "kinds": kinds.own(),
        "metrics": scales.own(),
        "sources": models.own(),
        "checks": check.own(),
    }
