"""Retrieval: pictures, or pairs of pictures of two dates, by sentences and sentences by pictures.

Or composites by the measured bands of the same place, and bands by composites: then the bands stand
where a caption does.

Observed per picture: its embedding, those of its captions, and the captions, of which many are the
same. Everything else follows from them.

The gallery is every picture (or every caption) of the split. It isn't resampled and no slice makes
it smaller: intervals say how much scores depend on which pictures are asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.base.errors import BenchError
from bench.data import Dataset
from bench.kinds.common import composites, contrast, photographic
from bench.kinds.common import embedded as _embedded
from bench.kinds.common.batch import Batch, images
from bench.kinds.common.blank import SAMPLE_ID, noise
from bench.kinds.common.kind import Kind, Metrics, PreparationContext, Prepared
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import matrix
from bench.kinds.common.towers import embedded
from bench.metrics.captions.retrieved import word_scores, word_statistics
from bench.metrics.embeddings import Indices
from bench.metrics.nearest import top_k
from bench.metrics.recalls import (
    PROTOCOLS,
    hits,
    medians,
    recall_metrics,
    recall_rows,
    recalls,
    shares,
)
from bench.metrics.retrieval import query_ranks
from bench.metrics.stats import weighted_sums
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


_HASH = 16


class Settings(BaseModel):
    """Settings of a retrieval task.

    Attributes:
        changes: pictures come as pairs of two dates. Queries are those of the pairs that show a
            change, the gallery is every pair; and the words of what is found first are scored.
        composites: nothing is said of pictures. The query is their composite, the first three
            bands, the gallery all others, and the other way round.
        also: further K of recall at K, beside 1, 5 and 10; no mean is over them.
    """

    model_config = ConfigDict(extra="forbid")

    changes: bool = False
    composites: bool = False
    also: Annotated[tuple[Annotated[int, Field(ge=2, le=1000)], ...], Field(max_length=10)] = ()


class Captioned(Dataset, Protocol):
    """A dataset that knows what is written about a sample; or, for composites, what it shows."""

    def captions(self, sample: str) -> list[str]:
        """Its captions, one at least."""
        ...

    def multilabels(self, samples: Sequence[str]) -> NDArray[np.uint8]:
        """Whether each class occurs, 0 or 1, [N, classes]."""
        ...


class Retrieval(Kind[Captioned, Settings]):
    """Images by sentences and sentences by images, or composites by bands of the same place."""

    Settings = Settings
    Options = contrast.Options
    interface = (
        "a module with encode_image(images float32 [N, channels, size, size]) -> [N, width] and "
        "encode_text(list of n strings) -> [n, width]; to be trained, with logit_scale, the "
        "logarithm of 1 / temperature. Where composites are asked for, encode_image embeds the "
        "bands behind the first three, and encode_composite(images) -> [N, width] those three"
    )
    example = "open_clip:ViT-B-32/openai"
    accepts = ("retrieval",)
    batch_size = 64
    drawn = 3
    degradable = True
    sample_score = "mean of the six recalls of its own queries"

    def outputs(self) -> int:
        """A model chooses the width of its embeddings itself."""
        return 0

    def schema(self) -> pa.Schema:
        """One row per picture or pair.

        ``image`` [width]; ``texts`` [captions * width]; ``captions``, which are the words where the
        task scores words, else 16 digits of their SHA-256; there also ``changed``.
        """
        columns = {
            "sample": pa.string(),
            "image": pa.list_(pa.float32()),
            "texts": pa.list_(pa.float32()),
            "captions": pa.list_(pa.string()),
        }
        if self.settings.changes:
            columns["changed"] = pa.bool_()
        return pa.schema([pa.field(name, form, nullable=False) for name, form in columns.items()])

    def prediction_schema(self) -> pa.Schema:
        """``sample``, ``image`` float32 [width] and ``texts`` float32 [captions * width]."""
        return _embedded.prediction_schema(of_composites=self.settings.composites)

    def from_predictions(self, dataset: Captioned, table: pa.Table) -> pa.Table:
        """Embeddings as they are, beside captions from the dataset.

        Raises:
            BenchError: a picture doesn't have one embedding for each caption, all of one width, or
                one of them is 0; or it isn't known whether a pair shows a change.
        """
        samples = table.column("sample").to_pylist()
        texts = [[s] if self.settings.composites else dataset.captions(s) for s in samples]
        _embedded.check(table, list(map(len, texts)))
        words = texts if self.settings.changes else [list(map(_digest, own)) for own in texts]
        known = {"captions": words, "changed": self._changed(dataset, samples)}
        return beside(self.schema(), table, known)

    def load(self, dataset: Captioned, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images brought to the contract, their captions, and whether they show a change.

        Of composites `bench.kinds.common.composites.load`.

        Raises:
            RequestError: composites are asked for, and the contract has none.
            BenchError: it isn't known whether a pair shows a change.
        """
        import torch

        if self.settings.composites:
            return composites.load(self.task, dataset, pipeline, samples)
        changed = torch.tensor(self._changed(dataset, samples))
        texts = [dataset.captions(sample) for sample in samples]
        pixels = images(dataset, pipeline, samples)
        return Batch(samples, {"images": pixels, "texts": texts}, changed)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up picture or pair with a caption; of composites one that shows nothing."""
        import torch

        images = noise(contract, 1)
        if self.settings.composites:
            return Batch([SAMPLE_ID], {"images": images}, torch.zeros(1, len(self.task.classes)))
        return Batch(
            [SAMPLE_ID],
            {"images": images, "texts": [["a picture"]]},
            torch.ones(1, dtype=torch.bool),
        )

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, Any]:
        """The embeddings of pictures and captions.

        Raises:
            BenchError: an embedding has another shape or width, is 0, NaN or infinite.
        """
        if self.settings.composites:
            names = [[_digest(sample)] for sample in batch.samples]
            return composites.observed(model, batch) | {"captions": names}
        several = batch.inputs["texts"]
        # People repeat each other: a sentence is embedded once.
        first = {
            text: sample for own, sample in zip(several, batch.samples, strict=True) for text in own
        }
        pictures = embedded(model, "encode_image", batch.inputs["images"], batch.samples, "picture")
        sentences = embedded(
            model, "encode_text", list(first), list(first.values()), "a caption of"
        )
        if pictures.shape[1] != sentences.shape[1]:
            raise BenchError(
                f"the model gives pictures embeddings of {pictures.shape[1]} numbers and captions "
                f"of {sentences.shape[1]}, first for {batch.samples[0]}",
                "both must come out of the same model's projections",
            )
        place = {text: index for index, text in enumerate(first)}
        found: dict[str, Any] = {
            "image": list(pictures),
            "texts": [sentences[[place[text] for text in own]].ravel() for own in several],
            "captions": several
            if self.settings.changes
            else [list(map(_digest, own)) for own in several],
        }
        if self.settings.changes:
            found["changed"] = batch.targets
        return found

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """That of `bench.kinds.common.contrast`; of composites `bench.kinds.common.composites`."""
        if self.settings.composites:
            return composites.loss(self.task, model, batch)
        return contrast.loss(model, batch)

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Draw a caption for each picture; change pictures as the recipe says, both dates alike."""
        return contrast.augmented(self.task, recipe, batch, draw)

    def prepare(
        self,
        recipe: Recipe,
        dataset: Captioned,
        pipeline: InputPipeline,
        samples: Sequence[str],
        context: PreparationContext,
    ) -> Prepared:
        """Check that pictures can be changed as the recipe says."""
        photographic.check(
            contrast.Options.model_validate(recipe.options), self.task, pipeline.contract
        )
        return super().prepare(recipe, dataset, pipeline, samples, context)

    def settle(self, observations: pa.Table) -> pa.Table:
        """The ranks of each picture's queries among all there are; `measure` works from them.

        Equal captions have the embedding of the first of them, so that they tie whatever batches
        they were in.

        Returns:
            One row per picture: ``asked``, whether its queries count; for three ways of ranking (as
            published with ties against the model, the same with ties for it, every distinct caption
            once) ``i2t`` [3] and ``t2i`` [captions * 3]; ``share`` [captions], one over how many
            asked captions are the same; where words are scored ``words`` [24], counts for both
            directions.
        """
        if "share" in observations.column_names:
            return observations
        pictures, texts, captions, owner = _embedded.unpacked(observations)
        count = len(pictures)
        number = captions.dictionary_encode().indices.to_numpy().astype(np.int64)
        asked = np.ones(count, np.bool_)
        if self.settings.changes:
            asked = observations.column("changed").to_numpy()
        i2t, t2i = query_ranks(pictures, texts, number, owner)
        share = shares(number, owner, asked)
        ends = np.append(0, np.cumsum(np.bincount(owner, minlength=count))).astype(np.int32)
        columns = {
            "sample": observations.column("sample"),
            "asked": pa.array(asked),
            "i2t": pa.FixedSizeListArray.from_arrays(pa.array(i2t.ravel()), 3),
            "t2i": pa.ListArray.from_arrays(3 * ends, pa.array(t2i.ravel())),
            "share": pa.ListArray.from_arrays(ends, pa.array(share)),
        }
        if self.settings.changes:
            # As for the ranks, equal captions have the embedding of the first of them.
            texts = texts[np.unique(number, return_index=True)[1]][number]
            found = top_k(texts, pictures, 1)[0][:, 0], top_k(pictures, texts, 1)[0][:, 0]
            words = word_statistics(captions.to_pylist(), owner, *found)
            columns["words"] = pa.FixedSizeListArray.from_arrays(
                pa.array(words.ravel()), words[0].size
            )
        return pa.table(columns)

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """Recall at 1, 5, 10 and further K and the median rank, either direction; see `_metrics`.

        Pictures are resampled, each with its queries; ranks in the gallery stay.
        """
        settled = self.settle(observations)
        i2t, t2i, share, owner, asked = _ranks(settled)
        count = len(asked)
        words = matrix(settled, "words") if self.settings.changes else np.empty((count, 0))
        recalled = recall_rows(i2t, t2i, share, owner, asked)
        ones, further = asked.astype(np.float64), self.settings.also
        others = [
            hits(i2t[:, 0], np.arange(count), ones, count, further),
            hits(t2i[:, 0], owner, ones[owner], count, further),
        ]
        rows = np.concatenate([recalled, *others, words, words * asked[:, None]], axis=1)
        middle = [f"median_rank_{way}" for way in self._directions]
        wants_medians = not names or not set(names).isdisjoint(middle)
        kept = asked[owner]
        queries = ((i2t[asked, 0], np.flatnonzero(asked)), (t2i[kept, 0], owner[kept]))
        sums, middles = [], []
        for block in counts:
            sums.append(weighted_sums(block, rows))
            if wants_medians:
                middles.append([medians(ranks, owners, block) for ranks, owners in queries])
        tied = bool((i2t[:, 0] != i2t[:, 1]).any() or (t2i[:, 0] != t2i[:, 1]).any())
        found = self._metrics(np.concatenate(sums), tied)
        if wants_medians:
            found |= dict(zip(middle, np.concatenate(middles, axis=1), strict=True))
        return {name: values for name, values in found.items() if not names or name in names}

    def draw(
        self, dataset: Captioned, model: torch.nn.Module, batch: Batch
    ) -> dict[str, NDArray[np.uint8]]:
        """Images above one of the captions that are to be found, where there are captions."""
        from bench.kinds.common.photographs import described

        if self.settings.composites:
            return described(self.task, dataset, dict.fromkeys(batch.samples, ()))
        return described(self.task, dataset, {s: dataset.captions(s)[:1] for s in batch.samples})

    def sample_scores(self, observations: pa.Table) -> NDArray[np.float64]:
        """Recall at 1, 5 and 10 of each picture's own queries, mean of both directions, [N].

        NaN for pairs that aren't asked about.
        """
        i2t, t2i, _, owner, asked = _ranks(self.settle(observations))
        count, everyone = len(asked), np.arange(len(asked))
        ways = [
            hits(i2t[:, 0], everyone, asked.astype(np.float64), count),
            hits(t2i[:, 0], owner, asked[owner].astype(np.float64), count),
        ]
        mean: NDArray[np.float64] = np.concatenate(list(map(recalls, ways)), axis=1).mean(axis=1)
        return mean

    def _changed(self, dataset: Captioned, samples: Sequence[str]) -> list[bool]:
        """Whether each pair shows a change; true where the task doesn't ask."""
        if not self.settings.changes:
            return [True] * len(samples)
        stated = dataset.attributes(samples)["changed"]
        if "unknown" in stated:
            raise BenchError(
                f"pair {samples[stated.index('unknown')]} isn't flagged as changed or unchanged",
                "the task asks about changed pairs: use the published file of annotations",
            )
        return [flag == "yes" for flag in stated]

    def _metrics(self, sums: NDArray[np.float64], tied: bool) -> dict[str, NDArray[np.float64]]:
        """From sums over pictures [B, 24 and more] to metrics [B].

        - ``recall_at_K_i2t`` and the like: `bench.metrics.recalls.recall_metrics`, and those of
          further K that the task asks for; ``optimistic`` where that differs. Of composites, which
          are all distinct, there is no ``distinct``, and the directions are ``rgb2ms`` and
          ``ms2rgb``.
        - ``bleu1_retrieved``, ``bleu4_retrieved``, ``rouge_l_retrieved``: of the words of what is
          found first, mean of both directions; ``..._retrievedchanged`` for the queries of changed
          pairs.
        """
        left_out = {"distinct"} if self.settings.composites else set()
        if not tied:
            left_out.add("optimistic")
        protocols = [name for name in PROTOCOLS if name not in left_out]
        found = recall_metrics(sums[:, :24], self._directions, protocols)
        further = self.settings.also
        own, words = np.split(sums[:, 24:], [2 * len(further) + 2], axis=1)
        for way, part in zip(self._directions, np.split(own, 2, axis=1), strict=True):
            for k, values in zip(further, recalls(part).T, strict=True):
                found[f"recall_at_{k}_{way}"] = values
        if words.shape[1]:
            for part, average in zip(np.split(words, 2, axis=1), ("", "changed"), strict=True):
                for name, values in word_scores(part).items():
                    found[f"{name}_retrieved{average}"] = values
        return found

    @property
    def _directions(self) -> tuple[str, str]:
        return ("rgb2ms", "ms2rgb") if self.settings.composites else ("i2t", "t2i")


def _ranks(
    settled: pa.Table,
) -> tuple[Indices, Indices, NDArray[np.float64], Indices, NDArray[np.bool_]]:
    """Ranks [N, 3] and [T, 3], shares [T], owners [T] and who is asked about [N]."""
    share = settled.column("share").combine_chunks()
    owner = np.repeat(np.arange(len(share)), share.value_lengths().to_numpy())
    t2i = settled.column("t2i").combine_chunks().flatten().to_numpy().reshape(-1, 3)
    asked = settled.column("asked").to_numpy()
    return matrix(settled, "i2t"), t2i, share.flatten().to_numpy(), owner, asked


def _digest(caption: str) -> str:
    return sha256(caption.encode()).hexdigest()[:_HASH]
