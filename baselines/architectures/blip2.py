"""BLIP-2 with adapters: what is published stays as it is, a few small matrices are learnt.

J. Li et al., BLIP-2: Bootstrapping language-image pre-training with frozen image encoders and
large language models, ICML 2023; E. J. Hu et al., LoRA: Low-Rank Adaptation of Large Language
Models, ICLR 2022. GAIA (A. Zavras et al., IEEE GRSM 2026) tunes BLIP-2 by an adapter of peft. Which
one isn't known, so that rank, scale and dropout are those of peft's own example for BLIP-2
(examples/int8_training/fine_tune_blip2_int8.py). peft and transformers come with
``pip install 'rs-bench[blip]'``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.base import extras
from bench.base.errors import BenchError
from bench.models.blip2 import BEAMS, TOKENS, Blip2, loaded

_LAYERS = ("q_proj", "v_proj")
"""What peft adapts of BLIP-2: the queries and values of the language model's attention."""

_SPECIAL = ("<s>", "<pad>", "</s>", "<image>", "<unk>")


class Adapted(nn.Module):
    """Images float32 [N, 3, size, size] -> captions, by BLIP-2 with LoRA in its language model.

    With a base, only the adapters are learnt and part of the state: an entry of them is small, and
    needs the same base again. Without one a small network with random weights stands for it, all of
    which is learnt.

    Args:
        in_channels: three.
        outputs: not used: captions are words.
        size: height and width of an image in pixels.
        base: the repository or folder of a BLIP-2 whose language model is a decoder.
        rank, alpha, dropout: of the adapters.
        beams, length: how many captions are followed at a time, and their most pieces.
        width, layers, heads, queries, pieces: of each part of the small network.

    Raises:
        ValueError: images aren't single ones in RGB, the base takes others, or it isn't a decoder.
        RequestError: peft or transformers isn't installed.
        BenchError: the base can't be had.
    """

    base: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        outputs: int,  # noqa: ARG002 - every architecture takes it
        size: int,
        base: str = "",
        rank: int = 16,
        alpha: int = 32,
        dropout: float = 0.05,
        beams: int = BEAMS,
        length: int = TOKENS,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        queries: int = 8,
        pieces: int = 1200,
    ) -> None:
        super().__init__()
        if in_channels != 3:
            raise ValueError(f"expected single pictures in RGB, found {in_channels} channels")
        peft = extras.load("peft", "blip", "tuning BLIP-2")
        key = ""
        if base:
            model, key = loaded(base)
            model.network.requires_grad_(False)
        else:
            model = _small(size, width, layers, heads, queries, pieces)
        model.beams, model.tokens = beams, length
        network: Any = model.network
        if network.config.text_config.is_encoder_decoder:
            raise ValueError(f"the language model of {base} isn't a decoder")
        if network.config.vision_config.image_size != size:
            raise ValueError(f"{base} takes {network.config.vision_config.image_size} px")
        config = peft.LoraConfig(
            r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(_LAYERS)
        )
        peft.inject_adapter_in_model(config, network)
        self._key = torch.tensor(list(bytes.fromhex(key)), dtype=torch.uint8, device="cpu")
        if base:
            # In a list the base is no part of the state.
            self._base = [model]
            self.adapters = nn.ParameterDict(
                {
                    name.replace(".", "-"): parameter
                    for name, parameter in network.named_parameters()
                    if parameter.requires_grad
                }
            )
            self.register_buffer("base", self._key.clone())
        else:
            network.requires_grad_(True)
            self.model = model

    def loss(self, images: torch.Tensor, captions: list[list[str]]) -> torch.Tensor:
        """As `bench.models.blip2.Blip2.loss`."""
        return self._whole().loss(images, captions)

    def caption(self, images: torch.Tensor) -> list[str]:
        """As `bench.models.blip2.Blip2.caption`."""
        return self._whole().caption(images)

    def train(self, mode: bool = True) -> "Adapted":
        """Training mode of the adapters; what they adapt doesn't drop out anything."""
        super().train(mode)
        for model in getattr(self, "_base", []):
            model.train(False)
            for name, layer in model.named_modules():
                if "lora_dropout" in name:
                    layer.train(mode)
        return self

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> "Adapted":
        """Move the base with the adapters, whose parameters both share."""
        for model in getattr(self, "_base", []):
            model._apply(fn, recurse)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _whole(self) -> Blip2:
        """The model, if the adapters are of its base.

        Raises:
            BenchError: they were learnt on another one.
        """
        if "model" in self._modules:
            return self.model
        if not self.base.is_meta and not torch.equal(self.base.cpu(), self._key):
            raise BenchError(
                "these adapters were learnt on another base, or another revision of it",
                "name that one as base = OWNER/NAME@COMMIT in entry.toml",
            )
        found: Blip2 = self._base[0]
        return found


def _small(size: int, width: int, layers: int, heads: int, queries: int, pieces: int) -> Blip2:
    """A BLIP-2 of random weights that two cores can train."""
    transformers = extras.load("transformers", "blip", "BLIP-2")
    tokenizer = _tokenizer(transformers, pieces)
    part = {"hidden_size": width, "num_attention_heads": heads, "num_hidden_layers": layers}
    inner = {"intermediate_size": 4 * width}
    config = transformers.Blip2Config(
        vision_config=part | inner | {"image_size": size, "patch_size": 32},
        qformer_config=part | inner | {"encoder_hidden_size": width, "vocab_size": len(_SPECIAL)},
        text_config={
            "model_type": "opt",
            "vocab_size": len(tokenizer),
            "word_embed_proj_dim": width,
            "ffn_dim": 4 * width,
            "max_position_embeddings": 256,
            "dropout": 0.0,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
        }
        | part,
        num_query_tokens=queries,
        image_token_index=3,
    )
    network = transformers.Blip2ForConditionalGeneration(config)
    # transformers leaves them 0, so that all would ask the same and learn the same.
    nn.init.normal_(network.query_tokens, std=0.02)
    return Blip2(network, tokenizer)


def _tokenizer(transformers: Any, pieces: int) -> Any:
    """The first pieces of CLIP's byte-pair encoding, in lower case; else as OPT's tokenizer."""
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    letters = [chr(code) for code in range(33, 127)]
    known = [*_SPECIAL, *letters, *(f"{letter}</w>" for letter in letters)]
    merges = []
    for pair in SimpleTokenizer().bpe_ranks:
        if len(known) >= pieces:
            break
        if "".join(pair).isascii():
            merges.append(pair)
            known.append("".join(pair))
    places = {piece: place for place, piece in enumerate(known)}
    raw = Tokenizer(BPE(places, merges, unk_token=_SPECIAL[-1], end_of_word_suffix="</w>"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.BPEDecoder(suffix="</w>")
    begin, padding, end, image, unknown = _SPECIAL
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=begin,
        pad_token=padding,
        eos_token=end,
        unk_token=unknown,
        additional_special_tokens=[image],
    )
