"""Weights of encoders that are only published as a pickle.

They are turned into safetensors once, on the user's explicit word: ``bench convert --encoder NAME
--i-trust-this-file``. From then on only the safetensors file is read.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bench.base import pickles
from bench.base.errors import BenchError
from bench.base.files import scratch, sha256_file
from bench.base.paths import absolute, shown, weights_root
from bench.models._snapshot import fetch, only

_ON_HUB = re.compile(
    r"https://(?:hf\.co|huggingface\.co)/([\w.-]+/[\w.-]+)/resolve/([0-9a-f]{40})/([\w./-]+)"
)


class MissingError(BenchError):
    """No safetensors file was made of a pickle yet."""


@dataclass(frozen=True)
class Pickled:
    """A published pickle.

    Attributes:
        name: of the safetensors file made of it, without suffix.
        url: where it is published, at a pinned revision where there is one.
        sha256: of the pickle, or its first digits as far as they are published; may be empty.
        part: the key of the checkpoint that holds the state, where it isn't ``state_dict``.
    """

    name: str
    url: str
    sha256: str = ""
    part: str = ""

    @property
    def on_hub(self) -> tuple[str, str, str] | None:
        """Repository, commit and path, where it is on the Hugging Face Hub."""
        found = _ON_HUB.fullmatch(self.url)
        return (found[1], found[2], found[3]) if found else None


def find(pickled: Pickled, name: str) -> tuple[Path, str]:
    """The safetensors file made of a pickle, with the address of the pickle.

    Raises:
        MissingError: it wasn't made yet.
    """
    file = weights_root() / f"{pickled.name}.safetensors"
    if not file.is_file():
        local = "" if pickled.on_hub else f" {pickled.url.rpartition('/')[2]}"
        fetched = "" if pickled.on_hub else "fetch it and, "
        raise MissingError(
            f"the weights of {name} are only published as a pickle, at {pickled.url}, and there "
            f"is no {shown(file)} made of it",
            f"{fetched}if you trust it: bench convert{local} --encoder {name} --i-trust-this-file",
        )
    return file, pickled.url


def convert(pickled: Pickled, name: str, file: Path | None) -> Path:
    """Make the safetensors file of a pickle, which is opened by a child process.

    Args:
        pickled: what was published.
        name: of the encoder.
        file: the pickle; None to fetch it from the Hugging Face Hub.

    Returns:
        The safetensors file, in the folder of converted weights.

    Raises:
        RequestError: there is no such file.
        BenchError: it can't be fetched, is another one, or holds more than tensors.
    """
    from bench.base import weights

    if file is None:
        if pickled.on_hub is None:
            raise BenchError(
                f"the weights of {name} aren't on the Hugging Face Hub",
                f"fetch {pickled.url} and name the file: bench convert FILE --encoder {name}",
            )
        repository, commit, path = pickled.on_hub
        file = (
            fetch(repository, commit, lambda asked, sizes: only(asked, sizes, path)).folder / path
        )
    file = absolute(file)
    pickles.check_file(file)
    found = sha256_file(file)
    if not found.startswith(pickled.sha256):
        raise BenchError(
            f"{file} has SHA-256 {found[:16]}, the weights of {name} have {pickled.sha256[:16]}",
            f"get {pickled.url} again",
        )
    target = weights_root() / f"{pickled.name}.safetensors"
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent, target.name) as folder:
        pickles.tensors_of(file, folder / "tensors.safetensors", folder, pickled.part)
        weights.save_tensors(weights.read(folder / "tensors.safetensors"), target)
    return target
