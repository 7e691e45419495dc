"""Entries of the embeddings of WHU-RS19 that RS-TransCLIP released, for `bench run`.

    python scripts/whu_rs19_embeddings.py EMBEDDINGS OUT
    export BENCH_DATA=OUT/data
    bench run --task whu-rs19-zeroshot --track official --model predictions:OUT/clip-vit-b-32

EMBEDDINGS is the folder of github.com/elkhouryk/RS-TransCLIP (MIT, commit a766b4d) with the
embeddings of the 1,005 pictures and of the averaged prompts of each class, ``emb_<model>.npz``, and
``classes.txt``. The pictures themselves are not needed to score predictions. Their names were not
released either: a picture is named by its class and its number among the rows of this class, in an
empty file below ``OUT/data``, so that names and classes are what the task asks for.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
from numpy.typing import NDArray

from bench.spec import task as tasks

TASK = "whu-rs19-zeroshot"
URL = "https://github.com/elkhouryk/RS-TransCLIP"
MODELS = {
    "clip-vit-b-32": ("CLIP_ViT-B-32", "CLIP ViT-B/32", ["400 M pairs of images and texts"]),
    "remoteclip-vit-b-32": (
        "RemoteCLIP_ViT-B-32",
        "RemoteCLIP ViT-B/32",
        ["400 M pairs of images and texts", "RET-3", "DET-10", "SEG-4"],
    ),
    "georsclip-vit-b-32": (
        "GeoRSCLIP_ViT-B-32",
        "GeoRSCLIP ViT-B/32",
        ["400 M pairs of images and texts", "RS5M"],
    ),
}
NOTE = (
    "Cosines of the embeddings that RS-TransCLIP released (commit a766b4d): of pictures, and of "
    "the averaged prompts of each class. The names of the pictures were not released: they are "
    "numbered within their class."
)


def main(source: Path, out: Path) -> None:
    """Write ``data/whu-rs19`` and an entry for each model.

    Args:
        source: the folder of the embeddings.
        out: the folder that is written.
    """
    classes = (source / "classes.txt").read_text().split("\n")
    for name, (stem, title, learnt) in MODELS.items():
        with np.load(source / f"emb_{stem}.npz", allow_pickle=False) as held:
            images, texts, labels = (
                held[key] for key in ("images", "texts_averageprompt", "labels")
            )
        samples = _named([classes[label] for label in labels], out / "data" / "whu-rs19")
        cosines = _unit(images) @ _unit(texts).T
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.table({"sample": samples, "similarities": list(cosines)})
        pq.write_table(table, folder / "predictions.parquet")
        entry = {
            "name": name,
            "title": title,
            "authors": ["El Khoury et al., RS-TransCLIP (embeddings)"],
            "licence": "MIT",
            "url": URL,
            "note": NOTE,
            "task": TASK,
            "task_digest": tasks.load(TASK).digest,
            "training_data": learnt,
            "predictions": {"file": "predictions.parquet"},
        }
        (folder / "entry.toml").write_text(tomli_w.dumps(entry))
        print(folder)


def _named(classes: list[str], root: Path) -> list[str]:
    """The ids of pictures of these classes, each with an empty file in the folder of its class."""
    counts: Counter[str] = Counter()
    named = []
    for label in classes:
        counts[label] += 1
        name = f"{label.replace(' ', '_')}_{counts[label]:02d}.jpg"
        path = root / label / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        named.append(name)
    return named


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    wide: NDArray[np.float64] = vectors.astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, lengths)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
