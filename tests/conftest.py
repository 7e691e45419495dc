"""Shared fixtures."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of small real samples; tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BENCH_REAL_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real samples at {folder} (set BENCH_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of datasets with the sample track made once; BENCH_DATA points there."""
    from bench import data

    # One folder for all processes of a test run; who comes second waits for the first.
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "data"
    os.environ["BENCH_DATA"] = str(root)
    data.ensure_sample("reben", lambda text: None)
    return root
