"""Shared fixtures."""

import os

# Before NumPy is imported: several processes test at once, and the threads of its linear algebra
# wait for each other longer than they work. Those of torch stay as they are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# isort: split
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.hub.server import TOKEN, Hub, serving
from tests.typed import Prompt, prompt

_NO_REAL_DATA = "no real samples at"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of small real samples; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BENCH_REAL_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"{_NO_REAL_DATA} {folder} (set BENCH_REAL_DATA)")
    return folder


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say in the last line before the counts what wasn't tested for want of real samples."""
    yield
    skipped = sum(
        _NO_REAL_DATA in str(report.longrepr) for report in terminalreporter.getreports("skipped")
    )
    if skipped:
        terminalreporter.write_line(
            f"{skipped} tests on real samples were skipped: BENCH_REAL_DATA names their folder; "
            "what it holds and where to get it is in CONTRIBUTING.md, Real samples"
        )


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of datasets, at first empty; BENCH_DATA points there."""
    # One folder for all processes of a test run; who comes second waits for the first.
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "data"
    os.environ["BENCH_DATA"] = str(root)
    return root


@pytest.fixture(scope="session")
def sample_data(data_folder: Path) -> Path:
    """The folder of datasets with the sample track of reben made once, a part of it.

    Two parts of observations: what is killed or fails in the second has finished the first.
    """
    from bench import data
    from bench.data import samples
    from bench.data.reben.simulate import plan, write

    def few(root: Path) -> None:
        write(root, planned=plan(times=(0.5, 1, 1)))

    samples.ensure("reben", data.sample_root("reben"), few, lambda text: None)
    return data_folder


@pytest.fixture
def bench(data_folder: Path, tmp_path: Path) -> Prompt:
    """Types ``bench ...`` in an empty folder: ``bench("list --json").json()``."""
    return prompt(tmp_path)


@pytest.fixture(scope="module")
def bench_of_module(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prompt:
    """The same in one folder for all tests of a module."""
    return prompt(tmp_path_factory.mktemp("typed"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on the loopback interface, with alice's token in the environment.

    The client doesn't wait before it tries again.
    """
    impatient = SimpleNamespace(**vars(time) | {"sleep": lambda seconds: None})
    for module in ("utils._http", "file_download"):
        monkeypatch.setattr(f"huggingface_hub.{module}.time", impatient)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
