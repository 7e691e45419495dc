"""Where a package of an extra isn't installed, the extra is named; nothing else needs it."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from bench.base import extras
from bench.base.errors import RequestError
from bench.evaluate import stages
from bench.evaluate.request import Request
from bench.metrics import rate_distortion
from bench.spec import task as tasks

COMPRESSION = [name for name in tasks.names() if tasks.load(name).kind == "compression"]
ROOT = Path(__file__).parents[2]
INSTALL = "pip install 'rs-bench[compression]'"

IMPORT = """
import sys
sys.modules.update(dict.fromkeys(["imagecodecs", "constriction", "bjontegaard"]))
from bench.base.errors import RequestError
for name in sys.argv[1:]:
    try:
        __import__(name)
    except RequestError as error:
        print(error)
"""


@pytest.fixture
def absent(monkeypatch):
    """A function after whose call a module can't be imported, as one that isn't installed."""
    return lambda *modules: [monkeypatch.setitem(sys.modules, name, None) for name in modules]


def test_the_extras_are_those_of_the_package():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = declared["project"]["optional-dependencies"]
    assert extras.MODULES.keys() == optional.keys() - {"dev", "docs", "loggers"}
    brought = {requirement.partition(">=")[0] for requirement in optional["compression"]}
    assert brought == set(extras.MODULES["compression"])
    assert brought <= {requirement.partition(">=")[0] for requirement in optional["dev"]}
    assert not any(r.startswith(tuple(brought)) for r in declared["project"]["dependencies"])


@pytest.mark.parametrize("name", COMPRESSION)
def test_a_compression_task_names_the_extra_before_anything_is_done(name, absent, tmp_path):
    absent("imagecodecs")
    request = Request(task=name, model="pca", track="sample", results=tmp_path / "results")
    with pytest.raises(RequestError, match=f"task {name} needs imagecodecs, which isn't") as told:
        stages.run(request)
    absent("bjontegaard", "constriction")
    with pytest.raises(RequestError, match="bjontegaard, constriction, imagecodecs, which aren't"):
        stages.train(request)
    assert told.value.hint == INSTALL
    assert not (tmp_path / "results").exists()


def test_the_command_line_says_so_too(bench, absent):
    absent("constriction")
    done = bench.in_process("run --task s2-compression --model lossless", code=2)
    assert "task s2-compression needs constriction, which isn't installed" in done.stderr
    assert INSTALL in done.stderr


def test_curves_name_the_extra(absent):
    absent("bjontegaard", "bjontegaard.interpolation")
    rates, quality = np.array([1.0, 2.0, 4.0, 8.0]), np.array([30.0, 33.0, 36.0, 39.0])
    for compute in (
        lambda: rate_distortion.bd_rate(rates, quality, rates, quality + 1),
        lambda: rate_distortion.mean_quality(rates, quality, 1.0, 8.0),
    ):
        with pytest.raises(RequestError, match="curves needs bjontegaard, which isn't") as told:
            compute()
        assert told.value.hint == INSTALL


def test_codecs_name_the_extra():
    modules = [f"baselines.codecs.{name}" for name in ("jpegxl", "jpeg2000", "entropy")]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *modules],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    wanted = ("JPEG XL needs imagecodecs", "JPEG 2000 needs imagecodecs", "coding needs constrict")
    for line, begins in zip(done.stdout.splitlines(), wanted, strict=True):
        assert begins in line
        assert line.endswith(f"which isn't installed ({INSTALL})")


def test_a_module_that_is_there_but_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "captum.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "captum", raising=False)
    with pytest.raises(RequestError, match=r"can't be imported .*nothing_of_this_name"):
        extras.load("captum", "explain", "explaining")


@pytest.mark.parametrize("extra", sorted(extras.MODULES.keys() - {"federated"}))
def test_what_is_installed_is_enough(extra):
    extras.require(extra, "a test")
    for module in extras.MODULES[extra]:
        assert importlib.util.find_spec(module) is not None
