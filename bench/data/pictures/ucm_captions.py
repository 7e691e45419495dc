"""The reader of UCM-Captions (B. Qu et al., 2016); `ucm-captions.toml` declares its files."""

from pathlib import PurePath

from bench.data import declaration
from bench.data.formats.karpathy import Record
from bench.data.pictures.captioned import reader

_PER_CLASS = 100


def _class(record: Record) -> dict[str, str]:
    """Pictures are numbered from 1, a hundred of each class of UC Merced in alphabetical order."""
    classes: list[str] = declaration("ucm")["classes"]
    stem = PurePath(record.name).stem
    number = int(stem) - 1 if stem.isdecimal() else -1
    known = 0 <= number < _PER_CLASS * len(classes)
    return {"class": classes[number // _PER_CLASS] if known else "unknown"}


open_dataset, write_sample, prepare, verify = reader("ucm-captions", _class)
