"""Do runs of heads on stored features have the accuracy that scikit-learn has?

    python scripts/equals_sklearn.py --task rsscn7 [--track official] [--results DIR]

For each complete run of ridge, logistic or knn on a task of kind classification whose features are
in the results folder: fits the same head by scikit-learn, with the setting that was chosen, on the
same features, and prints both accuracies. Exits with 1 if any two differ.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

from bench import data, kinds
from bench.base.paths import results_root
from bench.results import runs
from bench.results.manifest import Manifest
from bench.spec import task as tasks
from bench.spec.labels import Labels
from bench.train import labels
from bench.train.features import FOLDER, Features

TIGHT = {"max_iter": 10_000, "tol": 1e-9}


def main() -> int:
    """Fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", required=True)
    parser.add_argument("--track", default="official")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    task, root = tasks.load(asked.task), results_root(asked.results)
    place = data.official_root if asked.track == "official" else data.sample_root
    dataset: Any = data.reader(task.dataset).open_dataset(place(task.dataset))
    kind = kinds.of(task)
    differing = 0
    for manifest in (run.manifest() for run in runs.all_runs(root) if run.complete()):
        same = (manifest.task.name, manifest.track) == (task.name, asked.track)
        if not same or manifest.entry.method not in ("ridge", "logistic", "knn"):
            continue
        stores = {
            split: _features(root, manifest, dataset.ids(split))
            for split in (task.training, task.split)
        }
        if any(one is None for one in stores.values()):
            continue
        ids = dataset.ids(task.training)
        if manifest.entry.labels is not None:
            chosen = Labels.model_validate(manifest.entry.labels)
            ids = labels.subset(ids, labels.strata(kind.strata(dataset, ids)), chosen)
        x, t = (
            np.stack([store.row(one) for one in some]).astype(np.float64)  # type: ignore[union-attr]
            for store, some in (
                (stores[task.training], ids),
                (stores[task.split], dataset.ids(task.split)),
            )
        )
        y, truth = (
            np.array([dataset.label(one) for one in some])
            for some in (ids, dataset.ids(task.split))
        )
        setting, found = _predicted(manifest, x, y, t, len(task.classes))
        theirs = float((found == truth).mean())
        ours = manifest.primary.value if manifest.primary else None
        equal = ours is not None and abs(ours - theirs) < 1e-9
        differing += not equal
        print(
            f"{manifest.entry.name}: {setting}, {ours:.4f}, scikit-learn {theirs:.4f}", flush=True
        )
    return min(differing, 1)


def _features(root: Path, manifest: Manifest, ids: list[str]) -> Features | None:
    """The features of a run's encoder for some samples."""
    encoder = manifest.entry.encoder
    assert encoder is not None
    for note in (root / FOLDER).glob("*/features.json"):
        about = json.loads(note.read_text(encoding="utf-8"))
        same = about["name"] == encoder["name"] and about["level"] == "pooled"
        if same and about.get("parts") and about["samples"] == data.ids_sha256(ids):
            return Features(note.parent, ids)
    return None


def _predicted(manifest: Manifest, x: Any, y: Any, t: Any, classes: int) -> tuple[str, Any]:
    """The setting that was chosen, and scikit-learn's predictions with it."""
    trained: Any = manifest.entry.trained
    best = max(one["validation"] for one in trained.searched)
    # Of several as good the last is taken.
    setting = [one["setting"] for one in trained.searched if one["validation"] == best][-1]
    value = float(setting.split()[-1])
    if manifest.entry.method == "knn":
        near = KNeighborsClassifier(min(int(value), len(x)), metric="cosine", algorithm="brute")
        votes = near.fit(x, y).predict_proba(t)
        # Of classes with as many votes scikit-learn takes the first, the head that of the nearest.
        order = y[near.kneighbors(t, return_distance=False)]
        places = np.arange(order.shape[1])
        for column, label in enumerate(near.classes_):
            votes[:, column] += 1e-5 * ((order == label) / 2.0**places).sum(axis=1)
        return setting, near.classes_[votes.argmax(axis=1)]
    mean, std = x.mean(axis=0), x.std(axis=0)
    varies = std > 0
    z, u = (((some - mean) / np.where(varies, std, 1))[:, varies] for some in (x, t))
    if manifest.entry.method == "ridge":
        fitted = Ridge(alpha=value * len(z)).fit(z, np.eye(classes)[y])
        return setting, fitted.predict(u).argmax(axis=1)
    return setting, LogisticRegression(C=value, **TIGHT).fit(z, y).predict(u)


if __name__ == "__main__":
    sys.exit(main())
