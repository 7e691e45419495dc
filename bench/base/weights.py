"""Weights: safetensors into a model and out of it, every tensor checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from bench.base.errors import BenchError
from bench.base.files import atomic_path

if TYPE_CHECKING:
    import torch

MAX_HEADER = 16 << 20
"""Largest header of a safetensors file that is read, in bytes."""

MAX_TENSORS = 100_000
"""The most tensors in a safetensors file that is read."""

_FLOATS = ("F64", "F32", "F16", "BF16")
_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}


def fill(model: torch.nn.Module, path: Path, prefix: str = "") -> None:
    """Replace all parameters and buffers of a model by those in a safetensors file.

    Args:
        model: whose tensors are overwritten in place.
        path: the file.
        prefix: what the names in the file begin with, before the model's own names.

    Raises:
        BenchError: the file is missing, damaged or not safetensors; a tensor is missing or not the
            model's, has another shape or dtype, or holds NaN or infinity.
    """
    wanted = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    with _opened(path) as stored:
        _check_all(path, wanted, stored)
        for name, target in wanted.items():
            tensor = stored.get_tensor(name)
            _check_finite(path, name, tensor)
            target.copy_(tensor)


def check(model: torch.nn.Module, path: Path, prefix: str = "") -> int:
    """Compare the names, shapes and dtypes in a safetensors file with those of a model.

    Returns:
        The number of tensors.

    Raises:
        BenchError: as for `fill`.
    """
    wanted = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    with _opened(path) as stored:
        _check_all(path, wanted, stored)
    return len(wanted)


def check_finite(path: Path) -> int:
    """Read all tensors of a safetensors file.

    Returns:
        The number of tensors.

    Raises:
        BenchError: the file is damaged, or a tensor holds NaN or infinity.
    """
    with _opened(path) as stored:
        names = stored.keys()
        for name in names:
            if stored.get_slice(name).get_dtype() in _FLOATS:
                _check_finite(path, name, stored.get_tensor(name))
        return len(names)


def shapes(path: Path) -> dict[str, list[int]]:
    """The shape of every tensor of a safetensors file by name.

    Raises:
        BenchError: the file is missing, damaged or not safetensors.
    """
    with _opened(path) as stored:
        return {name: stored.get_slice(name).get_shape() for name in stored.keys()}  # noqa: SIM118


def read(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file by name.

    Raises:
        BenchError: the file is missing, damaged or not safetensors.
    """
    with _opened(path) as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def save(model: torch.nn.Module, path: Path) -> None:
    """Write all parameters and buffers of a model; equal tensors give equal bytes.

    The file appears whole or not at all.
    """
    save_tensors(model.state_dict(), path)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write named tensors as `save` does."""
    import torch
    from safetensors.torch import save_file

    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={"format": "pt"})


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file of bounded header and number of tensors."""
    _check_header(path)
    try:
        with safe_open(path, framework="pt") as stored:
            if (count := len(stored.keys())) > MAX_TENSORS:
                raise _damaged(path, f"it holds {count} tensors, at most {MAX_TENSORS} are read")
            yield stored
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error


def _check_all(path: Path, wanted: Mapping[str, torch.Tensor], stored: Any) -> None:
    _check_names(path, wanted, set(stored.keys()))
    for name, target in wanted.items():
        found = stored.get_slice(name)
        _check_kind(path, name, target, found.get_shape(), found.get_dtype(), wanted)


def _check_finite(path: Path, name: str, tensor: torch.Tensor) -> None:
    import torch

    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        bad = int((~torch.isfinite(tensor)).sum())
        raise BenchError(
            f"{path}: tensor {name:.100} holds {bad} values that are NaN or infinite",
            "the training diverged or the file is damaged: use another checkpoint",
        )


def _check_header(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise BenchError(f"weights {path} can't be read: no plain file", "put the file there")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            header = int.from_bytes(stream.read(8), "little")
    except OSError as error:
        raise BenchError(
            f"weights {path} can't be read: {error.strerror}", "does the entry name this file?"
        ) from error
    if size < 8 or header > size - 8:
        raise _damaged(path, f"{size} bytes can't hold a header of {header} bytes")
    if header > MAX_HEADER:
        raise _damaged(path, f"its header has {header} bytes, at most {MAX_HEADER} are read")


def _damaged(path: Path, found: str) -> BenchError:
    return BenchError(
        f"{path} is not a whole safetensors file: {found}",
        "fetch or save it again; weights in other formats are not opened",
    )


def _check_names(path: Path, wanted: Mapping[str, torch.Tensor], found: set[str]) -> None:
    missing, extra = sorted(set(wanted) - found), sorted(found - set(wanted))
    if missing or extra:
        faults = [
            f"{len(names)} {what} (first {names[0]:.100})"
            for what, names in (("missing", missing), ("unexpected", extra))
            if names
        ]
        raise BenchError(
            f"{path}: expected the {len(wanted)} tensors of the architecture, "
            f"found {' and '.join(faults)}",
            "do architecture, arguments and weights_prefix in entry.toml belong to these weights?",
        )


def _check_kind(
    path: Path,
    name: str,
    target: torch.Tensor,
    shape: list[int],
    dtype: str,
    wanted: Mapping[str, torch.Tensor],
) -> None:
    if list(target.shape) != shape:
        first = next((key for key, tensor in wanted.items() if tensor.ndim == 4), None)
        if name == first and len(shape) == 4 and shape[1] != target.shape[1]:
            hint = (
                f"the weights take {shape[1]} channels, the input contract has {target.shape[1]}: "
                "it is probably not the contract of these weights"
            )
        else:
            hint = "do architecture and arguments in entry.toml belong to these weights?"
        raise BenchError(
            f"{path}: tensor {name} has shape {shape}, expected {list(target.shape)}", hint
        )
    expected = _DTYPES.get(str(target.dtype).removeprefix("torch."), str(target.dtype))
    if dtype != expected:
        raise BenchError(
            f"{path}: tensor {name} has dtype {dtype}, expected {expected}",
            "convert the weights to the dtypes of the architecture",
        )
