"""Networks of torchgeo that give features."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torchgeo.models
from torch import nn

from bench.models._timm_features import TimmEncoder, side_by_side
from bench.spec.contract import InputContract
from bench.spec.encoder import Level, Seen

_C_BAND = 3.75
"""What DOFA is given for a radar band in place of a wavelength in micrometres: the value in the
configuration of DOFA in PANGAEA; the demo in DOFA's README has 5.405."""

_POLARISATIONS = {"VV": -1, "VH": -2, "HH": -3, "HV": -4}
"""What Panopticon is given for a radar band whose orbit isn't known (torchgeo's ``ChnEmb``)."""

_COPERNICUS = {
    # Wavelength and bandwidth in nm (github.com/zhu-xlab/Copernicus-FM, commit da95635,
    # Copernicus-FM/src/engine_pretrain.py).
    **{"VV": (5e7, 1e9), "VH": (5e7, 1e9), "B1": (440, 20), "B2": (490, 65), "B3": (560, 35)},
    **{"B4": (665, 30), "B5": (705, 15), "B6": (740, 15), "B7": (783, 20), "B8": (842, 115)},
    **{"B8A": (860, 20), "B9": (940, 20), "B10": (1370, 30), "B11": (1610, 90), "B12": (2190, 180)},
}

_PANOPTICON_GRID = 37
"""Patches a side of the published weights, of images of 518 px."""


def build(
    name: str, contract: InputContract, channels: Sequence[str], bands: Mapping[str, Seen]
) -> nn.Module:
    """An encoder of torchgeo for a contract, with random weights."""
    make: Callable[..., nn.Module] = getattr(torchgeo.models, name)
    side, count = contract.size, len(contract.bands)
    if name.startswith("resnet"):
        return TimmEncoder(make(in_chans=count, num_classes=0))
    if name.startswith("vit"):
        return TimmEncoder(make(in_chans=count, num_classes=0, img_size=side))
    if name.startswith("scalemae"):
        resolution = next(iter(bands.values())).gsd
        return TimmEncoder(make(in_chans=count, num_classes=0, img_size=side, res=resolution))
    if name.startswith("swin"):
        return Swin(make(), count)
    if name.startswith("croma"):
        return Croma(make(image_size=side), channels)
    seen = [bands[band] for band in contract.bands]
    if name.startswith("dofa"):
        waves = [one.wavelength / 1000 if one.wavelength else _C_BAND for one in seen]
        return _Sequence(make(img_size=side, num_classes=0), {"wavelengths": waves})
    if name.startswith("copernicusfm"):
        stated = [_COPERNICUS[channel] for channel in channels]
        given = {
            "wavelengths": [float(wave) for wave, _ in stated],
            "bandwidths": [float(width) for _, width in stated],
        }
        return _Sequence(make(img_size=side), given)
    identities = [one.wavelength or _POLARISATIONS[one.polarisation] for one in seen]
    return Panopticon(make(img_size=side), identities)


class Swin(nn.Module):
    """A Swin transformer of torchvision; features as of timm's networks of several grids."""

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network = network
        first: Any = network.get_submodule("features.0.0")
        made = nn.Conv2d(channels, first.out_channels, first.kernel_size, first.stride)
        network.set_submodule("features.0.0", made)
        network.head = nn.Identity()

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns]."""
        maps = self.maps(inputs)
        if level == "pooled":
            return maps[-1].mean(dim=(2, 3))
        return side_by_side(maps, inputs.shape[-1])

    def maps(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """The grid of each stage, [N, F, rows, columns], from fine to coarse."""
        grid, found = inputs, []
        layers = list(self.network.features)  # type: ignore[arg-type]
        for place, layer in enumerate(layers):
            grid = layer(grid)
            if place == len(layers) - 1:
                grid = self.network.norm(grid)  # type: ignore[operator]
            # Patches or their merging, then blocks.
            if place % 2:
                found.append(grid.permute(0, 3, 1, 2))
        return found


class Croma(nn.Module):
    """CROMA, fed with radar, optical bands, or both.

    Its README brings each channel to ``(x - mean + 2 std) / (4 std)``, cut at 0 and 1, with the
    statistics of the data at hand; here these are the task's, by which inputs were normalised.
    Features are those of the joint encoder where it has both sensors.
    """

    def __init__(self, network: nn.Module, channels: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        # It follows from the size.
        network._non_persistent_buffers_set.add("attn_bias")
        self.radar = [place for place, name in enumerate(channels) if name in ("VV", "VH")]
        self.optical = [place for place in range(len(channels)) if place not in self.radar]

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns] of patches of 8 px."""
        cut = ((inputs + 2) / 4).clamp(0, 1)
        bias, network = self.network.attn_bias, self.network
        found = []
        for places, tower, pool in (
            (self.radar, "s1_encoder", "s1_GAP_FFN"),
            (self.optical, "s2_encoder", "s2_GAP_FFN"),
        ):
            if places:
                tokens = getattr(network, tower)(imgs=cut[:, places], attn_bias=bias)
                found.append((tokens, getattr(network, pool)))
        if len(found) == 2:
            joint = network.joint_encoder(  # type: ignore[operator]
                x=found[0][0], context=found[1][0], relative_position_bias=bias
            )
            return joint.mean(dim=1) if level == "pooled" else _grid(joint)
        tokens, pool = found[0]
        return pool(tokens.mean(dim=1)) if level == "pooled" else _grid(tokens)


class _Sequence(nn.Module):
    """DOFA or Copernicus-FM: what its own code pools; a map is of the same tokens, normalised.

    Args:
        network: of torchgeo.
        described: what is known of its channels. The place, the date and the area of an image
            aren't: Copernicus-FM has tokens for that.
    """

    def __init__(self, network: nn.Module, described: Mapping[str, list[float]]) -> None:
        super().__init__()
        self.network, self.described = network, dict(described)

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns] of patches of 16 px."""
        given: dict[str, object] = dict(self.described)
        if "bandwidths" in given:
            given["metadata"] = torch.full((len(inputs), 4), torch.nan, device=inputs.device)
        last: list[torch.Tensor] = []
        blocks: Any = self.network.blocks
        handle = blocks[-1].register_forward_hook(lambda module, asked, tokens: last.append(tokens))
        try:
            pooled: torch.Tensor = self.network.forward_features(inputs, **given)  # type: ignore[operator]
        finally:
            handle.remove()
        if level == "pooled":
            return pooled
        return _grid(self.network.fc_norm(last[0][:, 1:]))  # type: ignore[operator]


class Panopticon(nn.Module):
    """Panopticon: its class token, or its patch tokens."""

    def __init__(self, network: nn.Module, identities: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.identities = list(identities)

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns] of patches of 14 px."""
        known = torch.tensor(self.identities, device=inputs.device).expand(len(inputs), -1)
        tokens = self.network.model.forward_features(  # type: ignore[operator, union-attr]
            {"imgs": inputs, "chn_ids": known.clone()}
        )
        return tokens[:, 0] if level == "pooled" else _grid(tokens[:, 1:])


def renamed(stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors of a published file under the names that they have here, without those of heads."""
    kept = {
        name: tensor
        for name, tensor in stored.items()
        if name.partition(".")[0] not in ("fc", "head", "head_drop", "projector", "mask_token")
    }
    if any("weight_generator" in name for name in kept):
        # torchgeo pools with a normalisation that isn't in these files, and so does nothing.
        kept = {name: tensor for name, tensor in kept.items() if name.partition(".")[0] != "norm"}
        width = kept["cls_token"].shape[-1]
        kept.setdefault("fc_norm.weight", torch.ones(width))
        kept.setdefault("fc_norm.bias", torch.zeros(width))
    if "patch_embed.chnfus.query" in kept:
        from torchgeo.models.copernicusfm import resize_abs_pos_embed

        position = kept["pos_embed"]
        if position.shape[1] == 1 + _PANOPTICON_GRID**2:
            kept["pos_embed"] = resize_abs_pos_embed(position, 224 // 14, _PANOPTICON_GRID)
        return {f"network.model.{name}": tensor for name, tensor in kept.items()}
    return {f"network.{name}": tensor for name, tensor in kept.items()}


def _grid(tokens: torch.Tensor) -> torch.Tensor:
    """Tokens [N, places, F] of a square of patches -> [N, F, rows, columns]."""
    side = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)
