"""Zero-shot classification: what is observed of towers, and what follows from it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import nn

from bench import data, kinds
from bench.base.errors import BenchError, RequestError
from bench.data.pictures import simulate as picture_sets
from bench.evaluate import stages as evaluate
from bench.evaluate.request import Request
from bench.kinds import zeroshot
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.kinds.common.prompts import fill
from bench.metrics.zeroshot import class_embeddings, class_scores
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Fit
from bench.spec.task import Task

TASK = tasks.load("whu-rs19-zeroshot")
SEVERAL = tasks.load("reben-zeroshot")
NAMES = [name for name in tasks.names() if tasks.load(name).kind == "zeroshot"]
SETS = 4


def table(task: Task, targets: NDArray[Any], similarities: NDArray[Any]) -> pa.Table:
    """Observations as a run stores them; similarities are [sets, N, classes]."""
    return pa.table(
        {
            "sample": [f"s{index:05d}" for index in range(len(targets))],
            "targets": list(targets.astype(np.uint8)),
            "similarities": list(similarities.transpose(1, 0, 2).reshape(len(targets), -1)),
        },
        schema=kinds.of(task).schema(),
    )


@pytest.mark.parametrize("model", ["CLIP", "RemoteCLIP", "GeoRSCLIP"])
def test_published_embeddings_give_the_published_accuracy(real_data: Path, model: str) -> None:
    folder = real_data / "whu_rs19"
    with np.load(folder / f"emb_{model}_ViT-B-32.npz") as stored:
        images, texts, labels = (
            stored[name] for name in ("images", "texts_averageprompt", "labels")
        )
    with (folder / "results_averageprompt.csv").open() as stream:
        (published,) = (
            float(row["acc_base_averageprompt_zs"])
            for row in csv.DictReader(stream)
            if (row["model_name"], row["model_architecture"]) == (model, "ViT-B-32")
        )
    scores = class_scores(images, class_embeddings(texts[:, None]))
    targets = np.eye(19)[labels]
    found = kinds.of(TASK).measure(table(TASK, targets, np.stack([scores] * SETS)))
    assert 100 * found["accuracy_micro"] == pytest.approx(published, abs=1e-12)
    assert found["accuracy_remoteclip"] == found["accuracy_micro"]
    assert found["accuracy_macro"] == pytest.approx(found["accuracy_classes"].mean())
    right = kinds.of(TASK).sample_scores(table(TASK, targets, np.stack([scores] * SETS)))
    assert right.mean() == pytest.approx(published / 100)


def test_scores_of_one_class_are_those_of_a_loop_and_ties_lose() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 18, 60)  # nothing of the last class
    scores = draw.normal(0, 1, (SETS, 60, 19))
    scores[:, np.arange(60), labels] += 1
    scores[0, 0] = 0.0
    found = kinds.of(TASK).measure(table(TASK, np.eye(19)[labels], scores))
    right = scores[0].argmax(axis=1) == labels
    right[0] = False
    assert found["accuracy_micro"] == pytest.approx(right.mean())
    assert found["accuracy_classes"][labels[1]] == pytest.approx(right[labels == labels[1]].mean())
    assert np.isnan(found["accuracy_classes"][18])
    assert found["accuracy_macro"] == pytest.approx(np.nanmean(found["accuracy_classes"]))
    third = scores[2].argmax(axis=1) == labels
    assert found["accuracy_georsclip"] == pytest.approx(third.mean())


def test_scores_of_several_classes_are_average_precisions() -> None:
    draw = np.random.default_rng(1)
    targets = (draw.random((80, 19)) < 0.2).astype(np.uint8)
    targets[:2] = 1
    scores = draw.normal(0, 1, (SETS, 80, 19)) + targets
    found = kinds.of(SEVERAL).measure(table(SEVERAL, targets, scores))
    assert found["ap_macro"] == pytest.approx(average_precision_score(targets, scores[0]))
    assert found["ap_skyscript"] == pytest.approx(average_precision_score(targets, scores[3]))
    assert found["ap_classes"][4] == pytest.approx(
        average_precision_score(targets[:, 4], scores[0][:, 4])
    )
    of_samples = kinds.of(SEVERAL).sample_scores(table(SEVERAL, targets, scores))
    row = next(n for n in range(2, 80) if targets[n].any())
    assert of_samples[row] == pytest.approx(average_precision_score(targets[row], scores[0, row]))


@pytest.mark.parametrize("task", [TASK, SEVERAL])
def test_a_replicate_is_the_metric_of_the_repeated_pictures(task: Task) -> None:
    draw = np.random.default_rng(2)
    targets = np.eye(19)[draw.integers(0, 19, 50)]
    observations = table(task, targets, draw.normal(0, 1, (SETS, 50, 19)) + targets)
    counts = np.bincount(draw.integers(0, 50, 50), minlength=50).astype(np.uint16)
    found = kinds.of(task).replicate(observations, [counts[None]])
    repeated = observations.take(np.repeat(np.arange(50), counts))
    expected = kinds.of(task).measure(repeated)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name][0], value, rtol=1e-12, err_msg=name)
    only = kinds.of(task).replicate(observations, [counts[None]], [task.primary])
    assert list(only) == [task.primary]


class Words(nn.Module):
    """Sentences by the class they name, pictures by their first pixel."""

    def __init__(self, classes: list[str]) -> None:
        super().__init__()
        self.classes, self.sentences = classes, 0

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        self.sentences += len(texts)
        found = torch.full((len(texts), len(self.classes)), 0.01)
        for row, text in enumerate(texts):
            named = [name for name in self.classes if name in text]
            found[row, self.classes.index(max(named, key=len))] = 1.0
        return found

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return torch.eye(len(self.classes))[images[:, 0, 0, 0].long()] + 0.01


def test_pictures_are_told_by_their_prompts_which_are_read_once() -> None:
    labels = [3, 18, 0, 7]
    pictures = torch.tensor(labels, dtype=torch.float32).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    targets = torch.from_numpy(np.eye(19, dtype=np.uint8)[labels])
    batch = Batch([f"s{n}" for n in range(4)], pictures, targets)
    model = Words(TASK.classes)
    with torch.inference_mode():
        observations = observe(
            kinds.of(TASK),
            model,
            [batch.pick([0, 1]), batch.pick([2, 3])],
            torch.device("cpu"),
            kinds.of(TASK).schema(),
        )
    found = kinds.of(TASK).measure(observations)
    assert found["accuracy_micro"] == found["accuracy_skyscript"] == 1.0
    sets = ("rs-transclip", "remoteclip", "georsclip", "skyscript")
    assert model.sentences == sum(len(fill(name, one)) for name in sets for one in TASK.classes)


def test_widths_that_differ_are_refused_by_name() -> None:
    class Narrow(Words):
        def encode_image(self, images: torch.Tensor) -> torch.Tensor:
            return super().encode_image(images)[:, 1:]

    batch = Batch(["first"], torch.ones(1, 3, 2, 2), torch.ones(1, 19))
    with torch.inference_mode(), pytest.raises(BenchError, match=r"of 18 numbers .* 19, first for"):
        kinds.of(TASK).observe(Narrow(TASK.classes), batch)


@pytest.mark.parametrize("name", NAMES)
def test_tasks_name_known_prompts_for_every_class(name: str) -> None:
    task = tasks.load(name)
    settings = zeroshot.Settings.model_validate(task.settings)
    assert all(fill(prompts, "river") for prompts in settings.prompts)
    assert all(len(called) == len(task.classes) for called in settings.names.values())
    assert set(settings.names) <= set(settings.prompts)
    # Where nothing may be trained, baselines begin with what was trained elsewhere and stay so.
    found = [entries.baseline(name, task) for name in entries.baseline_names(task)]
    trained = [one.recipe["sample"] for one in found if one.model.learns]
    assert any(recipe != Fit(method="start") for recipe in trained) == settings.tuned
    assert settings.several == (task.primary == "ap_macro")


def test_composites_follow_the_published_rule(sample_data: Path) -> None:
    root = data.ensure_sample("reben-rgb", lambda text: None)
    assert root == data.sample_root("reben")
    composites = data.reader("reben-rgb").open_dataset(root)
    patch = composites.ids("test")[0]
    measured = data.reader("reben").open_dataset(root).read(patch, ["B02", "B03", "B04"])
    found = composites.read(patch, ["B", "R"])
    assert list(found) == ["B", "R"]
    for channel, band in (("B", "B02"), ("R", "B04")):
        exact = np.clip(measured[band] / 2000 * 255, 0, 255)
        assert found[channel].dtype == np.uint8
        assert np.abs(found[channel] - np.floor(exact)).max() <= 1
        assert (found[channel] == np.floor(exact + 1e-9)).all()
    with pytest.raises(RequestError, match="unknown band 'VV'"):
        composites.read(patch, ["VV"])
    batch = kinds.of(SEVERAL).load(
        composites,
        InputPipeline(SEVERAL.input("clip").model_copy(update={"size": 32}), SEVERAL.bands),
        [patch],
    )
    assert batch.inputs.shape == (1, 3, 32, 32)
    assert batch.targets.sum() >= 1


def test_nothing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_sets, "PER_CLASS", 1)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    asked = Request(
        task=TASK.name, model="open_clip:ViT-B-32", track="sample", results=tmp_path, device="cpu"
    )
    for verb in (evaluate.train, evaluate.run):
        with pytest.raises(RequestError, match="no weights and no recipe") as caught:
            verb(asked)
        assert "open_clip:ViT-B-32/TAG" in caught.value.hint
    with pytest.raises(RequestError, match="nothing is trained for it"):
        kinds.of(TASK).loss(nn.Identity(), Batch([], None, None))
