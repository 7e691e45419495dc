"""Channel augmentations of multispectral images, for any number of bands.

Values are reflectance between declared bounds, brought to [0, 1] and held there. Brightness,
contrast, sharpness, blur, posterising and solarising are those of torchvision, band by band: its
functions for colours take one band or three. What it has for colours alone, or not at all, is
written out here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import bench.base.torch_setup  # noqa: F401  # isort: skip
import torch
from torchvision.transforms.v2 import functional as library

from bench.base.errors import RequestError, unknown
from bench.spec.contract import InputContract


@dataclass(frozen=True)
class Augmentation:
    """An augmentation with its range.

    Attributes:
        change: of images [N, C, H, W] by a magnitude, with draws from a generator.
        low, high: what a magnitude can be.
        magnitude: what it means, in words.
        whole: whether it counts something.
    """

    change: Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]
    low: float
    high: float
    magnitude: str
    whole: bool = False


def apply(
    name: str, images: torch.Tensor, magnitude: float, generator: torch.Generator
) -> torch.Tensor:
    """Images changed by an augmentation.

    Args:
        name: a key of `KNOWN`.
        images: float32 [N, C, H, W] in [0, 1]; they stay as they are.
        magnitude: as `KNOWN` explains it.
        generator: of everything that is drawn, on the processor.

    Returns:
        float32 [N, C, H, W] in [0, 1].

    Raises:
        RequestError: there is no such augmentation, or the magnitude is outside its range.
    """
    check(name, magnitude, images.shape[1])
    changed = KNOWN[name].change(images, magnitude, generator)
    return changed.clamp(0, 1)


def check(name: str, magnitude: float, bands: int) -> None:
    """Refuse an augmentation that isn't known, or a magnitude outside its declared range.

    Raises:
        RequestError: as above.
    """
    if name not in KNOWN:
        raise unknown("augmentation", name, KNOWN)
    known = KNOWN[name]
    high = bands if math.isinf(known.high) else known.high
    fits = known.low <= magnitude <= high and (not known.whole or magnitude == int(magnitude))
    if not fits:
        kind = "a whole number" if known.whole else "a magnitude"
        raise RequestError(
            f"{name}: expected {kind} from {known.low:g} to {high:g}, found {magnitude:g}",
            f"it is {known.magnitude}",
        )


def in_training(
    images: torch.Tensor,
    contract: InputContract,
    bounds: Mapping[str, tuple[float, float]],
    name: str,
    magnitude: float,
    draw: torch.Generator,
) -> torch.Tensor:
    """Normalised images of which a random half is augmented.

    What an augmentation changes between the bounds is added to an image; what lies outside of them
    is left as it is, so that an augmentation that changes nothing changes nothing.

    Args:
        images: float32 [N, C, H, W], as the contract normalises them.
        contract: of these images.
        bounds: what is 0 and how much more is 1, by band, in the contract's unit.
        name: of the augmentation.
        magnitude: of it.
        draw: on the processor.
    """
    columns = [(*bounds[band], *moments) for band, *moments in _moments(contract)]
    low, span, mean, std = (
        images.new_tensor(column)[:, None, None] for column in zip(*columns, strict=True)
    )
    chosen = torch.rand(len(images), generator=draw) < 0.5
    rows = chosen.nonzero()[:, 0].to(images.device)
    before = ((images[rows] * std + mean - low) / span).clamp(0, 1)
    change = apply(name, before, magnitude, draw) - before
    return images.index_add(0, rows, change * span / std)


def _moments(contract: InputContract) -> list[tuple[str, float, float]]:
    return list(zip(contract.bands, contract.mean, contract.std, strict=True))


def _band_by_band(
    function: Callable[[torch.Tensor, float], torch.Tensor], images: torch.Tensor, factor: float
) -> torch.Tensor:
    return function(images.flatten(0, 1)[:, None], factor).reshape(images.shape)


def _none(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    return images


def _brightness(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    return _band_by_band(library.adjust_brightness, images, 1 + magnitude)


def _contrast(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    return _band_by_band(library.adjust_contrast, images, 1 + magnitude)


def _sharpness(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    return _band_by_band(library.adjust_sharpness, images, 1 + magnitude)


def _blur(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    if magnitude == 0:
        return images
    # Padding by reflection can't reach beyond the image.
    size = 2 * min(math.ceil(3 * magnitude), min(images.shape[2:]) - 1) + 1
    blurred: torch.Tensor = library.gaussian_blur(images, [size, size], [magnitude, magnitude])
    return blurred


def _noise(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(images.shape, generator=generator).to(images.device)
    return images + magnitude * drawn


def _grayscale(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    # torchvision's adjust_saturation, with the mean of the bands for the luma, which colours have.
    return images * (1 - magnitude) + images.mean(dim=1, keepdim=True) * magnitude


def _posterize(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    posterized: torch.Tensor = library.posterize(images, int(magnitude))
    return posterized


def _solarize(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    solarized: torch.Tensor = library.solarize(images, magnitude)
    return solarized


def _some_bands(images: torch.Tensor, count: float, generator: torch.Generator) -> torch.Tensor:
    """So many bands of each image, [N, count], without order."""
    ranks = torch.rand(images.shape[:2], generator=generator)
    return ranks.argsort(dim=1)[:, : int(count)]


def _shuffle(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    # kornia's RandomChannelShuffle, but that so many bands and no others change places.
    bands = _some_bands(images, magnitude, generator)
    source = torch.arange(images.shape[1]).repeat(len(images), 1)
    source = source.scatter(1, bands, bands.roll(1, dims=1)).to(images.device)
    return images.gather(1, source[:, :, None, None].expand_as(images))


def _drop(images: torch.Tensor, magnitude: float, generator: torch.Generator) -> torch.Tensor:
    # kornia's RandomChannelDropout, filling with 0.
    kept = torch.ones(images.shape[:2])
    kept.scatter_(1, _some_bands(images, magnitude, generator), 0.0)
    return images * kept.to(images.device)[:, :, None, None]


KNOWN: Mapping[str, Augmentation] = {
    "none": Augmentation(_none, 0, 0, "always 0"),
    "brightness": Augmentation(_brightness, -1, 1, "what is added to a factor of 1"),
    "contrast": Augmentation(
        _contrast, -1, 1, "what is added to a factor of 1 of the distance from the band's mean"
    ),
    "gaussian-blur": Augmentation(_blur, 0, 5, "the standard deviation in pixels"),
    "gaussian-noise": Augmentation(_noise, 0, 0.5, "the standard deviation, of the range of 1"),
    "grayscale": Augmentation(_grayscale, 0, 1, "the share of the mean of the bands"),
    "posterize": Augmentation(_posterize, 1, 8, "the number of bits that are kept", whole=True),
    "sharpness": Augmentation(
        _sharpness, -1, 4, "what is added to a factor of 1 of the distance from a smoothed image"
    ),
    "solarize": Augmentation(_solarize, 0, 1, "the value from which values are inverted"),
    "channel-shuffle": Augmentation(
        _shuffle, 0, math.inf, "how many bands change places", whole=True
    ),
    "channel-drop": Augmentation(_drop, 0, math.inf, "how many bands are set to 0", whole=True),
}
"""By name. Where 0 is in the range of something that isn't a threshold, it changes nothing."""
