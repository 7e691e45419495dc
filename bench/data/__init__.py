"""Datasets: a declaration (``<name>.toml``) and a reader (``<name>.py``) for each.

A reader is a module with the functions of `Reader`; what it opens is a `Dataset`. A kind may ask
a dataset for more than `Dataset` has (its targets); it says so in its own module. A dataset of a
plug-in has the reader that its entry point names, and the declaration beside it.
"""

import functools
import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from bench.base import bounded_toml, plugins
from bench.base.errors import RequestError, unknown
from bench.base.paths import data_root
from bench.data import listing, samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

Progress = Callable[[int, int], None]
"""Called with the number of items done and the number of all items."""

Checked = Literal["fingerprint", "count", "unverified"]
"""What the ids of a split were held to: a published fingerprint, a published count, or nothing."""


class Dataset(Protocol):
    """An opened dataset: a list of samples for each split and their native pixels."""

    @property
    def layout(self) -> str:
        """The on-disk layout that is read, in a word or two."""
        ...

    def fingerprint(self) -> str:
        """The SHA-256 of what declares samples, splits and targets."""
        ...

    def ids(self, split: str) -> list[str]:
        """The sample ids of a split by the official declaration, sorted, on disk or not."""
        ...

    def present(self, bands: Sequence[str]) -> list[str]:
        """The sample ids, of every split and of none, whose bands are on disk, sorted."""
        ...

    def read(self, sample: str, bands: Sequence[str]) -> "dict[str, NDArray[Any]]":
        """The named bands of one sample as two-dimensional arrays, native size, dtype and unit.

        Raises:
            BenchError: a file is missing, damaged or not of this dataset.
        """
        ...

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """What samples can be grouped by (country, season, ...), one value per sample."""
        ...


@runtime_checkable
class Measured(Dataset, Protocol):
    """A dataset whose own files say by what its bands are normalised."""

    def moments(self, bands: Sequence[str]) -> tuple[dict[str, tuple[float, float]], str]:
        """What is subtracted from each band and what it is divided by; and where that stands.

        Raises:
            BenchError: the files are missing or damaged.
        """
        ...


@dataclass(frozen=True)
class Check:
    """One finding of `Reader.verify`."""

    name: str
    passed: bool
    found: str

    @classmethod
    def of(cls, name: str, faults: Sequence[str], otherwise: str) -> "Check":
        """A check that passes without faults; what was found is their number and the first."""
        found = f"{len(faults)} faults, the first: {faults[0]}" if faults else otherwise
        return cls(name, passed=not faults, found=found)


class Reader(Protocol):
    """What the module of a dataset offers."""

    def open_dataset(self, root: Path) -> Dataset:
        """Open what is under ``root`` in whichever official layout it is."""
        ...

    def write_sample(self, root: Path) -> None:
        """Write the simulated data of the sample track under ``root``, in the official layout."""
        ...

    def prepare(self, root: Path, workers: int, progress: Progress) -> Path:
        """Turn the official layout under ``root`` into the fast store; resumable."""
        ...

    def verify(self, root: Path, pixels: int, progress: Progress) -> Iterable[Check]:
        """Compare what is under ``root`` with the declaration, reading ``pixels`` samples."""
        ...


_NEEDED = (
    *("title", "licence", "citation", "url", "size", "sample_version", "layout"),
    *("classes", "bands", "inputs", "preprocessing"),
)
"""What every declaration holds."""


@functools.cache
def own() -> Mapping[str, Path]:
    """The declarations of the datasets that the harness has itself, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*/*.toml"))}


def declared() -> list[str]:
    """The names of all datasets."""
    return sorted([*own(), *plugins.offered("datasets", own())])


@functools.cache
def declaration(name: str) -> Mapping[str, Any]:
    """The declaration of a dataset as it stands in its TOML file, read once; not to be changed.

    Raises:
        RequestError: no dataset has this name, or a plug-in's lacks what every declaration holds.
    """
    if name in own():
        return bounded_toml.read(own()[name])
    path = plugins.declaration(_plugin(name))
    found = bounded_toml.read(path)
    if missing := [key for key in _NEEDED if key not in found]:
        raise RequestError(
            f"{path} declares no {', '.join(missing)}", "`bench data list` shows what they are for"
        )
    return found


def _plugin(name: str) -> plugins.Plugin:
    found = plugins.find("datasets", name, own())
    if found is None:
        raise unknown("dataset", name, declared())
    return found


def published(name: str) -> Mapping[str, Mapping[str, Any]]:
    """What is published of the splits of a dataset, by split: ``size``, ``ids_sha256``, ``source``.

    It stands beside the tasks, whose digests it doesn't touch: what a split has always held can
    become known without another version of the tasks on it.

    Raises:
        RequestError: no dataset has this name.
    """
    found: Mapping[str, Mapping[str, Any]] = declaration(name).get("published", {})
    return found


def together(name: str) -> Sequence[Mapping[str, Any]]:
    """What is published of several splits taken together only.

    Each has ``splits``, their ``size`` or ``ids_sha256`` together, ``shares`` where it is known how
    the samples are shared out (to within ``within``), and ``source``.
    """
    found: Sequence[Mapping[str, Any]] = declaration(name).get("together", [])
    return found


def checked(name: str, split: str, own: Mapping[str, Any]) -> Checked:
    """What a copy of a split is held to.

    Args:
        name: of the dataset.
        split: one of its splits.
        own: what a task on it says of the split itself.
    """
    known = [own, published(name).get(split, {})]
    known += [group for group in together(name) if split in group["splits"]]
    if any(one.get("ids_sha256") for one in known[:2]):
        return "fingerprint"
    return "count" if any(one.get("size") for one in known) else "unverified"


def reader(name: str) -> Reader:
    """The reader of a dataset; imports its module.

    Raises:
        RequestError: no dataset has this name.
        BenchError: the module of a plug-in can't be imported.
    """
    if name in own():
        folder = own()[name].parent.name
        module: Any = importlib.import_module(f"bench.data.{folder}.{name.replace('-', '_')}")
    else:
        module = plugins.load(_plugin(name))
    return module  # type: ignore[no-any-return]


def ids_sha256(samples: Sequence[str]) -> str:
    """The fingerprint of a set of samples: SHA-256 of the sorted ids, a line each."""
    return hashlib.sha256("".join(f"{sample}\n" for sample in sorted(samples)).encode()).hexdigest()


def scored_ids(dataset: Dataset, name: str, split: str, bands: Sequence[str]) -> list[str]:
    """The samples of a split that a copy of the dataset ``name`` is asked for.

    All of them; where only links are published, those that could still be obtained.
    """
    samples = dataset.ids(split)
    if not declaration(name).get("links_rot", False):
        return samples
    there = set(dataset.present(bands))
    return [sample for sample in samples if sample in there]


def official_root(name: str) -> Path:
    """The folder in which the published dataset is looked for; it may be another one's."""
    return data_root() / _folder(name)


def sample_root(name: str) -> Path:
    """The folder of the simulated data of the sample track."""
    return data_root() / "sample" / f"{_folder(name)}-{declaration(name)['sample_version']}"


def _folder(name: str) -> str:
    folder: str = declaration(name).get("folder", name)
    return folder


def ensure_sample(name: str, say: Callable[[str], None]) -> Path:
    """The folder of the simulated data; made first where it isn't there, or isn't whole."""
    root = sample_root(name)
    samples.ensure(name, root, reader(name).write_sample, say)
    return root


def sample_sha256(root: Path) -> str:
    """The hash of the simulated data, as noted when it was made."""
    return samples.sha256(root)


def is_there(root: Path) -> bool:
    """Whether a dataset's folder exists and holds anything but what systems leave in folders."""
    return root.is_dir() and bool(listing.scan(root))


def require(root: Path, name: str) -> None:
    """Refuse a dataset that is not there.

    Raises:
        RequestError: ``root`` doesn't exist or is empty.
    """
    if not is_there(root):
        packed = listing.packed(root.parent, name)
        raise RequestError(
            f"dataset {name} is not at {root}"
            + (f", {packed[0]} lies beside it" if packed else ""),
            (f"unpack it into {root}; " if packed else "")
            + "`bench data list` says where to get it; or use `--track sample`; "
            f"BENCH_DATA names the folder that holds {name}/",
        )
