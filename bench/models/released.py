"""Weights as their authors released them, turned into those of an architecture here.

A released file holds tensors under the names of its authors' modules. Those that are called as
here are taken as they are; others by a key map of the architecture (`bench.spec.keys`). Every
tensor of the architecture is filled, shapes are equal, and nothing of the file is left but what the
map drops.
"""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.base import pickles
from bench.base.errors import BenchError
from bench.spec import keys
from bench.spec.keys import KeyMap, Rename

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]

SAFE = ".safetensors"
"""Files of this suffix hold nothing but tensors; others are taken for pickles."""

_SHOWN = 100
_MOST_LARGER = 20
"""How many times larger than an archive what it holds may be: weights hardly shrink."""


def is_pickle(file: Path) -> bool:
    """Whether a released file must be read as a pickle, which is a program."""
    return file.suffix != SAFE


def write(
    files: Sequence[Path],
    model: torch.nn.Module,
    architecture: str,
    target: Path,
    folder: Path,
) -> None:
    """Write the tensors of released files as the weights of a model, and fill the model with them.

    Args:
        files: one, or one for each network of an architecture that holds several.
        model: of the architecture, with any weights.
        architecture: as an entry names it.
        target: the safetensors file, which appears as a whole.
        folder: an empty one for what is made in between; pickles are read in it by a child process.

    Raises:
        RequestError: a file is missing or too large.
        BenchError: a file holds more than tensors, or not those of the architecture, or values that
            are NaN or infinite.
    """
    from bench.base import weights

    wanted = model.state_dict()
    found = [(file.name, _read(file, folder)) for file in files]
    made = fitted(found, wanted, keys.of(architecture))
    cast = {
        name: tensor.to(wanted[name].dtype)
        # Some are published in half of the precision of the architecture.
        if name in wanted and tensor.is_floating_point() and wanted[name].is_floating_point()
        else tensor
        for name, tensor in made.items()
    }
    weights.save_tensors(cast, target)
    weights.fill(model, target)


def fitted(
    files: Sequence[tuple[str, Tensors]], wanted: Tensors, maps: Sequence[KeyMap]
) -> dict[str, torch.Tensor]:
    """The tensors of released files under the names of an architecture.

    Args:
        files: the name of each, and its tensors by released name.
        wanted: the tensors of the architecture.
        maps: its key maps, of which the one that fits is taken.

    Returns:
        By name; unchanged where there is no key map, for their reader to compare.

    Raises:
        BenchError: no key map fits.
    """
    together = {name: tensor for _, tensors in files for name, tensor in tensors.items()}
    if not maps or set(together) == set(wanted):
        return together
    faults: list[_Misfit] = []
    for one in maps:
        made = _by_parts(files, wanted, one) if one.parts else _whole(files, wanted, one)
        if not isinstance(made, _Misfit):
            return made
        faults.append(made)
    worst = min(faults, key=lambda fault: fault.misses)
    raise BenchError(worst.message, worst.hint)


@dataclass(frozen=True)
class _Misfit:
    """That a key map doesn't fit: how many tensors are wrong, and the error for it."""

    misses: int
    message: str
    hint: str


def _whole(
    files: Sequence[tuple[str, Tensors]], wanted: Tensors, map_: KeyMap
) -> dict[str, torch.Tensor] | _Misfit:
    if len(files) > 1:
        return _Misfit(
            len(wanted),
            f"expected one file for {map_.architecture}, found {len(files)}",
            "name the file of one checkpoint",
        )
    return _named(*files[0], wanted, map_)


def _by_parts(
    files: Sequence[tuple[str, Tensors]], wanted: Tensors, map_: KeyMap
) -> dict[str, torch.Tensor] | _Misfit:
    """The tensors of an architecture of several networks, one file for each."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in wanted.items():
        part, _, rest = name.removeprefix(f"{map_.parts}.").partition(".")
        parts.setdefault(part, {})[rest] = tensor
    filled: dict[str, tuple[str, dict[str, torch.Tensor]]] = {}
    for file, tensors in files:
        tried = {part: _named(file, tensors, own, map_) for part, own in parts.items()}
        fitting = {part: made for part, made in tried.items() if isinstance(made, dict)}
        if not fitting:
            faults = [made for made in tried.values() if isinstance(made, _Misfit)]
            return min(faults, key=lambda fault: fault.misses)
        ((part, made), *_) = fitting.items()
        if part in filled:
            return _Misfit(
                0,
                f"{filled[part][0]} and {file} are both of {part}",
                "give one file for each network",
            )
        filled[part] = (file, made)
    lacking = [part for part in parts if part not in filled]
    if lacking:
        return _Misfit(
            0,
            f"expected a file for each of {', '.join(parts)}, found none for {', '.join(lacking)}",
            "give these as well, or an architecture with fewer networks "
            f'(rates = "{" ".join(part.removeprefix("cr") for part in filled)}")',
        )
    return {
        f"{map_.parts}.{part}.{name}": tensor
        for part, (_, made) in filled.items()
        for name, tensor in made.items()
    }


def _named(
    file: str, tensors: Tensors, wanted: Tensors, map_: KeyMap
) -> dict[str, torch.Tensor] | _Misfit:
    """The tensors of one file under the names that are wanted."""
    by_rule = map_.names(tensors)
    made, misshapen = {}, []
    for released, (name, rule) in by_rule.items():
        if name in wanted:
            shaped = _shaped(tensors[released], wanted[name], rule)
            if shaped is None:
                misshapen.append(
                    f"{released:.{_SHOWN}} has shape {list(tensors[released].shape)}, expected "
                    f"{_expected(wanted[name], rule)}"
                )
            else:
                made[name] = shaped
    known = {name for name, _ in by_rule.values()}
    missing = [name for name in wanted if name not in known]
    left = [
        name
        for name in tensors
        if not map_.drops(name) and (name not in by_rule or by_rule[name][0] not in wanted)
    ]
    if not (missing or left or misshapen):
        return made
    faults = [
        f"{len(names)} {what} (first {names[0]:.{_SHOWN}})"
        for what, names in (("missing", missing), ("left over", left))
        if names
    ]
    if misshapen:
        faults.append(f"{len(misshapen)} of another shape ({misshapen[0]})")
    return _Misfit(
        len(missing) + len(left) + len(misshapen),
        f"{file}: expected the {len(wanted)} tensors of {map_.architecture}, found by the key map "
        f"{map_.name} {' and '.join(faults)}",
        f"is it a checkpoint of {map_.source}, and do the arguments belong to it?",
    )


def _shaped(tensor: torch.Tensor, wanted: torch.Tensor, rule: Rename) -> torch.Tensor | None:
    """A released tensor in the shape that is wanted; None where it hasn't the one expected."""
    if list(tensor.shape) != _expected(wanted, rule):
        return None
    for _ in range(rule.leading):
        tensor = tensor[0]
    return tensor[: len(tensor) - rule.spare] if rule.spare else tensor


def _expected(wanted: torch.Tensor, rule: Rename) -> list[int]:
    """The shape of a released tensor."""
    shape = list(wanted.shape)
    if rule.spare:
        shape[0] += rule.spare
    return [1] * rule.leading + shape


def _read(file: Path, folder: Path) -> dict[str, torch.Tensor]:
    from bench.base import weights

    if not is_pickle(file):
        return weights.read(file)
    pickles.check_file(file)
    inner, between = folder / "unpacked", folder / "tensors.safetensors"
    pickles.tensors_of(inner if _unpack(file, inner) else file, between, folder)
    found = weights.read(between)
    for made in (inner, between):
        made.unlink(missing_ok=True)
    return found


def _unpack(file: Path, target: Path) -> bool:
    """Unpack the one checkpoint in a zip archive; whether the file is such an archive.

    torch's own files are zip archives as well, of the parts of one pickle: these are none.

    Raises:
        BenchError: the archive is damaged, holds no checkpoint or several, or one that would be far
            larger than the archive.
    """
    if not zipfile.is_zipfile(file):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if any(one.filename.endswith("/data.pkl") for one in members):
                return False
            found = [one for one in members if _is_checkpoint(PurePosixPath(one.filename))]
            if len(found) != 1:
                listed = ", ".join(one.filename for one in (found or members)[:8])
                raise BenchError(
                    f"expected one checkpoint in the archive {file.name}, found {len(found)}: "
                    f"{listed:.400}",
                    "unpack it and name the file",
                )
            size = found[0].file_size
            if size > min(pickles.MAX_BYTES, _MOST_LARGER * file.stat().st_size):
                raise BenchError(
                    f"{found[0].filename:.{_SHOWN}} in {file.name} would have {size:,} bytes",
                    "is it the archive that was published?",
                )
            with archive.open(found[0]) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BenchError(f"{file} can't be unpacked: {error}", "fetch it again") from error
    return True


def _is_checkpoint(path: PurePosixPath) -> bool:
    """Whether a file in an archive is called as checkpoints are; torch wants no suffix."""
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return not hidden and path.suffix in ("", ".pt", ".pth", ".bin", ".ckpt", ".tar")
