"""CutMix in the training of multi-label classifiers: what a recipe may ask, and a batch mixed.

The positions that label propagation needs come with the samples, as summed-area tables, and only
where the recipe asks for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.base.errors import BenchError, RequestError
from bench.base.weights import save_tensors
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import PreparationContext, Prepared
from bench.kinds.multilabel import cutmix
from bench.kinds.multilabel.explain import explanations
from bench.kinds.multilabel.map_noise import MOST_PIXELS, NOISES, VOID, label_errors
from bench.spec.contract import InputPipeline
from bench.spec.task import Task

if TYPE_CHECKING:
    import torch

Load = Callable[[Sequence[str]], Batch]
Positions = Callable[[Sequence[str]], NDArray[np.integer]]

_CHUNK = 64
_KEPT = "explanations.safetensors"


class Options(BaseModel):
    """What a recipe may say of mixing images.

    Attributes:
        strategy: how images are mixed and what the labels of a mixture are. ``none``;
            ``cutmix-union``: those of both images; ``cutmix-area``: weighted by area;
            ``cutmix-lp-map`` and ``cutmix-lp-gradcam``: what reference maps, or explanations of a
            trained classifier, show in the mixture.
        probability: of each image to receive a crop.
        smallest, largest: share of the image that a crop has.
        t_cam: where an explanation is above it, a pixel shows the class; explanations have no
            fixed scale, only a sign.
        t_map: of explanations, pixels that a class which occurs has more of; with reference maps
            one pixel is enough.
        classifier: the baseline that is explained; it is trained first where it wasn't yet.
        layer: of the classifier, whose activations explain.
        noise: errors simulated in reference maps: ``none`` or one of
            `bench.kinds.multilabel.map_noise.NOISES`.
        magnitude: of the noise, in pixels or as a share.
    """

    model_config = ConfigDict(extra="forbid")

    strategy: Literal[
        "none", "cutmix-union", "cutmix-area", "cutmix-lp-map", "cutmix-lp-gradcam"
    ] = "none"
    probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    smallest: Annotated[float, Field(gt=0, lt=1)] = 0.1
    largest: Annotated[float, Field(gt=0, lt=1)] = 0.5
    t_cam: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    t_map: Annotated[int, Field(ge=0)] = 10
    classifier: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,95})?$")] = ""
    layer: Annotated[str, Field(max_length=200)] = ""
    noise: Literal["none", "dilate", "erode", "shift", "swap", "flip"] = "none"
    magnitude: Annotated[float, Field(ge=0, le=MOST_PIXELS)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.smallest > self.largest:
            raise ValueError(f"smallest {self.smallest:g} is above largest {self.largest:g}")
        if self.noise == "none":
            if self.magnitude:
                raise ValueError("magnitude says nothing without a noise")
            return self
        if self.strategy != "cutmix-lp-map":
            raise ValueError(f"noise is of maps, which strategy {self.strategy} doesn't use")
        if NOISES[self.noise].share and self.magnitude > 1:
            raise ValueError(f"magnitude {self.magnitude:g} of {self.noise} is a share, at most 1")
        if not NOISES[self.noise].share and self.magnitude % 1:
            raise ValueError(f"magnitude {self.magnitude:g} of {self.noise} is in whole pixels")
        return self


class Mapped(Protocol):
    """A dataset that knows the class of every pixel and which classes occur."""

    def reference_map(self, sample: str, bands: Sequence[str]) -> NDArray[np.uint8]:
        """Class indices [height, width], 255 where a pixel has no label."""
        ...

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


def prepared(
    options: Options,
    task: Task,
    dataset: Any,
    pipeline: InputPipeline,
    samples: Sequence[str],
    preparation: PreparationContext,
    load: Load,
) -> Prepared:
    """How training samples are read so that they can be mixed, and how right their positions are.

    Targets become a mapping: ``labels`` float32 [N, classes] and, for label propagation, ``tables``
    of the positions.

    Args:
        options: of the recipe.
        task: what is trained for.
        dataset: of the task.
        pipeline: what images go through.
        samples: the training split.
        preparation: where the training takes place.
        load: reads images and labels.

    Raises:
        RequestError: the dataset has no maps, there is no trained classifier, or it can't be
            explained.
        BenchError: a map is missing, has codes without a meaning, or isn't as large as its image.
    """
    import torch

    if options.strategy == "none":
        return Prepared(load, {})
    positions, facts = _positions(options, task, dataset, pipeline, samples, preparation, load)
    if positions is not None:
        facts |= _rightness(options, dataset, samples, positions)

    def mixable(chosen: Sequence[str]) -> Batch:
        batch = load(chosen)
        targets = {"labels": batch.targets}
        if positions is not None:
            targets["tables"] = torch.from_numpy(positions(chosen))
        return replace(batch, targets=targets)

    return Prepared(mixable, facts)


def mixed(
    options: Options, batch: Batch, masks: torch.Tensor | None, draw: torch.Generator
) -> Batch:
    """A batch of mixed images and the labels of the mixtures.

    Args:
        options: of the recipe.
        batch: images, mirrored already, and targets as `prepared` reads them.
        masks: how they were mirrored, bool [2, N]; None if they weren't.
        draw: where randomness comes from.
    """
    labels = batch.targets["labels"]
    height, width = batch.inputs.shape[-2:]
    cut = cutmix.cuts(
        len(labels),
        height,
        width,
        probability=options.probability,
        smallest=options.smallest,
        largest=options.largest,
        draw=draw,
    ).to(batch.inputs.device)
    images = cutmix.paste(batch.inputs, cut)
    if options.strategy == "cutmix-union":
        return Batch(batch.samples, images, cutmix.united(labels, cut))
    if options.strategy == "cutmix-area":
        return Batch(batch.samples, images, cutmix.by_area(labels, cut, height, width))
    if masks is not None:
        cut = cut.unmirrored(masks.to(labels.device), height, width)
    found = cutmix.propagated(labels, batch.targets["tables"], cut, _more_than(options))
    return Batch(batch.samples, images, found)


def _more_than(options: Options) -> int:
    return options.t_map if options.strategy == "cutmix-lp-gradcam" else 0


def _positions(
    options: Options,
    task: Task,
    dataset: Any,
    pipeline: InputPipeline,
    samples: Sequence[str],
    preparation: PreparationContext,
    load: Load,
) -> tuple[Positions | None, dict[str, float | str]]:
    """The tables of any training samples, and where they come from."""
    from torch.nn.functional import interpolate

    if options.strategy == "cutmix-lp-map":
        if not hasattr(dataset, "reference_map"):
            raise RequestError(
                f"strategy {options.strategy} needs maps, and dataset {task.dataset} has none",
                "choose cutmix-lp-gradcam, cutmix-union or cutmix-area",
            )
        size, classes = _size(load, samples), np.arange(len(task.classes), dtype=np.uint8)

        def of_maps(chosen: Sequence[str]) -> NDArray[np.integer]:
            maps = [
                _map(options, dataset, pipeline, one, size, len(classes), preparation)
                for one in chosen
            ]
            return np.stack([cutmix.tables(one == classes[:, None, None]) for one in maps])

        return of_maps, {}
    if options.strategy == "cutmix-lp-gradcam":
        coarse, size = _explained(options, samples, preparation, load), _size(load, samples)
        rows = {sample: row for row, sample in enumerate(samples)}

        def of_explanations(chosen: Sequence[str]) -> NDArray[np.integer]:
            found = coarse[[rows[sample] for sample in chosen]]
            fine = interpolate(found, size=size, mode="bilinear", align_corners=False)
            return np.stack([cutmix.tables(one) for one in (fine > options.t_cam).numpy()])

        about = f"{options.classifier}, weights {preparation.teacher_sha256[:12]}"
        return of_explanations, {"classifier": about}
    return None, {}


def _size(load: Load, samples: Sequence[str]) -> tuple[int, int]:
    height, width = load(samples[:1]).inputs.shape[-2:]
    return height, width


def _map(
    options: Options,
    dataset: Mapped,
    pipeline: InputPipeline,
    sample: str,
    size: tuple[int, int],
    classes: int,
    preparation: PreparationContext,
) -> NDArray[np.uint8]:
    """The map of a sample, with the errors that the recipe wants."""
    found = dataset.reference_map(sample, pipeline.contract.bands)
    if found.shape != size:
        raise BenchError(
            f"expected maps of {size[0]} x {size[1]} px, as the contract brings images to, that of "
            f"sample {sample[:100]} has {found.shape[0]} x {found.shape[1]} px",
            "label propagation needs the class of every pixel: use a contract of the maps' size",
        )
    if (strange := found[(found >= classes) & (found != VOID)]).size:
        raise BenchError(
            f"expected classes 0 to {classes - 1}, or {VOID} for none, the map of sample "
            f"{sample[:100]} has {strange[0]}",
            "the reader of the dataset must give the classes of the task",
        )
    if options.noise == "none":
        return found
    # The same errors whenever the sample is read.
    digest = hashlib.sha256(f"{options.noise}\n{sample}".encode()).digest()
    draw = np.random.default_rng([preparation.seed, *digest])
    return NOISES[options.noise].change(found, options.magnitude, classes, draw)


def _explained(
    options: Options, samples: Sequence[str], preparation: PreparationContext, load: Load
) -> torch.Tensor:
    """Coarse explanations of all training samples, made once, float32 [N, classes, h, w]."""
    import torch
    from safetensors.torch import load_file

    if preparation.teacher is None:
        raise RequestError(
            "explanation masks need a trained classifier, and the recipe names none",
            'name a baseline in its options, such as classifier = "none-s2"',
        )
    path, device = preparation.folder / _KEPT, torch.device(preparation.device)
    if not path.is_file():
        network = preparation.teacher().to(device)
        found = []
        for chosen in _chunks(samples):
            batch = load(chosen)
            images, labels = batch.inputs.to(device), batch.targets.to(device)
            found.append(explanations(network, options.layer, images, labels).cpu())
        save_tensors({"maps": torch.cat(found)}, path)
    return load_file(path)["maps"]


def _rightness(
    options: Options, dataset: Mapped, samples: Sequence[str], positions: Positions
) -> Mapping[str, float | str]:
    """The labels that positions give unmixed images, compared with the true ones."""
    with ThreadPoolExecutor() as pool:
        counts = pool.map(lambda chosen: positions(chosen)[..., -1, -1], _chunks(samples))
        found = np.concatenate(list(counts)) > _more_than(options)
    errors = label_errors(dataset.multilabels(samples) > 0, found)
    return {f"labels_{name}": value for name, value in vars(errors).items()}


def _chunks(samples: Sequence[str]) -> Iterator[Sequence[str]]:
    return (samples[start : start + _CHUNK] for start in range(0, len(samples), _CHUNK))
