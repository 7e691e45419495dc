"""An encoder: a network whose features other networks build on, and where its weights are from."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.spec.contract import InputContract
from bench.spec.recipe import Scalar

Level = Literal["pooled", "map"]
"""Features of an image, [N, F], or of places in it, [N, F, height, width]."""

Normalisation = Literal["checkpoint", "task"]
"""Whose statistics an image is normalised by: those that the weights were trained with, or the
task's."""


class Weights(BaseModel):
    """The file of weights of an encoder.

    Attributes:
        source: where it was fetched from, with revision or version.
        sha256: of the file.
        file: where it lies on this machine.
        prefix: what the names of its tensors begin with, before those of the network.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(max_length=500)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    file: Annotated[Path | None, Field(exclude=True)] = None
    prefix: Annotated[str, Field(exclude_if=lambda prefix: not prefix)] = ""


class Seen(BaseModel):
    """What is known of a band that an encoder is fed with.

    Attributes:
        sensor, gsd: as in `bench.spec.contract.Band`.
        wavelength: the centre in nm, of an optical band where it is known.
        polarisation: such as ``VV``, of a radar band.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sensor: str
    gsd: float
    wavelength: Annotated[float | None, Field(exclude_if=lambda centre: centre is None)] = None
    polarisation: Annotated[str, Field(exclude_if=lambda given: not given)] = ""


class Encoder(BaseModel):
    """The declaration of an encoder, as it is fed on a task.

    Attributes:
        name: as ``--model`` takes it, without the task's input: ``timm:resnet18@a1_in1k``.
        architecture: ``SOURCE:NAME``; its source builds it.
        arguments: of the architecture.
        given: the input of the task that it is fed with.
        input: its contract on this task.
        side: pixels a side to which images of that contract are brought, bilinearly, in front of
            the network; None where they aren't changed.
        normalisation: whose statistics that contract has.
        series: whether it takes image series with their dates; others see each date by itself.
        channels: the band behind each of its channels, by the name of the channel; empty where it
            takes any bands.
        bands: what is known of each band of its contract.
        unseen: bands of the task's input that it doesn't see.
        weights: None where they are random, drawn with seed 0.
        pretraining: what they learnt from, in words or as ``DATASET/SPLIT``.
        licence, url: of the weights, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(max_length=300)]
    architecture: Annotated[str, Field(pattern=r"^[a-z0-9_]+:[A-Za-z0-9_.@:/-]{1,200}$")]
    arguments: dict[str, Scalar] = {}
    given: str = ""
    input: InputContract
    side: Annotated[int | None, Field(exclude_if=lambda side: side is None)] = None
    normalisation: Normalisation
    series: Annotated[bool, Field(exclude_if=lambda series: not series)] = False
    channels: dict[str, str] = {}
    bands: dict[str, Seen] = {}
    unseen: tuple[str, ...] = ()
    weights: Weights | None = None
    pretraining: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    licence: Annotated[str, Field(max_length=100)] = ""
    url: Annotated[str, Field(max_length=500)] = ""

    def identity(self) -> dict[str, object]:
        """What decides its features."""
        return {
            "architecture": self.architecture,
            "arguments": self.arguments,
            "input": self.input.model_dump(mode="json", exclude={"statistics"}),
            "side": self.side,
            "channels": self.channels,
            "bands": {name: seen.model_dump() for name, seen in self.bands.items()},
            "weights": self.weights.sha256 if self.weights else "",
        }
