"""A training small enough to be repeated many times, here or in a process that can be killed.

``python -m tests.train.tiny FOLDER DEVICES`` trains into FOLDER and prints each finished epoch.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench import kinds
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.entry import Entry, Model
from bench.spec.recipe import Recipe
from bench.train import train

SIZE = 16
RECIPE = Recipe(
    epochs=4,
    batch=8,
    learning_rate=3e-3,
    weight_decay=0.01,
    warmup_steps=3,
    start_factor=0.1,
    end_factor=0.1,
    patience=4,
    flips=True,
    matmul_precision="highest",
)


class Memory:
    """Random patches in memory; which classes occur shows in the mean of the first band."""

    layout = "memory"

    def __init__(self, training: int = 36, validation: int = 20) -> None:
        self.splits = {
            "train": [f"t{i:03d}" for i in range(training)],
            "validation": [f"v{i:03d}" for i in range(validation)],
        }
        draw = np.random.default_rng(0)
        self.labels = {s: draw.integers(0, 2, 19).astype(np.uint8) for s in self.present(())}
        self.reads = 0

    def fingerprint(self) -> str:
        return "0" * 64

    def ids(self, split: str) -> list[str]:
        return self.splits[split]

    def present(self, bands: Sequence[str]) -> list[str]:
        return sorted(s for split in self.splits.values() for s in split)

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, NDArray[Any]]:
        self.reads += 1
        draw = np.random.default_rng([int(sample[1:]), ord(sample[0])])
        shift = self.labels[sample].sum() - 9.5
        return {b: draw.normal(shift, 1, (SIZE, SIZE)).astype(np.float32) for b in bands}

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        return np.stack([self.labels[s] for s in samples])

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        return {}


def entry(**recipe: Any) -> Entry:
    """A network with dropout and running statistics, so that both must be resumed."""
    return Entry(
        name="tiny",
        task="reben-mlc",
        input=InputContract(
            bands=("VV", "VH"),
            units={"sentinel-1-grd": "dB"},
            size=SIZE,
            resampling="nearest",
            mean=(0.0, 0.0),
            std=(1.0, 1.0),
        ),
        model=Model(architecture="timm:test_resnet", arguments={"drop_rate": 0.3}),
        recipe={"sample": Recipe.model_validate(RECIPE.model_dump() | recipe)},
    )


def learn(folder: Path, made: Entry | None = None, data: Any = None, **options: Any) -> Entry:
    """Train with defaults for everything that a test doesn't ask for."""
    # Threads that wait for each other are slow where tests share a processor.
    torch.set_num_threads(1)
    task = tasks.load("reben-mlc")
    defaults: dict[str, Any] = {
        "track": "sample",
        "seed": 7,
        "folder": folder,
        "device": "cpu",
        "devices": 1,
        "nodes": 1,
        "precision": "32-true",
        "progress": lambda done, total, text: None,
    }
    return train(made or entry(), task, kinds.of(task), data or Memory(), **(defaults | options))


if __name__ == "__main__":
    learn(
        Path(sys.argv[1]),
        devices=int(sys.argv[2]),
        progress=lambda done, total, text: print(done, total, text, flush=True),
    )
