"""``bench check``: a submission against every check there is, all faults at once."""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bench.base import plugins
from bench.base.errors import BenchError, RequestError, in_words
from bench.spec.task import Task
from bench.submissions import checks
from bench.submissions.checks import PreconditionError, Submission


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        id: module and name of the check, such as ``declaration.licence``.
        passed: whether all is well.
        found: what it found, in words.
        hint: how to mend it, or what is wanted; empty where it passed.
    """

    id: str
    passed: bool
    found: str
    hint: str


class _FailedError(BenchError):
    """A check failed itself, which says nothing of the submission."""


def check(folder: Path, task: Task | None, *, dry_run: bool = True) -> list[Finding]:
    """Check a submission; whatever it holds, nothing of it is executed or unpickled.

    Args:
        folder: of an entry with ``entry.toml``; or a Parquet file of predictions alone.
        task: the task it is for; None for the one that its ``entry.toml`` names.
        dry_run: also run a model on a few samples of the sample track, and score some predictions.

    Returns:
        What each check found that has something to say; checks that build on what another one found
        at fault say nothing, so at least one failed if any is missing.

    Raises:
        RequestError: there is no such folder or file, or a file alone without a task.
        BenchError: a check of a plug-in can't be imported, or fails itself.
    """
    if not folder.is_dir() and not folder.is_file():
        raise RequestError(f"{folder} is no folder and no file", "name an entry or its predictions")
    if folder.is_file() and task is None:
        raise RequestError(f"{folder} doesn't say for which task it is", "add --task")
    submission = Submission(folder, task, dry_run)
    found = []
    for name, function in every():
        try:
            words = function(submission)
        except _FailedError:
            raise
        except BenchError as error:
            wanted = f"wanted: {(inspect.getdoc(function) or '').splitlines()[0]}"
            found.append(Finding(name, False, error.message, error.hint or wanted))
        except OSError as error:
            found.append(
                Finding(
                    name, False, f"it can't be read: {error.strerror}", "may this user read it?"
                )
            )
        except PreconditionError:
            continue
        else:
            if words is not None:
                found.append(Finding(name, True, words, ""))
    return found


def own() -> list[str]:
    """The modules of checks that the harness has itself."""
    return sorted(module.name for module in pkgutil.iter_modules(checks.__path__))


def every() -> Iterator[tuple[str, Callable[[Submission], str | None]]]:
    """All checks by id, in the order of their modules' names and of their definition.

    Those of plug-ins come last. They are whoever's that runs the checks, not the submission's.

    Raises:
        RequestError: two plug-ins have one name.
        BenchError: a plug-in can't be imported.
    """
    for room in own():
        yield from _of(room, importlib.import_module(f"bench.submissions.checks.{room}"))
    for name in plugins.offered("checks", own()):
        plugin = plugins.find("checks", name, own())
        assert plugin is not None
        for id_, function in _of(name, plugins.load(plugin)):
            yield id_, _guarded(plugin, function)


def _of(room: str, module: ModuleType) -> Iterator[tuple[str, Callable[[Submission], str | None]]]:
    for name, function in vars(module).items():
        defined = inspect.isfunction(function) and function.__module__ == module.__name__
        if defined and not name.startswith("_"):
            yield f"{room}.{name}", function


def _guarded(
    plugin: plugins.Plugin, function: Callable[[Submission], str | None]
) -> Callable[[Submission], str | None]:
    """A check of a plug-in; whose fault it is where it fails itself is said."""

    @functools.wraps(function)
    def guarded(submission: Submission) -> str | None:
        try:
            return function(submission)
        except (BenchError, OSError, PreconditionError):
            raise
        except Exception as error:
            raise _FailedError(
                f"{function.__name__} of {plugin} failed: {in_words(error)}",
                f"report it to its authors, or remove it: pip uninstall {plugin.distribution}",
            ) from error

    return guarded
