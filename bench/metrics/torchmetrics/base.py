"""What the metrics of this package have in common: names, results, kept values, checks of input."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from bench.base.errors import BenchError, RequestError, unknown
from bench.metrics.scales import direction

Floats = NDArray[np.float64]


class ExactMetric(Metric):
    """A `torchmetrics.Metric` with the values that a task of this project reports.

    Args:
        names: a name, for which ``compute`` returns a tensor, or several, for which it returns a
            dictionary of them.
        known: the names that there are.
        settings: numbers on which the states depend, so that `torchmetrics.MetricCollection`
            doesn't take the states of two metrics for one because they agree so far.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        RequestError: a name isn't among those known, or none is given.
    """

    is_differentiable: bool | None = False
    full_state_update: bool | None = False

    samples: Tensor

    def __init__(
        self,
        names: str | Sequence[str],
        known: Iterable[str],
        settings: Sequence[float] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.names = (names,) if isinstance(names, str) else tuple(names)
        self._one = isinstance(names, str)
        known = tuple(known)
        for name in self.names:
            if name not in known:
                raise unknown(f"metric of {type(self).__name__}", name, known)
        if not self.names:
            raise RequestError("expected the name of a metric, found none", f"as in {known[0]!r}")
        directions = {direction(name) for name in self.names}
        # torchmetrics lets nobody assign it, and reads it from the instance.
        vars(self)["higher_is_better"] = directions == {1.0} if len(directions) == 1 else None
        self._dtypes: dict[str, torch.dtype] = {}
        self._sum("samples", ())
        if settings:
            self.add_state("settings", torch.tensor(settings, dtype=torch.float32), "max")

    def compute(self) -> Tensor | dict[str, Tensor]:
        """The values of all that was seen since the last reset, on the metric's device.

        They are float64, or float32 where the device has no other.

        Raises:
            BenchError: nothing was.
        """
        if not int(self.samples):
            raise BenchError(
                f"{type(self).__name__} has seen no sample", "call update before compute"
            )
        found = self._values()
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        values = {
            name: torch.as_tensor(np.array(found[name], np.float64)).to(self.device, kind)
            for name in self.names
        }
        return values[self.names[0]] if self._one else values

    @abstractmethod
    def _values(self) -> Mapping[str, Floats]:
        """Every metric by name, from the states."""

    def _sum(self, name: str, shape: tuple[int, ...]) -> None:
        """Add a state of whole numbers that add up over batches and processes."""
        self.add_state(name, torch.zeros(shape, dtype=torch.int64), "sum")

    def _add(self, name: str, counts: Tensor | NDArray[np.int64] | int) -> None:
        """Add the counts of a batch to a state."""
        # Not in place: a state that was reset in inference mode can't be changed out of it.
        setattr(self, name, getattr(self, name) + torch.as_tensor(counts, device=self.device))

    def _list(self, name: str, dtype: torch.dtype) -> None:
        """Add a state that keeps values of every sample, one after the other."""
        self._dtypes[name] = dtype
        self.add_state(name, [], "cat")

    def _append(self, name: str, values: Tensor | NDArray[Any]) -> None:
        """Keep the values of a batch: a copy, which nobody else changes."""
        kept = torch.as_tensor(values).detach()
        if self._dtypes[name] == torch.float64:
            # As their bits: not every device has numbers of this type.
            kept = kept.cpu().to(torch.float64, copy=True).reshape(-1).view(torch.int64)
            getattr(self, name).append(kept.to(self.device))
            return
        kept = kept.to(self.device, self._dtypes[name], copy=True)
        getattr(self, name).append(kept.reshape(-1))

    def _kept(self, name: str) -> NDArray[Any]:
        """All values kept under a name, [values]."""
        state = getattr(self, name)
        if isinstance(state, list) and not state:
            state = [self._nothing(name)]
        values: NDArray[Any] = dim_zero_cat(state).cpu().view(self._dtypes[name]).numpy()
        return values

    def _nothing(self, name: str) -> Tensor:
        """No values, of the type in which they are kept."""
        kept = torch.int64 if self._dtypes[name] == torch.float64 else self._dtypes[name]
        return torch.empty(0, dtype=kept, device=self.device)

    def _sync_dist(self, *args: Any, **kwargs: Any) -> None:
        """As torchmetrics does, but that a process without samples gives lists of their type."""
        for name in self._dtypes:
            if isinstance(state := getattr(self, name), list) and not state:
                setattr(self, name, [self._nothing(name)])
        super()._sync_dist(*args, **kwargs)


def rows(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Kept values [N * width] as [N, width]."""
    return values.reshape(-1, width)


def floats(values: Tensor, what: str) -> Tensor:
    """Numbers of a model as float32, or float64 where they are, without NaN.

    Raises:
        BenchError: they aren't floating-point numbers, or one is NaN.
    """
    if not values.is_floating_point():
        raise BenchError(
            f"expected {what} as floating-point numbers, found {values.dtype}",
            "pass what the model returns, before any decision",
        )
    values = values.detach()
    values = values if values.dtype == torch.float64 else values.float()
    if wrong := int(values.isnan().sum()):
        raise BenchError(
            f"expected {what} without NaN, found {wrong} of {values.numel()}",
            "look for NaN in the model's weights and in its input",
        )
    return values


def indices(values: Tensor, size: int, what: str) -> Tensor:
    """Whole numbers in [0, size) as int64.

    Raises:
        BenchError: they aren't integers, or one is outside.
    """
    if values.is_floating_point() or values.is_complex():
        raise BenchError(f"expected {what} as integers, found {values.dtype}")
    values = values.detach().long()
    outside = (values < 0) | (values >= size)
    if bool(outside.any()):
        raise BenchError(f"expected {what} in [0, {size}), found {int(values[outside][0])}")
    return values


def same_shape(preds: Tensor, target: Tensor, form: str) -> None:
    """Refuse predictions and targets that aren't of one shape.

    Raises:
        BenchError: they aren't.
    """
    if preds.shape != target.shape:
        raise BenchError(
            f"expected predictions and targets of one shape {form}, found "
            f"{list(preds.shape)} and {list(target.shape)}"
        )
