"""The examples in the docstrings of the API are run as they stand."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import bench
from bench import api

MODULES = [
    "bench",
    "bench.api",
    *(f"bench.api.{one.name}" for one in pkgutil.iter_modules(api.__path__)),
]
EXAMPLES = [
    example
    for name in MODULES
    for example in doctest.DocTestFinder().find(importlib.import_module(name))
    if example.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_prints_what_it_says(example, sample_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    told = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert told == []


def test_every_public_function_has_an_example():
    names = {example.name.rpartition(".")[2] for example in EXAMPLES}
    public = {name for name in bench.__all__ if inspect.isfunction(getattr(api, name, None))}
    assert {"run", "train", "results"} < public <= names
