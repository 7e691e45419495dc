"""The files of a model's repository on the Hugging Face Hub.

Nothing but the files of a known form is fetched, their sizes are checked first, and the revision is
pinned to a commit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench import hub
from bench.entry import MAX_DECLARATION
from bench.errors import BenchError, RequestError

WEIGHTS = "model.safetensors"

MAX_BYTES = {
    "entry.toml": MAX_DECLARATION,
    "config.json": 1 << 20,
    "README.md": 4 << 20,
    "model.safetensors": 8 << 30,
    "open_clip_config.json": 1 << 20,
    "open_clip_model.safetensors": 16 << 30,
}
"""The files that are fetched, each with the largest size in bytes."""

_FORMS = {
    "entry.toml": ("entry.toml", "README.md", WEIGHTS),
    "open_clip_config.json": ("open_clip_config.json", "open_clip_model.safetensors"),
    "config.json": ("config.json", "README.md", WEIGHTS),
}
"""The file that tells each form of repository, most telling first, and the files it is made of."""

Choose = Callable[[str, dict[str, int | None]], list[str]]


class Snapshot(NamedTuple):
    """Files of a repository at one commit, in the Hub's own cache."""

    repo: str
    commit: str
    folder: Path

    @property
    def name(self) -> str:
        """The repository with its commit, as ``--model`` takes it."""
        return f"hf:{self.repo}@{self.commit}"


def fetch(repo: str, revision: str | None, choose: Choose | None = None) -> Snapshot:
    """The files of a repository that make up a model, in the Hub's cache.

    Args:
        repo: OWNER/NAME.
        revision: a commit, branch or tag; the newest where it is None.
        choose: which of its files are fetched, where it isn't of a form that is known here; given
            what was asked for and the sizes in bytes by name.

    Raises:
        RequestError: the name can't be that of a repository, or it holds no model.
        BenchError: it can't be reached, or a file is too large.
    """
    asked = f"hf:{repo}@{revision}" if revision else f"hf:{repo}"
    with hub.speaking(asked):
        api = hub.client()
        info = api.model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size for file in info.siblings or []}
        wanted = (choose or _wanted)(asked, sizes)
        fetched = [
            Path(api.hf_hub_download(repo, name, revision=info.sha, etag_timeout=hub.TIMEOUT_S))
            for name in wanted
        ]
    return Snapshot(repo, str(info.sha), fetched[0].parent)


def _wanted(asked: str, sizes: dict[str, int | None]) -> list[str]:
    """The files that are fetched from a repository of files of these sizes."""
    form = next((name for name in _FORMS if name in sizes), None)
    if form is None:
        raise RequestError(
            f"{asked} holds neither entry.toml nor config.json, nor open_clip_config.json",
            "an entry holds entry.toml and model.safetensors; README shows one",
        )
    wanted = [name for name in _FORMS[form] if name in sizes]
    for name in wanted:
        size = sizes[name]
        if size is None or size > MAX_BYTES[name]:
            raise BenchError(
                f"{asked}: {name} has {'unknown' if size is None else size} bytes, "
                f"at most {MAX_BYTES[name]} are fetched"
            )
    return wanted
