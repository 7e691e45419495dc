"""Retrieval: what is observed of towers, and what follows from it."""

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import normalize

from bench import data, kinds
from bench.base.errors import BenchError
from bench.kinds.common import scoring
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.metrics.caption_retrieval import caption_similarity
from bench.metrics.captions.bleu import bleu, bleu_statistics
from bench.metrics.captions.retrieved import word_scores, word_statistics
from bench.metrics.captions.rouge import rouge_l
from bench.metrics.captions.tokens import tokenise
from bench.metrics.recalls import medians
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.recipe import Recipe
from bench.spec.task import Task
from tests.resampled import resampled
from tests.typed import Prompt

TASK = tasks.load("rsicd-retrieval")
PAIRS = tasks.load("levir-cc-retrieval")
WIDTH = 16
RETRIEVAL = [name for name in tasks.names() if tasks.load(name).kind == "retrieval"]


class Towers(nn.Module):
    """Pictures by their mean colours, sentences by a code of their letters."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = nn.Linear(6, width), nn.Linear(64, width)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        channels = images.mean(dim=(2, 3))
        return self.image(nn.functional.pad(channels, (0, 6 - channels.shape[1]), value=1.0))

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        codes = torch.zeros(len(texts), 64)
        for row, text in enumerate(texts):
            for place, letter in enumerate(text):
                codes[row, (ord(letter) * 7 + place) % 64] += 1
        return self.text(codes)


def table(
    task: Task,
    images: NDArray[Any],
    texts: list[NDArray[Any]],
    captions: list[list[str]],
    changed: list[bool] | None = None,
) -> pa.Table:
    """Observations as a run stores them."""
    columns: dict[str, Any] = {
        "sample": [f"s{index:04d}" for index in range(len(images))],
        "image": list(images.astype(np.float32)),
        "texts": [several.astype(np.float32).ravel() for several in texts],
        "captions": captions,
    }
    if changed is not None:
        columns["changed"] = changed
    return pa.table(columns, schema=kinds.of(task).schema())


def fabricated(count: int = 40, seed: int = 0) -> pa.Table:
    """Embeddings that know something; every fourth sentence is another picture's as well."""
    draw = np.random.default_rng(seed)
    images = draw.standard_normal((count, WIDTH))
    captions, texts = [], []
    for own in range(count):
        captions.append([f"{own}-{n}" if n else f"shared {own // 2}" for n in range(4)])
        texts.append(images[own] + draw.normal(0, 1.5, (4, WIDTH)))
        if own % 2:
            texts[own][0] = texts[own - 1][0]
    return table(TASK, images, texts, captions)


def by_hand(observations: pa.Table) -> dict[str, float]:
    """The usual recalls by a loop over sorted scores, ties against the model."""
    images = np.array(observations["image"].to_pylist(), np.float64)
    captions = observations["captions"].to_pylist()
    texts = np.concatenate(
        [np.reshape(row, (-1, images.shape[1])) for row in observations["texts"].to_pylist()]
    )
    owner = np.repeat(np.arange(len(images)), [len(own) for own in captions])
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (images, texts)]
    scores = (unit[0] @ unit[1].T).round(12)
    ranks = {"i2t": [], "t2i": []}
    for index, row in enumerate(scores):
        best = row[owner == index].max()
        ranks["i2t"].append(1 + int((row[owner != index] >= best).sum()))
    for index, column in enumerate(scores.T):
        own = column[owner[index]]
        ranks["t2i"].append(int((column >= own).sum()))
    found = {
        f"recall_at_{k}_{way}": float(np.mean(np.array(some) <= k))
        for way, some in ranks.items()
        for k in (1, 5, 10)
    }
    found["recall_mean"] = float(np.mean(list(found.values())))
    found |= {f"median_rank_{way}": float(np.median(some)) for way, some in ranks.items()}
    return found


def test_scores_are_those_of_a_loop() -> None:
    observations = fabricated()
    scores = kinds.of(TASK).measure(observations)
    for name, value in by_hand(observations).items():
        assert scores[name] == pytest.approx(value, abs=1e-12), name
    assert 0.1 < scores["recall_mean"] < 0.9
    assert scores["recall_mean"] == pytest.approx(
        (scores["recall_mean_i2t"] + scores["recall_mean_t2i"]) / 2
    )


def test_shared_captions_tie_and_distinct_ones_are_right_for_all_their_pictures() -> None:
    images = np.eye(4, WIDTH)
    captions = [["same", f"own {n}"] for n in range(4)]
    texts = [np.stack([np.ones(WIDTH), images[n]]) for n in range(4)]
    scores = kinds.of(TASK).measure(table(TASK, images, texts, captions))
    # The shared caption is as near to every picture: against the model it comes last.
    assert scores["recall_at_1_t2i"] == 0.5
    assert scores["recall_at_1_t2ioptimistic"] == 1.0
    assert scores["recall_at_1_i2t"] == scores["recall_at_1_i2tdistinct"] == 1.0
    # Once, and right for all: five texts, of which all find a picture of theirs first.
    assert scores["recall_at_1_t2idistinct"] == 1.0
    plain = np.random.default_rng(0).standard_normal((4, WIDTH))
    untied = table(TASK, plain, [row[None] for row in plain], [[str(n)] for n in range(4)])
    assert not [name for name in kinds.of(TASK).measure(untied) if name.endswith("optimistic")]


def test_equal_captions_tie_though_their_embeddings_were_rounded_differently() -> None:
    images = np.eye(2, WIDTH)
    texts = [np.ones((1, WIDTH)), np.ones((1, WIDTH)) + 1e-3 * images[1]]
    scores = kinds.of(TASK).measure(table(TASK, images, texts, [["a road"], ["a road"]]))
    assert scores["recall_at_1_i2t"] == scores["recall_at_1_t2i"] == 0.0


def test_distinct_recall_is_the_plain_mean_over_texts() -> None:
    observations = fabricated(20)
    settled = kinds.of(TASK).settle(observations)
    captions = [text for own in observations["captions"].to_pylist() for text in own]
    ranks = np.reshape(np.concatenate(settled["t2i"].to_pylist()), (-1, 3))[:, 2]
    of_text = dict(zip(captions, ranks, strict=True))
    assert len(of_text) < len(captions)
    expected = np.mean([rank <= 5 for rank in of_text.values()])
    scores = kinds.of(TASK).measure(observations)
    assert scores["recall_at_5_t2idistinct"] == pytest.approx(expected)


def test_replicates_reweight_queries_over_the_whole_gallery() -> None:
    observations = fabricated()
    blocks = np.split(resampled(40, 70), [32, 64])
    found = kinds.of(TASK).replicate(observations, iter(blocks))
    assert set(found) == set(kinds.of(TASK).measure(observations))
    counts = np.concatenate(blocks)
    ranks = np.array(kinds.of(TASK).settle(observations)["i2t"].to_pylist())[:, 0]
    for row in (0, 33, 69):
        drawn = np.repeat(ranks, counts[row])
        assert found["recall_at_5_i2t"][row] == pytest.approx(np.mean(drawn <= 5))
        assert found["median_rank_i2t"][row] == np.median(drawn)
    only = kinds.of(TASK).replicate(observations, blocks, ["recall_mean"])
    assert list(only) == ["recall_mean"]
    assert np.array_equal(only["recall_mean"], found["recall_mean"])


def test_medians_of_nothing_and_of_even_numbers() -> None:
    ranks, owner = np.array([4, 1, 2, 9]), np.array([0, 0, 1, 1])
    counts = np.array([[1, 1], [2, 0], [0, 0], [0, 3]], np.uint16)
    found = medians(ranks, owner, counts)
    assert found[[0, 1, 3]].tolist() == [3.0, 2.5, 5.5]
    assert math.isnan(found[2])
    assert np.isnan(medians(ranks[:0], owner[:0], counts)).all()


def test_slices_are_asked_of_the_whole_gallery() -> None:
    observations = fabricated()
    halves = pa.table(
        {
            "sample": observations["sample"],
            "half": ["first" if index < 20 else "second" for index in range(40)],
        }
    )
    found = {
        s.slice: s
        for s in scoring.score(kinds.of(TASK), observations, halves).scores
        if s.name == TASK.primary
    }
    scores = kinds.of(TASK).sample_scores(observations)
    queries = [found[part].value for part in ("half=first", "half=second")]
    assert found[""].value == pytest.approx(np.mean(queries))
    assert found["half=first"].value == pytest.approx(scores[:20].mean())
    alone = kinds.of(TASK).measure(observations.slice(0, 20))[TASK.primary]
    assert alone > found["half=first"].value
    assert found["half=first"].samples == 20
    assert found[""].low < found[""].value < found[""].high


def test_only_changed_pairs_ask_and_all_are_found_among() -> None:
    draw = np.random.default_rng(3)
    images = draw.standard_normal((30, WIDTH))
    changed = [index % 3 > 0 for index in range(30)]
    captions = [
        [f"a house {n} {m}" for m in range(2)] if flag else ["no change", "the same"]
        for n, flag in enumerate(changed)
    ]
    texts = [image + draw.normal(0, 3.0, (2, WIDTH)) for image in images]
    observations = table(PAIRS, images, texts, captions, changed)
    scores = kinds.of(PAIRS).measure(observations)
    settled = kinds.of(PAIRS).settle(observations)
    asked = np.array(changed)
    i2t = np.array(settled["i2t"].to_pylist())[asked, 0]
    assert scores["recall_at_1_i2t"] == pytest.approx(np.mean(i2t <= 1))
    t2i = np.reshape(np.array(settled["t2i"].to_pylist())[asked], (-1, 3))[:, 0]
    assert scores["recall_at_5_t2i"] == pytest.approx(np.mean(t2i <= 5))
    assert t2i.max() > 20
    of_samples = kinds.of(PAIRS).sample_scores(observations)
    assert np.isnan(of_samples).tolist() == [not flag for flag in changed]
    assert scores["recall_mean"] == pytest.approx(np.nanmean(of_samples))
    only = observations.filter(pa.array(changed))
    assert kinds.of(PAIRS).measure(only)["recall_mean"] > scores["recall_mean"]


def test_words_of_what_is_found_first_agree_with_the_whole_set_form(real_data: Path) -> None:
    lines = (real_data / "levir_cc" / "levir_cc_captions.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == "test"][:150]
    captions = [row["captions"] for row in rows]
    flags = np.array([bool(row["changeflag"]) for row in rows])
    assert 20 < flags.sum() < 130
    draw = np.random.default_rng(0)
    owner = np.repeat(np.arange(150), 5)
    pairs, texts = draw.integers(0, 150, 750), draw.integers(0, 750, 150)
    flat = [text for own in captions for text in own]
    words = word_statistics(flat, owner, pairs, texts)

    def score(candidates: Any, references: Any) -> dict[str, float]:
        left, right = tokenise(candidates), [tokenise(several) for several in references]
        of_bleu = bleu(bleu_statistics(left, right).sum(axis=0))
        rouge = float(rouge_l(left, right).mean())
        return {"bleu1": of_bleu[0], "bleu4": of_bleu[3], "rouge_l": rouge}

    for chosen in (None, flags):
        kept = words if chosen is None else words[chosen]
        found = word_scores(kept.reshape(len(kept), -1).sum(axis=0, keepdims=True))
        expected = caption_similarity(captions, pairs, texts, score, chosen)["mean"]
        for name, value in expected.items():
            assert found[name][0] == pytest.approx(value, abs=1e-12), name
    assert np.isnan(word_scores(np.zeros((1, 24)))["bleu4"]).all()


@pytest.mark.parametrize("name", RETRIEVAL)
def test_tasks_have_a_baseline_and_rank_by_a_metric_there_is(name: str) -> None:
    from bench.models import entries

    task = tasks.load(name)
    learnt = "ms-aligned" if task.settings.get("composites") else "clip-finetuned"
    assert f"{learnt}-{task.inputs[0]}" in entries.baseline_names(task)
    assert task.primary == "recall_mean"
    assert task.protocol.startswith("Trained on the training split")


def picture_batch(
    root: Path, name: str, count: int | None = None
) -> tuple[Task, Any, list[str], Batch]:
    """Samples of a task through its door, small."""
    task = tasks.load(name)
    dataset = data.reader(task.dataset).open_dataset(root)
    contract = task.input(task.inputs[0]).model_copy(update={"size": 32})
    present = set(dataset.present(contract.bands))
    samples = [sample for sample in dataset.ids(task.split) if sample in present][:count]
    pipeline = InputPipeline(contract, task.bands)
    return task, dataset, samples, kinds.of(task).load(dataset, pipeline, samples)


def observed(task: Task, batches: list[Batch], model: nn.Module) -> pa.Table:
    with torch.inference_mode():
        return observe(
            kinds.of(task),
            model,
            batches,
            torch.device("cpu"),
            kinds.of(task).schema(),
        )


def test_real_pictures_and_captions_of_ucm(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "captions" / "ucm"
    shutil.copytree(source, tmp_path / "ucm")
    (tmp_path / "ucm" / "dataset_ucm_modified.json").rename(tmp_path / "ucm" / "dataset.json")
    raw = json.loads((tmp_path / "ucm" / "dataset.json").read_text())
    for image in raw["images"][:9]:
        image["split"] = "test"
    (tmp_path / "ucm" / "dataset.json").write_text(json.dumps(raw))
    task, dataset, samples, batch = picture_batch(tmp_path / "ucm", "ucm-retrieval")
    assert len(samples) == 9
    assert batch.inputs["images"].shape == (9, 3, 32, 32)
    found = observed(task, [batch.pick(range(5)), batch.pick(range(5, 9))], Towers())
    assert found["captions"].to_pylist()[0][0] != dataset.captions(samples[0])[0]
    for own, hashed in zip(samples, found["captions"].to_pylist(), strict=True):
        texts = dataset.captions(own)
        assert len(set(texts)) == len(set(hashed))
    scores = kinds.of(task).measure(found)
    expected = by_hand(found)
    assert scores["recall_mean"] == pytest.approx(expected["recall_mean"])


def test_the_real_captions_of_rsicd_are_counted_as_published(
    real_data: Path, tmp_path: Path
) -> None:
    source = real_data / "captions" / "rsicd"
    for name in ("amfmn_test_caps.txt", "amfmn_test_filename.txt"):
        (tmp_path / name.removeprefix("amfmn_")).symlink_to(source / name)
    (tmp_path / "RSICD_images").symlink_to(source)
    dataset = data.reader("rsicd").open_dataset(tmp_path)
    captions = [dataset.captions(sample) for sample in dataset.ids("test")]
    draw = np.random.default_rng(0)
    images = draw.standard_normal((1_093, WIDTH))
    assert {len(own) for own in captions} == {5}
    texts = [image + draw.normal(0, 1, (5, WIDTH)) for image in images]
    settled = kinds.of(TASK).settle(table(TASK, images, texts, captions))
    shares = np.concatenate(settled["share"].to_pylist())
    assert len(shares) == 5_465
    assert round(shares.sum()) == 3_331
    scores = kinds.of(TASK).measure(settled)
    assert (scores["recall_at_1_i2t"] * 1_093) % 1 == pytest.approx(0, abs=1e-6)
    assert (scores["recall_at_1_t2i"] * 5_465) % 1 == pytest.approx(0, abs=1e-6)


def test_a_real_pair_of_levir_cc(real_data: Path, tmp_path: Path) -> None:
    root = tmp_path / "levir"
    for date in "AB":
        (root / "images" / "train" / date).mkdir(parents=True)
        shutil.copy(
            real_data / "levir_cc" / f"{date}_train_000016.png",
            root / "images" / "train" / date / "train_000016.png",
        )
    lines = (real_data / "levir_cc" / "levir_cc_captions.jsonl").read_text().splitlines()
    row = next(r for r in map(json.loads, lines) if r["filename"] == "train_000016.png")
    image = {
        "filename": row["filename"],
        "filepath": "train",
        "split": "test",
        "changeflag": row["changeflag"],
        "sentences": [{"raw": text, "tokens": text.split()} for text in row["captions"]],
    }
    (root / "LevirCCcaptions.json").write_text(json.dumps({"images": [image]}))
    task, _, _, batch = picture_batch(root, "levir-cc-retrieval")
    assert batch.inputs["images"].shape == (1, 6, 32, 32)
    found = observed(task, [batch], Towers())
    assert found["captions"].to_pylist() == [row["captions"]]
    assert found["changed"].to_pylist() == [bool(row["changeflag"])]


def memory(texts: list[list[str]], channels: int = 3) -> Batch:
    torch.manual_seed(1)
    inputs = {"images": torch.rand(len(texts), channels, 8, 8), "texts": texts}
    return Batch([f"s{n}" for n in range(len(texts))], inputs, torch.ones(len(texts), dtype=bool))


class Spoilt(Towers):
    """Towers with a fault."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        found = super().encode_image(images)
        if self.fault == "nan":
            found[1, 2] = torch.nan
        if self.fault == "zero":
            found[2] = 0
        return found[:, None] if self.fault == "shape" else found

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        found = super().encode_text(texts)
        if self.fault == "caption":
            found[texts.index("b")] = torch.inf
        return found[:, 1:] if self.fault == "width" else found


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", "encode_image returned NaN or infinity for picture s1"),
        ("zero", "encode_image returned only zeros for picture s2"),
        ("shape", r"shape \[3, any\], encode_image returned \[3, 1, 16\], .* s0"),
        ("caption", "encode_text returned NaN or infinity for a caption of s1"),
        ("width", "pictures embeddings of 16 numbers and captions of 15, first for s0"),
    ],
)
def test_embeddings_that_cannot_be_are_refused_by_name(fault: str, message: str) -> None:
    with torch.inference_mode(), pytest.raises(BenchError, match=message):
        kinds.of(TASK).observe(Spoilt(fault), memory([["a"], ["a", "b"], ["c"]]))


def test_a_pair_without_a_flag_is_refused() -> None:
    class Unflagged:
        def attributes(self, samples: Any) -> dict[str, list[str]]:
            return {"changed": ["yes", "unknown"]}

    with pytest.raises(BenchError, match="pair b isn't flagged"):
        kinds.of(PAIRS).load(Unflagged(), None, ["a", "b"])  # type: ignore[arg-type]


def recipe(**changes: Any) -> Recipe:
    plain = {
        "epochs": 1,
        "batch": 8,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "warmup_steps": 0,
        "start_factor": 1.0,
        "end_factor": 1.0,
        "patience": 1,
        "flips": True,
        "matmul_precision": "highest",
    }
    return Recipe.model_validate(plain | changes)


def test_one_caption_is_drawn_for_each_picture_and_the_same_draw_draws_the_same() -> None:
    batch = memory([[f"{n}-{m}" for m in range(5)] for n in range(40)])
    first, again = (
        kinds.of(TASK).augment(recipe(), batch, torch.Generator().manual_seed(seed))
        for seed in (4, 4)
    )
    other = kinds.of(TASK).augment(recipe(), batch, torch.Generator().manual_seed(5))
    assert first.inputs["texts"] == again.inputs["texts"] != other.inputs["texts"]
    drawn = [own for (own,) in first.inputs["texts"]]
    assert all(text in own for text, own in zip(drawn, batch.inputs["texts"], strict=True))
    assert {text.split("-")[1] for text in drawn} == set("01234")
    assert not torch.equal(first.inputs["images"], batch.inputs["images"])
    unmoved = kinds.of(TASK).augment(recipe(flips=False), batch, torch.Generator())
    assert torch.equal(unmoved.inputs["images"], batch.inputs["images"])


def test_the_loss_is_symmetric_infonce_without_false_negatives() -> None:
    towers, batch = Towers(), memory([["a house"], ["a road"], ["a house"], ["a lake"]])
    texts = [own[0] for own in batch.inputs["texts"]]
    left = normalize(towers.encode_image(batch.inputs["images"]), dim=-1).detach().double()
    right = normalize(towers.encode_text(texts), dim=-1).detach().double()
    scores = (left @ right.T / 0.07).numpy()
    total = 0.0
    for matrix in (scores, scores.T):
        for row in range(4):
            kept = [c for c in range(4) if c == row or texts[c] != texts[row]]
            total += np.log(np.exp(matrix[row, kept] - matrix[row, row]).sum()) / 4
    found = kinds.of(TASK).loss(towers, batch)
    assert float(found.detach()) == pytest.approx(total / 2, rel=1e-5)
    found.backward()  # type: ignore[no-untyped-call]
    assert towers.logit_scale.grad is not None
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in towers.text.parameters())


def test_the_temperature_is_bounded_as_in_clip() -> None:
    towers, batch = Towers(), memory([["a"], ["b"], ["c"]])
    losses = []
    for scale in (math.log(100), 50.0):
        with torch.no_grad():
            towers.logit_scale.fill_(scale)
        losses.append(float(kinds.of(TASK).loss(towers, batch).detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


class Rotting:
    """A dataset of three samples, one of which can't be obtained."""

    def ids(self, split: str) -> list[str]:
        return ["a", "b", "c"]

    def present(self, bands: Any) -> list[str]:
        return ["a", "c", "of another split"]


def test_where_links_rot_what_is_left_is_scored() -> None:
    dataset: Any = Rotting()
    assert data.scored_ids(dataset, "gaia", "test", ["R"]) == ["a", "c"]
    assert data.scored_ids(dataset, "rsicd", "test", ["R"]) == ["a", "b", "c"]


def test_the_names_of_the_tasks_of_a_kind_are_listed_for_a_loop(bench: Prompt) -> None:
    assert bench.in_process("list --kind retrieval --names").stdout.split() == RETRIEVAL
    assert len(RETRIEVAL) == 8
    wrong = bench.in_process("list --kind nonsense", code=2)
    assert "unknown kind 'nonsense'" in wrong.stderr


@pytest.mark.parametrize("words", [False, True])
def test_captions_of_mirrored_pairs_name_the_other_side(words: bool) -> None:
    kind, recipe = kinds.of(PAIRS), _recipe(flips=True, options={"mirror_words": words})
    pixels = torch.rand(30, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    given = Batch(
        [f"p{n}" for n in range(30)],
        {"images": pixels, "texts": [["a road on the top left"] * 5] * 30},
        torch.ones(30, dtype=torch.bool),
    )
    seen = kind.augment(recipe, given, torch.Generator().manual_seed(2))
    said = set()
    for before, after, (text,) in zip(
        pixels, seen.inputs["images"], seen.inputs["texts"], strict=True
    ):
        across, along = (text.endswith("right"), "bottom" in text) if words else (None, None)
        flips = [
            (x, y)
            for x in (False, True)
            for y in (False, True)
            if torch.equal(after, before.flip([-1] * x + [-2] * y))
        ]
        assert len(flips) == 1
        assert not words or flips == [(across, along)]
        said.add(text)
    assert len(said) == (4 if words else 1)
    # The same pictures and captions are drawn whether words follow or not.
    other = _recipe(flips=True, options={})
    again = kind.augment(other, given, torch.Generator().manual_seed(2))
    assert torch.equal(again.inputs["images"], seen.inputs["images"])
    assert (
        kind.augment(
            _recipe(flips=False, options={"mirror_words": True}), given, torch.Generator()
        ).inputs["texts"]
        == [["a road on the top left"]] * 30
    )


def test_a_recipe_says_how_pictures_are_changed_and_nothing_else() -> None:
    kind = kinds.of(PAIRS)
    given = Batch(
        ["a"], {"images": torch.rand(1, 6, 8, 8), "texts": [["x"]]}, torch.ones(1, dtype=torch.bool)
    )
    grey = _recipe(flips=False, options={"grey": 1.0})
    seen = kind.augment(grey, given, torch.Generator()).inputs["images"]
    own = PAIRS.input("pair")
    fractions = seen * torch.tensor(own.std)[:, None, None] + torch.tensor(own.mean)[:, None, None]
    torch.testing.assert_close(fractions[:, 0], fractions[:, 2], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValidationError, match="magic"):
        kind.augment(_recipe(flips=False, options={"magic": 1}), given, torch.Generator())


def _recipe(**said: Any) -> Any:
    return SimpleNamespace(**said)
