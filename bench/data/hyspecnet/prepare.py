"""The spectral images of HySpecNet-11k to one LMDB of safetensors, in the manner of rico-hdl.

Worker processes read and encode, this one commits. The environment has another name until it is
complete, and what a killed run has committed is not done again.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bench.base.errors import BenchError
from bench.data import Progress, listing
from bench.data.formats.tensor_lmdb import TensorStore, TensorWriter, finish
from bench.data.hyspecnet.blobs import LMDB, encoded
from bench.data.hyspecnet.dataset import base, in_folders
from bench.data.hyspecnet.patches import IMAGE, NOTHING, file, regions, sample_of_patch, spectra
from bench.data.pooled import pooled

_BATCH = 4
"""Patches committed at once; each has 6.6 MB."""


def convert(root: Path, workers: int, progress: Progress) -> Path:
    """Write the kept bands and the regions of every spectral image into ``HySpecNet_LMDB``.

    Values are kept as published, unclipped: a cube read from the store is bit for bit that of the
    image. Patches with pixels without data are stored as they are, and refused when they are read.

    Args:
        root: the folder of the dataset.
        workers: how many processes read and encode; below 2 it is this process.
        progress: called with the number of patches that are there and that there will be.

    Returns:
        The folder of the finished environment. One that is finished already is never written to.

    Raises:
        BenchError: there are no spectral images, one is damaged, the disk is full, or the finished
            environment lacks what is on disk.
    """
    root = base(root)
    target, partial_ = root / LMDB, root / f"{LMDB}.partial"
    patches = listing.unwrapped(root / "patches")
    samples = sorted(in_folders(patches, IMAGE))
    if (target / "data.mdb").is_file():
        lacking = set(samples).difference(map(sample_of_patch, TensorStore(target).names()))
        if lacking:
            raise BenchError(
                f"{target} is finished but lacks {len(lacking)} patches",
                "they are read from their folders; to include them, remove it and repeat the "
                "command",
            )
        return target
    if not samples:
        raise BenchError(
            f"{patches} has no <tile>/<patch>/<patch>-{IMAGE}, of which the fast store is made",
            "unpack hyspecnet-11k-01.tar.gz to -10.tar.gz there",
        )
    with TensorWriter(partial_) as writer:
        there = set(map(sample_of_patch, writer.names()))
        missing = [sample for sample in samples if sample not in there]
        done, total = len(there), len(there) + len(missing)
        progress(done, total)
        batches = (missing[start : start + _BATCH] for start in range(0, len(missing), _BATCH))
        for blobs in pooled(partial(_encoded, patches), batches, workers):
            writer.put(blobs)
            done += len(blobs)
            progress(done, total)
    finish(partial_, target)
    return target


def _encoded(patches: Path, samples: Sequence[str]) -> dict[str, bytes]:
    return {sample.rpartition("/")[2]: _encode_one(patches, sample) for sample in samples}


def _encode_one(patches: Path, sample: str) -> bytes:
    try:
        kept = spectra(file(patches, sample, IMAGE))
    except FileNotFoundError as error:
        raise BenchError(
            f"{sample} vanished from {patches}", "repeat the command: it continues"
        ) from error
    shown = regions(patches, sample)
    if shown is None:
        shown = np.full(kept.shape[1:], NOTHING, np.uint8)
    return encoded(kept, shown)
