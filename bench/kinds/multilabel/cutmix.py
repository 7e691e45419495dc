"""CutMix for images with several labels, and what the labels of a mixed image are.

A crop of one image replaces a part of another. Which classes then occur is known where it is known
where they are: label propagation does with the pixels of every class what is done with the image
and reads the labels off the result.

Sources: S. Yun et al., CutMix, ICCV 2019, arXiv:1905.04899; T. Burgert et al., A Label Propagation
Strategy for CutMix in Multi-Label Remote Sensing Image Classification, arXiv:2405.13451. The steps
(uniform corners, a new place in the receiver, thresholds) are those of
https://github.com/JonasKlotz/xai-survey-for-remote-sensing, by a co-author.

The pixels of a class are kept as summed-area tables, so that a label costs some look-ups instead of
a pass over the image: F. C. Crow, Summed-Area Tables for Texture Mapping, SIGGRAPH 1984.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Cuts:
    """Which crop goes where, for each image of a batch.

    Attributes:
        chosen: which images receive a crop, bool [N].
        donors: the image it comes from, int64 [N].
        sources: its top and left in the donor, int64 [N, 2].
        targets: its top and left in the receiver, int64 [N, 2].
        sizes: its height and width, int64 [N, 2].
    """

    chosen: torch.Tensor
    donors: torch.Tensor
    sources: torch.Tensor
    targets: torch.Tensor
    sizes: torch.Tensor

    def to(self, device: torch.device) -> Cuts:
        """The same on a device."""
        return Cuts(**{name: tensor.to(device) for name, tensor in vars(self).items()})

    def unmirrored(self, masks: torch.Tensor, height: int, width: int) -> Cuts:
        """The same crops of images that weren't mirrored.

        Args:
            masks: which of the images were mirrored horizontally and vertically, bool [2, N].
            height: of the images.
            width: of the images.
        """
        import torch

        flipped = masks.flip(0).T
        extent = torch.tensor([height, width], device=self.sizes.device)

        def back(corners: torch.Tensor, flipped: torch.Tensor) -> torch.Tensor:
            return torch.where(flipped, extent - corners - self.sizes, corners)

        sources, targets = back(self.sources, flipped[self.donors]), back(self.targets, flipped)
        return replace(self, sources=sources, targets=targets)


def boxes(
    count: int, height: int, width: int, smallest: float, largest: float, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random boxes between two uniform corners, of a share of the image within bounds.

    The corners are pixels, x1 and x2 uniform in 0 ... width - 1, y1 and y2 in 0 ... height - 1, on
    the condition that smallest <= abs(x2 - x1) abs(y2 - y1) / (width height) <= largest. They are
    drawn from that distribution itself, not until a pair fits: a size (h, w) has
    (height - h) (width - w) places, all of them equally likely.

    Args:
        count: how many.
        height: of the image, in pixels.
        width: of the image.
        smallest: share of the image.
        largest: share of the image.
        draw: where randomness comes from.

    Returns:
        Top and left, int64 [count, 2]; height and width, int64 [count, 2].

    Raises:
        RequestError: no box has such an area.
    """
    import torch

    high, wide = torch.arange(1, height)[:, None], torch.arange(1, width)
    area = (high * wide).double() / (height * width)
    places = ((height - high) * (width - wide)).double()
    places[(area < smallest) | (area > largest)] = 0
    if not places.any():
        raise RequestError(
            f"no box of {height} x {width} px has between {smallest:g} and {largest:g} of the area",
            "widen the options smallest and largest",
        )
    drawn = torch.multinomial(places.flatten(), count, replacement=True, generator=draw)
    sizes = torch.stack([drawn // (width - 1), drawn % (width - 1)], dim=1) + 1
    return _somewhere(torch.tensor([height, width]) - sizes, draw), sizes


def cuts(
    count: int,
    height: int,
    width: int,
    *,
    probability: float,
    smallest: float,
    largest: float,
    draw: torch.Generator,
) -> Cuts:
    """What to cut and where to paste it, for a batch of images.

    Args:
        count: images of the batch; the donors are a permutation of them.
        height: of the images, in pixels.
        width: of the images.
        probability: of each image to receive a crop.
        smallest: share of the image that a crop has at least.
        largest: share that it has at most.
        draw: where randomness comes from.

    Raises:
        RequestError: no box has such an area.
    """
    import torch

    sources, sizes = boxes(count, height, width, smallest, largest, draw)
    return Cuts(
        chosen=torch.rand(count, generator=draw) < probability,
        donors=torch.randperm(count, generator=draw),
        sources=sources,
        targets=_somewhere(torch.tensor([height, width]) - sizes + 1, draw),
        sizes=sizes,
    )


def paste(images: torch.Tensor, cut: Cuts) -> torch.Tensor:
    """Images, or maps of them, with the crops pasted.

    Args:
        images: [N, ..., height, width].
        cut: on the same device.
    """
    import torch

    rows, columns = (
        _within(torch.arange(side, device=images.device), cut, axis)
        for axis, side in enumerate(images.shape[-2:])
    )
    image, y, x = (rows[:, :, None] & columns[:, None, :]).nonzero(as_tuple=True)
    up, left = (cut.sources - cut.targets)[image].T
    mixed = images.clone()
    mixed[image, ..., y, x] = images[cut.donors[image], ..., y + up, x + left]
    return mixed


def tables(planes: NDArray[np.bool_]) -> NDArray[np.integer]:
    """The summed-area table of each class.

    Args:
        planes: where each class is, bool [classes, height, width].

    Returns:
        int16 [classes, height + 1, width + 1], int32 for images of more than 32,767 pixels: how
        many pixels of the class are above and left of each corner.
    """
    classes, height, width = planes.shape
    form = np.int16 if height * width <= np.iinfo(np.int16).max else np.int32
    found = np.zeros((classes, height + 1, width + 1), form)
    for index in np.flatnonzero(planes.any(axis=(1, 2))):
        inside = found[index, 1:, 1:]
        np.cumsum(planes[index], axis=0, out=inside)
        np.cumsum(inside, axis=1, out=inside)
    return found


def pixels(table: torch.Tensor, cut: Cuts) -> torch.Tensor:
    """How many pixels of each class the mixed images have, int64 [N, classes].

    Args:
        table: of the unmixed images, [N, classes, height + 1, width + 1], as `tables` makes them.
        cut: on the same device.
    """
    import torch

    everyone = torch.arange(len(table), device=table.device)
    covered = _in_boxes(table, everyone, cut.targets, cut.sizes)
    pasted = _in_boxes(table, cut.donors, cut.sources, cut.sizes)
    mixed = pasted - covered
    return table[..., -1, -1].long() + torch.where(cut.chosen[:, None], mixed, 0)


def propagated(
    labels: torch.Tensor, table: torch.Tensor, cut: Cuts, more_than: int = 0
) -> torch.Tensor:
    """Labels read off the mixed maps; those of images that receive no crop stay.

    Args:
        labels: 0 or 1, [N, classes].
        table: as for `pixels`.
        cut: on the same device.
        more_than: pixels that a class which occurs has more of.
    """
    import torch

    found = (pixels(table, cut) > more_than).to(labels.dtype)
    return torch.where(cut.chosen[:, None], found, labels)


def united(labels: torch.Tensor, cut: Cuts) -> torch.Tensor:
    """Labels of the receiver and of the donor together, [N, classes]."""
    import torch

    return torch.where(cut.chosen[:, None], torch.maximum(labels, labels[cut.donors]), labels)


def by_area(labels: torch.Tensor, cut: Cuts, height: int, width: int) -> torch.Tensor:
    """Labels of receiver and donor, weighted by their shares of the area, [N, classes].

    As CutMix has it for images with one label.
    """
    share = (cut.sizes.prod(dim=1) / (height * width) * cut.chosen)[:, None].to(labels.dtype)
    return (1 - share) * labels + share * labels[cut.donors]


def _somewhere(places: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """A uniform integer below each of some, int64."""
    import torch

    share = torch.rand(places.shape, generator=draw, dtype=torch.float64)
    return (share * places).long()


def _within(pixel: torch.Tensor, cut: Cuts, axis: int) -> torch.Tensor:
    """Which rows, or columns, of each image are covered, bool [N, side]."""
    first = cut.targets[:, axis, None]
    return (pixel >= first) & (pixel < first + cut.sizes[:, axis, None]) & cut.chosen[:, None]


def _in_boxes(
    table: torch.Tensor, images: torch.Tensor, corners: torch.Tensor, sizes: torch.Tensor
) -> torch.Tensor:
    """Pixels of each class in a box of each of some images, int64 [N, classes]."""
    (top, left), (bottom, right) = corners.T, (corners + sizes).T
    low = table[images, :, bottom, right].long() - table[images, :, bottom, left]
    return low - table[images, :, top, right] + table[images, :, top, left]
