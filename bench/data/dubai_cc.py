"""The reader of Dubai-CC (G. Hoxha et al., IEEE TGRS 2022); `dubai-cc.toml` declares its files."""

from dataclasses import replace
from pathlib import Path

from bench.data import declaration
from bench.data.captioned import Captioned, changed, find_pictures, finish, joined
from bench.data.formats import karpathy
from bench.data.formats.karpathy import Annotations, Record
from bench.errors import BenchError

_NAME = "dubai-cc"
_FILES = {
    "train": "Train_Dubai_CC.json",
    "validation": "Validation_Dubai_CC.json",
    "test": "Test_Dubai_CC.json",
}


def _open(root: Path) -> Captioned:
    """Open the dataset under ``root``: a file of annotations a split, in either packaging."""
    for folder in declaration(_NAME)["on_disk"]["annotations"]:
        if (root / folder).is_dir():
            break
    else:
        raise BenchError(
            f"expected captions/ with {_FILES['train']} in {root}, found none",
            f"`bench data list` shows the layout of {_NAME}",
        )
    files = {split: root / folder / file for split, file in _FILES.items()}
    parts = {split: karpathy.read(at, split) for split, at in files.items() if at.is_file()}
    annotations = _flagged(joined(parts))
    return Captioned(_NAME, folder, annotations, find_pictures(_NAME, root), changed)


def _flagged(annotations: Annotations) -> Annotations:
    phrases: list[str] = declaration(_NAME)["unchanged"]

    def unchanged(record: Record) -> bool:
        text = "\n".join(record.captions).lower()
        return any(phrase in text for phrase in phrases)

    records = tuple(replace(one, changed=not unchanged(one)) for one in annotations.records)
    return replace(annotations, records=records)


open_dataset, write_sample, prepare, verify = finish(_NAME, _open)
