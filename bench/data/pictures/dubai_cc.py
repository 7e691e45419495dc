"""The reader of Dubai-CC (G. Hoxha et al., IEEE TGRS 2022); `dubai-cc.toml` declares its files."""

from dataclasses import replace
from pathlib import Path

from bench.data import declaration, listing
from bench.data.formats import karpathy
from bench.data.formats.karpathy import Annotations, Record
from bench.data.listing import below
from bench.data.pictures.captioned import Captioned, changed, find_pictures, finish, joined

_NAME = "dubai-cc"
_FILES = {
    "train": "Train_Dubai_CC.json",
    "validation": "Validation_Dubai_CC.json",
    "test": "Test_Dubai_CC.json",
}


def _open(root: Path) -> Captioned:
    """Open the dataset under ``root``: a file of annotations a split, in either packaging."""
    known: list[str] = declaration(_NAME)["on_disk"]["annotations"]

    def lists(base: Path) -> tuple[str, dict[str, Path]]:
        for folder in known:
            each = {split: below(base, f"{folder}/{file}") for split, file in _FILES.items()}
            if found := {split: path for split, path in each.items() if path is not None}:
                return folder, found
        return "", {}

    base = listing.base(root, lambda one: bool(lists(one)[1]))
    if base is None:
        raise listing.absent(
            f"captions/ with {_FILES['train']}",
            root,
            f"`bench data list` shows the layout of {_NAME}",
        )
    folder, found = lists(base)
    annotations = _flagged(joined({split: karpathy.read(at, split) for split, at in found.items()}))
    return Captioned(_NAME, folder, annotations, find_pictures(_NAME, base, root), changed)


def _flagged(annotations: Annotations) -> Annotations:
    phrases: list[str] = declaration(_NAME)["unchanged"]

    def unchanged(record: Record) -> bool:
        text = "\n".join(record.captions).lower()
        return any(phrase in text for phrase in phrases)

    records = tuple(replace(one, changed=not unchanged(one)) for one in annotations.records)
    return replace(annotations, records=records)


open_dataset, write_sample, prepare, verify = finish(_NAME, _open)
