"""Floors of classification that look at no image, or through a random network."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.kinds.common.batch import Batch
from bench.models.heads.base import tangent_logits
from bench.models.heads.ridge import Ridge

from .floors import Regressed, labels
from .networks import network


class Prior(nn.Module):
    """Images float32 [N, in_channels, height, width] -> logits float32 [N, outputs], equal rows.

    The log odds of each class among the training samples, (k + 1/2) / (n - k + 1/2) of k in n,
    which is finite for classes that never or always occur (J. B. S. Haldane, Annals of Human
    Genetics 20, 1956; F. J. Anscombe, Biometrika 43, 1956).

    Args:
        in_channels, size: not used: no image is looked at.
        outputs: classes.
    """

    logits: torch.Tensor

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        self.register_buffer("logits", torch.zeros(outputs))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count the classes of the training split."""
        count, seen = torch.zeros_like(self.logits, dtype=torch.float64), 0
        for batch in batches:
            count += labels(batch, len(self.logits)).double().sum(dim=0)
            seen += len(batch.samples)
        self.logits.copy_(((count + 0.5) / (seen - count + 0.5)).log())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same logits for every image."""
        return self.logits.expand(len(images), -1).clone()


class FrequentClass(nn.Module):
    """Images float32 [N, in_channels, height, width] -> logits float32 [N, outputs], equal rows.

    Of one class for each image: the logarithm of the share (k + 1/2) / (n + C/2) of each class in
    n training images, so that every image is given the most frequent class. Of several as frequent
    the first is named, by a logit that is higher by 0.001: a shared highest logit is never right.

    Args:
        in_channels, size: not used: no image is looked at.
        outputs: classes.
    """

    logits: torch.Tensor

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        self.register_buffer("logits", torch.zeros(outputs))

    def fit(self, batches: Iterable[Batch]) -> None:
        """Count the classes of the training split."""
        count = torch.zeros_like(self.logits, dtype=torch.float64)
        for batch in batches:
            count += labels(batch, len(self.logits)).double().sum(dim=0)
        shares = (count + 0.5) / (count + 0.5).sum()
        self.logits.copy_(shares.log())
        self.logits[int(count.argmax())] += 1e-3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same logits for every image."""
        return self.logits.expand(len(images), -1).clone()


class EveryClass(nn.Module):
    """Images float32 [N, in_channels, height, width] -> logits of 1, float32 [N, outputs].

    Of all answers that are the same for every image the one with the highest F1 of each class: it
    is 2 p / (1 + p) of a class in the share p of the images, and 0 if the class is never named.

    Args:
        in_channels, size: not used: no image is looked at.
        outputs: classes.
    """

    def __init__(self, in_channels: int, outputs: int, size: int | None) -> None:  # noqa: ARG002
        super().__init__()
        self.outputs = outputs

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same logits for every image."""
        return images.new_ones(len(images), self.outputs)


class RandomEncoder(Regressed):
    """Images float32 [N, in_channels, size, size] -> logits float32 [N, outputs].

    Ridge regression of the labels on the pooled features of a network with random weights: what its
    architecture alone knows of images. Whatever a trained encoder scores above it, it has learnt.

    Args:
        in_channels: bands.
        outputs: classes.
        size: not used by networks that take any.
        encoder: a network of timm.

    Raises:
        ValueError: there is no such network.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        size: int | None,  # noqa: ARG002
        encoder: str = "resnet18",
    ) -> None:
        super().__init__()
        self.encoder = network(encoder, in_channels)
        self.ridge = Ridge(self.encoder.num_features, outputs)

    def fit(self, batches: Iterable[Batch]) -> None:
        """Fit the regression to the training split; `choose` then takes one of the penalties."""
        self.encoder.eval()

        def described() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in batches:
                yield self.encoder(batch.inputs), labels(batch, self.ridge.linear.out_features)

        self.ridge.fit(described())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits: see `tangent_logits`."""
        return tangent_logits(self.ridge(self.encoder(images)))
