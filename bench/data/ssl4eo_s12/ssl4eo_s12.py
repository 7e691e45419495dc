"""SSL4EO-S12: locations of 2.64 km x 2.64 km in four seasons; here the Sentinel-2 L2A images.

Source: Y. Wang et al., SSL4EO-S12 (IEEE GRSM 11(3), 2023, arXiv:2211.07044); the layout is that of
its archives: ``s2a/<location>/<image>/<band>.tif``, where an image is named after its sensing time.
"""

import datetime
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError, RequestError, unknown
from bench.data import Check, Progress, declaration, listing
from bench.data.formats import geotiff
from bench.data.reben.stores import Pixels
from bench.data.series import nearest
from bench.data.values import Darkest, require, values

FEWEST = 2
"""Dates of a series."""

FOLDER = "s2a"
SIDE = 264
SPLIT = "all"

_WITHIN = 2
"""By how many pixels images of the release differ from `SIDE`."""

_UNLABELLED = 255
_LOCATION = re.compile(r"\d{7}", re.ASCII)
_IMAGE = re.compile(r"(\d{8})T\d{6}_\d{8}T\d{6}_T\d{2}[A-Z]{3}", re.ASCII)


class Locations:
    """An opened SSL4EO-S12.

    Args:
        root: the folder that holds ``s2a``.

    Raises:
        BenchError: it doesn't.
    """

    layout = "geotiff"

    def __init__(self, root: Path) -> None:
        found = listing.base(root, lambda folder: (folder / FOLDER).is_dir())
        if found is None:
            raise listing.absent(f"{FOLDER}/", root, "`bench data list` says where to get it from")
        self.root = found
        self.places = listing.unwrapped(found / FOLDER)
        self.bands = declaration("ssl4eo-s12")["bands"]
        self._values = values("ssl4eo-s12")

    @cached_property
    def _images(self) -> dict[str, list[str]]:
        """The images of every location by rising date."""
        return {
            place.name: [
                image.name for image in listing.scan(place.path) if _IMAGE.fullmatch(image.name)
            ]
            for place in listing.scan(self.places)
            if _LOCATION.fullmatch(place.name) and place.is_dir()
        }

    def fingerprint(self) -> str:
        """The SHA-256 of the names of all images."""
        lines = (f"{place} {image}\n" for place, found in self._images.items() for image in found)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def ids(self, split: str) -> list[str]:
        """The locations with two dates or more; there is one split, ``all``.

        Raises:
            RequestError: another split was asked for.
        """
        if split != SPLIT:
            raise unknown("split", split, [SPLIT])
        return [place for place, images in self._images.items() if len(images) >= FEWEST]

    def dates(self) -> list[int]:
        """How many dates each location has."""
        return [len(images) for images in self._images.values()]

    def present(self, bands: Sequence[str]) -> list[str]:
        """The locations that are there, those with one date among them.

        Raises:
            RequestError: a band is unknown.
        """
        self._check(bands)
        return [place for place, images in self._images.items() if images]

    def images(self, sample: str, bands: Sequence[str]) -> list[tuple[datetime.date, Pixels]]:
        """The named bands on each date, uint16 reflectance x 10000 of 264, 132 or 44 px a side.

        Images of the release that have a pixel or two more or less are brought to that by the
        nearest pixel.

        Raises:
            RequestError: a band is unknown.
            BenchError: there are fewer than two dates, or a file is missing or damaged.
        """
        self._check(bands)
        images = self._images.get(sample, [])
        if len(images) < FEWEST:
            raise BenchError(
                f"expected a series of {FEWEST} dates or more, found {len(images)} at location "
                f"{sample[:100]}",
                "leave it out; without --ids such locations are skipped",
            )
        return [(_date(image), self._read(sample, image, bands)) for image in images]

    def read(self, sample: str, bands: Sequence[str]) -> Pixels:
        """The named bands on the first date."""
        return self.images(sample, bands)[0][1]

    def _read(self, sample: str, image: str, bands: Sequence[str]) -> Pixels:
        folder = self.places / sample / image
        pixels: Pixels = {}
        for band in bands:
            side = SIDE * 10 // int(self.bands[band]["gsd"])
            try:
                pixels[band] = geotiff.read(
                    folder / f"{band}.tif",
                    (side, side),
                    np.uint16,
                    within=_WITHIN,
                    nodata=self._values[band].nodata,
                )
            except FileNotFoundError as error:
                raise BenchError(f"{error.filename} is missing", "unpack it again") from error
            if pixels[band].shape != (side, side):
                rows, columns = (nearest(side, given) for given in pixels[band].shape)
                pixels[band] = pixels[band][rows[:, None], columns]
        require(self._values, pixels, lambda band: f"{folder / band}.tif")
        return pixels

    def _check(self, bands: Sequence[str]) -> None:
        for band in bands:
            if band not in self.bands:
                raise unknown("band", band, self.bands)

    def reference_map(
        self,
        sample: str,  # noqa: ARG002
        bands: Sequence[str] = (),  # noqa: ARG002
    ) -> NDArray[np.uint8]:
        """255 everywhere: there are no maps."""
        return np.full((SIDE, SIDE), _UNLABELLED, np.uint8)

    def attributes(self, samples: Sequence[str]) -> dict[str, list[str]]:
        """Each location's number of dates, and its tile on the first one."""
        series = [self._images[sample] for sample in samples]
        return {
            "dates": [str(len(images)) for images in series],
            "tile": [images[0][-5:] for images in series],
        }


def _date(image: str) -> datetime.date:
    try:
        return datetime.date(int(image[:4]), int(image[4:6]), int(image[6:8]))
    except ValueError as error:
        raise BenchError(f"image {image} has no date", "unpack it again") from error


def open_dataset(root: Path) -> Locations:
    """Open what is under ``root``."""
    return Locations(root)


def write_sample(root: Path) -> None:
    """Write the simulated data of the sample track under ``root``."""
    from bench.data.ssl4eo_s12 import simulate as simulated

    simulated.write(root)


def prepare(root: Path, workers: int, progress: Progress) -> Path:
    """Nothing.

    Raises:
        RequestError: always.
    """
    raise RequestError("ssl4eo-s12 is read as it is", "nothing has to be prepared")


def verify(root: Path, pixels: int, progress: Progress) -> Iterator[Check]:
    """How many dates locations have, and whether the first ones can be read."""
    try:
        dataset = Locations(root)
        counts = dataset.dates()
        several = [count for count in counts if count >= FEWEST]
        found = f"{len(several)} locations with 2 dates or more; skipped: {counts.count(1)} with 1"
        yield Check("series", passed=bool(several), found=found)
        chosen = dataset.ids(SPLIT)[:pixels]
        darkest = Darkest(values("ssl4eo-s12"))
        for index, sample in enumerate(chosen):
            for _, image in dataset.images(sample, list(dataset.bands)):
                darkest.add(image)
            progress(index + 1, len(chosen))
    except BenchError as error:
        yield Check("pixels", passed=False, found=str(error))
        return
    faults = darkest.faults()
    found = f"{len(chosen)} locations read whole"
    yield Check("pixels", passed=not faults, found=faults[0] if faults else found)
