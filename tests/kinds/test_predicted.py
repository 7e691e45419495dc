"""Predictions of every kind: what a run observed, read back from a file, and what is refused."""

from copy import deepcopy
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bench import kinds
from bench.base import parquet
from bench.base.errors import BenchError
from bench.evaluate import predictions
from bench.kinds import depth
from bench.kinds.common import scoring
from bench.kinds.common.observing import observe
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from tests.kinds.test_compression import Stepped
from tests.kinds.test_crops import SIDE as FIELD
from tests.kinds.test_crops import Dataset as Fields
from tests.kinds.test_crops import Watched
from tests.kinds.test_depth import Constant
from tests.kinds.test_retrieval import Towers

SIDE = 12
NAMES = ["a", "b", "c", "d"]
CASES = {
    "multilabel": "reben-mlc",
    "classification": "rsscn7",
    "segmentation": "reben-pixel",
    "zeroshot": "whu-rs19-zeroshot",
    "several classes": "reben-zeroshot",
    "retrieval": "rsicd-retrieval",
    "changes": "levir-cc-retrieval",
    "captioning": "rsicd-captioning",
    "depth": "magicbathy-bathymetry-agia-napa",
    "crops": "pastis-r-crop-mapping",
    "compression": "s2-compression",
}


SMALL = {
    "depth": {"side": SIDE},
    "segmentation": {"side": SIDE},
    "zeroshot": {"prompts": ["remoteclip", "skyscript"]},
    "captioning": {"metrics": ["bleu", "cider"]},
}
"""Settings that are quickly scored."""


class Places(Fields):
    """A dataset of four samples that knows all that any kind asks for."""

    layout = "places"

    def __init__(self, classes, side):
        super().__init__(side=side)
        self.classes = classes

    def ids(self, split):
        return NAMES

    def read(self, sample, bands):
        draw = np.random.default_rng(ord(sample))
        return {band: draw.integers(1, 250, (SIDE, SIDE)).astype(np.uint8) for band in bands}

    def label(self, sample):
        return ord(sample) % self.classes

    def multilabels(self, samples):
        shown = [np.random.default_rng(ord(s)).random(self.classes) < 0.4 for s in samples]
        return np.array(shown, np.uint8)

    def captions(self, sample):
        return [f"a picture of {sample}", "many trees"][: 1 + ord(sample) % 2]

    def attributes(self, samples):
        return {"changed": ["no" if sample == "a" else "yes" for sample in samples]}

    def depth(self, sample, bands):
        depths = 20 * np.random.default_rng(ord(sample)).random((SIDE, SIDE), np.float32)
        return np.where(depths < 2, np.float32(np.nan), depths)

    def regions(self, sample):
        return np.random.default_rng(ord(sample)).choice([0, 1, 255], (SIDE, SIDE)).astype(np.uint8)

    def reference_map(self, sample, bands):
        return super().reference_map(sample, bands) % self.classes


class Classifier(torch.nn.Module):
    """Logits of means; or of every pixel."""

    def __init__(self, classes, pixels):
        super().__init__()
        self.classes, self.pixels = classes, pixels

    def forward(self, images):
        slopes = torch.linspace(-1, 1, self.classes).view(1, -1, 1, 1)
        logits = images[:, :1] * slopes + images[:, 1:2].cos() * slopes.cos()
        return logits if self.pixels else logits.mean(dim=(2, 3))


class Describes(torch.nn.Module):
    def caption(self, images):
        return [f"many trees, {float(image.mean()):.3f} — näher" for image in images]


def model_of(task):
    torch.manual_seed(0)
    classes = len(task.classes)
    return {
        "multilabel": lambda: Classifier(classes, pixels=False),
        "classification": lambda: Classifier(classes, pixels=False),
        "segmentation": lambda: Classifier(classes, pixels=True),
        "zeroshot": Towers,
        "retrieval": Towers,
        "captioning": Describes,
        "depth": Constant,
        "crops": Watched,
        "compression": Stepped,
    }[task.kind]()


def written_out(task, model, batch, observed):
    """The columns that the owner of a model would hand in."""
    columns = {"sample": NAMES}
    match task.kind:
        case "segmentation":
            maps = model(batch.inputs).argmax(1)
        case "crops":
            maps = kinds.of(task).logits(model, batch).argmax(1)
        case "depth":
            return columns | {"depth": depth._predicted(model, batch).flatten(1).tolist()}
        case "captioning":
            return columns | {"caption": observed["hypothesis"]}
        case _:
            names = predictions.schema(task).names
            return columns | {name: observed[name] for name in names}
    return columns | {"map": [m.to(torch.uint8).numpy().tobytes() for m in maps]}


@cache
def made(case):
    """A task, its dataset, what a model was observed to do, and the same as predictions."""
    task = tasks.load(CASES[case])
    task = task.model_copy(update={"settings": task.settings | SMALL.get(task.kind, {})})
    side = FIELD if task.kind == "crops" else SIDE
    dataset, kind = Places(len(task.classes) or 1, side), kinds.of(task)
    model = model_of(task)
    contract = task.input(task.inputs[0])
    if contract.size is not None:
        contract = contract.model_copy(update={"size": SIDE})
    if task.kind == "crops":
        contract = task.input("s1s2")
    with torch.inference_mode():
        batch = kind.load(dataset, InputPipeline(contract, task.bands), NAMES)
        observed = observe(kind, model, [batch], torch.device("cpu"), kind.schema())
        return task, dataset, observed, written_out(task, model, batch, observed)


def taken(case, path, **changes):
    """The observations behind the predictions of a case, some of their columns changed."""
    task, dataset, _, columns = made(case)
    pq.write_table(pa.table(columns | changes), path)
    return predictions.observations(path, task, dataset, NAMES)


@pytest.mark.parametrize("case", CASES)
def test_what_a_run_observed_comes_back_from_its_predictions(tmp_path, case):
    task, _, observed, columns = made(case)
    back = [*range(len(NAMES))][::-1]
    turned = {
        name: pa.array(values).take(back) if isinstance(values, list) else values.take(back)
        for name, values in columns.items()
    }
    found = taken(case, tmp_path / "p.parquet", **turned)
    # Maps of classes hold no probabilities.
    if "calibration" in observed.column_names:
        place = observed.column_names.index("calibration")
        assert found["calibration"].null_count == len(NAMES)
        observed = observed.set_column(place, observed.schema.field(place), found["calibration"])
    assert found.equals(observed.combine_chunks())
    both = [scoring.score(kinds.of(task), table).scores for table in (found, observed)]
    assert repr(both[0]) == repr(both[1])


def test_kinds_say_what_they_take():
    asked = [made(case)[0] for case in CASES]
    for task in asked:
        assert kinds.of(task).prediction_schema() is not None
        assert {column["about"] for column in predictions.columns(task)}.isdisjoint({""})
        assert set(predictions.example(task)) == set(predictions.schema(task).names)
        assert predictions.claimed(task) == (task.kind == "compression")


@cache
def listed(case, column):
    values = made(case)[3][column]
    return pa.array(values).to_pylist() if isinstance(values, list) else values.to_pylist()


def rows(case, column):
    """The values of a column, to be spoilt."""
    return deepcopy(listed(case, column))


def with_value(case, column, value, row=2, place=0):
    found = rows(case, column)
    found[row][place] = value
    return {column: found}


def with_row(case, column, value, row=2):
    found = rows(case, column)
    found[row] = value
    return {column: found}


def shorter(case, column):
    return with_row(case, column, rows(case, column)[2][:-1])


NAN, INF = float("nan"), float("inf")


def nothing(case):
    none = pa.array([[]] * len(NAMES), pa.list_(pa.float32()))
    return {"image": none, "texts": none}


REFUSED = [
    ("zeroshot", lambda c: with_value(c, "similarities", NAN), "NaN or infinity, first in row 2"),
    (
        "zeroshot",
        lambda c: shorter(c, "similarities"),
        "or 38 of 2 .*, sample c has 37",
    ),
    ("retrieval", lambda c: with_value(c, "image", INF), "NaN or infinity"),
    (
        "retrieval",
        lambda c: with_row(c, "image", [0.0] * 16),
        "image holds only zeros for sample c",
    ),
    (
        "retrieval",
        lambda c: with_row(c, "texts", [0.0] * 32),
        "texts holds only zeros for sample c",
    ),
    ("retrieval", lambda c: shorter(c, "image"), "captions of sample c, found 15 and 32 numbers"),
    ("retrieval", lambda c: shorter(c, "texts"), "captions of sample c, found 16 and 31 numbers"),
    ("retrieval", lambda c: with_row(c, "image", [1.0] * 8193), "holds 82.. values|8193 values"),
    ("retrieval", nothing, "of sample a, found 0 and 0"),
    ("captioning", lambda c: with_row(c, "caption", "x" * 10_001), "one of 10,001 characters"),
    ("captioning", lambda c: with_row(c, "caption", "x" * 40_001), "40001 bytes in a value"),
    ("captioning", lambda c: {"caption": [1, 2, 3, 4]}, "column caption of type int64"),
    ("depth", lambda c: with_value(c, "depth", NAN), "NaN or infinity, first in row 2"),
    ("depth", lambda c: with_value(c, "depth", 1e39), "NaN or infinity, first in row 2"),
    ("depth", lambda c: shorter(c, "depth"), "143 values in row 2, expected 144"),
    ("crops", lambda c: with_row(c, "map", bytes([19] * 36)), "to 19, expected 0 to 18"),
    ("crops", lambda c: shorter(c, "map"), "maps of 6 x 6 px, that of sample c has 35 px"),
    ("crops", lambda c: with_row(c, "map", b""), "that of sample c has 0 px"),
    ("compression", lambda c: with_value(c, "bytes", -1), "expected 1 to"),
    ("compression", lambda c: with_value(c, "bytes", 0), "expected 1 to"),
    ("compression", lambda c: with_value(c, "latents", 1 << 62), "column latents holds values"),
    ("compression", lambda c: with_value(c, "ssim", 1.5), "expected -1 to 1"),
    ("compression", lambda c: with_value(c, "squared_error", -1e-9), "expected 0 to 1e"),
    ("compression", lambda c: shorter(c, "squared_error"), "192 values of squared_error, found"),
    ("compression", lambda c: shorter(c, "ssim"), "sample c: expected 4 values of ssim, found 3"),
    ("compression", lambda c: {"channels": [12, 12, 11, 12]}, "expected 12 to 12"),
    ("compression", lambda c: with_value(c, "pixels", 9), "sample c: expected pixels"),
    ("compression", lambda c: with_row(c, "points", ["2", "4", "8", "8"]), "of different names"),
    ("compression", lambda c: with_row(c, "points", ["x" * 65, "4", "8", "16"]), "65 bytes"),
    ("compression", lambda c: with_value(c, "largest", 0), "than its largest error allows"),
    ("compression", lambda c: with_value(c, "largest", 1e6), "than its squared errors allow"),
    ("compression", lambda c: with_value(c, "angle", 1e6), "an angle beyond 180 degrees"),
]


@pytest.mark.parametrize(
    ("case", "change", "fault"), REFUSED, ids=[f"{i}-{r[0]}" for i, r in enumerate(REFUSED)]
)
def test_what_can_not_be_so_is_refused_in_one_line(tmp_path, case, change, fault):
    with pytest.raises(BenchError, match=fault) as refused:
        taken(case, tmp_path / "p.parquet", **change(case))
    assert "\n" not in str(refused.value)
    assert refused.value.hint


def test_surfaces_have_no_more_error_than_the_whole(tmp_path):
    columns = {name: rows("compression", name) for name in ("squared_error", "largest")}
    columns["squared_error"][2][12:24] = [1e3] * 12
    columns["largest"][2][1] = 30.0
    with pytest.raises(BenchError, match="in its surfaces than in the whole at rate point '2'"):
        taken("compression", tmp_path / "p.parquet", **columns)


def test_embeddings_of_another_width_in_another_piece_are_found(tmp_path, monkeypatch):
    """Two widths whose sum is a multiple of the number of pictures would pass for one."""
    task, *_ = made("retrieval")
    found = {name: rows("retrieval", name) for name in ("image", "texts")}
    for row in range(2):
        captions = len(found["texts"][row]) // 16
        found["image"][row], found["texts"][row] = [1.0] * 48, [1.0] * 48 * captions
    monkeypatch.setattr(parquet, "_ROWS", 2)
    monkeypatch.setattr(parquet, "MAX_PIECE", 1 << 40)
    observations = taken("retrieval", tmp_path / "p.parquet", **found)
    with pytest.raises(BenchError, match=r"48 numbers for the picture .* of sample c, found 16"):
        kinds.of(task).measure(observations)
