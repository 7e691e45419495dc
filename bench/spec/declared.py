"""Tasks, baselines and published checkpoints as their TOML files declare them, written out.

Nothing is validated and little is imported: what lists names or completes them needs no more. Of
plug-ins only these files are read.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.base import bounded_toml, plugins
from bench.base.errors import BenchError, RequestError
from bench.base.paths import shipped
from bench.base.plugins import Plugin

Raw = dict[str, Any]
"""What stands in a TOML file."""


_TEXTS = ("name", "kind", "title", "dataset", "primary")
_LISTED = {**dict.fromkeys(_TEXTS, str), "version": int, "splits": dict}
"""What lists of tasks show, and so the declaration of a plug-in's must hold, with its type."""


def tasks() -> dict[str, Raw]:
    """The declarations of all tasks by name, those of plug-ins too; a fold is a task of its own."""
    own = own_tasks()
    found = {name: raw for _, _, added in _added_tasks(own) for name, raw in added.items()}
    return dict(sorted({**found, **own}.items()))


def own_tasks() -> dict[str, Raw]:
    """The declarations of the tasks that ship, by name."""
    found: dict[str, Raw] = {}
    for path in shipped("tasks").glob("*.toml"):
        found |= with_folds(_task(path))
    return found


def file_of_task(name: str) -> Path | None:
    """The file that declares a task; None where there is none of this name.

    Raises:
        RequestError: two plug-ins have this task.
    """
    path = file_of(shipped("tasks") / f"{name}.toml")
    # Compared with what is there: a name may come from a stranger and hold "..".
    if path in shipped("tasks").glob("*.toml") and name in with_folds(_task(path)):
        return path
    own = own_tasks()
    found = [(plugin, path) for plugin, path, added in _added_tasks(own) if name in added]
    if len(found) > 1:
        raise plugins.twice("task", name, [plugin for plugin, _ in found])
    return found[0][1] if found else None


def _added_tasks(own: Mapping[str, Raw]) -> Iterator[tuple[Plugin, Path, dict[str, Raw]]]:
    """The tasks of plug-ins by file: its plug-in, its path, and the task and folds it declares."""
    for plugin, folder in plugins.folders("tasks"):
        for path in sorted(folder.glob("*.toml")):
            try:
                raw = _task(path)
            except BenchError as error:
                plugins.warn(plugin, error.message)
                continue
            missing = [
                name for name, form in _LISTED.items() if not isinstance(raw.get(name), form)
            ]
            if missing or not all(isinstance(split, dict) for split in raw["splits"].values()):
                plugins.warn(
                    plugin, f"{path} declares no {', '.join(missing) or 'splits as tables'}"
                )
            elif raw["name"] != path.stem:
                plugins.warn(plugin, f"{path} declares a task of another name than its own")
            elif raw["name"] in own:
                plugins.warn(plugin, f"rs-bench has its own task {raw['name']}")
            else:
                yield plugin, path, with_folds(raw)


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


def folders_of(task: str, shared: str, kind: str) -> tuple[str, ...]:
    """The folders that hold the baselines of a task: its own, shared ones, those of its kind.

    Args:
        task: its name.
        shared: the folder whose baselines it shares; empty for none.
        kind: of the task.
    """
    return tuple(dict.fromkeys((task, shared or task, f"kind-{kind}")))


def baselines_of(*folders: str) -> list[tuple[str, Path, Raw]]:
    """The baselines in folders of these names as `baselines` has them, each name once.

    Those that ship, by folder, then those of plug-ins; of two of one name the first counts.
    """
    found: dict[str, tuple[str, Path, Raw]] = {}
    for folder in folders:
        for one in baselines(shipped("baselines") / folder):
            found.setdefault(one[0], one)
    own = frozenset(found)
    for folder in folders:
        for _, one in _added_baselines(folder, own):
            found.setdefault(one[0], one)
    return list(found.values())


def check_single(baseline: str, *folders: str) -> None:
    """Refuse a baseline that two plug-ins have in folders of these names.

    Raises:
        RequestError: they do.
    """
    own = {name for one in folders for name, _, _ in baselines(shipped("baselines") / one)}
    for folder in folders:
        found = [
            plugin for plugin, (name, _, _) in _added_baselines(folder, own) if name == baseline
        ]
        if len(found) > 1:
            raise plugins.twice(f"baseline of task {folder},", baseline, found)
        if found:
            return


def recipes_of(task: str) -> Path | None:
    """The file of the recipes of a task; None where it has none.

    Raises:
        RequestError: two plug-ins have recipes for it.
    """
    own = shipped("baselines") / task / "recipes.toml"
    if own.is_file():
        return own
    found = [
        (plugin, path)
        for plugin, folder in plugins.folders("baselines")
        if (path := folder / task / "recipes.toml").is_file()
    ]
    if len(found) > 1:
        raise plugins.twice("recipes.toml of task", task, [plugin for plugin, _ in found])
    return found[0][1] if found else None


def _added_baselines(
    task: str, own: Collection[str]
) -> Iterator[tuple[Plugin, tuple[str, Path, Raw]]]:
    for plugin, folder in plugins.folders("baselines"):
        try:
            found = baselines(folder / task)
        except BenchError as error:
            plugins.warn(plugin, error.message)
            continue
        for one in found:
            if one[0] in own:
                plugins.warn(plugin, f"rs-bench has its own baseline {one[0]} of task {task}")
            else:
                yield plugin, one


def published() -> list[tuple[str, str, Path, Raw]]:
    """The published checkpoints: name, distribution, file and declaration of each.

    Those that ship, whose names can't be taken, then those of plug-ins.
    """
    found = [(name, "rs-bench", path, raw) for name, path, raw in _published(shipped("baselines"))]
    own = {name for name, *_ in found}
    for plugin, folder in plugins.folders("baselines"):
        try:
            added = list(_published(folder))
        except BenchError as error:
            plugins.warn(plugin, error.message)
            continue
        found += [(name, plugin.origin, path, raw) for name, path, raw in added if name not in own]
    return found


def _published(folder: Path) -> Iterator[tuple[str, Path, Raw]]:
    for path in sorted(folder.glob("published/*.toml")):
        for name, raw in with_variants(path).items():
            yield name, path, raw


KEYS = ".keys.toml"
"""What the names of the files of key maps end with."""


def key_maps() -> dict[str, Path]:
    """The file of each key map by name; one that ships comes before a plug-in's of its name."""
    folders = [folder for _, folder in plugins.folders("baselines")]
    found = {
        path.name.removesuffix(KEYS): path
        for folder in (*folders, shipped("baselines"))
        for path in folder.glob(f"architectures/*{KEYS}")
    }
    return dict(sorted(found.items()))


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
