"""A simulated EOekoLand in the layout of its publication, with patches of places that don't exist.

Fields, crops and sensors are those of the simulated PASTIS, seen over a calendar year.
"""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.files import new_folder
from bench.data.eoekoland.dataset import COLUMN, LISTS, declared
from bench.data.pastis.simulate import WORKERS, Grown, Scene, covered, grow, on_grid
from bench.data.series import nearest
from bench.data.simulate import optics, radar
from bench.data.simulate.noise import Floats, generator

SIZES = {"train": 20, "validation": 6, "test": 24}
"""Patches of each split."""

_CALLED = {
    "Meadow": "Grassland",
    "Soft winter wheat": "Winter cereals",
    "Winter barley": "Winter cereals",
    "Winter rapeseed": "Rapeseed",
    "Corn": "Maize",
    "Sunflower": "Sunflowers",
    "Beet": "Sugar beet",
    "Potatoes": "Potato",
    "Grapevine": "Background",
    "Orchard": "Orchards",
}
"""The simulated crops by their names there."""

_JANUARY = 122  # days from 1 September
_SEEN = 3  # of so many dates one is simulated; those between are interpolated, as in the real data
_PLANET = {"PF_B": "B02", "PF_G": "B03", "PF_R": "B04", "PF_NIR": "B08"}
_FINE_NOISE = 25.0  # of reflectance x 10000
_YEAR = 2020
_FIRST_SCENE = 1000  # other places than those of the simulated PASTIS


def write(root: Path, seed: int = 0) -> None:
    """Write the dataset under ``root``, which appears as a whole.

    Args:
        root: a folder that doesn't exist yet, or is empty.
        seed: of everything; the same seed writes the same bytes.

    Raises:
        BenchError: ``root`` holds something, or can't be written.
    """
    scenes = [Scene(_FIRST_SCENE + number) for number in range(sum(SIZES.values()))]
    with new_folder(root) as folder, ThreadPoolExecutor(WORKERS) as pool:
        for name in declared()["series"]:
            (folder / name).mkdir()
        files = list(pool.map(lambda scene: _write_patch(folder, seed, scene), scenes))
        for split, count in SIZES.items():
            with (folder / LISTS[split]).open("w", encoding="utf-8", newline="") as stream:
                lines = csv.writer(stream, lineterminator="\n")
                lines.writerows([name] for name in [COLUMN, *files[:count]])
            del files[:count]


def _write_patch(folder: Path, seed: int, scene: Scene) -> str:
    grown = grow(seed, scene)
    side = declared()["series"]["S2"]["side"]
    labels = labelled(grown)[:side, :side]
    optical, backscatter = _year(seed, scene, grown, side)
    stacks = {
        "S1": np.stack([100 * backscatter[band] for band in declared()["series"]["S1"]["bands"]]),
        "S2": np.stack([optical[band] for band in declared()["series"]["S2"]["bands"]]),
        "Planet": _fine(seed, scene, optical),
    }
    name = f"simulated_{scene.number}.npz"
    for series, stack in stacks.items():
        rows = nearest(stack.shape[-1], side)
        np.savez(
            folder / series / name,
            image_stack=np.rint(stack.swapaxes(0, 1)).astype(np.int16),
            label=labels[rows[:, None], rows],
            year=np.array(_YEAR),
        )
    return name


def labelled(grown: Grown) -> NDArray[np.uint8]:
    """The classes of a patch; what isn't told in PASTIS is background here."""
    classes = declared()["classes"]
    label = np.zeros(grown.label.shape, np.uint8)
    for crop, where in grown.crop.items():
        label[where] = classes.index(_CALLED[crop])
    return label


def _year(
    seed: int, scene: Scene, grown: Grown, side: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Bands of Sentinel-2 and, in dB, of Sentinel-1, each [dates, side, side]."""
    wanted = declared()["step"] * np.arange(declared()["dates"])
    seen = wanted[::_SEEN]
    bands = {
        name: optics.SENTINEL_2[name]
        for name in {*declared()["series"]["S2"]["bands"], *_PLANET.values()}
    }
    optical: dict[str, list[NDArray[Any]]] = {name: [] for name in sorted(bands)}
    backscatter: dict[str, list[NDArray[Any]]] = {"VV": [], "VH": []}
    for day in seen.tolist():
        key = ("eoekoland", seed, scene.number, day)
        ground, rough = covered(seed, scene, grown, _JANUARY + day)
        weather = optics.sky(generator(*key, "sky"), 0.0)
        image = optics.observe(*key, land=grown.land, ground=ground, weather=weather, bands=bands)
        for name, images in optical.items():
            images.append(on_grid(image[name])[:side, :side])
        # Interpolating the real series smooths their speckle: two images are averaged.
        looks = [radar.observe(*key, n, land=grown.land, ground=ground) for n in ("a", "b")]
        for name, rise in (("VV", 0.8), ("VH", 1.2)):
            mean = (looks[0][name] + looks[1][name]) / 2 + rise * rough
            backscatter[name].append(mean[:side, :side])
    return _interpolated(optical, seen, wanted), _interpolated(backscatter, seen, wanted)


def _interpolated(
    images: dict[str, list[NDArray[Any]]], seen: NDArray[Any], wanted: NDArray[Any]
) -> dict[str, Floats]:
    place = np.interp(wanted, seen, np.arange(len(seen)))
    before = np.minimum(place.astype(int), len(seen) - 2)
    share = (place - before)[:, None, None]
    return {
        name: (1 - share) * np.stack(stack)[before] + share * np.stack(stack)[before + 1]
        for name, stack in images.items()
    }


def _fine(seed: int, scene: Scene, optical: dict[str, Floats]) -> Floats:
    """Planet Fusion [bands, dates, side, side]: Sentinel-2 interpolated, with noise of its own."""
    side = declared()["series"]["Planet"]["side"]
    stack = np.stack([optical[_PLANET[b]] for b in declared()["series"]["Planet"]["bands"]])
    place = np.clip((np.arange(side) + 0.5) * stack.shape[-1] / side - 0.5, 0, stack.shape[-1] - 1)
    low = np.minimum(place.astype(int), stack.shape[-1] - 2)
    share = place - low
    rows = stack[..., low, :] * (1 - share)[:, None] + stack[..., low + 1, :] * share[:, None]
    fine: Floats = rows[..., low] * (1 - share) + rows[..., low + 1] * share
    rng = generator("eoekoland", seed, scene.number, "planet")
    return fine + _FINE_NOISE * rng.standard_normal(fine.shape)
