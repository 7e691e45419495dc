"""Published embeddings of all 1,005 pictures of WHU-RS19, probed as a submission would be.

Their names aren't published: rows stand for them; the split is drawn by the rule of class folders.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from bench import kinds
from bench.data.pictures import division
from bench.evaluate.embeddings import Probed, probe
from bench.evaluate.reporting import SILENT
from bench.evaluate.request import ResolvedRequest
from bench.kinds import classification
from bench.models import embeddings
from bench.spec import task as tasks
from bench.spec.task import Task

CLASSES = 19
RULE = {"rule": "strata", "salt": "0", "shares": [40, 10, 50]}


class Rows:
    """What a head asks of a dataset: ids of splits, and labels."""

    def __init__(self, labels: NDArray[np.int64]) -> None:
        self.labels = {f"{row:04d}": int(label) for row, label in enumerate(labels)}

    def ids(self, split: str) -> list[str]:
        return division.divided(RULE, self.labels, Path(), split, None)

    def label(self, sample: str) -> int:
        return self.labels[sample]


def of_classification() -> Task:
    changed = {
        "kind": "classification",
        "settings": {},
        "training": "train",
        "validation": "validation",
        "split": "test",
    }
    return tasks.load("whu-rs19-zeroshot").model_copy(update=changed)


def probed(folder: Path, x: NDArray[Any], rows: Rows, method: str) -> tuple[Probed, Task]:
    form = pa.float16() if x.dtype == np.float16 else pa.float32()
    flat = pa.array(x.reshape(-1), form)
    table = pa.table(
        {"sample": list(rows.labels), "embedding": pa.FixedSizeListArray.from_arrays(flat, 512)}
    )
    pq.write_table(table, folder / "all.parquet")
    (folder / "entry.toml").write_text(
        f'name = "clip"\n[embeddings]\nfiles = ["all.parquet"]\ndtype = "{x.dtype}"\n'
    )
    task = of_classification()
    entry = embeddings.probed(embeddings.entry(str(folder), task), task, method)
    resolved = ResolvedRequest(task, "sample", folder, rows, "cpu")  # type: ignore[arg-type]
    return probe(entry, resolved, rows.ids("test"), 0, SILENT), task


@pytest.mark.parametrize("method", ["knn", "ridge"])
@pytest.mark.parametrize("model", ["CLIP", "RemoteCLIP", "GeoRSCLIP"])
def test_heads_on_published_embeddings(
    real_data: Path, tmp_path: Path, model: str, method: str
) -> None:
    with np.load(real_data / "whu_rs19" / f"emb_{model}_ViT-B-32.npz", allow_pickle=False) as all_:
        x, labels = all_["images"], all_["labels"]
    rows = Rows(labels)
    found, task = probed(tmp_path, x, rows, method)
    target, logits = classification.observed(found.observations)
    own = {split: np.array([int(one) for one in rows.ids(split)]) for split in division.SPLITS}
    assert (target == labels[own["test"]]).all()
    x = x.astype(np.float64)
    train, test = x[own["train"]], x[own["test"]]
    best = max(one.validation or 0 for one in found.trained.searched)
    chosen = [one.setting for one in found.trained.searched if one.validation == best][-1]
    value = float(chosen.split()[1])
    if method == "knn":
        peer = KNeighborsClassifier(int(value), metric="cosine", algorithm="brute")
        shares = peer.fit(train, labels[own["train"]]).predict_proba(test)
        expected = np.log((value * shares + 0.5) / (value + 0.5 * CLASSES))
        # Ties among classes are decided by less than 2e-5.
        np.testing.assert_allclose(logits, expected, atol=3e-5)
    else:
        mean, std = train.mean(axis=0), train.std(axis=0)
        ridge = Ridge(alpha=value * len(train), solver="cholesky")
        ridge.fit((train - mean) / std, np.eye(CLASSES)[labels[own["train"]]])
        expected = CLASSES * ridge.predict((test - mean) / std) - 1
        np.testing.assert_allclose(logits, expected, atol=1e-3)
    accuracy = float(kinds.of(task).measure(found.observations)["accuracy_micro"])
    assert accuracy == np.mean(logits.argmax(axis=1) == target)
    assert 0.95 < accuracy <= 1
    assert found.cost.bytes_per_sample == (1024 if model == "CLIP" else 2048)
