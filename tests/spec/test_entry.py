import pytest
import tomli_w

from bench.base.errors import BenchError, RequestError
from bench.models import entries
from bench.spec import declared, entry
from bench.spec import task as tasks

TASK = tasks.load("reben-mlc")
SAME_KIND = tasks.load("reben-cutmix")


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


@pytest.mark.parametrize("task", tasks.names())
def test_every_baseline_is_a_valid_entry_with_recipes_for_both_tracks(task):
    loaded = tasks.load(task)
    names = entries.baseline_names(tasks.load(task))
    assert names
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


@pytest.fixture
def variants(tmp_path, monkeypatch):
    """A function that makes ``entry.toml`` of a folder the only baseline, and returns its path."""
    path = tmp_path / "reben-mlc" / "net" / "entry.toml"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(declared, "shipped", lambda name: tmp_path)

    def declare(text):
        path.write_text(text, encoding="utf-8")
        return path

    return declare


def test_variants_are_baselines_that_share_what_they_do_not_say(variants):
    path = variants("""
inputs = ["s2"]
[model]
architecture = "timm:resnet18"
arguments = { drop_rate = 0.1, width = 2 }
[recipe.sample]
method = "fit"
[variants.wide]
title = "Wide"
model.arguments = { width = 4 }
[variants.b]
inputs = ["s1", "s2"]
model.architecture = "timm:resnet50"
recipe.sample = { method = "start" }
""")
    assert entries.baseline_names(TASK) == ["b", "b-s1", "b-s2", "wide", "wide-s2"]
    wide, other = (entries.baseline(name, TASK) for name in ("wide", "b"))
    assert (wide.name, wide.title, wide.folder) == ("wide-s2", "Wide", path.parent)
    assert wide.model.architecture == "timm:resnet18"
    assert wide.model.arguments == {"drop_rate": 0.1, "width": 4}
    assert wide.recipe["sample"].method == "fit"
    assert (other.name, other.title) == ("b-s1", "")
    assert other.model.architecture == "timm:resnet50"
    assert other.model.arguments == {"drop_rate": 0.1, "width": 2}
    assert other.recipe["sample"].method == "start"
    # A folder of variants has no baseline of its own name.
    with pytest.raises(RequestError, match="unknown model for task reben-mlc 'net'"):
        entries.baseline("net", TASK)


def test_baselines_of_a_kind_are_those_of_its_tasks(variants, tmp_path):
    variants(
        'title = "Own"\n[model]\narchitecture = "timm:resnet18"\n[recipe.sample]\nmethod = "fit"\n'
    )
    for name, kind in (("net", "multilabel"), ("shared", "multilabel"), ("other", "depth")):
        folder = tmp_path / f"kind-{kind}" / name
        folder.mkdir(parents=True)
        text = f'title = "Of {kind}"\n[model]\narchitecture = "timm:resnet50"\n'
        (folder / "entry.toml").write_text(text, encoding="utf-8")
    for task in (TASK, SAME_KIND):
        names = {name.partition("-")[0] for name in entries.baseline_names(task)}
        assert names == {"net", "shared"}
        assert entries.baseline("shared", task).title == "Of multilabel"
        assert entries.baseline("shared", task).name == f"shared-{task.inputs[0]}"
        # Of two with one name the task's own counts.
        assert entries.baseline("net", task).title == ("Own" if task is TASK else "Of multilabel")


@pytest.mark.parametrize(
    "own", ['colour = "red"', "model.colour = 1", 'model = "timm:x"', "[variants.a.variants.b]"]
)
def test_a_malformed_variant_is_refused_by_its_file(variants, own):
    path = variants(f'[model]\narchitecture = "timm:resnet18"\n[variants.a]\n{own}\n')
    with pytest.raises(RequestError, match=f"{path} is no entry"):
        entries.baseline("a", TASK)


@pytest.mark.parametrize("text", ["variants = 1", "[variants]\na = 1"])
def test_variants_that_are_no_tables_are_refused_by_their_file(variants, text):
    path = variants(text)
    with pytest.raises(RequestError, match=f"{path}: expected variants as tables") as caught:
        entries.baseline_names(TASK)
    assert "[variants.NAME]" in caught.value.hint


@pytest.mark.parametrize("task", tasks.names())
def test_no_two_baselines_of_a_task_have_the_same_name(task):
    names = entries.baseline_names(tasks.load(task))
    assert len(names) == len(set(names))


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
