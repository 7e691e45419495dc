import logging
import subprocess
import sys

import pytest

from bench import data, kinds, models
from bench.base.errors import BenchError, RequestError
from bench.metrics import scales
from bench.spec import task as tasks
from tests.planted import plant

MARK = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("planted_")]:
        del sys.modules[name]


def reader(name):
    return {f"planted_{name}.py": MARK, f"{name}.toml": 'title = "planted"'}


def test_names_are_known_without_importing(site):
    plant(site, "acme", {"datasets": {"acme": "planted_acme"}}, reader("acme"))
    assert "acme" in data.declared()
    assert not (site / "planted_acme.ran").exists()
    assert data.reader("acme").__name__ == "planted_acme"
    assert (site / "planted_acme.ran").exists()


def test_a_declaration_says_what_it_lacks(site):
    plant(site, "bare", {"datasets": {"bare": "planted_bare"}}, reader("bare"))
    plant(site, "lost", {"datasets": {"lost": "planted_lost"}}, {"planted_lost.py": ""})
    with pytest.raises(RequestError, match=r"bare.toml declares no licence, citation"):
        data.declaration("bare")
    with pytest.raises(BenchError, match=r"dataset lost of lost 1.0 has no .*lost.toml"):
        data.declaration("lost")


def test_names_of_the_harness_cannot_be_taken(site, caplog):
    plant(
        site,
        "thief",
        {"datasets": {"reben": "planted_thief"}, "sources": {"timm": "planted_thief"}},
        {"planted_thief.py": MARK},
    )
    with caplog.at_level(logging.WARNING):
        assert data.declared().count("reben") == 1
        assert models.sources().count("timm") == 1
        data.declared()
    assert data.reader("reben").__name__ == "bench.data.reben.reben"
    assert not (site / "planted_thief.ran").exists()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0] == (
        "plug-in ignored: dataset reben of thief 1.0: rs-bench has its own dataset reben"
    )


def test_two_of_one_name_are_refused_where_they_are_used(site):
    for owner in ("one", "other"):
        points = {"datasets": {"both": "planted_both"}, "sources": {"fine": "planted_both"}}
        plant(site, owner, {**points, "checks": {}}, {})
    assert "both" in data.declared()
    with pytest.raises(RequestError, match=r"dataset both is in one 1.0 and other 1.0") as caught:
        data.declaration("both")
    assert caught.value.hint == "keep one of them: pip uninstall one or pip uninstall other"
    with pytest.raises(RequestError, match="model source fine is in one"):
        models.find("fine:x", tasks.load("reben-mlc"))


def test_what_cannot_be_imported_names_its_distribution(site):
    plant(
        site,
        "broken",
        {
            "sources": {"exits": "planted_exits", "raises": "planted_raises:missing"},
            "datasets": {"absent": "planted_absent"},
        },
        {"planted_exits.py": "raise SystemExit(3)", "planted_raises.py": "", "absent.toml": ""},
    )
    for name, found in (("exits", "SystemExit: 3"), ("raises", "AttributeError")):
        with pytest.raises(BenchError, match=rf"{name} of broken 1.0 can't be imported: {found}"):
            models.find(f"{name}:x", tasks.load("reben-mlc"))
    with pytest.raises(BenchError, match=r"absent of broken 1.0 can't be imported: ModuleNotFound"):
        data.reader("absent")
    # Others go on.
    assert models.find("timm:resnet18", tasks.load("reben-mlc")).title == "resnet18"


def test_a_source_lacks_a_function(site):
    plant(site, "half", {"sources": {"half": "planted_half"}}, {"planted_half.py": ""})
    with pytest.raises(RequestError, match=r"half of half 1.0 has no function entry"):
        models.find("half:x", tasks.load("reben-mlc"))


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a" * 65, "sp ace"])
def test_names_that_no_file_could_give(site, name, caplog):
    plant(site, "odd", {"datasets": {name: "planted_odd"}}, {})
    assert name not in data.declared()
    assert "its name isn't of the form" in caplog.text


def test_a_kind_that_is_none(site):
    plant(
        site,
        "kin",
        {"kinds": {"half-kind": "planted_kin:Half", "no-kind": "planted_kin:Other"}},
        {
            "planted_kin.py": (
                "from bench.kinds.common.kind import Kind\n"
                "class Half(Kind):\n    interface = 'x'\n    def schema(self): ...\n"
                "class Other: ...\n"
            )
        },
    )
    with pytest.raises(BenchError, match=r"half-kind of kin 1.0 lacks load, loss, observe, repl"):
        kinds.find("half-kind")
    with pytest.raises(BenchError, match=r"names planted_kin:Other, which is no class of kinds"):
        kinds.find("no-kind")
    with pytest.raises(RequestError, match="unknown kind 'halfkind'"):
        kinds.find("halfkind")


def test_scale_of_a_metric(site):
    plant(
        site,
        "meter",
        {"metrics": {"dummy": "planted_meter", "iou": "planted_meter", "off": "planted_meter"}},
        {
            "planted_meter/__init__.py": MARK,
            "planted_meter/dummy.toml": (
                'unit = "m"\nlow = 0.0\nhigh = inf\nhigher_is_better = false\n'
            ),
            "planted_meter/iou.toml": 'unit = "m"\nlow = 0.0\nhigh = 9.0\nhigher_is_better = false',
            "planted_meter/off.toml": 'unit = "m"\nlow = 0.0\nhigh = 9.0\nworse = true',
        },
    )
    assert scales.scale("dummy") == scales.Scale("m", 0.0, float("inf"), higher_is_better=False)
    assert scales.direction("dummy_micro") == -1.0
    assert scales.scale("iou").unit == "fraction"
    with pytest.raises(RequestError, match=r"off.toml is no scale: higher_is_better"):
        scales.known("off")
    assert not (site / "planted_meter" / "__init__.ran").exists()
    assert scales.known("nowhere") is None


def test_without_plugins_no_metadata_is_parsed():
    code = "import sys; from bench.base import plugins; plugins.installed(); print(*sys.modules)"
    command = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "bench.base.plugins" in loaded
    assert "importlib.metadata" not in loaded
