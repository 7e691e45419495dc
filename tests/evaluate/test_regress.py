"""An injected regression is found and named."""

import shutil
import tomllib

import pytest

from bench.base.errors import BenchError, RequestError
from bench.base.paths import shipped
from bench.evaluate import regress
from bench.models import entries
from bench.spec import declared, expected
from bench.spec import task as tasks

RECIPE = """
[recipe.sample]
epochs = 1
batch = 32
learning_rate = 1e-3
weight_decay = 0.01
warmup_steps = 0
start_factor = 1.0
end_factor = 1.0
patience = 1
flips = true
matmul_precision = "highest"
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory, sample_data):
    """A folder of baselines with one that trains in a second, its expectation, and its results."""
    root, results = tmp_path_factory.mktemp("baselines"), tmp_path_factory.mktemp("first")
    folder = root / "reben-mlc" / "tiny"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        f'inputs = ["s1"]\n[model]\narchitecture = "timm:test_resnet"\n{RECIPE}'
    )
    with pytest.MonkeyPatch.context() as patch:
        ship(patch, root)
        regress.update("reben-mlc", "tiny-s1", results)
    return root, results


@pytest.fixture
def baseline(first, tmp_path, monkeypatch):
    """The entry.toml of that baseline, in a folder that a test may change."""
    root = tmp_path / "baselines"
    shutil.copytree(first[0], root)
    ship(monkeypatch, root)
    return root / "reben-mlc" / "tiny" / "entry.toml"


def ship(patch, root):
    for module in (regress, declared, expected):
        patch.setattr(
            module, "shipped", lambda name: root if name == "baselines" else shipped(name)
        )


def found(folder):
    (finding,) = regress.check(expected.expectations(), folder)
    return finding


def test_a_baseline_equals_its_expectation_to_the_bit(baseline, tmp_path):
    finding = found(tmp_path / "second")
    assert finding.passed
    assert finding.verdict == "equal to the bit"
    assert finding.expected == finding.found


def test_an_injected_regression_is_found_and_named(baseline, tmp_path):
    baseline.write_text(baseline.read_text().replace("flips = true", "flips = false"))
    finding = found(tmp_path / "second")
    assert not finding.passed
    assert finding.model == "tiny-s1"
    assert "REGRESSION" in finding.verdict


@pytest.mark.parametrize(("shift", "passed"), [(0.0, True), (0.5, False)])
def test_on_other_versions_the_interval_decides(baseline, first, shift, passed):
    path = baseline.with_name(expected.FILE)
    one = expected.expectations()["reben-mlc", "tiny-s1"]
    moved = {key: getattr(one, key) + shift for key in ("value", "low", "high")}
    changed = one.model_dump() | moved | {"observations_sha256": "0" * 64}
    changed["arithmetic"] = one.arithmetic | {"torch": "9.9"}
    path.write_text(regress.tomli_w.dumps({"s1": changed}))
    finding = found(first[1])
    assert finding.passed is passed
    assert "(other torch)" in finding.verdict
    assert finding.bound > 0


def test_expectations_of_another_task_version_are_no_comparison(baseline, first):
    path = baseline.with_name(expected.FILE)
    digest = expected.expectations()["reben-mlc", "tiny-s1"].task_digest
    path.write_text(path.read_text().replace(digest, "0" * 64))
    with pytest.raises(BenchError, match="made with task_digest 000000000000"):
        found(first[1])


def test_asking_for_what_has_no_expectation_gets_a_suggestion(baseline, tmp_path):
    with pytest.raises(RequestError, match="unknown model with expectations"):
        expected.expectations(model="tiny-s9")
    shutil.rmtree(baseline.parent)
    with pytest.raises(RequestError, match="is no baseline"):
        regress.update("reben-mlc", "tiny-s1", tmp_path)


def test_expectations_of_variants_are_named_by_model(first, baseline, tmp_path):
    text = baseline.read_text()
    one = expected.expectations()["reben-mlc", "tiny-s1"]
    baseline.write_text(f'{text}\n[variants.small]\ntitle = "x"\n[variants.tiny]\ntitle = "y"\n')
    baseline.with_name(expected.FILE).unlink()
    # Named as the baseline that was trained already, which is found again.
    assert regress.update("reben-mlc", "tiny-s1", first[1]) == one
    assert expected.expectations() == {("reben-mlc", "tiny-s1"): one}
    assert set(tomllib.loads(baseline.with_name(expected.FILE).read_text())) == {"tiny-s1"}


def test_a_shared_baseline_has_expectations_by_task(first, baseline):
    one = expected.expectations()["reben-mlc", "tiny-s1"]
    shared = baseline.parent.parent.parent / "kind-multilabel" / "tiny"
    shutil.move(baseline.parent, shared)
    path = shared / expected.FILE
    path.write_text(regress.tomli_w.dumps({"reben-cutmix": {"s1": one.model_dump()}}))
    assert regress.update("reben-mlc", "tiny-s1", first[1]) == one
    assert expected.expectations() == {
        ("reben-cutmix", "tiny-s1"): one,
        ("reben-mlc", "tiny-s1"): one,
    }
    assert set(tomllib.loads(path.read_text())) == {"reben-cutmix", "reben-mlc"}


def test_what_ships_is_well_formed():
    for (task, model), one in expected.expectations().items():
        assert model in entries.baseline_names(tasks.load(task))
        assert one.low <= one.value <= one.high
