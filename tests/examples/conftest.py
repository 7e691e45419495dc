"""The packages below examples/, installed into folders of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.typed import Prompt, Shown

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs an example as its users do, offline and once, and says into which folder."""
    folders: dict[str, Path] = {}

    def install(name: str) -> Path:
        if name not in folders:
            target = tmp_path_factory.mktemp(name)
            quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
            offline = ["--no-index", "--no-deps", "--no-build-isolation"]
            pip = [sys.executable, "-m", "pip", "install", *quiet, *offline]
            subprocess.run([*pip, "--target", target, EXAMPLES / name], check=True, cwd=target)
            folders[name] = target
        return folders[name]

    return install


@dataclass(frozen=True)
class User:
    """Types ``bench ...`` where some examples are installed, and in `without` where none are."""

    prompt: Prompt
    environment: dict[str, str]

    def __call__(self, typed: str | Sequence[object], code: int = 0) -> Shown:
        """What a line prints, in a process of its own."""
        return self.prompt(typed, code, **self.environment)

    def in_process(self, typed: str | Sequence[object], code: int = 0) -> Shown:
        """The same in this process, which has torch already."""
        return self.prompt.in_process(typed, code, **self.environment)

    def without(self, typed: str | Sequence[object], code: int = 0) -> Shown:
        """What a line prints where no example is installed."""
        return self.prompt(typed, code, **self.environment | {"PYTHONPATH": ""})


@pytest.fixture
def bench_with(
    bench: Prompt,
    installed: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., User]:
    """Types ``bench ...`` where some examples are installed: ``bench_with("dataset")("list")``."""

    def choose(*examples: str, data: Path = tmp_path / "data") -> User:
        places = [str(installed(name)) for name in examples]
        for place in places:
            monkeypatch.syspath_prepend(place)
        return User(bench, {"PYTHONPATH": os.pathsep.join(places), "BENCH_DATA": str(data)})

    return choose
