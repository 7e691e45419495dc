"""Retrieval between composites and bands, and what is learnt through a frozen classifier."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from bench import data, kinds
from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.kinds.common.prompts import fill
from bench.metrics.zeroshot import class_embeddings
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe

TASK = tasks.load("reben-alignment-retrieval")
LABELS = tasks.load("reben-zeroshot")
WIDTH = 8


class Pair(nn.Module):
    """Two linear towers and sentences by their length; only the bands' tower ought to learn."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.teacher = nn.Parameter(torch.randn(3, WIDTH, generator=draw))
        self.student = nn.Parameter(torch.randn(2, WIDTH, generator=draw))
        self.words = nn.Parameter(torch.randn(400, WIDTH, generator=draw))
        self.logit_scale = nn.Parameter(torch.tensor(1.5))

    def encode_composite(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :3].mean(dim=(2, 3)) @ self.teacher

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 3:].mean(dim=(2, 3)) @ self.student

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return self.words[[len(text) for text in texts]]


def batch(count: int = 6) -> Batch:
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(count, 5, 2, 2, generator=draw)
    targets = (torch.rand(count, 19, generator=draw) < 0.3).float()
    return Batch([f"s{n}" for n in range(count)], {"images": images}, targets)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def of_labels(model: Pair, embedded: np.ndarray, targets: np.ndarray) -> float:
    """The binary cross-entropy of the frozen classifier, from its definition in float64."""
    words = model.words.detach().double().numpy()
    classes = [
        unit(unit(words[[len(text) for text in fill("rs-transclip", name)]]).mean(axis=0))
        for name in LABELS.classes
    ]
    logits = np.exp(1.5) * unit(embedded) @ np.stack(classes).T
    chance = 1 / (1 + np.exp(-logits))
    return float(-np.mean(targets * np.log(chance) + (1 - targets) * np.log(1 - chance)))


def test_the_loss_is_mse_and_a_share_of_the_classifiers() -> None:
    model, given = Pair(), batch()
    means = given.inputs["images"].double().mean(dim=(2, 3)).numpy()
    wanted = means[:, :3] @ model.teacher.detach().double().numpy()
    found = means[:, 3:] @ model.student.detach().double().numpy()
    expected = np.mean((found - wanted) ** 2)
    expected += 0.05 * of_labels(model, found, given.targets.numpy())
    loss = kinds.of(TASK).loss(model, given)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    # Neither teacher nor sentences nor temperature learn anything.
    assert model.teacher.grad is model.words.grad is model.logit_scale.grad is None
    assert model.student.grad is not None
    assert model.student.grad.abs().sum() > 0


class Pictures(Pair):
    """The same for pictures of RGB."""

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return self.encode_composite(images)


def test_patching_learns_through_the_frozen_classifier() -> None:
    model, given = Pictures(), batch()
    given = Batch(given.samples, given.inputs["images"], given.targets.to(torch.uint8))
    embedded = given.inputs[:, :3].double().mean(dim=(2, 3)).numpy()
    embedded = embedded @ model.teacher.detach().double().numpy()
    loss = kinds.of(LABELS).loss(model, given)
    assert loss.item() == pytest.approx(of_labels(model, embedded, given.targets.numpy()), rel=1e-5)
    loss.backward()
    assert model.teacher.grad is not None
    assert model.words.grad is model.logit_scale.grad is None
    # Where a picture shows one class, what is minimised is cross-entropy.
    settings = {"prompts": ["remoteclip"], "tuned": True}
    single = LABELS.model_copy(update={"settings": settings})
    one = np.arange(6)
    targets = torch.from_numpy(np.eye(19, dtype=np.uint8)[one])
    texts = [fill("remoteclip", name)[0] for name in LABELS.classes]
    words = model.encode_text(texts).detach().numpy()
    logits = np.exp(1.5) * unit(embedded) @ class_embeddings(words[:, None]).T
    expected = np.log(np.exp(logits).sum(axis=1)) - logits[one, one]
    found = kinds.of(single).loss(model, Batch(given.samples, given.inputs, targets))
    assert found.item() == pytest.approx(expected.mean(), rel=1e-5)


def observed(model: nn.Module, *batches: Batch) -> pa.Table:
    kind, cpu = kinds.of(TASK), torch.device("cpu")
    with torch.inference_mode():
        return observe(kind, model, batches, cpu, kind.schema())


class Same(Pair):
    """Embeds bands as what is told of them, which is the composite's embedding."""

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return 3 * self.encode_composite(images)


def test_a_perfect_student_finds_every_place_and_a_useless_one_none() -> None:
    given = batch()
    rows = observed(Same(), given.pick([0, 1, 2]), given.pick([3, 4, 5]))
    found = kinds.of(TASK).measure(rows)
    assert found["recall_mean"] == found["recall_at_1_rgb2ms"] == found["recall_at_1_ms2rgb"] == 1
    assert found["median_rank_rgb2ms"] == 1
    assert not [name for name in found if "i2t" in name or "distinct" in name]
    assert kinds.of(TASK).sample_scores(rows).tolist() == [1.0] * 6
    place = rows.schema.get_field_index("texts")
    form = rows.schema.field("texts")
    tied = rows.set_column(place, form, pa.array(rows["texts"].to_pylist()[:1] * 6, form.type))
    nothing = kinds.of(TASK).measure(tied)
    assert nothing["recall_at_1_rgb2ms"] == 0
    assert nothing["recall_at_1_rgb2msoptimistic"] == 1


def test_directions_are_those_of_their_names() -> None:
    # Composite 0 is nearest to the bands of place 1, all bands are nearest to their own composite.
    pictures = np.array([[1.0, 0.2], [0.0, 1.0], [-1.0, 0.0]])
    bands = np.array([[1.0, -0.3], [0.7, 1.0], [-1.0, 0.1]])
    cosines = unit(pictures) @ unit(bands).T
    rows = pa.table(
        {
            "sample": ["a", "b", "c"],
            "image": list(pictures),
            "texts": list(bands),
            "captions": [["a"], ["b"], ["c"]],
        },
        schema=kinds.of(TASK).schema(),
    )
    found = kinds.of(TASK).measure(rows)
    own = np.diag(cosines)
    assert found["recall_at_1_rgb2ms"] == (own == cosines.max(axis=1)).mean()
    assert found["recall_at_1_ms2rgb"] == (own == cosines.max(axis=0)).mean()


def test_models_that_embed_one_side_only_are_refused() -> None:
    class Narrow(Pair):
        def encode_image(self, images: torch.Tensor) -> torch.Tensor:
            return super().encode_image(images)[:, 1:]

    with pytest.raises(BenchError, match="no encode_composite"):
        observed(nn.Identity(), batch())
    with pytest.raises(BenchError, match=r"of 8 numbers .* 7, first for s0"):
        observed(Narrow(), batch())


def test_bands_stand_behind_a_composite_of_themselves(sample_data: Path) -> None:
    root = data.ensure_sample("reben-rgb", lambda text: None)
    dataset = data.reader("reben-rgb").open_dataset(root)
    patch = dataset.ids("test")[:1]
    contract = TASK.input("rgb-s2").model_copy(update={"size": 24})
    found = kinds.of(TASK).load(dataset, InputPipeline(contract, TASK.bands), patch)
    assert found.inputs["images"].shape == (1, 15, 24, 24)
    assert found.targets.shape == (1, 19)
    assert found.targets.sum() >= 1
    # The teacher sees what a model of the input clip sees; bands are reflectances.
    clip = TASK.input("clip").model_copy(update={"size": 24})
    alone = kinds.of(LABELS).load(dataset, InputPipeline(clip, TASK.bands), patch).inputs
    torch.testing.assert_close(found.inputs["images"][:, :3], alone, rtol=0, atol=1e-5)
    mean = dataset.read(patch[0], ["B8A"])["B8A"].mean() / 10_000
    band = contract.bands.index("B8A")
    assert float(found.inputs["images"][0, band].mean()) == pytest.approx(mean, rel=0.05)
    for bands in (("R", "G", "B"), ("B02", "B03", "B04", "B08")):
        fewer = contract.model_copy(
            update={"bands": bands, "mean": (0.0,) * len(bands), "std": (1.0,) * len(bands)}
        )
        with pytest.raises(RequestError, match="for bands behind it, the contract has"):
            kinds.of(TASK).load(dataset, InputPipeline(fewer, TASK.bands), patch)


def test_what_is_mirrored_is_mirrored_on_both_sides() -> None:
    recipe = entries.baseline("ms-aligned", TASK).recipe["sample"]
    assert isinstance(recipe, Recipe)
    given, flips = batch(32), recipe.model_copy(update={"flips": True})
    seen = kinds.of(TASK).augment(flips, given, torch.Generator().manual_seed(0))
    images, before = seen.inputs["images"], given.inputs["images"]
    turned = {"": before, "h": before.flip(-1), "v": before.flip(-2), "hv": before.flip(-1, -2)}
    how = [
        next(name for name, kept in turned.items() if torch.equal(kept[n], image))
        for n, image in enumerate(images)
    ]
    assert set(how) == set(turned)
    plain = recipe.model_copy(update={"flips": False})
    still = kinds.of(TASK).augment(plain, given, torch.Generator())
    assert torch.equal(still.inputs["images"], before)


def test_recall_at_twenty_and_fifty_is_reported_where_the_task_asks_for_it() -> None:
    count = 60
    draw = np.random.default_rng(0)
    rgb, bands = draw.standard_normal((2, count, 8)).astype(np.float32)
    columns = {
        "sample": [f"s{n:03d}" for n in range(count)],
        "image": list(rgb),
        "texts": list(bands),
        "captions": [[f"{n}"] for n in range(count)],
    }
    kind = kinds.of(TASK)
    table = pa.table(columns, schema=kind.schema())
    found = kind.measure(table)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (rgb, bands)]
    scores = unit[0].astype(np.float64) @ unit[1].T.astype(np.float64)
    for way, matrix in (("rgb2ms", scores), ("ms2rgb", scores.T)):
        ranks = (matrix >= matrix.diagonal()[:, None]).sum(axis=1)
        for k in (1, 5, 10, 20, 50):
            assert found[f"recall_at_{k}_{way}"] == pytest.approx(np.mean(ranks <= k)), (k, way)
    # The mean that ranks is over the first three, and other tasks are as they were.
    firsts = [found[f"recall_at_{k}_{way}"] for way in ("rgb2ms", "ms2rgb") for k in (1, 5, 10)]
    assert found["recall_mean"] == pytest.approx(np.mean(firsts))
    assert kinds.of(tasks.load("levir-cc-retrieval")).settings.also == ()
    counts = [np.eye(count, dtype=np.uint16)[:3] + 1]
    again = kind.replicate(table, counts, ("recall_at_20_rgb2ms",))["recall_at_20_rgb2ms"]
    ranks = (scores >= scores.diagonal()[:, None]).sum(axis=1) <= 20
    np.testing.assert_allclose(again, [(ranks.sum() + ranks[n]) / (count + 1) for n in range(3)])
