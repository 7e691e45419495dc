"""Each kind's observations as its runs hold them, and as a training would log them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from bench import kinds
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import observe
from bench.metrics import torchmetrics as logged
from bench.metrics.calibration import CLASSES
from bench.spec import task as tasks
from tests.kinds.test_compression import Stepped
from tests.kinds.test_consistency import CONTRACT, MONTHS, batch, series

CPU = torch.device("cpu")
ECHO = nn.Identity()


class Case(NamedTuple):
    """A metric of every name, what it is updated with batch by batch, and what a task reports."""

    make: Callable[..., Any]
    names: list[str]
    batches: list[tuple[Any, ...]]
    reported: dict[str, Any]

    def metric(self, **changes):
        return self.make(names=self.names, **changes)


def observed(task, model, batches):
    with torch.inference_mode():
        kind = kinds.of(task)
        return observe(kind, model, batches, CPU, kind.schema())


def parts(count):
    """Batches of one sample, of some, of the rest."""
    return [slice(0, 1), slice(1, count // 2), slice(count // 2, count)]


def ids(some):
    return [f"s{row}" for row in range(some.start, some.stop)]


def labelled(seed=0, count=41, classes=19):
    """Logits that tie, and labels: of class 3 none, of class 5 all."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, classes)) < 0.3).astype(np.float32)
    labels[:, 3], labels[:, 5] = 0, 1
    labels[7] = 0
    logits = np.round(rng.normal(size=labels.shape) + labels, 1).astype(np.float32)
    return torch.from_numpy(logits), torch.from_numpy(labels)


def of_multilabel():
    task = tasks.load("reben-mlc")
    logits, labels = labelled()
    batches = [(logits[some], labels[some]) for some in parts(len(logits))]
    given = [Batch(ids(some), logits[some], labels[some]) for some in parts(len(logits))]
    found = kinds.of(task).measure(observed(task, ECHO, given))
    return Case(lambda **k: logged.MultilabelScores(19, **k), list(found), batches, found)


def of_federated():
    task = tasks.load("reben-federated")
    logits, labels = labelled(1)
    clients = torch.arange(len(logits)) % 3
    countries = [["Austria", "Finland", "Serbia"][client] for client in clients]
    given = [
        Batch(ids(some), logits[some], {"labels": labels[some], "client": countries[some]})
        for some in parts(len(logits))
    ]
    found = kinds.of(task).measure(observed(task, ECHO, given))
    names = [name for name in found if name.startswith("f1_")]
    batches = [(logits[some], labels[some], clients[some]) for some in parts(len(logits))]
    return Case(lambda **k: logged.FederatedScores(19, num_clients=3, **k), names, batches, found)


def of_segmentation():
    task = tasks.load("magicbathy-seabed-agia-napa")
    logits, true = maps(len(task.classes))
    given = [Batch(ids(some), logits[some], true[some]) for some in parts(len(true))]
    found = kinds.of(task).measure(observed(task, ECHO, given))
    batches = [(logits[some], true[some].long()) for some in parts(len(true))]
    return Case(
        lambda **k: logged.SegmentationScores(len(task.classes), ignore_index=255, **k),
        list(found),
        batches,
        found,
    )


class First(nn.Module):
    """The first date of the only series, which holds logits."""

    def forward(self, series):
        return series["S2"][0][:, 0]


def of_crops():
    task = tasks.load("pastis-r-crop-mapping")
    classes = len(task.classes)
    logits, true = maps(classes)
    days = torch.zeros(len(true), 1, 2, dtype=torch.int64)
    given = [
        Batch(ids(some), {"S2": logits[some, None], "S2 days": days[some]}, true[some])
        for some in parts(len(true))
    ]
    found = kinds.of(task).measure(observed(task, First(), given))
    background = task.classes.index(task.settings["background"])
    batches = [(logits[some].argmax(1), true[some]) for some in parts(len(true))]
    return Case(
        lambda **k: logged.SegmentationScores(
            classes, ignore_index=255, background=background, **k
        ),
        # What needs logits is compared in segmentation.
        [name for name in found if name not in CLASSES],
        batches,
        found,
    )


def maps(classes, count=7, side=9):
    """Logits and maps in which the last class never occurs, and some pixels have no label."""
    generator = torch.Generator().manual_seed(2)
    true = torch.randint(0, classes - 1, (count, side, side), generator=generator)
    true[torch.rand(true.shape, generator=generator) < 0.2] = 255
    true[3] = 255
    logits = torch.randn(count, classes, side, side, generator=generator)
    return logits, true.to(torch.uint8)


def of_depth():
    task = tasks.load("magicbathy-bathymetry-agia-napa")
    generator = torch.Generator().manual_seed(3)
    true = 12 * torch.rand(7, 11, 11, generator=generator)
    true[torch.rand(true.shape, generator=generator) < 0.2] = math.nan
    true[2] = math.nan
    guess = torch.nan_to_num(true)[:, None] + torch.randn(7, 1, 11, 11, generator=generator)
    given = [Batch(ids(some), guess[some], true[some]) for some in parts(7)]
    found = kinds.of(task).measure(observed(task, ECHO, given))
    batches = [(guess[some][:, 0], true[some]) for some in parts(7)]
    return Case(logged.DepthScores, list(found), batches, found)


def of_zeroshot():
    task = tasks.load("whu-rs19-zeroshot")
    rng = np.random.default_rng(4)
    shown = rng.integers(0, 18, 30)
    similar = np.round(rng.normal(0, 1, (30, 19)) + 2 * np.eye(19)[shown], 1)
    similar[4] = 0
    sets = len(task.settings["prompts"])
    table = pa.table(
        {
            "sample": ids(slice(0, 30)),
            "targets": list(np.eye(19, dtype=np.uint8)[shown]),
            "similarities": list(np.tile(similar, sets)),
        },
        schema=kinds.of(task).schema(),
    )
    found = kinds.of(task).measure(table)
    names = ["accuracy_micro", "accuracy_macro", "accuracy_classes"]
    batches = [
        (torch.from_numpy(similar[some]), torch.from_numpy(shown[some])) for some in parts(30)
    ]
    return Case(lambda **k: logged.AccuracyScores(19, **k), names, batches, found)


def of_retrieval():
    task = tasks.load("rsicd-retrieval")
    rng = np.random.default_rng(5)
    several = rng.integers(1, 5, 25)
    images = rng.normal(size=(25, 8)).astype(np.float32)
    captions = [
        [f"c{own}-{n}" if n else f"c{own // 3}" for n in range(k)] for own, k in enumerate(several)
    ]
    # Few different numbers, so that scores tie.
    texts = [
        np.round(images[own] + rng.normal(0, 1, (k, 8))).astype(np.float32) + np.float32(0.25)
        for own, k in enumerate(several)
    ]
    images[6:9] = images[5]
    table = pa.table(
        {
            "sample": ids(slice(0, 25)),
            "image": list(images),
            "texts": [own.ravel() for own in texts],
            "captions": captions,
        },
        schema=kinds.of(task).schema(),
    )
    found = kinds.of(task).measure(table)
    batches = [
        (
            torch.from_numpy(images[some]),
            torch.from_numpy(np.concatenate(texts[some])),
            captions[some],
        )
        for some in parts(25)
    ]
    return Case(logged.RetrievalScores, list(found), batches, found)


def of_captioning():
    task = tasks.load("rsicd-captioning")
    task = task.model_copy(
        update={"settings": {"metrics": ["bleu", "rouge_l", "cider", "rouge_f"]}}
    )
    rng = np.random.default_rng(6)
    words = np.array(["Many", "green", "trees", "are", "near", "a", "lake.", "and", "häuser"])

    def sentence():
        return " ".join(rng.choice(words, rng.integers(3, 9)))

    people = [[sentence() for _ in range(rng.integers(1, 6))] for _ in range(25)]
    said = [own[0] if rng.random() < 0.3 else sentence() for own in people]
    said[3] = ""
    table = pa.table(
        {"sample": ids(slice(0, 25)), "hypothesis": said, "references": people},
        schema=kinds.of(task).schema(),
    )
    found = kinds.of(task).measure(kinds.of(task).settle(table))
    batches = [(said[some], people[some]) for some in parts(25)]
    return Case(logged.CaptionScores, list(found), batches, dict(found))


def of_compression():
    task = tasks.load("hyspecnet-compression")
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(5, 4, 16, 12, generator=generator)
    surfaces = torch.randint(0, 3, (5, 16, 12), generator=generator).to(torch.uint8)
    surfaces[2] = 255
    given = [Batch(ids(some), images[some], surfaces[some]) for some in parts(5)]
    model = Stepped()
    found = kinds.of(task).measure(observed(task, model, given))
    streams = [[model.encode(image, point) for image in images] for point in model.points]
    made = torch.stack([torch.stack([model.decode(one) for one in row]) for row in streams])
    sizes = torch.tensor([[len(one) for one in row] for row in streams])
    batches = [(made[:, some], images[some], sizes[:, some], surfaces[some]) for some in parts(5)]
    names = ["psnr_points", "pooled_psnr_points", "sa_points", "ssim_points", "error_points"]
    names += ["band_psnr_bands", "bpppc_points", "cr_points", "psnr_curve"]
    settings = task.settings
    return Case(
        lambda **k: logged.CompressionScores(
            num_channels=4,
            num_points=len(model.points),
            source_bits=settings["source_bits"],
            bpppc=tuple(settings["bpppc"]),
            **k,
        ),
        names,
        batches,
        found,
    )


class Dimmed(nn.Module):
    """Less light, in two steps."""

    points = ("0.9", "0.5")

    def forward(self, images, point, generator):
        return images * float(point)


def of_consistency():
    task = tasks.load("augmentation-consistency")
    given = [
        batch(series(dates, seed=seed), np.full((6, 6), 255), f"33UUP_{seed}_10")
        for seed, dates in enumerate((3, 2, len(MONTHS)))
    ]
    found = kinds.of(task).measure(observed(task, Dimmed(), given))
    std = [task.declaration["statistics"]["120_nearest"][band][1] for band in CONTRACT.bands]
    stride = task.settings["stride"]
    tops = torch.tensor(CONTRACT.std)[:, None, None]
    batches = []
    for one in given:
        images = one.inputs[0]
        made = torch.stack([Dimmed()(images, point, None) for point in Dimmed.points])
        batches.append(tuple(v[..., ::stride, ::stride] * tops for v in (made, images)))
    return Case(
        lambda **k: logged.ConsistencyScores(
            std, num_points=2, tolerance=task.settings["tolerance"], **k
        ),
        list(found),
        batches,
        found,
    )


CASES = {
    "multilabel": of_multilabel,
    "federated": of_federated,
    "segmentation": of_segmentation,
    "crops": of_crops,
    "depth": of_depth,
    "zeroshot": of_zeroshot,
    "retrieval": of_retrieval,
    "captioning": of_captioning,
    "compression": of_compression,
    "consistency": of_consistency,
}
