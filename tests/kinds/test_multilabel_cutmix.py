"""CutMix as recipes of multi-label tasks ask for it."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.evaluate import training
from bench.evaluate.reporting import SILENT
from bench.evaluate.request import Request
from bench.kinds.common.batch import mirrored, mirrors
from bench.kinds.common.kind import PreparationContext
from bench.kinds.multilabel import cutmix, explain
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.entry import Entry
from tests.train.tiny import RECIPE, SIZE, Memory, entry, learn

TASK = tasks.load("reben-cutmix")
KIND = kinds.of(TASK)
SAMPLES = [f"t{i:03d}" for i in range(36)]
STRATEGIES = ("none", "cutmix-union", "cutmix-area", "cutmix-lp-map", "cutmix-lp-gradcam")


class Mapped(Memory):
    """Patches with a map of blocks that shows the classes which occur; some pixels show none."""

    side = SIZE
    strange = 0

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        there = np.flatnonzero(self.labels[sample])
        found = np.full(self.side * self.side, 255, np.uint8)
        found[:-20] = np.resize(np.repeat(there, 7), found.size - 20) if len(there) else 255
        found[0] = self.strange or found[0]
        return found.reshape(self.side, self.side)


def prepared(data: Any, folder: Path = Path(), teacher: Any = None, **options: Any) -> Any:
    recipe = RECIPE.model_copy(update={"options": options})
    preparation = PreparationContext(
        folder, "cpu", 3, teacher and (lambda: teacher), "f" * 64 if teacher else ""
    )
    pipeline = InputPipeline(entry().input, TASK.bands)
    return recipe, kinds.of(TASK).prepare(recipe, data, pipeline, SAMPLES, preparation)


class Planes(torch.nn.Module):
    """A classifier of one convolution, whose Grad-CAM can be written down."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(2, 6, 3, stride=4, padding=1)
        self.head = torch.nn.Linear(6, 19)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(images).relu().mean(dim=(2, 3)))


def grad_cam(network: Planes, images: torch.Tensor, index: int) -> torch.Tensor:
    """As published, by hand: weights are mean gradients, nothing is rectified."""
    activations = network.conv(images)
    # Of the mean of rectified activations: the head's weight where they are positive.
    gradients = network.head.weight[index][:, None, None] * (activations > 0) / 16
    return (gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1).detach()


def test_explanations_are_grad_cam_of_what_is_there_and_found() -> None:
    pytest.importorskip("captum")
    network, draw = Planes().eval(), torch.Generator().manual_seed(1)
    images = torch.randn(9, 2, SIZE, SIZE, generator=draw)
    labels = (torch.rand(9, 19, generator=draw) < 0.5).float()
    found = explain.explanations(network, "conv", images, labels)
    assert found.shape == (9, 19, 4, 4)
    wanted = (network(images) > 0) & (labels > 0)
    assert 0 < wanted.sum() < labels.sum()
    for index in range(19):
        expected = grad_cam(network, images, index) * wanted[:, index, None, None]
        torch.testing.assert_close(found[:, index], expected)
    with pytest.raises(RequestError, match=r"unknown layer of the classifier 'convv'.*conv"):
        explain.explanations(network, "convv", images, labels)
    with pytest.raises(RequestError, match="layer head of the classifier gives no images"):
        explain.explanations(network, "head", images, labels)


def test_explanations_are_made_once_enlarged_and_thresholded(tmp_path: Path) -> None:
    pytest.importorskip("captum")
    data, network = Mapped(), Planes().eval()
    asked = {"strategy": "cutmix-lp-gradcam", "classifier": "none-s2", "layer": "conv"}
    _, made = prepared(data, tmp_path, network, **asked, t_cam=0.01)
    batch = made.load(SAMPLES[4:9])
    plain = kinds.of(TASK).load(data, InputPipeline(entry().input, TASK.bands), SAMPLES[4:9])
    coarse = explain.explanations(network, "conv", plain.inputs, plain.targets)
    fine = interpolate(coarse, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
    expected = np.stack([cutmix.tables(one) for one in (fine > 0.01).numpy()])
    assert np.array_equal(batch.targets["tables"].numpy(), expected)
    assert made.facts["classifier"] == "none-s2, weights ffffffffffff"
    # A training that goes on explains nothing again.
    broken = SimpleNamespace(to=lambda device: pytest.fail("explained again"))
    _, again = prepared(data, tmp_path, broken, **asked, t_cam=0.01)
    assert torch.equal(again.load(SAMPLES[4:9]).targets["tables"], batch.targets["tables"])
    assert again.facts == made.facts


def test_positions_reach_a_batch_only_where_the_recipe_wants_them() -> None:
    data = Mapped()
    data.reference_map = None  # type: ignore[assignment]
    _, plain = prepared(data)
    assert isinstance(plain.load(SAMPLES[:2]).targets, torch.Tensor)
    assert plain.facts == {}
    _, union = prepared(data, strategy="cutmix-union")
    assert set(union.load(SAMPLES[:2]).targets) == {"labels"}
    _, maps = prepared(Mapped(), strategy="cutmix-lp-map")
    assert set(maps.load(SAMPLES[:2]).targets) == {"labels", "tables"}
    assert maps.facts == {"labels_added": 0, "labels_removed": 0, "labels_wrong": 0}


@pytest.mark.parametrize("strategy", ["cutmix-union", "cutmix-area", "cutmix-lp-map"])
def test_a_batch_is_mirrored_then_mixed(strategy: str) -> None:
    recipe, made = prepared(Mapped(), strategy=strategy, probability=0.7)
    batch = made.load(SAMPLES[:12])
    found = kinds.of(TASK).augment(recipe, batch, torch.Generator().manual_seed(5))
    draw = torch.Generator().manual_seed(5)
    masks = mirrors(12, draw)
    cut = cutmix.cuts(12, SIZE, SIZE, probability=0.7, smallest=0.1, largest=0.5, draw=draw)
    assert torch.equal(found.inputs, cutmix.paste(mirrored(batch.inputs, masks), cut))
    labels = batch.targets["labels"]
    if strategy == "cutmix-lp-map":
        maps = torch.from_numpy(np.stack([Mapped().reference_map(s, ()) for s in SAMPLES[:12]]))
        mixed = cutmix.paste(mirrored(maps, masks), cut)
        expected = torch.stack([(mixed == c).flatten(1).any(dim=1) for c in range(19)], 1).float()
        expected = torch.where(cut.chosen[:, None], expected, labels)
    elif strategy == "cutmix-union":
        expected = cutmix.united(labels, cut)
    else:
        expected = cutmix.by_area(labels, cut, SIZE, SIZE)
    assert torch.equal(found.targets, expected)
    assert not torch.equal(found.targets, labels)


def test_validation_is_never_mixed() -> None:
    recipe, _ = prepared(Mapped(), strategy="cutmix-union", probability=1)
    plain = kinds.of(TASK).load(Mapped(), InputPipeline(entry().input, TASK.bands), SAMPLES[:5])
    found = kinds.of(TASK).augment(recipe, plain, torch.Generator())
    assert found.targets is plain.targets


def test_errors_of_maps_stay_with_a_sample_and_are_counted() -> None:
    _, made = prepared(Mapped(), strategy="cutmix-lp-map", noise="swap", magnitude=0.5)
    first, both = made.load(SAMPLES[1:2]), made.load(SAMPLES[:2])
    assert torch.equal(first.targets["tables"][0], both.targets["tables"][1])
    labels = np.stack([Mapped().labels[s] for s in SAMPLES]) > 0
    found = made.load(SAMPLES).targets["tables"][..., -1, -1].numpy() > 0
    assert made.facts["labels_added"] == (found & ~labels).sum() / (~labels).sum() > 0
    assert made.facts["labels_removed"] == (labels & ~found).sum() / labels.sum() > 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"strategy": "cutmixx"}, "strategy: Input should be 'none', 'cutmix-union'"),
        ({"probability": 1.5}, "probability: Input should be less than or equal to 1"),
        ({"smallest": 0.6}, "smallest 0.6 is above largest 0.5"),
        ({"t_cam": -0.1}, "t_cam: Input should be greater than or equal to 0"),
        ({"t_map": -1}, "t_map: Input should be greater than or equal to 0"),
        ({"strategy": "cutmix-lp-map", "noise": "rain"}, "noise: Input should be 'none', 'dilate'"),
        ({"noise": "flip"}, "noise is of maps, which strategy none doesn't use"),
        ({"magnitude": 3}, "magnitude says nothing without a noise"),
        (
            {"strategy": "cutmix-lp-map", "noise": "flip", "magnitude": 2},
            "magnitude 2 of flip is a share",
        ),
        (
            {"strategy": "cutmix-lp-map", "noise": "erode", "magnitude": 1.5},
            "magnitude 1.5 of erode is in whole pixels",
        ),
        ({"classifier": "hf:some/one"}, "classifier: String should match"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError) as caught:
        learn(tmp_path / "tiny", entry(options=options), Mapped())
    assert expected in caught.value.message
    assert "\n" not in caught.value.message


def test_maps_that_do_not_fit_are_refused() -> None:
    small, strange = Mapped(), Mapped()
    small.side, strange.strange = 12, 19
    with pytest.raises(BenchError, match=r"expected maps of 16 x 16 px.*t000 has 12 x 12 px"):
        prepared(small, strategy="cutmix-lp-map")
    with pytest.raises(BenchError, match=r"expected classes 0 to 18, or 255 .*t000 has 19"):
        prepared(strange, strategy="cutmix-lp-map")
    with pytest.raises(RequestError, match="needs maps, and dataset reben has none"):
        prepared(Memory(), strategy="cutmix-lp-map")
    with pytest.raises(RequestError, match="explanation masks need a trained classifier"):
        prepared(Mapped(), strategy="cutmix-lp-gradcam")


def test_without_captum_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    with pytest.raises(RequestError, match="explanation masks needs captum") as caught:
        explain.explanations(Planes(), "conv", torch.zeros(1, 2, 8, 8), torch.zeros(1, 19))
    assert "rs-bench[explain]" in caught.value.hint


class StoppedError(Exception):
    """Ends a training from within."""


def test_a_training_that_was_stopped_ends_with_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("captum")
    teacher = learn(tmp_path / "none", entry(epochs=1), Mapped())
    options = {"strategy": "cutmix-lp-gradcam", "classifier": "none-s2", "layer": "layer4.0.conv2"}
    made = entry(epochs=2, options=options)
    whole = learn(tmp_path / "whole", made, Mapped(), teacher=teacher)

    def stop(done: int, total: int, text: str) -> None:
        if done == 6:
            raise StoppedError

    with pytest.raises(StoppedError):
        learn(tmp_path / "halted", made, Mapped(), teacher=teacher, progress=stop)
    halted = learn(tmp_path / "halted", made, Mapped(), teacher=teacher)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "halted")]
    assert weights[0] == weights[1]
    assert {p.name for p in (tmp_path / "halted").iterdir()} == {
        "model.safetensors",
        "entry.toml",
        "log.csv",
        "README.md",
    }
    assert halted.trained is not None and whole.trained is not None
    assert halted.trained.facts == whole.trained.facts
    card = (tmp_path / "halted" / "README.md").read_text()
    assert "| labels removed | " in card and "| classifier | none-s2, weights " in card
    other = teacher.input.model_copy(update={"resampling": "bilinear"})
    with pytest.raises(RequestError, match="classifier tiny sees VV VH"):
        learn(
            tmp_path / "other",
            made,
            Mapped(),
            teacher=teacher.model_copy(update={"input": other}),
        )


def test_all_strategies_have_one_budget() -> None:
    found: list[Entry] = [entries.baseline(f"{one}-s2", TASK) for one in STRATEGIES]
    for track in ("official", "sample"):
        recipes = [one.recipe[track].model_dump() for one in found]  # type: ignore[index]
        assert [recipe.pop("options")["strategy"] for recipe in recipes] == list(STRATEGIES)
        assert all(recipe == recipes[0] for recipe in recipes)
        assert recipes[0]["patience"] == recipes[0]["epochs"] or track == "official"
    assert len({one.digest() for one in found}) == 1
    assert KIND.teacher(found[-1].recipe["sample"]) == "none-s2"  # type: ignore[arg-type]
    assert not any(KIND.teacher(one.recipe["sample"]) for one in found[:-1])  # type: ignore[arg-type]


def test_the_classifier_is_trained_first_with_the_same_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Request] = []
    monkeypatch.setattr(training, "_first", lambda before, report: asked.append(before))
    for one in STRATEGIES:
        model = f"{one}-s2"
        recipe = entries.baseline(model, TASK).recipe["sample"]
        request = Request(task=TASK.name, model=model, seed=3, device="cpu")
        training._teacher(request, KIND, recipe, "sample", SILENT)
    (found,) = asked
    assert (found.model, found.seed, found.track) == ("none-s2", 3, "sample")
    assert (found.task, found.device) == (TASK.name, "cpu")
