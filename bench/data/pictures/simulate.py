"""Simulated sets of pictures with captions or classes, each in the layout it is published in."""

import hashlib
import io
import itertools
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.files import new_folder
from bench.data import declaration
from bench.data.simulate import words
from bench.data.simulate.noise import generator
from bench.data.simulate.pictures import CHANGING, Change, Scene, later, scene, view
from bench.data.simulate.renderers import KINDS

Picture = NDArray[np.uint8]

SPLITS = {"train": 1200, "val": 60, "test": 300}
"""Pictures or pairs in each split of a captioned set."""

_NUMBERED_TRAIN = 60
"""Training pictures of each class of UCM-Captions, whose numbers allow a hundred of all splits."""

PER_CLASS = 16
"""Pictures of each class in a set of classes, of those that are divided into splits more."""

TIMES = {"aid": 3, "eurosat": 7, "resisc45": 4, "rsscn7": 6, "ucm": 6}
"""How many times `PER_CLASS`, so that some 200 pictures or more are those of the test split."""

_PER_SHARD = 64

# What the sets call the kinds of land use; classes that look like none of them are left out.
_KIND_OF = {
    "agricultural": "farmland",
    "annualcrop": "farmland",
    "denseresidential": "residential area",
    "field": "farmland",
    "footballfield": "football field",
    "grass": "meadow",
    "groundtrackfield": "football field",
    "harbor": "harbour",
    "herbaceousvegetation": "chaparral",
    "highway": "freeway",
    "industrial": "industrial area",
    "industry": "industrial area",
    "parking": "parking lot",
    "pasture": "meadow",
    "permanentcrop": "orchard",
    "playground": "football field",
    "pond": "lake",
    "port": "harbour",
    "rectangularfarmland": "farmland",
    "residential": "residential area",
    "resident": "residential area",
    "riverlake": "lake",
    "sealake": "lake",
    "storagetank": "storage tanks",
    "tenniscourt": "tennis courts",
    **{kind.replace(" ", ""): kind for kind in KINDS},
}

# How each set of classes names a folder and a file in it.
_CLASS_FILES: dict[str, tuple[str, str]] = {
    "aid": ("{Camel}", "{plain}_{number}.jpg"),
    "eurosat": ("{Camel}", "{Camel}_{number}.jpg"),
    "resisc45": ("{under}", "{under}_{number:03d}.jpg"),
    "rsscn7": ("{folder}", "{folder[0]}{number:03d}.jpg"),
    "ucm": ("{plain}", "{plain}{number:02d}.tif"),
    "whu-rs19": ("{camel}", "{camel}_{number:02d}.jpg"),
}


@dataclass(frozen=True)
class _Described:
    """A picture and what is written about it."""

    kind: str
    split: str
    number: int
    picture: Picture
    captions: list[str]


def write(name: str, root: Path, seed: int = 0) -> None:
    """Write the simulated set ``name`` under ``root``, which appears as a whole.

    The same name and seed give the same pictures and words. Sets of classes hold `PER_CLASS`
    pictures of each class that looks like one of the simulator's kinds of land use.

    Raises:
        KeyError: no such set can be simulated.
        BenchError: ``root`` holds something, or can't be written.
    """
    with new_folder(root) as folder:
        if name in _CLASS_FILES:
            _write_classes(name, folder, seed)
        else:
            _CAPTIONED[name](name, folder, seed)


def _kind(label: str) -> str | None:
    return _KIND_OF.get(label.replace(" ", ""))


def _described(name: str, seed: int, of: Sequence[str] = tuple(KINDS)) -> Iterator[_Described]:
    kinds = itertools.cycle(of)
    for split, count in SPLITS.items():
        for number in range(1, count + 1):
            kind = next(kinds)
            key = (seed, name, split, number)
            made = scene(kind, *key)
            described = words.captions(made, generator(*key, "words"))
            yield _Described(kind, split, number, view(made), described)


def _pairs(name: str, seed: int) -> Iterator[tuple[str, int, Scene, Scene, Change, list[str]]]:
    kinds = itertools.cycle(CHANGING)
    for split, count in SPLITS.items():
        for number in range(1, count + 1):
            key = (seed, name, split, number)
            before = scene(next(kinds), *key)
            # Every other four, so that all kinds of land change as often as they don't.
            after, change = later(before, changes=(number - 1) // len(CHANGING) % 2 == 0)
            described = words.changes(change, before.kind, generator(*key, "words"))
            yield split, number, before, after, change, described


def _save(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encoded(picture, path.suffix))


def _encoded(picture: Picture, ending: str) -> bytes:
    stream = io.BytesIO()
    formats = {".jpg": ("JPEG", {"quality": 95}), ".png": ("PNG", {}), ".tif": ("TIFF", {})}
    kind, settings = formats[ending]
    Image.fromarray(picture).save(stream, kind, **settings)
    return stream.getvalue()


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _karpathy(image: int, captions: Sequence[str], **fields: Any) -> dict[str, Any]:
    ids = [words.CAPTIONS * image + index for index in range(len(captions))]
    return {
        **fields,
        "imgid": image,
        "sentids": ids,
        "sentences": [
            {"raw": text, "tokens": text.removesuffix(" .").split(), "imgid": image, "sentid": one}
            for text, one in zip(captions, ids, strict=True)
        ],
    }


def _write_karpathy(name: str, root: Path, seed: int) -> None:
    file, folder, ending = {
        "rsicd": ("dataset_rsicd.json", "RSICD_images", ".jpg"),
        "rsitmd": ("dataset_RSITMD.json", "images", ".tif"),
        "sydney-captions": ("dataset.json", "imgs", ".tif"),
        "ucm-captions": ("dataset.json", "imgs", ".tif"),
    }[name]
    # UCM's pictures are numbered, a hundred of each class; some of the classes can be simulated.
    classes = {_kind(label): n for n, label in enumerate(declaration("ucm")["classes"])}
    kinds = [kind for kind in classes if kind] if name == "ucm-captions" else list(KINDS)
    numbers, images = Counter[str](), []
    for index, described in enumerate(_described(name, seed, kinds)):
        stem = f"{described.kind.replace(' ', '')}_{index + 1}"
        if name == "ucm-captions":
            if described.split == "train" and numbers[described.kind] == _NUMBERED_TRAIN:
                continue
            numbers[described.kind] += 1
            stem = f"{100 * classes[described.kind] + numbers[described.kind]}"
        elif name == "sydney-captions":
            stem = f"{index + 1}"
        # RSITMD has no validation split.
        split = "train" if name == "rsitmd" and described.split == "val" else described.split
        _save(root / folder / f"{stem}{ending}", described.picture)
        images.append(_karpathy(index, described.captions, filename=f"{stem}{ending}", split=split))
    _json(root / file, {"images": images, "dataset": name})


def _write_nwpu(name: str, root: Path, seed: int) -> None:
    classes: dict[str, list[dict[str, Any]]] = {}
    for index, described in enumerate(_described(name, seed)):
        label = described.kind.replace(" ", "_")
        file = f"{label}_{index + 1:03d}.jpg"
        _save(root / "NWPU_images" / label / file, described.picture)
        texts = zip(("raw", "raw_1", "raw_2", "raw_3", "raw_4"), described.captions, strict=True)
        row = {"filename": file, "imgid": index, "split": described.split, "sentid": 5 * index}
        classes.setdefault(label, []).append(row | dict(texts))
    _json(root / "dataset_nwpu.json", classes)


def _write_gaia(name: str, root: Path, seed: int) -> None:
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    obtained: dict[str, list[tuple[str, dict[str, bytes]]]] = {split: [] for split in SPLITS}
    for index, described in enumerate(_described(name, seed)):
        row: dict[str, Any] = {
            "id": f"{index:06d}",
            "image_src": f"https://example.invalid/{index}.png",
            "image_alt": described.kind,
            "captions": described.captions,
            "resolution": ("Moderate", "High", "Very High")[index % 3],
            "modalities": ["Optical"],
        }
        rows[described.split].append(row)
        if described.number % 15 == 7:  # links rot
            continue
        record = {key: row[key] for key in ("id", "captions")} | {"status": "success"}
        members = {
            "png": _encoded(described.picture, ".png"),
            "txt": described.kind.encode(),
            "json": json.dumps(record).encode(),
        }
        obtained[described.split].append((f"{described.number:09d}", members))
    for split in SPLITS:
        _json(root / f"{split}_data.json", rows[split])
        for shard, start in enumerate(range(0, len(obtained[split]), _PER_SHARD)):
            part = obtained[split][start : start + _PER_SHARD]
            _write_shard(root / split / f"{shard:05d}.tar", part)


def _write_shard(path: Path, samples: Sequence[tuple[str, dict[str, bytes]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for key, members in samples:
            for ending, content in members.items():
                info = tarfile.TarInfo(f"{key}.{ending}")
                info.size = len(content)
                shard.addfile(info, io.BytesIO(content))


def _write_levir(name: str, root: Path, seed: int) -> None:
    images = []
    for index, (split, number, before, after, change, described) in enumerate(_pairs(name, seed)):
        file = f"{split}_{number:06d}.png"
        for date, made in (("A", before), ("B", after)):
            _save(root / "images" / split / date / file, view(made))
        fields = {"filepath": split, "filename": file, "split": split}
        texts = [f" {text} ." for text in described]
        images.append(_karpathy(index, texts, **fields, changeflag=int(change.what != "nothing")))
    _json(root / "LevirCCcaptions.json", {"images": images})


def _write_dubai(name: str, root: Path, seed: int) -> None:
    images: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for index, (split, _, before, after, _, described) in enumerate(_pairs(name, seed)):
        file = f"{index + 1:03d}.tif"
        for year, made in ((2000, before), (2010, after)):
            tile = Image.fromarray(view(made)).resize((50, 50), Image.Resampling.BOX)
            _save(root / "imgs_tiles" / "RGB" / f"500_{year}" / file, np.asarray(tile))
        images[split].append(_karpathy(index, described, filename=file))
    for split, file in (("train", "Train"), ("val", "Validation"), ("test", "Test")):
        _json(root / "captions" / f"{file}_Dubai_CC.json", {"images": images[split]})


_CAPTIONED = {
    "dubai-cc": _write_dubai,
    "gaia": _write_gaia,
    "levir-cc": _write_levir,
    "nwpu-captions": _write_nwpu,
    "rsicd": _write_karpathy,
    "rsitmd": _write_karpathy,
    "sydney-captions": _write_karpathy,
    "ucm-captions": _write_karpathy,
}


def _write_classes(name: str, root: Path, seed: int) -> None:
    folder, file = _CLASS_FILES[name]
    declared = declaration(name)
    files = []
    for place, label in enumerate(declared["classes"]):
        parts = label.split()
        kind = _kind(label)
        if kind is None:
            continue
        camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
        names = {"camel": camel, "Camel": camel[0].upper() + camel[1:]}
        names |= {"plain": "".join(parts), "under": "_".join(parts)}
        names["folder"] = declared.get("folders", declared["classes"])[place]
        for number in range(1, PER_CLASS * TIMES.get(name, 1) + 1):
            picture = view(scene(kind, seed, name, label, number))
            path = root / folder.format(**names) / file.format(**names, number=number)
            _save(path, picture)
            files.append(path.name)
    write_lists(declared.get("division", {}), root, files)


def write_lists(division: Mapping[str, Any], root: Path, files: Sequence[str]) -> None:
    """Write the lists of the splits, where these are how the publication divides the files.

    As in the publication 60 % of all, 20 % and 20 %, in the order of the MD5 of the names.
    """
    if division.get("rule") != "lists":
        return
    ordered = sorted(files, key=lambda name: hashlib.md5(name.encode()).hexdigest())  # noqa: S324
    first, second = (len(ordered) * percent // 100 for percent in (60, 80))
    parts = {"train": (0, first), "validation": (first, second), "test": (second, len(ordered))}
    for split, (start, end) in parts.items():
        names = [str(Path(name).with_suffix(".jpg")) for name in ordered[start:end]]
        (root / division["lists"][split]["file"]).write_text("\n".join(names), encoding="utf-8")
