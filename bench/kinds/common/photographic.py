"""Changes of pictures in colour that a recipe may ask for: turned, jittered, grey, blurred.

Each is torchvision's, with its way to draw: brightness, contrast and saturation by a factor around
1, hue by a share of the circle, in random order. Pictures of several dates are changed alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import RequestError
from bench.spec.contract import InputContract
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

_RGB, _UNIT = 3, "fraction"
_KERNELS, _SIGMAS = (3, 5, 7), (0.1, 2.0)

Share = Annotated[float, Field(ge=0, le=1)]


class Photographic(BaseModel):
    """What a recipe may say of it; nothing is changed by default.

    Attributes:
        rotation: a picture is turned by up to so many degrees in either direction, what comes into
            it is black.
        brightness, contrast, saturation: the factor is drawn from 1 less this to 1 more.
        hue: drawn up to this in either direction, of a circle of 1.
        jitter: how likely these four are.
        grey: how likely a picture loses its colours.
        blur: how likely it is blurred, with a kernel of 3, 5 or 7 px and a standard deviation of
            0.1 to 2 px.
    """

    model_config = ConfigDict(extra="forbid")

    rotation: Annotated[float, Field(ge=0, le=180)] = 0
    brightness: Share = 0
    contrast: Share = 0
    saturation: Share = 0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0
    jitter: Share = 1
    grey: Share = 0
    blur: Share = 0

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        jittered = self.jitter and any(
            (self.brightness, self.contrast, self.saturation, self.hue),
        )
        return bool(self.rotation or jittered or self.grey or self.blur)


def check(options: Photographic, task: Task, contract: InputContract) -> None:
    """Refuse what can't be changed so.

    Raises:
        RequestError: the recipe asks for a change, and the contract isn't the task's first, or that
            isn't of pictures in RGB.
    """
    if not options.changes:
        return
    own = task.input(task.inputs[0])
    if contract != own or len(own.bands) % _RGB or set(own.units.values()) != {_UNIT}:
        raise RequestError(
            f"pictures are turned, jittered, made grey or blurred on the first input of a task in "
            f"RGB, not on {' '.join(contract.bands[:20])} of task {task.name}",
            "leave these options of the recipe away",
        )


def changed(
    options: Photographic, task: Task, images: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    """Pictures, each changed by its own draw.

    Args:
        options: what is changed.
        task: whose first input they are brought to.
        images: float32 [N, 3 * dates, height, width], normalised.
        draw: on the processor.
    """
    if not options.changes:
        return images
    import torch

    own = task.input(task.inputs[0])
    mean, std = (images.new_tensor(values)[:, None, None] for values in (own.mean, own.std))
    rows = [
        _one(options, row.unflatten(0, (-1, _RGB)), draw).flatten(0, 1)
        for row in images * std + mean
    ]
    return (torch.stack(rows) - mean) / std


def _one(options: Photographic, dates: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """The dates [dates, 3, height, width] of one picture, in [0, 1]."""
    import bench.base.torch_setup  # noqa: F401  # isort: skip
    import torch
    from torchvision.transforms.v2 import functional as library

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=draw))

    def happens(share: float) -> bool:
        return bool(share) and between(0, 1) < share

    if options.rotation:
        dates = library.rotate(dates, between(-options.rotation, options.rotation))
    if happens(options.jitter):
        for place in torch.randperm(4, generator=draw).tolist():
            name = ("brightness", "contrast", "saturation", "hue")[place]
            if most := getattr(options, name):
                middle = 0 if name == "hue" else 1
                by = between(max(middle - most, -most), middle + most)
                dates = getattr(library, f"adjust_{name}")(dates, by)
    if happens(options.grey):
        dates = library.rgb_to_grayscale(dates, num_output_channels=_RGB)
    if happens(options.blur):
        side = _KERNELS[int(between(0, len(_KERNELS)))]
        dates = library.gaussian_blur(dates, [side, side], [between(*_SIGMAS)] * 2)
    return dates
