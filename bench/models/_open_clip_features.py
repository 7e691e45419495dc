"""Features of open_clip's towers of pictures."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
from typing import Any

import torch
from open_clip import model as towers  # type: ignore[import-untyped]
from torch import nn

from bench.models._timm_features import TimmEncoder
from bench.spec.encoder import Level


class Tower(nn.Module):
    """Images float32 [N, 3, height, width] -> features of a vision transformer or a ResNet of CLIP.

    Pooled features of a transformer are what it pools, before the projection to the space that it
    shares with sentences, as in the linear probes of A. Radford et al. (arXiv:2103.00020);
    those of a ResNet its embedding, as its pooling is the projection. A map is of the tokens of
    patches, or of the last stage.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.convolves = isinstance(network, towers.ModifiedResNet)
        if not self.convolves:
            network.proj, network.output_tokens = None, True

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns]."""
        found: Any
        if self.convolves:
            network: Any = self.network
            grid = network.stem(inputs)
            for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
                grid = stage(grid)
            found = grid if level == "map" else network.attnpool(grid)
        else:
            pooled, tokens = self.network(inputs)
            found = pooled
            if level == "map":
                side = round(tokens.shape[1] ** 0.5)
                found = tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)
        return found  # type: ignore[no-any-return]


def build(config: dict[str, Any]) -> nn.Module:
    """The tower of pictures of a configuration, with random weights."""
    network = towers._build_vision_tower(
        config["embed_dim"], config["vision_cfg"], config.get("quick_gelu", False)
    )
    # What timm's trunk is given by its head is only a projection.
    return TimmEncoder(network.trunk) if hasattr(network, "trunk") else Tower(network)


def renamed(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the tower of pictures of a published file, named as here."""
    own = {
        name.removeprefix("visual."): tensor
        for name, tensor in stored.items()
        if name.startswith("visual.") and name != "visual.proj"
    }
    trunk = {
        name.removeprefix("trunk."): tensor
        for name, tensor in own.items()
        if name.startswith("trunk.")
    }
    return {f"network.{name}": tensor for name, tensor in (trunk or own).items()}
