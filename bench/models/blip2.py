"""BLIP-2 of transformers: ``blip2:OWNER/NAME[@REVISION]``, or ``blip2:FOLDER`` for one on disk.

Where a PEFT adapter lies, the base that it names is fetched as well and the adapter is merged into
it. Weights are read from safetensors alone; tokenizers from ``tokenizer.json``; no code of a
repository runs. What is read is put together once, in 32 bits, as an entry in the folder ``models``
beside the datasets.

J. Li et al., "BLIP-2: bootstrapping language-image pre-training with frozen image encoders and
large language models", ICML 2023. Captions are made as in the demonstration of GAIA (A. Zavras et
al., IEEE GRSM 2026): no prompt, five beams, at most 120 tokens.

transformers and peft come with ``pip install 'rs-bench[blip]'`` and are imported on use.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import bench.base.torch_setup  # noqa: F401
from bench.base import bounded_json, extras, locks, weights
from bench.base.errors import BenchError, RequestError
from bench.base.files import new_folder, sha256_file, sha256_json
from bench.base.paths import data_root
from bench.models._blip2_network import BEAMS, TOKENS, Blip2
from bench.models._snapshot import fetch
from bench.spec.contract import InputContract
from bench.spec.entry import Entry
from bench.spec.task import Task, in_one_line

_ASSEMBLING_S = 3600.0

_CONFIG, _ADAPTER, _TOKENIZER = "config.json", "adapter_config.json", "tokenizer.json"
_WEIGHTS = re.compile(r"(model(-\d{5}-of-\d{5})?|adapter_model)\.safetensors", re.A)
_TEXTS = {
    _CONFIG: 1 << 20,
    _ADAPTER: 1 << 20,
    _TOKENIZER: 64 << 20,
    "tokenizer_config.json": 16 << 20,
    "special_tokens_map.json": 1 << 20,
    "generation_config.json": 1 << 20,
    "preprocessor_config.json": 1 << 20,
    "processor_config.json": 1 << 20,
    "model.safetensors.index.json": 16 << 20,
}
"""The files that are opened beside weights, each with the largest size in bytes."""

_LARGEST = 16 << 30
_KEPT = (_CONFIG, _TOKENIZER, "tokenizer_config.json", "special_tokens_map.json")
_KEY = re.compile(r"[0-9a-f]{16}")
_REPOSITORY = re.compile(
    r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(@(?P<revision>[\w./-]{1,255}))?", re.A
)


class _Adapter(BaseModel):
    """What is read of ``adapter_config.json``."""

    base_model_name_or_path: Annotated[str, Field(min_length=1, max_length=4096)]
    revision: Annotated[str, Field(max_length=255)] | None = None


class _Preprocessing(BaseModel):
    """What is read of the configuration of the image processor; its defaults are CLIP's."""

    model_config = ConfigDict(extra="ignore")

    image_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class _Found:
    """A folder of files, and where it is from.

    Attributes:
        folder: where they are.
        name: repository and commit; for a folder of the user's, the hash of its files.
        files: those that may be opened.
    """

    folder: Path
    name: str
    files: Sequence[str]


def entry(rest: str, task: Task) -> Entry:
    """The entry for a repository or a folder, put together where that wasn't done before.

    Raises:
        RequestError: transformers isn't installed, the task isn't captioning in RGB, or there is no
            such folder or repository.
        BenchError: what it holds is no BLIP-2, damaged, too large, or a pickle.
    """
    _import("transformers")
    _check_task(task)
    found, key, folder = _assembled(rest)
    own = Path(rest).name if Path(rest).is_dir() else rest.partition("/")[2]
    named = re.sub(r"[^A-Za-z0-9.-]", "-", own)
    adapted = f", the adapter {found[0].name} merged into it" if len(found) > 1 else ""
    return Entry.model_validate(
        {
            "name": f"blip2-{named}"[:96],
            "title": own[:200],
            "task": task.name,
            "note": f"{found[-1].name}{adapted}; {BEAMS} beams, at most {TOKENS} tokens; pictures "
            "that aren't square are cropped, not squashed",
            "input": _contract(task, found[-1]),
            "model": {"architecture": f"blip2:{key}", "weights": "model.safetensors"},
            "source": found[0].name,
            "folder": folder,
        }
    )


def loaded(rest: str) -> tuple[Blip2, str]:
    """The model of a repository or a folder with its weights, and the key of what it is made of.

    Raises:
        RequestError: transformers isn't installed, or there is no such folder or repository.
        BenchError: what it holds is no BLIP-2, damaged, too large, or a pickle.
    """
    _import("transformers")
    _, key, folder = _assembled(rest)
    made = _made(folder)
    weights.fill(made, folder / "model.safetensors")
    return made, key


def build(
    rest: str, arguments: Mapping[str, Any], contract: InputContract, outputs: int
) -> torch.nn.Module:
    """The model that `entry` put together under the key ``rest``, with random weights.

    Raises:
        RequestError: transformers isn't installed, or the entry has arguments.
        BenchError: nothing was put together under this key on this machine.
    """
    if arguments:
        raise RequestError(f"blip2:{rest} takes no arguments", "remove them from entry.toml")
    if not _KEY.fullmatch(rest) or not _folder(rest).is_dir():
        raise BenchError(
            f"expected blip2:{rest[:40]} in {_folder('').parent}, found nothing",
            "use --model blip2:OWNER/NAME or blip2:FOLDER, which puts it there",
        )
    return _made(_folder(rest))


def _made(folder: Path) -> Blip2:
    """What was put together in a folder, with random weights."""
    transformers = _import("transformers")
    config = transformers.Blip2Config.from_pretrained(folder, local_files_only=True)
    network = transformers.Blip2ForConditionalGeneration(config).float()
    return Blip2(network, _tokenizer(folder))


def _import(name: str) -> Any:
    module = extras.load(name, "blip", "BLIP-2")
    if name == "transformers":
        module.utils.logging.set_verbosity_error()
        module.utils.logging.disable_progress_bar()
    return module


def _check_task(task: Task) -> None:
    if task.kind != "captioning" or len(task.input(task.inputs[0]).bands) != 3:
        raise RequestError(
            f"task {task.name} doesn't ask for captions of single pictures in RGB",
            "`bench list` shows tasks of the kind captioning",
        )


def _folder(key: str) -> Path:
    return data_root() / "models" / f"blip2-{key}"


def _assembled(rest: str) -> tuple[list[_Found], str, Path]:
    """What a repository or folder is made of, its key, and where it was put together."""
    found = [_find(rest)]
    if _ADAPTER in found[0].files:
        found.append(_base(found[0]))
    key = sha256_json([one.name for one in found])[:16]
    folder = _folder(key)
    if not folder.is_dir():
        lock = folder.with_name(f".{folder.name}.lock")
        with locks.held(lock, f"is putting {found[0].name} together", _ASSEMBLING_S):
            if not folder.is_dir():
                with new_folder(folder) as made:
                    _assemble(found, made)
    return found, key, folder


def _find(rest: str) -> _Found:
    """The files of a repository, fetched, or of a folder."""
    if Path(rest).is_dir():
        folder = Path(rest).resolve()
        sizes: dict[str, int | None] = {p.name: p.stat().st_size for p in folder.iterdir()}
        files = _wanted(rest, sizes)
        return _Found(
            folder, sha256_json({name: sha256_file(folder / name) for name in files}), files
        )
    asked = _REPOSITORY.fullmatch(rest)
    if asked is None:
        raise RequestError(
            f"blip2:{rest[:200]} is neither a folder nor a repository",
            "write blip2:OWNER/NAME[@REVISION] or blip2:FOLDER",
        )
    snapshot = fetch(asked["repo"], asked["revision"], _wanted)
    files = [name for name in (p.name for p in snapshot.folder.iterdir()) if _limit(name)]
    return _Found(snapshot.folder, snapshot.name, sorted(files))


def _base(adapter: _Found) -> _Found:
    """The model that an adapter changes: a repository, or a folder if the adapter is one."""
    stated = _read(adapter, _ADAPTER, _Adapter)
    name = stated.base_model_name_or_path
    if adapter.name.startswith("hf:") and not _REPOSITORY.fullmatch(name):
        raise BenchError(f"{adapter.name}: its base {name[:200]!r} is no repository")
    base = _find(f"{name}@{stated.revision}" if stated.revision else name)
    if _CONFIG not in base.files:
        raise BenchError(f"{base.name}, the base of {adapter.name}, holds no {_CONFIG}")
    return base


def _limit(name: str) -> int:
    """The largest size of a file in bytes; 0 for one that is never opened."""
    return _LARGEST if _WEIGHTS.fullmatch(name) else _TEXTS.get(name, 0)


def _wanted(asked: str, sizes: Mapping[str, int | None]) -> list[str]:
    """The files that are opened, of those with these sizes."""
    wanted = sorted(name for name in sizes if _limit(name))
    weighty = any(map(_WEIGHTS.fullmatch, wanted))
    if not {_CONFIG, _ADAPTER} & set(wanted) or not weighty:
        raise BenchError(
            f"{asked}: expected {_CONFIG} or {_ADAPTER} with weights in safetensors, found "
            f"{', '.join(sorted(sizes)[:8]) or 'nothing'}",
            "pickled weights are not opened; save the model with save_pretrained",
        )
    for name in wanted:
        size = sizes[name]
        if size is None or size > _limit(name):
            raise BenchError(
                f"{asked}: {name} has {'unknown' if size is None else size} bytes, at most "
                f"{_limit(name)} are read"
            )
    return wanted


def _json(found: _Found, file: str) -> Any:
    return bounded_json.read(found.folder / file, _TEXTS[file], "get the repository again")


def _read(found: _Found, file: str, form: Any) -> Any:
    raw = _json(found, file)
    if isinstance(raw, dict) and isinstance(raw.get("image_processor"), dict):
        raw = raw["image_processor"]
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        raise BenchError(f"{found.name}: {file}: {in_one_line(error)}") from error


class _Config(BaseModel):
    """What is read of ``config.json`` before transformers sees it."""

    class Vision(BaseModel):
        """The tower of pictures."""

        image_size: Annotated[int, Field(ge=1, le=4096)] = 224

    model_type: Annotated[str, Field(pattern=r"^blip-2$")]
    vision_config: Vision = Vision()


def _contract(task: Task, base: _Found) -> InputContract:
    """The first input of a task at the size and with the statistics of a model."""
    files = [
        name for name in ("preprocessor_config.json", "processor_config.json") if name in base.files
    ]
    given = _read(base, files[0], _Preprocessing) if files else _Preprocessing()
    own = task.input(task.inputs[0])
    found = own.model_copy(
        update={
            "size": _read(base, _CONFIG, _Config).vision_config.image_size,
            "resampling": "bicubic",
            "fit": "crop",
            "mean": given.image_mean,
            "std": given.image_std,
        }
    )
    return own if found == own else found.model_copy(update={"statistics": "transformers"})


def _assemble(found: Sequence[_Found], folder: Path) -> None:
    """Load a base and perhaps an adapter; leave weights, configuration and tokenizer."""
    transformers, base = _import("transformers"), found[-1]
    _read(base, _CONFIG, _Config)
    if _TOKENIZER not in base.files:
        raise BenchError(
            f"{base.name} holds no {_TOKENIZER}", "tokenizers in other forms are not opened"
        )
    # Before transformers and peft read them, without bounds. Of a tokenizer the reader has its own.
    for one in found:
        for name in {*one.files} & {*_TEXTS} - {_TOKENIZER}:
            _json(one, name)
    try:
        network, loading = transformers.Blip2ForConditionalGeneration.from_pretrained(
            base.folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
        if loading["missing_keys"] or loading["mismatched_keys"]:
            faults = sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]]))
            raise BenchError(
                f"{base.name}: {len(faults)} weights are missing or of another shape, first "
                f"{faults[0][:200]}",
                "fetch it again; is it a BLIP-2?",
            )
        if network.config.image_token_id is None:
            raise BenchError(
                f"{base.name}: {_CONFIG} names no image_token_index", "use a newer revision of it"
            )
        if len(found) > 1:
            peft = _import("peft")
            adapted = peft.PeftModel.from_pretrained(network, found[0].folder, is_trainable=False)
            network = adapted.merge_and_unload()
        for name in _KEPT:
            if name in base.files:
                shutil.copyfile(base.folder / name, folder / name)
        tokenizer = _tokenizer(folder)
    except BenchError:
        raise
    # Libraries raise whatever they like at damaged files.
    except Exception as error:
        told_first = (str(error).strip().splitlines() or ["no details"])[0][:300]
        raise BenchError(
            f"{' with '.join(one.name for one in reversed(found))} can't be loaded: "
            f"{type(error).__name__}: {told_first}",
            "fetch it again; adapters must be of a form that can be merged, such as LoRA",
        ) from error
    weights.save(Blip2(network, tokenizer), folder / "model.safetensors")


def _tokenizer(folder: Path) -> Any:
    return _import("transformers").PreTrainedTokenizerFast.from_pretrained(
        folder, local_files_only=True
    )
