import pytest
import tomli_w

from bench.base.errors import BenchError, RequestError
from bench.base.paths import shipped
from bench.models import entries
from bench.spec import entry
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")


def declaration(**changes):
    return {
        "name": "mine",
        "task": "reben-mlc",
        "input": "s2",
        "model": {"architecture": "timm:resnet18", "weights": "model.safetensors"},
    } | changes


def folder_of(path, **changes):
    (path / "entry.toml").write_text(tomli_w.dumps(declaration(**changes)), encoding="utf-8")
    return path


@pytest.mark.parametrize("task", sorted(p.stem for p in shipped("tasks").glob("*.toml")))
def test_every_baseline_is_a_valid_entry_with_recipes_for_both_tracks(task):
    loaded = tasks.load(task)
    names = entries.baseline_names(tasks.load(task))
    assert names or loaded.kind == "zeroshot"  # Models come from elsewhere there.
    for name in names:
        found = entries.baseline(name, loaded)
        assert found.name.startswith(name)
        published = "weights" in found.note  # Of others, to be converted first.
        trained = found.model.learns and not published
        assert set(found.recipe) >= ({"official", "sample"} if trained else set())
        assert found.weights is None
        assert found.authors
        assert found.licence


def test_the_name_alone_means_the_first_input():
    assert entries.baseline("resnet50", TASK) == entries.baseline("resnet50-s2", TASK)
    assert entries.baseline("resnet50-s1", TASK).input.bands == ("VV", "VH")
    assert len(entries.baseline("resnet50-s1s2", TASK).input.bands) == 12


def test_an_unknown_baseline_gets_a_suggestion():
    with pytest.raises(RequestError, match="did you mean resnet50"):
        entries.baseline("resnet5O", TASK)


def test_a_saved_entry_loads_as_it_was(tmp_path):
    first = entries.load(folder_of(tmp_path), TASK)
    entries.save(first, tmp_path / "again")
    again = entries.load(tmp_path / "again", TASK)
    assert again == first.model_copy(update={"folder": tmp_path / "again"})


def test_the_digest_follows_what_decides_predictions(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = entries.load(folder_of(tmp_path), TASK).digest()
    assert entries.load(folder_of(tmp_path, title="words"), TASK).digest() == first
    assert entries.load(folder_of(tmp_path, input="s2-v0.1.1"), TASK).digest() != first
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert entries.load(folder_of(tmp_path), TASK).digest() != first


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "../../etc"}, "name: String should match pattern"),
        ({"input": "s3"}, "unknown input 's3'"),
        ({"task": "reben-pixel"}, "is an entry for task reben-pixel"),
        ({"model": {"architecture": "timm:x", "weights": "../x.safetensors"}}, "model.weights"),
        ({"model": {"architecture": "timm:os;rm"}}, "model.architecture"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"title": "x" * 10_000}, "title: String should have at most 200 characters"),
    ],
)
def test_a_malformed_entry_is_refused_by_field(tmp_path, changes, fault):
    with pytest.raises(RequestError, match=fault):
        entries.load(folder_of(tmp_path, **changes), TASK)


def test_files_that_are_no_declaration_are_refused(tmp_path):
    with pytest.raises(RequestError, match=r"holds no entry\.toml"):
        entries.load(tmp_path, TASK)
    (tmp_path / "entry.toml").write_bytes(b"\xff\xff")
    with pytest.raises(RequestError, match="expected text in UTF-8"):
        entries.load(tmp_path, TASK)
    (tmp_path / "entry.toml").write_bytes(b"#" * (entry.MAX_DECLARATION + 1))
    with pytest.raises(RequestError, match="larger than"):
        entries.load(tmp_path, TASK)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(BenchError, match=r"model\.safetensors is missing"):
        entries.load(folder_of(tmp_path), TASK).digest()
