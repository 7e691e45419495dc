"""How pictures in class folders are divided into training, validation and test split.

The declaration of a dataset names a rule under ``[division]``:

==========  ======================================================================================
rule        the splits
==========  ======================================================================================
``lists``   of published lists beside the data: files with the names of pictures, a line each
``hash``    all pictures in the order of the MD5 of ``salt`` + name, cut at ``shares``
``strata``  the same within each class, so that every split has every class alike
==========  ======================================================================================

With the salt ``train``, ``hash`` is the order of TensorFlow Datasets where names of files are the
keys of examples: ``train[:60%]``, ``train[60%:80%]`` and ``train[80%:]`` of it are the splits of
M. Neumann et al., arXiv:1911.06721.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from bench.base import text
from bench.base.errors import BenchError

SPLITS = ("train", "validation", "test")

_LARGEST = 16 << 20
"""Bytes of a list; the largest published one has half a MB."""


def divided(
    rule: Mapping[str, Any], labels: Mapping[str, int], root: Path, split: str, size: int | None
) -> list[str]:
    """The samples of a split, sorted.

    Args:
        rule: ``[division]`` of a dataset's declaration.
        labels: the class of each picture, by name.
        root: of the data, in which lists are looked for.
        split: one of `SPLITS`.
        size: how many samples the published split has, if that is known.

    Raises:
        BenchError: there is no list of the split, it repeats a name, or has the published length
            but other content.
    """
    if rule["rule"] == "lists":
        return _listed(rule, labels, root, split, size)
    groups: dict[int, list[str]] = {}
    for name, label in labels.items():
        groups.setdefault(label if rule["rule"] == "strata" else 0, []).append(name)
    place = SPLITS.index(split)
    found = []
    for names in groups.values():
        ordered = sorted(names, key=lambda name: (_md5(rule["salt"] + name), name))
        # In whole percents, so that no rounding of fractions decides.
        cuts = [len(ordered) * sum(rule["shares"][:count]) // 100 for count in range(4)]
        found += ordered[cuts[place] : cuts[place + 1]]
    return sorted(found)


def lists(rule: Mapping[str, Any], root: Path) -> dict[str, Path]:
    """The lists of a dataset that lie beside its data, by split."""
    declared = rule["lists"] if rule.get("rule") == "lists" else {}
    paths = {split: root / one["file"] for split, one in declared.items()}
    return {split: path for split, path in paths.items() if path.is_file()}


def _listed(
    rule: Mapping[str, Any], labels: Mapping[str, int], root: Path, split: str, size: int | None
) -> list[str]:
    declared = rule["lists"][split]
    path = root / declared["file"]
    where = f"download {rule['url']}{declared['file']} and put it into {root}"
    if not path.is_file():
        raise BenchError(
            f"the {split} split is a published list, which is not there: {path}",
            f"{where}; those of the other splits, too",
        )
    names = text.read(path, _LARGEST).split()
    if len(set(names)) < len(names):
        raise BenchError(f"{path} names some of its {len(names):,} pictures twice", where)
    found = _md5("\n".join(names))
    if len(names) == size and found != declared["md5"]:
        raise BenchError(
            f"{path}: expected the published list with MD5 {declared['md5']}, found {found}", where
        )
    # Lists are of JPEGs; the same places are published as GeoTIFFs, and people convert files.
    on_disk = {PurePath(name).stem: name for name in labels}
    return sorted(on_disk.get(PurePath(name).stem, name) for name in names)


def _md5(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
