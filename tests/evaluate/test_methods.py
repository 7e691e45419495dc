"""Methods: an encoder on a task, from features to a recorded run."""

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.evaluate import stages
from bench.evaluate.request import Request
from bench.kinds.common.batch import FEATURES
from bench.models import encoders, extraction, methods
from bench.results.runs import Run
from bench.spec import task as tasks
from bench.train import features

ENCODER = "timm:test_resnet"
TASK = "reben-mlc"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("methods") / "results"


def asked(results: Path, method: str, **given: Any) -> Request:
    named = {"task": TASK, "model": ENCODER, "track": "sample", "device": "cpu"} | given
    return Request(method=method, results=results, **named)


@pytest.fixture(scope="module")
def ridge(sample_data: Path, results: Path) -> Any:
    return stages.run(asked(results, "ridge"))


def made(results: Path) -> list[Path]:
    return sorted((results / features.FOLDER).glob("*/"))


def test_a_ridge_on_features_equals_scikit_learn(ridge: Any, results: Path) -> None:
    task = tasks.load(TASK)
    entry = methods.entry(ENCODER, task, "ridge")
    made_of = stages.features(asked(results, "ridge"))
    trained = next((results / "entries" / TASK).glob("*/"))
    from bench.models import entries, running

    loaded = entries.load(trained, task)
    assert loaded.encoder == entry.encoder
    assert loaded.trained is not None
    chosen = max(loaded.trained.searched, key=lambda one: one.validation or 0)
    penalty = float(chosen.setting.removeprefix("penalty "))
    x = np.stack([made_of["train"].row(sample) for sample in made_of["train"].samples])
    x = x.astype(np.float64)
    from bench import data

    dataset = data.reader(task.dataset).open_dataset(data.ensure_sample(task.dataset, print))
    y = dataset.multilabels(made_of["train"].samples).astype(np.float64)  # type: ignore[attr-defined]
    mean, std = x.mean(axis=0), x.std(axis=0)
    varies = std > 1e-6
    fitted = Ridge(alpha=penalty * len(x), solver="cholesky").fit(((x - mean) / std)[:, varies], y)
    test = np.stack([made_of["test"].row(sample) for sample in made_of["test"].samples])
    wanted = 4 * (fitted.predict(((test - mean) / std)[:, varies]) - 0.5)
    network = running.load_model(loaded, len(task.classes), torch.device("cpu"))
    with torch.no_grad():
        found = network({FEATURES: torch.from_numpy(test)}).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_run_says_what_was_tried_and_what_the_encoder_is(ridge: Any) -> None:
    trained, encoder = ridge.entry.trained, ridge.entry.encoder
    assert len(trained.searched) > 3
    assert {"setting", "validation"} <= set(trained.searched[0])
    assert (encoder["name"], ridge.entry.method) == (ENCODER, "ridge")
    assert ridge.entry.name == "timm-test_resnet-s2-ridge"
    assert ridge.cost.macs > 1e6  # with the encoder, not of the head alone


def test_a_new_head_sees_no_image(
    ridge: Any, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the encoder saw an image")

    monkeypatch.setattr(features, "extracted", refuse)
    before = made(results)
    stages.train(asked(results, "knn"))
    assert made(results) == before


def test_whole_network_and_stored_features_agree(ridge: Any, results: Path) -> None:
    """What is predicted from stored features is what the whole network says of the images."""
    run = Run(results / "runs" / ridge.run)
    stored = run.observations()
    part = stages.run(asked(results, "ridge", ids=stored.column("sample").to_pylist()[:5]))
    again = Run(results / "runs" / part.run).observations()
    for row in range(5):
        one = np.array(stored.column("logits")[row].as_py())
        np.testing.assert_allclose(np.array(again.column("logits")[row].as_py()), one, atol=1e-4)


@pytest.mark.parametrize("change", ["weights", "input", "side", "bands"])
def test_features_of_another_encoder_are_never_used(ridge: Any, results: Path, change: str) -> None:
    """A cache whose note was forged to look like it isn't found, as its key is computed anew."""
    task = tasks.load(TASK)
    encoder = encoders.find(ENCODER, task)
    contract = encoder.input.model_copy(update={"mean": tuple(m + 1 for m in encoder.input.mean)})
    from bench.spec.encoder import Weights

    other = {
        "weights": {"weights": Weights(source="elsewhere", sha256="0" * 64)},
        "input": {"input": contract},
        "side": {"side": 64},
        "bands": {"bands": {}},
    }[change]
    assert encoder.identity() != encoder.model_copy(update=other).identity()


def test_a_forged_part_is_refused(sample_data: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    stages.features(asked(root, "ridge"))
    folder = made(root)[0]
    part = next(folder.glob("part-*.npy"))
    values = np.load(part)
    np.save(part, values + 1)
    with pytest.raises(BenchError, match="was changed since"):
        stages.features(asked(root, "ridge"))


def test_a_note_of_other_data_is_a_miss(sample_data: Path, tmp_path: Path) -> None:
    root = tmp_path / "results"
    stages.features(asked(root, "ridge"))
    folder = made(root)[0]
    note = json.loads((folder / "features.json").read_text())
    wanted = next(folder.glob("part-*.npy")).read_bytes()
    (folder / "features.json").write_text(json.dumps(note | {"key": "0" * 64}))
    np.save(next(folder.glob("part-*.npy")), np.zeros((1, 1), np.float32))
    stages.features(asked(root, "ridge"))
    assert next(folder.glob("part-*.npy")).read_bytes() == wanted


def test_an_interrupted_extraction_continues(
    sample_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "results"
    monkeypatch.setattr(features, "_PART", 8)
    calls = iter(range(100))

    def killed(*given: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return extraction.extracted(*given)

    with monkeypatch.context() as patched:
        patched.setattr(features, "extracted", killed)
        with pytest.raises(KeyboardInterrupt):
            stages.features(asked(root, "ridge"))
    parts = sorted(made(root)[0].glob("part-*.npy"))
    assert parts
    times = [part.stat().st_mtime_ns for part in parts]
    found = stages.features(asked(root, "ridge"))
    assert [part.stat().st_mtime_ns for part in parts] == times
    whole = stages.features(asked(tmp_path / "other", "ridge"))
    for split, one in found.items():
        for sample in one.samples:
            np.testing.assert_array_equal(one.row(sample), whole[split].row(sample))


def test_the_least_used_features_are_dropped_first(sample_data: Path, tmp_path: Path) -> None:

    root = tmp_path / "results"
    stages.features(asked(root, "ridge"))
    listed = features.listed(root)
    for age, one in enumerate(listed):
        os.utime(one["folder"] / "features.json", (1e9 - age, 1e9 - age))
    kept = listed[0]["folder"]
    removed = features.drop(root, listed[0]["bytes"])
    assert kept.is_dir()
    assert [one["folder"] for one in listed[1:]] == removed


@pytest.mark.parametrize("method", ["logistic", "linear", "attentive", "finetune", "scratch"])
def test_methods_of_images(sample_data: Path, results: Path, method: str, short: None) -> None:
    found = stages.run(asked(results, method))
    assert found.entry.method == method
    assert found.primary is not None
    assert found.primary.value is not None


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("reben-pixel", "knn"),
        ("reben-pixel", "ridge"),
        ("reben-pixel", "upernet"),
        ("magicbathy-bathymetry-agia-napa", "ridge"),
    ],
)
def test_methods_of_pixels(
    sample_data: Path, results: Path, task: str, method: str, short: None
) -> None:
    found = stages.run(asked(results, method, task=task, limit=8))
    assert found.entry.model is not None
    assert found.entry.model.arguments["level"] == "map"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Recipes of one epoch with one setting."""
    known = methods._recipes

    def recipes(task: Any, method: Any) -> Any:
        found = known(task, dataclasses.replace(method, search=method.search[:1]))
        return {
            track: one if one.get("method") == "fit" else one | {"epochs": 1, "batch": 64}
            for track, one in found.items()
        }

    monkeypatch.setattr(methods, "_recipes", recipes)
    yield


def test_of_several_settings_the_best_on_validation_is_kept(
    sample_data: Path, results: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = methods._recipes

    def several(task: Any, method: Any) -> Any:
        rates = {"search": {"learning_rate": [1e-9, 1e-2]}}
        return {track: one | rates for track, one in recipes(task, method).items()}

    monkeypatch.setattr(methods, "_recipes", several)
    trained = stages.train(asked(results, "linear", seed=7)).trained
    assert trained is not None
    assert [one.setting for one in trained.searched] == [
        "learning_rate 1e-09",
        "learning_rate 0.01",
    ]
    best = max(one.validation or 0 for one in trained.searched)
    assert trained.validation == best
    rate = trained.recipe.learning_rate  # type: ignore[union-attr]
    assert rate == [1e-9, 1e-2][[one.validation for one in trained.searched].index(best)]


def test_what_does_not_fit_is_refused_before_anything_is_loaded(results: Path) -> None:
    for task, method, said in (
        ("reben-pixel", "attentive", "doesn't fit tasks of kind segmentation"),
        ("reben-mlc", "upernet", "doesn't fit tasks of kind multilabel"),
        ("hyspecnet-compression", "ridge", "nothing is learnt from features"),
        ("reben-mlc", "ridg", "did you mean"),
    ):
        with pytest.raises(RequestError) as refused:
            asked(results, method, task=task).find_model(tasks.load(task))
        assert said in f"{refused.value} {refused.value.hint}"
    with pytest.raises(RequestError, match="red"):
        methods.entry("timm:resnet18@a1_in1k", tasks.load(TASK), "ridge", given="s1")


def test_the_caption_of_the_nearest_image(data_folder: Path, results: Path) -> None:
    task = "rsicd-captioning"
    found = stages.run(asked(results, "knn", task=task, limit=4))
    assert found.primary is not None
    with pytest.raises(RequestError, match="whose answers are text"):
        methods.entry(ENCODER, tasks.load(task), "ridge")


def test_a_remembered_image_gets_its_own_caption() -> None:
    from bench.models.heads.captions import NearestCaptions

    head = NearestCaptions(3)
    with pytest.raises(BenchError, match="none"):
        head.caption(torch.ones(1, 3))
    x = torch.eye(3)
    head.fit(x, ["a river", "zwei Häuser", "a field\0 and"])
    assert head.caption(2 * x[[1, 0, 2]]) == ["zwei Häuser", "a river", "a field  and"]
    again = NearestCaptions(3, 3)
    again.load_state_dict(head.state_dict())
    assert again.caption(x[1:2]) == ["zwei Häuser"]


def test_all_solutions_at_once_are_those_one_by_one(ridge: Any, results: Path) -> None:
    from bench.models.adapted import Adapted
    from bench.models.heads.ridge import RidgeHead

    encoder = encoders.find(ENCODER, tasks.load(TASK))
    draw = torch.Generator().manual_seed(0)
    for level, shape in (("pooled", (6,)), ("map", (6, 2, 3))):
        head = RidgeHead(6, 4, "labels")
        head.fit(torch.randn(30, 6, generator=draw), torch.rand(30, 4, generator=draw))
        model = Adapted(encoder, head, level, "labels", "none")  # type: ignore[arg-type]
        given = {FEATURES: torch.randn(5, *shape, generator=draw)}
        every = model.every(given)
        for index in range(model.choices):
            model.choose(index)
            torch.testing.assert_close(model(given), every[index], atol=1e-5, rtol=1e-5)


def test_an_input_without_a_method_is_refused(results: Path) -> None:
    with pytest.raises(RequestError, match="for an encoder only"):
        asked(results, "", given="s1").find_model(tasks.load(TASK))


def test_a_trained_entry_is_an_encoder(sample_data: Path, results: Path, short: None) -> None:
    trained = stages.train(asked(results, "", model="timm:test_resnet/s2", task="reben-mlc"))
    assert trained.folder is not None
    found = stages.run(asked(results, "ridge", model=str(trained.folder)))
    encoder = found.entry.encoder
    assert encoder is not None
    assert encoder["weights"]["sha256"] == trained.weights_sha256()  # type: ignore[index,call-overload]
    assert encoder["pretraining"] == ["reben-mlc, sample track"]
    # What is found trained already knows its encoder's file as well.
    again = stages.run(asked(results, "ridge", model=str(trained.folder), limit=3))
    assert again.entry.digest == found.entry.digest
    with pytest.raises(RequestError, match="has no weights yet"):
        methods.entry("resnet18-s2", tasks.load(TASK), "ridge")
    with pytest.raises(RequestError, match="gives no features"):
        methods.entry("floor-statistics-s2", tasks.load(TASK), "ridge")


class Means(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scale[:, None, None] * images


def test_a_module_of_the_caller_is_an_encoder(sample_data: Path, tmp_path: Path) -> None:
    import bench

    module = Means()
    given: dict[str, Any] = {"track": "sample", "results": tmp_path, "method": "ridge"}
    first = bench.run(TASK, module, contract="s2", **given)
    assert first.entry == "live-Means-s2-ridge"
    with torch.no_grad():
        module.scale[0] = 2
    second = bench.run(TASK, module, contract="s2", **given)
    assert len(made(tmp_path)) == 6  # three splits for each of the weights
    assert first.name != second.name


def test_pairs_of_images_are_refused() -> None:
    with pytest.raises(RequestError, match=r"pair|nothing is learnt"):
        methods.entry("timm:resnet18@a1_in1k", tasks.load("levir-cc-captioning"), "knn")


@pytest.mark.parametrize("model", ["galileo:nano-random", "presto:random", ENCODER])
def test_encoders_of_series_and_of_images_on_crops(
    data_folder: Path, results: Path, model: str
) -> None:
    task = tasks.load("pastis-r-crop-mapping")
    entry = methods.entry(model, task, "ridge")
    assert entry.encoder is not None
    blank = kinds.of(task).blank(entry.input)
    assert blank is not None
    network = encoders.network(entry.encoder)
    found = extraction.extracted(network, entry.encoder, blank.inputs, "map")
    assert found.shape[:2] == (1, entry.model.arguments["features"])
    assert bool(torch.isfinite(found).all())
    # One that takes series is given the sensors together, another sees each date by itself.
    assert entry.encoder.series == (model != ENCODER)
    assert len(entry.input.bands) == (12 if entry.encoder.series else 10)


def test_long_names_keep_the_method_and_stay_different() -> None:
    task = tasks.load(TASK)
    encoder = encoders.find(ENCODER, task)
    long = [encoder.model_copy(update={"name": f"timm:{'x' * 90}{end}"}) for end in "ab"]
    names = [
        methods.entry(one, task, method).name for one in long for method in ("ridge", "logistic")
    ]
    assert len(set(names)) == 4
    assert all(name.endswith(("-s2-ridge", "-s2-logistic")) for name in names)
    assert max(map(len, names)) <= methods.LONGEST


def test_an_entry_from_elsewhere_names_no_file_of_this_machine(tmp_path: Path) -> None:
    from bench.models import entries

    task = tasks.load(TASK)
    entries.save(methods.entry(ENCODER, task, "ridge"), tmp_path)
    path = tmp_path / "entry.toml"
    weights = f'[encoder.weights]\nsource = "x"\nsha256 = "{"0" * 64}"\n'
    path.write_text(path.read_text() + weights + 'file = "/etc/passwd"\n')
    with pytest.raises(RequestError, match="names a file"):
        entries.load(tmp_path, task)
