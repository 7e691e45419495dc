"""The command line as people use it: a line typed in a folder of their own, with relative paths."""

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.hub.server import TOKEN

PROGRAM = Path(sys.executable).with_name("bench")
"""The installed entry point."""

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES"),
    *("BENCH_DATA", "HF_ENDPOINT", "HF_TOKEN"),
)
"""What a command has of our environment: fixtures say where the data and the Hub are."""

_USERS = ("BENCH_", "HF_", "XDG_")
"""How the variables begin that users set."""


@dataclass(frozen=True)
class Shown:
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """The one JSON value on its stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Prompt:
    """A user who stands in a folder and types ``bench ...``.

    Everything goes through the installed program in a process of its own, or, with `in_process`,
    through the same function in this one: what imports torch costs seconds for each process.

    Attributes:
        folder: where the user stands, at first empty. Paths are typed relative to it.
        home: the user's home, at first empty as well.
    """

    folder: Path
    home: Path

    def __call__(self, typed: str | Sequence[object], code: int = 0, **environment: str) -> Shown:
        """What a line prints.

        Args:
            typed: what follows ``bench``: a line as in a shell, or its words.
            code: with which it must end.
            environment: variables beside those that every command has.
        """
        return self._run(typed, [str(PROGRAM), *_words(typed)], code, environment)

    def shell(self, script: str, code: int = 0) -> Shown:
        """What a script for a shell prints; it ends with the first command that fails."""
        return self._run(script, ["bash", "-e", "-c", script], code, {})

    def beside(self, name: str) -> "Prompt":
        """The same user in another empty folder beside this one."""
        folder = self.home / name
        folder.mkdir()
        return Prompt(folder, self.home)

    def _run(
        self, typed: object, command: list[str], code: int, environment: dict[str, str]
    ) -> Shown:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self.environment() | environment,
            timeout=900,
            check=False,
        )
        return _held(typed, Shown(done.returncode, done.stdout, done.stderr), code)

    def in_process(self, typed: str | Sequence[object], code: int = 0, **environment: str) -> Shown:
        """The same in this process; what tests have put in place of parts of it holds."""
        from bench import cli

        ended: int | str | None = 0
        with (
            chdir(self.folder),
            _environment(self.environment() | environment),
            mock.patch.object(sys, "argv", [str(PROGRAM), *_words(typed)]),
            _captured(redirect_stdout) as out,
            _captured(redirect_stderr) as err,
        ):
            try:
                cli.main()
            except SystemExit as error:
                ended = error.code
        assert ended is None or isinstance(ended, int)
        shown = Shown(ended or 0, *(raw.getvalue().decode() for raw in (out, err)))
        return _held(typed, shown, code)

    def environment(self) -> dict[str, str]:
        """All that a command has of an environment."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        kept["PATH"] = os.pathsep.join((str(PROGRAM.parent), kept.get("PATH", os.defpath)))
        return kept | {"HOME": str(self.home), "HF_HOME": str(self.home / "hf")}


def prompt(root: Path) -> Prompt:
    """A user below ``root``, with an empty home and an empty folder in it."""
    folder = root / "home" / "work"
    folder.mkdir(parents=True)
    return Prompt(folder, folder.parent)


def _words(typed: str | Sequence[object]) -> list[str]:
    return shlex.split(typed) if isinstance(typed, str) else [str(word) for word in typed]


def _held(typed: object, shown: Shown, code: int) -> Shown:
    """What holds for whatever is typed."""
    assert shown.code == code, f"bench {typed}\n{shown.stdout}\n{shown.stderr}"
    assert "error: unexpected" not in shown.stderr, shown.stderr
    assert TOKEN not in shown.stdout + shown.stderr
    return shown


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Variables of the user's, and none of ours; what imports set for good stays."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(_USERS)}
    before = ours | {name: os.environ[name] for name in wanted if name in os.environ}
    for name in ours:
        del os.environ[name]
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in [*wanted, *os.environ]:
            if name in wanted or name.startswith(_USERS):
                os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def _captured(redirect: Any) -> Iterator[io.BytesIO]:
    """Catch a stream that has an encoding and bytes below it, as a real one has."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with redirect(stream):
        yield raw
    stream.detach()
