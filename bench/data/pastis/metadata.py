"""What PASTIS declares beside its arrays: patches, folds and dates, and statistics of bands."""

import datetime
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import BenchError
from bench.data import declaration
from bench.data.formats import json_text

METADATA = "metadata.geojson"
FOLDS = range(1, 6)

_LARGEST = 1 << 27
_LONGEST_TEXT = 1 << 16
_AGAIN = "unpack it from the archive again"


@cache
def declared() -> Mapping[str, Any]:
    """The declaration of the dataset."""
    return declaration("pastis")


@dataclass(frozen=True)
class Patch:
    """A patch as ``metadata.geojson`` declares it.

    Attributes:
        fold: 1 to 5.
        tile: of Sentinel-2; empty where it isn't stated.
        dates: what is stated of the dates of each series.
    """

    fold: int
    tile: str
    dates: Mapping[str, Any]


def patches(path: Path) -> dict[str, Patch]:
    """The patches by id.

    Raises:
        BenchError: the file is missing or damaged, or a patch is in two folds or in none.
    """
    found: dict[str, Patch] = {}
    whole = json_text.load(path, _LARGEST)
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list):
        raise BenchError(f"{path}: expected GeoJSON with features, found none", _AGAIN)
    for index, feature in enumerate(features):
        about = feature.get("properties") if isinstance(feature, dict) else None
        about = about if isinstance(about, dict) else {}
        number, fold = about.get("ID_PATCH"), about.get("Fold")
        if not _counts(number) or not _counts(fold) or fold not in FOLDS:
            raise BenchError(
                f"{path}: expected ID_PATCH and a Fold of 1 to 5 of every patch, found "
                f"{number!r:.40} and {fold!r:.40} of feature {index}",
                _AGAIN,
            )
        name = str(int(number))
        if name in found:
            raise BenchError(
                f"{path}: expected every patch once, found {name} in fold {found[name].fold} and "
                f"again in fold {int(fold)}",
                "folds that overlap would be learnt from and tested on; " + _AGAIN,
            )
        dates = {series: about.get(f"dates-{series}") for series in declared()["series"]}
        found[name] = Patch(int(fold), str(about.get("TILE") or "")[:40], dates)
    return found


def _counts(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a whole number that isn't negative; GeoJSON may write it as 1.0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value >= 0 and value == int(value)


def days(path: Path, patch: str, series: str, stated: Any) -> NDArray[np.int64]:
    """Days since the first day and days of the year from 0 of a series, int64 [dates, 2].

    Args:
        path: of the metadata, for the errors.
        patch: whose dates they are.
        series: of which sensor.
        stated: a mapping of positions to dates as integers YYYYMMDD or texts, or that as a text.
            Images of one day stay in the order of their positions.

    Raises:
        BenchError: these are no two or more dates in their order.
    """
    who = f"{path}: patch {patch}"
    stated = _parsed(stated)
    if not isinstance(stated, dict) or len(stated) > declared()["dates"]:
        found = f"{len(stated)}" if isinstance(stated, dict) else f"{stated!r:.40}"
        raise BenchError(
            f"{who}: expected at most {declared()['dates']} dates of {series}, found {found}",
            "PASTIS has no Sentinel-1: use an input of Sentinel-2, or get PASTIS-R"
            if stated is None and series != "S2"
            else _AGAIN,
        )
    try:
        stamps = [_stamp(stated[key]) for key in sorted(stated, key=int)]
        dates = [datetime.date(n // 10_000, n // 100 % 100, n % 100) for n in stamps]
    except (ValueError, TypeError, OverflowError) as error:
        raise BenchError(
            f"{who}: expected dates of {series} as YYYYMMDD by their position, found {error}",
            _AGAIN,
        ) from error
    if len(dates) < 2:
        raise BenchError(
            f"{who}: expected two or more dates of {series}, found {len(dates)}", _AGAIN
        )
    for before, after in itertools.pairwise(dates):
        if after < before:
            raise BenchError(
                f"{who}: expected rising dates of {series}, found {after} after {before}", _AGAIN
            )
    start = declared()["first_day"]
    pairs = [((date - start).days, date.timetuple().tm_yday - 1) for date in dates]
    return np.array(pairs, np.int64)


def _parsed(stated: Any) -> Any:
    """Dates that a tool saved as a text, as they were: JSON or what Python prints."""
    if not isinstance(stated, str) or len(stated) > _LONGEST_TEXT:
        return stated
    try:
        return json.loads(stated.replace("'", '"'))
    except (ValueError, RecursionError):
        return stated


def _stamp(value: Any) -> int:
    """A date as YYYYMMDD, from a number or from a text with or without hyphens."""
    if isinstance(value, str):
        return int(value.strip()[:10].replace("-", ""))
    return int(value)


def norm_file(folder: Path, series: str) -> Path:
    """Where the statistics of a series lie."""
    return folder / f"NORM_{series}_patch.json"


def norms(path: Path, series: str) -> dict[int, NDArray[np.float64]]:
    """Mean and standard deviation of each band, [2, bands], by fold.

    Raises:
        BenchError: the file is missing or damaged, or doesn't match the bands of the series.
    """
    raw, bands = json_text.load(path, _LARGEST), declared()["series"][series]
    found = {}
    for fold in FOLDS:
        entry = raw.get(f"Fold_{fold}") if isinstance(raw, dict) else None
        try:
            values = np.array([entry["mean"], entry["std"]], np.float64)  # type: ignore[index]
            fits = values.shape == (2, len(bands)) and (values[1] > 0).all()
            shown = " x ".join(map(str, values.shape))
        except (KeyError, TypeError, ValueError):
            fits, shown = False, "none"
        if not fits or not np.isfinite(values).all():
            raise BenchError(
                f"{path}: expected a mean and a positive std of each of the {len(bands)} bands of "
                f"{series} for Fold_{fold}, found {shown}",
                _AGAIN,
            )
        found[fold] = values
    return found
