"""Networks of timm, by name."""

from typing import Any

from torch import nn


def network(name: str, in_channels: int, outputs: int = 0, **arguments: Any) -> nn.Module:
    """A network of timm, with random weights unless ``arguments`` ask for others.

    Args:
        name: in timm.
        in_channels: bands.
        outputs: classes; 0 for pooled features [N, num_features].
        arguments: further ones of ``timm.create_model``.

    Raises:
        ValueError: there is no such network, or it has no such weights.
    """
    from timm import create_model

    try:
        return create_model(name, num_classes=outputs, in_chans=in_channels, **arguments)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
