"""Networks of transformers that give features of images."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from bench.base import weights
from bench.base.errors import BenchError, RequestError, in_words
from bench.spec.encoder import Level

_TOWERS = {
    "clip": transformers.CLIPVisionModel,
    "clip_vision_model": transformers.CLIPVisionModel,
    "siglip": transformers.SiglipVisionModel,
    "siglip_vision_model": transformers.SiglipVisionModel,
}
"""Where a repository holds a tower of sentences too."""

_UNPOOLED = ("beit", "vit", "ijepa")
"""Whose pooling layer isn't trained with the others, so that it is left away."""


class Transformer(nn.Module):
    """Images float32 [N, 3, height, width] -> features of a network of transformers.

    Pooled ones are what the network pools, before any projection: CLIP's class token normalised,
    SigLIP's attention pooling, ConvNeXt's and Swin's mean; the class token of one that pools
    nothing, the mean of its patches where it has none. A map is its last grid, or its tokens of
    patches.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def features(self, inputs: torch.Tensor, level: Level) -> torch.Tensor:
        """Features float32 [N, F] or [N, F, rows, columns]."""
        found: Any = self.network(pixel_values=inputs)
        last: torch.Tensor = found.last_hidden_state
        prefix = 0
        if last.ndim == 3:
            rows, columns, prefix = self._grid(inputs, last.shape[1])
            grid = last[:, prefix:].transpose(1, 2).reshape(len(last), -1, rows, columns)
        else:
            grid = last
        if level == "map":
            return grid
        pooled: torch.Tensor | None = getattr(found, "pooler_output", None)
        if pooled is not None:
            return pooled
        return last[:, 0] if prefix else grid.mean(dim=(2, 3))

    def _grid(self, inputs: torch.Tensor, count: int) -> tuple[int, int, int]:
        """Rows and columns of patches, and how many tokens stand in front of theirs."""
        config: Any = self.network.config
        stages = len(config.depths) - 1 if hasattr(config, "depths") else 0
        # DINOv3's ConvNeXt doesn't state that it begins with patches of 4 px.
        given = getattr(config, "patch_size", 4)
        patch = given if isinstance(given, int) else given[0]
        rows, columns = (side // (patch * 2**stages) for side in inputs.shape[2:])
        if not 0 <= count - rows * columns < 32:
            raise RequestError(f"{count} tokens are no grid of {rows} x {columns} patches")
        return rows, columns, count - rows * columns


def build(folder: Path, name: str) -> Transformer:
    """The network that a folder's configuration describes, with random weights.

    Raises:
        RequestError: transformers doesn't take the configuration.
    """
    try:
        config = _config(folder)
        made = _class(folder)
        network = made(config, **_options(config)) if made else _automatic(config)
    # Configurations are other people's.
    except Exception as error:
        raise RequestError(
            f"{name}: transformers doesn't take its configuration: {in_words(error)}",
            "is it of a newer version?",
        ) from error
    return Transformer(network.float())


def stored(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a folder's weights under the names of the network here.

    Raises:
        BenchError: the file is damaged, tensors are missing or have another shape.
    """
    weights.check_finite(folder / "model.safetensors")
    config, made = _config(folder), _class(folder) or transformers.AutoModel
    logging: Any = transformers.utils.logging
    loud = logging.get_verbosity()
    # It lists the tensors of other towers.
    logging.set_verbosity_error()
    try:
        network, loading = made.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **_options(config),
        )
    # Files are other people's.
    except Exception as error:
        raise BenchError(
            f"the weights in {folder} don't fit their configuration: {in_words(error)}",
            "fetch the repository again",
        ) from error
    finally:
        logging.set_verbosity(loud)
    faults = sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]]))
    if faults:
        raise BenchError(
            f"the weights in {folder} don't fit their configuration: {len(faults)} tensors are "
            f"missing or of another shape, first {faults[0]:.100}",
            "fetch the repository again",
        )
    return {f"network.{name}": tensor for name, tensor in network.state_dict().items()}


def _config(folder: Path) -> Any:
    config = transformers.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return getattr(config, "vision_config", config)


def _class(folder: Path) -> Any:
    return _TOWERS.get(_config(folder).model_type)


def _options(config: Any) -> dict[str, Any]:
    return {"add_pooling_layer": False} if config.model_type in _UNPOOLED else {}


def _automatic(config: Any) -> Any:
    automatic: Any = transformers.AutoModel
    return automatic.from_config(config, trust_remote_code=False, **_options(config))
