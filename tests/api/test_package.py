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


@pytest.mark.parametrize(
    "first", ["", "import bench.results", "bench.results", "from bench import results"]
)
def test_a_package_that_is_a_function_as_well_is_both(first):
    """Whatever was imported first."""
    code = f"""
import bench
{first}
import bench.results.runs
from bench.results import runs
assert bench.results.runs is runs
try:
    bench.results(track="real")
except bench.RequestError as error:
    print(error)
"""
    assert "unknown track 'real'" in python(code)


def test_training_is_a_package_and_a_function():
    assert bench.train.folder.WorkFolder
    with pytest.raises(bench.RequestError, match="task is 7"):
        bench.train(7, 7)


def test_python_m_bench_is_the_command_line():
    assert python("", "-m", "bench", "--version") == f"rs-bench {bench.__version__}\n"
