"""Zero-shot classification: pictures by the similarity to sentences that name the classes.

Observed per picture: what it shows, and its similarity to every class under every set of prompts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.contract import Door
from bench.data import Dataset
from bench.entry import Recipe
from bench.errors import BenchError, RequestError
from bench.kinds import Batch, Metrics, NoOptions, images, matrix
from bench.metrics.multilabel import multilabel_replicates
from bench.metrics.zeroshot import class_embeddings, class_ranks, class_scores
from bench.prompts import fill
from bench.stats import weighted_sums
from bench.task import Task
from bench.towers import embedded

INTERFACE = (
    "a module with encode_image(images float32 [N, channels, size, size]) -> [N, width] and "
    "encode_text(list of n strings) -> [n, width]"
)

ACCEPTS = ("retrieval", "zeroshot")
"""Kinds for whose tasks an entry may have been made that is run on a task of this one."""

BATCH = 64

UNRANKED = ""

VOLATILE = ()

Options = NoOptions

SAMPLE_SCORE = "1 where the class of the picture comes first, else 0; average precision of several"

_SENTENCES_AT_ONCE = 256


class Settings(BaseModel):
    """Settings of a zero-shot task.

    Attributes:
        prompts: sets of `bench.prompts`; the first ranks.
        names: what a set calls the classes, in their order, where not as they are declared.
        several: whether a picture may show several classes.
    """

    model_config = ConfigDict(extra="forbid")

    prompts: Annotated[list[str], Field(min_length=1)]
    names: dict[str, list[str]] = {}
    several: bool = False


class Labelled(Dataset, Protocol):
    """A dataset that knows what a sample shows: the one, or the other where there are several."""

    def label(self, sample: str) -> int:
        """The class, an index into the declared classes."""
        ...

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


def outputs(task: Task) -> int:
    """A model chooses the width of its embeddings itself."""
    return 0


def schema(task: Task) -> pa.Schema:
    """``sample``; ``targets`` uint8 [classes]; ``similarities`` float64 [sets * classes]."""
    classes, sets = len(task.classes), len(_settings(task).prompts)
    return pa.schema(
        [
            pa.field("sample", pa.string(), nullable=False),
            pa.field("targets", pa.list_(pa.uint8(), classes), nullable=False),
            pa.field("similarities", pa.list_(pa.float64(), sets * classes), nullable=False),
        ]
    )


def load(task: Task, dataset: Labelled, door: Door, samples: Sequence[str]) -> Batch:
    """Images brought to the contract, and which classes they show, uint8 [N, classes]."""
    if _settings(task).several:
        targets = dataset.multilabels(samples)
    else:
        labels = [dataset.label(sample) for sample in samples]
        targets = np.eye(len(task.classes), dtype=np.uint8)[labels]
    return Batch(samples, images(dataset, door, samples), torch.from_numpy(targets))


def observe(task: Task, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
    """Targets, and the cosine of each picture with each class under each set of prompts.

    Raises:
        BenchError: an embedding has another shape or width, is 0, NaN or infinite.
    """
    pictures = embedded(model, "encode_image", batch.inputs, batch.samples, "picture")
    classes = _class_embeddings(task, model)
    if pictures.shape[1] != classes.shape[1]:
        raise BenchError(
            f"the model gives pictures embeddings of {pictures.shape[1]} numbers and classes of "
            f"{classes.shape[1]}, first for {batch.samples[0]}",
            "both must come out of the same model's projections",
        )
    return {
        "targets": batch.targets,
        "similarities": torch.from_numpy(class_scores(pictures, classes)),
    }


def loss(task: Task, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """None.

    Raises:
        RequestError: always; what is trained for the classes isn't zero-shot.
    """
    raise RequestError(
        f"task {task.name} is zero-shot: nothing is trained for it",
        "train for a retrieval task and run the entry here: `bench list --kind retrieval`",
    )


def augment(task: Task, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
    """The batch as it is: nothing is trained."""
    return batch


def measure(task: Task, observations: pa.Table) -> Metrics:
    """Accuracy, or average precision where a picture may show several classes; see `replicate`."""
    ones = np.ones((1, observations.num_rows), np.uint16)
    return {name: values[0] for name, values in replicate(task, observations, [ones]).items()}


def labels(task: Task, observations: pa.Table, average: str) -> Sequence[str]:
    """The classes."""
    return task.classes


def parts(task: Task, observations: pa.Table) -> Mapping[str, pa.Table]:
    """None: a picture is classified as a whole."""
    return {}


def replicate(
    task: Task,
    observations: pa.Table,
    counts: Iterable[NDArray[np.uint16]],
    names: Sequence[str] = (),
) -> Metrics:
    """The metrics of resampled pictures.

    - ``accuracy_micro``: share of pictures whose class scores above every other;
      ``accuracy_classes``: of those of each class; ``accuracy_macro``: their mean over the classes
      there are. With several classes a picture ``ap_macro`` and ``ap_classes``.
    - ``accuracy_SET`` or ``ap_SET``: the first or ``ap_macro`` under each further set of prompts,
      named without what is no letter or digit.
    """
    targets, similarities = _arrays(task, observations)
    sets = [_plain(name) for name in _settings(task).prompts]
    if _settings(task).several:
        blocks = list(counts)
        wanted = ("ap_macro", "ap_classes")
        found = dict(multilabel_replicates(targets, similarities[0], blocks, wanted, threshold=0))
        for name, scores in zip(sets[1:], similarities[1:], strict=True):
            of_set = multilabel_replicates(targets, scores, blocks, ("ap_macro",), threshold=0)
            found[f"ap_{name}"] = of_set["ap_macro"]
    else:
        right = _right(targets, similarities)  # [sets, N]
        rows = np.concatenate([targets * right[0][:, None], targets, right[1:].T], axis=1)
        sums = np.concatenate([weighted_sums(block, rows) for block in counts])
        hits, shown, others = np.split(sums, [targets.shape[1], 2 * targets.shape[1]], axis=1)
        whole = shown.sum(axis=1)
        by_class = np.divide(hits, shown, out=np.full(hits.shape, np.nan), where=shown > 0)
        found = {
            "accuracy_micro": hits.sum(axis=1) / whole,
            "accuracy_macro": np.nanmean(by_class, axis=1),
            "accuracy_classes": by_class,
        }
        for name, of_set in zip(sets[1:], others.T, strict=True):
            found[f"accuracy_{name}"] = of_set / whole
    return {name: values for name, values in found.items() if not names or name in names}


def sample_scores(task: Task, observations: pa.Table) -> NDArray[np.float64]:
    """Whether each picture's class comes first under the first set of prompts, [N].

    Of several classes, the average precision of the picture's own ranking; NaN without any.
    """
    targets, similarities = _arrays(task, observations)
    if not _settings(task).several:
        right: NDArray[np.float64] = _right(targets, similarities[:1])[0].astype(np.float64)
        return right
    order = np.argsort(-similarities[0], axis=1, kind="stable")
    there = np.take_along_axis(targets, order, axis=1).astype(np.float64)
    places = np.arange(1, there.shape[1] + 1)
    found = np.cumsum(there, axis=1) / places * there
    count = there.sum(axis=1)
    scores: NDArray[np.float64] = np.divide(
        found.sum(axis=1), count, out=np.full(len(count), np.nan), where=count > 0
    )
    return scores


def _right(targets: NDArray[np.uint8], similarities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each picture's class comes first under each set of prompts, [sets, N]."""
    own = targets.argmax(axis=1)
    return np.stack([class_ranks(scores, own) == 1 for scores in similarities])


def _arrays(task: Task, observations: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Targets [N, classes] and similarities [sets, N, classes]."""
    targets = matrix(observations, "targets")
    by_set = matrix(observations, "similarities").reshape(len(targets), -1, targets.shape[1])
    return targets, np.ascontiguousarray(by_set.transpose(1, 0, 2))


_classes: WeakKeyDictionary[torch.nn.Module, dict[str, NDArray[np.float32]]] = WeakKeyDictionary()


def _class_embeddings(task: Task, model: torch.nn.Module) -> NDArray[np.float32]:
    """[sets * classes, width]: every class under every set of prompts, made once for a model."""
    known = _classes.setdefault(model, {})
    if task.digest not in known:
        made = []
        for name in _settings(task).prompts:
            called = _settings(task).names.get(name, task.classes)
            filled = [fill(name, of_class) for of_class in called]
            sentences = [sentence for several in filled for sentence in several]
            parts = [
                embedded(model, "encode_text", some, some, "sentence")
                for start in range(0, len(sentences), _SENTENCES_AT_ONCE)
                if (some := sentences[start : start + _SENTENCES_AT_ONCE])
            ]
            vectors = np.concatenate(parts)
            made.append(class_embeddings(vectors.reshape(len(called), -1, vectors.shape[1])))
        known[task.digest] = np.concatenate(made)
    return known[task.digest]


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())


def _settings(task: Task) -> Settings:
    return Settings.model_validate(task.settings)
