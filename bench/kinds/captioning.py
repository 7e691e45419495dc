"""Captioning: a sentence about a picture, or about what changed between two pictures.

Observed per picture: the sentence of the model and those of people. Everything else follows from
them, so that a run can be scored again without its model.

METEOR and SPICE are computed where Java and ``pycocoevalcap`` are, once for a run. Elsewhere they
have no value, and `remarks` says why; nothing takes their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError, RequestError, unknown
from bench.data import Dataset
from bench.kinds.common import returned
from bench.kinds.common.batch import Batch, images, mirrored, mirrors
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.metrics.captions import families
from bench.metrics.captions.families import Texts
from bench.metrics.stats import weighted_sums
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]


MAX_CHARACTERS = 10_000
"""Longest caption that a model may give; a longer one is a fault of the model."""

Family = Literal["bleu", "rouge_l", "cider", "meteor", "spice", "rouge_f"]


class Settings(BaseModel):
    """Settings of a captioning task.

    Attributes:
        metrics: what is reported: ``bleu`` of one to four words, ``rouge_l``, ``cider`` (CIDEr-D),
            ``meteor`` and ``spice`` as the COCO caption evaluation counts them; ``rouge_f``,
            ROUGE-1, ROUGE-2 and ROUGE-L as the ``rouge_score`` package counts them.
    """

    model_config = ConfigDict(extra="forbid")

    metrics: Annotated[list[Family], Field(min_length=1)]


class Captioned(Dataset, Protocol):
    """A dataset that knows what is written about a sample."""

    def captions(self, sample: str) -> list[str]:
        """Its captions."""
        ...


class Captioning(Kind[Captioned, Settings]):
    """A sentence about an image, or about the change between two."""

    Settings = Settings
    probes = "caption"
    interface = (
        "a module with caption(images float32 [N, channels, height, width]) -> list of N strings; "
        "to be trained, with loss(images, captions: a list of strings for each image) -> scalar"
    )
    accepts = ("captioning",)
    batch_size = 32
    drawn = 3
    degradable = True
    sample_score = "CIDEr-D, with the document frequencies of the whole set"

    def outputs(self) -> int:
        """A model owns its vocabulary."""
        return 0

    def schema(self) -> pa.Schema:
        """``sample``, ``hypothesis`` (the model's caption), ``references`` (people's)."""
        columns = {
            "sample": pa.string(),
            "hypothesis": pa.string(),
            "references": pa.list_(pa.string()),
        }
        return pa.schema([pa.field(name, form, nullable=False) for name, form in columns.items()])

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and ``caption``."""
        about = f"one sentence, of at most {MAX_CHARACTERS:,} characters"
        # A character takes at most four bytes.
        return pa.schema([SAMPLE, field("caption", pa.string(), about, longest=4 * MAX_CHARACTERS)])

    def from_predictions(self, dataset: Captioned, table: pa.Table) -> pa.Table:
        """Captions as they are, beside those of people from the dataset.

        Raises:
            BenchError: a caption is longer than `MAX_CHARACTERS`, or nobody described the sample.
        """
        samples, given = (table.column(name).to_pylist() for name in ("sample", "caption"))
        for sample, caption in zip(samples, given, strict=True):
            _check(sample, caption)
        known = {"hypothesis": given, "references": _references(dataset, samples)}
        return beside(self.schema(), table, known)

    def load(self, dataset: Captioned, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, and for each a list of captions.

        Raises:
            BenchError: a sample has no caption.
        """
        captions = _references(dataset, samples)
        return Batch(samples, images(dataset, pipeline, samples), captions)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up picture or pair with a caption."""
        return Batch([SAMPLE_ID], noise(contract, 1), [["a picture"]])

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, list[Any]]:
        """The model's caption and people's.

        Raises:
            BenchError: the model gives another number of captions, or one that isn't text or is
                longer than `MAX_CHARACTERS`.
        """
        given = _ability(model, "caption")(batch.inputs)
        if not isinstance(given, list) or len(given) != len(batch.samples):
            found = f"{len(given)} captions" if isinstance(given, list) else type(given).__name__
            raise BenchError(
                f"expected a list of {len(batch.samples)} captions, the model returned {found}",
                "caption(images) returns a list with one string for each image",
            )
        for sample, caption in zip(batch.samples, given, strict=True):
            _check(sample, caption)
        return {"hypothesis": given, "references": batch.targets}

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """The model's own loss: it owns its tokens and how it is shown the words so far."""
        value = _ability(model, "loss")(batch.inputs, batch.targets)
        return returned.tensor(
            value,
            (),
            batch.samples,
            "a loss",
            "loss(images, captions) is one number",
            training=True,
        )

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Draw one caption for each image; mirror images as the recipe says, both dates alike."""
        import torch

        inputs = batch.inputs
        if recipe.flips:
            inputs = mirrored(inputs, mirrors(len(batch.samples), draw))
        places = torch.rand(len(batch.samples), generator=draw).tolist()
        drawn = [
            [several[int(place * len(several))]]
            for several, place in zip(batch.targets, places, strict=True)
        ]
        return replace(batch, inputs=inputs, targets=drawn)

    def settle(self, observations: pa.Table) -> pa.Table:
        """Observations with the additive counts of each image, a column for a family of metrics.

        CIDEr-D weighs words by the pictures of the whole set, in every slice and resample of it;
        and Java runs once.
        """
        for family in self._families():
            if family not in observations.column_names:
                rows = _rows(observations, family)
                column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
                observations = observations.append_column(family, column)
        return observations

    def measure(self, observations: pa.Table) -> Metrics:
        """The metrics of the task's families; NaN for what could not be computed."""
        return _Scores(self, observations)

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The metrics of resampled images.

        BLEU and METEOR are made of sums over images, all others are means. Document frequencies
        stay.

        Raises:
            RequestError: the task doesn't report one of ``names``.
        """
        known = self.families_of_metrics()
        for name in names:
            if name not in known:
                raise unknown(f"metric of task {self.task.name}", name, known)
        wanted = names or list(known)
        asked = dict.fromkeys(known[name] for name in wanted)
        rows = {family: _rows(observations, family) for family in asked}
        stacked = np.concatenate(list(rows.values()), axis=1)
        there = ~np.isnan(stacked)
        both = np.concatenate([np.where(there, stacked, 0), there], axis=1)
        summed = np.concatenate([weighted_sums(block, both) for block in counts])
        found: dict[str, Floats] = {}
        start, width = 0, stacked.shape[1]
        for family, part in rows.items():
            end = start + part.shape[1]
            values = families.scores(
                family, summed[:, start:end], summed[:, width + start : width + end]
            )
            found |= {
                f"{m}_corpus": v for m, v in zip(families.METRICS[family], values.T, strict=True)
            }
            start = end
        return {name: found[name] for name in wanted}

    def draw(
        self, dataset: Captioned, model: torch.nn.Module, batch: Batch
    ) -> dict[str, NDArray[np.uint8]]:
        """Images above one of people's captions and the model's."""
        from bench.kinds.common import photographs

        given = self.observe(model, batch)["hypothesis"]
        lines = {
            sample: [f"reference: {several[0]}", f"model: {caption}"]
            for sample, several, caption in zip(batch.samples, batch.targets, given, strict=True)
        }
        return photographs.described(self.task, dataset, lines)

    def sample_scores(self, observations: pa.Table) -> Floats:
        """CIDEr-D of each image, [N]."""
        return _rows(observations, "cider")[:, 0]

    def remarks(self, observations: pa.Table) -> list[str]:
        """What could not be computed and why, a line each; nothing where all was."""
        texts = _texts(observations)
        reasons = {family: families.reason(family, texts) for family in self._families()}
        return [f"{family} was {reason}" for family, reason in reasons.items() if reason]

    def families_of_metrics(self) -> dict[str, str]:
        """The family of each metric of the task."""
        return {
            f"{metric}_corpus": family
            for family in self._families()
            for metric in families.METRICS[family]
        }

    def _families(self) -> list[str]:
        return list(dict.fromkeys(self.settings.metrics))


def _references(dataset: Captioned, samples: Sequence[str]) -> list[list[str]]:
    captions = [dataset.captions(sample) for sample in samples]
    for sample, several in zip(samples, captions, strict=True):
        if not several:
            raise BenchError(f"sample {sample} has no caption", "leave it out of --ids")
    return captions


class _Scores(Mapping[str, "NDArray[np.float64]"]):
    """Metrics of a table, each computed when it is asked for: training asks for one."""

    def __init__(self, kind: Captioning, observations: pa.Table) -> None:
        self._kind, self._observations = kind, observations

    def __getitem__(self, name: str) -> Floats:
        ones = np.ones((1, self._observations.num_rows), np.uint16)
        value: Floats = self._kind.replicate(self._observations, [ones], (name,))[name][0]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._kind.families_of_metrics())

    def __len__(self) -> int:
        return len(self._kind.families_of_metrics())


def _rows(observations: pa.Table, family: str) -> Floats:
    """What a family of metrics is made of, [N, columns], from a table that is settled or not."""
    if family in observations.column_names:
        return matrix(observations, family)
    return families.rows(family, _texts(observations))


def _texts(observations: pa.Table) -> Texts:
    candidates = observations.column("hypothesis").to_pylist()
    references = observations.column("references").to_pylist()
    return tuple(candidates), tuple(map(tuple, references))


def _ability(model: torch.nn.Module, name: str) -> Any:
    found = getattr(model, name, None)
    if not callable(found):
        raise RequestError(
            f"{type(model).__name__} has no {name}(): it is no captioner",
            f"a model of this kind is {Captioning.interface}",
        )
    return found


def _check(sample: str, caption: object) -> None:
    """Refuse what is no caption."""
    fault = ""
    if not isinstance(caption, str):
        fault = type(caption).__name__
    elif len(caption) > MAX_CHARACTERS:
        fault = f"one of {len(caption):,} characters, which begins {caption[:40]!r}"
    else:
        try:
            caption.encode()
        except UnicodeEncodeError:
            fault = f"text that UTF-8 can't hold: {caption[:40]!a}"
    if fault:
        raise BenchError(
            f"expected a caption of at most {MAX_CHARACTERS:,} characters for sample {sample}, "
            f"found {fault}",
            "caption(images) returns strings; bound their length in the model",
        )
