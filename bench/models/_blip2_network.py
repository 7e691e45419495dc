"""BLIP-2 as a captioner that writes without a prompt and learns to."""

from typing import Any

import torch

import bench.base.torch_setup  # noqa: F401

BEAMS, TOKENS = 5, 120
"""How many captions are followed at a time, and how long they may become."""

_IGNORED = -100
"""The label of a place that a caption isn't learnt at."""


class Blip2(torch.nn.Module):
    """Images float32 [N, 3, size, size] -> captions.

    Args:
        network: ``Blip2ForConditionalGeneration``.
        tokenizer: of its language model.
        beams, tokens: how many captions are followed at a time, and how long they may become.
    """

    def __init__(
        self, network: torch.nn.Module, tokenizer: Any, beams: int = BEAMS, tokens: int = TOKENS
    ) -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        self.beams, self.tokens = beams, tokens

    def loss(self, images: torch.Tensor, captions: list[list[str]]) -> torch.Tensor:
        """Cross-entropy of every piece and the end, given what stands before it; mean over pieces.

        Before a caption stand the places of the image and the mark of the beginning, as where one
        is written without a prompt. A caption is cut at as many pieces as are written.

        Args:
            images: [N, 3, size, size].
            captions: for each image one or more.
        """
        network: Any = self.network
        text = network.config.text_config
        begin = [network.config.image_token_id] * network.config.num_query_tokens
        begin.append(text.bos_token_id)
        rows = [
            [*self.tokenizer(caption, add_special_tokens=False).input_ids[: self.tokens - 1]]
            for several in captions
            for caption in several
        ]
        longest = max(map(len, rows)) + 1
        padding = [longest - 1 - len(row) for row in rows]
        ids, seen, wanted = (
            torch.tensor(table, device=images.device)
            for table in (
                [
                    [*begin, *row, text.eos_token_id, *[text.pad_token_id] * rest]
                    for row, rest in zip(rows, padding, strict=True)
                ],
                [[1] * (len(begin) + longest - rest) + [0] * rest for rest in padding],
                [
                    [*[_IGNORED] * len(begin), *row, text.eos_token_id, *[_IGNORED] * rest]
                    for row, rest in zip(rows, padding, strict=True)
                ],
            )
        )
        owner = [image for image, several in enumerate(captions) for _ in several]
        found = network(
            pixel_values=images[torch.tensor(owner, device=images.device)],
            input_ids=ids,
            attention_mask=seen,
            labels=wanted,
        )
        value: torch.Tensor = found.loss
        return value

    def caption(self, images: torch.Tensor) -> list[str]:
        """The caption of each image, by beam search without a prompt."""
        network: Any = self.network
        made = network.generate(
            images, num_beams=self.beams, max_new_tokens=self.tokens, do_sample=False
        )
        queries = network.config.num_query_tokens
        if (made[:, :queries] == network.config.image_token_id).all():
            # Places of the image and the mark of the beginning, which aren't written.
            made = made[:, queries + 1 :]
        return [
            text.strip() for text in self.tokenizer.batch_decode(made, skip_special_tokens=True)
        ]
