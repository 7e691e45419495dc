"""Lists of the patches that each client of a federation holds, as they were published.

A folder ``scenario1``, ``scenario2`` or ``scenario3`` holds a text file for each client, whose name
contains ``train``: a BigEarthNet v1.0 name of a Sentinel-2 patch in each line, without a heading.
``all_test.csv`` beside them, of the same form, lists what was tested on.

Source: the folder ``data`` of https://github.com/felix-zailskas/CV4RS at commit 13d33c9, which
belongs to the report behind arXiv:2405.15405.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base import text
from bench.base.errors import BenchError
from bench.data.listing import scan

FOLDER = "federated-lists"
"""Where the folders of the scenarios are, within that of the dataset."""

SCENARIOS = (1, 2, 3)

_PUBLISHED = "https://github.com/felix-zailskas/CV4RS"
_NAME = re.compile(r"S2[AB]_MSIL2A_\d{8}T\d{5,6}_\d{1,2}_\d{1,2}", re.ASCII)
_LARGEST = 64 * 2**20
_SUMMER = (6, 7, 8)


@dataclass(frozen=True)
class ClientList:
    """What a list says a client holds.

    Attributes:
        rows: int64, which of the asked samples those are, rising.
        left_out: how many names of the list are of none of them.
    """

    rows: NDArray[np.int64]
    left_out: int


def read(root: Path, scenario: int, v1_names: Sequence[str]) -> dict[str, ClientList]:
    """The clients of a scenario and which of some samples each holds.

    Args:
        root: of the dataset.
        scenario: 1, 2 or 3.
        v1_names: the v1.0 name of each sample.

    Returns:
        By the name of the client, that of its file without ``train``, in alphabetical order.

    Raises:
        BenchError: the folder or its lists aren't there, or a line is no name of a patch, or a
            list names one twice.
    """
    folder = root / FOLDER / f"scenario{scenario}"
    files = [
        Path(entry.path)
        for entry in (scan(folder) if folder.is_dir() else [])
        if entry.is_file() and entry.name.endswith(".csv") and "train" in entry.name
    ]
    if not files:
        raise BenchError(
            f"{folder} holds no lists of clients",
            f"copy data/scenario{scenario} of {_PUBLISHED} there",
        )
    row_of = {name: row for row, name in enumerate(v1_names)}
    found = {}
    for path in files:
        names = _names(path)
        rows = sorted(row_of[name] for name in names if name in row_of)
        client = " ".join(part for part in path.stem.split("_") if part != "train")
        found[client] = ClientList(np.array(rows, np.int64), len(names) - len(rows))
    return found


def _names(path: Path) -> list[str]:
    lines = text.read(path, _LARGEST).splitlines()
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    for number, name in enumerate(names, 1):
        if not _NAME.fullmatch(name):
            raise BenchError(
                f"{path}, line {number}: expected the name of a BigEarthNet v1.0 patch, found "
                f"{name[:100]!r}",
                "such as S2A_MSIL2A_20170613T101031_74_80, one a line and nothing else",
            )
    if len(set(names)) < len(names):
        raise BenchError(f"{path} names a patch twice", f"download it again from {_PUBLISHED}")
    return names


class Patch(NamedTuple):
    """A patch that simulated lists may name.

    Attributes:
        v1_name: its name in BigEarthNet v1.0.
        country: where it lies.
        month: of its image, 1 to 12.
        tested: whether it is one to test on.
    """

    v1_name: str
    country: str
    month: int
    tested: bool


def write(root: Path, patches: Sequence[Patch]) -> None:
    """Write lists of all three scenarios in the published layout.

    As in the published ones, the first and the second name patches of June to August only, the
    first dealt at random with the sizes of the second.
    """
    summer = [patch for patch in patches if patch.month in _SUMMER]
    learnt = [patch for patch in patches if not patch.tested]
    tested = [patch.v1_name for patch in summer if patch.tested]
    third = _by_country(learnt)
    second = _by_country([patch for patch in learnt if patch.month in _SUMMER])
    every = np.random.default_rng(0).permutation(
        [one for names in second.values() for one in names]
    )
    ends = np.cumsum([len(names) for names in second.values()])[:-1]
    first = dict(zip(second, np.split(every, ends), strict=True))
    for scenario, clients, ending in ((1, first, "_random"), (2, second, ""), (3, third, "")):
        folder = root / FOLDER / f"scenario{scenario}"
        folder.mkdir(parents=True)
        for country, names in clients.items():
            _write(folder / f"{country.lower()}_train{ending}.csv", names)
        _write(folder / "all_test.csv", tested)


def _by_country(patches: Sequence[Patch]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for patch in sorted(patches, key=lambda patch: patch.country):
        found.setdefault(patch.country, []).append(patch.v1_name)
    return found


def _write(path: Path, names: Sequence[str] | NDArray[np.str_]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([name] for name in names)
