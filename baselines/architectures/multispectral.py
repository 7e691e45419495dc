"""A multispectral tower beside CLIP's two: trained to embed bands as CLIP embeds their composite.

A. Zavras et al., Mind the modality gap: Towards a remote sensing vision-language model via
cross-modal alignment, ISPRS Journal 2025, arXiv:2402.09816, and
https://github.com/Orion-AI-Lab/MindTheModalityGap. There the student begins with the weights of
SSL4EO-S12's MoCo, which know 13 bands, and a plane of zeros stands for the one that Level-2A lacks.
"""

from typing import Any

import torch
from torch import nn

from bench.base.errors import BenchError
from bench.models import encoders
from bench.models.open_clip import towers

_RGB = 3
_STUDENT = "student."
_LEVEL_2A, _CIRRUS = 12, 10
"""How many bands Level-2A has, and the place of B10, which it lacks, in the order of all 13."""


class Aligned(nn.Module):
    """Composites and bands float32 [N, 3 + bands, size, size] and sentences -> [N, width].

    The towers of ``clip`` are frozen; they teach the student and read the sentences.

    Args:
        in_channels: three of the composite, normalised as for CLIP, then reflectances.
        outputs: isn't used.
        size: of an image, in pixels.
        clip: the configuration of open_clip that the towers are of.
        student: timm's name of the multispectral tower.
        drop_path: its stochastic depth.
        cirrus: whether a plane of zeros stands for B10 behind the tenth of twelve bands.
        pretrained: the encoder whose weights the student begins with, ``SOURCE:NAME@WEIGHTS``;
            empty for random ones. Its head is random in any case.
        **config: what differs from both configurations, such as ``"vision_cfg.layers"`` and
            ``"student.depth"``.

    Raises:
        ValueError: there is no band behind the composite, no such student, or B10 isn't lacking.
        RequestError: the encoder isn't known.
        BenchError: its weights can't be had, or are of another network.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,
        clip: str = "ViT-B-32",
        student: str = "vit_small_patch16_224",
        drop_path: float = 0.2,
        cirrus: bool = False,
        pretrained: str = "",
        **config: Any,
    ) -> None:
        from timm import create_model

        super().__init__()
        if in_channels <= _RGB:
            raise ValueError(f"expected bands behind the three of a composite, found {in_channels}")
        if cirrus and in_channels != _RGB + _LEVEL_2A:
            raise ValueError(f"expected the {_LEVEL_2A} bands of Level-2A behind the composite")
        self.cirrus = cirrus
        own = {name for name in config if name.startswith(_STUDENT)}
        self.clip = towers(clip, size, {name: config[name] for name in config.keys() - own})
        self.clip.requires_grad_(False)
        try:
            self.student = create_model(
                student,
                pretrained=False,
                in_chans=in_channels - _RGB + cirrus,
                img_size=size,
                num_classes=self.clip.encode_text([""]).shape[1],
                drop_path_rate=drop_path,
                **{name.removeprefix(_STUDENT): config[name] for name in own},
            )
        except (RuntimeError, TypeError, AssertionError) as error:
            raise ValueError(f"student {student}: {error}") from error
        if pretrained:
            self._begin(pretrained)

    @property
    def logit_scale(self) -> torch.Tensor:
        """The logarithm of 1 / temperature of the frozen towers."""
        scale: torch.Tensor = self.clip.logit_scale
        return scale

    def train(self, mode: bool = True) -> "Aligned":
        """Training mode of the student; its teacher doesn't change."""
        super().train(mode)
        self.clip.eval()
        return self

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings of the bands, whose reflectances are cut to 0 to 1."""
        bands = images[:, _RGB:].clamp(0, 1)
        if self.cirrus:
            first, last = bands[:, :_CIRRUS], bands[:, _CIRRUS:]
            bands = torch.cat([first, torch.zeros_like(first[:, :1]), last], dim=1)
        embedded: torch.Tensor = self.student(bands)
        return embedded

    @torch.no_grad()
    def encode_composite(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings of the composites by the teacher."""
        embedded: torch.Tensor = self.clip.encode_image(images[:, :_RGB])
        return embedded

    @torch.no_grad()
    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """Embeddings of sentences by the teacher."""
        embedded: torch.Tensor = self.clip.encode_text(texts)
        return embedded

    def _begin(self, name: str) -> None:
        """Give the student the weights of an encoder, all but its head."""
        stored = {
            key.removeprefix("network."): tensor for key, tensor in encoders.published(name).items()
        }
        own = self.student.state_dict()
        head = {key for key in own if key.startswith("head.")}
        other = {key for key in own.keys() & stored.keys() if own[key].shape != stored[key].shape}
        if faults := sorted((own.keys() - head) ^ (stored.keys() - head) | other):
            raise BenchError(
                f"the weights of {name} aren't those of the student: {len(faults)} tensors are "
                f"missing, unknown or of another shape, first {faults[0]:.100}",
                "do student and cirrus in entry.toml belong to these weights?",
            )
        self.student.load_state_dict({k: stored[k] for k in own.keys() - head}, strict=False)
