"""BERT as a tower of sentences: WordPiece, the layers of transformers, one vector a sentence.

J. Devlin, M.-W. Chang, K. Lee, K. Toutanova: BERT: Pre-training of Deep Bidirectional Transformers
for Language Understanding, NAACL 2019. transformers comes with ``pip install 'rs-bench[blip]'``.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench.base import extras, weights
from bench.base.errors import BenchError
from bench.models._snapshot import WEIGHTS, fetch, only

_VOCABULARY, _BYTES = "vocab.txt", 1 << 18
"""The file of pieces, a line each, and how many bytes of it there is room for."""

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LEFT_OUT = ("cls.", "pooler.", "embeddings.position_ids")


class Bert(nn.Module):
    """Sentences -> float32 [n, width].

    The pieces are part of the state, so that a trained entry needs no file besides its weights.
    Without ``pretrained`` they are the first ones that CLIP's byte-pair encoding merges, by which
    anything in the alphabet can be written.

    Args:
        width, layers, heads: of the network; its perceptrons are four times as wide.
        pieces: how many there are.
        length: pieces of the longest sentence, its marks of begin and end included; longer ones are
            cut.
        pooling: ``first``, the last layer's state of the mark of the beginning; or ``mean``, of all
            pieces.
        pretrained: a repository on the Hub, or a folder, whose ``model.safetensors`` and
            ``vocab.txt`` are taken; empty for random weights.

    Raises:
        ValueError: the pooling isn't known, or the heads don't divide the width.
        RequestError: transformers isn't installed.
        BenchError: what is there isn't a BERT of this size.
    """

    vocabulary: torch.Tensor

    def __init__(
        self,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        pieces: int = 30_522,
        length: int = 128,
        pooling: str = "first",
        pretrained: str = "",
    ) -> None:
        super().__init__()
        if pooling not in ("first", "mean"):
            raise ValueError(f"expected first or mean as pooling, found {pooling}")
        transformers = extras.load("transformers", "blip", "BERT")
        config = transformers.BertConfig(
            vocab_size=pieces,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * width,
        )
        self.pieces, self.length, self.pooling = pieces, length, pooling
        self.network = transformers.BertModel(config, add_pooling_layer=False)
        self.register_buffer("vocabulary", _stored(_made(pieces)))
        if pretrained:
            self._begin(pretrained)

    def forward(self, texts: list[str]) -> torch.Tensor:
        """The vectors of sentences."""
        device = self.network.embeddings.word_embeddings.weight.device
        written = self._tokenizer().encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in written], device=device)
        mask = torch.tensor([one.attention_mask for one in written], device=device)
        # transformers looks at a mask's values, which a network that is tried without any lacks.
        seen = None if ids.is_meta else mask
        states: torch.Tensor = self.network(input_ids=ids, attention_mask=seen).last_hidden_state
        if self.pooling == "first":
            return states[:, 0]
        share = mask[:, :, None].to(states.dtype)
        return (states * share).sum(dim=1) / share.sum(dim=1)

    def _tokenizer(self) -> Any:
        if self.vocabulary.is_meta:
            # A network that is tried without values; the number of its pieces is right.
            return _tokenizer(_made(self.pieces), self.length)
        return _tokenizer(bytes(self.vocabulary.cpu().numpy()).rstrip(b"\0"), self.length)

    def _begin(self, source: str) -> None:
        """Take published weights and pieces."""
        folder = Path(source)
        if not folder.is_dir():
            folder = fetch(
                source, None, lambda asked, sizes: only(asked, sizes, WEIGHTS, _VOCABULARY)
            ).folder
        text = (folder / _VOCABULARY).read_bytes()
        if len(text) > _BYTES or len(text.splitlines()) != self.pieces:
            raise BenchError(
                f"{source}: {_VOCABULARY} holds {len(text.splitlines())} pieces in {len(text)} "
                f"bytes, expected {self.pieces} in at most {_BYTES}",
                "do the arguments of the architecture belong to these weights?",
            )
        self.vocabulary.copy_(_stored(text.rstrip(b"\n")))
        stored = {}
        for name, tensor in weights.read(folder / WEIGHTS).items():
            # Older files call weight and bias of a norm by their letters in its formula.
            own = name.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
            if not own.startswith(_LEFT_OUT):
                stored[own] = tensor
        try:
            self.network.load_state_dict(stored)
        except RuntimeError as error:
            raise BenchError(
                f"{source}: {WEIGHTS} isn't that of this network: {str(error).splitlines()[1]}",
                "do the arguments of the architecture belong to these weights?",
            ) from error


def _stored(text: bytes) -> torch.Tensor:
    """Pieces, a line each, as a tensor of a length that doesn't depend on them."""
    return torch.frombuffer(bytearray(text.ljust(_BYTES, b"\0")), dtype=torch.uint8)


@lru_cache(maxsize=4)
def _made(pieces: int) -> bytes:
    """Marks, letters and the first merges of CLIP's byte-pair encoding, at begin and inside a word.

    Raises:
        ValueError: there are fewer than the letters alone need.
    """
    from open_clip.tokenizer import SimpleTokenizer

    merged = ("".join(pair).removesuffix("</w>") for pair in SimpleTokenizer().bpe_ranks)
    letters = [chr(code) for code in range(33, 127)]
    found = dict.fromkeys(_SPECIAL)
    for piece in (*letters, *(one for one in merged if one.isascii())):
        found |= dict.fromkeys((piece, f"##{piece}"))
        if len(found) >= pieces:
            break
    if pieces < len(_SPECIAL) + 2 * len(letters):
        raise ValueError(f"expected {len(_SPECIAL) + 2 * len(letters)} pieces or more: {pieces}")
    named = list(found)[:pieces]
    # Of all merges there are fewer than of the pieces of a large network.
    named += [f"[unused{number}]" for number in range(pieces - len(named))]
    return "\n".join(named).encode()


@lru_cache(maxsize=4)
def _tokenizer(text: bytes, length: int) -> Any:
    tokenizers = extras.load("tokenizers", "blip", "BERT")
    places = {piece: place for place, piece in enumerate(text.decode().split("\n"))}
    made = tokenizers.BertWordPieceTokenizer(places, lowercase=True)
    made.enable_truncation(length)
    made.enable_padding(pad_id=places["[PAD]"])
    return made
