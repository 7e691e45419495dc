"""A dataset whose images are degraded as they are read; its targets stay as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import RequestError, unknown
from bench.base.files import sha256_json
from bench.data import Dataset, degrade
from bench.data.series import Series
from bench.kinds.common.kind import Kind
from bench.spec.channels import wavelength_of
from bench.spec.contract import Band, InputContract, native_statistics
from bench.spec.degradation import DEFINITION, Degradation
from bench.spec.task import Task

Pixels = NDArray[Any]

_WHITE = {"reflectance x 10000": 10_000.0, "reflectance": 1.0}
"""What a reflectance of 1 is in units of optical bands."""

_SATURATED = {"8 bit": 255.0, "fraction": 1.0}
"""What pictures show of a cloud: they are white from a reflectance far below that of one on."""

_RADAR = ("dB", "dB x 100", "linear power")


class DegradedDataset:
    """A dataset whose `read` and `series` give degraded images; all else is that of the dataset.

    What is random depends on the sample's id, and on band and date, and on nothing else: all
    models see the same images, whatever the order in which they are read.

    Args:
        dataset: that of the task.
        task: that is run.
        contract: of the model.
        degradation: of its images.
    """

    def __init__(
        self, dataset: Any, task: Task, contract: InputContract, degradation: Degradation
    ) -> None:
        self._dataset = dataset
        self._bands = task.bands
        self._degradation = degradation
        self._statistics = statistics(task, contract, degradation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def read(self, sample: str, bands: Sequence[str]) -> dict[str, Pixels]:
        """The named bands of one sample, degraded; as `bench.data.Dataset.read`."""
        return self._degraded(self._dataset.read(sample, bands), sample)

    def series(self, sample: str, bands: Sequence[str]) -> list[Series]:
        """The series that hold these bands, each image degraded by itself; as in the dataset."""
        found = []
        for one in self._dataset.series(sample, bands):
            images = [
                self._degraded(dict(zip(one.bands, image, strict=True)), sample, one.name, date)
                for date, image in enumerate(one.pixels)
            ]
            stacked = [np.stack([image[band] for band in one.bands]) for image in images]
            found.append(replace(one, pixels=np.stack(stacked) if stacked else one.pixels))
        return found

    def _degraded(self, arrays: Mapping[str, Pixels], *key: str | int) -> dict[str, Pixels]:
        asked = self._degradation
        if asked.kind == "drop":
            means = {band: self._statistics[band][0] for band in asked.bands if band in arrays}
            return {
                band: degrade.dropped(values, means[band]) if band in means else values
                for band, values in arrays.items()
            }
        if asked.kind == "noise":
            return {
                band: degrade.noisy(
                    values, *key, band, std=asked.magnitude * self._statistics[band][1]
                )
                for band, values in arrays.items()
            }
        if asked.kind == "gsd":
            return self._coarser(arrays)
        mask = degrade.cloud_mask(*key, share=asked.magnitude)
        return {
            band: degrade.clouded(values, mask, level)
            if (level := self._cloud_level(band, key)) is not None
            else values
            for band, values in arrays.items()
        }

    def _cloud_level(self, band: str, key: tuple[str | int, ...]) -> float | None:
        """What a cloud is in the unit of a band; None of radar."""
        about = self._bands[band]
        if about.unit in _RADAR:
            return None
        if about.unit in _SATURATED:
            return _SATURATED[about.unit]
        wavelength = wavelength_of(band, about)
        return _WHITE[about.unit] * degrade.cloud_reflectance(*key, wavelength=wavelength)

    def _coarser(self, arrays: Mapping[str, Pixels]) -> dict[str, Pixels]:
        """Bands that are finer than the wanted distance, averaged to it.

        A band may be stored on finer pixels than it was measured on. How large they are follows
        from the area of the image, which the finest band of the sensor shows.
        """
        wanted, found = self._degradation.magnitude, dict(arrays)
        for sensor in {self._bands[band].sensor for band in arrays}:
            own = [band for band in arrays if self._bands[band].sensor == sensor]
            height = min(self._bands[band].gsd * arrays[band].shape[0] for band in own)
            for band in own:
                if self._bands[band].gsd < wanted:
                    factor = wanted * arrays[band].shape[0] / height
                    found[band] = degrade.coarser(arrays[band], factor)
        return found


def degraded(
    dataset: Dataset, task: Task, contract: InputContract, degradation: Degradation | None
) -> Any:
    """A dataset whose images are degraded; the dataset itself without a degradation."""
    if degradation is None:
        return dataset
    return DegradedDataset(dataset, task, contract, degradation)


def statistics(
    task: Task, contract: InputContract, degradation: Degradation
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the bands that a degradation asks them of.

    They are those of the task's own inputs, so that all models meet the same images; of a band in
    none of them those of another input of the dataset, or else of the model's contract.

    Returns:
        By band, in the unit of the dataset; nothing for clouds and sampling distances.

    Raises:
        RequestError: none are known of a band.
    """
    if degradation.kind not in ("drop", "noise"):
        return {}
    known = native_statistics(contract, task.bands)
    for name in reversed([*dict.fromkeys([*task.inputs, *task.declaration["inputs"]])]):
        known |= native_statistics(task.input(name), task.bands)
    wanted = degradation.bands or contract.bands
    if missing := [band for band in wanted if band not in known]:
        raise RequestError(
            f"{degradation.name}: mean and standard deviation of {', '.join(missing[:5])} are "
            "unknown",
            "its dataset declares none, and the model's contract has none: use cloud or gsd",
        )
    return {band: known[band] for band in wanted}


def fingerprint(task: Task, contract: InputContract, degradation: Degradation) -> str:
    """The SHA-256 of all that decides what a degradation does to the images of a task."""
    return sha256_json(
        {
            "degradation": degradation.name,
            "definition": DEFINITION,
            "statistics": statistics(task, contract, degradation),
        }
    )


def check(kind: Kind[Any, Any], contract: InputContract, degradation: Degradation) -> None:
    """Refuse a degradation that the images of a model can't have, or that changes nothing.

    Raises:
        RequestError: it is such a one.
    """
    task = kind.task
    if not kind.degradable:
        raise RequestError(
            f"images of tasks of kind {task.kind} can't be degraded",
            "`bench list` shows the tasks; those of kinds multilabel, classification, "
            "segmentation, depth, crops, zeroshot, retrieval and captioning can be",
        )
    fed = {band: task.bands[band] for band in contract.bands}
    for band in degradation.bands:
        if band not in fed:
            raise unknown("band", band, fed, "only bands that the model is fed can be dropped")
    if degradation.kind == "gsd" and degradation.magnitude <= (
        finest := finest_gsd(task, contract)
    ):
        raise RequestError(
            f"{degradation.name} changes nothing: the finest band that the model is fed has "
            f"{finest:g} m",
            "name a larger distance",
        )
    if degradation.kind == "cloud":
        _check_cloud(fed, degradation)
    statistics(task, contract, degradation)


def finest_gsd(task: Task, contract: InputContract) -> float:
    """The smallest ground sampling distance of a model's bands, in metres."""
    return min(task.bands[band].gsd for band in contract.bands)


def _check_cloud(fed: Mapping[str, Band], degradation: Degradation) -> None:
    optical = {name: band for name, band in fed.items() if band.unit not in _RADAR}
    if not optical:
        raise RequestError(
            f"{degradation.name} changes nothing: the model is fed no optical band",
            "radar sees through clouds; use noise, gsd or drop",
        )
    for name, band in optical.items():
        if band.unit not in _WHITE and band.unit not in _SATURATED:
            raise RequestError(
                f"{degradation.name}: how bright a cloud is in band {name} isn't known, whose unit "
                f"is {band.unit}",
                "use noise, gsd or drop",
            )
