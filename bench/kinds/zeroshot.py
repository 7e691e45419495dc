"""Zero-shot classification: pictures by the similarity to sentences that name the classes.

Observed per picture: what it shows, and its similarity to every class under every set of prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError, RequestError
from bench.data import Dataset
from bench.kinds.common import prompted as _prompted
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics, PreparationContext, Prepared
from bench.kinds.common.logits import softmax
from bench.kinds.common.photographic import Photographic, changed, check
from bench.kinds.common.predicted import beside
from bench.kinds.common.prompts import fill
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.kinds.common.towers import class_vectors, embedded, frozen_logits, vectors
from bench.metrics.classification import confusion_matrix, predicted_classes
from bench.metrics.macro import macro
from bench.metrics.multilabel import multilabel_replicates, occurring
from bench.metrics.stats import weighted_sums
from bench.metrics.zeroshot import class_ranks, class_scores
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


class Settings(BaseModel):
    """Settings of a zero-shot task.

    Attributes:
        prompts: sets of `bench.kinds.common.prompts`; the first ranks.
        names: what a set calls the classes, in their order, where not as they are declared.
        several: whether a picture may show several classes.
        tuned: whether pictures of the training split may teach a model what the first set of
            prompts means.
    """

    model_config = ConfigDict(extra="forbid")

    prompts: Annotated[list[str], Field(min_length=1)]
    names: dict[str, list[str]] = {}
    several: bool = False
    tuned: bool = False


class Labelled(Dataset, Protocol):
    """A dataset that knows what a sample shows: the one, or the other where there are several."""

    def label(self, sample: str) -> int:
        """The class, an index into the declared classes."""
        ...

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


class Zeroshot(Kind[Labelled, Settings]):
    """Classes of an image from sentences that name them, without training on the classes."""

    Settings = Settings
    Options = Photographic
    interface = (
        "a module with encode_image(images float32 [N, channels, size, size]) -> [N, width] and "
        "encode_text(list of n strings) -> [n, width]"
    )
    example = "open_clip:ViT-B-32/openai"
    accepts = ("retrieval", "zeroshot")
    batch_size = 64
    drawn = 3
    degradable = True
    sample_score = (
        "1 where the class of the picture comes first, else 0; average precision of several"
    )

    def outputs(self) -> int:
        """A model chooses the width of its embeddings itself."""
        return 0

    def schema(self) -> pa.Schema:
        """``sample``; ``targets`` uint8 [classes]; ``similarities`` float64 [sets * classes].

        Similarities are null under a set of prompts that whoever predicted elsewhere didn't give.
        """
        classes, sets = len(self.task.classes), len(self.settings.prompts)
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("targets", pa.list_(pa.uint8(), classes), nullable=False),
                pa.field("similarities", pa.list_(pa.float64(), sets * classes), nullable=False),
            ]
        )

    def prediction_schema(self) -> pa.Schema:
        """``sample``, ``similarities`` float64 [sets * classes], or [classes] of the first set."""
        sets, classes = self.settings.prompts, len(self.task.classes)
        about = (
            f"the similarity to each of {classes} classes in the task's order, of any scale, but "
            f"no softmax over classes: under prompts {sets[0]}, which rank"
        )
        if sets[1:]:
            about += f"; or {len(sets) * classes}, under each set in turn: {', '.join(sets)}"
        longest = len(sets) * classes
        return pa.schema(
            [SAMPLE, field("similarities", pa.list_(pa.float64()), about, longest=longest)]
        )

    def embedding_schema(self) -> pa.Schema:
        """As `bench.kinds.common.prompted.schema`."""
        return _prompted.schema()

    def sentences(self) -> _prompted.Sentences:
        """The sentences of each class by set of prompts, the one that ranks first."""
        sets = self.settings.prompts
        return {name: tuple(fill(name, called) for called in self._called(name)) for name in sets}

    def from_embeddings(self, prompts: pa.Table, table: pa.Table) -> pa.Table:
        """The cosines of pictures with classes, as `observe` computes them; NaN of sets not given.

        Raises:
            BenchError: sentences are missing, or an embedding has another width or is 0.
        """
        return _prompted.similarities(self.sentences(), prompts, table)

    def from_predictions(self, dataset: Labelled, table: pa.Table) -> pa.Table:
        """Similarities as given, beside targets from the dataset; null of sets that aren't given.

        Sets whose similarities are all those of the first aren't either: that is one set, repeated
        to fill the columns.

        Raises:
            BenchError: a sample has similarities for neither the first nor all sets of prompts.
        """
        samples, classes = table.column("sample").to_pylist(), len(self.task.classes)
        sets = self.settings.prompts
        given = table.column("similarities").combine_chunks()
        counts = given.value_lengths().to_numpy()
        wrong = (counts != classes) & (counts != classes * len(sets))
        if wrong.any():
            row = int(wrong.argmax())
            raise BenchError(
                f"expected {classes} similarities, or {classes * len(sets)} of {len(sets)} sets of "
                f"prompts, sample {samples[row]} has {counts[row]}",
                f"one for each class, under prompts {sets[0]} or under {', '.join(sets)} in turn",
            )
        values = np.full((len(samples), len(sets) * classes), np.nan)
        values[np.arange(len(sets) * classes) < counts[:, None]] = given.flatten().to_numpy()
        by_set = values.reshape(len(samples), len(sets), classes)
        by_set[:, 1:][:, (by_set[:, 1:] == by_set[:, :1]).all(axis=(0, 2))] = np.nan
        flat = pa.array(values.ravel(), from_pandas=True)
        similarities = pa.FixedSizeListArray.from_arrays(flat, len(sets) * classes)
        known = {"targets": self._targets(dataset, samples)}
        return beside(self.schema(), table.set_column(1, "similarities", similarities), known)

    def load(self, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and which classes they show, uint8 [N, classes]."""
        import torch

        targets = self._targets(dataset, samples)
        return Batch(samples, images(dataset, pipeline, samples), torch.from_numpy(targets))

    def blank(self, contract: InputContract) -> Batch:
        """One made-up picture of the first class."""
        import torch

        targets = torch.zeros(1, len(self.task.classes), dtype=torch.uint8)
        targets[0, 0] = 1
        return Batch([SAMPLE_ID], noise(contract, 1), targets)

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Targets, and the cosine of each picture with each class under each set of prompts.

        Raises:
            BenchError: an embedding has another shape or width, is 0, NaN or infinite.
        """
        import torch

        pictures = embedded(model, "encode_image", batch.inputs, batch.samples, "picture")
        classes = self._class_embeddings(model)
        if pictures.shape[1] != classes.shape[1]:
            raise BenchError(
                f"the model gives pictures embeddings of {pictures.shape[1]} numbers and classes "
                f"of {classes.shape[1]}, first for {batch.samples[0]}",
                "both must come out of the same model's projections",
            )
        return {
            "targets": batch.targets,
            "similarities": torch.from_numpy(class_scores(pictures, classes)),
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Cross-entropy of the frozen classifier of the first prompts; of each class if several.

        Raises:
            RequestError: the task is about what a model knows already.
        """
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        if not self.settings.tuned:
            raise RequestError(
                f"task {self.task.name} is zero-shot: nothing is trained for it",
                "train for a retrieval task and run the entry here: `bench list --kind retrieval`",
            )
        prompts = self.settings.prompts[0]
        head = class_vectors(model, prompts, self._called(prompts))
        found = vectors(model, "encode_image", batch.inputs, batch.samples, "picture")
        logits = frozen_logits(model, found, head)
        if self.settings.several:
            return binary_cross_entropy_with_logits(logits, batch.targets.to(logits.dtype))
        return cross_entropy(logits, batch.targets.argmax(dim=1))

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror pictures and change their colours as the recipe says."""
        masks = mirrors(len(batch.samples), draw) if recipe.flips else None
        inputs = batch.inputs if masks is None else mirrored(batch.inputs, masks)
        options = Photographic.model_validate(recipe.options)
        return replace(batch, inputs=changed(options, self.task, inputs, draw))

    def prepare(
        self,
        recipe: Recipe,
        dataset: Labelled,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Check that pictures can be changed as the recipe says."""
        check(Photographic.model_validate(recipe.options), self.task, pipeline.contract)
        return super().prepare(recipe, dataset, pipeline, samples, context)

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The metrics of resampled pictures.

        - ``accuracy_micro``: share of pictures whose class scores above every other;
          ``accuracy_classes``: of those of each class; ``accuracy_macro``: their mean over the
          classes that occur. With several classes a picture ``ap_macro`` and ``ap_classes``.
        - ``accuracy_SET`` or ``ap_SET``: the first or ``ap_macro`` under each further set of
          prompts, named without what is no letter or digit; of those that were given.
        """
        targets, similarities = _arrays(observations)
        given = ~np.isnan(similarities).any(axis=(1, 2))
        names_of_sets = np.array(self.settings.prompts)[given]
        sets, similarities = [_plain(name) for name in names_of_sets], similarities[given]
        if self.settings.several:
            blocks = list(counts)
            wanted = ("ap_macro", "ap_classes")
            found = dict(
                multilabel_replicates(targets, similarities[0], blocks, wanted, threshold=0)
            )
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
                "accuracy_macro": macro(by_class),
                "accuracy_classes": by_class,
            }
            for name, of_set in zip(sets[1:], others.T, strict=True):
                found[f"accuracy_{name}"] = of_set / whole
        return {name: values for name, values in found.items() if not names or name in names}

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_]:
        """The labels of each image, [N, C]."""
        return matrix(observations, "targets").view(np.bool_)

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that pictures show."""
        count = occurring(matrix(observations, "targets"))["ap_macro"]
        if not self.settings.several:
            return {"accuracy_macro": count}
        names = ["ap_macro", *(f"ap_{_plain(name)}" for name in self.settings.prompts[1:])]
        return dict.fromkeys(names, count)

    def confusion(self, observations: pa.Table) -> NDArray[np.int64] | None:
        """Images under the prompts that rank; None where they show several classes."""
        if self.settings.several:
            return None
        targets, similarities = _arrays(observations)
        own = targets.argmax(axis=1)
        predicted = predicted_classes(own, similarities[0])
        return confusion_matrix(own, predicted, targets.shape[1])

    def check_scale(self, observations: pa.Table) -> None:
        """Refuse a softmax over classes where images are ranked, and sets that some images lack.

        A picture's own ranking of classes is the same before and after a softmax, but average
        precision ranks pictures by one class.

        Raises:
            BenchError: as above.
        """
        _, similarities = _arrays(observations)
        for name, scores in zip(self.settings.prompts, similarities, strict=True):
            lacking = np.isnan(scores).any(axis=1)
            if lacking.any() and not lacking.all():
                sample = observations.column("sample")[int(lacking.argmax())]
                raise BenchError(
                    f"similarities under prompts {name} are given for some samples, but not for "
                    f"{sample}",
                    "give the same sets of prompts for every sample",
                )
            if self.settings.several and (kind := softmax(scores)):
                raise BenchError(
                    f"expected similarities, found {kind} under prompts {name}",
                    "hand in what it was computed from: average precision compares pictures, and a "
                    "softmax the classes of one picture",
                )

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Whether each picture's class comes first under the first set of prompts, [N].

        Of several classes, the average precision of the picture's own ranking; NaN without any.
        """
        targets, similarities = _arrays(observations)
        if not self.settings.several:
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

    def draw(
        self, dataset: Labelled, model: torch.nn.Module, batch: Batch
    ) -> dict[str, NDArray[np.uint8]]:
        """Pictures above what they show and the class that the first prompts find."""
        from bench.kinds.common import photographs

        classes = self.task.classes
        similar = self.observe(model, batch)["similarities"][:, : len(classes)].argmax(1).tolist()
        lines = {}
        for sample, guess, shown in zip(batch.samples, similar, batch.targets, strict=True):
            there = [name for name, occurs in zip(classes, shown.tolist(), strict=True) if occurs]
            lines[sample] = [f"reference: {', '.join(there)}", f"first: {classes[guess]}"]
        return photographs.described(self.task, dataset, lines)

    def _targets(self, dataset: Labelled, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Which classes samples show, [N, classes]."""
        if self.settings.several:
            return dataset.multilabels(samples)
        shown: NDArray[np.uint8] = np.eye(len(self.task.classes), dtype=np.uint8)[
            [dataset.label(sample) for sample in samples]
        ]
        return shown

    def _class_embeddings(self, model: torch.nn.Module) -> NDArray[np.float32]:
        """[sets * classes, width]: every class under every set of prompts."""
        sets = self.settings.prompts
        return np.concatenate([class_vectors(model, name, self._called(name)) for name in sets])

    def _called(self, prompts: str) -> tuple[str, ...]:
        """What a set of prompts calls the classes."""
        return tuple(self.settings.names.get(prompts, self.task.classes))


def _right(targets: NDArray[np.uint8], similarities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each picture's class comes first under each set of prompts, [sets, N]."""
    return np.stack([class_ranks(scores, targets.argmax(axis=1)) == 1 for scores in similarities])


def _arrays(observations: pa.Table) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Targets [N, classes] and similarities [sets, N, classes]."""
    targets = matrix(observations, "targets")
    by_set = matrix(observations, "similarities").reshape(len(targets), -1, targets.shape[1])
    return targets, np.ascontiguousarray(by_set.transpose(1, 0, 2))


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())
