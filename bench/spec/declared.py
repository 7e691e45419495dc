"""Tasks and baselines as their TOML files declare them, folds and variants written out.

Nothing is validated and little is imported: what lists names or completes them needs no more.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.base import bounded_toml
from bench.base.errors import RequestError
from bench.base.paths import shipped

Raw = dict[str, Any]
"""What stands in a TOML file."""


def tasks() -> dict[str, Raw]:
    """The declarations of all tasks that ship, by name; a fold is a task of its own."""
    found: dict[str, Raw] = {}
    for path in shipped("tasks").glob("*.toml"):
        found |= with_folds(_task(path))
    return dict(sorted(found.items()))


def file_of(path: Path) -> Path:
    """The file that declares what ``path`` names: of ``NAME-fold2.toml`` that is ``NAME.toml``."""
    first, fold, _ = path.stem.rpartition("-fold")
    return path.with_stem(first) if fold and first and not path.is_file() else path


def with_folds(raw: Mapping[str, Any]) -> dict[str, Raw]:
    """A task and its further folds, by name: ``NAME`` and, of ``[folds.2]``, ``NAME-fold2``.

    A fold declares what differs from the task: other splits, and so another digest. It shares the
    task's baselines.
    """
    name = raw["name"]
    first = {key: value for key, value in raw.items() if key != "folds"}
    found = {name: first}
    for number, own in raw.get("folds", {}).items():
        shared = {"baselines": first.get("baselines") or name, "folds_of": name}
        found[f"{name}-fold{number}"] = first | own | shared | {"name": f"{name}-fold{number}"}
    return found


def baselines(folder: Path) -> list[tuple[str, Path, Raw]]:
    """The baselines in a folder: name, file and declaration of each, by name.

    ``entry.toml`` declares the baseline that is called as its own folder is; or, with
    ``[variants.NAME]``, several of these names that differ from each other in what is said there.
    """
    found = [
        (name, path, raw)
        for path in folder.glob("*/entry.toml")
        for name, raw in with_variants(path).items()
    ]
    return sorted(found, key=lambda one: one[0])


def with_variants(path: Path) -> dict[str, Raw]:
    """The baselines that one ``entry.toml`` declares, by name.

    Raises:
        RequestError: the file can't be read, or its variants are no tables.
    """
    raw = bounded_toml.read(path)
    if "variants" not in raw:
        return {path.parent.name: raw}
    variants = raw.pop("variants")
    if not isinstance(variants, dict) or not all(isinstance(v, dict) for v in variants.values()):
        raise RequestError(f"{path}: expected variants as tables", "write each as [variants.NAME]")
    return {name: _overlaid(raw, own) for name, own in variants.items()}


def _overlaid(common: Mapping[str, Any], own: Mapping[str, Any]) -> Raw:
    """What is common, and over it what is a variant's own: tables are joined, the rest replaced."""
    joined = {
        key: _overlaid(common[key], value)
        if isinstance(value, dict) and isinstance(common.get(key), dict)
        else value
        for key, value in own.items()
    }
    return {**common, **joined}


def _task(path: Path) -> Raw:
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> Raw:
    """A declaration, read again only where its file has changed."""
    return bounded_toml.read(path)
