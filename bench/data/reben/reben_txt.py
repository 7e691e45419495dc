"""BigEarthNet.txt: captions of patches of BigEarthNet v2.0; `reben-txt.toml` declares them.

The layout is that of the release's card (huggingface.co/datasets/BIFOLD-BigEarthNetv2-0/
BigEarthNet.txt) and of public code that reads it: one Parquet file with a row for each text. Its
column ``type`` is ``captioning``, ``binary``, ``mcq`` or ``bounding box``; ``split`` is ``train``,
``validation``, ``test`` or ``bench``, the part that was checked by hand; ``patch_id`` is the name
of a Sentinel-2 patch and ``output`` what is said of it. Questions and boxes are left out.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.base import parquet
from bench.base.errors import BenchError, unknown
from bench.base.files import sha256_file, sha256_json
from bench.data import Check, Progress
from bench.data.reben import reben
from bench.data.reben.reben_rgb import Composites

FILE = "BigEarthNet.txt.parquet"
SPLITS = ("train", "validation", "test", "bench")
_COLUMNS = ("patch_id", "output", "type", "split")
_CAPTION = "captioning"
_ROWS = 1 << 16
_LONGEST = 10_000
_HINT = "get it from huggingface.co/datasets/BIFOLD-BigEarthNetv2-0/BigEarthNet.txt"


class Described(Composites):
    """An opened BigEarthNet with what is written about its patches.

    Raises:
        BenchError: the patches or the texts aren't there.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        found = [place / FILE for place in (root, self.root) if (place / FILE).is_file()]
        if not found:
            raise BenchError(f"{FILE} is not in {root}", f"{_HINT}, into that folder")
        self.texts = found[0]

    def fingerprint(self) -> str:
        """The SHA-256 of the metadata and of the texts."""
        return sha256_json([super().fingerprint(), sha256_file(self.texts)])

    def ids(self, split: str) -> list[str]:
        """The patches that a split has a caption of, sorted, on disk or not.

        Raises:
            RequestError: there is no such split.
            BenchError: the file of texts is damaged or foreign.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        table = self._captions
        chosen = table.column("patch_id").filter(pc.equal(table.column("split"), split))
        named: list[str] = sorted(set(chosen.to_pylist()))
        return named

    def captions(self, sample: str) -> list[str]:
        """What is written about a patch, each sentence once, in the order of the file.

        Raises:
            BenchError: nothing is.
        """
        rows = self._rows.get(sample, [])
        if not rows:
            raise BenchError(f"{self.texts} has no caption of {sample[:100]}", "leave it out")
        column = self._captions.column("output")
        return list(dict.fromkeys(column[row].as_py() for row in rows))

    @cached_property
    def _captions(self) -> pa.Table:
        """The rows of captions: ``patch_id``, ``output`` and ``split``."""
        with parquet.reading(self.texts):
            file = parquet.opened(self.texts)
            if lacking := set(_COLUMNS) - set(file.schema_arrow.names):
                raise self._foreign(f"it lacks {', '.join(sorted(lacking))}")
            kept = [
                self._of_captions(pa.Table.from_batches([batch]))
                for batch in file.iter_batches(_ROWS, columns=list(_COLUMNS), use_threads=False)
            ]
        table = pa.concat_tables(kept).combine_chunks() if kept else None
        if table is None or not table.num_rows:
            raise self._foreign(f"no row is of type {_CAPTION}")
        return table

    def _of_captions(self, rows: pa.Table) -> pa.Table:
        texts = pa.table({name: rows.column(name).cast(pa.string()) for name in _COLUMNS})
        found = texts.filter(pc.equal(texts.column("type"), _CAPTION)).drop_columns(["type"])
        for name in found.column_names:
            if found.column(name).null_count:
                raise self._foreign(f"column {name} has empty values")
        others = set(found.column("split").unique().to_pylist()) - set(SPLITS)
        if others:
            raise self._foreign(f"split {min(others)[:50]!r} is none of {', '.join(SPLITS)}")
        longest = pc.max(pc.utf8_length(found.column("output"))).as_py() or 0
        if longest > _LONGEST:
            raise self._foreign(f"a caption has {longest:,} characters")
        return found

    @cached_property
    def _rows(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, patch in enumerate(self._captions.column("patch_id").to_pylist()):
            rows.setdefault(patch, []).append(row)
        return rows

    def _foreign(self, finding: str) -> BenchError:
        return BenchError(f"{self.texts} is not the file of BigEarthNet.txt: {finding}", _HINT)


def open_dataset(root: Path) -> Described:
    """Open what is under ``root``, a folder of `reben` with the file of texts."""
    return Described(root)


def write_sample(root: Path) -> None:
    """Write simulated patches, and a caption and a question on each, under ``root``."""
    from bench.data.reben import simulate as simulated

    simulated.write(root)
    write_texts(root)


def write_texts(root: Path) -> None:
    """Write the file of texts for the patches under ``root``, from their maps and metadata.

    Each tenth patch of the test split is in ``bench`` as well.
    """
    opened = reben.open_dataset(root)
    rows: list[dict[str, object]] = []
    for split in SPLITS[:3]:
        samples = opened.ids(split)
        places = opened.attributes(samples)
        for number, (patch, country, season) in enumerate(
            zip(samples, places["country"], places["season"], strict=True)
        ):
            said = _described(opened.reference_map(patch), country, season)
            common = {
                "s1_name": opened.metadata.text("s1_name", patch),
                "patch_id": patch,
                "country": country,
                "season": season,
                "climate_zone": "",
            }
            asked = {"input": "Is there water?", "output": "yes" if "water" in said else "no"}
            caption = {"input": "Describe the patch.", "output": said}
            for part in (split, "bench") if split == "test" and not number % 10 else (split,):
                for kind, text in (("binary", asked), (_CAPTION, caption)):
                    rows.append(
                        {"ID": len(rows), "type": kind, "category": kind, "split": part}
                        | common
                        | text
                    )
    pq.write_table(pa.Table.from_pylist(rows), root / FILE, compression="zstd")


def _described(classes: NDArray[np.uint8], country: str, season: str) -> str:
    """Which classes cover how much of a patch, and on which side the second one lies."""
    from bench.data.reben.patches import UNLABELLED, declared

    names = declared()["classes"]
    counted = np.bincount(classes[classes != UNLABELLED], minlength=len(names))
    order = [int(one) for one in np.argsort(-counted, kind="stable") if counted[one]]
    head = f"A patch of {country} in {season}"
    if not order:
        return f"{head}."
    share = counted[order[0]] / classes.size
    much = "Nearly all" if share > 0.9 else "Most" if share > 0.5 else "A part"
    said = f"{head}. {much} of it is {names[order[0]].lower()}"
    if len(order) > 1:
        rows, columns = np.nonzero(classes == order[1])
        down, right = rows.mean() / classes.shape[0] - 0.5, columns.mean() / classes.shape[1] - 0.5
        sides = ("top", "bottom") if abs(down) > abs(right) else ("left", "right")
        side = sides[int(max((down, right), key=abs) > 0)]
        said += f", with {names[order[1]].lower()} towards the {side}"
    if len(order) > 2:
        said += f", and {len(order) - 2} more classes"
    return f"{said}."


prepare = reben.prepare


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """Compare the patches with the publication, and look whether each caption is of one of them."""
    yield from reben.verify(root, pixels, progress)
    try:
        opened = open_dataset(root)
        named = {patch for split in SPLITS for patch in opened.ids(split)}
    except BenchError as error:
        yield Check("texts", passed=False, found=str(error))
        return
    unknown_patches = sorted(named - set(opened.metadata.ids()))
    faults = [f"{patch} has a caption and isn't in the metadata" for patch in unknown_patches]
    yield Check.of("texts", faults, f"{len(named):,} patches with captions")
