"""Entries on the Hugging Face Hub: ``hf:OWNER/NAME[@REVISION]``.

A repository that holds ``entry.toml`` is an entry like any other. Of those without, the published
BigEarthNet v2.0 checkpoints are understood: their configuration names a timm architecture, and
their name says, by modality and version, which bands they take in which order. So is what open_clip
pushes: ``open_clip_config.json`` and ``open_clip_model.safetensors``.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from bench.base import bounded_json
from bench.base.errors import BenchError, RequestError
from bench.models import entries
from bench.models._snapshot import MAX_BYTES, WEIGHTS, Snapshot, fetch
from bench.spec.contract import InputContract
from bench.spec.entry import Entry
from bench.spec.task import Task, in_one_line

_PREFIX = "model.vision_encoder."
_REQUEST = re.compile(r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[\w./-]{1,255}))?", re.A)
_PUBLISHED = re.compile(r"-(?P<modality>s1|s2|all|s2_full|all_full)-v(?P<version>0\.1\.1|0\.2\.0)$")
_HINT = "a repository of another kind needs an entry.toml"
_INPUTS = {"s1": "s1", "s2": "s2", "all": "s1s2", "s2_full": "s2-full", "all_full": "s1s2-full"}


class _Config(BaseModel):
    """What is read of the ``config.json`` of a published checkpoint."""

    timm_model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,96}$")]
    channels: int
    classes: int
    image_size: int


def entry(rest: str, task: Task) -> Entry:
    """The entry in a repository of the Hub, its files fetched and its revision pinned.

    The Hub is ``$HF_ENDPOINT``, or https://huggingface.co.

    Raises:
        RequestError: ``rest`` is no OWNER/NAME[@REVISION], or the repository is no entry for the
            task.
        BenchError: the repository can't be reached, or what it holds is damaged or too large.
    """
    asked = _REQUEST.fullmatch(rest)
    if asked is None:
        raise RequestError(f"hf:{rest} names no repository", "write hf:OWNER/NAME[@REVISION]")
    snapshot = fetch(asked["repo"], asked["revision"])
    if (snapshot.folder / "entry.toml").is_file():
        found = entries.load(snapshot.folder, task)
        if found.model.weights not in ("", WEIGHTS):
            raise RequestError(
                f"{snapshot.name}: its weights are called {found.model.weights}",
                f"of weights only {WEIGHTS} is fetched from the Hub: rename it in the repository",
            )
    elif (snapshot.folder / "open_clip_config.json").is_file():
        from bench.models import open_clip

        found = open_clip.published(snapshot, task)
    else:
        found = _published(snapshot, task)
    return found.model_copy(update={"source": snapshot.name})


def _published(snapshot: Snapshot, task: Task) -> Entry:
    config = _config(snapshot)
    if not (snapshot.folder / WEIGHTS).is_file():
        raise BenchError(f"{snapshot.name} holds no {WEIGHTS}", "other formats are not opened")
    name = snapshot.repo.partition("/")[2]
    contract = _contract(snapshot, name, config, task)
    if config.classes != len(task.classes):
        raise BenchError(
            f"{snapshot.name} was made for {config.classes} classes, "
            f"task {task.name} has {len(task.classes)}",
            "run it on the task it was made for",
        )
    return Entry.model_validate(
        {
            "name": name,
            "title": name,
            "url": f"https://huggingface.co/{snapshot.repo}",
            "task": task.name,
            "input": contract,
            "model": {
                "architecture": f"timm:{config.timm_model_name}",
                "weights": WEIGHTS,
                "weights_prefix": _PREFIX,
            },
            "folder": snapshot.folder,
        }
    )


def _config(snapshot: Snapshot) -> _Config:
    name = "config.json"
    raw: Any = bounded_json.read(snapshot.folder / name, MAX_BYTES[name], _HINT)
    if isinstance(raw, dict) and isinstance(raw.get("config"), dict):
        raw = raw["config"]
    try:
        return _Config.model_validate(raw)
    except ValidationError as error:
        raise BenchError(
            f"{snapshot.name}: {name} is not that of a BigEarthNet v2.0 checkpoint: "
            f"{in_one_line(error)}",
            _HINT,
        ) from error


def _contract(snapshot: Snapshot, name: str, config: _Config, task: Task) -> InputContract:
    version = _PUBLISHED.search(name)
    if version is None:
        raise RequestError(
            f"{snapshot.name}: the order of its bands is unknown, as its name doesn't end in "
            "-<s1|s2|all>-v<0.1.1|0.2.0>",
            "the order changed between these versions: add an entry.toml whose input names the "
            "bands in order",
        )
    given = _INPUTS[version["modality"]]
    contract = task.input(given if version["version"] == "0.2.0" else f"{given}-v0.1.1")
    if (config.channels, config.image_size) != (len(contract.bands), contract.size):
        raise BenchError(
            f"{snapshot.name}: its config.json has {config.channels} channels of "
            f"{config.image_size} px, input {given} has {len(contract.bands)} of "
            f"{contract.size} px",
            "add an entry.toml whose input is what the model was trained with",
        )
    return contract
