"""What kinds share that observe one logit for each class of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data import Dataset
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch, images
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics
from bench.kinds.common.logits import check_logits
from bench.kinds.common.tables import matrix
from bench.metrics import calibration
from bench.spec.contract import InputContract, InputPipeline

if TYPE_CHECKING:
    import torch


class Thresholded(BaseModel):
    """Settings with the probability from which on a class counts as present."""

    model_config = ConfigDict(extra="forbid")

    threshold: Annotated[float, Field(gt=0, lt=1)]


class Labelled(Dataset, Protocol):
    """A dataset that knows which classes occur in a sample."""

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


S = TypeVar("S", bound=Thresholded)


class ClassLogits(Kind[Labelled, S]):
    """A kind whose models give one logit for each image and class."""

    interface = "images float32 [N, channels, size, size] -> logits float32 [N, classes]"
    batch_size = 64
    drawn = 3
    sample_score = "minus binary cross-entropy, mean over classes"

    @property
    def threshold(self) -> float:
        """The logit from which on a class counts as present."""
        probability = self.settings.threshold
        return float(np.log(probability / (1 - probability)))

    def load(self, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and their multi-hot targets float32 [N, classes]."""
        import torch

        targets = torch.from_numpy(dataset.multilabels(samples).astype(np.float32))
        return Batch(samples, images(dataset, pipeline, samples), targets)

    def strata(self, dataset: Labelled, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Which classes occur, [N, classes]."""
        return dataset.multilabels(samples)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image that shows nothing."""
        import torch

        return Batch([SAMPLE_ID], noise(contract, 1), torch.zeros(1, len(self.task.classes)))

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, Any]:
        """Targets and logits of a batch."""
        import torch

        return {"targets": batch.targets.to(torch.uint8), "logits": logits(model, batch).float()}

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Binary cross-entropy with logits, mean over images and classes."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(logits(model, batch, training=True), batch.targets)

    def draw(
        self, dataset: Labelled, model: torch.nn.Module, batch: Batch
    ) -> dict[str, NDArray[np.uint8]]:
        """Images above the classes that occur and those that are predicted."""
        from bench.kinds.common import photographs

        seen = self.observe(model, batch)
        found = seen["logits"].cpu().numpy() >= self.threshold
        there = seen["targets"].cpu().numpy() > 0
        return photographs.described(
            self.task,
            dataset,
            {
                sample: [
                    f"reference: {self._listed(shown)}",
                    f"predicted: {self._listed(guessed)}",
                ]
                for sample, shown, guessed in zip(batch.samples, there, found, strict=True)
            },
        )

    def _listed(self, there: NDArray[np.bool_]) -> str:
        names = [name for name, occurs in zip(self.task.classes, there, strict=True) if occurs]
        return ", ".join(names) or "none"

    def check_scale(self, observations: pa.Table) -> None:
        """Refuse probabilities and decisions; see `bench.kinds.common.logits.check_logits`."""
        targets, found = observed(observations)
        check_logits(found, targets)

    def with_calibration(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str],
        others: Callable[[Iterable[NDArray[np.uint16]]], Metrics],
    ) -> Metrics:
        """Those of `bench.metrics.calibration.LABELS` that are named, after other metrics.

        They are computed from logits alone, so runs of earlier versions have them too; no task
        ranks by them, and no digest holds them.

        Args:
            observations: N rows.
            counts: blocks [B, N].
            names: the metrics asked for.
            others: computes the other metrics; it must go through all blocks.
        """
        wanted = [name for name in calibration.LABELS if name in names]
        if not wanted:
            return others(counts)
        known = calibration.of_labels(*observed(observations), self.threshold)
        blocks: list[dict[str, NDArray[np.float64]]] = []

        def watched() -> Iterator[NDArray[np.uint16]]:
            for block in counts:
                blocks.append(calibration.label_metrics(known, block, wanted))
                yield block

        rest = others(watched())
        own = {name: np.concatenate([block[name] for block in blocks]) for name in wanted}
        return {**rest, **own}

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Minus the binary cross-entropy of each image, mean over classes, [N]."""
        targets, found = observed(observations)
        # -log sigmoid(x) for what is there, -log sigmoid(-x) for what isn't.
        misses: NDArray[np.float64] = np.logaddexp(0.0, np.where(targets, -found, found)).mean(
            axis=1, dtype=np.float64
        )
        return -misses


def observed(observations: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Targets and logits, [N, classes] each."""
    return matrix(observations, "targets"), matrix(observations, "logits")


def logits(model: torch.nn.Module, batch: Batch, *, training: bool = False) -> torch.Tensor:
    """The logits of a model, [N, classes].

    Raises:
        BenchError: as `bench.kinds.common.returned.tensor`.
    """
    hint = "a multi-label model returns one logit per image and class"
    shape = batch.targets.shape
    return returned.tensor(
        model(batch.inputs), shape, batch.samples, "logits", hint, training=training
    )
