"""The folder in which an entry is trained, until it is whole."""

import contextlib
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from bench.base.errors import RequestError
from bench.base.files import atomic_path, move, write_bytes
from bench.base.weights import save_tensors
from bench.models import entries
from bench.results import training_log
from bench.spec.entry import Entry

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

WEIGHTS = "model.safetensors"
_EXPORT = {WEIGHTS, "README.md", "entry.toml", training_log.NAME}
_KEPT = 2


@dataclass(frozen=True)
class WorkFolder:
    """Where checkpoints are kept and the entry is put together.

    It stands beside the folder of the finished entry as ``<name>.<digest>.partial``, so whatever
    it holds belongs to the very same training. A process that is killed at any moment leaves it
    resumable.

    Attributes:
        target: the folder of the finished entry.
        digest: of all that decides the weights.
    """

    target: Path
    digest: str

    @property
    def folder(self) -> Path:
        """The folder of the unfinished entry."""
        return self.target.with_name(f"{self.target.name}.{self.digest[:8]}.partial")

    def open(self) -> None:
        """Make the folder.

        Raises:
            RequestError: the target exists.
        """
        if self.target.exists():
            raise RequestError(
                f"{self.target} exists already", "remove it, or choose another results folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def checkpoint(self, trainer: "Trainer", epoch: int) -> None:
        """Save the state after an epoch; called by every process, written by the first."""
        path = self.folder / f"epoch-{epoch:05d}.ckpt"
        if not trainer.is_global_zero:
            trainer.save_checkpoint(path)
            return
        with atomic_path(path) as temporary:
            trainer.save_checkpoint(temporary)
        for old in self._checkpoints()[_KEPT:]:
            old.unlink()

    def latest(self) -> Path | None:
        """The newest checkpoint that is whole."""
        return next((path for path in self._checkpoints() if _is_whole(path)), None)

    def _checkpoints(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.ckpt"), reverse=True)

    def is_finished(self) -> bool:
        """Whether the entry is put together and only not in its place yet."""
        return (self.folder / "entry.toml").is_file()

    def export(self, entry: Entry, weights: Mapping[str, torch.Tensor], card: str) -> None:
        """Put the entry together; ``entry.toml`` comes last and says that the rest is there."""
        save_tensors(weights, self.folder / WEIGHTS)
        write_bytes(self.folder / "README.md", card.encode())
        entries.save(entry, self.folder)

    def deliver(self) -> None:
        """Remove all but the entry and move it to its place."""
        for path in self.folder.iterdir():
            if path.name not in _EXPORT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        move(self.folder, self.target)
        # Trainings of the same entry that were given up, with other packages say.
        for stale in self.target.parent.glob(f"{self.target.name}.*.partial"):
            shutil.rmtree(stale, ignore_errors=True)


def _is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint, which is an uncompressed ZIP archive, has its length and checksums."""
    with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(checkpoint) as archive:
        return archive.testzip() is None
    return False
