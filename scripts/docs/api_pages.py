"""The reference of the Python API, made of docstrings: what mkdocstrings is asked for."""

import bench
from scripts.docs.links import ROOT
from scripts.docs.words import page

_CLASSES = ("Run", "PrimaryScore", "Comparison", "InputContract", "Entry")
_ERRORS = ("BenchError", "RequestError")

_EXTENDING = {
    "Datasets": ("bench.data.Reader", "bench.data.Dataset", "bench.data.Check"),
    "Kinds": ("bench.kinds.common.kind.Kind", "bench.kinds.common.batch.Batch"),
    "Declarations": ("bench.spec.task.Task", "bench.spec.recipe.Recipe"),
    "Encoders": ("bench.models.encoders",),
    "Checks of submissions": ("bench.submissions.checks",),
}


def package() -> str:
    """What ``import bench`` offers: functions, then classes, then errors."""
    functions = sorted({*bench.__all__} - {"__version__", *_CLASSES, *_ERRORS})
    sections = {"Functions": functions, "Classes": _CLASSES, "Errors": _ERRORS}
    parts = []
    for title, names in sections.items():
        parts.append(f"## {title}")
        parts += [_asked(_home(name), f"bench.{name}") for name in names]
    return page(*parts)


def extending() -> str:
    """What somebody who adds a dataset, kind, metric, encoder or check works with."""
    parts = [
        "# For additions",
        "What additions are written against ([Contributing](../contributing.md) says how each is "
        "added).",
    ]
    for title, names in _EXTENDING.items():
        parts.append(f"## {title}")
        parts += [_asked(name, name) for name in names]
    return page(*parts)


def modules(title: str, *packages: str) -> str:
    """A page of all public modules of some packages, their subpackages left out."""
    found = []
    for package in packages:
        folder = ROOT.joinpath(*package.split("."))
        names = sorted(path.stem for path in folder.glob("[!_]*.py"))
        found += [f"{package}.{name}" for name in names]
    return page(f"# {title}", *(_asked(name, name) for name in found))


def _home(name: str) -> str:
    """Where a name of the package is defined, as its docstring is found without importing."""
    return f"{bench._HOMES.get(name, 'bench.api')}.{name}"


def _asked(name: str, heading: str) -> str:
    return f'::: {name}\n    options:\n      heading: "{heading}"\n      toc_label: "{heading}"'
