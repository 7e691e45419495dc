import tomllib

import pytest
import tomli_w

from bench import kinds
from bench.base.errors import RequestError
from bench.base.paths import shipped
from bench.spec import task as tasks


def written(folder, **changes):
    raw = tomllib.loads((shipped("tasks") / "reben-mlc.toml").read_text(encoding="utf-8"))
    path = folder / "mine.toml"
    path.write_text(tomli_w.dumps(raw | changes), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", tasks.names())
def test_every_task_loads_and_names_what_exists(name):
    task = tasks.load(name)
    kind = kinds.of(task)
    assert task.name == name
    assert kind.schema().names[0] == "sample"
    assert kind.outputs() == {"depth": 1}.get(task.kind, len(task.classes)) or (
        task.kind in ("captioning", "compression", "consistency", "retrieval", "zeroshot")
    )
    assert set(task.inputs) <= set(task.declaration["inputs"])
    assert len(set(task.digests.values())) == len(task.digests) == task.version


def test_words_do_not_touch_the_digest(tmp_path):
    task = tasks.load(written(tmp_path, title="Another title", about="x", protocol="y"))
    assert task.digest == tasks.load("reben-mlc").digest


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"threshold": 0.4}},
        {"primary": "ap_micro"},
        {"inputs": ["s2"]},
        {"split": "validation"},
    ],
)
def test_a_change_of_meaning_needs_a_new_version(tmp_path, change):
    with pytest.raises(RequestError, match="its meaning has digest") as caught:
        tasks.load(written(tmp_path, **change))
    assert "raise the version" in caught.value.hint


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(RequestError, match="did you mean reben-mlc"):
        tasks.load("reben-mcl")


def test_an_unknown_field_is_refused_by_name(tmp_path):
    with pytest.raises(RequestError, match="colour: Extra inputs are not permitted"):
        tasks.load(written(tmp_path, colour="red"))


def test_an_unknown_kind_and_bad_settings_are_refused(tmp_path):
    good = tasks.load("reben-mlc")
    with pytest.raises(RequestError, match=r"unknown kind 'multilabels'.*did you mean multilabel"):
        kinds.of(good.model_copy(update={"kind": "multilabels"}))
    with pytest.raises(RequestError, match="threshold: Input should be less than 1"):
        kinds.of(good.model_copy(update={"settings": {"threshold": 1.5}}))


def test_something_that_is_not_toml_is_refused(tmp_path):
    (tmp_path / "broken.toml").write_text("name = [")
    with pytest.raises(RequestError, match="is not TOML"):
        tasks.load(str(tmp_path / "broken.toml"))
