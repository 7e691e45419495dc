"""Federated multi-label classification: one global model that clients have learnt together.

Observed per image are the client (country) that its place belongs to, the targets, the logits of
the last round, what every round decides, and what each round cost. The curve over rounds, the
client that fares worst and the cost of training are functions of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from bench.kinds.common.batch import Batch, mirrored, mirrors
from bench.kinds.common.class_logits import (
    ClassLogits,
    Labelled,
    Thresholded,
    logits,
    observed,
)
from bench.kinds.common.kind import Metrics
from bench.kinds.common.predicted import beside
from bench.kinds.common.tables import SAMPLE, field, matrix
from bench.metrics import calibration
from bench.metrics.multilabel import multilabel_metrics, multilabel_replicates, occurring
from bench.metrics.weighted_f1 import f1_scores, worst_f1
from bench.spec.contract import InputContract, InputPipeline
from bench.spec.recipe import Recipe

if TYPE_CHECKING:
    import torch


_AP = ("ap_macro", "ap_micro", "ap_classes")
_F1 = ("f1_weighted", "f1_macro", "f1_micro", "f1_classes")
_WORST, _REACHED = "f1_worst", "rounds_target"
_RATES = (*_F1, _WORST, _REACHED)
_COST = {
    "macs_round": "macs",
    "bytes_down": "bytes_down",
    "bytes_up": "bytes_up",
    "parameters_shared": "parameters",
    "seconds_round": "seconds",
}
"""Constant columns behind the metrics of cost."""


class Settings(Thresholded):
    """Settings of a federated task.

    Attributes:
        target: the primary score whose first round is looked for.
    """

    target: Annotated[float, Field(gt=0, lt=1)]


class Federated(ClassLogits[Settings]):
    """Multi-label classification by a network that clients train together."""

    Settings = Settings
    volatile = ("seconds",)

    def schema(self) -> pa.Schema:
        """Columns of an observation.

        ``decisions`` holds the bits of each round in turn, those of its classes as `numpy.packbits`
        packs them. Costs are means over rounds, 0 where they aren't known; ``seconds`` of
        wall-clock time, ``macs`` and ``bytes_*`` of all clients together, ``parameters`` that one
        of them shares.
        """
        classes = len(self.task.classes)
        return pa.schema(
            [
                pa.field("sample", pa.string(), nullable=False),
                pa.field("client", pa.string(), nullable=False),
                pa.field("targets", pa.list_(pa.uint8(), classes), nullable=False),
                pa.field("logits", pa.list_(pa.float32(), classes), nullable=False),
                pa.field("decisions", pa.list_(pa.uint8()), nullable=False),
                *(pa.field(name, pa.float64(), nullable=False) for name in _COST.values()),
            ]
        )

    def prediction_schema(self) -> pa.Schema:
        """``sample`` and the ``logits`` float32 [classes] of the last round."""
        logits = pa.list_(pa.float32(), len(self.task.classes))
        about = "a logit, not a probability, for each class in the task's order, of the last round"
        return pa.schema([SAMPLE, field("logits", logits, about)])

    def from_predictions(self, dataset: Labelled, table: pa.Table) -> pa.Table:
        """Logits as those of the only round that is known, at costs that nobody told."""
        samples = table.column("sample").to_pylist()
        packed = np.packbits(matrix(table, "logits") >= self.threshold, axis=1)
        known = {
            "client": dataset.attributes(samples)["country"],
            "targets": dataset.multilabels(samples),
            "decisions": list(packed),
            **{name: np.zeros(len(samples)) for name in _COST.values()},
        }
        return beside(self.schema(), table, known)

    def load(self, dataset: Labelled, pipeline: InputPipeline, samples: Sequence[str]) -> Batch:
        """Images; as targets the multi-hot ``labels`` float32 [N, classes] and the ``client``."""
        batch = super().load(dataset, pipeline, samples)
        targets = {"labels": batch.targets, "client": dataset.attributes(samples)["country"]}
        return Batch(samples, batch.inputs, targets)

    def blank(self, contract: InputContract) -> Batch:
        """One made-up image that shows nothing, of one client."""
        plain = super().blank(contract)
        return replace(plain, targets={"labels": plain.targets, "client": ["nobody"]})

    def observe(self, model: torch.nn.Module, batch: Batch) -> Mapping[str, Any]:
        """What the model of each round makes of a batch; a plain model is the only round."""
        import torch

        from bench.kinds.federated.rounds import Rounds

        known = model if isinstance(model, Rounds) else None
        plain = Batch(batch.samples, batch.inputs, batch.targets["labels"])
        found = [
            logits(each, plain).float() for each in (known.rounds if known is not None else [model])
        ]
        decided = (torch.stack(found, dim=1) >= self.threshold).cpu().numpy()
        packed = np.packbits(decided, axis=2).reshape(len(batch.samples), -1)
        return {
            "client": batch.targets["client"],
            "targets": plain.targets.to(torch.uint8),
            "logits": found[-1],
            "decisions": torch.from_numpy(packed),
            **{
                name: torch.full((len(batch.samples),), value, dtype=torch.float64)
                for name, value in _costs(model).items()
            },
        }

    def loss(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Binary cross-entropy with logits, mean over images and classes."""
        plain = Batch(batch.samples, batch.inputs, batch.targets["labels"])
        return super().loss(model, plain)

    def augment(self, recipe: Recipe, batch: Batch, draw: torch.Generator) -> Batch:
        """Mirror images at random; which classes occur doesn't change."""
        if not recipe.flips:
            return batch
        return replace(batch, inputs=mirrored(batch.inputs, mirrors(len(batch.samples), draw)))

    def measure(self, observations: pa.Table) -> Metrics:
        """AP, F1 and calibration of the last round, the worst client, rounds to the target, costs.

        ``f1_weighted`` is the mean of the F1 of classes by how often they occur; ``f1_worst`` that
        of the country with the lowest one; ``rounds_target`` the first round whose ``f1_weighted``
        is at least the task's target, NaN where none is.
        """
        found = multilabel_metrics(*observed(observations), _AP)
        once = np.ones((1, observations.num_rows), np.uint16)
        rates = _rates(self._decided(observations), once, _RATES)
        calibrated = self.with_calibration(observations, [once], calibration.LABELS, _none)
        costs = {
            name: np.asarray(_constant(observations, column)) for name, column in _COST.items()
        }
        own = {name: values[0] for name, values in {**rates, **calibrated}.items()}
        return {**own, **found, **costs}

    def replicate(
        self,
        observations: pa.Table,
        counts: Iterable[NDArray[np.uint16]],
        names: Sequence[str] = (),
    ) -> Metrics:
        """The same of resampled observations; costs are what they are."""
        wanted = names or (*_RATES, *_AP, *calibration.LABELS, *_COST)
        decided = self._decided(observations)
        blocks, sizes = [], []

        def watched() -> Iterator[NDArray[np.uint16]]:
            for block in counts:
                blocks.append(_rates(decided, block, wanted))
                sizes.append(len(block))
                yield block

        def others(blocks: Iterable[NDArray[np.uint16]]) -> Metrics:
            if areas := [name for name in wanted if name in _AP]:
                return multilabel_replicates(*observed(observations), blocks, areas)
            return _none(blocks)

        found = self.with_calibration(observations, watched(), wanted, others)
        rates = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        costs = {
            name: np.full(sum(sizes), _constant(observations, column))
            for name, column in _COST.items()
            if name in wanted
        }
        return {**rates, **found, **costs}

    def parts(self, observations: pa.Table) -> Mapping[str, pa.Table]:
        """Each round, as if it were the last one; none where there is but one."""
        decisions = self._decisions(observations)
        count = decisions.shape[1]
        if count < 2:
            return {}
        width, place = len(str(count)), observations.schema.get_field_index("decisions")
        form = observations.schema.field(place).type
        found = {}
        for number in range(count):
            packed = np.packbits(decisions[:, number], axis=1)
            offsets = np.arange(len(packed) + 1, dtype=np.int32) * packed.shape[1]
            column = pa.ListArray.from_arrays(offsets, pa.array(packed.reshape(-1))).cast(form)
            part = observations.set_column(place, observations.schema.field(place), column)
            found[f"round={number + 1:0{width}d}"] = part
        return found

    def occurrences(self, observations: pa.Table) -> NDArray[np.bool_]:
        """The labels of each image, [N, C]."""
        return matrix(observations, "targets").view(np.bool_)

    def averaged(self, observations: pa.Table) -> Mapping[str, int]:
        """The number of classes that occur."""
        count = occurring(matrix(observations, "targets"))["ap_macro"]
        return dict.fromkeys(("ap_macro", "f1_macro", "f1_weighted"), count)

    def _decided(self, observations: pa.Table) -> _Decided:
        clients = observations.column("client").combine_chunks().dictionary_encode()
        return _Decided(
            matrix(observations, "targets"),
            np.ascontiguousarray(self._decisions(observations).transpose(1, 0, 2)),
            clients.indices.to_numpy().astype(np.intp),
            self.settings.target,
        )

    def _decisions(self, observations: pa.Table) -> NDArray[np.uint8]:
        """What each round decides, 0 or 1, [N, rounds, classes]."""
        classes = len(self.task.classes)
        packed = observations.column("decisions").combine_chunks().flatten()
        bits = packed.to_numpy(zero_copy_only=False).reshape(
            observations.num_rows, -1, -(-classes // 8)
        )
        return np.unpackbits(bits, axis=2, count=classes)


def _none(counts: Iterable[NDArray[np.uint16]]) -> Metrics:
    """No metrics of some blocks, which are gone through."""
    sum(1 for _ in counts)
    return {}


def _costs(model: torch.nn.Module) -> dict[str, float]:
    """What a round of the training of a model cost; 0 where it isn't known."""
    from bench.kinds.federated.rounds import ACCOUNT, Rounds

    costs = dict.fromkeys(_COST.values(), 0.0)
    if isinstance(model, Rounds):
        means = model.account.double().mean(dim=0).tolist()
        costs |= dict(zip(ACCOUNT, means, strict=True))
        costs["parameters"] = sum(tensor.numel() for tensor in model.last.state_dict().values())
    trained = getattr(model, "trained", None)
    if trained is not None and trained.federation is not None:
        costs["seconds"] = trained.seconds / len(trained.federation.rounds)
    return costs


class _Decided(NamedTuple):
    """What the metrics of decisions need.

    Attributes:
        targets: uint8 [N, classes].
        rounds: uint8 [rounds, N, classes], what each round decided.
        clients: [N], an index for the client of each sample.
        target: the score whose first round is looked for.
    """

    targets: NDArray[np.uint8]
    rounds: NDArray[np.uint8]
    clients: NDArray[np.intp]
    target: float


def _rates(
    decided: _Decided, counts: NDArray[np.uint16], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Those of the named metrics that follow from decisions, under each row of counts."""
    found = {}
    last = decided.rounds[-1]
    if set(names) & set(_F1):
        scores = f1_scores(decided.targets, last, counts)
        found = {name: scores[name.removeprefix("f1_")] for name in names if name in _F1}
    if _WORST in names:
        found[_WORST] = worst_f1(decided.targets, last, decided.clients, counts)
    if _REACHED in names:
        curve = [f1_scores(decided.targets, r, counts)["weighted"] for r in decided.rounds]
        reached = np.array(curve) >= decided.target
        first = np.where(reached.any(axis=0), reached.argmax(axis=0) + 1.0, np.nan)
        found[_REACHED] = first
    return found


def _constant(observations: pa.Table, column: str) -> float:
    """The value of a column of costs; NaN where it isn't known."""
    value = float(observations.column(column)[0].as_py())
    return value if value > 0 else np.nan
