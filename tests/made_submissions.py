"""Submissions that are as they must be, for tests that spoil them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

from bench import data
from bench.spec import task as tasks
from tests.tiny import tiny

CLASSES = 19


def words(task, **changes):
    """The part of a declaration that models and predictions share."""
    return {
        "name": "mine",
        "authors": ["A. Author"],
        "licence": "MIT",
        "task": task,
        "task_digest": tasks.load(task).digest,
        "training_data": ["reben/train"],
    } | changes


def declare(folder, declaration):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "entry.toml").write_text(tomli_w.dumps(declaration), encoding="utf-8")
    (folder / "README.md").write_text("# mine\n")
    return folder


def embedded_entry(folder, content=None, **changes):
    """Random embeddings for any task of a dataset."""
    words_of = words("reben-mlc")
    del words_of["task"], words_of["task_digest"]
    declare(folder, words_of | {"embeddings": {"files": ["all.parquet"]}} | changes)
    if content is None:
        content = pa.table({"sample": ["a", "b"], "embedding": [[0.0, 1.0], [1.0, 0.0]]})
    pq.write_table(content, folder / "all.parquet")
    return folder


def model_entry(folder, **changes):
    """A model of a few thousand random weights for reben-mlc."""
    tiny(folder)
    model = {"architecture": "timm:test_resnet", "weights": "model.safetensors"}
    return declare(folder, words("reben-mlc", input="s1", model=model) | changes)


def samples(task="reben-mlc"):
    """The scored samples of the sample track, and its dataset."""
    loaded = tasks.load(task)
    dataset = data.reader(loaded.dataset).open_dataset(data.sample_root(loaded.dataset))
    return dataset.ids(loaded.split), dataset


def logits(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, CLASSES)).astype(np.float32)


def table(ids, values):
    return pa.table({"sample": list(ids), "logits": [list(map(float, row)) for row in values]})


def predicted_entry(folder, content=None, **changes):
    """Random logits for the sample track of reben-mlc."""
    if content is None:
        ids, _ = samples()
        content = table(ids, logits(len(ids)))
    declare(folder, words("reben-mlc", predictions={"file": "predictions.parquet"}) | changes)
    pq.write_table(content, folder / "predictions.parquet")
    return folder
