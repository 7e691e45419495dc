"""Text-image time-series retrieval: two dates fused into one embedding.

G. Hoxha, O. Angyal, B. Demir: Self-Supervised Cross-Modal Text-Image Time Series Retrieval in
Remote Sensing. IEEE TGRS 2025, arXiv:2501.19043. Its two families of fusion are global (GFF), an
operation on the vectors of both dates, and by transformer (TFF); its encoders are BERT and a
vision transformer, as in `BertITSR`. Sizes and the fusion's details follow the port in S. Roy,
M. Bong, G. Beltrame: Finding Change in Satellite Archives from Text, arXiv:2607.28571, which takes
the layers of RSICCformer (C. Liu et al., IEEE TGRS 2022) for TFF and CLIP's towers for both
encoders, as in `TextITSR`.
"""

from abc import ABC, abstractmethod
from math import isqrt, log
from typing import Any

import bench.base.torch_setup  # noqa: F401  # isort: skip
import torch
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD  # type: ignore[import-untyped]
from torch import nn

from bench.models.open_clip import towers

from .bert import Bert

_TEMPERATURE = 0.07
"""What InfoNCE begins with where encoders have no temperature (A. Radford et al., ICML 2021)."""

_GLOBAL = {
    "concatenate": lambda before, after: torch.cat([before, after], dim=-1),
    "sum": lambda before, after: before + after,
    "difference": lambda before, after: after - before,
    "product": lambda before, after: before * after,
}


class _ITSR(nn.Module, ABC):
    """What follows the encoders of either: the fusion of two dates, and two heads."""

    frozen: bool
    logit_scale: torch.Tensor

    def _join(
        self,
        fusion: str,
        encoded: tuple[int, int, int],
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        embedding: int,
    ) -> None:
        # Encoded are features of a patch, patches of a picture and features of a sentence.
        features, tokens, sentence = encoded
        self.fusion: nn.Module
        if fusion == "tff":
            self.fusion = TransformerFusion(features, tokens, width, layers, heads, dropout)
        else:
            self.fusion = GlobalFusion(features, width, fusion)
        fused = 2 * width if fusion == "tff" else width
        self.image_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(fused, embedding))
        self.text_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(sentence, embedding))

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings of pairs."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            before, after = (self._features(date) for date in images.split(3, dim=1))
        embedded: torch.Tensor = self.image_head(self.fusion(before, after))
        return embedded

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """Embeddings of sentences."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            sentences = self._sentences(texts)
        embedded: torch.Tensor = self.text_head(sentences)
        return embedded

    @abstractmethod
    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        """Of pictures of one date: the class and each patch, [N, 1 + patches, features]."""

    @abstractmethod
    def _sentences(self, texts: list[str]) -> torch.Tensor:
        """Of sentences, [n, features]."""


def _check(in_channels: int, fusion: str) -> None:
    if in_channels != 6:
        raise ValueError(f"expected pairs of pictures in RGB, found {in_channels} channels")
    if fusion not in ("tff", *_GLOBAL):
        raise ValueError(f"expected one of tff, {', '.join(_GLOBAL)} as fusion, found {fusion}")


class TextITSR(_ITSR):
    """Pairs of pictures float32 [N, 6, size, size] and sentences -> embeddings [N, embedding].

    Args:
        in_channels: six.
        outputs: isn't used.
        size: of a picture, in pixels.
        fusion: ``tff``, or a global one: ``concatenate``, ``sum``, ``difference``, ``product``.
        clip: the configuration of open_clip that both towers are of, a vision transformer.
        pretrained: the tag of the towers' weights that training begins with.
        frozen: whether the towers stay as they are.
        width: of the fusion.
        layers, heads: of TFF.
        dropout: in TFF and before both heads.
        embedding: its length.
        **config: what differs from the configuration, such as ``"vision_cfg.layers"``.

    Raises:
        ValueError: pictures aren't pairs in RGB, or there is no such fusion.
    """

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,
        fusion: str = "tff",
        clip: str = "ViT-B-16-quickgelu",
        pretrained: str = "",
        frozen: bool = True,
        width: int = 320,
        layers: int = 3,
        heads: int = 16,
        dropout: float = 0.25,
        embedding: int = 512,
        **config: Any,
    ) -> None:
        super().__init__()
        _check(in_channels, fusion)
        self.clip = towers(clip, size, {"pretrained": pretrained, **config})
        self.clip.requires_grad_(not frozen)
        self.frozen = frozen
        visual = self.clip.visual
        features, tokens = visual.ln_post.normalized_shape[0], len(visual.positional_embedding) - 1
        sentence = self.clip.encode_text([""]).shape[1]
        self._join(fusion, (features, tokens, sentence), width, layers, heads, dropout, embedding)
        # The towers' own temperature isn't that of these heads.
        self.logit_scale = nn.Parameter(self.clip.logit_scale.detach().clone().requires_grad_())
        self.clip.logit_scale.requires_grad_(False)

    def _sentences(self, texts: list[str]) -> torch.Tensor:
        found: torch.Tensor = self.clip.encode_text(texts)
        return found

    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the last block makes of the class and of each patch, before the last norm."""
        found = self.clip.visual.forward_intermediates(
            pictures,
            indices=1,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        of_class, of_patches = found["image_intermediates_prefix"], found["image_intermediates"]
        return torch.cat([of_class[-1], of_patches[-1]], dim=1)


class BertITSR(_ITSR):
    """Pairs of pictures float32 [N, 6, size, size] and sentences -> embeddings [N, embedding].

    A sentence is BERT's last state of its mark of the beginning, a picture the normalised tokens of
    a vision transformer of timm. Both are learnt with the rest.

    Args:
        in_channels: six, normalised with the statistics of CLIP's pictures; they are brought to
            those of the vision transformer.
        outputs: isn't used.
        size: of a picture, in pixels.
        fusion: ``tff``, or a global one: ``concatenate``, ``sum``, ``difference``, ``product``.
        vit: timm's name of the vision transformer.
        pretrained: the repository or folder of BERT's weights that training begins with, and with
            it timm's weights of the vision transformer; empty for random ones.
        frozen: whether both encoders stay as they are.
        width: of the fusion.
        layers, heads: of TFF.
        dropout: in TFF and before both heads.
        embedding: its length.
        **config: what differs from BERT base and from the vision transformer, such as
            ``"bert.layers"`` and ``"vit.depth"``.

    Raises:
        ValueError: pictures aren't pairs in RGB, there is no such fusion, or an encoder can't be
            built so.
        RequestError: transformers isn't installed.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,
        fusion: str = "tff",
        vit: str = "vit_base_patch16_224.augreg_in21k",
        pretrained: str = "",
        frozen: bool = False,
        width: int = 320,
        layers: int = 3,
        heads: int = 16,
        dropout: float = 0.25,
        embedding: int = 512,
        **config: Any,
    ) -> None:
        from timm import create_model

        super().__init__()
        _check(in_channels, fusion)
        self.frozen = frozen
        of_bert, of_vit = (
            {name.removeprefix(part): config[name] for name in config if name.startswith(part)}
            for part in ("bert.", "vit.")
        )
        if unknown := set(config) - {f"bert.{n}" for n in of_bert} - {f"vit.{n}" for n in of_vit}:
            raise ValueError(f"expected arguments bert.NAME or vit.NAME, found {min(unknown)}")
        try:
            self.bert = Bert(pretrained=pretrained, **of_bert)
            self.vit = create_model(
                vit, pretrained=bool(pretrained), img_size=size, num_classes=0, **of_vit
            )
        except (RuntimeError, TypeError, AssertionError) as error:
            raise ValueError(str(error)) from error
        self.bert.requires_grad_(not frozen)
        self.vit.requires_grad_(not frozen)
        own = self.vit.pretrained_cfg
        given = [torch.tensor(v) for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)]
        wanted = [torch.tensor(own[name]) for name in ("mean", "std")]
        self.register_buffer("mean", ((wanted[0] - given[0]) / given[1])[:, None, None], False)
        self.register_buffer("std", (wanted[1] / given[1])[:, None, None], False)
        encoded = (
            self.vit.num_features,
            self.vit.patch_embed.num_patches,
            self.bert.network.config.hidden_size,
        )
        self._join(fusion, encoded, width, layers, heads, dropout, embedding)
        self.logit_scale = nn.Parameter(torch.tensor(-log(_TEMPERATURE)))

    def _features(self, pictures: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.vit.forward_features((pictures - self.mean) / self.std)
        return tokens

    def _sentences(self, texts: list[str]) -> torch.Tensor:
        found: torch.Tensor = self.bert(texts)
        return found


class GlobalFusion(nn.Module):
    """One operation on the class vectors of both dates [N, 1 + tokens, features] -> [N, width].

    Args:
        features: of a token.
        width: of what comes out.
        operation: of `_GLOBAL`.
    """

    def __init__(self, features: int, width: int, operation: str) -> None:
        super().__init__()
        self.operation = operation
        wide = 2 * features if operation == "concatenate" else features
        self.project = nn.Sequential(
            nn.Linear(wide, width), nn.ReLU(inplace=True), nn.Linear(width, width)
        )

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """The fused vector."""
        fused: torch.Tensor = self.project(_GLOBAL[self.operation](before[:, 0], after[:, 0]))
        return fused


class TransformerFusion(nn.Module):
    """The patches of both dates [N, 1 + tokens, features] -> their fused mean [N, 2 * width].

    Args:
        features: of a token.
        tokens: patches of a picture, a square number.
        width: of either date in the fusion.
        layers, heads: of the transformer.
        dropout: in its layers.
    """

    def __init__(
        self, features: int, tokens: int, width: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)
        self.positions = nn.Parameter(torch.zeros(1, tokens, width))
        nn.init.trunc_normal_(self.positions, std=0.02)
        self.layers = nn.ModuleList(CrossLayer(width, heads, dropout) for _ in range(layers))
        self.mixers = nn.ModuleList(Mixer(2 * width) for _ in range(layers))

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
        """The mean over patches."""
        dates = [self.project(date[:, 1:]) + self.positions for date in (before, after)]
        whole = torch.zeros_like(torch.cat(dates, dim=-1))
        for layer, mix in zip(self.layers, self.mixers, strict=True):
            dates = layer(*dates)
            whole = mix(whole + torch.cat(dates, dim=-1))
        return whole.mean(dim=1)


class CrossLayer(nn.Module):
    """Either date asks the difference of both; the same weights for either.

    Args:
        width: of a token.
        heads: of the attention.
        dropout: of its weights, and after it and the perceptron.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, before: torch.Tensor, after: torch.Tensor) -> list[torch.Tensor]:
        """Both dates, changed."""
        difference = after - before
        changed = []
        for date in (before, after):
            asked, _ = self.attention(date, difference, difference, need_weights=False)
            date = self.norms[0](date + self.dropout(asked))  # noqa: PLW2901
            changed.append(self.norms[1](date + self.dropout(self.perceptron(date))))
        return changed


class Mixer(nn.Module):
    """A residual bottleneck of convolutions over the grid of patches, then a norm.

    Args:
        width: of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.convolutions = nn.Sequential(
            nn.Conv2d(width, half, kernel_size=1),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, kernel_size=3, padding=1),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, width, kernel_size=1),
            nn.BatchNorm2d(width),
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens [N, tokens, width], changed."""
        side = isqrt(tokens.shape[1])
        grid = tokens.transpose(1, 2).unflatten(2, (side, side))
        mixed: torch.Tensor = self.norm(
            torch.relu(grid + self.convolutions(grid)).flatten(2).transpose(1, 2)
        )
        return mixed
