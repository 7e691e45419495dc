"""What ``import bench`` brings, and what it doesn't."""

import json
import subprocess
import sys
from types import ModuleType

import pytest

import bench
from bench import api

_IMPORTS = """
import json, sys, time
sys.path_importer_cache.clear()
before = set(sys.modules)
begun = time.perf_counter()
import bench
seconds = time.perf_counter() - begun
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


def python(code, *arguments):
    command = [sys.executable, *arguments, *(["-c", code] if code else [])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_package_imports_nothing():
    _, imported = json.loads(python(_IMPORTS))
    heavy = {"torch", "numpy", "pandas", "pyarrow", "duckdb", "pydantic", "typer", "rich"}
    assert not heavy.intersection(imported)
    ours = [name for name in imported if name.partition(".")[0] == "bench"]
    assert ours == ["bench", "bench.base", "bench.base.version"]
    assert min(json.loads(python(_IMPORTS))[0] for _ in range(3)) < 0.03


def test_names_are_those_of_the_api_and_are_offered():
    assert set(api.__all__) < set(bench.__all__) <= set(dir(bench))
    for name in api.__all__:
        found = getattr(bench, name)
        assert found is getattr(api, name) or isinstance(found, ModuleType)
    assert bench.BenchError.__module__ == "bench.base.errors"
    assert issubclass(bench.RequestError, bench.BenchError)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = bench.runn


def test_packages_that_are_functions_as_well_are_both():
    """Whatever was imported first."""
    code = """
import bench
{}
import bench.results.runs, bench.train.folder
assert bench.results.runs.Run and bench.train.folder.WorkFolder
from bench.results import runs
try:
    bench.results(track="real")
    bench.train(7, 7)
except bench.RequestError as error:
    print(error)
"""
    for first in ("", "import bench.results", "bench.results", "from bench import results"):
        assert "unknown track 'real'" in python(code.format(first))


def test_python_m_bench_is_the_command_line():
    assert python("", "-m", "bench", "--version") == f"rs-bench {bench.__version__}\n"
