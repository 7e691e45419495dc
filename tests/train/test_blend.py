"""What training begins with, and weights between its two ends."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from bench import kinds
from bench.base.errors import BenchError, RequestError
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.entry import Entry, Start
from bench.spec.recipe import Blend, Fit
from bench.train import blend
from bench.train.loader import reader
from tests.train import tiny


def ends() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    draw = torch.Generator().manual_seed(0)
    start = {"w": torch.randn(5, 3, generator=draw), "same": torch.randn(7, generator=draw)}
    end = {"w": torch.randn(5, 3, generator=draw), "same": start["same"].clone()}
    return start | {"count": torch.tensor(3)}, end | {"count": torch.tensor(8)}


def test_alphas_of_0_and_1_are_the_ends_bit_for_bit() -> None:
    start, end = ends()
    for alpha, wanted in ((0.0, start), (1.0, end)):
        found = blend.interpolated(start, end, alpha)
        assert torch.equal(found["w"], wanted["w"])
    for alpha in (0.1, 0.3, 0.5, 0.7):
        found = blend.interpolated(start, end, alpha)
        exact = (1 - alpha) * start["w"].double() + alpha * end["w"].double()
        torch.testing.assert_close(found["w"].double(), exact, rtol=0, atol=1e-6)
        assert torch.equal(found["same"], start["same"])
        assert found["count"] == 8


def test_what_can_not_be_blended_is_refused() -> None:
    start, end = ends()
    with pytest.raises(BenchError, match=r"w is \[5, 3\] and \[3, 5\]"):
        blend.interpolated(start, end | {"w": end["w"].T}, 0.5)
    with pytest.raises(BenchError, match="extra is in one of them only"):
        blend.interpolated(start, end | {"extra": torch.ones(1)}, 0.5)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(RequestError, match=r"alpha in \[0, 1\]"):
            blend.interpolated(start, end, alpha)
        with pytest.raises(ValidationError, match="alphas"):
            Blend(alphas=(0.5, alpha), control="resisc45-zeroshot")


def test_the_best_mean_of_target_and_control_is_chosen_and_all_are_told() -> None:
    start, end = {"w": torch.zeros(1)}, {"w": torch.ones(1)}

    def scores(weights: blend.Tensors) -> tuple[float, float]:
        alpha = float(weights["w"])
        return alpha, {0.0: 0.8, 0.25: 0.8, 0.5: 0.55, 1.0: 0.05}[alpha]

    asked = Blend(alphas=(1.0, 0.0, 0.5, 0.25, 0.5), control="resisc45-zeroshot")
    alpha, tried = blend.chosen(start, end, asked, scores)
    # 0.25 and 0.5 are equally good.
    kept, all_tried = blend.chosen(start, end, asked.model_copy(update={"keep": 1.0}), scores)
    assert (kept, all_tried) == (1.0, tried)
    with pytest.raises(ValidationError, match=r"keep 0\.4 is none of the alphas"):
        Blend(alphas=(0.0, 0.5), control="resisc45-zeroshot", keep=0.4)
    assert alpha == 0.25
    assert [(one.alpha, one.target, one.control) for one in tried] == [
        (0.0, 0.0, 0.8),
        (0.25, 0.25, 0.8),
        (0.5, 0.5, 0.55),
        (1.0, 1.0, 0.05),
    ]


def whole(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def with_start(made: Entry) -> Entry:
    begins = Start(task="reben-mlc", model="resnet18")
    return made.model_copy(update={"model": made.model.model_copy(update={"start": begins})})


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())


def test_training_begins_with_another_entry_and_ends_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = tiny.entry().model_copy(update={"recipe": {"sample": Fit(method="start")}})
    first = tiny.learn(tmp_path / "first", nothing)
    assert first.trained is not None
    assert (first.trained.steps, first.trained.samples_seen) == (0, 0)
    # Nothing of its own is drawn: another seed changes nothing.
    again = tiny.learn(tmp_path / "again", with_start(nothing), start=first, seed=8)
    assert same(whole(tmp_path / "first"), whole(tmp_path / "again"))
    assert again.trained is not None
    assert again.trained.start == first.weights_sha256()

    data, task = tiny.Memory(), tasks.load("reben-mlc")

    def control(name: str, contract: Any, track: str) -> blend.Validation:
        assert (name, track, contract.bands) == ("resisc45-zeroshot", "sample", ("VV", "VH"))
        kind = kinds.of(task)
        pipeline = blend.InputPipeline(contract, task.bands)
        samples = data.ids("validation")[:12]
        read = reader(lambda some: kind.load(data, pipeline, some), samples, 4)
        return blend.Validation(task, read, len(samples))

    monkeypatch.setattr(blend, "control", control)
    ends = {}
    for alphas in ((0.0,), (1.0,), (0.0, 0.5, 1.0)):
        asked = {"alphas": alphas, "control": "resisc45-zeroshot"}
        made = with_start(tiny.entry(epochs=1, blend=asked))
        folder = tmp_path / str(len(ends))
        found = tiny.learn(folder, made, start=first)
        assert found.trained is not None
        assert tuple(one.alpha for one in found.trained.tried) == alphas
        assert entries.load(folder, task) == found
        ends[alphas] = found.trained
    plain = tiny.learn(tmp_path / "plain", with_start(tiny.entry(epochs=1)), start=first)
    assert plain.trained is not None
    assert plain.trained.alpha is None
    assert "tried" not in (tmp_path / "plain" / "entry.toml").read_text()
    before, after = whole(tmp_path / "first"), whole(tmp_path / "plain")
    integers = {name for name, tensor in before.items() if not tensor.is_floating_point()}
    assert same(
        {n: t for n, t in before.items() if n not in integers},
        {n: t for n, t in whole(tmp_path / "0").items() if n not in integers},
    )
    assert same(after, whole(tmp_path / "1"))
    grid = ends[0.0, 0.5, 1.0]
    assert [grid.tried[0], grid.tried[2]] == [*ends[0.0,].tried, *ends[1.0,].tried]
    assert plain.trained.validation == grid.tried[2].target
    best = max(grid.tried, key=lambda one: one.target + one.control)
    assert (grid.alpha, grid.validation) == (best.alpha, best.target)
    text = (tmp_path / "2" / "README.md").read_text()
    assert "| alpha | reben-mlc | resisc45-zeroshot |" in text
    assert text.count("(chosen)") == 1


def test_weights_of_another_shape_are_no_start(tmp_path: Path) -> None:
    wide = tiny.entry().model_copy(update={"recipe": {"sample": Fit(method="start")}})
    contract = wide.input.model_copy(update={"bands": ("VV",), "mean": (0.0,), "std": (1.0,)})
    first = tiny.learn(tmp_path / "first", wide.model_copy(update={"input": contract}))
    with pytest.raises(BenchError, match="the weights take 1 channels"):
        tiny.learn(tmp_path / "second", with_start(tiny.entry(epochs=1)), start=first)


def test_a_control_task_must_know_the_bands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.data.pictures import simulate as picture_sets

    monkeypatch.setattr(picture_sets, "PER_CLASS", 1)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    contract = tasks.load("reben-zeroshot").input("clip")
    with pytest.raises(RequestError, match="dataset whu-rs19 is not at"):
        blend.control("whu-rs19-zeroshot", contract, "official")
    found = blend.control("whu-rs19-zeroshot", contract, "sample")
    assert found.samples == len(found.read(range(found.samples)).samples) > 0
    with pytest.raises(RequestError, match="unknown band 'B01'"):
        blend.control("whu-rs19-zeroshot", tasks.load("reben-zeroshot").input("rgb-s2"), "sample")
