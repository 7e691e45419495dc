"""An encoder with a head: ``adapted:METHOD``, the network of an entry that a method makes."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, one_hot

import bench.base.torch_setup  # noqa: F401
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import FEATURES, Batch
from bench.kinds.common.class_maps import VOID
from bench.models import encoders, heads, methods
from bench.models.extraction import extracted
from bench.models.heads.base import Head
from bench.models.heads.captions import NearestCaptions
from bench.models.heads.steps import Attentive, Linear, UPerNet
from bench.spec.contract import InputContract
from bench.spec.encoder import Encoder, Level
from bench.spec.entry import Entry

_MOST_PLACES = 200_000
"""The most places of maps that a head is fitted on; more are drawn from at random."""


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> nn.Module:
    """Refuse to build what needs an encoder.

    Raises:
        RequestError: always; `bench.models.build` gives it the encoder of its entry.
    """
    raise RequestError(
        f"adapted:{rest} needs an encoder", "name one by --model and the method by --method"
    )


def network(entry: Entry, outputs: int) -> "Adapted":
    """The network of an entry that a method made of an encoder.

    Raises:
        RequestError: the encoder can't be built.
    """
    assert entry.encoder is not None
    method, given = methods.METHODS[entry.method], entry.model.arguments
    level: Level = "map" if given["level"] == "map" else "pooled"
    features, targets = int(given["features"]), str(given["targets"])
    head: nn.Module
    if targets == "caption":
        stored = weights.shapes(entry.weights) if entry.weights else {}
        head = NearestCaptions(features, stored.get("head.y", [0])[0])
    elif method.fitted:
        stored = weights.shapes(entry.weights) if entry.weights else {}
        samples = stored.get("head.y", [0])[0]
        head = heads.find(entry.method)(features, outputs, targets, samples)  # type: ignore[arg-type]
    elif entry.method == "attentive":
        head = Attentive(features, outputs)
    elif entry.method == "upernet":
        head = UPerNet(features, outputs, int(given.get("width", 256)))
    else:
        head = Linear(features, outputs)
    return Adapted(entry.encoder, head, level, targets, method.learns)


class Adapted(nn.Module):
    """Images, series or their features -> what the kind of a task asks for.

    Without weights of its own that are learnt, the encoder is loaded when it is first needed and
    isn't part of the state: the entry says where its weights are from and their hash.

    Args:
        encoder: its declaration; None where all that is seen are features that others computed.
        head: learnt on its features.
        level: of the features.
        targets: the form of the targets: ``labels``, ``class`` or ``value``.
        learns: which weights of the encoder are learnt: ``all``, ``adapters`` or ``none``.
    """

    def __init__(
        self, encoder: Encoder | None, head: nn.Module, level: Level, targets: str, learns: str
    ) -> None:
        super().__init__()
        self.head = head
        self._declared, self._level, self._targets = encoder, level, targets
        self._frozen: list[nn.Module] = []
        self._fits = isinstance(head, Head)
        if encoder is not None and learns != "none":
            self.encoder = encoders.network(encoder, drawn=True)
            self.encoder.requires_grad_(True)
        if learns == "adapters":
            self.encoder = low_rank(self.encoder)

    @property
    def choices(self) -> int:
        """How many solutions there are to choose from, once the head is fitted."""
        return self.head.choices if self._fits else 0  # type: ignore[return-value]

    @property
    def choices_named(self) -> list[str]:
        """What tells the solutions apart."""
        return self.head.choices_named  # type: ignore[return-value]

    def choose(self, index: int) -> None:
        """Take one of the solutions."""
        self.head.choose(index)  # type: ignore[operator]

    def fit(self, batches: Iterable[Batch]) -> None:
        """Fit the head on features of the training split; of maps on up to 200,000 places."""
        if isinstance(self.head, NearestCaptions):
            seen = list(batches)
            x = torch.cat([self._given(batch.inputs)[0].cpu() for batch in seen])
            self.head.fit(x, [captions[0] for batch in seen for captions in batch.targets])
            return
        parts = [self._sample(batch) for batch in batches]
        x, y, weight = (torch.cat(part) for part in zip(*parts, strict=True))
        used = weight > 0
        if not bool(used.all()):
            x, y, weight = x[used], y[used], weight[used]
        if self._level == "map" and len(x) > _MOST_PLACES:
            draw = torch.Generator().manual_seed(0)
            chosen = torch.randperm(len(x), generator=draw)[:_MOST_PLACES].sort().values
            x, y, weight = x[chosen], y[chosen], weight[chosen]
        self.head.fit(x, y, None if self._level == "pooled" else weight)  # type: ignore[operator]

    def caption(self, inputs: Any) -> list[str]:
        """The captions of the nearest training images.

        Raises:
            BenchError: the head doesn't hold captions.
        """
        if not isinstance(self.head, NearestCaptions):
            raise BenchError("the head holds no captions", "use it on a task of kind captioning")
        return self.head.caption(self._given(inputs)[0])

    def every(self, inputs: Any) -> torch.Tensor:
        """What each of the head's solutions makes of them, [choices, ...]."""
        found = self._given(inputs)[0]
        if self._level == "pooled":
            answered: torch.Tensor = self.head.every(found)  # type: ignore[operator]
            return answered
        places: torch.Tensor = self.head.every(found.movedim(1, -1))  # type: ignore[operator]
        return places.movedim(-1, 2)

    def forward(self, inputs: Any) -> torch.Tensor:
        """What the head makes of images, or of features that were extracted before."""
        found, known = self._given(inputs)
        if self._level == "pooled" or not self._fits:
            answered: torch.Tensor = self.head(found)
        else:
            answered = self.head(found.movedim(1, -1)).movedim(-1, 1)
        if not known and answered.ndim == 4:
            size = _size(inputs)
            if answered.shape[-2:] != size:
                answered = interpolate(answered, size=size, mode="bilinear", align_corners=True)
        return answered

    def features(self, inputs: Any) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns] of a batch.

        Args:
            inputs: images, or series by name; an encoder of single images sees each date by itself,
                and the features of the dates in each quarter of a year are averaged.

        Raises:
            BenchError: there is no encoder.
        """
        if self._declared is None:
            raise BenchError("expected features that were computed before, found images")
        return extracted(self._network(inputs, self._declared), self._declared, inputs, self._level)

    def _given(self, inputs: Any) -> tuple[torch.Tensor, bool]:
        """The features of inputs, and whether they were extracted before."""
        if isinstance(inputs, Mapping) and FEATURES in inputs:
            return inputs[FEATURES], True
        return self.features(inputs), False

    def _network(self, inputs: Any, declared: Encoder) -> nn.Module:
        if "encoder" in self._modules:
            return self.encoder
        if not self._frozen:
            # In a list it is no part of the state.
            self._frozen.append(encoders.network(declared).requires_grad_(False))
        first = next(iter(_tensors(inputs)))
        return self._frozen[0].to(first.device)

    def _sample(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features [M, F], targets [M, outputs] and weights [M] of images, or of places in them."""
        x = self._given(batch.inputs)[0].cpu()
        y = batch.targets.cpu()
        if self._level == "pooled":
            target = y.float() if self._targets == "labels" else self._shares(y)[0]
            return x, target, torch.ones(len(x))
        shares, valid = self._shares(y)
        size = (x.shape[-2], x.shape[-1])
        weight = adaptive_avg_pool2d(valid[:, None], size)
        mean = adaptive_avg_pool2d(shares, size) / weight.clamp(min=1e-12)
        if self._targets == "class":
            # Means in single precision add up to 1 but for rounding.
            mean = mean.clamp(0, 1)
        return (
            x.movedim(1, -1).flatten(0, 2),
            mean.movedim(1, -1).flatten(0, 2),
            weight[:, 0].flatten(),
        )

    def _shares(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One-hot classes or values [N, outputs, ...], 0 where nothing is known, and what is."""
        if self._targets == "value":
            valid = ~y.isnan()
            return torch.where(valid, y, 0.0)[:, None].float(), valid.float()
        valid = y != VOID
        known = torch.where(valid, y, 0).long()
        hot = one_hot(known, self.head.outputs)  # type: ignore[arg-type]
        shares = hot.movedim(-1, 1).float() * valid[:, None].float()
        return shares, valid.float()


def low_rank(network: nn.Module) -> nn.Module:
    """A network with low-rank adapters of its linear layers, the only weights that are learnt.

    Rank 8, alpha 16, as E. J. Hu et al. (ICLR 2022) suggest; convolutions of 1 x 1 px where it has
    no linear layers.

    Raises:
        RequestError: peft isn't installed, or there is nothing to adapt.
    """
    from bench.base import extras

    peft = extras.load("peft", "blip", "--method lora")
    names = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    if not names:
        names = [
            name
            for name, layer in network.named_modules()
            if isinstance(layer, nn.Conv2d) and layer.groups == 1
        ]
    if not names:
        raise RequestError(
            f"{type(network).__name__} has no layer that adapters fit", "use --method finetune"
        )
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=names)
    adapted: nn.Module = peft.inject_adapter_in_model(config, network)
    return adapted


def _tensors(inputs: Any) -> Iterable[torch.Tensor]:
    if isinstance(inputs, torch.Tensor):
        yield inputs
    else:
        for value in inputs.values():
            yield from value if isinstance(value, tuple) else (value,)


def _size(inputs: Any) -> tuple[int, int]:
    first = next(iter(_tensors(inputs)))
    return first.shape[-2], first.shape[-1]
