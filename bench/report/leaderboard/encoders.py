"""What the page says of encoders: how each is fed, what it learnt from, how its head was chosen."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from bench.report.leaderboard.boards import Board
from bench.report.leaderboard.read import Result
from bench.report.leaderboard.words import HASH, Words, constant
from bench.spec import training_data
from bench.spec.encoder import Encoder

_SETTINGS = 60
"""Most settings of a search that are shown."""


class Encoders:
    """Every distinct declaration once; columns hold positions in this list."""

    def __init__(self, words: Words) -> None:
        self.packed: list[dict[str, Any]] = []
        self._words = words
        self._positions: dict[str, int] = {}

    def __call__(self, result: Result) -> int | None:
        """The position of a run's encoder; None where there is none."""
        text, encoder = result.facts.get("encoder", ""), encoder_of(result)
        if encoder is None:
            return None
        if text not in self._positions:
            self._positions[text] = len(self.packed)
            self.packed.append(self._pack(encoder))
        return self._positions[text]

    def _pack(self, encoder: Encoder) -> dict[str, Any]:
        words, weights = self._words, encoder.weights
        return {
            "name": words(encoder.name),
            "given": words(encoder.given),
            "normalisation": words(encoder.normalisation),
            "source": words(weights.source if weights else "", 200),
            "sha256": words(weights.sha256[:HASH] if weights else ""),
            "pretraining": [words(text, 200) for text in encoder.pretraining[:20]],
            "bands": [
                [words(band), words(encoder.bands[band].sensor if band in encoder.bands else "")]
                for band in encoder.input.bands
            ],
            "channels": [[words(one), words(band)] for one, band in encoder.channels.items()],
            "unseen": [words(band) for band in encoder.unseen],
        }


def encoder_of(result: Result) -> Encoder | None:
    """The encoder that a run's entry builds on; None where there is none, or it can't be read."""
    text = result.facts.get("encoder", "")
    return _read(text) if text else None


def sees_test_data(result: Result) -> bool:
    """Whether what its encoder declares to have learnt from includes what was scored."""
    encoder = encoder_of(result)
    dataset, split = (result.facts.get(name, "") for name in ("dataset", "split"))
    return encoder is not None and any(
        training_data.includes(text, dataset, split) for text in encoder.pretraining
    )


def columns(board: Board, encoders: Encoders, words: Words, depth: int) -> dict[str, Any]:
    """What the rows of a board say of encoders.

    Args:
        board: whose rows.
        encoders: where declarations go.
        words: where texts go.
        depth: of how many rows the settings are carried that were tried.
    """
    results = [row.result for row in board.rows]
    found: dict[str, list[Any]] = {
        "encoder": [encoders(result) for result in results],
        "method": [words(result.facts.get("method", "")) for result in results],
        "saw": [int(sees_test_data(result)) for result in results],
        "labels": [
            words(result.facts.get("labels") and (result.subset or "100%")) for result in results
        ],
        "learnt": [_count(result.facts.get("learnt", "")) for result in results],
        "learntIds": [words(result.facts.get("learnt_ids", "")[:HASH]) for result in results],
        "learntData": [words(result.facts.get("learnt_data", "")[:HASH]) for result in results],
    }
    tried = [
        [[words(setting), value] for setting, value in searched(result)] or None
        for result in results[:depth]
    ]
    packed = {name: constant(values) for name, values in found.items()}
    return packed | {"searched": tried if any(tried) else []}


def searched(result: Result) -> Sequence[tuple[str, float | None]]:
    """The settings that were tried, each with its validation score."""
    text = result.facts.get("searched", "")
    return _settings(text) if text else ()


@lru_cache(4096)
def _read(text: str) -> Encoder | None:
    try:
        return Encoder.model_validate_json(text)
    except ValidationError:
        return None


@lru_cache(4096)
def _settings(text: str) -> tuple[tuple[str, float | None], ...]:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    made = []
    for one in listed[:_SETTINGS] if isinstance(listed, list) else []:
        if isinstance(one, dict) and "setting" in one:
            value = one.get("validation")
            known = isinstance(value, float | int) and abs(value) < 1e12
            made.append((str(one["setting"]), float(f"{value:.4g}") if known else None))
    return tuple(made)


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 16 else None
