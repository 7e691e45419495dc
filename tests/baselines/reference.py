"""Networks held to numbers: weights and inputs by rule, and what came of them once.

A network that was compared with the code of its authors is filled with weights that follow from
the names of its tensors alone, sees inputs that follow from a name too, and has to give the
numbers that stand in ``reference_outputs/FAMILY.toml``, written when both agreed. In a test::

    network = reference.fill(Network(...)).eval()
    found = network(reference.numbers("images", (2, 10, 120, 120)))
    reference.check("family", "name", found)

A name that the file doesn't have fails with the table to add. ``fill`` takes other names for
tensors, so that the original, whose tensors are called otherwise, can be given the same weights.
"""

import hashlib
import math
import tomllib
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).parent / "reference_outputs"
_KEPT = 12


def numbers(name: str, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Numbers of variance 1 that follow from a name: the same on every machine.

    They are even over [-sqrt(3), sqrt(3)): element i is the hash SplitMix64 of i, begun at the
    first eight bytes of the SHA-256 of the name. G. L. Steele et al., Fast splittable pseudorandom
    number generators, OOPSLA 2014.
    """
    return torch.from_numpy(math.sqrt(3) * _uniform(name, tuple(shape))).to(dtype)


def _uniform(name: str, shape: Sequence[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Float64 in [-1, 1)."""
    begin = np.uint64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    step, first, second = (
        np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
    )
    with np.errstate(over="ignore"):
        state = begin + step * np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        state = (state ^ (state >> np.uint64(30))) * first
        state = (state ^ (state >> np.uint64(27))) * second
        state ^= state >> np.uint64(31)
    return ((state >> np.uint64(11)) * 2.0**-52 - 1).reshape(shape)


def fill(
    module: torch.nn.Module,
    rename: Callable[[str], str] = str,
    keep: Sequence[str] = (),
) -> torch.nn.Module:
    """Overwrite all weights and statistics of a network with numbers that follow from their names.

    Matrices and kernels have a variance of one over their inputs, weights of one axis, such as
    those of norms, are near 1, variances between 0.5 and 1.5, biases and means near 0, so that
    every tensor shows in the output. Integers stay.

    Args:
        module: a network; is changed.
        rename: what a tensor of its ``state_dict`` is called in ours.
        keep: patterns of names, after renaming, of tensors that stay, such as fixed tables.

    Returns:
        The same network.
    """
    with torch.no_grad():
        for own, tensor in module.state_dict(keep_vars=True).items():
            name = rename(own)
            if tensor.is_floating_point() and not any(fnmatch(name, one) for one in keep):
                tensor.copy_(torch.from_numpy(_weight(name, tensor.shape)))
    return module


def _weight(name: str, shape: torch.Size) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = _uniform(name, shape)
    if name.endswith("running_var"):
        return 1 + values / 2
    if name.endswith(("running_mean", "bias")):
        return values / 10
    if len(shape) < 2:
        return 1 + values / 10
    return values * math.sqrt(3 / math.prod(shape[1:]))


def check(family: str, name: str, found: torch.Tensor) -> None:
    """Compare a tensor with the numbers that are kept of it.

    The file has its shape, the root of its mean square, and `_KEPT` of its elements, evenly from
    first to last; each may differ by ``tolerance`` times that root.

    Raises:
        AssertionError: they differ, or the file has no such table; the message has the one to add.
    """
    flat = found.detach().reshape(-1).to(torch.float64)
    places = torch.linspace(0, len(flat) - 1, min(_KEPT, len(flat)), dtype=torch.float64).long()
    rms, values = float(flat.square().mean().sqrt()), flat[places]
    path = FOLDER / f"{family}.toml"
    known = tomllib.loads(path.read_text()).get(name) if path.exists() else None
    if known is None:
        kept = ", ".join(f"{value:.8g}" for value in values.tolist())
        raise AssertionError(
            f"{path.name} has no {name}. Compare it with the original, then add:\n\n[{name}]\n"
            f'source = "what the numbers were compared with"\ntolerance = 1e-5\n'
            f"shape = {list(found.shape)}\nrms = {rms:.8g}\nvalues = [{kept}]"
        )
    assert list(found.shape) == known["shape"], f"{name}: shape {list(found.shape)}"
    most = known["tolerance"] * known["rms"]
    assert abs(rms - known["rms"]) <= most, f"{name}: root mean square {rms}, not {known['rms']}"
    apart = (values - torch.tensor(known["values"], dtype=torch.float64)).abs().max()
    assert apart <= most, f"{name}: an element differs by {float(apart):.3g}, more than {most:.3g}"
