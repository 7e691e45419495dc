"""The command line: one module for each verb, found by its name.

A module offers ``verb``, a function whose parameters are the options, or ``app``, a group of verbs.
Nothing here or at the top of such a module may import what is slow: names come before imports.
"""

import functools
import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Callable, MutableSequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.errors import BenchError, os_error
from bench.base.paths import absolute
from bench.base.version import __version__

DEBUG = "BENCH_DEBUG"
_COMPLETING = "_BENCH_COMPLETE"
_INTERRUPTED = 130


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rs-bench {__version__}")
        raise typer.Exit


def _global_options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """One benchmark harness for remote-sensing machine learning."""
    if debug:
        os.environ[DEBUG] = "1"


@functools.cache
def _command_line(only: str = "") -> typer.Typer:
    """All verbs, or the one whose values are completed: a tab shouldn't wait for the others."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    for name in [only] if only in names else names:
        if name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{name}")
        if hasattr(module, "app"):
            for verb in (*module.app.registered_commands, module.app.registered_callback):
                if verb is not None:
                    verb.callback = _absolute_paths(verb.callback)
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(_absolute_paths(module.verb))
    return app


def _absolute_paths(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb that is given absolute paths, whatever was typed."""

    @functools.wraps(verb)
    def given(**options: Any) -> None:
        verb(**{name: _absolute(value) for name, value in options.items()})

    return given


def _absolute(value: Any) -> Any:
    """A value, or a list of values, whose paths are absolute."""
    # The name of the built-in type is that of a command here.
    if isinstance(value, MutableSequence):
        return [_absolute(one) for one in value]
    return absolute(value) if isinstance(value, Path) else value


def main() -> None:
    """Run a command; errors end as one line and an exit code (1: it failed, 2: it was wrong)."""
    _open_streams()
    if _COMPLETING in os.environ:
        # Whatever there is to say of plug-ins would stand in the line that is typed.
        logging.disable(logging.WARNING)
    try:
        try:
            _command_line(_completed_verb())()
        finally:
            # What is still in the buffer may not fit on the device, which is to be said.
            sys.stdout.flush()
    except BenchError as error:
        _end(error, error.message, error.hint, error.exit_code)
    except SystemExit as ended:
        # Typer turns Ctrl-C into this.
        if ended.code != _INTERRUPTED:
            raise
        _end(ended, "interrupted", "what was finished is kept; the same command continues", 1)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        found = os_error(f"{error.filename or 'the system'} was refused", error)
        _end(error, found.message, found.hint, found.exit_code)
    except Exception as error:  # noqa: BLE001
        first = (str(error).splitlines() or [""])[0]
        hint = "`bench --debug ...` shows where"
        _end(error, f"unexpected {type(error).__name__}: {first}", hint, 1)


def _completed_verb() -> str:
    """The verb behind which a shell completes a word; empty where the verb itself is typed."""
    if _COMPLETING not in os.environ:
        return ""
    from bench.cli import _complete

    typed = _complete.line()
    _, verb, rest = (*typed.split(maxsplit=2), "", "", "")[:3]
    return verb if rest or typed[-1:].isspace() else ""


def _open_streams() -> None:
    """Make stdout and stderr take any text: a stream may be closed, or not be in UTF-8."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _end(error: BaseException, message: str, hint: str, code: int) -> None:
    from bench.cli._console import print_line

    if os.environ.get(DEBUG):
        raise error
    print_line(f"error: {message}", to_stderr=True)
    if hint:
        print_line(f"  {hint}", to_stderr=True)
    sys.exit(code)
